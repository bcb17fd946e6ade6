//! Several commands: in order, until the first that fails, from options, files and standard input.

use std::fs;

use integration_tests::{client, server};
use serde_json::Value;

fn commands_of(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["command"].as_str().unwrap()).collect()
}

#[test]
fn commands_run_in_order_and_stop_at_the_first_that_fails() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address());
    let outcome = client.run_json(&["MKDIR a", "MKDIR a/b", "READ missing", "MKDIR c"]).expect_code(1);
    assert_eq!(commands_of(&outcome.lines()), ["mkdir", "mkdir", "read"]);
    assert!(!server.scratch().share().join("c").exists());
}

#[test]
fn with_keep_going_the_rest_runs_too_and_the_first_failures_code_stays() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address()).options(&["--keep-going"]);
    let outcome = client.run_json(&["READ missing", "DANCE", "MKDIR c"]).expect_code(1);
    assert_eq!(outcome.lines().len(), 3);
    assert!(server.scratch().share().join("c").exists());
    client.run_json(&["DANCE", "READ missing"]).expect_code(2);
}

#[test]
fn a_script_has_one_command_a_line_and_comments() {
    let server = server!().file("#1.mp3", b"music").start();
    let script = server.scratch().home().join("script");
    fs::write(&script, "# a comment\nMKDIR a\n\nREAD #1.mp3\r\nMKDIR,b c\n").unwrap();
    let client = client!(server.scratch(), server.address()).options(&["--script", script.to_str().unwrap()]);
    let outcome = client.run_json(&[]).expect_done();
    assert_eq!(commands_of(&outcome.lines()), ["mkdir", "read", "mkdir"]);
    assert_eq!(server.scratch().local_file("#1.mp3"), b"music");
    assert!(server.scratch().share().join("b c").is_dir());
}

#[test]
fn a_script_stops_at_the_first_that_fails_and_one_that_is_missing_is_a_failure() {
    let server = server!().start();
    let script = server.scratch().home().join("script");
    fs::write(&script, "READ missing\nMKDIR a\n").unwrap();
    let client = client!(server.scratch(), server.address());
    client.clone().options(&["--script", script.to_str().unwrap()]).run_json(&[]).expect_code(1);
    assert!(!server.scratch().share().join("a").exists());
    assert_ne!(client.options(&["--script", "/no/such/script"]).run(&[]).code, 0);
}

#[test]
fn commands_come_from_standard_input_where_there_are_none_else() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address());
    for client in [client.clone().options(&["--json"]), client.options(&["--json", "--script", "-"])] {
        let outcome = client.run_with_input("MKDIR a\nLIST\nQUIT\nMKDIR late\n").expect_done();
        assert_eq!(commands_of(&outcome.lines()), ["mkdir", "list"]);
        assert!(!server.scratch().share().join("late").exists());
    }
}

#[test]
fn a_failure_has_its_exit_code_however_the_commands_come() {
    let server = server!().file("a.txt", b"hello").start();
    let script = server.scratch().home().join("script");
    let script_option = ["--script", script.to_str().unwrap()];
    for (command, code) in [("READ missing", 1), ("DANCE", 2), ("WRITE missing.txt", 1), ("LIST a.txt", 1)] {
        fs::write(&script, format!("{command}\n")).unwrap();
        for options in [&[][..], &["--json"], &["--keep-going"], &["--quiet"], &["--progress", "always"]] {
            let client = client!(server.scratch(), server.address()).options(options);
            let by_option = client.run(&[command]);
            let by_input = client.run_with_input(format!("{command}\nSTAT a.txt\n"));
            let by_script = client.clone().options(&script_option).run(&[]);
            for outcome in [by_option, by_input, by_script] {
                assert_eq!(outcome.code, code, "{command} {options:?}: {outcome:?}");
            }
        }
    }
}

#[test]
fn with_json_standard_output_is_json_whatever_is_asked_and_shown() {
    let server = server!().file("folder/a.txt", b"hello").start();
    fs::write(server.scratch().share().join("two\nlines"), b"").unwrap();
    server.scratch().put_local("l.txt", b"local");
    let commands = [
        "HELP",
        "HELP READ",
        "LIST",
        "LIST -r",
        "LIST missing",
        "STAT folder",
        "READ folder/a.txt",
        "READ folder",
        "READ -r folder",
        "WRITE l.txt",
        "WRITE missing.txt",
        "MKDIR b",
        "MKDIR ../b",
        "RENAME b c",
        "RENAME b c",
        "SEARCH a",
        "SEARCH !",
        "CD folder",
        "CD ..",
        "DELETE c",
        "DELETE c",
        "DANCE",
        "READ",
        "BYE",
        "LIST",
    ];
    let client =
        client!(server.scratch(), server.address()).options(&["--keep-going", "--progress", "always"]);
    let outcome = client.run_json(&commands);
    assert_ne!(outcome.code, 0);
    // Each line of what was printed is parsed here.
    let failed = outcome.lines().iter().filter(|line| line.get("error").is_some()).count();
    assert!(failed >= 10, "{failed} failures: {}", outcome.text());
}

#[test]
fn the_last_line_of_standard_input_needs_no_line_feed() {
    let server = server!().start();
    client!(server.scratch(), server.address()).run_with_input("MKDIR a").expect_done();
    assert!(server.scratch().share().join("a").is_dir());
}

#[test]
fn options_are_environment_variables_too() {
    let server = server!().file("a.txt", b"").start();
    let mut command = client!(server.scratch(), server.address()).command(&["LIST"]);
    let output = command.env("IOE_JSON", "1").output().unwrap();
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["path"], "a.txt");
}
