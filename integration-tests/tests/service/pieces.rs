//! `pieces`: the values of a file's pieces, computed here from PROTOCOL.md's section 6.

use integration_tests::content::{BOUNDARY_LENGTHS, PIECE_BYTES, bytes, digest, piece_values};
use integration_tests::server;
use serde_json::json;

#[test]
fn the_values_are_the_chaining_values_at_every_length_around_a_piece() {
    let server = server!().start();
    let mut session = server.session();
    for length in BOUNDARY_LENGTHS {
        let content = bytes("pieces", length);
        server.scratch().put("file", &content);
        let id = session.request(json!({"type": "pieces", "path": "file"}));
        let list = session.answer(id);
        let values = piece_values(&content);
        assert_eq!(list["type"], "piece_list", "{list}");
        assert_eq!((&list["byte_count"], &list["piece_count"]), (&json!(length), &json!(values.len())));
        assert_eq!(list["digest"], digest(&content), "{length}");
        let payload = session.payload(id);
        assert_eq!(payload.end["type"], "end", "{}", payload.end);
        assert!(payload.bytes == values.concat(), "{length}: other values");
    }
}

#[test]
fn the_values_can_be_asked_for_by_digest() {
    let content = bytes("pieces by digest", 2 * PIECE_BYTES);
    let server = server!().file("file", &content).start();
    let mut session = server.session();
    let id = session.request(json!({"type": "pieces", "path": "file"}));
    assert_eq!(session.answer(id)["type"], "piece_list");
    session.payload(id);
    let id = session.request(json!({"type": "pieces", "digest": digest(&content)}));
    assert_eq!(session.answer(id)["piece_count"], 2);
    assert!(session.payload(id).bytes == piece_values(&content).concat());
}

#[test]
fn what_has_no_pieces_is_refused() {
    let server = server!().file("folder/a.txt", b"").start();
    let mut session = server.session();
    session.ask_refused(json!({"type": "pieces", "path": "folder"}), "not_a_file");
    session.ask_refused(json!({"type": "pieces", "path": "missing"}), "not_found");
    session.ask_refused(json!({"type": "pieces", "digest": digest(b"unknown")}), "not_found");
    session.assert_works();
}
