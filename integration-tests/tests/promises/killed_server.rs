//! A broken transfer continues after the server was killed (case 25): what was `written` is there, anything
//! else left the old file, and a wanted partial is offered again while anything else is cleaned up.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::eventually_true;
use integration_tests::scratch::files_below;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::upload::{assert_written, begin_large, end, send_pieces, write, write_file};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const MAKER: &str = "cccccccccccccccccccccccccccccccc";

fn base_wanted() -> Value {
    json!({"base_wanted": true})
}

/// Begins an upload, sends its first pieces, and waits until the server has begun to keep them.
fn upload_begun(server: &Server, content: &[u8], piece_count: usize, fields: &Value) -> (Session, u64) {
    let mut session = Session::open_as(server.address(), MAKER);
    let id = begin_large(&mut session, "film.mov", content.len(), fields).id;
    send_pieces(&mut session, id, content, &(0..piece_count).collect::<Vec<_>>());
    eventually_true("the upload has begun", || !server.scratch().partials().is_empty());
    (session, id)
}

#[test]
fn a_server_killed_during_an_upload_has_the_old_file_after_its_restart_and_cleans_up() {
    let (old, new) = (bytes("old", 100_000), bytes("new", 4 * PIECE_BYTES));
    let mut server = server!().file("film.mov", &old).start();
    for piece_count in 0..=4 {
        let _session = upload_begun(&server, &new, piece_count, &json!({}));
        server.kill();
        assert!(server.scratch().shared("film.mov") == old, "killed after {piece_count} pieces");
        server.start_again();
        assert!(server.session().read_file("film.mov") == old, "killed after {piece_count} pieces");
        eventually_true("the left-over is cleaned up", || server.scratch().partials().is_empty());
    }
}

#[test]
fn a_server_killed_during_an_upload_offers_the_wanted_partial_after_its_restart() {
    let (old, new) = (bytes("old", 100_000), bytes("new", 6 * PIECE_BYTES));
    let mut server = server!().file("film.mov", &old).start();
    let (mut session, id) = upload_begun(&server, &new, 4, &base_wanted());
    // The server has taken all four pieces when it answers what comes after them in its own words.
    session.send(&json!({"type": "help", "id": id + 1}));
    while session.next_line().is_some() {}
    server.kill();
    server.start_again();
    assert!(server.session().read_file("film.mov") == old);
    let mut session = Session::open_as(server.address(), MAKER);
    let uploaded = write(&mut session, "film.mov", &new, &base_wanted());
    assert_written(&uploaded.answer, &new);
    assert!(
        uploaded.sent_byte_count <= 3 * PIECE_BYTES,
        "{} bytes were sent again",
        uploaded.sent_byte_count
    );
    assert!(session.read_file("film.mov") == new);
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn a_server_killed_while_pieces_arrive_continues_with_whatever_it_kept() {
    let new = bytes("new", 6 * PIECE_BYTES);
    let mut server = server!().start();
    for piece_count in [1, 3, 6] {
        let _session = upload_begun(&server, &new, piece_count, &base_wanted());
        server.kill();
        server.start_again();
        let mut session = Session::open_as(server.address(), MAKER);
        let uploaded = write(&mut session, "film.mov", &new, &base_wanted());
        assert_written(&uploaded.answer, &new);
        assert!(session.read_file("film.mov") == new, "killed after {piece_count} pieces");
        session.ask(json!({"type": "delete", "path": "film.mov"}));
    }
}

#[test]
fn a_server_killed_around_an_end_has_the_old_or_the_new_file() {
    let mut server = server!().start();
    let mut old = bytes("first", 2 * PIECE_BYTES);
    server.scratch().put("film.mov", &old);
    for round in 0..10 {
        let new = bytes(&format!("round {round}"), 2 * PIECE_BYTES);
        let (mut session, id) = upload_begun(&server, &new, 2, &json!({}));
        session.send(&end(id, &new));
        server.kill();
        let was_written = session.next_line().is_some_and(|line| line["type"] == "written");
        server.start_again();
        let now = server.session().read_file("film.mov");
        assert!(now == new || (now == old && !was_written), "round {round}, written: {was_written}");
        eventually_true("nothing is left over", || server.scratch().partials().is_empty());
        old = now;
    }
}

#[test]
fn what_was_written_survives_kill_minus_nine() {
    let mut server = server!().start();
    let content = |index: usize| bytes(&format!("file {index}"), 10_000 + index * 100_000);
    for index in 0..10 {
        write_file(&mut server.session(), &format!("file-{index}"), &content(index));
        server.kill();
        server.start_again();
        for earlier in 0..=index {
            assert!(server.scratch().shared(&format!("file-{earlier}")) == content(earlier));
        }
    }
    assert_eq!(files_below(&server.scratch().share()).len(), 10);
}

#[test]
fn a_state_folder_full_of_garbage_costs_time_and_nothing_else() {
    let content = bytes("content", 3 * PIECE_BYTES);
    let mut server = server!().file("film.mov", &content).start();
    let digest = json!({"type": "stat", "path": "film.mov", "with_digest": true});
    let before = server.session().ask(digest.clone())["digest"].clone();
    for garbage in [&b""[..], b"garbage", &bytes("garbage", 100_000)] {
        server.kill();
        for file in replaceable(&server.scratch().state()) {
            std::fs::write(file, garbage).unwrap();
        }
        server.start_again();
        assert_eq!(server.session().ask(digest.clone())["digest"], before);
    }
}

#[test]
fn a_state_folder_with_single_bytes_overwritten_costs_time_and_nothing_else() {
    let content = bytes("content", 3 * PIECE_BYTES);
    let mut server = server!().file("film.mov", &content).start();
    let digest = json!({"type": "stat", "path": "film.mov", "with_digest": true});
    let before = server.session().ask(digest.clone())["digest"].clone();
    let mut dice = integration_tests::content::Dice::new("overwritten");
    for round in 0..10 {
        server.kill();
        for file in replaceable(&server.scratch().state()) {
            let mut content = std::fs::read(&file).unwrap();
            for _ in 0..20 {
                let place = dice.below(content.len().max(1));
                content.get_mut(place).into_iter().for_each(|byte| *byte ^= 0xff);
            }
            std::fs::write(file, content).unwrap();
        }
        server.start_again();
        assert_eq!(server.session().ask(digest.clone())["digest"], before, "round {round}");
    }
}

/// What a server can make anew. Its key is who it is: nothing takes its place.
fn replaceable(state: &Path) -> Vec<PathBuf> {
    let mut files = files_below(state);
    files.retain(|file| file.file_name() != Some(OsStr::new("key")));
    files
}

#[test]
fn a_damaged_key_stops_the_start_and_is_not_replaced() {
    let mut server = server!().start();
    let key = server.scratch().state().join("key");
    let whole = std::fs::read(&key).unwrap();
    server.kill();
    for damaged in [&b""[..], b"garbage", &whole[..whole.len() - 1]] {
        std::fs::write(&key, damaged).unwrap();
        let (code, errors) = server!().with_state(server.scratch().state()).start_refused();
        assert!(code == 1 && errors.contains("key"), "{code}: {errors}");
        assert_eq!(std::fs::read(&key).unwrap(), damaged);
    }
    std::fs::write(&key, whole).unwrap();
    server.start_again();
    server.session().assert_works();
}
