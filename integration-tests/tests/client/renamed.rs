//! A file that was renamed at one end is not sent again: the other end takes its content from where it has it.

use std::fs::{self, File};

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::server::Server;
use integration_tests::{client, server};
use serde_json::Value;

const LENGTH: usize = 3 * PIECE_BYTES + 77;
/// Lines alone.
const LINES_MAX: u64 = 16 * 1024;

/// A server whose `tree` with one film was fetched.
fn with_fetched_film() -> (Server, Vec<u8>) {
    let film = bytes("film", LENGTH);
    let server = server!().file("tree/film.mov", &film).start();
    client!(server.scratch(), server.address()).run_json(&["READ -r tree"]).expect_done();
    (server, film)
}

/// A server that has been sent `tree` with one film.
fn with_film() -> (Server, Vec<u8>) {
    let (server, film) = (server!().start(), bytes("film", LENGTH));
    server.scratch().put_local("tree/film.mov", &film);
    client!(server.scratch(), server.address()).run_json(&["WRITE -r tree"]).expect_done();
    (server, film)
}

/// Runs a command, and gives its line about `path` and what was sent to the server.
fn line_about(server: &Server, command: &str, path: &str) -> (Value, u64) {
    line_and_bytes(server, command, (path, Direction::ToServer))
}

fn line_and_bytes(server: &Server, command: &str, (path, direction): (&str, Direction)) -> (Value, u64) {
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    let outcome = client!(server.scratch(), proxy.address()).run_json(&[command]).expect_done();
    let line = outcome.lines().into_iter().find(|line| line["path"] == path);
    (line.unwrap_or_else(|| panic!("nothing about {path}: {outcome:?}")), proxy.byte_count(direction))
}

#[test]
fn a_renamed_file_costs_no_payload_and_a_dry_run_says_so() {
    let (server, film) = with_film();
    let tree = server.scratch().local().join("tree");
    fs::create_dir(tree.join("films")).unwrap();
    fs::rename(tree.join("film.mov"), tree.join("films/renamed.mov")).unwrap();
    for command in ["WRITE -r --dry-run tree", "WRITE -r tree"] {
        let (line, sent) = line_about(&server, command, "tree/films/renamed.mov");
        assert_eq!(line["resumed_from"], LENGTH, "{line}");
        assert!(sent < LINES_MAX, "{command}: {sent} bytes");
    }
    assert!(server.scratch().shared("tree/films/renamed.mov") == film);
    assert!(server.scratch().shared("tree/film.mov") == film, "the old name stays as it is");
}

#[test]
fn a_folder_that_was_moved_costs_no_payload_though_its_new_name_is_free() {
    let (server, film) = with_film();
    let local = server.scratch().local();
    fs::rename(local.join("tree"), local.join("moved")).unwrap();
    let (line, sent) = line_about(&server, "WRITE -r moved", "moved/film.mov");
    assert_eq!((&line["resumed_from"], &line["digest"]), (&LENGTH.into(), &digest(&film).into()));
    assert!(sent < LINES_MAX, "{sent} bytes");
    assert!(server.scratch().shared("moved/film.mov") == film);
}

#[test]
fn a_renamed_file_takes_the_place_of_another_one_without_payload() {
    let (server, film) = with_film();
    server.scratch().put("tree/other.mov", bytes("other", LENGTH));
    let tree = server.scratch().local().join("tree");
    fs::rename(tree.join("film.mov"), tree.join("other.mov")).unwrap();
    let (line, sent) = line_about(&server, "WRITE -r tree", "tree/other.mov");
    assert_eq!((&line["resumed_from"], &line["digest"]), (&LENGTH.into(), &digest(&film).into()));
    assert!(sent < LINES_MAX, "{sent} bytes");
    assert!(server.scratch().shared("tree/other.mov") == film);
}

#[test]
fn what_only_looks_renamed_is_sent() {
    let (server, _) = with_film();
    let tree = server.scratch().local().join("tree");
    let time = tree.join("film.mov").metadata().unwrap().modified().unwrap();
    let other = bytes("another film", LENGTH);
    server.scratch().put_local("tree/other.mov", &other);
    File::open(tree.join("other.mov")).unwrap().set_modified(time).unwrap();
    let (line, _) = line_about(&server, "WRITE -r tree", "tree/other.mov");
    assert_eq!((&line["resumed_from"], &line["digest"]), (&0.into(), &digest(&other).into()));
    assert!(server.scratch().shared("tree/other.mov") == other);
}

#[test]
fn what_has_changed_at_its_old_name_since_it_was_hashed_spoils_no_renamed_file() {
    let (server, film) = with_film();
    let tree = server.scratch().local().join("tree");
    let time = tree.join("film.mov").metadata().unwrap().modified().unwrap();
    fs::rename(tree.join("film.mov"), tree.join("renamed.mov")).unwrap();
    let mut changed = film.clone();
    changed[PIECE_BYTES + 9] ^= 1;
    server.scratch().put("tree/film.mov", &changed);
    let there = File::options().write(true).open(server.scratch().share().join("tree/film.mov")).unwrap();
    there.set_modified(time).unwrap();
    let (line, _) = line_about(&server, "WRITE -r tree", "tree/renamed.mov");
    assert_eq!(line["resumed_from"], LENGTH - PIECE_BYTES, "only the piece that differs: {line}");
    assert!(server.scratch().shared("tree/renamed.mov") == film);
}

#[test]
fn what_the_server_renamed_is_taken_from_its_old_name_here_and_a_dry_run_says_so() {
    let (server, film) = with_fetched_film();
    let there = server.scratch().share().join("tree");
    fs::create_dir(there.join("films")).unwrap();
    fs::rename(there.join("film.mov"), there.join("films/renamed.mov")).unwrap();
    for command in ["READ -r --dry-run tree", "READ -r tree"] {
        let about = ("tree/films/renamed.mov", Direction::ToClient);
        let (line, received) = line_and_bytes(&server, command, about);
        assert_eq!(line["resumed_from"], LENGTH, "{command}: {line}");
        assert!(received < LINES_MAX, "{command}: {received} bytes");
    }
    assert!(server.scratch().local_file("tree/films/renamed.mov") == film);
    assert!(server.scratch().local_file("tree/film.mov") == film, "the old name stays as it is");
}

#[test]
fn what_the_server_renamed_replaces_another_file_here_and_what_was_renamed_back_and_forth_is_exchanged() {
    let (server, film) = with_fetched_film();
    let (there, other) = (server.scratch().share().join("tree"), bytes("other", LENGTH));
    server.scratch().put("tree/other.mov", &other);
    client!(server.scratch(), server.address()).run_json(&["READ -r tree"]).expect_done();
    for (old, new) in [("film.mov", "aside"), ("other.mov", "film.mov"), ("aside", "other.mov")] {
        fs::rename(there.join(old), there.join(new)).unwrap();
    }
    client!(server.scratch(), server.address()).run_json(&["READ -r tree"]).expect_done();
    assert!(server.scratch().local_file("tree/film.mov") == other);
    assert!(server.scratch().local_file("tree/other.mov") == film);
}

#[test]
fn what_only_looks_renamed_is_fetched() {
    let (server, film) = with_fetched_film();
    let there = server.scratch().share().join("tree");
    let (time, other) = (there.join("film.mov").metadata().unwrap().modified().unwrap(), bytes("o", LENGTH));
    server.scratch().put("tree/other.mov", &other);
    File::options().write(true).open(there.join("other.mov")).unwrap().set_modified(time).unwrap();
    let (line, _) = line_about(&server, "READ -r tree", "tree/other.mov");
    assert_eq!((&line["resumed_from"], &line["digest"]), (&0.into(), &digest(&other).into()));
    assert!(server.scratch().local_file("tree/other.mov") == other);
    assert!(server.scratch().local_file("tree/film.mov") == film);
}

#[test]
fn a_link_that_looks_like_a_renamed_file_is_not_taken_for_it() {
    let (server, film) = with_fetched_film();
    let (here, outside) = (server.scratch().local().join("tree"), server.scratch().local().join("film.mov"));
    fs::rename(here.join("film.mov"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, here.join("link.mov")).unwrap();
    let (line, _) = line_about(&server, "READ -r tree", "tree/film.mov");
    assert_eq!(line["resumed_from"], 0, "{line}");
    assert!(server.scratch().local_file("tree/film.mov") == film);
}
