//! A file that was renamed here is not sent again: the server takes its content from where it has it.

use std::fs::{self, File};

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::server::Server;
use integration_tests::{client, server};
use serde_json::Value;

const LENGTH: usize = 3 * PIECE_BYTES + 77;
/// Lines alone.
const LINES_MAX: u64 = 16 * 1024;

/// A server that has been sent `tree` with one film.
fn with_film() -> (Server, Vec<u8>) {
    let (server, film) = (server!().start(), bytes("film", LENGTH));
    server.scratch().put_local("tree/film.mov", &film);
    client!(server.scratch(), server.address()).run_json(&["WRITE -r tree"]).expect_done();
    (server, film)
}

/// Runs a command, and gives its line about `path` and what was sent to the server.
fn line_about(server: &Server, command: &str, path: &str) -> (Value, u64) {
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    let outcome = client!(server.scratch(), proxy.address()).run_json(&[command]).expect_done();
    let line = outcome.lines().into_iter().find(|line| line["path"] == path);
    (
        line.unwrap_or_else(|| panic!("nothing about {path}: {outcome:?}")),
        proxy.byte_count(Direction::ToServer),
    )
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
