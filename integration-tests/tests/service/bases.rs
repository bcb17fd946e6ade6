//! WRITE over a base: after a broken connection, and over an older version, only what differs is sent.

use integration_tests::content::{PIECE_BYTES, bytes, digest, inner_piece_value, piece, piece_count};
use integration_tests::patience::eventually_true;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::{
    assert_written, begin_large, differing_pieces, end, send_pieces, write, write_file,
};
use serde_json::{Value, json};

const MAKER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const STRANGER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn base_wanted() -> Value {
    json!({"base_wanted": true})
}

fn inner_values(bytes: &[u8]) -> Vec<[u8; 32]> {
    (0..piece_count(bytes.len())).map(|index| inner_piece_value(piece(bytes, index), index)).collect()
}

/// Sends the first pieces of an upload and breaks the connection, with an orderly end or a reset.
fn break_after(server: &Server, content: &[u8], piece_count: usize, with_reset: bool) {
    let mut session = Session::open_as(server.address(), MAKER);
    let ready = begin_large(&mut session, "film.mov", content.len(), &base_wanted());
    send_pieces(&mut session, ready.id, content, &(0..piece_count).collect::<Vec<_>>());
    if with_reset {
        session.reset();
    } else {
        drop(session);
    }
    server.wait_until_alone();
}

#[test]
fn over_an_older_version_only_the_pieces_that_differ_are_sent() {
    let old = bytes("version", 6 * PIECE_BYTES + 99);
    let server = server!().file("film.mov", &old).start();
    let mut new = old.clone();
    new[2 * PIECE_BYTES + 7] ^= 1;
    new.extend_from_slice(b"and a longer end");
    let mut session = server.session();
    let uploaded = write(&mut session, "film.mov", &new, &base_wanted());
    assert_written(&uploaded.answer, &new);
    // Whole pieces only: the old file's last one is no piece of the longer new file.
    assert_eq!(uploaded.base.as_deref(), Some(&inner_values(&old)[..6]));
    assert_eq!(uploaded.sent_byte_count, PIECE_BYTES + 99 + 16);
    assert!(session.read_file("film.mov") == new);
}

#[test]
fn a_base_longer_than_the_new_file_is_cut() {
    let old = bytes("shrinks", 5 * PIECE_BYTES);
    let server = server!().file("film.mov", &old).start();
    for length in [3 * PIECE_BYTES, 2 * PIECE_BYTES + 1, PIECE_BYTES + 1] {
        let mut session = server.session();
        let new = &old[..length];
        let uploaded = write(&mut session, "film.mov", new, &base_wanted());
        assert_written(&uploaded.answer, new);
        assert!(session.read_file("film.mov") == new, "{length}");
        assert!(uploaded.sent_byte_count < PIECE_BYTES, "{} bytes sent", uploaded.sent_byte_count);
    }
}

#[test]
fn nothing_is_sent_over_an_equal_file_and_everything_over_a_different_one() {
    let (old, other) = (bytes("equal", 3 * PIECE_BYTES), bytes("other", 3 * PIECE_BYTES));
    let server = server!().file("film.mov", &old).start();
    let mut session = server.session();
    let equal = write(&mut session, "film.mov", &old, &base_wanted());
    assert_written(&equal.answer, &old);
    assert_eq!(equal.sent_byte_count, 0);
    let different = write(&mut session, "film.mov", &other, &base_wanted());
    assert_written(&different.answer, &other);
    assert_eq!(different.sent_byte_count, other.len());
    assert!(session.read_file("film.mov") == other);
}

#[test]
fn a_small_file_has_no_base() {
    let content = bytes("small", PIECE_BYTES);
    let server = server!().file("a.bin", &content).start();
    let uploaded = write(&mut server.session(), "a.bin", &content, &base_wanted());
    assert_written(&uploaded.answer, &content);
}

#[test]
fn a_broken_upload_continues_from_what_arrived() {
    let content = bytes("broken", 6 * PIECE_BYTES + 5);
    let server = server!().start();
    for with_reset in [false, true] {
        break_after(&server, &content, 4, with_reset);
        let mut session = Session::open_as(server.address(), MAKER);
        let uploaded = write(&mut session, "film.mov", &content, &base_wanted());
        assert_written(&uploaded.answer, &content);
        // A reset may overtake what was sent before it.
        assert!(with_reset || uploaded.sent_byte_count <= 3 * PIECE_BYTES, "{}", uploaded.sent_byte_count);
        assert!(session.read_file("film.mov") == content);
        assert!(server.scratch().partials().is_empty());
        assert_eq!(session.ask(json!({"type": "delete", "path": "film.mov"}))["type"], "deleted");
    }
}

#[test]
fn a_broken_upload_leaves_the_old_file_and_continues_over_both() {
    let (old, new) = (bytes("old", 6 * PIECE_BYTES), bytes("new", 6 * PIECE_BYTES));
    // The new version has the old one's last two pieces.
    let new = [&new[..4 * PIECE_BYTES], &old[4 * PIECE_BYTES..]].concat();
    let server = server!().file("film.mov", &old).start();
    break_after(&server, &new, 3, false);
    assert!(server.session().read_file("film.mov") == old);
    let mut session = Session::open_as(server.address(), MAKER);
    let uploaded = write(&mut session, "film.mov", &new, &base_wanted());
    assert_written(&uploaded.answer, &new);
    // Three pieces from the partial and two from the old file behind it: one is left.
    assert_eq!(uploaded.sent_byte_count, PIECE_BYTES);
    assert!(session.read_file("film.mov") == new);
}

#[test]
fn a_writer_that_changed_its_mind_continues_onto_a_different_file() {
    let (first, second) = (bytes("first", 4 * PIECE_BYTES), bytes("second", 3 * PIECE_BYTES + 1));
    let server = server!().start();
    break_after(&server, &first, 4, false);
    let mut session = Session::open_as(server.address(), MAKER);
    let uploaded = write(&mut session, "film.mov", &second, &base_wanted());
    assert_written(&uploaded.answer, &second);
    assert_eq!(uploaded.sent_byte_count, second.len());
    assert!(session.read_file("film.mov") == second);
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn a_writer_that_skips_a_piece_which_differs_is_found_out_by_the_digest() {
    let (old, new) = (bytes("old", 3 * PIECE_BYTES), bytes("new", 3 * PIECE_BYTES));
    let server = server!().file("film.mov", &old).start();
    let mut session = server.session();
    let ready = begin_large(&mut session, "film.mov", new.len(), &base_wanted());
    send_pieces(&mut session, ready.id, &new, &[0, 2]);
    session.send(&end(ready.id, &new));
    assert_refused(&session.answer(ready.id), "digest_mismatch");
    assert!(session.read_file("film.mov") == old);
}

#[test]
fn a_broken_upload_without_a_base_wanted_leaves_nothing() {
    let content = bytes("no base", 3 * PIECE_BYTES);
    let server = server!().start();
    let mut session = server.session();
    let ready = begin_large(&mut session, "film.mov", content.len(), &json!({}));
    send_pieces(&mut session, ready.id, &content, &[0, 1]);
    eventually_true("the upload has begun", || !server.scratch().partials().is_empty());
    drop(session);
    eventually_true("nothing is left of it", || server.scratch().partials().is_empty());
}

#[test]
fn a_second_upload_by_another_process_is_busy_while_the_first_runs() {
    let content = bytes("busy", 3 * PIECE_BYTES);
    let server = server!().start();
    let mut first = Session::open_as(server.address(), MAKER);
    let ready = begin_large(&mut first, "film.mov", content.len(), &base_wanted());
    let mut second = Session::open_as(server.address(), STRANGER);
    assert_refused(&write(&mut second, "film.mov", &content, &base_wanted()).answer, "busy");
    second.assert_works();
    send_pieces(&mut first, ready.id, &content, &differing_pieces(&content, &[]));
    first.send(&end(ready.id, &content));
    assert_written(&first.answer(ready.id), &content);
    assert_written(&write(&mut second, "film.mov", &content, &base_wanted()).answer, &content);
}

#[test]
fn a_second_upload_by_the_same_process_ends_the_older_session_and_continues() {
    let content = bytes("takes over", 4 * PIECE_BYTES);
    let server = server!().start();
    let mut first = Session::open_as(server.address(), MAKER);
    let ready = begin_large(&mut first, "film.mov", content.len(), &base_wanted());
    send_pieces(&mut first, ready.id, &content, &[0, 1]);
    // The first session still stands, as after a cut that only the client has noticed.
    let partial_length =
        || server.scratch().partials().iter().map(|p| p.metadata().unwrap().len()).sum::<u64>();
    eventually_true("two pieces have arrived", || partial_length() >= 2 * PIECE_BYTES as u64);
    let mut second = Session::open_as(server.address(), MAKER);
    let uploaded = write(&mut second, "film.mov", &content, &base_wanted());
    assert_written(&uploaded.answer, &content);
    assert!(uploaded.sent_byte_count <= 3 * PIECE_BYTES, "{}", uploaded.sent_byte_count);
    assert!(second.read_file("film.mov") == content);
    while first.next_line().is_some() {}
}

#[test]
fn writes_without_a_base_wanted_do_not_wait_for_each_other_and_the_last_to_end_stays() {
    let (one, two) = (bytes("one", 2 * PIECE_BYTES), bytes("two", 2 * PIECE_BYTES));
    let server = server!().start();
    let (mut first, mut second) = (server.session(), server.session());
    let first_ready = begin_large(&mut first, "film.mov", one.len(), &json!({}));
    write_file(&mut second, "film.mov", &two);
    assert!(second.read_file("film.mov") == two);
    send_pieces(&mut first, first_ready.id, &one, &[0, 1]);
    first.send(&end(first_ready.id, &one));
    assert_written(&first.answer(first_ready.id), &one);
    assert!(second.read_file("film.mov") == one);
}

#[test]
fn a_stranger_that_overwrites_a_partials_target_by_a_small_file_does_not_lose_it_for_its_maker() {
    let content = bytes("kept", 4 * PIECE_BYTES);
    let server = server!().start();
    break_after(&server, &content, 3, false);
    let mut stranger = Session::open_as(server.address(), STRANGER);
    write_file(&mut stranger, "film.mov", b"small");
    let mut maker = Session::open_as(server.address(), MAKER);
    let uploaded = write(&mut maker, "film.mov", &content, &base_wanted());
    assert_written(&uploaded.answer, &content);
    assert!(maker.read_file("film.mov") == content);
    let found = maker.ask(json!({"type": "stat", "path": "film.mov", "with_digest": true}));
    assert_eq!(found["digest"], digest(&content));
}

#[test]
fn a_file_with_the_announced_digest_elsewhere_is_the_base_even_over_another_one() {
    let (film, other) = (bytes("elsewhere", 3 * PIECE_BYTES + 5), bytes("other", 4 * PIECE_BYTES));
    let server = server!().file("films/film.mov", &film).file("taken.mov", &other).start();
    let mut session = server.session();
    let announced = json!({"base_wanted": true, "digest": digest(&film)});
    // Nobody has hashed it yet.
    let ready = begin_large(&mut session, "early.mov", film.len(), &announced);
    assert_eq!(ready.base, None);
    drop(session);
    server.wait_until_alone();
    let mut session = server.session();
    session.ask(json!({"type": "stat", "path": "films/film.mov", "with_digest": true}));
    for path in ["free.mov", "taken.mov"] {
        let uploaded = write(&mut session, path, &film, &announced);
        assert_written(&uploaded.answer, &film);
        assert_eq!(uploaded.base.as_deref(), Some(&inner_values(&film)[..]), "{path}");
        assert_eq!(uploaded.sent_byte_count, 0, "{path}");
        assert!(session.read_file(path) == film, "{path}");
    }
    assert!(session.read_file("films/film.mov") == film);
    // Without `base_wanted` the digest is only held against what comes.
    let uploaded = write(&mut session, "plain.mov", &film, &json!({"digest": digest(&film)}));
    assert_eq!((uploaded.base, uploaded.sent_byte_count), (None, film.len()));
}
