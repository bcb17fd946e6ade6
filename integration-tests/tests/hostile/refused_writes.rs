//! Case 27: a WRITE that is refused and streamed anyway costs the server a bounded amount.

use integration_tests::content::PIECE_BYTES;
use integration_tests::server;
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::{end, write_request};
use serde_json::json;

/// What is read and thrown away of a refused WRITE (PROTOCOL.md, section 11).
const DISCARD_BYTES_MAX: usize = 8 << 20;

/// Asks for a large WRITE that must be refused, and returns its id.
fn refused_write(session: &mut Session, byte_count: usize) -> u64 {
    let id = session.request(write_request("taken.bin", byte_count, &json!({"new": true})));
    assert_refused(&session.answer(id), "exists");
    id
}

#[test]
fn up_to_the_limit_the_sections_are_thrown_away_and_the_session_goes_on() {
    let server = server!().file("taken.bin", b"old").start();
    let mut session = server.session();
    let id = refused_write(&mut session, DISCARD_BYTES_MAX);
    let piece = vec![b'x'; PIECE_BYTES];
    for index in 0..DISCARD_BYTES_MAX / PIECE_BYTES {
        session.send_section(id, (index * PIECE_BYTES) as u64, &piece);
    }
    session.send(&end(id, b"whatever"));
    session.assert_works();
    assert_eq!(session.read_file("taken.bin"), b"old");
}

#[test]
fn past_the_limit_the_connection_closes_and_the_refusal_can_still_be_read() {
    let server = server!().file("taken.bin", b"old").start();
    let mut session = server.session();
    let id = session.request(write_request("taken.bin", 64 * PIECE_BYTES, &json!({"new": true})));
    let piece = vec![b'x'; PIECE_BYTES];
    let section =
        |index: usize| integration_tests::session::section_of(id, (index * PIECE_BYTES) as u64, &piece);
    // A client that does not look at the answer before it has sent everything.
    let taken = (0..64).take_while(|index| session.try_send_raw(section(*index))).count();
    assert!(taken < 64, "the server takes all 64 MiB of a refused write");
    assert_refused(&session.answer(id), "exists");
    session.assert_closed();
    assert_eq!(server.scratch().shared("taken.bin"), b"old");
    server.session().assert_works();
}

#[test]
fn every_change_is_refused_by_a_read_only_server_before_anything_is_sent() {
    let server = server!().option("--read-only").file("a.txt", b"old").start();
    let mut session = server.session();
    for byte_count in [0, 3, 2 * PIECE_BYTES] {
        let id = session.request(write_request("a.txt", byte_count, &json!({})));
        assert_refused(&session.answer(id), "read_only");
        session.send(&end(id, b""));
    }
    for request in [
        json!({"type": "rename", "path": "a.txt", "to": "b.txt"}),
        json!({"type": "delete", "path": "a.txt"}),
        json!({"type": "mkdir", "path": "folder"}),
        json!({"type": "write", "path": "b.txt", "new": true}),
    ] {
        let is_write = request["type"] == "write";
        let id = session.request(request);
        assert_refused(&session.answer(id), "read_only");
        if is_write {
            session.send(&end(id, b""));
        }
    }
    assert_eq!(session.read_file("a.txt"), b"old");
    let (entries, _) = session.listing(json!({"type": "list"}));
    assert_eq!(entries.len(), 1);
}
