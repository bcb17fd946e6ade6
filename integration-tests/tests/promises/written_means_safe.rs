//! `written` means safe: whatever a client does before it has its reply, the old file is there, byte for
//! byte, with its mode and time, or the complete new one (case 24).

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::scratch::tree_digest;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, line_of, section_of, with_id};
use integration_tests::upload::{begin_large, end, small_write, write_request};
use serde_json::json;

/// A server with an old file that has a mode and a time of its own.
fn server_with_an_old_file() -> Server {
    let server = server!().file("film.mov", bytes("old", 2 * PIECE_BYTES)).start();
    let path = server.scratch().share().join("film.mov");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(UNIX_EPOCH + Duration::from_secs(77))
        .unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
    server
}

/// Ends a session as a killed client does, by an orderly end or by a reset, and waits until the server has
/// done with it.
fn leave(server: &Server, session: Session, with_reset: bool) {
    if with_reset {
        session.reset();
    } else {
        drop(session);
    }
    server.wait_until_alone();
}

#[test]
fn a_client_that_dies_during_a_small_write_leaves_the_old_file() {
    let server = server_with_an_old_file();
    let film = server.scratch().share().join("film.mov");
    let old = tree_digest(&film);
    let content = bytes("new", 300_000);
    let request = line_of(&with_id(write_request("film.mov", content.len(), &json!({})), 1));
    let whole = small_write(1, "film.mov", &content);
    let sections_end = request.len() + section_of(1, 0, &content).len();
    for with_reset in [false, true] {
        for sent in [
            request.len(),
            request.len() + 1,
            whole.len() / 2,
            sections_end - 1,
            sections_end,
            whole.len() - 1,
        ] {
            let mut session = server.session();
            session.send_raw(&whole[..sent]);
            leave(&server, session, with_reset);
            assert!(server.scratch().partials().is_empty());
            assert_eq!(tree_digest(&film), old, "after {sent} of {} bytes", whole.len());
        }
    }
}

#[test]
fn a_client_that_dies_during_a_large_write_leaves_the_old_file() {
    let server = server_with_an_old_file();
    let film = server.scratch().share().join("film.mov");
    let old = tree_digest(&film);
    let content = bytes("new", 3 * PIECE_BYTES);
    let piece = |index: usize| (index * PIECE_BYTES) as u64;
    for with_reset in [false, true] {
        for sent in [0, 1, content.len() / 2, content.len() - 1, content.len()] {
            let mut session = server.session();
            let id = begin_large(&mut session, "film.mov", content.len(), &json!({})).id;
            let sections: Vec<u8> = content
                .chunks(PIECE_BYTES)
                .enumerate()
                .flat_map(|(i, part)| section_of(id, piece(i), part))
                .collect();
            session.send_raw(&sections[..sections.len() - (content.len() - sent)]);
            leave(&server, session, with_reset);
            assert!(server.scratch().partials().is_empty());
            assert_eq!(tree_digest(&film), old, "after {sent} of {} bytes", content.len());
        }
    }
}

#[test]
fn a_client_that_dies_before_its_reply_leaves_the_old_or_the_complete_new_file() {
    let server = server_with_an_old_file();
    let (old, new) = (server.scratch().shared("film.mov"), bytes("new", 2 * PIECE_BYTES));
    for with_reset in [false, true] {
        let mut session = server.session();
        let id = begin_large(&mut session, "film.mov", new.len(), &json!({})).id;
        session.send_section(id, 0, &new[..PIECE_BYTES]);
        session.send_section(id, PIECE_BYTES as u64, &new[PIECE_BYTES..]);
        session.send(&end(id, &new));
        leave(&server, session, with_reset);
        let now = server.scratch().shared("film.mov");
        assert!(now == old || now == new, "neither the old nor the new file");
        assert!(server.scratch().partials().is_empty());
    }
}

#[test]
fn what_was_written_is_there_for_every_other_session_at_once() {
    let server = server_with_an_old_file();
    let mut others: Vec<Session> = (0..4).map(|_| server.session()).collect();
    let mut writer = server.session();
    for round in 0..20 {
        let content = bytes(&format!("round {round}"), 70_000);
        integration_tests::upload::write_file(&mut writer, "film.mov", &content);
        others.iter_mut().for_each(|other| assert!(other.read_file("film.mov") == content));
    }
}
