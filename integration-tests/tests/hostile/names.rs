//! Cases 14, 15, 16 and 18: names that are no paths, for every request that takes a name.

use integration_tests::content::bytes;
use integration_tests::scratch::{CANARY, tree_digest};
use integration_tests::server;
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::{write, write_file};
use serde_json::{Value, json};

/// Every request that takes a name, with this name in the place where it takes one; WRITE stands apart,
/// because it goes on after its refusal.
fn requests_with(name: &str) -> Vec<Value> {
    vec![
        json!({"type": "list", "path": name}),
        json!({"type": "list", "path": name, "recursive": true}),
        json!({"type": "stat", "path": name, "with_digest": true}),
        json!({"type": "read", "path": name}),
        json!({"type": "pieces", "path": name}),
        json!({"type": "delete", "path": name}),
        json!({"type": "delete", "path": name, "recursive": true}),
        json!({"type": "mkdir", "path": name}),
        json!({"type": "rename", "path": name, "to": "new-name"}),
        json!({"type": "rename", "path": name, "to": "new-name", "replace": true}),
        json!({"type": "rename", "path": "inside.txt", "to": name}),
        json!({"type": "rename", "path": "inside.txt", "to": name, "replace": true}),
    ]
}

/// Every request with this name must be refused as a bad path, and each time the session goes on.
fn assert_is_no_path(session: &mut Session, name: &str) {
    for request in requests_with(name) {
        let answer = session.ask(request.clone());
        assert!(answer["type"] == "refused" && answer["code"] == "bad_path", "{request} got {answer}");
    }
    for fields in [json!({}), json!({"new": true}), json!({"base_wanted": true}), json!({"byte_count": null})]
    {
        let answer = write(session, name, b"planted", &fields).answer;
        assert!(answer["code"] == "bad_path", "write {name:?} got {answer}");
    }
}

#[test]
fn no_request_takes_a_name_that_leads_outside_or_is_no_path() {
    let part_too_long = "p".repeat(256);
    let path_too_long = ["ten bytes/"; 500].concat() + "end";
    let names = [
        "..",
        ".",
        "../outside/secret.txt",
        "a/../../outside/secret.txt",
        "a/..",
        "./inside.txt",
        "a/./b",
        "a/.",
        "/etc/passwd",
        "/",
        "//inside.txt",
        "a//b",
        "a/",
        "",
        "nul\0inside.txt",
        "line\nfeed",
        "carriage\rreturn",
        "tab\t",
        "escape\u{1b}[2J",
        "delete\u{7f}",
        "c1\u{80}",
        "c1\u{9f}",
        &part_too_long,
        &path_too_long,
        ".ioe-partial-mine",
        ".IOE-PARTIAL-mine",
        "a/.ioe-Partial-x/b",
    ];
    let server = server!().file("inside.txt", b"inside").file("a/b", b"b").start();
    let before = tree_digest(&server.scratch().share());
    for name in names {
        assert_is_no_path(&mut server.session(), name);
    }
    assert_eq!(tree_digest(&server.scratch().share()), before);
}

#[test]
fn an_absolute_name_of_a_file_outside_is_refused() {
    let server = server!().file("inside.txt", b"inside").start();
    let outside = server.scratch().outside().join("secret.txt");
    assert_is_no_path(&mut server.session(), outside.to_str().unwrap());
}

#[test]
fn a_part_and_a_path_of_the_greatest_length_are_paths() {
    let server = server!().start();
    let mut session = server.session();
    let part = "p".repeat(255);
    write_file(&mut session, &part, b"long name");
    assert_eq!(session.read_file(&part), b"long name");
    let two_bytes_each = "é".repeat(127);
    let large = bytes("large", 2 << 20);
    write_file(&mut session, &two_bytes_each, &large);
    assert!(session.read_file(&two_bytes_each) == large);
    let longest = [part.as_str(); 16].join("/");
    assert_eq!(longest.len(), 4095);
    session.ask_refused(json!({"type": "read", "path": longest}), "not_found");
    session.ask_refused(json!({"type": "stat", "path": format!("{longest}x")}), "bad_path");
}

#[test]
fn encoded_and_foreign_separators_stand_for_themselves() {
    let server = server!().file("inside.txt", b"inside").start();
    let mut session = server.session();
    for name in
        ["%2e%2e%2foutside%2fsecret.txt", "..\\outside\\secret.txt", "C:\\x", "~root", "$HOME", "..%00"]
    {
        session.ask_refused(json!({"type": "read", "path": name}), "not_found");
        write_file(&mut session, name, name.as_bytes());
        assert_eq!(session.read_file(name), name.as_bytes());
        assert_eq!(server.scratch().shared(name), name.as_bytes());
    }
}

#[test]
fn names_with_blanks_quotes_and_emoji_round_trip_through_every_request() {
    let server = server!().start();
    let mut session = server.session();
    for name in
        ["-rf", "a b ", "$(touch x)", "`x`", "a,b", "'", "\"", "\\", "❤\u{fe0f}", "\u{202e}txt.exe", "*?[a]"]
    {
        let folder = format!("{name}/{name}");
        assert_eq!(session.ask(json!({"type": "mkdir", "path": folder}))["type"], "made");
        let path = format!("{folder}/{name}");
        write_file(&mut session, &path, b"here");
        let (entries, _) = session.listing(json!({"type": "list", "path": folder}));
        assert_eq!(entries[0]["path"], path);
        let renamed = format!("{name}/moved");
        assert_eq!(session.ask(json!({"type": "rename", "path": path, "to": renamed}))["type"], "renamed");
        assert_eq!(session.read_file(&renamed), b"here");
        let deletion = session.ask(json!({"type": "delete", "path": name, "recursive": true}));
        assert_eq!(deletion["type"], "deleted", "{name}: {deletion}");
    }
    assert!(integration_tests::scratch::files_below(&server.scratch().share()).is_empty());
}

#[test]
fn a_refusal_never_shows_a_local_path_or_a_systems_text() {
    let server = server!().file("folder/a.txt", b"a").start();
    let mut session = server.session();
    let local = server.scratch().share();
    let local = local.parent().unwrap().to_str().unwrap();
    for request in [
        json!({"type": "read", "path": "missing"}),
        json!({"type": "read", "path": "folder"}),
        json!({"type": "list", "path": "folder/a.txt"}),
        json!({"type": "delete", "path": "folder"}),
        json!({"type": "read", "path": "../outside/secret.txt"}),
        json!({"type": "rename", "path": "folder", "to": "folder/a.txt"}),
    ] {
        let answer = session.ask(request);
        assert_eq!(answer["type"], "refused", "{answer}");
        let text = answer.to_string();
        assert!(!text.contains(local) && !text.contains("os error") && !text.contains(CANARY), "{text}");
    }
    assert_refused(&session.ask(json!({"type": "read", "path": "missing"})), "not_found");
}
