//! Case 22: the served folder is the one that was opened, wherever its name leads later.

use std::fs;
use std::os::unix::fs::symlink;

use integration_tests::scratch::CANARY;
use integration_tests::server;
use integration_tests::upload::write;
use serde_json::json;

#[test]
fn a_folder_that_takes_the_shares_name_is_never_served() {
    let server = server!().file("secret.txt", b"mine").start();
    let share = server.scratch().share();
    let moved = share.with_file_name("moved");
    fs::rename(&share, &moved).unwrap();
    fs::create_dir(&share).unwrap();
    fs::write(share.join("secret.txt"), CANARY).unwrap();
    fs::write(share.join("newcomer.txt"), CANARY).unwrap();
    let mut session = server.session();
    assert_eq!(session.read_file("secret.txt"), b"mine");
    session.ask_refused(json!({"type": "stat", "path": "newcomer.txt"}), "not_found");
    let (entries, _) = session.listing(json!({"type": "list", "recursive": true}));
    assert_eq!(entries.len(), 1);
    assert_eq!(write(&mut session, "new.txt", b"new", &json!({})).answer["type"], "written");
    assert_eq!(fs::read(moved.join("new.txt")).unwrap(), b"new");
    assert!(!share.join("new.txt").exists());
}

#[test]
fn a_share_that_was_deleted_serves_nothing_and_the_server_lives() {
    let server = server!().file("a.txt", b"a").start();
    fs::remove_dir_all(server.scratch().share()).unwrap();
    let mut session = server.session();
    session.ask_refused(json!({"type": "stat", "path": "a.txt"}), "not_found");
    assert_eq!(write(&mut session, "new.txt", b"new", &json!({})).answer["type"], "refused");
    session.assert_works();
}

#[test]
fn a_share_given_as_a_link_is_resolved_once() {
    let setup = server!().file("a.txt", b"mine");
    let link = setup.scratch.share().with_file_name("link-to-share");
    symlink(setup.scratch.share(), &link).unwrap();
    let server = setup.serving(&link).start();
    let mut session = server.session();
    assert_eq!(session.read_file("a.txt"), b"mine");
    fs::remove_file(&link).unwrap();
    symlink(server.scratch().outside(), &link).unwrap();
    session.ask_refused(json!({"type": "read", "path": "secret.txt"}), "not_found");
    assert_eq!(server.session().read_file("a.txt"), b"mine");
}

#[test]
fn what_is_no_folder_cannot_be_served() {
    let setup = server!().file("a.txt", b"a");
    let (file, missing) = (setup.scratch.share().join("a.txt"), setup.scratch.share().join("missing"));
    let (code, errors) = setup.serving(file).start_refused();
    assert_eq!(code, 1, "{errors}");
    let (code, errors) = server!().serving(missing).start_refused();
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("missing"), "{errors}");
}
