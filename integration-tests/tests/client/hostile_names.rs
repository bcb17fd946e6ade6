//! Case 48: whatever names a server sends, only what was asked for is written, and only where it belongs.

use integration_tests::client;
use integration_tests::content::digest;
use integration_tests::imposter::Imposter;
use integration_tests::scratch::{Scratch, files_below, tree_digest};
use integration_tests::session::{Session, line_of, section_of};
use serde_json::{Value, json};

const CONTENT: &[u8] = b"planted";

/// A server that lists these names whatever is asked, and gives bytes for every name.
fn server_that_lists(names: &'static [(&'static str, &'static str)]) -> Imposter {
    Imposter::answering(move |session, request| {
        let id = request["id"].as_u64().unwrap();
        match request["type"].as_str().unwrap() {
            "list" | "search" => list(session, id, names),
            "read" => read(session, id, request["path"].as_str().unwrap_or("tree/a.txt")),
            "stat" => {
                let path = request["path"].as_str().unwrap_or_default();
                let kind = if path == "tree" { "folder" } else { "text" };
                let found = json!({"type": "found", "id": id, "entry": entry(path, kind)});
                session.try_send_raw(line_of(&found));
            }
            _ => {
                let refusal = json!({"type": "refused", "id": id, "code": "not_allowed", "message": "no"});
                session.try_send_raw(line_of(&refusal));
            }
        }
    })
}

fn entry(path: &str, kind: &str) -> Value {
    let byte_count = if kind == "folder" { 0 } else { CONTENT.len() };
    json!({"path": path, "kind": kind, "byte_count": byte_count, "modified": "2026-11-20T12:00:00Z"})
}

fn list(session: &mut Session, id: u64, names: &[(&str, &str)]) {
    let entries: Vec<Value> = names.iter().map(|(path, kind)| entry(path, kind)).collect();
    session.try_send_raw(line_of(&json!({"type": "entries", "id": id, "entries": entries})));
    let count = names.len();
    let listed =
        json!({"type": "listed", "id": id, "entry_count": count, "unnameable_count": 0, "left_out_count": 0});
    session.try_send_raw(line_of(&listed));
}

fn read(session: &mut Session, id: u64, path: &str) {
    let count = CONTENT.len();
    let reading = json!({"type": "reading", "id": id, "entry": entry(path, "text"), "byte_count": count});
    let end = json!({"type": "end", "id": id, "byte_count": count, "digest": digest(CONTENT)});
    let answer = [line_of(&reading).into_bytes(), section_of(id, 0, CONTENT), line_of(&end).into_bytes()];
    session.try_send_raw(answer.concat());
}

/// Downloads a tree from the imposter into a folder inside the local folder; only files of that tree may
/// appear, anywhere.
fn assert_only_the_tree_is_written(names: &'static [(&'static str, &'static str)]) {
    let imposter = server_that_lists(names);
    let scratch = Scratch::new();
    scratch.put_local("mine.txt", b"mine");
    std::fs::create_dir(scratch.local().join("into")).unwrap();
    std::os::unix::fs::symlink("../../outside", scratch.local().join("into/link")).unwrap();
    let home = tree_digest(&scratch.share());
    let client = client!(&scratch, imposter.address()).options(&["--timeout", "2s"]);
    let outcome = client.run_json(&["READ -r tree into/"]);
    assert!(outcome.code != 0, "{names:?} is no success: {outcome:?}");
    for file in files_below(&scratch.local()) {
        let name = file.strip_prefix(scratch.local()).unwrap().to_str().unwrap();
        let is_fine = name == "mine.txt" || name.starts_with("into/tree/");
        assert!(is_fine, "{name} was written for {names:?}");
    }
    assert_eq!(scratch.local_file("mine.txt"), b"mine");
    assert_eq!(tree_digest(&scratch.share()), home);
    scratch.assert_outside_is_unchanged();
}

#[test]
fn absolute_names_and_names_that_lead_up_are_refused() {
    assert_only_the_tree_is_written(&[("/tmp/ioe-test-planted", "text")]);
    assert!(!std::path::Path::new("/tmp/ioe-test-planted").exists());
    assert_only_the_tree_is_written(&[("../mine.txt", "text")]);
    assert_only_the_tree_is_written(&[("tree/../../mine.txt", "text")]);
    assert_only_the_tree_is_written(&[("tree/..", "folder"), ("tree/../mine.txt", "text")]);
    assert_only_the_tree_is_written(&[("..", "folder")]);
}

#[test]
fn names_outside_the_folder_that_was_asked_for_are_refused() {
    assert_only_the_tree_is_written(&[("mine.txt", "text")]);
    assert_only_the_tree_is_written(&[("other/a.txt", "text")]);
    assert_only_the_tree_is_written(&[("treetop/a.txt", "text")]);
    assert_only_the_tree_is_written(&[("tree/a.txt", "text"), ("extra.txt", "text")]);
}

#[test]
fn names_that_are_no_paths_are_refused() {
    assert_only_the_tree_is_written(&[("tree//a.txt", "text")]);
    assert_only_the_tree_is_written(&[("tree/nul\0.txt", "text")]);
    assert_only_the_tree_is_written(&[("tree/esc\u{1b}[2J.txt", "text")]);
    assert_only_the_tree_is_written(&[("tree/.ioe-partial-a", "text")]);
    assert_only_the_tree_is_written(&[("", "text")]);
}

#[test]
fn a_pattern_takes_nothing_that_does_not_match_it() {
    let names =
        [("tree/b.mp3", "music"), ("other/a.txt", "text"), ("../mine.txt", "text"), ("tree/x/a.txt", "text")];
    for (name, kind) in names {
        let imposter = Imposter::answering(move |session, request| {
            let id = request["id"].as_u64().unwrap();
            match request["type"].as_str() {
                Some("read") => read(session, id, request["path"].as_str().unwrap_or_default()),
                _ => list(session, id, &[(name, kind)]),
            }
        });
        let scratch = Scratch::new();
        scratch.put_local("mine.txt", b"mine");
        let client = client!(&scratch, imposter.address()).options(&["--timeout", "1s"]);
        let outcome = client.run_json(&["READ tree/*.txt"]);
        assert_ne!(outcome.code, 0, "{name}: {outcome:?}");
        assert_eq!(files_below(&scratch.local()).len(), 1, "{name}");
        assert_eq!(scratch.local_file("mine.txt"), b"mine");
    }
}

#[test]
fn a_tree_that_contradicts_itself_is_no_success_and_stays_within() {
    assert_only_the_tree_is_written(&[("tree/a", "text"), ("tree/a/b.txt", "text")]);
    assert_only_the_tree_is_written(&[("tree/a", "folder"), ("tree/a", "text")]);
    assert_only_the_tree_is_written(&[("tree", "text")]);
}

#[test]
fn a_local_link_on_the_way_is_not_followed() {
    let imposter = server_that_lists(&[("tree/link", "folder"), ("tree/link/secret.txt", "text")]);
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.local().join("tree")).unwrap();
    std::os::unix::fs::symlink("../../outside", scratch.local().join("tree/link")).unwrap();
    let client = client!(&scratch, imposter.address()).options(&["--timeout", "2s"]);
    let outcome = client.run_json(&["READ -r tree"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    scratch.assert_outside_is_unchanged();
}

#[test]
fn a_file_that_calls_itself_otherwise_lands_under_the_name_that_was_asked_for_or_not_at_all() {
    let imposter = Imposter::answering(|session, request| {
        let id = request["id"].as_u64().unwrap();
        match request["type"].as_str() {
            Some("read") => read(session, id, "../mine.txt"),
            _ => list(session, id, &[]),
        }
    });
    let scratch = Scratch::new();
    scratch.put_local("mine.txt", b"mine");
    client!(&scratch, imposter.address()).options(&["--timeout", "1s"]).run_json(&["READ a.txt"]);
    let names: Vec<_> =
        files_below(&scratch.local()).iter().map(|p| p.file_name().unwrap().to_owned()).collect();
    assert!(names == ["mine.txt"] || names == ["a.txt", "mine.txt"], "{names:?}");
    assert_eq!(scratch.local_file("mine.txt"), b"mine");
}
