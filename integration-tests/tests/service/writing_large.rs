//! WRITE of large files and of files whose length is not known: ask first, then send.

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::server;
use integration_tests::session::assert_refused;
use integration_tests::upload::{
    abort, assert_written, begin_large, differing_pieces, end, send_pieces, write, write_file, write_request,
};
use serde_json::json;

#[test]
fn a_large_file_is_sent_after_ready() {
    let content = bytes("large", 5 * PIECE_BYTES + 123);
    let server = server!().start();
    let mut session = server.session();
    write_file(&mut session, "film.mov", &content);
    assert!(session.read_file("film.mov") == content);
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn a_large_write_is_refused_before_anything_is_sent() {
    let content = bytes("refused", 2 * PIECE_BYTES);
    let server = server!().file("taken.txt", b"old").file("folder/x", b"").start();
    let mut session = server.session();
    for (path, fields, code) in [
        ("taken.txt", json!({"new": true}), "exists"),
        ("taken.txt", json!({"if_digest": digest(b"another")}), "changed"),
        ("folder", json!({}), "not_a_file"),
        ("missing/a.txt", json!({}), "not_found"),
        ("../a.txt", json!({}), "bad_path"),
    ] {
        let uploaded = write(&mut session, path, &content, &fields);
        assert_refused(&uploaded.answer, code);
        assert_eq!(uploaded.sent_byte_count, 0);
    }
    assert_eq!(session.read_file("taken.txt"), b"old");
}

#[test]
fn a_large_write_may_be_aborted_while_asking() {
    let server = server!().file("a.bin", b"old").start();
    let mut session = server.session();
    let id = session.request(write_request("a.bin", 4 * PIECE_BYTES, &json!({})));
    session.send(&abort(id));
    let mut answer = session.answer(id);
    if answer["type"] == "ready" {
        // It had been said before the abort was read.
        answer = session.answer(id);
    }
    assert_refused(&answer, "changed");
    assert_eq!(session.read_file("a.bin"), b"old");
}

#[test]
fn a_large_write_may_be_aborted_while_sending() {
    let content = bytes("aborted", 4 * PIECE_BYTES);
    let server = server!().file("a.bin", b"old").start();
    let mut session = server.session();
    let ready = begin_large(&mut session, "a.bin", content.len(), &json!({}));
    send_pieces(&mut session, ready.id, &content, &[0, 1]);
    session.send(&abort(ready.id));
    assert_refused(&session.answer(ready.id), "changed");
    assert_eq!(session.read_file("a.bin"), b"old");
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn a_file_of_unknown_length_ends_where_end_says() {
    let server = server!().start();
    let mut session = server.session();
    for length in [0, 5, PIECE_BYTES, 3 * PIECE_BYTES + 1] {
        let content = bytes("pipe", length);
        let uploaded = write(&mut session, "pipe.bin", &content, &json!({"byte_count": null}));
        assert_written(&uploaded.answer, &content);
        assert!(session.read_file("pipe.bin") == content, "{length}");
    }
}

#[test]
fn without_a_base_wanted_none_is_offered() {
    let content = bytes("no base", 3 * PIECE_BYTES);
    let server = server!().file("a.bin", &content).start();
    let uploaded = write(&mut server.session(), "a.bin", &content, &json!({}));
    assert_written(&uploaded.answer, &content);
    assert_eq!((uploaded.base, uploaded.sent_byte_count), (None, content.len()));
}

#[test]
fn a_large_write_with_a_wrong_announced_digest_leaves_the_old_file() {
    let content = bytes("announced", 2 * PIECE_BYTES);
    let server = server!().file("a.bin", b"old").start();
    let mut session = server.session();
    let uploaded = write(&mut session, "a.bin", &content, &json!({"digest": digest(b"another")}));
    assert_refused(&uploaded.answer, "digest_mismatch");
    assert_eq!(session.read_file("a.bin"), b"old");
}

#[test]
fn a_large_write_with_a_wrong_digest_at_its_end_leaves_the_old_file() {
    let content = bytes("end", 2 * PIECE_BYTES);
    let server = server!().file("a.bin", b"old").start();
    let mut session = server.session();
    let ready = begin_large(&mut session, "a.bin", content.len(), &json!({}));
    send_pieces(&mut session, ready.id, &content, &differing_pieces(&content, &[]));
    session.send(&end(ready.id, &bytes("another", content.len())));
    assert_refused(&session.answer(ready.id), "digest_mismatch");
    assert_eq!(session.read_file("a.bin"), b"old");
}

#[test]
fn requests_before_and_after_a_large_write_are_answered_in_order() {
    let content = bytes("between", 2 * PIECE_BYTES);
    let server = server!().file("a.txt", b"hello").start();
    let mut session = server.session();
    let stat = session.request(json!({"type": "stat", "path": "a.txt"}));
    let write = session.request(write_request("b.bin", content.len(), &json!({})));
    assert_eq!(session.answer(stat)["type"], "found");
    assert_eq!(session.answer(write)["type"], "ready");
    send_pieces(&mut session, write, &content, &[0, 1]);
    session.send(&end(write, &content));
    let read = session.request(json!({"type": "read", "path": "b.bin"}));
    assert_written(&session.answer(write), &content);
    assert_eq!(session.answer(read)["type"], "reading");
    assert!(session.payload(read).bytes == content);
}

#[test]
fn a_file_larger_than_allowed_is_refused_before_it_is_sent_and_one_at_the_limit_lands() {
    let server = server!().option_with("--max-file-size", "2MiB").file("a.bin", b"old").start();
    let mut session = server.session();
    let (allowed, too_large) = (bytes("allowed", 2 << 20), bytes("too large", (2 << 20) + 1));
    let uploaded = write(&mut session, "a.bin", &too_large, &json!({}));
    assert_refused(&uploaded.answer, "too_large");
    assert_eq!(session.read_file("a.bin"), b"old");
    write_file(&mut session, "a.bin", &allowed);
}

#[test]
fn a_file_of_unknown_length_is_cut_off_at_the_largest_size_and_the_session_goes_on() {
    let server = server!().option_with("--max-file-size", "2MiB").file("a.bin", b"old").start();
    let mut session = server.session();
    let (allowed, too_large) = (bytes("allowed", 2 << 20), bytes("too large", 3 << 20));
    let uploaded = write(&mut session, "a.bin", &too_large, &json!({"byte_count": null}));
    assert_refused(&uploaded.answer, "too_large");
    assert_eq!(session.read_file("a.bin"), b"old");
    assert!(server.scratch().partials().is_empty());
    assert_written(&write(&mut session, "a.bin", &allowed, &json!({"byte_count": null})).answer, &allowed);
}

#[test]
fn a_file_larger_than_the_free_space_is_refused_before_it_is_sent() {
    let server = server!().start();
    let mut session = server.session();
    let id = session.request(json!({"type": "write", "path": "a.bin", "byte_count": 1_u64 << 52}));
    let answer = session.answer(id);
    assert!(answer["code"] == "no_space" || answer["code"] == "too_large", "{answer}");
    session.send(&abort(id));
    session.assert_works();
    assert!(server.scratch().partials().is_empty());
}
