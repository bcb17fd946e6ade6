//! Case 45, before any trust: a crowd that never opens shuts nobody out who does, not even from its own address.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::session::{PROCESS_ID, Session, line_of};
use integration_tests::upload::write_file;
use integration_tests::{client, neighbour, peer, server};
use std::net::SocketAddr;

/// More than the limits of PROTOCOL.md, section 11, several times over.
const CROWD_COUNT: usize = 1000;

/// Connections that say nothing, half a `hello`, or half of another protocol's first words.
fn half_open(address: SocketAddr) -> Vec<Session> {
    let whole = line_of(&integration_tests::session::hello(PROCESS_ID));
    let firsts = [&b""[..], &whole.as_bytes()[..whole.len() / 2], b"{"];
    let one = |number: usize| {
        let mut session = Session::dial(address);
        session.try_send_raw(firsts[number % firsts.len()]);
        session
    };
    (0..CROWD_COUNT).map(one).collect()
}

#[test]
fn a_thousand_half_open_connections_disturb_neither_a_working_client_nor_one_that_comes() {
    let content = bytes("content", 2 * PIECE_BYTES);
    let server = server!().option_with("--max-connections", "8").file("film.mov", &content).start();
    let mut working = server.session();
    let crowd = half_open(server.address());
    assert!(working.read_file("film.mov") == content);
    write_file(&mut working, "copy.mov", &content);
    let mut newcomers: Vec<Session> = (0..6).map(|_| server.session()).collect();
    for newcomer in &mut newcomers {
        assert!(newcomer.read_file("film.mov") == content);
    }
    client!(server.scratch(), server.address()).run_json(&["LIST"]).expect_done();
    drop(crowd);
    server.session().assert_works();
}

#[test]
fn the_oldest_half_open_connection_gives_way_and_the_newest_still_opens() {
    let server = server!().start();
    let mut crowd = half_open(server.address());
    crowd[0].assert_closed();
    let newest = crowd.last_mut().unwrap();
    let whole = line_of(&integration_tests::session::hello(PROCESS_ID));
    let said = [0, whole.len() / 2, 1][(CROWD_COUNT - 1) % 3];
    newest.send_raw(&whole.as_bytes()[said..]);
    assert_eq!(newest.line()["type"], "welcome");
    newest.assert_works();
}

#[test]
fn a_thousand_half_open_connections_shut_no_neighbour_out_of_a_peer() {
    let peer = peer!().option_with("--max-connections", "8").start();
    let crowd = half_open(peer.address());
    let mut link = neighbour::Neighbour::open(peer.address());
    peer.session().assert_works();
    link.assert_works();
    drop(crowd);
}
