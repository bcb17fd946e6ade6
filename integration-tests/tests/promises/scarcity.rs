//! What the system refuses: space, descriptors, a log (cases 26, 45 and 47). The service goes on.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::eventually;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{PROCESS_ID, Session, hello, line_of};
use integration_tests::upload::{begin_large, end, send_pieces, write_file};
use serde_json::json;

#[test]
fn a_write_that_the_system_cuts_off_leaves_the_old_file_and_nothing_else_and_the_next_works() {
    const LENGTH: usize = 24 * PIECE_BYTES;
    // As a full disk or a quota, from the point of view of whoever writes.
    let limits = "ulimit -f 16384";
    let server = server!().after_shell(limits).file("film.mov", b"old").start();
    let content = bytes("too much", LENGTH);
    for fields in [json!({}), json!({"base_wanted": true}), json!({"byte_count": null})] {
        let mut session = server.session();
        let ready = begin_large(&mut session, "film.mov", LENGTH, &fields);
        let sent = session.send_meanwhile(sections_and_end(ready.id, &content));
        let refusal = session.answer(ready.id);
        assert!(refusal["code"] == "no_space" || refusal["code"] == "internal", "{refusal}");
        // What is refused is thrown away up to a bound, then the connection closes.
        sent.join().unwrap();
        drop(session);
        server.wait_until_alone();
        assert_eq!(server.scratch().shared("film.mov"), b"old");
        assert!(server.scratch().partials().is_empty(), "{:?}", server.scratch().partials());
    }
    let fits = bytes("fits", 2 * PIECE_BYTES);
    write_file(&mut server.session(), "film.mov", &fits);
    assert!(server.scratch().shared("film.mov") == fits);
}

fn sections_and_end(id: u64, content: &[u8]) -> Vec<u8> {
    let section = |(index, piece): (usize, &[u8])| {
        integration_tests::session::section_of(id, (index * PIECE_BYTES) as u64, piece)
    };
    let sections = content.chunks(PIECE_BYTES).enumerate().flat_map(section);
    sections.chain(line_of(&end(id, content)).into_bytes()).collect()
}

#[test]
fn a_server_without_descriptors_serves_those_it_has_and_recovers() {
    let server = server!().after_shell("ulimit -n 40").file("a.txt", b"hello").start();
    let mut first = server.session();
    let crowd: Vec<Session> = (0..100).map(|_| Session::dial(server.address())).collect();
    // What needs a descriptor may be refused now; the session goes on.
    first.assert_works();
    drop(crowd);
    let mut next = eventually("a new client is served", || welcomed(&server));
    assert_eq!(next.read_file("a.txt"), b"hello");
    assert_eq!(first.read_file("a.txt"), b"hello");
    write_file(&mut first, "b.txt", b"still here");
}

/// A session, if the server has room for one.
fn welcomed(server: &Server) -> Option<Session> {
    let mut session = Session::dial(server.address());
    session.try_send_raw(line_of(&hello(PROCESS_ID)));
    session.next_line().filter(|line| line["type"] == "welcome").map(|_| session)
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    for broken_log in ["exec 2>/dev/full", "exec 2>&-"] {
        let mut server = server!().after_shell(broken_log).file("a.txt", b"hello").start();
        let mut session = server.session();
        for _ in 0..100 {
            assert_eq!(session.read_file("a.txt"), b"hello");
        }
        Session::dial(server.address()).try_send_raw(b"garbage\n");
        session.assert_works();
        drop(session);
        server.terminate();
        assert_eq!(server.exit_code(), 0, "{broken_log}");
    }
}

#[test]
fn an_upload_is_not_disturbed_by_a_crowd_at_the_door() {
    let content = bytes("content", 4 * PIECE_BYTES);
    let server = server!().option_with("--max-connections", "4").start();
    let mut busy = server.session();
    let ready = begin_large(&mut busy, "film.mov", content.len(), &json!({}));
    for index in 0..4 {
        let crowd: Vec<Session> = (0..200).map(|_| Session::dial(server.address())).collect();
        send_pieces(&mut busy, ready.id, &content, &[index]);
        drop(crowd);
    }
    busy.send(&end(ready.id, &content));
    integration_tests::upload::assert_written(&busy.answer(ready.id), &content);
}
