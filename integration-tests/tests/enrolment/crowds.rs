//! Case 45, before any trust: handshakes that are not finished shut nobody out who finishes, nor do keys that nobody knows.

use crate::ground::{dial_tls, enter, hello_with, invite};
use crate::handshakes::client_hello;
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::session::Session;
use integration_tests::tls::{TlsKey, TlsStream};
use integration_tests::upload::write_file;
use integration_tests::{client, server};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// More than the limits of PROTOCOL.md, section 11, several times over.
const CROWD_COUNT: usize = 1000;
/// Enough that the last of them waits for seconds.
const STRANGER_COUNT: usize = 20;

/// Connections that say nothing, one byte of a handshake, its first half, or the whole first word and then nothing.
fn half_open(address: SocketAddr) -> Vec<TcpStream> {
    let hello = client_hello(&TlsKey::generate());
    let firsts = [&[], &hello[..1], &hello[..hello.len() / 2], &hello];
    let one = |number: usize| {
        let mut socket = TcpStream::connect(address).unwrap();
        // It may have given way to newer ones already.
        let _ = socket.write_all(firsts[number % firsts.len()]);
        socket
    };
    (0..CROWD_COUNT).map(one).collect()
}

#[test]
fn a_thousand_half_open_handshakes_disturb_neither_a_working_client_nor_one_that_comes() {
    let content = bytes("content", 2 * PIECE_BYTES);
    let server = server!().option_with("--max-connections", "8").file("film.mov", &content).start();
    let (anna, ben) = (TlsKey::generate(), TlsKey::generate());
    let of_anna = invite(&server, &["anna", "--write"]).secret;
    let of_ben = invite(&server, &["ben", "--read"]).secret;
    let mut working = enter(server.address(), &anna, Some(&of_anna));
    let descriptor_count = server.descriptor_count();
    let crowd = half_open(server.address());
    assert!(working.read_file("film.mov") == content);
    write_file(&mut working, "copy.mov", &content);
    // From the very address of the crowd, and to be enrolled.
    let mut newcomer = Session::over(TlsStream::dial(server.address(), &ben).0);
    newcomer.send(&hello_with(Some(&of_ben)));
    assert_eq!(newcomer.line()["type"], "welcome");
    assert!(newcomer.read_file("film.mov") == content);
    let invitation = invite(&server, &["carl", "--read"]);
    let line = format!("ioe://{}/#{}.{}\n", server.address(), invitation.key, invitation.secret);
    server.scratch().put_local("line.txt", line);
    let file = server.scratch().local().join("line.txt");
    let enrolling = client!(server.scratch(), server.address()).without_address();
    enrolling.options(&["--invitation", file.to_str().unwrap()]).run_json(&["LIST"]).expect_done();
    drop((crowd, newcomer));
    integration_tests::patience::eventually_true("the descriptors are free again", || {
        server.descriptor_count() <= descriptor_count
    });
    working.assert_works();
}

#[test]
fn a_known_key_comes_in_from_an_address_from_which_many_were_refused() {
    let server = server!().file("a.txt", b"hello").start();
    let anna = TlsKey::generate();
    let secret = invite(&server, &["anna", "--read"]).secret;
    drop(enter(server.address(), &anna, Some(&secret)));
    let stranger = || {
        let mut session = Session::over(TlsStream::dial(server.address(), &TlsKey::generate()).0);
        session.send(&hello_with(Some(&"f".repeat(32))));
        session
    };
    let waiting: Vec<Session> = (0..STRANGER_COUNT).map(|_| stranger()).collect();
    for _ in 0..STRANGER_COUNT {
        let mut session = Session::over(TlsStream::dial(server.address(), &anna).0);
        session.send(&hello_with(None));
        assert_eq!(session.line()["type"], "welcome");
        assert_eq!(session.read_file("a.txt"), b"hello");
    }
    drop(waiting);
    // Of another address nobody is held back.
    let mut elsewhere = Session::over(dial_tls(server.address(), &TlsKey::generate()));
    elsewhere.send(&hello_with(None));
    elsewhere.assert_closed_with("not_allowed");
}
