//! A peer answers the real ioe-client, and sessions spoken by hand, but lets nobody change anything.

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::scratch::tree_digest;
use integration_tests::session::Session;
use integration_tests::upload::{SMALL_WRITE_BYTES_MAX, write};
use integration_tests::{client, peer};
use serde_json::json;

#[test]
fn a_client_lists_reads_searches_and_looks() {
    let content = bytes("song", 2 * PIECE_BYTES + 1);
    let peer = peer!().file("music/my song.mp3", &content).file("a.txt", b"a").start();
    peer.wait_until_indexed();
    let client = client!(peer.scratch(), peer.address());
    let listed = client.run_json(&["LIST -r"]).expect_done().lines();
    let has = |path: &str| listed.iter().any(|line| line["path"] == path);
    assert!(has("music/my song.mp3") && has("a.txt"), "{listed:?}");
    let found = client.run_json(&["SEARCH song"]).expect_done().line();
    assert_eq!([&found["command"], &found["path"]], ["search", "music/my song.mp3"]);
    let stat = client.run_json(&["STAT \"music/my song.mp3\""]).expect_done().line();
    assert_eq!(stat["digest"], digest(&content));
    client.run_json(&["READ \"music/my song.mp3\""]).expect_done();
    assert!(peer.scratch().local_file("my song.mp3") == content);
}

#[test]
fn a_client_changes_nothing() {
    let peer = peer!().file("a.txt", b"a").file("folder/b.txt", b"b").start();
    peer.scratch().put_local("new.txt", b"new");
    peer.scratch().put_local("large.bin", bytes("large", 3 * PIECE_BYTES));
    let before = tree_digest(&peer.scratch().share());
    let client = client!(peer.scratch(), peer.address());
    for command in [
        "WRITE new.txt",
        "WRITE large.bin",
        "WRITE new.txt a.txt",
        "RENAME a.txt b.txt",
        "DELETE a.txt",
        "DELETE -r folder",
        "MKDIR made",
    ] {
        client.run_json(&[command]).expect_error("not_allowed", 1);
    }
    assert_eq!(tree_digest(&peer.scratch().share()), before);
}

#[test]
fn requests_by_hand_that_change_something_are_refused_and_the_session_goes_on() {
    let peer = peer!().file("a.txt", b"a").start();
    let mut session = peer.session();
    session.ask_refused(json!({"type": "delete", "path": "a.txt"}), "not_allowed");
    session.ask_refused(json!({"type": "mkdir", "path": "b"}), "not_allowed");
    session.ask_refused(json!({"type": "rename", "path": "a.txt", "to": "b.txt"}), "not_allowed");
    for length in [5, SMALL_WRITE_BYTES_MAX + 1] {
        let uploaded = write(&mut session, "new.bin", &bytes("new", length), &json!({}));
        assert_eq!(uploaded.answer["code"], "not_allowed", "{}", uploaded.answer);
        session.assert_works();
    }
    assert_eq!(session.read_file("a.txt"), b"a");
}

#[test]
fn a_peer_says_that_it_is_one_and_that_nothing_is_written_here() {
    let peer = peer!().start();
    let mut session = Session::dial(peer.address());
    session.send(&integration_tests::session::hello(integration_tests::session::PROCESS_ID));
    let welcome = session.line();
    assert_eq!([&welcome["type"], &welcome["role"]], ["welcome", "peer"], "{welcome}");
    let features = welcome["features"].as_array().unwrap();
    assert!(!features.contains(&json!("write")) && features.contains(&json!("search")), "{welcome}");
}

#[test]
fn a_digest_names_a_file_in_a_session_once_it_is_hashed() {
    let content = bytes("song", 100_000);
    let peer = peer!().file("song.mp3", &content).start();
    peer.wait_until_hashed("song.mp3");
    let mut session = peer.session();
    let (_, payload) = session.read(json!({"type": "read", "digest": digest(&content)}));
    assert!(payload.bytes == content);
}

#[test]
fn sessions_have_a_cap_of_their_own_and_an_idle_end() {
    let peer = peer!().option_with("--max-connections", "4").option_with("--idle-timeout", "2s").start();
    let mut session = peer.session();
    session.assert_works();
    session.assert_closed_after_an_optional("timed_out");
}

#[test]
fn a_server_refuses_links() {
    let server = integration_tests::server!().start();
    let peer = peer!().start();
    let (host, port) = (server.address().ip(), server.address().port());
    peer.attach(&[&format!("CONNECT {host} {port}")]).expect_error("not_allowed", 1);
    assert_eq!(peer.count("links"), 0);
    let mut neighbour = integration_tests::neighbour::Neighbour::greeting(server.address(), &json!({}));
    neighbour.session().assert_closed_with("not_allowed");
}
