//! What a process that confined itself can still do: everything in its folder, and nothing elsewhere.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Command, Output, Stdio};

const INSIDE: [&str; 10] = [
    "create",
    "sync",
    "sync the file system",
    "set times",
    "keep a database",
    "watch",
    "bind a socket",
    "list",
    "remove",
    "move between folders",
];
const ELSEWHERE: [&str; 13] = [
    "read through a link",
    "read elsewhere",
    "read elsewhere in a later thread",
    "read through a handle's name",
    "list elsewhere",
    "write elsewhere",
    "create elsewhere",
    "link inside",
    "move outside",
    "remove elsewhere",
    "signal another",
    "connect to an abstract socket",
    "start a program",
];

/// What the process says, and what came of each attempt.
fn tried(options: &[&str]) -> (String, BTreeMap<String, String>) {
    let output = output_of(options);
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    let outcomes = pairs.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())).collect();
    (text, outcomes)
}

fn output_of(options: &[&str]) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let (inside, outside) = (scratch.path().join("inside"), scratch.path().join("outside"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    fs::write(outside.join("readable"), "readable").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let name = SocketAddr::from_abstract_name(&port).unwrap();
    let _abstract = UnixListener::bind_addr(&name).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_program-under-test"));
    command.args(["confined", "--port", &port]).arg("--inside").arg(&inside).arg("--outside").arg(&outside);
    let output = command.args(options).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output
}

/// The attempts that came to this.
fn with_outcome<'a>(outcomes: &'a BTreeMap<String, String>, wanted: &str) -> Vec<&'a str> {
    let matching = outcomes.iter().filter(|(_, outcome)| *outcome == wanted);
    matching.map(|(name, _)| name.as_str()).collect()
}

fn sorted(mut names: Vec<&'static str>) -> Vec<&'static str> {
    names.sort_unstable();
    names
}

/// Whether this kernel confines whole; where not, the test says so past the capture of the test runner.
fn is_confined(text: &str) -> bool {
    let is_confined = text.starts_with("confined by Landlock");
    if !is_confined {
        let why = text.lines().next().unwrap_or_default();
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let text = format!("\nSKIPPED: {test} needs Landlock, but: {why}\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    is_confined
}

#[test]
fn without_confinement_all_attempts_succeed_so_that_a_refusal_means_something() {
    let (text, outcomes) = tried(&["--free"]);
    let done = with_outcome(&outcomes, "done");
    let others = ["read what is granted", "connect", "listen"];
    let all = [&INSIDE[..], &ELSEWHERE, &others].concat();
    assert_eq!(done, sorted(all), "{text}");
}

#[test]
fn a_confined_process_can_do_all_in_its_folder_and_nothing_elsewhere() {
    let (text, outcomes) = tried(&[]);
    assert!(text.contains("NoNewPrivs:\t1"), "{text}");
    if is_confined(&text) {
        let done = [&INSIDE[..], &["read what is granted"]].concat();
        let refused = [&ELSEWHERE[..], &["connect", "listen"]].concat();
        assert_eq!(with_outcome(&outcomes, "done"), sorted(done), "{text}");
        assert_eq!(with_outcome(&outcomes, "refused"), sorted(refused), "{text}");
    }
}

#[test]
fn a_confined_process_that_connects_still_cannot_listen() {
    let (text, outcomes) = tried(&["--connects"]);
    if is_confined(&text) {
        let done = [&INSIDE[..], &["read what is granted", "connect"]].concat();
        let refused = [&ELSEWHERE[..], &["listen"]].concat();
        assert_eq!(with_outcome(&outcomes, "done"), sorted(done), "{text}");
        assert_eq!(with_outcome(&outcomes, "refused"), sorted(refused), "{text}");
    }
}

#[test]
fn a_thread_that_runs_before_is_a_bug_that_is_said() {
    let Output { stdout, stderr, .. } = output_of(&["--late"]);
    let (said, logged) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(said.lines().any(|line| line.ends_with("threads that ran before are not: 1")), "{said}");
    assert!(logged.contains("ERROR") && logged.contains("bug"), "{logged}");
    let (said, logged) = (output_of(&[]).stdout, output_of(&[]).stderr);
    assert!(
        !String::from_utf8_lossy(&said).contains("ran before") && logged.is_empty(),
        "{said:?} {logged:?}"
    );
}
