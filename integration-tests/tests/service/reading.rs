//! READ: whole files and ranges, by path and by digest, with a digest of exactly the bytes that were sent.

use std::fs::File;
use std::os::unix::fs::FileExt;

use integration_tests::content::{BOUNDARY_LENGTHS, PIECE_BYTES, bytes, digest};
use integration_tests::server;
use integration_tests::session::{BYTE_COUNT_MAX, Session};
use serde_json::{Value, json};

/// Asks for ranges of a file; returns their bytes.
fn read_ranges(session: &mut Session, path: &str, ranges: &[(u64, u64)]) -> Vec<u8> {
    let (_, payload) = session.read(json!({"type": "read", "path": path, "ranges": as_json(ranges)}));
    assert_eq!(payload.end["type"], "end", "{}", payload.end);
    payload.bytes
}

fn as_json(ranges: &[(u64, u64)]) -> Value {
    let range = |(offset, byte_count): &(u64, u64)| json!({"offset": offset, "byte_count": byte_count});
    ranges.iter().map(range).collect()
}

#[test]
fn a_whole_file_arrives_byte_for_byte_at_every_length_around_a_piece() {
    let server = server!().start();
    let mut session = server.session();
    for length in BOUNDARY_LENGTHS {
        let content = bytes("read", length);
        let path = format!("file-{length}");
        server.scratch().put(&path, &content);
        let (reading, payload) = session.read(json!({"type": "read", "path": path}));
        assert!(payload.bytes == content, "{length}: other bytes");
        assert_eq!(reading["entry"]["byte_count"], length);
        assert_eq!(payload.end["type"], "end", "{}", payload.end);
        let file_digest = payload.end.get("file_digest");
        assert!(file_digest.is_none_or(|value| *value == digest(&content)), "{}", payload.end);
    }
}

#[test]
fn a_file_that_is_asked_for_again_and_again_is_always_the_one_that_is_there_now() {
    let server = server!().file("folder/note", "first").start();
    let (share, mut session) = (server.scratch().share(), server.session());
    let mut assert_read = |content: &str| {
        for _ in 0..4 {
            let (reading, payload) = session.read(json!({"type": "read", "path": "folder/note"}));
            assert_eq!(payload.bytes, content.as_bytes());
            assert_eq!(reading["file_digest"], digest(content.as_bytes()));
            assert_eq!(payload.end["digest"], digest(content.as_bytes()));
        }
    };
    let note = share.join("folder/note");
    let times = File::open(&note).unwrap().metadata().unwrap().modified().unwrap();
    assert_read("first");
    // In place, as long as before and no newer.
    let file = File::options().write(true).open(&note).unwrap();
    file.write_all_at(b"other", 0).unwrap();
    file.set_modified(times).unwrap();
    assert_read("other");
    std::fs::write(share.join("new"), "third").unwrap();
    std::fs::rename(share.join("new"), &note).unwrap();
    assert_read("third");
    std::fs::rename(share.join("folder"), share.join("elsewhere")).unwrap();
    server.scratch().put("folder/note", "fourth");
    assert_read("fourth");
    std::fs::write(&note, "").unwrap();
    assert_read("");
    std::fs::remove_file(&note).unwrap();
    session.ask_refused(json!({"type": "read", "path": "folder/note"}), "not_found");
    std::fs::create_dir(&note).unwrap();
    session.ask_refused(json!({"type": "read", "path": "folder/note"}), "not_a_file");
}

#[test]
fn a_file_that_is_asked_for_again_and_again_is_refused_where_another_version_is_wanted() {
    let server = server!().file("note", "here").start();
    let mut session = server.session();
    for _ in 0..4 {
        assert_eq!(session.read_file("note"), b"here");
        let wanted = json!({"type": "read", "path": "note", "if_digest": digest(b"there")});
        session.ask_refused(wanted, "changed");
    }
}

#[test]
fn sections_cover_the_file_from_its_start_without_a_gap() {
    let content = bytes("sections", 3 * PIECE_BYTES + 5);
    let server = server!().file("file", &content).start();
    let (_, payload) = server.session().read(json!({"type": "read", "path": "file"}));
    let mut expected = 0;
    for (offset, byte_count) in payload.sections {
        assert_eq!(offset, expected);
        expected += byte_count as u64;
    }
    assert_eq!(expected, content.len() as u64);
}

#[test]
fn ranges_are_sorted_and_merged_and_only_they_are_sent() {
    let content = bytes("ranges", 3 * PIECE_BYTES);
    let server = server!().file("file", &content).start();
    let mut session = server.session();
    let piece = PIECE_BYTES as u64;
    let ranges = as_json(&[(2 * piece, 10), (5, 10), (10, 20), (30, 1), (2 * piece - 1, 3)]);
    let (reading, payload) = session.read(json!({"type": "read", "path": "file", "ranges": ranges}));
    let expected = [&content[5..31], &content[2 * PIECE_BYTES - 1..2 * PIECE_BYTES + 10]].concat();
    assert!(payload.bytes == expected);
    assert_eq!(reading["ranges"], as_json(&[(5, 26), (2 * piece - 1, 11)]), "{reading}");
    assert_eq!(payload.sections[0].0, 5);
    assert_eq!(reading["entry"]["byte_count"], content.len());
}

#[test]
fn what_lies_past_the_end_is_left_out() {
    let content = bytes("past", 1000);
    let server = server!().file("file", &content).start();
    let mut session = server.session();
    assert_eq!(read_ranges(&mut session, "file", &[(990, 100)]), content[990..]);
    assert_eq!(read_ranges(&mut session, "file", &[(0, BYTE_COUNT_MAX)]), content);
    for empty in [(1000, 1), (1001, 5), (BYTE_COUNT_MAX, BYTE_COUNT_MAX), (0, 0), (500, 0)] {
        assert_eq!(read_ranges(&mut session, "file", &[empty]), b"", "{empty:?}");
    }
    assert_eq!(read_ranges(&mut session, "file", &[(998, 1), (BYTE_COUNT_MAX, 1), (999, 9)]), content[998..]);
}

#[test]
fn as_many_ranges_as_the_limit_allows_are_read_and_one_more_closes_the_connection() {
    let content = bytes("many", 1000);
    let server = server!().file("file", &content).start();
    let ranges: Vec<(u64, u64)> = (0..256).map(|index| (2 * index, 1)).collect();
    let expected: Vec<u8> = content.iter().step_by(2).take(256).copied().collect();
    let mut session = server.session();
    assert_eq!(read_ranges(&mut session, "file", &ranges), expected);
    let one_more: Vec<(u64, u64)> = (0..257).map(|index| (2 * index, 1)).collect();
    session.ask_refused(json!({"type": "read", "path": "file", "ranges": as_json(&one_more)}), "bad_message");
    session.assert_closed();
}

#[test]
fn a_range_far_into_a_huge_sparse_file_is_read() {
    let server = server!().file("huge", b"").start();
    let file = File::options().write(true).open(server.scratch().share().join("huge")).unwrap();
    let offset = 4_500_000_000_000;
    file.set_len(5_000_000_000_000).unwrap();
    file.write_all_at(b"needle", offset).unwrap();
    let mut session = server.session();
    assert_eq!(read_ranges(&mut session, "huge", &[(offset - 1, 8)]), b"\0needle\0");
    assert_eq!(read_ranges(&mut session, "huge", &[(5_000_000_000_000 - 3, 9)]), [0, 0, 0]);
}

#[test]
fn if_digest_reads_that_version_and_refuses_any_other() {
    let server = server!().file("a.txt", b"this").start();
    let mut session = server.session();
    let this = json!({"type": "read", "path": "a.txt", "if_digest": digest(b"this")});
    assert_eq!(session.read(this.clone()).1.bytes, b"this");
    server.scratch().put("a.txt", b"another");
    session.ask_refused(this, "changed");
    session.assert_works();
}

#[test]
fn a_hashed_file_is_read_by_its_digest_alone() {
    let content = bytes("by digest", 2 * PIECE_BYTES + 9);
    let server = server!().file("in/file", &content).start();
    let mut session = server.session();
    let by_digest = json!({"type": "read", "digest": digest(&content)});
    session.ask_refused(by_digest.clone(), "not_found");
    session.request(json!({"type": "stat", "path": "in/file", "with_digest": true}));
    assert_eq!(session.line()["type"], "found");
    let (reading, payload) = session.read(by_digest);
    assert!(payload.bytes == content);
    assert_eq!(reading["entry"]["path"], "in/file");
}

#[test]
fn what_cannot_be_read_is_refused_and_the_session_goes_on() {
    let server = server!().file("folder/a.txt", b"a").start();
    let mut session = server.session();
    session.ask_refused(json!({"type": "read", "path": "missing"}), "not_found");
    session.ask_refused(json!({"type": "read", "path": "folder"}), "not_a_file");
    session.ask_refused(json!({"type": "read", "path": "folder/missing"}), "not_found");
    assert_eq!(session.read_file("folder/a.txt"), b"a");
}

#[test]
fn a_read_that_names_nothing_is_refused() {
    let server = server!().start();
    server.session().ask_refused(json!({"type": "read"}), "bad_message");
}

#[test]
fn the_full_answer_arrives_after_the_client_closed_its_sending_side() {
    let content = bytes("half close", 8 * PIECE_BYTES);
    let server = server!().file("file", &content).start();
    let mut session = server.session();
    session.request(json!({"type": "read", "path": "file"}));
    session.finish_sending();
    assert_eq!(session.answer(1)["type"], "reading");
    assert!(session.payload(1).bytes == content);
    session.assert_closed();
}

#[test]
fn a_file_that_shrinks_while_it_is_read_ends_as_failed_and_the_session_goes_on() {
    let server = server!().file("file", b"").start();
    let file = File::options().write(true).open(server.scratch().share().join("file")).unwrap();
    file.set_len(64 * PIECE_BYTES as u64).unwrap();
    let mut session = server.session();
    let id = session.request(json!({"type": "read", "path": "file"}));
    assert_eq!(session.answer(id)["type"], "reading");
    // Much more is announced than the sockets hold, so the server cannot have read it all.
    file.set_len(10).unwrap();
    let payload = session.payload(id);
    assert_eq!(payload.end["type"], "failed", "{}", payload.end);
    session.assert_works();
}

#[test]
fn a_file_that_grows_while_it_is_read_gives_the_announced_bytes_or_fails() {
    let content = bytes("grows", 32 * PIECE_BYTES);
    let server = server!().file("file", &content).start();
    let mut session = server.session();
    let id = session.request(json!({"type": "read", "path": "file"}));
    assert_eq!(session.answer(id)["byte_count"], content.len());
    let file = File::options().append(true).open(server.scratch().share().join("file")).unwrap();
    std::io::Write::write_all(&mut &file, b"and more").unwrap();
    let payload = session.payload(id);
    assert!(payload.end["type"] == "failed" || payload.bytes == content, "{}", payload.end);
    session.assert_works();
}
