//! Every failure has its exit code and its error code, in every mode (case 51).

use integration_tests::nobody::Nobody;
use integration_tests::{client, server};

#[test]
fn a_refused_operation_is_exit_code_one() {
    let server = server!().option("--read-only").file("a.txt", b"").file("folder/x", b"").start();
    server.scratch().put_local("l.txt", b"");
    let client = client!(server.scratch(), server.address());
    for (command, code) in [
        ("READ missing.txt", "not_found"),
        ("READ folder", "not_a_file"),
        ("LIST a.txt", "not_a_folder"),
        ("DELETE a.txt", "read_only"),
        ("RENAME a.txt b.txt", "read_only"),
        ("MKDIR b", "read_only"),
        ("WRITE l.txt", "read_only"),
        ("WRITE missing.txt", "local_file"),
    ] {
        client.run_json(&[command]).expect_error(code, 1);
        let plain = client.run(&[command]).expect_code(1);
        assert!(!plain.errors.is_empty(), "{command}");
    }
}

#[test]
fn wrong_usage_is_exit_code_two() {
    let server = server!().file("a.txt", b"").start();
    let client = client!(server.scratch(), server.address());
    for command in ["DANCE", "READ", "RENAME a.txt", "READ --no-such-option a.txt", "CONNECT", "MKDIR"] {
        client.run_json(&[command]).expect_error("usage", 2);
    }
    client.clone().options(&["--no-such-option"]).run(&[]).expect_code(2);
    client.options(&["--timeout", "soon"]).run(&["LIST"]).expect_code(2);
}

#[test]
fn no_connection_is_exit_code_three() {
    let server = server!().start();
    let nobody = Nobody::there();
    let client = client!(server.scratch(), nobody.address());
    client.run_json(&["LIST"]).expect_code(3);
    let connect = format!("CONNECT {} {}", nobody.address().ip(), nobody.address().port());
    client.clone().without_address().run_json(&[&connect]).expect_error("connection_failed", 3);
    client.without_address().run_json(&["LIST"]).expect_error("not_connected", 3);
}

#[test]
fn after_bye_the_program_stays_without_a_connection() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["BYE", "LIST"]).expect_error("not_connected", 3);
    client.run_json(&["BYE", "QUIT", "DANCE"]).expect_done();
}

#[test]
fn a_server_with_no_place_left_is_busy() {
    let server = server!().option_with("--max-connections", "1").start();
    let _only = server.session();
    let outcome = client!(server.scratch(), server.address()).options(&["--timeout", "3s"]).run(&["LIST"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(
        outcome.errors.contains("busy") || outcome.errors.contains("too many connections"),
        "{outcome:?}"
    );
}

#[test]
fn a_name_that_leads_outside_is_refused_before_or_by_the_server() {
    let server = server!().start();
    server.scratch().put_local("a.txt", b"a");
    let client = client!(server.scratch(), server.address());
    for command in [
        "READ ../outside/secret.txt",
        "WRITE a.txt ../outside/new.txt",
        "DELETE ../outside",
        "STAT /etc/passwd",
    ] {
        let outcome = client.run_json(&[command]).expect_code(1);
        assert_eq!(outcome.line()["error"]["code"], "bad_path", "{command}");
    }
}
