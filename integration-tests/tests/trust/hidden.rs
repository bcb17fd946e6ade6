//! What hidden places tell to whoever goes round them: counts, versions, bases, kinds, and names that nearly are those of others.
//!
//! It must not know how listings are made.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use integration_tests::content::{bytes, digest};
use integration_tests::scratch::tree_digest;
use integration_tests::server;
use serde_json::{Value, json};

use crate::guests::{Guest, manage};
use crate::line::{Line, Request};

/// What no listing can have as an entry, and much that it can.
fn fill(folder: &Path) {
    fs::create_dir_all(folder.join("deep/deeper")).unwrap();
    for place in [folder.to_owned(), folder.join("deep/deeper")] {
        symlink("nowhere", place.join("dangling")).unwrap();
        symlink("/etc", place.join("outside")).unwrap();
        fs::write(place.join("line\nbreak-hidden"), "").unwrap();
        fs::write(place.join(std::ffi::OsStr::from_bytes(b"hidden\xff")), "").unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            place.join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        for number in 0..2000 {
            fs::write(place.join(format!("plain hidden {number}.txt")), "hidden").unwrap();
        }
    }
}

#[test]
fn listings_and_searches_are_the_same_bytes_whatever_lies_in_hidden_folders() {
    let server = server!()
        .file("way/team/plain.txt", "mine")
        .file("way/team/secret/x", "")
        .file("other/x", "")
        .start();
    server.scratch().put("way/near/x", "");
    let guests = [
        Guest::enrolled(&server, "reader", &["--read", "--below", "way/team"]),
        Guest::enrolled(&server, "denied", &["--write"]),
    ];
    manage(&server, &["deny", "reader", "all", "--below", "way/team/SECRET"]);
    for folder in ["way/team/secret", "way/near", "other"] {
        manage(&server, &["deny", "denied", "all", "--below", folder]);
    }
    let requests = [
        json!({"type": "list"}),
        json!({"type": "list", "recursive": true}),
        json!({"type": "list", "path": "way", "recursive": true}),
        json!({"type": "list", "path": "way/team", "recursive": true}),
        json!({"type": "search", "words": "plain"}),
    ];
    let heard = || -> Vec<String> {
        let ask = |guest: &Guest| {
            let mut line = Line::open(guest.dial(&server));
            requests.clone().map(|request| String::from_utf8(line.ask(&Request::new(request)).raw).unwrap())
        };
        guests.iter().flat_map(ask).collect()
    };
    let before = heard();
    for folder in ["way/team/secret", "way/near", "other"] {
        fill(&server.scratch().share().join(folder));
    }
    assert_eq!(before, heard());
}

#[test]
fn nothing_is_told_of_a_large_file_by_bases_versions_or_digests() {
    let server = server!().start();
    let (old, guess) = (bytes("hidden", 3 << 20), digest(&bytes("hidden", 3 << 20)));
    for path in ["team/big.mov", "other/big.mov", "other/bog.mov"] {
        server.scratch().put(path, &old);
    }
    let owner = Guest::enrolled(&server, "owner", &["--write"]);
    let mut line = Line::open(owner.dial(&server));
    for path in ["team/big.mov", "other/big.mov"] {
        line.ask(&Request::new(json!({"type": "stat", "path": path, "with_digest": true})));
    }
    let changer = Guest::enrolled(&server, "changer", &["--rights", "create,replace", "--below", "team"]);
    let mut line = Line::open(changer.dial(&server));
    let write = |path: &str, fields: Value| {
        let mut message = json!({"type": "write", "path": path, "byte_count": 3 << 20, "base_wanted": true});
        message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Request::new(message)
    };
    // Whoever may not read it may replace it, but is offered nothing of it.
    let answer = line.ask(&write("team/big.mov", json!({})));
    assert!(
        answer.lines[0]["type"] == "ready" && answer.lines[0].get("base").is_none(),
        "{:?}",
        answer.lines
    );
    assert!(answer.payload.is_empty());
    // Right or wrong, known or not: a version that may not be read is not compared.
    let unlike = digest(b"unlike");
    for kind in ["stat", "read", "pieces"] {
        let told = [&guess, &unlike]
            .map(|digest| line.ask(&Request::new(json!({"type": kind, "digest": digest}))).raw);
        assert_eq!(told[0], told[1], "{kind}");
    }
    for path in ["team/big.mov", "other/big.mov", "other/nil.mov"] {
        let told = [&guess, &unlike].map(|digest| line.ask(&write(path, json!({"if_digest": digest}))).raw);
        assert_eq!(told[0], told[1], "{path}");
        assert!(String::from_utf8_lossy(&told[0]).contains("refused"), "{path}");
    }
    assert_eq!(server.scratch().shared("team/big.mov"), old);
    // Nor is what may not be read a base for whoever knows its digest, under a name that may be read.
    let maker = Guest::enrolled(&server, "maker", &["--write", "--below", "own"]);
    fs::create_dir(server.scratch().share().join("own")).unwrap();
    let mut line = Line::open(maker.dial(&server));
    let told = [&guess, &unlike].map(|digest| line.ask(&write("own/new.mov", json!({"digest": digest}))).raw);
    assert_eq!(told[0], told[1]);
    assert!(!String::from_utf8_lossy(&told[0]).contains("base"));
}

#[test]
fn names_that_nearly_are_the_denied_one_do_not_open_it_and_climbing_paths_are_none() {
    let server = server!().file("team/link-home/x", "").file("team/caf\u{e9}/inner.txt", "denied").start();
    symlink("../other", server.scratch().share().join("team/link")).unwrap();
    server.scratch().put("other/x", "hidden");
    let guest = Guest::enrolled(&server, "guest", &["--write", "--below", "team"]);
    manage(&server, &["deny", "guest", "all", "--below", "team/caf\u{e9}"]);
    let mut line = Line::open(guest.dial(&server));
    let before = tree_digest(&server.scratch().share());
    let nearly = [
        "caf\u{e9}",
        "CAF\u{c9}",
        "cafe\u{301}",
        "caf\u{e9} ",
        "caf\u{e9}.",
        "caf\u{e9}\u{200b}",
        "\u{feff}caf\u{e9}",
    ];
    for name in nearly {
        for kind in ["read", "stat", "pieces", "delete"] {
            let path = format!("team/{name}/inner.txt");
            let answer = line.ask(&Request::new(json!({"type": kind, "path": path})));
            assert_eq!(answer.code(), "not_found", "{kind} {path}: {}", answer.last());
        }
    }
    for path in [
        "team/link/..",
        "team/link/../other/x",
        "team/../other/x",
        "team/./x",
        "team//x",
        "/other/x",
        "team/caf\u{e9}/..",
        "team/",
    ] {
        for kind in ["read", "stat", "list", "delete", "mkdir"] {
            let answer = line.ask(&Request::new(json!({"type": kind, "path": path})));
            assert_eq!(answer.code(), "bad_path", "{kind} {path}: {}", answer.last());
        }
    }
    assert_eq!(before, tree_digest(&server.scratch().share()));
}

#[test]
fn kinds_and_rights_both_must_agree() {
    let server = server!().option_with("--kinds", "music").start();
    for path in ["team/a.mp3", "team/a.txt", "other/a.mp3", "other/a.txt"] {
        server.scratch().put(path, format!("content of {path}"));
    }
    let guest = Guest::enrolled(&server, "guest", &["--write", "--below", "team"]);
    let mut line = Line::open(guest.dial(&server));
    let listed = line.ask(&Request::new(json!({"type": "list", "recursive": true}))).entries();
    let paths: Vec<&str> = listed.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["team", "team/a.mp3"]);
    let mut ask = |kind: &str, path: &str| {
        line.ask(&Request::new(json!({"type": kind, "path": path, "to": "team/b.mp3"}))).raw
    };
    for kind in ["read", "stat", "pieces", "delete", "rename"] {
        assert_eq!(ask(kind, "other/a.mp3"), ask(kind, "other/a.txt"), "{kind}");
        assert_eq!(ask(kind, "other/a.mp3"), ask(kind, "other/nil"), "{kind}");
    }
    assert!(String::from_utf8_lossy(&ask("read", "team/a.txt")).contains("not_found"));
    assert!(String::from_utf8_lossy(&ask("read", "team/a.mp3")).contains("content of team/a.mp3"));
}
