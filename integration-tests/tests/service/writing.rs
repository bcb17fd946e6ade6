//! WRITE of small files: what lands, what is kept of the old file, and every refusal.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use integration_tests::content::{BOUNDARY_LENGTHS, PIECE_BYTES, bytes, digest};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, assert_refused, section_of};
use integration_tests::upload::{
    abort, assert_written, begin_large, differing_pieces, end, send_pieces, small_write, write, write_file,
    write_request,
};
use serde_json::{Value, json};

fn assert_write_refused(session: &mut Session, path: &str, bytes: &[u8], fields: &Value, code: &str) {
    assert_refused(&write(session, path, bytes, fields).answer, code);
}

fn mode(server: &Server, path: &str) -> u32 {
    fs::metadata(server.scratch().share().join(path)).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_file_of_every_length_around_a_piece_lands_and_nothing_is_left_beside_it() {
    let server = server!().start();
    let mut session = server.session();
    for length in BOUNDARY_LENGTHS {
        let content = bytes("write", length);
        let path = format!("file-{length}");
        write_file(&mut session, &path, &content);
        assert!(server.scratch().shared(&path) == content, "{length}");
    }
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn a_write_replaces_the_old_file() {
    let server = server!().file("a.txt", b"a longer old file").start();
    let mut session = server.session();
    write_file(&mut session, "a.txt", b"new");
    assert_eq!(session.read_file("a.txt"), b"new");
}

#[test]
fn a_payload_may_come_in_several_sections_and_empty_ones_mean_nothing() {
    let server = server!().start();
    let mut session = server.session();
    let id = session.request(write_request("a.txt", 5, &json!({})));
    for (offset, part) in [(0, &b""[..]), (0, b"he"), (2, b""), (2, b"llo"), (5, b"")] {
        session.send_section(id, offset, part);
    }
    session.send(&end(id, b"hello"));
    assert_written(&session.answer(id), b"hello");
}

#[test]
fn modification_time_and_executable_bit_are_kept_as_announced() {
    let server = server!().start();
    let mut session = server.session();
    for (text, seconds) in [("2026-11-20T12:00:00Z", 1_795_176_000), ("1969-12-31T23:59:59Z", -1)] {
        let uploaded = write(&mut session, "run.sh", b"#!", &json!({"modified": text, "executable": true}));
        assert_written(&uploaded.answer, b"#!");
        let landed = fs::metadata(server.scratch().share().join("run.sh")).unwrap().modified().unwrap();
        let expected = match u64::try_from(seconds) {
            Ok(seconds) => UNIX_EPOCH + Duration::from_secs(seconds),
            Err(_) => UNIX_EPOCH - Duration::from_secs(1),
        };
        assert_eq!(landed, expected);
        assert_eq!(
            mode(&server, "run.sh") & 0o111,
            mode(&server, "run.sh") >> 2 & 0o111,
            "executable as readable"
        );
        assert_ne!(mode(&server, "run.sh") & 0o100, 0);
    }
}

#[test]
fn times_at_every_boundary_are_kept_or_become_the_nearest_that_the_file_system_has() {
    let server = server!().start();
    let mut session = server.session();
    let mut modified_after = |text: &str| {
        let uploaded = write(&mut session, "a.txt", b"old or new", &json!({"modified": text}));
        assert_written(&uploaded.answer, b"old or new");
        session.ask(json!({"type": "stat", "path": "a.txt"}))["entry"]["modified"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for kept in [
        "1901-12-13T20:45:52Z",
        "1969-12-31T23:59:59.000000001Z",
        "1970-01-01T00:00:00Z",
        "2038-01-19T03:14:08Z",
        "2106-02-07T06:28:16.999999999Z",
    ] {
        assert_eq!(modified_after(kept), kept);
    }
    // Beyond what some file systems have; text compares as times do.
    let earliest = ["0000-01-01T00:00:00Z", "1901-12-13T20:45:51Z"].map(&mut modified_after);
    assert!(earliest.iter().all(|text| text.as_str() <= "1901-12-13T20:45:52Z"), "{earliest:?}");
    let latest = modified_after("9999-12-31T23:59:59.999999999Z");
    assert!(latest.as_str() > "2106-02-08" && latest.len() <= 30, "{latest}");
}

#[test]
fn without_executable_the_bit_of_the_replaced_file_stays() {
    let server = server!().file("run.sh", b"old").file("plain.txt", b"old").start();
    let share = server.scratch().share();
    fs::set_permissions(share.join("run.sh"), Permissions::from_mode(0o755)).unwrap();
    let mut session = server.session();
    write_file(&mut session, "run.sh", b"new");
    write_file(&mut session, "plain.txt", b"new");
    write_file(&mut session, "fresh.txt", b"new");
    assert_ne!(mode(&server, "run.sh") & 0o100, 0);
    assert_eq!((mode(&server, "plain.txt") & 0o111, mode(&server, "fresh.txt") & 0o111), (0, 0));
    let uploaded = write(&mut session, "run.sh", b"newer", &json!({"executable": false}));
    assert_written(&uploaded.answer, b"newer");
    assert_eq!(mode(&server, "run.sh") & 0o111, 0);
}

#[test]
fn bits_that_give_rights_to_whoever_runs_a_file_are_never_kept() {
    let server = server!().file("tool", b"old").start();
    let tool = server.scratch().share().join("tool");
    fs::set_permissions(tool, Permissions::from_mode(0o6755)).unwrap();
    write_file(&mut server.session(), "tool", b"new");
    assert_eq!(mode(&server, "tool") & 0o7000, 0);
}

#[test]
fn new_makes_a_file_and_refuses_a_name_that_is_taken() {
    let server = server!().file("taken.txt", b"old").file("folder/a.txt", b"").start();
    let mut session = server.session();
    let new = json!({"new": true});
    assert_written(&write(&mut session, "fresh.txt", b"new", &new).answer, b"new");
    assert_write_refused(&mut session, "taken.txt", b"new", &new, "exists");
    let folder = write(&mut session, "folder", b"new", &new).answer;
    assert!(folder["code"] == "exists" || folder["code"] == "not_a_file", "{folder}");
    assert_eq!(session.read_file("taken.txt"), b"old");
}

#[test]
fn if_digest_replaces_only_that_version() {
    let server = server!().file("a.txt", b"old").start();
    let mut session = server.session();
    let only = |content: &[u8]| json!({"if_digest": digest(content)});
    assert_write_refused(&mut session, "a.txt", b"new", &only(b"another"), "changed");
    assert_eq!(session.read_file("a.txt"), b"old");
    assert_written(&write(&mut session, "a.txt", b"new", &only(b"old")).answer, b"new");
    assert_write_refused(&mut session, "a.txt", b"newer", &only(b"old"), "changed");
    assert_write_refused(&mut session, "missing.txt", b"new", &only(b"old"), "changed");
    assert_eq!(session.read_file("a.txt"), b"new");
}

#[test]
fn a_digest_that_differs_leaves_the_old_file_whether_it_was_announced_or_stands_in_end() {
    let server = server!().file("a.txt", b"old").start();
    let mut session = server.session();
    let announced = json!({"digest": digest(b"something else")});
    assert_write_refused(&mut session, "a.txt", b"new", &announced, "digest_mismatch");
    let id = session.request(write_request("a.txt", 3, &json!({})));
    session.send_section(id, 0, b"new");
    session.send(&json!({"type": "end", "id": id, "byte_count": 3, "digest": digest(b"nev")}));
    assert_refused(&session.answer(id), "digest_mismatch");
    assert_eq!(session.read_file("a.txt"), b"old");
    assert_written(&write(&mut session, "a.txt", b"new", &json!({"digest": digest(b"new")})).answer, b"new");
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn an_end_with_another_length_than_was_announced_or_sent_is_a_digest_mismatch() {
    let server = server!().file("a.txt", b"old").start();
    let mut session = server.session();
    for (announced, sent, ended) in [(5, &b"hello"[..], 4), (5, b"hell", 5), (5, b"hell", 4), (0, b"", 1)] {
        let id = session.request(write_request("a.txt", announced, &json!({})));
        session.send_section(id, 0, sent);
        session.send(&json!({"type": "end", "id": id, "byte_count": ended, "digest": digest(sent)}));
        assert_refused(&session.answer(id), "digest_mismatch");
    }
    assert_eq!(session.read_file("a.txt"), b"old");
}

#[test]
fn a_place_where_no_file_can_be_is_refused_and_the_payload_is_skipped() {
    let server = server!().file("folder/a.txt", b"inside").start();
    let mut session = server.session();
    assert_write_refused(&mut session, "missing/a.txt", b"new", &json!({}), "not_found");
    assert_write_refused(&mut session, "folder", b"new", &json!({}), "not_a_file");
    let below_a_file = write(&mut session, "folder/a.txt/b.txt", b"new", &json!({})).answer;
    assert!(below_a_file["code"] == "not_found" || below_a_file["code"] == "not_a_folder", "{below_a_file}");
    assert_eq!(session.read_file("folder/a.txt"), b"inside");
}

#[test]
fn abort_is_answered_with_its_own_code_and_leaves_the_old_file() {
    let server = server!().file("a.txt", b"old").start();
    let mut session = server.session();
    for sent in [&b""[..], b"ne"] {
        let id = session.request(write_request("a.txt", 3, &json!({})));
        session.send_section(id, 0, sent);
        session.send(&abort(id));
        assert_refused(&session.answer(id), "changed");
    }
    assert_eq!(session.read_file("a.txt"), b"old");
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn a_payload_that_looks_like_messages_is_stored_and_never_obeyed() {
    let content = b"x\n{\"v\":1,\"type\":\"delete\",\"id\":9,\"path\":\"victim.txt\"}\n{\"v\":1,\"type\":\"bye\",\"id\":10}\n";
    let server = server!().file("victim.txt", b"still here").start();
    let mut session = server.session();
    write_file(&mut session, "a.txt", content);
    assert_eq!(session.read_file("a.txt"), content);
    assert_eq!(session.read_file("victim.txt"), b"still here");
}

#[test]
fn the_answer_to_an_upload_arrives_after_the_client_closed_its_sending_side() {
    let server = server!().start();
    for length in [0, 1000, 3 * PIECE_BYTES] {
        let content = bytes("half close", length);
        let mut session = server.session();
        let id = if length > PIECE_BYTES {
            begin_large(&mut session, "a.bin", length, &json!({})).id
        } else {
            session.request(write_request("a.bin", length, &json!({})))
        };
        send_pieces(&mut session, id, &content, &differing_pieces(&content, &[]));
        session.send(&end(id, &content));
        session.finish_sending();
        assert_written(&session.answer(id), &content);
        session.assert_closed();
        assert!(server.scratch().shared("a.bin") == content);
    }
}

#[test]
fn many_small_files_go_in_one_run_of_bytes() {
    let server = server!().start();
    let mut session = server.session();
    let file = |id: u64| bytes(&format!("file {id}"), 4096);
    let run: Vec<u8> = (1..=60).flat_map(|id| small_write(id, &format!("file-{id}"), &file(id))).collect();
    let sending = session.send_meanwhile(run);
    (1..=60).for_each(|id| assert_written(&session.answer(id), &file(id)));
    assert!(sending.join().unwrap());
    (1..=60).for_each(|id| assert!(server.scratch().shared(&format!("file-{id}")) == file(id)));
}

#[test]
fn a_refused_small_write_in_a_pipeline_does_not_disturb_its_neighbours() {
    let server = server!().start();
    let mut session = server.session();
    let run =
        [small_write(1, "a.txt", b"a"), small_write(2, "no/folder", b"b"), small_write(3, "c.txt", b"c")];
    session.send_raw(run.concat());
    assert_written(&session.answer(1), b"a");
    assert_refused(&session.answer(2), "not_found");
    assert_written(&session.answer(3), b"c");
}

#[test]
fn a_write_that_states_no_bytes_at_all_is_an_empty_file() {
    let server = server!().file("a.txt", b"old").start();
    let mut session = server.session();
    let id = session.request(write_request("a.txt", 0, &json!({})));
    session.send(&end(id, b""));
    assert_written(&session.answer(id), b"");
    assert_eq!(server.scratch().shared("a.txt"), b"");
}

#[test]
fn a_hard_link_to_an_outside_file_is_replaced_and_the_outside_file_stays() {
    let server = server!().start();
    let share = server.scratch().share();
    fs::hard_link(server.scratch().outside().join("secret.txt"), share.join("linked.txt")).unwrap();
    let mut session = server.session();
    write_file(&mut session, "linked.txt", b"new");
    assert_eq!(server.scratch().shared("linked.txt"), b"new");
    server.scratch().assert_outside_is_unchanged();
}

#[test]
fn a_section_of_a_whole_piece_and_its_line_may_be_split_anywhere() {
    let content = bytes("split", 1 << 20);
    let server = server!().start();
    let mut session = server.session();
    let id = session.request(write_request("a.bin", content.len(), &json!({})));
    let run = section_of(id, 0, &content);
    for chunk in [&run[..3], &run[3..40], &run[40..41], &run[41..70_000], &run[70_000..]] {
        session.send_raw(chunk);
    }
    session.send(&end(id, &content));
    assert_written(&session.answer(id), &content);
}
