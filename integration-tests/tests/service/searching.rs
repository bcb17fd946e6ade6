//! SEARCH: files and folders whose path has all the words.

use integration_tests::server;
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::write_file;
use serde_json::{Value, json};

fn search(session: &mut Session, words: &str) -> Vec<String> {
    let (entries, _) = session.listing(json!({"type": "search", "words": words}));
    let path = |entry: &Value| entry["path"].as_str().unwrap().to_owned();
    let mut paths: Vec<String> = entries.iter().map(path).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn a_search_finds_paths_that_have_all_the_words_whole_and_in_any_case() {
    let server = server!()
        .file("Music/Live/My Song.mp3", b"")
        .file("Music/songs.mp3", b"")
        .file("Étude_in-C.flac", b"")
        .start();
    let mut session = server.session();
    assert_eq!(search(&mut session, "song live"), ["Music/Live/My Song.mp3"]);
    assert_eq!(search(&mut session, "SONG"), ["Music/Live/My Song.mp3"], "not a part of a word");
    assert_eq!(search(&mut session, "my,song;MP3"), ["Music/Live/My Song.mp3"]);
    assert_eq!(search(&mut session, "étude c"), ["Étude_in-C.flac"]);
    assert!(search(&mut session, "song étude").is_empty());
    assert!(search(&mut session, "nothing").is_empty());
}

#[test]
fn a_search_finds_folders_too() {
    let server = server!().file("holiday pictures/a.jpg", b"").start();
    let mut session = server.session();
    assert_eq!(search(&mut session, "pictures"), ["holiday pictures", "holiday pictures/a.jpg"]);
}

#[test]
fn a_search_sees_what_the_session_did_before_it() {
    let server = server!().start();
    let mut session = server.session();
    assert!(search(&mut session, "report").is_empty());
    write_file(&mut session, "report.txt", b"new");
    assert_eq!(search(&mut session, "report"), ["report.txt"]);
    assert_eq!(
        session.ask(json!({"type": "rename", "path": "report.txt", "to": "final.txt"}))["type"],
        "renamed"
    );
    assert!(search(&mut session, "report").is_empty());
    assert_eq!(search(&mut session, "final"), ["final.txt"]);
    assert_eq!(session.ask(json!({"type": "delete", "path": "final.txt"}))["type"], "deleted");
    assert!(search(&mut session, "final").is_empty());
}

#[test]
fn a_search_without_words_or_with_too_many_bytes_is_refused_and_the_session_goes_on() {
    let server = server!().file("a.txt", b"").start();
    let mut session = server.session();
    for words in ["", "   ", ",;-", &"a".repeat(1025)] {
        let id = session.request(json!({"type": "search", "words": words}));
        assert_refused(&session.answer(id), "bad_message");
    }
    assert!(search(&mut session, &"a".repeat(1024)).is_empty());
    assert_eq!(search(&mut session, "a"), ["a.txt"]);
}
