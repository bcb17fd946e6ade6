//! Case 48 for GET: whatever a source says that it sends, only the file that was asked for gets into the share, and only
//! under its own name.

use std::fs;
use std::os::unix::fs::symlink;

use integration_tests::content::digest;
use integration_tests::imposter::Imposter;
use integration_tests::neighbour::{Neighbour, result};
use integration_tests::nobody::Nobody;
use integration_tests::peer::{Peer, WHOLE_WAIT};
use integration_tests::scratch::{CANARY, tree_digest};
use integration_tests::session::{Session, line_of, section_of};
use integration_tests::{peer, server};
use serde_json::{Value, json};

const CONTENT: &[u8] = b"planted";

/// A source that calls every file so, and says more behind its answers than it was asked for.
fn source(name: &'static str, more: &'static str) -> Imposter {
    Imposter::answering(move |session, request| answer(session, request, name, more))
}

fn answer(session: &mut Session, request: &Value, name: &str, more: &str) {
    let id = request["id"].as_u64().unwrap();
    let entry = |path: &str| {
        let time = "2026-11-20T12:00:00Z";
        json!({"path": path, "kind": "music", "byte_count": CONTENT.len(), "modified": time})
    };
    let found =
        |path: &str| json!({"type": "found", "id": id, "entry": entry(path), "digest": digest(CONTENT)});
    let reading = |path: &str| {
        let count = CONTENT.len();
        let reading = json!({"type": "reading", "id": id, "entry": entry(path), "byte_count": count});
        let end = json!({"type": "end", "id": id, "byte_count": count, "digest": digest(CONTENT)});
        [line_of(&reading).into_bytes(), section_of(id, 0, CONTENT), line_of(&end).into_bytes()].concat()
    };
    let mut answer = match request["type"].as_str().unwrap() {
        "stat" => line_of(&found(name)).into_bytes(),
        "read" => reading(name),
        _ => {
            let refusal = json!({"type": "refused", "id": id, "code": "not_allowed", "message": "no"});
            line_of(&refusal).into_bytes()
        }
    };
    if request["type"] == "read" && !more.is_empty() {
        answer.extend(reading(more));
    }
    session.try_send_raw(answer);
}

fn get(peer: &Peer, imposter: &Imposter, options: &str) -> integration_tests::client::Outcome {
    let (ip, port) = (imposter.address().ip(), imposter.address().port());
    peer.attach(&[&format!("GET {options} song.mp3 {ip} {port}")])
}

fn names_in_share(peer: &Peer) -> Vec<String> {
    let entries = fs::read_dir(peer.scratch().share()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_honest_source_is_believed() {
    let peer = peer!().start();
    get(&peer, &source("song.mp3", ""), "").expect_done();
    assert_eq!(peer.scratch().shared("song.mp3"), CONTENT);
}

#[test]
fn a_file_that_calls_itself_otherwise_is_not_taken() {
    let peer = peer!().start();
    for name in [
        "other.mp3",
        "/tmp/ioe-test-planted.mp3",
        "../outside/song.mp3",
        "..",
        "",
        "a/../song.mp3",
        "song.mp3/below",
        "deeper/song.mp3",
        "SONG.mp3",
        ".ioe-partial-song.mp3",
        "nul\0.mp3",
    ] {
        let outcome = get(&peer, &source(name, ""), "--replace");
        assert_ne!(outcome.code, 0, "{name}: {outcome:?}");
        assert!(names_in_share(&peer).is_empty(), "{name}: {:?}", names_in_share(&peer));
    }
    assert!(!fs::exists("/tmp/ioe-test-planted.mp3").unwrap());
}

#[test]
fn a_file_that_nobody_asked_for_is_not_taken() {
    let peer = peer!().start();
    for extra in ["extra.mp3", "../outside/extra.mp3", "/tmp/ioe-test-extra.mp3", "song.mp3"] {
        get(&peer, &source("song.mp3", extra), "--replace");
        let names = names_in_share(&peer);
        assert!(names.is_empty() || names == ["song.mp3"], "{extra}: {names:?}");
    }
    assert!(!fs::exists("/tmp/ioe-test-extra.mp3").unwrap());
}

#[test]
fn nothing_is_fetched_through_a_link() {
    for target in ["../outside/secret.txt", "../outside/new.mp3", "kept.mp3", "nowhere/below"] {
        let peer = peer!().file("kept.mp3", b"mine").start();
        let link = peer.scratch().share().join("song.mp3");
        symlink(target, &link).unwrap();
        let before = tree_digest(&peer.scratch().share());
        for options in ["", "--replace"] {
            let outcome = get(&peer, &source("song.mp3", ""), options);
            assert_ne!(outcome.code, 0, "{target}: {outcome:?}");
            assert!(link.symlink_metadata().unwrap().is_symlink(), "{target}: the link is gone");
        }
        assert_eq!(tree_digest(&peer.scratch().share()), before, "{target}");
        peer.scratch().assert_outside_is_unchanged();
    }
}

#[test]
fn a_name_that_leads_elsewhere_is_not_asked_for() {
    let holder = peer!().file("song.mp3", b"song").start();
    let peer = peer!().start();
    let secret = holder.scratch().outside().join("secret.txt");
    for path in [
        "../outside/secret.txt",
        "/etc/passwd",
        "a/../song.mp3",
        "..",
        "./song.mp3",
        secret.to_str().unwrap(),
    ] {
        let outcome = peer.attach(&[&format!("GET {path} {}", holder.host_and_port())]);
        assert_ne!(outcome.code, 0, "{path}: {outcome:?}");
        assert!(!outcome.text().contains(CANARY), "{outcome:?}");
    }
    assert!(names_in_share(&peer).is_empty());
}

#[test]
fn a_holder_of_another_version_than_the_search_told_is_no_source_and_an_absence_hides_no_lie() {
    let (peer, holder) = (peer!().start(), server!().file("some song.mp3", b"other").start());
    let nobody = Nobody::there();
    let mut owner = Neighbour::open(peer.address());
    let mut get = peer.start_attached(&["--json", "--wait", WHOLE_WAIT], &["GET \"some song\""]);
    let id = owner.hear_a("search")["search_id"].as_str().unwrap().to_owned();
    // The nearer one is tried first.
    for (hops, address) in [(1, holder.address()), (2, nobody.address())] {
        let mut told = result(&id, "some song.mp3");
        told["files"][0]["digest"] = json!(digest(b"wanted"));
        (told["hops"], told["address"]) = (json!(hops), json!(address.to_string()));
        owner.send(&told);
    }
    assert_eq!(get.exit_code(), 4, "{}", get.output.text());
    assert!(get.output.text().contains("digest_mismatch"), "{}", get.output.text());
    assert!(names_in_share(&peer).is_empty());
}
