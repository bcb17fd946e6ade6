//! STAT: one file or folder, with its digest when asked.

use std::fs::File;

use integration_tests::content::{BOUNDARY_LENGTHS, bytes, digest};
use integration_tests::server;
use serde_json::json;

#[test]
fn a_file_is_found_with_its_kind_length_and_time() {
    let server = server!().file("music/a song.mp3", b"hello").start();
    let found = server.session().ask(json!({"type": "stat", "path": "music/a song.mp3"}));
    assert_eq!(found["type"], "found", "{found}");
    let entry = &found["entry"];
    assert_eq!(
        (&entry["path"], &entry["kind"], &entry["byte_count"]),
        (&json!("music/a song.mp3"), &json!("music"), &json!(5))
    );
    let modified = entry["modified"].as_str().unwrap();
    assert!(modified.starts_with("20") && modified.ends_with('Z'), "{modified}");
}

#[test]
fn a_digest_is_computed_when_it_is_asked_for_at_every_length_around_a_piece() {
    let server = server!().start();
    let mut session = server.session();
    for length in BOUNDARY_LENGTHS {
        let content = bytes("stat", length);
        server.scratch().put("file", &content);
        let id = session.request(json!({"type": "stat", "path": "file", "with_digest": true}));
        assert_eq!(session.answer(id)["digest"], digest(&content), "{length}");
    }
}

#[test]
fn a_digest_follows_a_change_that_keeps_length_and_time() {
    let server = server!().file("a.txt", b"first").start();
    let mut session = server.session();
    let request = json!({"type": "stat", "path": "a.txt", "with_digest": true});
    let first = session.ask(request.clone());
    let time = server.scratch().share().join("a.txt").metadata().unwrap().modified().unwrap();
    server.scratch().put("a.txt", b"other");
    let file = File::options().write(true).open(server.scratch().share().join("a.txt")).unwrap();
    file.set_modified(time).unwrap();
    let second = session.ask(request);
    assert_eq!(first["entry"]["modified"], second["entry"]["modified"]);
    assert_eq!((&first["digest"], &second["digest"]), (&json!(digest(b"first")), &json!(digest(b"other"))));
}

#[test]
fn a_hashed_file_is_found_by_its_digest_and_an_unknown_digest_is_not_found() {
    let server = server!().file("in/a.txt", b"content").start();
    let mut session = server.session();
    let by_digest = json!({"type": "stat", "digest": digest(b"content")});
    session.ask(json!({"type": "stat", "path": "in/a.txt", "with_digest": true}));
    let found = session.ask(by_digest);
    assert_eq!((&found["type"], &found["entry"]["path"]), (&json!("found"), &json!("in/a.txt")), "{found}");
    session.ask_refused(json!({"type": "stat", "digest": digest(b"never seen")}), "not_found");
}

#[test]
fn a_digest_no_longer_finds_a_file_that_was_deleted() {
    let server = server!().file("a.txt", b"content").start();
    let mut session = server.session();
    session.ask(json!({"type": "stat", "path": "a.txt", "with_digest": true}));
    assert_eq!(session.ask(json!({"type": "delete", "path": "a.txt"}))["type"], "deleted");
    session.ask_refused(json!({"type": "stat", "digest": digest(b"content")}), "not_found");
}

#[test]
fn folders_have_no_digest_and_the_served_folder_has_an_empty_path() {
    let server = server!().file("folder/a.txt", b"").start();
    let mut session = server.session();
    for (request, path) in [
        (json!({"type": "stat", "path": "folder", "with_digest": true}), "folder"),
        (json!({"type": "stat", "with_digest": true}), ""),
    ] {
        let found = session.ask(request);
        assert_eq!((&found["type"], &found["entry"]["kind"]), (&json!("found"), &json!("folder")), "{found}");
        assert_eq!((&found["entry"]["path"], found.get("digest")), (&json!(path), None), "{found}");
    }
}

#[test]
fn nothing_of_that_name_is_not_found() {
    let server = server!().file("a.txt", b"").start();
    let mut session = server.session();
    for path in ["missing", "missing/too", "a.txt/below"] {
        let answer = session.ask(json!({"type": "stat", "path": path}));
        assert_eq!(answer["type"], "refused", "{answer}");
        assert!(answer["code"] == "not_found" || answer["code"] == "not_a_folder", "{path}: {answer}");
    }
    session.assert_works();
}

#[test]
fn a_path_and_a_digest_together_are_a_bad_message() {
    let server = server!().file("a.txt", b"content").start();
    for name in ["stat", "read", "pieces"] {
        let request = json!({"type": name, "path": "a.txt", "digest": digest(b"content")});
        server.session().ask_refused(request, "bad_message");
    }
}

#[test]
fn a_huge_sparse_file_has_its_exact_length() {
    let server = server!().file("huge", b"").start();
    let file = File::options().write(true).open(server.scratch().share().join("huge")).unwrap();
    let mut session = server.session();
    for length in [(1_u64 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 32) + 1, 5_000_000_000_000] {
        file.set_len(length).unwrap();
        let found = session.ask(json!({"type": "stat", "path": "huge"}));
        assert_eq!(found["entry"]["byte_count"], length);
    }
}
