//! Case 20: a folder that turns into a link outside and back, as fast as the machine can, while every
//! request goes through it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use integration_tests::patience::DoneWhenDropped;
use integration_tests::scratch::CANARY;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::upload::write;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};

/// How often each request is tried against the flipping folder.
const TRY_COUNT: usize = 300;

/// A share with a folder `flip` like the canary's and a link `other` to the canary, which change places
/// until the work is done.
fn while_flipping(work: impl FnOnce(&Server)) {
    let server = server!().file("flip/secret.txt", b"mine").file("flip/inner/deep.txt", b"mine").start();
    let share = server.scratch().share();
    symlink("../outside", share.join("other")).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| flip_until(&is_done, &share.join("flip"), &share.join("other")));
        let _done = DoneWhenDropped(&is_done);
        work(&server);
    });
    server.scratch().assert_outside_is_unchanged();
}

/// Lets two names change places until the work is done, or one of them is gone.
fn flip_until(is_done: &AtomicBool, one: &Path, other: &Path) {
    let flip = || renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok();
    while !is_done.load(Ordering::Relaxed) && flip() {
        std::hint::spin_loop();
    }
}

#[test]
fn nothing_outside_is_read_through_a_flipping_folder() {
    while_flipping(|server| {
        let mut session = server.session();
        for _ in 0..TRY_COUNT {
            for path in ["flip/secret.txt", "flip/inner/deep.txt"] {
                assert_reads_mine_or_nothing(&mut session, path);
            }
        }
    });
}

fn assert_reads_mine_or_nothing(session: &mut Session, path: &str) {
    let id = session.request(json!({"type": "read", "path": path}));
    let answer = session.answer(id);
    if answer["type"] == "reading" {
        assert_eq!(session.payload(id).bytes, b"mine");
    } else {
        assert_eq!(answer["type"], "refused", "{answer}");
    }
}

#[test]
fn nothing_outside_is_told_through_a_flipping_folder() {
    while_flipping(|server| {
        let mut session = server.session();
        let canary_digest = integration_tests::content::digest(CANARY.as_bytes());
        for _ in 0..TRY_COUNT {
            let stat = json!({"type": "stat", "path": "flip/secret.txt", "with_digest": true});
            let answer = session.ask(stat);
            assert!(answer["type"] == "refused" || answer["entry"]["byte_count"] == 4, "{answer}");
            assert_ne!(answer["digest"], canary_digest, "{answer}");
            assert_lists_no_link_of_outside(&mut session);
        }
    });
}

fn assert_lists_no_link_of_outside(session: &mut Session) {
    let id = session.request(json!({"type": "list", "recursive": true}));
    let (entries, _) = session.entries(id);
    for entry in entries {
        let path = entry["path"].as_str().unwrap();
        assert!(!path.ends_with("/link"), "the canary's own link is listed: {entry}");
        assert!(entry["kind"] == "folder" || entry["byte_count"] == 4, "{entry}");
    }
}

#[test]
fn nothing_outside_is_changed_through_a_flipping_folder() {
    while_flipping(|server| {
        let mut session = server.session();
        session.ask(json!({"type": "mkdir", "path": "bin"}));
        for index in 0..TRY_COUNT {
            write(&mut session, "flip/secret.txt", b"mine", &json!({}));
            write(&mut session, &format!("flip/new-{index}"), b"mine", &json!({"new": true}));
            for request in changes(index) {
                let answer = session.ask(request.clone());
                assert_ne!(answer["code"], "internal", "{request} got {answer}");
            }
        }
    });
}

fn changes(index: usize) -> [Value; 5] {
    [
        json!({"type": "mkdir", "path": format!("flip/made-{index}/below")}),
        json!({"type": "rename", "path": "flip/secret.txt", "to": format!("bin/{index}")}),
        json!({"type": "rename", "path": format!("bin/{index}"), "to": "flip/secret.txt", "replace": true}),
        json!({"type": "delete", "path": format!("flip/new-{index}")}),
        json!({"type": "delete", "path": "flip/inner", "recursive": true}),
    ]
}

#[test]
fn a_folder_that_is_deleted_while_it_flips_takes_nothing_outside_with_it() {
    for _ in 0..20 {
        let server = server!().file("top/flip/a/b.txt", b"mine").start();
        let share = server.scratch().share();
        symlink("../../outside", share.join("top/other")).unwrap();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| flip_until(&is_done, &share.join("top/flip"), &share.join("top/other")));
            let _done = DoneWhenDropped(&is_done);
            server.session().ask(json!({"type": "delete", "path": "top", "recursive": true}));
        });
        server.scratch().assert_outside_is_unchanged();
        assert!(fs::exists(server.scratch().outside().join("inner/deep.txt")).unwrap());
    }
}
