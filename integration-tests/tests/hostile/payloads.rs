//! Cases 7 and 9: payloads that break the rules of sections.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, line_of, section_of};
use integration_tests::upload::{begin_large, end, write_request};
use serde_json::{Value, json};

const OLD: &[u8] = b"the old file";

/// A server whose a.bin must still be the old file when all is over, and a session that is in a write of
/// `byte_count` bytes to it.
fn within_a_write(byte_count: usize) -> (Server, Session, u64) {
    let server = server!().file("a.bin", OLD).start();
    let mut session = server.session();
    let id = if byte_count > PIECE_BYTES {
        begin_large(&mut session, "a.bin", byte_count, &json!({})).id
    } else {
        session.request(write_request("a.bin", byte_count, &json!({})))
    };
    (server, session, id)
}

fn assert_closed_and_old(server: &Server, mut session: Session) {
    session.assert_closed_with("bad_message");
    server.wait_until_alone();
    assert_eq!(server.scratch().shared("a.bin"), OLD);
    assert!(server.scratch().partials().is_empty(), "{:?}", server.scratch().partials());
    server.session().assert_works();
}

fn section_line(id: u64, offset: u64, byte_count: u64) -> Value {
    json!({"type": "section", "id": id, "offset": offset, "byte_count": byte_count})
}

#[test]
fn surplus_bytes_after_a_section_are_read_as_a_line_and_refused() {
    let (server, mut session, id) = within_a_write(5);
    session.send_section(id, 0, b"hello");
    session.send_raw(b"surplus\n");
    session.try_send_raw(line_of(&end(id, b"hellosurplus")));
    assert_closed_and_old(&server, session);
}

#[test]
fn a_section_past_the_announced_length_is_refused() {
    for byte_count in [5, 2 * PIECE_BYTES] {
        let content = bytes("past", byte_count);
        let (server, mut session, id) = within_a_write(byte_count);
        for (index, piece) in content.chunks(PIECE_BYTES).enumerate() {
            session.send_section(id, (index * PIECE_BYTES) as u64, piece);
        }
        session.try_send_raw(section_of(id, byte_count as u64, b"x"));
        assert_closed_and_old(&server, session);
    }
}

#[test]
fn a_section_that_leaves_a_gap_goes_back_or_overlaps_is_refused() {
    for (first, second) in [((0, 2), (3, 2)), ((0, 3), (2, 3)), ((0, 3), (0, 3)), ((1, 2), (3, 2))] {
        let (server, mut session, id) = within_a_write(5);
        for (offset, length) in [first, second] {
            session.try_send_raw(section_of(id, offset, &b"hello"[..length]));
        }
        assert_closed_and_old(&server, session);
    }
}

#[test]
fn a_section_that_crosses_a_piece_or_is_too_long_is_refused() {
    for (offset, byte_count) in [(0, PIECE_BYTES + 1), (0, 3 * PIECE_BYTES), (0, 1 << 40)] {
        let (server, mut session, id) = within_a_write(4 * PIECE_BYTES);
        session.send(&section_line(id, offset, byte_count as u64));
        assert_closed_and_old(&server, session);
    }
    let (server, mut session, id) = within_a_write(4 * PIECE_BYTES);
    session.send_section(id, 0, &bytes("crosses", 10));
    session.send(&section_line(id, 10, PIECE_BYTES as u64));
    assert_closed_and_old(&server, session);
}

#[test]
fn a_section_or_an_end_of_another_request_is_refused() {
    for message in [section_line(999, 0, 0), end(999, b"")] {
        let (server, mut session, _) = within_a_write(5);
        session.send(&message);
        assert_closed_and_old(&server, session);
    }
}

#[test]
fn another_request_within_a_write_is_refused() {
    for byte_count in [5, 2 * PIECE_BYTES] {
        let (server, mut session, _) = within_a_write(byte_count);
        session.send(&json!({"type": "delete", "id": 50, "path": "a.bin"}));
        assert_closed_and_old(&server, session);
    }
}

#[test]
fn sections_before_ready_are_refused() {
    let server = server!().file("a.bin", OLD).start();
    let mut session = server.session();
    let id = session.next_id();
    let request =
        integration_tests::session::with_id(write_request("a.bin", 2 * PIECE_BYTES, &json!({})), id);
    let eager = [line_of(&request).into_bytes(), section_of(id, 0, b"too early")];
    session.send_raw(eager.concat());
    let mut last = session.line();
    if last["type"] == "ready" {
        // Whether it was early is for the server to see; it may also take the section for a later one.
        session.send(&json!({"type": "abort", "id": id, "code": "changed", "message": "done"}));
        last = session.line();
    }
    assert_eq!(last["type"], "refused", "{last}");
    drop(session);
    server.wait_until_alone();
    assert_eq!(server.scratch().shared("a.bin"), OLD);
}

#[test]
fn sections_without_a_write_do_nothing() {
    let server = server!().file("a.bin", OLD).start();
    let mut session = server.session();
    session.send_raw(section_of(1, 0, b"{\"v\":1,\"type\":\"delete\",\"id\":2,\"path\":\"b\"}"));
    session.finish_sending();
    while session.next_line().is_some() {}
    assert_eq!(server.scratch().shared("a.bin"), OLD);
    server.session().assert_works();
}

#[test]
fn messages_inside_a_payload_are_stored_and_never_obeyed() {
    let attack =
        b"\n{\"v\":1,\"type\":\"delete\",\"id\":2,\"path\":\"a.bin\"}\n{\"v\":1,\"type\":\"end\",\"id\":1}\n";
    let content = [&attack[..], &bytes("attack", PIECE_BYTES), attack].concat();
    let server = server!().file("a.bin", OLD).start();
    let mut session = server.session();
    integration_tests::upload::write_file(&mut session, "b.bin", &content);
    assert!(session.read_file("b.bin") == content);
    assert_eq!(session.read_file("a.bin"), OLD);
}

#[test]
fn a_section_that_nobody_expects_closes_the_connection_and_its_bytes_are_not_obeyed() {
    let server = server!().file("victim.txt", b"alive").start();
    let mut session = server.session();
    let evil = line_of(&json!({"v": 1, "type": "delete", "id": 2, "path": "victim.txt"}));
    session.send_raw(section_of(1, 0, evil.as_bytes()));
    let answer = session.line();
    assert!(answer["code"] == "bad_message" && answer["id"].is_null(), "{answer}");
    session.assert_closed();
    assert_eq!(server.scratch().shared("victim.txt"), b"alive");
}
