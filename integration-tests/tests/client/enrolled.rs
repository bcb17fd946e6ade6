//! The real server and its guests: enrolled by its line, known by their keys from then on (cases 41 and 42).

use std::fs;

use integration_tests::client::Client;
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::server::Server;
use integration_tests::tls::TlsKey;
use integration_tests::{client, server};

use crate::enrolling::{line_of_server, state_file};

/// A server that has invited somebody to everything, and the line that it printed.
fn inviting() -> (Server, String) {
    let server = server!().option_with("--invite", "anna:write").file("a.txt", b"hello").start();
    let line = server.wait_for_output("an invitation", |line| line.contains("ioe://"));
    let line = line.split_whitespace().find(|word| word.starts_with("ioe://")).unwrap().to_owned();
    (server, line)
}

/// A client that connects by this line, with a state folder of this name.
fn guest(server: &Server, state: &str, line: &str) -> Client {
    let state = server.scratch().home().join(state);
    let options = ["--state-dir", state.to_str().unwrap(), line];
    client!(server.scratch(), server.address()).without_address().options(&options)
}

#[test]
fn a_guest_enrols_once_and_needs_the_address_alone_from_then_on() {
    let (server, line) = inviting();
    let film = bytes("film", 2 * PIECE_BYTES + 5);
    server.scratch().put_local("film.mov", &film);
    let outcome = guest(&server, "anna", &line).run(&["WRITE film.mov", "LIST"]).expect_done();
    assert!(outcome.errors.contains("enrolled at"), "{}", outcome.errors);
    assert_eq!(server.scratch().shared("film.mov"), film);
    let address = server.address().to_string();
    guest(&server, "anna", &address).run(&["READ film.mov copy.mov", "READ a.txt"]).expect_done();
    assert_eq!(server.scratch().local_file("copy.mov"), film);
    // The very same line again is no harm, as after a crash.
    guest(&server, "anna", &line).run(&["LIST"]).expect_done();
}

#[test]
fn whoever_comes_second_with_a_line_is_told_so_and_whoever_has_none_is_refused() {
    let (server, line) = inviting();
    guest(&server, "anna", &line).run(&["LIST"]).expect_done();
    let told = guest(&server, "ben", &line).run_json(&["LIST"]).expect_error("not_allowed", 1).line();
    assert!(told["error"]["message"].as_str().unwrap().contains("used"), "{told}");
    let uninvited = line.rsplit_once('.').unwrap().0;
    guest(&server, "ben", uninvited).run_json(&["LIST"]).expect_error("not_allowed", 1);
    // On this machine and without a known key it would be plain text, to which nothing is granted.
    let address = server.address().to_string();
    guest(&server, "ben", &address).run_json(&["LIST"]).expect_error("not_allowed", 1);
    assert!(!server.scratch().home().join("ben/known_keys").exists());
}

#[test]
fn a_transfer_over_tls_continues_where_its_connection_broke() {
    let server = server!().file("film.mov", bytes("film", 3 * PIECE_BYTES)).start();
    let key = TlsKey::from_pkcs8(&fs::read(server.scratch().state().join("key")).unwrap());
    let proxy = Proxy::start(server.address(), |connection| match connection {
        0 => Fault::Cut(Direction::ToClient, 1_500_000),
        _ => Fault::None,
    });
    let line = line_of_server(proxy.address(), &key);
    let client = client!(server.scratch(), proxy.address()).without_address().options(&[&line]);
    let line = client.run_json(&["READ film.mov"]).expect_done().line();
    assert!(line["resumed_from"].as_u64().unwrap() > 0, "{line}");
    assert_eq!(server.scratch().local_file("film.mov"), server.scratch().shared("film.mov"));
    assert!(state_file(server.scratch(), "known_keys").exists());
}
