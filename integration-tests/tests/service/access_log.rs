//! One access-log line for each request, as text or as JSON, that no name can forge.

use integration_tests::content::digest;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::{write, write_file};
use serde_json::{Value, json};

/// Whatever happened before is in the log once this line is: a session's lines come in order.
fn log_after(server: &Server, mut session: Session) -> String {
    session.ask_refused(json!({"type": "stat", "path": "the-last-request"}), "not_found");
    server.wait_for_log("the last request's line", |line| line.contains("the-last-request"));
    server.log()
}

fn lines_with<'a>(log: &'a str, part: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(part)).collect()
}

#[test]
fn each_request_has_one_line_with_command_path_and_outcome() {
    let server = server!().file("in/read-me.txt", b"12345").start();
    let mut session = server.session();
    session.listing(json!({"type": "list", "path": "in"}));
    assert_eq!(session.read_file("in/read-me.txt"), b"12345");
    write_file(&mut session, "in/write-me.txt", b"1234567");
    session.ask_refused(json!({"type": "delete", "path": "in/missing-one.txt"}), "not_found");
    let log = log_after(&server, session);
    for (command, path, part) in [
        ("read", "in/read-me.txt", "5"),
        ("write", "in/write-me.txt", "7"),
        ("delete", "in/missing-one.txt", "not_found"),
    ] {
        let lines = lines_with(&log, path);
        assert_eq!(lines.len(), 1, "{path}: {log}");
        let line = lines[0].to_lowercase();
        assert!(line.contains(command) && line.contains(part) && line.contains("127.0.0.1"), "{line}");
    }
}

#[test]
fn an_access_log_in_json_has_one_object_on_every_line() {
    let server = server!().option_with("--log-format", "json").file("read-me.txt", b"12345").start();
    let mut session = server.session();
    assert_eq!(session.read_file("read-me.txt"), b"12345");
    let log = log_after(&server, session);
    let objects: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(objects.iter().all(Value::is_object), "{log}");
    assert_eq!(lines_with(&log, "read-me.txt").len(), 1, "{log}");
}

#[test]
fn no_name_can_forge_a_line_or_command_a_terminal() {
    for format in ["text", "json"] {
        let server = server!().option_with("--log-format", format).start();
        let mut session = server.session();
        // Allowed in a path, and turns the reading direction round.
        write_file(&mut session, "rtl\u{202e}gpj.exe", b"");
        // Not allowed, but what was tried is logged, too.
        for path in ["esc\u{1b}[2J", "two\nINFO lines", "c1\u{9b}31m", "cr\rback"] {
            let refused = write(&mut session, path, b"", &json!({})).answer;
            assert_refused(&refused, "bad_path");
        }
        let log = log_after(&server, session);
        let hidden = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!log.contains(hidden), "{format}: {log:?}");
        assert_eq!(lines_with(&log, "gpj.exe").len(), 1, "{log}");
        assert!(log.lines().all(|line| !line.starts_with("INFO lines")), "{log}");
    }
}

#[test]
fn quiet_logs_no_requests() {
    let server = server!().option("--quiet").file("read-me.txt", b"12345").start();
    let mut session = server.session();
    let found = session.ask(json!({"type": "stat", "path": "read-me.txt", "with_digest": true}));
    assert_eq!(found["digest"], digest(b"12345"));
    assert_eq!(server.log(), "");
}
