//! What a server says when it starts, and when it does not.

use std::net::{Ipv6Addr, TcpListener};

use integration_tests::server;
use integration_tests::session::Session;

#[test]
fn the_first_line_names_the_address_and_nothing_else_is_printed() {
    let mut server = server!().file("a.txt", b"hello").start();
    assert_ne!(server.address().port(), 0);
    assert_eq!(server.session().read_file("a.txt"), b"hello");
    server.terminate();
    assert_eq!(server.exit_code(), 0);
    assert_eq!(server.output(), format!("listening on {}\n", server.address()));
}

#[test]
fn an_address_beyond_this_machine_is_refused_with_a_sentence_that_names_the_way() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, errors) = server!().listening_on(address).start_refused();
        assert_ne!(code, 0, "{errors}");
        for way in ["--invite", "--public", "127.0.0.1"] {
            assert!(errors.contains(way), "{errors}");
        }
        let (code, errors) = server!().listening_on(address).option("--plaintext").start_refused();
        assert_ne!(code, 0, "plain text is no answer to who may come in: {errors}");
    }
}

#[test]
fn open_to_the_public_a_server_listens_beyond_this_machine() {
    let server =
        server!().listening_on("0.0.0.0:0").option("--public").option("read").file("a.txt", b"hello").start();
    let address = ([127, 0, 0, 1], server.address().port()).into();
    assert_eq!(Session::open(address).read_file("a.txt"), b"hello");
}

#[test]
fn an_ipv6_loopback_address_is_served() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return; // This machine has no IPv6.
    }
    let server = server!().listening_on("[::1]:0").file("a.txt", b"hello").start();
    assert!(server.address().is_ipv6());
    assert_eq!(server.session().read_file("a.txt"), b"hello");
}

#[test]
fn a_state_folder_in_use_stops_a_second_server_and_names_the_option() {
    let first = server!().start();
    let (code, errors) = server!().with_state(first.scratch().state()).start_refused();
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("--state-dir"), "{errors}");
    first.session().assert_works();
}

#[test]
fn a_state_folder_is_free_again_after_kill_minus_nine() {
    let mut server = server!().start();
    for _ in 0..3 {
        server.kill();
        server.start_again();
        server.session().assert_works();
    }
}

#[test]
fn an_address_in_use_is_a_failure_with_a_sentence() {
    let first = server!().start();
    let (code, errors) = server!().listening_on(&first.address().to_string()).start_refused();
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains(&first.address().port().to_string()), "{errors}");
}

#[test]
fn wrong_usage_is_exit_code_two() {
    for option in ["--no-such-option", "--max-connections=many", "--idle-timeout=5", "--max-file-size=huge"] {
        let (code, errors) = server!().option(option).start_refused();
        assert_eq!(code, 2, "{option}: {errors}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for option in ["--help", "--version"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_ioe-server-under-test"));
        let output = { output }.arg(option).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("ioe-server") && output.stderr.is_empty(), "{text}");
    }
}
