//! What a search finds: words in any case and script, whole paths, contents by their digest; never one's own.

use integration_tests::content::{bytes, digest};
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;
use integration_tests::peer::PeerSetup;

/// A peer beside one that was given files.
fn pair(fill: impl Fn(PeerSetup) -> PeerSetup) -> Mesh {
    Mesh::start(&Wiring::line(2), |number| match number {
        0 => peer!(),
        _ => fill(peer!()),
    })
}

/// The paths that a command of peer 0 finds, of which there must be so many.
fn paths(mesh: &Mesh, command: &str, count: usize) -> Vec<String> {
    let found = mesh.results(0, command, count);
    found.iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn words_are_found_anywhere_in_a_path_whole_and_in_any_case() {
    let mesh = pair(|peer| {
        let peer = peer.file("Music/Live/My Song.mp3", b"a").file("Music/songs.mp3", b"b");
        peer.file("Étude_in-C.flac", b"c").file("音楽/曲.ogg", b"d")
    });
    assert_eq!(paths(&mesh, "SEARCH song live", 1), ["Music/Live/My Song.mp3"]);
    assert_eq!(paths(&mesh, "SEARCH SONG", 1), ["Music/Live/My Song.mp3"], "not a part of a word");
    assert_eq!(paths(&mesh, "search mp3 music", 2), ["Music/Live/My Song.mp3", "Music/songs.mp3"]);
    assert_eq!(paths(&mesh, "Search étude", 1), ["Étude_in-C.flac"]);
    assert_eq!(paths(&mesh, "SEARCH ÉTUDE c", 1), ["Étude_in-C.flac"]);
    assert_eq!(paths(&mesh, "SEARCH 曲", 1), ["音楽/曲.ogg"]);
    assert!(paths(&mesh, "SEARCH song étude", 0).is_empty());
}

#[test]
fn the_exact_name_of_a_file_finds_it() {
    let names = ["a song (live) [2024].mp3", "don't stop.mp3", "mixed-UP_name.tar.gz"];
    let mesh = pair(|peer| names.iter().fold(peer, |peer, name| peer.file(name, name)));
    for name in names {
        assert_eq!(paths(&mesh, &format!("SEARCH \"{name}\""), 1), [name]);
    }
}

#[test]
fn folders_are_no_results_but_their_files_are() {
    let mesh = pair(|peer| peer.file("holiday/a.jpg", b"a").file("holiday/b.jpg", b"b"));
    assert_eq!(paths(&mesh, "SEARCH holiday", 2), ["holiday/a.jpg", "holiday/b.jpg"]);
}

#[test]
fn every_file_of_a_holder_that_matches_is_a_line_of_its_own() {
    let name = |number: usize| format!("songs/song {number:03}.mp3");
    let mesh = pair(|peer| {
        (0..256).for_each(|number| peer.scratch.put(&name(number), b""));
        // Waited for by name, so that all others have been looked at, too.
        peer.file("last.mp3", b"")
    });
    integration_tests::patience::eventually_true("all files are indexed", || {
        integration_tests::neighbour::Neighbour::open(mesh[1].address()).found_files("songs").len() == 256
    });
    let all: Vec<String> = (0..256).map(name).collect();
    assert_eq!(paths(&mesh, "SEARCH songs", 256), all);
}

#[test]
fn more_files_than_one_search_may_bring_are_cut_to_the_most() {
    let mesh = pair(|peer| {
        (0..300).for_each(|number| peer.scratch.put(&format!("song {number}.mp3"), b""));
        peer.file("song last.mp3", b"")
    });
    integration_tests::patience::eventually_true("enough files are indexed", || {
        integration_tests::neighbour::Neighbour::open(mesh[1].address()).found_files("song").len() == 256
    });
    assert_eq!(paths(&mesh, "SEARCH song", 256).len(), 256);
}

#[test]
fn long_paths_that_fill_several_messages_all_arrive() {
    // 40 paths of about 4,000 bytes do not fit into two lines of a result.
    let folder = vec!["x".repeat(200); 19].join("/");
    let mesh =
        pair(|peer| (0..40).fold(peer, |peer, number| peer.file(&format!("{folder}/song {number}"), b"")));
    assert_eq!(paths(&mesh, "SEARCH song", 40).len(), 40);
}

#[test]
fn a_digest_finds_the_content_under_any_name() {
    let content = bytes("content", 3_000_000);
    let mesh = pair(|peer| peer.file("some name.bin", &content).file("other.bin", b"other"));
    mesh[1].wait_until_hashed("some name.bin");
    let command = format!("SEARCH digest:{}", digest(&content));
    let found = mesh.results(0, &command, 1);
    assert_eq!(found[0]["path"], "some name.bin");
    assert_eq!(found[0]["digest"], digest(&content));
    assert_eq!(found[0]["byte_count"], content.len());
    assert_eq!(found.len(), 1);
    assert!(mesh.results(0, &format!("SEARCH digest:{}", digest(b"nobody's")), 0).is_empty());
    assert!(mesh.results(0, &format!("{command} 1"), 1).len() == 1, "with a ttl");
}

#[test]
fn a_digest_is_shown_as_soon_as_it_is_known() {
    let content = bytes("content", 70_000);
    let mesh = pair(|peer| peer.file("song.mp3", &content));
    mesh[1].wait_until_hashed("song.mp3");
    assert_eq!(mesh.results(0, "SEARCH song", 1)[0]["digest"], digest(&content));
}

#[test]
fn ones_own_files_are_no_results() {
    let mesh = Mesh::start(&Wiring::full(3), |_| peer!().file("song.mp3", b""));
    let found = mesh.results(1, "SEARCH song", 2);
    let owners: Vec<usize> = mesh.owners_and_hops(&found).iter().map(|(owner, _)| *owner).collect();
    assert_eq!(owners, [0, 2]);
}

#[test]
fn empty_files_and_hidden_looking_names_are_found() {
    let mesh = pair(|peer| peer.file(".profile", b"").file("-rf", b"x"));
    assert_eq!(paths(&mesh, "SEARCH profile", 1), [".profile"]);
    assert_eq!(paths(&mesh, "SEARCH rf", 1), ["-rf"]);
}

#[test]
fn only_the_kinds_that_are_shared_are_found() {
    let mesh = Mesh::start(&Wiring::line(2), |number| match number {
        0 => peer!(),
        _ => {
            let peer = peer!().option_with("--kinds", "music");
            peer.scratch.put("song.txt", b"text");
            peer.file("song.mp3", b"music")
        }
    });
    assert_eq!(paths(&mesh, "SEARCH song", 1), ["song.mp3"]);
}
