//! The kind of every file, and a share of some kinds only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

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
fn with_kinds_other_files_stay_whatever_happens_to_the_names_on_their_way() {
    const TRY_COUNT: usize = 400;
    let server = server!().option_with("--kinds", "picture").file("sub/secret.txt", b"secret").start();
    let mut flipping = server.session();
    let (mut session, stop) = (server.session(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                flipping.ask(json!({"type": "rename", "path": "sub", "to": "away"}));
                flipping.ask(json!({"type": "rename", "path": "away", "to": "sub"}));
            }
        });
        let requests = [
            json!({"type": "rename", "path": "sub/secret.txt", "to": "secret.jpg"}),
            json!({"type": "delete", "path": "sub/secret.txt"}),
            json!({"type": "delete", "path": "sub", "recursive": true}),
        ];
        for request in requests.iter().cycle().take(TRY_COUNT) {
            let answer = session.ask(request.clone());
            assert_eq!(answer["type"], "refused", "{request}: {answer}");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let share = server.scratch().share();
    assert!(["sub", "away"].iter().any(|name| share.join(name).join("secret.txt").exists()));
}

#[test]
fn with_kinds_a_link_of_another_kind_is_not_renamed_even_while_it_leads_nowhere() {
    let server = server!().option_with("--kinds", "picture").file("sub/secret.txt", b"secret").start();
    let share = server.scratch().share();
    std::os::unix::fs::symlink("sub/secret.txt", share.join("latest.txt")).unwrap();
    let mut session = server.session();
    let rename = |path: &str, to: &str| json!({"type": "rename", "path": path, "to": to});
    assert_eq!(session.ask(rename("sub", "sub2"))["type"], "renamed");
    session.ask_refused(rename("latest.txt", "latest.jpg"), "not_allowed");
    session.ask_refused(json!({"type": "delete", "path": "latest.txt"}), "not_allowed");
    assert!(share.join("latest.txt").is_symlink());
}

#[test]
fn an_unknown_kind_is_wrong_usage_and_names_those_there_are() {
    let (code, errors) = server!().option_with("--kinds", "picture,smell").start_refused();
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("smell") && errors.contains("music"), "{errors}");
}
