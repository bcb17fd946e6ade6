//! The kind of every file, and a share of some kinds only.

use integration_tests::server;
use serde_json::json;

#[test]
fn each_file_has_the_kind_of_its_ending() {
    let kinds = [
        ("a.jpg", "picture"),
        ("A.JPG", "picture"),
        ("a.png", "picture"),
        ("b.mp3", "music"),
        ("b.flac", "music"),
        ("c.mov", "video"),
        ("c.mp4", "video"),
        ("d.pdf", "document"),
        ("e.zip", "archive"),
        ("e.tar.gz", "archive"),
        ("f.txt", "text"),
        ("g.unheard-of", "other"),
        ("no-ending", "other"),
    ];
    let setup = server!();
    kinds.iter().for_each(|(name, _)| setup.scratch.put(name, b""));
    let server = setup.start();
    let mut session = server.session();
    for (name, kind) in kinds {
        let found = session.ask(json!({"type": "stat", "path": name}));
        assert_eq!(found["entry"]["kind"], kind, "{name}");
    }
    let (entries, _) = session.listing(json!({"type": "list"}));
    for (name, kind) in kinds {
        assert!(entries.iter().any(|entry| entry["path"] == name && entry["kind"] == kind), "{name}");
    }
}

#[test]
fn with_kinds_only_files_of_these_kinds_and_folders_are_there() {
    let server = server!()
        .option_with("--kinds", "picture,music")
        .file("a.jpg", b"picture")
        .file("in/b.mp3", b"music")
        .file("in/secret.txt", b"text")
        .file("c.mov", b"video")
        .start();
    let mut session = server.session();
    let (entries, _) = session.listing(json!({"type": "list", "recursive": true}));
    let mut paths: Vec<&str> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["a.jpg", "in", "in/b.mp3"]);
    assert_eq!(session.read_file("in/b.mp3"), b"music");
    let (found, _) = session.listing(json!({"type": "search", "words": "secret"}));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn with_kinds_other_files_can_be_neither_read_nor_changed() {
    let server =
        server!().option_with("--kinds", "picture").file("a.jpg", b"").file("b.txt", b"text").start();
    let mut session = server.session();
    let requests = [
        json!({"type": "read", "path": "b.txt"}),
        json!({"type": "stat", "path": "b.txt", "with_digest": true}),
        json!({"type": "pieces", "path": "b.txt"}),
        json!({"type": "delete", "path": "b.txt"}),
        json!({"type": "rename", "path": "b.txt", "to": "b.jpg"}),
        json!({"type": "rename", "path": "a.jpg", "to": "b.txt", "replace": true}),
    ];
    for request in requests {
        let answer = session.ask(request.clone());
        assert_eq!(answer["type"], "refused", "{request}: {answer}");
        assert!(answer["code"] == "not_found" || answer["code"] == "not_allowed", "{request}: {answer}");
    }
    assert_eq!(server.scratch().shared("b.txt"), b"text");
}

#[test]
fn an_unknown_kind_is_wrong_usage_and_names_those_there_are() {
    let (code, errors) = server!().option_with("--kinds", "picture,smell").start_refused();
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("smell") && errors.contains("music"), "{errors}");
}
