//! DELETE and MKDIR.

use std::fs;
use std::os::unix::fs::symlink;

use integration_tests::server;
use integration_tests::session::Session;
use serde_json::{Value, json};

fn delete(path: &str) -> Value {
    json!({"type": "delete", "path": path})
}

fn delete_all(path: &str) -> Value {
    json!({"type": "delete", "path": path, "recursive": true})
}

fn mkdir(path: &str) -> Value {
    json!({"type": "mkdir", "path": path})
}

fn assert_deleted(session: &mut Session, request: Value) {
    let answer = session.ask(request);
    assert_eq!(answer["type"], "deleted", "{answer}");
}

#[test]
fn a_file_and_an_empty_folder_are_deleted() {
    let server = server!().file("a.txt", b"a").file("b.txt", b"b").start();
    let share = server.scratch().share();
    fs::create_dir(share.join("empty")).unwrap();
    let mut session = server.session();
    assert_deleted(&mut session, delete("a.txt"));
    assert_deleted(&mut session, delete("empty"));
    assert!(!share.join("a.txt").exists() && !share.join("empty").exists());
    assert_eq!(session.read_file("b.txt"), b"b");
}

#[test]
fn a_folder_with_something_in_it_is_deleted_only_with_recursive() {
    let server = server!().file("full/in/a.txt", b"a").file("full/b.txt", b"b").start();
    let mut session = server.session();
    session.ask_refused(delete("full"), "not_empty");
    assert_eq!(session.read_file("full/in/a.txt"), b"a");
    assert_deleted(&mut session, delete_all("full"));
    session.ask_refused(json!({"type": "stat", "path": "full"}), "not_found");
}

#[test]
fn a_recursive_deletion_removes_links_but_not_what_they_lead_to() {
    let server = server!().file("full/a.txt", b"a").file("kept/b.txt", b"b").start();
    let share = server.scratch().share();
    symlink(server.scratch().outside(), share.join("full/outside")).unwrap();
    symlink("../kept", share.join("full/inside")).unwrap();
    symlink("nothing", share.join("full/dangling")).unwrap();
    let mut session = server.session();
    assert_deleted(&mut session, delete_all("full"));
    assert!(!share.join("full").exists());
    assert_eq!(session.read_file("kept/b.txt"), b"b");
    server.scratch().assert_outside_is_unchanged();
}

#[test]
fn a_link_is_deleted_itself() {
    let server = server!().file("kept.txt", b"kept").start();
    let share = server.scratch().share();
    symlink("kept.txt", share.join("link")).unwrap();
    let mut session = server.session();
    assert_deleted(&mut session, delete("link"));
    assert!(share.join("link").symlink_metadata().is_err());
    assert_eq!(session.read_file("kept.txt"), b"kept");
}

#[test]
fn what_is_missing_is_not_found() {
    let server = server!().start();
    let mut session = server.session();
    for path in ["missing", "missing/too"] {
        session.ask_refused(delete(path), "not_found");
        session.ask_refused(delete_all(path), "not_found");
    }
}

#[test]
fn a_folder_is_made_with_its_parents_and_one_that_is_there_is_fine() {
    let server = server!().file("a/x.txt", b"x").start();
    let mut session = server.session();
    for path in ["a/b/c", "a/b/c", "a", "d"] {
        let answer = session.ask(mkdir(path));
        assert_eq!(answer["type"], "made", "{path}: {answer}");
        assert!(server.scratch().share().join(path).is_dir());
    }
    assert_eq!(session.read_file("a/x.txt"), b"x");
}

#[test]
fn a_file_in_the_way_of_a_folder_is_refused() {
    let server = server!().file("a.txt", b"a").start();
    let mut session = server.session();
    session.ask_refused(mkdir("a.txt"), "not_a_folder");
    session.ask_refused(mkdir("a.txt/b"), "not_a_folder");
    assert_eq!(session.read_file("a.txt"), b"a");
}

#[test]
fn the_served_folder_itself_cannot_be_deleted_renamed_or_written() {
    let server = server!().file("a.txt", b"a").start();
    for request in [delete_all(""), mkdir(""), json!({"type": "rename", "path": "", "to": "b"})] {
        server.session().ask_refused(request, "bad_path");
    }
    let mut session = server.session();
    session.ask_refused(json!({"type": "delete", "recursive": true}), "bad_message");
    session.assert_closed();
    assert_eq!(server.scratch().shared("a.txt"), b"a");
}
