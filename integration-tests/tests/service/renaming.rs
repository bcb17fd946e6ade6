//! RENAME: files and folders, with and without replacing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use integration_tests::server;
use integration_tests::session::Session;
use serde_json::{Value, json};

fn rename(path: &str, to: &str) -> Value {
    json!({"type": "rename", "path": path, "to": to})
}

fn replacing(path: &str, to: &str) -> Value {
    json!({"type": "rename", "path": path, "to": to, "replace": true})
}

fn assert_renamed(session: &mut Session, request: Value) {
    let answer = session.ask(request);
    assert_eq!(answer["type"], "renamed", "{answer}");
}

#[test]
fn a_file_gets_another_path_and_keeps_bytes_mode_and_time() {
    let server = server!().file("a.txt", b"content").file("folder/x", b"").start();
    let share = server.scratch().share();
    fs::set_permissions(share.join("a.txt"), Permissions::from_mode(0o755)).unwrap();
    let before = fs::metadata(share.join("a.txt")).unwrap();
    let mut session = server.session();
    assert_renamed(&mut session, rename("a.txt", "folder/b.txt"));
    let after = fs::metadata(share.join("folder/b.txt")).unwrap();
    assert_eq!(session.read_file("folder/b.txt"), b"content");
    assert_eq!(
        (after.ino(), after.mode(), after.mtime_nsec()),
        (before.ino(), before.mode(), before.mtime_nsec())
    );
    session.ask_refused(json!({"type": "stat", "path": "a.txt"}), "not_found");
}

#[test]
fn a_folder_is_renamed_with_all_in_it() {
    let server = server!().file("old/in/a.txt", b"content").start();
    let mut session = server.session();
    assert_renamed(&mut session, rename("old", "new"));
    assert_eq!(session.read_file("new/in/a.txt"), b"content");
}

#[test]
fn a_name_that_is_taken_is_refused_and_both_stay_intact() {
    let server = server!().file("a.txt", b"a").file("b.txt", b"b").file("folder/c.txt", b"c").start();
    let mut session = server.session();
    for (from, to) in [("a.txt", "b.txt"), ("a.txt", "folder"), ("folder", "a.txt"), ("a.txt", "a.txt")] {
        session.ask_refused(rename(from, to), "exists");
    }
    for (path, content) in [("a.txt", b"a"), ("b.txt", b"b"), ("folder/c.txt", b"c")] {
        assert_eq!(session.read_file(path), content);
    }
}

#[test]
fn with_replace_a_file_replaces_a_file_and_a_folder_an_empty_folder() {
    let server = server!().file("a.txt", b"a").file("b.txt", b"b").file("full/c.txt", b"c").start();
    fs::create_dir(server.scratch().share().join("empty")).unwrap();
    let mut session = server.session();
    assert_renamed(&mut session, replacing("a.txt", "b.txt"));
    assert_eq!(session.read_file("b.txt"), b"a");
    assert_renamed(&mut session, replacing("full", "empty"));
    assert_eq!(session.read_file("empty/c.txt"), b"c");
}

#[test]
fn with_replace_nothing_else_is_replaced_and_both_stay_intact() {
    let server = server!().file("a.txt", b"a").file("one/x.txt", b"x").file("two/y.txt", b"y").start();
    let mut session = server.session();
    session.ask_refused(replacing("a.txt", "one"), "not_a_file");
    session.ask_refused(replacing("one", "a.txt"), "not_a_folder");
    session.ask_refused(replacing("one", "two"), "not_empty");
    for (path, content) in [("a.txt", b"a"), ("one/x.txt", b"x"), ("two/y.txt", b"y")] {
        assert_eq!(session.read_file(path), content);
    }
}

#[test]
fn renaming_onto_itself_with_replace_keeps_it() {
    let server = server!().file("a.txt", b"a").start();
    let mut session = server.session();
    let answer = session.ask(replacing("a.txt", "a.txt"));
    assert!(answer["type"] == "renamed" || answer["type"] == "refused", "{answer}");
    assert_eq!(session.read_file("a.txt"), b"a");
}

#[test]
fn with_replace_two_names_of_one_file_become_one() {
    let server = server!().file("a.txt", b"a").start();
    let share = server.scratch().share();
    fs::hard_link(share.join("a.txt"), share.join("b.txt")).unwrap();
    let mut session = server.session();
    assert_renamed(&mut session, replacing("a.txt", "b.txt"));
    assert_eq!(session.read_file("b.txt"), b"a");
    session.ask_refused(json!({"type": "stat", "path": "a.txt"}), "not_found");
}

#[test]
fn a_folder_cannot_become_its_own_child() {
    let server = server!().file("folder/in/a.txt", b"a").start();
    let mut session = server.session();
    for to in ["folder/new", "folder/in/new"] {
        session.ask_refused(rename("folder", to), "bad_path");
        session.ask_refused(replacing("folder", to), "bad_path");
    }
    assert_eq!(session.read_file("folder/in/a.txt"), b"a");
}

#[test]
fn what_is_missing_is_not_found_on_either_side() {
    let server = server!().file("a.txt", b"a").start();
    let mut session = server.session();
    session.ask_refused(rename("missing.txt", "b.txt"), "not_found");
    session.ask_refused(rename("a.txt", "missing/b.txt"), "not_found");
    assert_eq!(session.read_file("a.txt"), b"a");
}
