//! Cases 21, 26 and 31 where it takes a mount: other file systems, loops and devices inside the share. The server
//! has mounts of its own, which nobody else sees; where the system grants none, each test says that it is skipped.

use std::fs;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::scratch::tree_digest;
use integration_tests::server;
use integration_tests::server::{Server, ServerSetup};
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::{Uploaded, write, write_file};
use integration_tests::{privilege, session};
use serde_json::{Value, json};

/// A server for which this was mounted; the shell works in the share.
fn start_with(mounts: &str, setup: ServerSetup) -> Option<Server> {
    let launcher = privilege::with_own_mounts()?;
    let share = setup.scratch.share();
    let prologue = format!("set -e; cd '{}'; {mounts}", share.display());
    Some(setup.after_shell(&prologue).launched_by(launcher).start())
}

fn paths(entries: &[Value]) -> Vec<&str> {
    let mut paths: Vec<&str> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

fn rename(path: &str, to: &str, replace: bool) -> Value {
    json!({"type": "rename", "path": path, "to": to, "replace": replace})
}

fn delete_all(path: &str) -> Value {
    json!({"type": "delete", "path": path, "recursive": true})
}

#[test]
fn a_share_mounted_inside_itself_is_listed_searched_and_deleted_to_an_end() {
    let setup = server!().file("a.txt", b"a").file("inner/b.txt", b"b").file("inner/loop/under", b"");
    // Twice, so that the loop itself has a loop in it.
    let mounts = "mount --bind . inner/loop; mount --rbind . inner/loop/inner/loop";
    let Some(server) = start_with(mounts, setup) else { return };
    let mut session = server.session();
    let (entries, end) = session.listing(json!({"type": "list", "recursive": true}));
    let found = paths(&entries);
    assert!(
        found.contains(&"inner/loop/a.txt") && found.contains(&"inner/loop/inner/loop/a.txt"),
        "{found:?}"
    );
    assert_eq!(end["left_out_count"], 0, "{end}");
    let (found, _) = session.listing(json!({"type": "search", "words": "b"}));
    assert!(!found.is_empty() && found.len() < 10, "{found:?}");
    // What is mounted cannot be removed, and what it holds is not for this deletion.
    for path in ["inner/loop", "inner"] {
        session.ask_refused(delete_all(path), "not_allowed");
        assert_eq!(server.scratch().shared("a.txt"), b"a", "after the deletion of {path}");
    }
    session.ask_refused(rename("inner/loop", "elsewhere", false), "not_allowed");
    // Through the loop, it is its own name.
    assert_eq!(session.ask(rename("inner", "inner/loop/inner", true))["type"], "renamed");
    session.ask_refused(rename("inner", "inner/loop/other", false), "not_allowed");
    assert!(server.scratch().share().join("inner/loop").is_dir());
    session.assert_works();
}

#[test]
fn a_device_in_the_share_is_no_file_for_any_request_and_no_thread_hangs_on_it() {
    let setup = server!().file("null", b"under").file("zero", b"under").file("folder/full", b"under");
    let devices =
        "mount --bind /dev/null null; mount --bind /dev/zero zero; mount --bind /dev/full folder/full";
    let Some(server) = start_with(devices, setup) else { return };
    std::os::unix::fs::symlink("null", server.scratch().share().join("link")).unwrap();
    for path in ["null", "zero", "folder/full", "link"] {
        let mut session = server.session();
        for name in ["read", "pieces", "stat"] {
            session.ask_refused(json!({"type": name, "path": path}), "not_a_file");
        }
        session.ask_refused(json!({"type": "stat", "path": path, "with_digest": true}), "not_a_file");
        session.ask_refused(json!({"type": "list", "path": path}), "not_a_folder");
        session.ask_refused(json!({"type": "mkdir", "path": path}), "not_a_folder");
        assert_no_write_lands(&mut session, path, "not_a_file");
    }
    let mut session = server.session();
    for path in ["null", "zero", "folder/full"] {
        session.ask_refused(json!({"type": "delete", "path": path}), "not_allowed");
        session.ask_refused(rename(path, "elsewhere", false), "not_allowed");
    }
    session.ask_refused(delete_all("folder"), "not_allowed");
    let (entries, end) = session.listing(json!({"type": "list", "recursive": true}));
    assert_eq!((paths(&entries), &end["left_out_count"]), (vec!["folder"], &json!(4)));
}

/// Small ones, large ones, those that want a base and those of unknown length must be refused with this code.
fn assert_no_write_lands(session: &mut Session, path: &str, code: &str) {
    let large = bytes("planted", 2 * PIECE_BYTES);
    for fields in
        [json!({}), json!({"new": false}), json!({"byte_count": null}), json!({"base_wanted": true})]
    {
        for content in [&b"planted"[..], &large] {
            let Uploaded { answer, .. } = write(session, path, content, &fields);
            assert!(answer["type"] == "refused" && answer["code"] == code, "{path} {fields}: {answer}");
        }
    }
    session.assert_works();
}

#[test]
fn a_file_that_is_mounted_is_served_and_what_would_replace_it_is_refused() {
    let setup = server!().file("source", b"mounted").file("target", b"under").file("a.txt", b"a");
    let Some(server) = start_with("mount --bind source target", setup) else { return };
    let mut session = server.session();
    assert_eq!(session.read_file("target"), b"mounted");
    assert_no_write_lands(&mut session, "target", "not_allowed");
    session.ask_refused(rename("a.txt", "target", true), "not_allowed");
    session.ask_refused(rename("target", "b.txt", false), "not_allowed");
    session.ask_refused(json!({"type": "delete", "path": "target"}), "not_allowed");
    assert_eq!((session.read_file("target"), session.read_file("a.txt")), (b"mounted".into(), b"a".into()));
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn renaming_to_another_file_system_is_refused_and_both_stay_intact() {
    let setup = server!().file("a.txt", b"here").file("folder/x", b"x").file("other/under", b"");
    let mounts =
        "mount -t tmpfs none other; printf there > other/b.txt; mkdir other/in; printf y > other/in/y";
    let Some(server) = start_with(mounts, setup) else { return };
    let before = tree_digest(&server.scratch().share());
    let mut session = server.session();
    for replace in [false, true] {
        for (from, to) in [
            ("a.txt", "other/new.txt"),
            ("a.txt", "other/b.txt"),
            ("folder", "other/folder"),
            ("other/b.txt", "new.txt"),
            ("other/b.txt", "a.txt"),
            ("other/in", "in"),
            ("other", "another"),
        ] {
            let answer = session.ask(rename(from, to, replace));
            assert_eq!(answer["type"], "refused", "{from} to {to}: {answer}");
            assert_eq!(answer["code"], "not_allowed", "{from} to {to}: {answer}");
        }
    }
    assert_eq!(tree_digest(&server.scratch().share()), before);
    let (entries, _) = session.listing(json!({"type": "list", "path": "other", "recursive": true}));
    assert_eq!(paths(&entries), ["other/b.txt", "other/in", "other/in/y"]);
    assert_eq!(
        (session.read_file("a.txt"), session.read_file("other/b.txt")),
        (b"here".into(), b"there".into())
    );
    // Within the other file system it is an ordinary renaming.
    assert_eq!(session.ask(rename("other/b.txt", "other/in/c.txt", false))["type"], "renamed");
    assert_eq!(session.read_file("other/in/c.txt"), b"there");
}

#[test]
fn uploads_land_on_another_file_system_beside_their_targets_and_over_what_is_there() {
    let setup = server!().file("other/under", b"").file("a.txt", b"here");
    let Some(server) = start_with("mount -t tmpfs none other", setup) else { return };
    let mut session = server.session();
    let mut content = bytes("elsewhere", 3 * PIECE_BYTES + 5);
    for path in ["other/small", "other/large"] {
        let length = if path.ends_with("small") { 1000 } else { content.len() };
        for fields in [json!({}), json!({"base_wanted": true})] {
            content[0] ^= 1;
            let uploaded = write(&mut session, path, &content[..length], &fields);
            assert_eq!(uploaded.answer["digest"], digest(&content[..length]), "{}", uploaded.answer);
            assert!(session.read_file(path) == content[..length]);
        }
    }
    let (entries, _) = session.listing(json!({"type": "list", "path": "other", "recursive": true}));
    assert_eq!(paths(&entries), ["other/large", "other/small"]);
    // What is mounted stays whole, where a deletion of its place could never succeed.
    session.ask_refused(delete_all("other"), "not_allowed");
    assert!(session.read_file("other/large") == content);
    assert_eq!(fs::read_dir(server.scratch().share().join("other")).unwrap().count(), 1);
}

#[test]
fn a_disk_that_is_full_keeps_the_old_file_and_serves_the_next_upload() {
    let setup = server!().file("full/under", b"");
    let Some(server) = start_with("mount -t tmpfs -o size=4m none full", setup) else { return };
    let mut session = server.session();
    let (old, new) = (bytes("old", PIECE_BYTES), bytes("new", 6 * PIECE_BYTES));
    write_file(&mut session, "full/film.mov", &old);
    for fields in [json!({}), json!({"base_wanted": true})] {
        assert_refused(&write(&mut session, "full/film.mov", &new, &fields).answer, "no_space");
    }
    // Its length unknown, it is found out on the way.
    let id = session.next_id();
    session.send(&session::with_id(json!({"type": "write", "path": "full/film.mov"}), id));
    assert_eq!(session.answer(id)["type"], "ready");
    integration_tests::upload::send_pieces(&mut session, id, &new, &[0, 1, 2, 3, 4, 5]);
    session.send(&integration_tests::upload::end(id, &new));
    assert_refused(&session.answer(id), "no_space");
    assert!(session.read_file("full/film.mov") == old);
    let fits = bytes("fits", 2 * PIECE_BYTES);
    write_file(&mut session, "full/film.mov", &fits);
    assert!(session.read_file("full/film.mov") == fits);
    assert_eq!(session.ask(json!({"type": "delete", "path": "full/film.mov"}))["type"], "deleted");
    write_file(&mut session, "full/film.mov", &bytes("all again", 3 * PIECE_BYTES));
}

#[test]
fn small_files_that_only_fit_one_after_the_other_all_land_when_they_are_sent_together() {
    let setup = server!().file("full/under", b"");
    let Some(server) = start_with("mount -t tmpfs -o size=1m none full", setup) else { return };
    let mut session = server.session();
    let content = |index: usize, seed: &str| bytes(&format!("{seed} {index}"), 40_000);
    for seed in ["old", "new"] {
        let ids: Vec<u64> = (0..20).map(|_| session.next_id()).collect();
        let write = |(index, id): (usize, &u64)| {
            integration_tests::upload::small_write(*id, &format!("full/f{index}"), &content(index, seed))
        };
        let all: Vec<u8> = ids.iter().enumerate().flat_map(write).collect();
        let sent = session.send_meanwhile(all);
        for (index, id) in ids.iter().enumerate() {
            assert_eq!(session.answer(*id)["type"], "written", "{seed} {index}");
        }
        assert!(sent.join().unwrap());
    }
    assert!((0..20).all(|index| session.read_file(&format!("full/f{index}")) == content(index, "new")));
}

#[test]
fn a_file_system_mounted_read_only_is_served_and_not_changed() {
    let setup = server!().file("fixed/under", b"").file("a.txt", b"a");
    let mounts = "mount -t tmpfs none fixed; mkdir fixed/in; printf old > fixed/in/b.txt; mount -o remount,bind,ro fixed";
    let Some(server) = start_with(mounts, setup) else { return };
    let mut session = server.session();
    assert_no_write_lands(&mut session, "fixed/in/b.txt", "read_only");
    assert_no_write_lands(&mut session, "fixed/new.txt", "read_only");
    for request in [
        json!({"type": "mkdir", "path": "fixed/made"}),
        json!({"type": "delete", "path": "fixed/in/b.txt"}),
        delete_all("fixed/in"),
        rename("fixed/in/b.txt", "fixed/c.txt", false),
    ] {
        session.ask_refused(request, "read_only");
    }
    assert_eq!(session.read_file("fixed/in/b.txt"), b"old");
}
