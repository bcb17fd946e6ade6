//! Every command's JSON lines, as scripts rely on them.

use std::fs;

use integration_tests::content::digest;
use integration_tests::server::Server;
use integration_tests::{client, server};
use serde_json::{Value, json};

fn run(server: &Server, commands: &[&str]) -> Vec<Value> {
    client!(server.scratch(), server.address()).run_json(commands).expect_done().lines()
}

fn run_one(server: &Server, command: &str) -> Value {
    let lines = run(server, &[command]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

/// Checks the named fields of a line; more may follow.
fn assert_has(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name} in {line}");
    }
}

#[test]
fn list_prints_one_line_for_each_entry_and_none_for_an_empty_folder() {
    let server = server!().file("in/a.mp3", b"12345").start();
    fs::create_dir(server.scratch().share().join("empty")).unwrap();
    let lines = run(&server, &["LIST"]);
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_has(line, &json!({"command": "list", "kind": "folder", "byte_count": 0}));
    }
    let line = run_one(&server, "LIST in");
    assert_has(&line, &json!({"command": "list", "path": "in/a.mp3", "kind": "music", "byte_count": 5}));
    let modified = line["modified"].as_str().unwrap();
    assert!(modified.len() >= "2026-11-20T12:00:00Z".len() && modified.ends_with('Z'), "{modified}");
    assert!(run(&server, &["LIST empty"]).is_empty());
}

#[test]
fn list_with_r_goes_below() {
    let server = server!().file("a/b/c.txt", b"").file("d.txt", b"").start();
    for command in ["LIST -r", "ls -r"] {
        let mut paths: Vec<Value> =
            run(&server, &[command]).iter().map(|line| line["path"].clone()).collect();
        paths.sort_by_key(Value::to_string);
        assert_eq!(paths, ["a", "a/b", "a/b/c.txt", "d.txt"]);
    }
}

#[test]
fn list_takes_patterns_as_read_does_and_a_folder_of_that_name_comes_before_them() {
    let server = server!()
        .file("a/one.txt", b"")
        .file("a/two.mp3", b"")
        .file("b/c/three.mp3", b"")
        .file("four.mp3", b"");
    let server = server.file("b[1]/five.mp3", b"").file("c/*", b"").file("c/d", b"").start();
    let listed = |command: &str| -> Vec<String> {
        let lines = run(&server, &[command]);
        let mut paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect();
        paths.sort();
        paths
    };
    assert_eq!(listed("LIST *.mp3"), ["four.mp3"]);
    assert_eq!(listed("LIST a/*"), ["a/one.txt", "a/two.mp3"]);
    assert_eq!(listed("LIST */*.mp3"), ["a/two.mp3", "b[1]/five.mp3"]);
    assert_eq!(listed("LIST -r *.mp3"), ["a/two.mp3", "b/c/three.mp3", "b[1]/five.mp3", "four.mp3"]);
    assert_eq!(listed("LIST -r b/*.mp3"), ["b/c/three.mp3"]);
    assert_eq!(listed("LIST b[1]"), ["b[1]/five.mp3"]);
    assert_eq!(listed("LIST c/*"), ["c/*", "c/d"], "a file of that name hides nothing");
    let client = client!(server.scratch(), server.address());
    client.run_json(&["LIST *.ogg"]).expect_error("not_found", 1);
    assert_eq!(client.run(&["CD a", "LIST *.txt"]).expect_done().text().lines().count(), 1);
}

#[test]
fn stat_prints_the_entry_with_its_digest() {
    let server = server!().file("a.jpg", b"hello").start();
    let expected = json!({
        "command": "stat", "path": "a.jpg", "kind": "picture", "byte_count": 5, "digest": digest(b"hello"),
    });
    assert_has(&run_one(&server, "STAT a.jpg"), &expected);
}

#[test]
fn read_prints_a_line_for_the_file_that_landed() {
    let server = server!().file("in/a.txt", b"hello").start();
    for command in ["READ in/a.txt", "get in/a.txt"] {
        let line = run_one(&server, command);
        let expected = json!({
            "command": "read", "path": "in/a.txt", "byte_count": 5, "digest": digest(b"hello"),
        });
        assert_has(&line, &expected);
        assert!(line["local"].as_str().unwrap().ends_with("a.txt"), "{line}");
        assert!(line["seconds"].is_number() && line["resumed_from"].is_u64(), "{line}");
        assert_eq!(server.scratch().local_file("a.txt"), b"hello");
    }
    assert_eq!(run_one(&server, "READ in/a.txt fresh.txt")["resumed_from"], 0);
}

#[test]
fn write_prints_a_line_for_the_file_that_landed() {
    let server = server!().file("in/x", b"").start();
    server.scratch().put_local("a.txt", b"hello");
    for (command, path) in [
        ("WRITE a.txt", "a.txt"),
        ("put a.txt b.txt", "b.txt"),
        ("WRITE a.txt in/c.txt", "in/c.txt"),
        ("WRITE a.txt in/", "in/a.txt"),
        ("WRITE a.txt in", "in/a.txt"),
    ] {
        let line = run_one(&server, command);
        let expected = json!({"command": "write", "path": path, "byte_count": 5, "digest": digest(b"hello")});
        assert_has(&line, &expected);
        assert!(line["local"].as_str().unwrap().ends_with("a.txt"), "{line}");
        assert!(line["seconds"].is_number() && line["resumed_from"].is_u64(), "{line}");
        assert_eq!(server.scratch().shared(path), b"hello");
    }
}

#[test]
fn rename_delete_and_mkdir_print_what_they_did() {
    let server = server!().file("a.txt", b"a").file("full/x", b"").start();
    let expected = [
        ("RENAME a.txt b.txt", json!({"command": "rename", "path": "a.txt", "to": "b.txt"})),
        ("change b.txt c.txt", json!({"command": "rename", "path": "b.txt", "to": "c.txt"})),
        ("mv c.txt d.txt", json!({"command": "rename", "path": "c.txt", "to": "d.txt"})),
        ("MKDIR new/inner", json!({"command": "mkdir", "path": "new/inner"})),
        ("MKDIR new", json!({"command": "mkdir", "path": "new"})),
        ("DELETE d.txt", json!({"command": "delete", "path": "d.txt"})),
        ("rm new/inner", json!({"command": "delete", "path": "new/inner"})),
        ("DELETE -r full", json!({"command": "delete", "path": "full"})),
    ];
    for (command, line) in expected {
        assert_has(&run_one(&server, command), &line);
    }
    assert!(integration_tests::scratch::files_below(&server.scratch().share()).is_empty());
}

#[test]
fn rename_replaces_only_when_told_to() {
    let server = server!().file("a.txt", b"a").file("b.txt", b"b").start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["RENAME a.txt b.txt"]).expect_error("exists", 1);
    assert_eq!(server.scratch().shared("b.txt"), b"b");
    client.run_json(&["RENAME --replace a.txt b.txt"]).expect_done();
    assert_eq!(server.scratch().shared("b.txt"), b"a");
}

#[test]
fn write_with_new_or_if_digest_replaces_only_what_it_may() {
    let server = server!().file("a.txt", b"old").start();
    server.scratch().put_local("a.txt", b"new");
    let client = client!(server.scratch(), server.address());
    client.run_json(&["WRITE --new a.txt"]).expect_error("exists", 1);
    client.run_json(&[&format!("WRITE --if-digest {} a.txt", digest(b"another"))]).expect_error("changed", 1);
    assert_eq!(server.scratch().shared("a.txt"), b"old");
    client.run_json(&[&format!("WRITE --if-digest {} a.txt", digest(b"old"))]).expect_done();
    client.run_json(&["WRITE --new a.txt b.txt"]).expect_done();
    assert_eq!(server.scratch().shared("a.txt"), b"new");
}

#[test]
fn search_prints_the_same_lines_as_list() {
    let server = server!().file("live/My Song.mp3", b"12345").start();
    let line = run_one(&server, "SEARCH song my");
    assert_has(
        &line,
        &json!({"command": "search", "path": "live/My Song.mp3", "kind": "music", "byte_count": 5}),
    );
    assert!(line["modified"].is_string(), "{line}");
    assert!(run(&server, &["SEARCH nothing"]).is_empty());
}

#[test]
fn connect_bye_and_cd_lead_from_server_to_server_and_folder_to_folder() {
    let (one, two) = (server!().file("a/in-one.txt", b"").start(), server!().file("in-two.txt", b"").start());
    let address = two.address();
    let connect = format!("CONNECT {} {}", address.ip(), address.port());
    let lines = run(&one, &["CD a", "LIST", "STAT in-one.txt", "CD ..", "LIST", "BYE", &connect, "LIST"]);
    let said: Vec<(&str, &str)> = lines
        .iter()
        .filter(|line| line["command"] != "cd" && line["command"] != "bye")
        .map(|line| (line["command"].as_str().unwrap(), line["path"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        said,
        [
            ("list", "a/in-one.txt"),
            ("stat", "a/in-one.txt"),
            ("list", "a"),
            ("connect", ""),
            ("list", "in-two.txt")
        ]
    );
    let connected = lines.iter().find(|line| line["command"] == "connect").unwrap();
    assert_eq!(connected["address"], address.to_string());
}

#[test]
fn paths_start_at_the_shares_root_wherever_one_is() {
    let server = server!().file("a/b/c.txt", b"hello").start();
    server.scratch().put_local("new.txt", b"new");
    let lines = run(
        &server,
        &["CD a/b", "READ c.txt", "WRITE new.txt", "MKDIR d", "RENAME new.txt d/n.txt", "LIST d"],
    );
    let paths: Vec<&str> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    let expected = ["a/b/c.txt", "a/b/new.txt", "a/b/d", "a/b/new.txt", "a/b/d/n.txt"];
    assert!(paths.ends_with(&expected), "{paths:?}");
}

#[test]
fn a_failure_is_a_line_with_command_path_code_and_message() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address());
    for (command, name, path, code) in [
        ("READ missing.txt", "read", "missing.txt", "not_found"),
        ("STAT missing.txt", "stat", "missing.txt", "not_found"),
        ("DELETE missing.txt", "delete", "missing.txt", "not_found"),
        ("LIST missing", "list", "missing", "not_found"),
        ("RENAME missing.txt b", "rename", "missing.txt", "not_found"),
        ("get missing.txt", "read", "missing.txt", "not_found"),
    ] {
        let line = client.run_json(&[command]).expect_error(code, 1).line();
        assert_has(&line, &json!({"command": name, "path": path}));
    }
}
