//! What a process made of this crate does with its environment, signals and closed pipes, seen from
//! outside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking, in its helpers too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_program-under-test"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    program(arguments).envs(variables.iter().copied()).output().unwrap()
}

fn stdout(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(arguments, variables);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_flag_in_the_environment_takes_the_usual_words() {
    for on in ["1", "true", "YES", "on"] {
        assert!(stdout(&[], &[("UNDER_TEST_READ_ONLY", on)]).contains("read_only=true"), "{on}");
    }
    for off in ["0", "false", "no", "Off", ""] {
        assert!(stdout(&[], &[("UNDER_TEST_READ_ONLY", off)]).contains("read_only=false"), "{off}");
    }
    let wrong = run(&[], &[("UNDER_TEST_READ_ONLY", "perhaps")]);
    assert_eq!(wrong.status.code(), Some(2));
    let typed = stdout(&["--read-only"], &[("UNDER_TEST_READ_ONLY", "0")]);
    assert!(typed.contains("read_only=true"), "what is typed wins");
}

#[test]
fn counted_and_repeatable_options_take_a_variable() {
    let variables = [("UNDER_TEST_VERBOSE", "2"), ("UNDER_TEST_PEER", "a,b"), ("UNDER_TEST_KINDS", "x,y")];
    let text = stdout(&[], &variables);
    assert!(text.contains("verbose=2"), "{text}");
    assert!(text.contains("peer=[\"a,b\"] kinds=[\"x\", \"y\"]"), "{text}");
    let typed = stdout(&["-v", "-p", "c", "-p", "d"], &variables);
    assert!(typed.contains("verbose=1") && typed.contains("peer=[\"c\", \"d\"]"), "{typed}");
}

#[test]
fn durations_and_sizes_come_from_options_and_variables_alike() {
    let text = stdout(&["--drain-timeout", "250ms"], &[("UNDER_TEST_MAX_FILE_SIZE", "64KiB")]);
    assert!(text.contains("drain_timeout=250ms max_file_size=Some(65536)"), "{text}");
    let empty = stdout(&[], &[("UNDER_TEST_MAX_FILE_SIZE", "")]);
    assert!(empty.contains("drain_timeout=30s max_file_size=None"), "an empty variable is none: {empty}");
    let wrong = run(&["--drain-timeout", "30"], &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("such as 250ms, 30s or 5m"), "{wrong:?}");
}

#[test]
fn help_names_the_variables_but_never_their_values() {
    let text = stdout(&["--help"], &[("UNDER_TEST_PEER", "secret")]);
    assert!(text.contains("[env: UNDER_TEST_PEER]") && !text.contains("secret"), "{text}");
    for absent in ["UNDER_TEST_HELP", "UNDER_TEST_VERSION", "UNDER_TEST_GENERATE"] {
        assert!(!text.contains(absent), "{text}");
    }
}

#[test]
fn help_version_and_completions_do_not_mind_a_closed_output() {
    for (argument, code) in [("--help", 0), ("--version", 0), ("--generate=man", 1)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(&[argument]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(code), &b""[..]), "{argument}");
    }
    assert!(stdout(&["--generate", "completions-bash"], &[]).contains("program-under-test"));
}

#[test]
fn endless_output_ends_quietly_when_its_reader_has_read_enough() {
    let mut child =
        program(&["endless-lines"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((first.as_str(), output.status.code()), ("a line\n", Some(0)));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_first_signal_of_any_kind_drains_and_the_second_forces() {
    for first in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut child = program(&["wait-for-stop"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("listening on 127.0.0.1:10000"));
        signal(&child, first);
        assert_eq!(lines.next().as_deref(), Some("Drain"));
        signal(&child, Signal::TERM);
        assert_eq!(lines.next().as_deref(), Some("Force"));
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }
}

#[test]
fn the_console_reads_standard_input_and_stops_with_the_program() {
    let mut command = program(&["echo-console"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"STATUS\nQUIT\n").unwrap();
    // The input stays open: only the shutdown event can end the thread.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "Ok(\"STATUS\")\n");
    assert_eq!(stdout(&["echo-console"], &[]), "End\n", "the end of the input ends the console");
}

fn log_of(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    String::from_utf8(run(arguments, variables).stderr).unwrap()
}

#[test]
fn options_choose_the_log_before_the_environment_does() {
    let levels =
        |arguments: &[&str], rust_log: &str| log_of(arguments, &[("RUST_LOG", rust_log)]).lines().count();
    assert_eq!(levels(&["log"], ""), 2);
    assert_eq!(levels(&["log"], "debug"), 4);
    assert_eq!(levels(&["log"], "off"), 0);
    assert_eq!(levels(&["log", "-v"], "off"), 3);
    assert_eq!(levels(&["log", "-q"], "debug"), 1);
}

#[test]
fn a_log_message_is_always_one_line_with_time_and_level() {
    let text = log_of(&["log", "-q"], &[]);
    let (time, rest) = text.split_once(' ').unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{text}");
    assert_eq!(rest, "ERROR an error\\nof two lines\n");
    let json = log_of(&["log", "-q", "--log-format", "json"], &[]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["message"], "an error\\nof two lines");
    assert_eq!((&value["level"], &value["program"]), (&"error".into(), &"program-under-test".into()));
    assert!(value["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_log_that_nobody_reads_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(program(&["log", "-vv"]).stderr(writer).status().unwrap().code(), Some(0));
}

#[test]
fn the_state_folder_is_found_through_the_environment() {
    let scratch = tempfile::tempdir().unwrap();
    let text = scratch.path().to_str().unwrap();
    let expected = format!("{text}/program-under-test\n");
    assert_eq!(stdout(&["lock"], &[("XDG_STATE_HOME", text)]), expected);
    assert_eq!(stdout(&["lock"], &[("UNDER_TEST_STATE_DIR", text)]), format!("{text}\n"));
    let nowhere = program(&["lock"]).env_remove("HOME").env_remove("XDG_STATE_HOME").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("--state-dir"), "{nowhere:?}");
}
