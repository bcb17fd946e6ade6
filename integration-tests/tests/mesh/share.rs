//! A peer's own files: LISTL, and that searches see what comes and goes.

use std::fs;

use integration_tests::content::bytes;
use integration_tests::neighbour::Neighbour;
use integration_tests::patience::eventually_true;
use integration_tests::peer;

#[test]
fn listl_shows_all_files_with_kind_and_size() {
    let peer = peer!().file("music/song.mp3", b"12345").file("note.txt", b"").start();
    let lines = peer.attach(&["LISTL"]).expect_done().lines();
    let mut files: Vec<_> = lines.iter().filter(|line| line["kind"] != "folder").collect();
    files.sort_by_key(|line| line["path"].to_string());
    assert_eq!(files.len(), 2, "{lines:?}");
    assert_eq!([&files[0]["path"], &files[0]["kind"]], ["music/song.mp3", "music"]);
    assert_eq!([&files[1]["path"], &files[1]["kind"]], ["note.txt", "text"]);
    assert_eq!([&files[0]["byte_count"], &files[1]["byte_count"]], [5, 0]);
    assert!(files.iter().all(|line| line["modified"].as_str().unwrap().ends_with('Z')), "{lines:?}");
    let plain = peer.attach_with(&[], &["LISTL"]).expect_done();
    assert!(plain.text().contains("song.mp3") && plain.text().contains("note.txt"), "{plain:?}");
}

#[test]
fn an_empty_folder_lists_nothing() {
    let peer = peer!().start();
    assert_eq!(peer.attach(&["LISTL"]).expect_done().text(), "");
}

#[test]
fn what_is_put_there_by_hand_is_found_and_what_is_taken_away_is_not() {
    let peer = peer!().file("old.mp3", b"old").start();
    peer.wait_until_indexed();
    peer.scratch().put("deep/er/new song.mp3", b"new");
    peer.wait_until_found("deep/er/new song.mp3");
    let share = peer.scratch().share();
    fs::rename(share.join("old.mp3"), share.join("renamed.mp3")).unwrap();
    peer.wait_until_found("renamed.mp3");
    let mut neighbour = Neighbour::open(peer.address());
    eventually_true("the old name is forgotten", || neighbour.found_files("old").is_empty());
    fs::remove_dir_all(share.join("deep")).unwrap();
    eventually_true("the deleted file is forgotten", || neighbour.found_files("song").is_empty());
}

#[test]
fn a_file_that_is_written_to_gets_its_new_length_and_digest() {
    let peer = peer!().file("log.txt", b"one").start();
    peer.wait_until_indexed();
    let content = bytes("more", 100_000);
    peer.scratch().put("log.txt", &content);
    let mut neighbour = Neighbour::open(peer.address());
    eventually_true("the new content is known", || {
        let files = neighbour.found_files("log");
        files.len() == 1
            && files[0]["byte_count"] == content.len()
            && files[0]["digest"] == integration_tests::content::digest(&content)
    });
}

#[test]
fn links_that_lead_outside_are_neither_listed_nor_found_nor_served() {
    let peer = peer!().file("song.mp3", b"la").start();
    std::os::unix::fs::symlink(
        peer.scratch().outside().join("secret.txt"),
        peer.scratch().share().join("secret"),
    )
    .unwrap();
    std::os::unix::fs::symlink(peer.scratch().outside(), peer.scratch().share().join("folder")).unwrap();
    peer.scratch().put("later.txt", b"");
    peer.wait_until_found("later.txt");
    let mut neighbour = Neighbour::open(peer.address());
    for words in ["secret", "folder", "deep", "inner"] {
        assert!(neighbour.found_files(words).is_empty(), "{words}");
    }
    let listed = peer.attach(&["LISTL"]).expect_done().lines();
    assert!(listed.iter().all(|line| !line["path"].as_str().unwrap().contains("secret")), "{listed:?}");
    let other = peer!().start();
    for path in ["secret", "folder/secret.txt"] {
        other.attach(&[&format!("GET {path} {}", peer.host_and_port())]).expect_error("not_allowed", 1);
    }
}
