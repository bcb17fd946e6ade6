//! What an entry says, and what is left out of a listing: modes, times, links, special files, odd names.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use integration_tests::server;
use integration_tests::session::Session;
use integration_tests::upload::write;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}

fn stat_entry(session: &mut Session, path: &str) -> Value {
    session.ask(json!({"type": "stat", "path": path}))["entry"].clone()
}

#[test]
fn the_executable_bit_is_told() {
    let server = server!().file("run.sh", b"#!/bin/sh\n").file("plain.txt", b"").start();
    let run = server.scratch().share().join("run.sh");
    fs::set_permissions(run, Permissions::from_mode(0o755)).unwrap();
    let mut session = server.session();
    assert_eq!(stat_entry(&mut session, "run.sh")["executable"], true);
    let plain = stat_entry(&mut session, "plain.txt");
    assert!(plain.get("executable").is_none_or(|value| value == false), "{plain}");
}

#[test]
fn times_are_told_exactly_before_1970_and_after_2038_too() {
    let server = server!().file("a.txt", b"").start();
    let file = File::options().write(true).open(server.scratch().share().join("a.txt")).unwrap();
    let mut session = server.session();
    let before = |seconds| UNIX_EPOCH - Duration::from_secs(seconds);
    let after = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    for (time, text) in [
        (before(1), "1969-12-31T23:59:59Z"),
        (before(2_147_483_648), "1901-12-13T20:45:52Z"),
        (after(0), "1970-01-01T00:00:00Z"),
        (after(4_294_967_296), "2106-02-07T06:28:16Z"),
        (after(1_795_176_000) + Duration::from_millis(500), "2026-11-20T12:00:00.5Z"),
    ] {
        file.set_modified(time).unwrap();
        assert_eq!(stat_entry(&mut session, "a.txt")["modified"], text);
    }
}

#[test]
fn names_that_are_no_paths_are_counted_and_the_rest_is_listed() {
    let server = server!().file("good.txt", b"").start();
    let share = server.scratch().share();
    for name in [&b"bad-\xff.txt"[..], b"two\nlines.txt", b"esc\x1b[2J.txt", b"c1-\xc2\x9b.txt"] {
        fs::write(share.join(OsStr::from_bytes(name)), b"").unwrap();
    }
    let (entries, end) = server.session().listing(json!({"type": "list", "recursive": true}));
    assert_eq!(entries.len(), 1);
    assert_eq!((&entries[0]["path"], &end["unnameable_count"]), (&json!("good.txt"), &json!(4)));
}

#[test]
fn a_folder_with_names_that_are_no_paths_is_searched_renamed_and_deleted_as_any_other() {
    let server = server!().file("folder/good.txt", b"").start();
    let folder = server.scratch().share().join("folder");
    for name in [&b"bad-\xff.txt"[..], b"esc\x1b[2J.txt"] {
        fs::write(folder.join(OsStr::from_bytes(name)), b"").unwrap();
    }
    let below = folder.join(OsStr::from_bytes(b"folder-\xff/below"));
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("good.txt"), b"").unwrap();
    let mut session = server.session();
    let (found, end) = session.listing(json!({"type": "search", "words": "good"}));
    assert_eq!((found.len(), &end["unnameable_count"]), (1, &json!(3)), "{found:?}");
    let renaming = json!({"type": "rename", "path": "folder", "to": "renamed"});
    assert_eq!(session.ask(renaming)["type"], "renamed");
    session.ask_refused(json!({"type": "delete", "path": "renamed"}), "not_empty");
    let deletion = session.ask(json!({"type": "delete", "path": "renamed", "recursive": true}));
    assert_eq!(deletion["type"], "deleted", "{deletion}");
    assert_eq!(fs::read_dir(server.scratch().share()).unwrap().count(), 0);
}

#[test]
fn special_files_and_links_that_lead_nowhere_or_outside_are_left_out_and_counted() {
    let server = server!().file("good.txt", b"").start();
    let share = server.scratch().share();
    make_fifo(&share.join("fifo"));
    let _socket = UnixListener::bind(share.join("socket")).unwrap();
    symlink("nothing-there", share.join("dangling")).unwrap();
    symlink("../outside/secret.txt", share.join("outside-file")).unwrap();
    symlink(server.scratch().outside(), share.join("outside-folder")).unwrap();
    symlink("loop", share.join("loop")).unwrap();
    let (entries, end) = server.session().listing(json!({"type": "list", "recursive": true}));
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!((&end["left_out_count"], &end["unnameable_count"]), (&json!(6), &json!(0)));
}

#[test]
fn links_to_things_inside_are_served_but_a_recursive_listing_does_not_follow_them_to_folders() {
    let server = server!().file("folder/a.txt", b"hello").start();
    let share = server.scratch().share();
    symlink("folder", share.join("to-folder")).unwrap();
    symlink("folder/a.txt", share.join("to-file.txt")).unwrap();
    let mut session = server.session();
    let (entries, _) = session.listing(json!({"type": "list", "recursive": true}));
    let paths: Vec<&str> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert!(!paths.contains(&"to-folder/a.txt"), "{paths:?}");
    assert!(paths.contains(&"to-file.txt") && paths.contains(&"to-folder"), "{paths:?}");
    assert_eq!(session.read_file("to-file.txt"), b"hello");
    assert_eq!(session.read_file("to-folder/a.txt"), b"hello");
    let (inside, _) = session.listing(json!({"type": "list", "path": "to-folder"}));
    assert_eq!(inside[0]["path"], "to-folder/a.txt");
}

#[test]
fn an_unfinished_upload_is_never_listed_found_or_read() {
    let server = server!().file(".ioe-partial-left-over", b"half").file("a/.IOE-Partial-x", b"half").start();
    let mut session = server.session();
    let (entries, _) = session.listing(json!({"type": "list", "recursive": true}));
    assert!(entries.iter().all(|entry| entry["path"] == "a"), "{entries:?}");
    for path in [".ioe-partial-left-over", "a/.IOE-Partial-x"] {
        session.ask_refused(json!({"type": "read", "path": path}), "bad_path");
        session.ask_refused(json!({"type": "stat", "path": path}), "bad_path");
    }
}

#[test]
fn a_state_folder_inside_the_share_is_not_there_for_any_request() {
    let setup = server!().file("a.txt", b"a").file("in/b.txt", b"b");
    let state = setup.scratch.share().join("in/state");
    let server = setup.with_state(&state).start();
    symlink("in/state", server.scratch().share().join("link")).unwrap();
    let mut session = server.session();
    // It holds something by now: what was hashed.
    session.ask(json!({"type": "stat", "path": "a.txt", "with_digest": true}));
    let own = fs::read_dir(&state).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let before = fs::read_dir(&state).unwrap().count();
    for path in ["in/state".to_owned(), format!("in/state/{own}"), "link".to_owned(), format!("link/{own}")] {
        for request in [
            json!({"type": "read", "path": path}),
            json!({"type": "stat", "path": path}),
            json!({"type": "pieces", "path": path}),
            json!({"type": "list", "path": path}),
            json!({"type": "rename", "path": path, "to": "stolen"}),
            json!({"type": "rename", "path": "a.txt", "to": path, "replace": true}),
            json!({"type": "delete", "path": path}),
            json!({"type": "delete", "path": path, "recursive": true}),
            json!({"type": "mkdir", "path": format!("{path}/below")}),
        ] {
            // The link itself is no part of the state, and may go.
            if path != "link" || !["rename", "delete"].contains(&request["type"].as_str().unwrap()) {
                let answer = session.ask(request.clone());
                assert_eq!(answer["type"], "refused", "{request}: {answer}");
            }
        }
        let answer = write(&mut session, &path, b"planted", &json!({})).answer;
        assert_eq!(answer["type"], "refused", "{path}: {answer}");
    }
    let answer = session.ask(json!({"type": "delete", "path": "in", "recursive": true}));
    assert_eq!(answer["type"], "refused", "{answer}");
    let (entries, _) = session.listing(json!({"type": "list", "recursive": true}));
    assert!(
        entries.iter().all(|entry| ["a.txt", "in"].contains(&entry["path"].as_str().unwrap())),
        "{entries:?}"
    );
    assert!(session.listing(json!({"type": "search", "words": "state"})).0.is_empty());
    assert_eq!(fs::read_dir(&state).unwrap().count(), before);
}

#[test]
fn names_that_look_dangerous_are_plain_names() {
    let names = [
        "-rf",
        "$(x)",
        "a,b.txt",
        "don't.mp3",
        "\"quoted\"",
        " spaced ",
        "*",
        "~",
        "a\\b",
        "%2e%2e%2f",
        "C:\\x",
        "..\\x",
        "...",
        "日本語.txt",
        "❤\u{fe0f}.txt",
        "#1.mp3",
        "rtl\u{202e}gpj.exe",
    ];
    let setup = server!();
    names.iter().for_each(|name| setup.scratch.put(name, name.as_bytes()));
    let server = setup.start();
    let mut session = server.session();
    let (entries, _) = session.listing(json!({"type": "list"}));
    for name in names {
        assert!(entries.iter().any(|entry| entry["path"] == name), "{name} is not listed");
        assert_eq!(session.read_file(name), name.as_bytes());
    }
}
