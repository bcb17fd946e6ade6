//! What is the same at both ends is not moved again: unchanged trees, and what `--dry-run` says of them.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use integration_tests::client::{Client, Outcome};
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::{files_below, tree_digest};
use integration_tests::server::Server;
use integration_tests::{client, server};
use serde_json::Value;

const SMALL_COUNT: usize = 300;
const SMALL_BYTES: usize = 4096;
const LARGE_BYTES: usize = 3 * PIECE_BYTES + 77;

/// Many small files and a large one, of a time long ago.
fn plant(root: &Path) {
    for i in 0..SMALL_COUNT {
        put(&root.join(format!("{}/{i}.bin", i % 7)), &bytes(&i.to_string(), SMALL_BYTES));
    }
    put(&root.join("film.mov"), &bytes("film", LARGE_BYTES));
}

fn put(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    let time = UNIX_EPOCH + Duration::new(1_000_000, 123_456_789);
    File::open(path).unwrap().set_modified(time).unwrap();
}

/// A server whose share has the tree that the local folder has.
fn same_trees() -> Server {
    let setup = server!();
    plant(&setup.scratch.share().join("tree"));
    plant(&setup.scratch.local().join("tree"));
    setup.start()
}

/// Runs one command through a proxy; gives what it said, and how many bytes crossed in that direction.
fn counted(server: &Server, direction: Direction, command: &str) -> (Outcome, u64) {
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    let outcome = counting(server, &proxy).run_json(&[command]);
    (outcome, proxy.byte_count(direction))
}

fn counting(server: &Server, proxy: &Proxy) -> Client {
    client!(server.scratch(), proxy.address())
}

fn number(line: &Value, name: &str) -> u64 {
    line[name].as_u64().unwrap_or_else(|| panic!("no {name}: {line}"))
}

fn assert_all_was_there(lines: &[Value]) {
    assert_eq!(lines.len(), SMALL_COUNT + 1);
    for line in lines {
        assert_eq!(line["resumed_from"], line["byte_count"], "{line}");
    }
}

/// Lines alone: less than the payload of one file in four.
const LINES_MAX: u64 = 600 * (SMALL_COUNT as u64 + 1);

#[test]
fn an_unchanged_tree_is_read_again_without_any_payload_and_nothing_is_touched() {
    let server = same_trees();
    let before = tree_digest(&server.scratch().local());
    let (outcome, received) = counted(&server, Direction::ToClient, "READ -r tree");
    assert_all_was_there(&outcome.expect_done().lines());
    assert!(received < 2 * LINES_MAX, "{received} bytes");
    assert_eq!(tree_digest(&server.scratch().local()), before);
}

#[test]
fn an_unchanged_tree_is_written_again_without_any_payload_and_nothing_is_touched() {
    let server = same_trees();
    let before = tree_digest(&server.scratch().share());
    let (outcome, sent) = counted(&server, Direction::ToServer, "WRITE -r tree");
    assert_all_was_there(&outcome.expect_done().lines());
    assert!(sent < LINES_MAX, "{sent} bytes");
    assert_eq!(tree_digest(&server.scratch().share()), before);
}

/// Another content of the same length and time, small and large, among files that are the same.
fn assert_only_the_disguised_move(server: &Server, (source, command): (&Path, &str)) {
    put(&source.join("tree/3/3.bin"), &bytes("other", SMALL_BYTES));
    let mut film = bytes("film", LARGE_BYTES);
    film[0] ^= 1;
    put(&source.join("tree/film.mov"), &film);
    let lines = client!(server.scratch(), server.address()).run_json(&[command]).expect_done().lines();
    let moved = |line: &&Value| line["resumed_from"] != line["byte_count"];
    let moved: Vec<_> = lines.iter().filter(moved).map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(lines.len(), SMALL_COUNT + 1);
    assert!(
        moved.len() == 2 && moved.contains(&"tree/3/3.bin") && moved.contains(&"tree/film.mov"),
        "{moved:?}"
    );
    let (share, local) = (server.scratch().share(), server.scratch().local());
    let contents = |root: &Path| {
        files_below(&root.join("tree")).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    assert!(contents(&share) == contents(&local));
}

#[test]
fn a_changed_file_that_looks_unchanged_is_read_because_its_digest_tells() {
    let server = same_trees();
    assert_only_the_disguised_move(&server, (&server.scratch().share(), "READ -r tree"));
}

#[test]
fn a_changed_file_that_looks_unchanged_is_written_because_its_digest_tells() {
    let server = same_trees();
    assert_only_the_disguised_move(&server, (&server.scratch().local(), "WRITE -r tree"));
}

#[test]
fn what_must_not_replace_anything_is_refused_though_it_is_the_same() {
    let server = same_trees();
    let outcome = client!(server.scratch(), server.address()).run_json(&["WRITE -r --new tree"]);
    let lines = outcome.expect_code(1).lines();
    assert!(lines.iter().all(|line| line["error"]["code"] == "exists"), "{lines:?}");
}

/// Runs a command twice, first with `--dry-run`: that changes nothing, costs no payload, and says what the other then moves.
fn assert_dry_run_tells_what_is_moved(server: &Server, (word, rest): (&str, &str)) {
    let trees = || (tree_digest(&server.scratch().share()), tree_digest(&server.scratch().local()));
    let before = trees();
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    let dry = counting(server, &proxy).run_json(&[&format!("{word} --dry-run {rest}")]).expect_done().lines();
    assert!(trees() == before, "something changed");
    let cost = proxy.byte_count(Direction::ToServer) + proxy.byte_count(Direction::ToClient);
    assert!(cost < 3 * LINES_MAX, "{cost} bytes");
    let wet = counting(server, &proxy).run_json(&[&format!("{word} {rest}")]).expect_done().lines();
    assert_eq!(dry.len(), wet.len());
    for (dry, wet) in dry.iter().zip(&wet) {
        assert_eq!(dry["dry_run"], true, "{dry}");
        for name in ["command", "path", "local", "byte_count", "resumed_from"] {
            assert_eq!(dry[name], wet[name], "{name}: {dry} {wet}");
        }
    }
    let moved: u64 = wet.iter().map(|line| number(line, "byte_count") - number(line, "resumed_from")).sum();
    assert_eq!(moved, (PIECE_BYTES + SMALL_BYTES + 5) as u64, "a piece, a small file, and a new one");
}

/// One piece of the large file, a small file and a new one are to be moved.
fn change(root: &Path) {
    let mut film = bytes("film", LARGE_BYTES);
    film[PIECE_BYTES + 1] ^= 1;
    fs::write(root.join("tree/film.mov"), film).unwrap();
    fs::write(root.join("tree/3/3.bin"), bytes("other", SMALL_BYTES)).unwrap();
    put(&root.join("tree/new/new.txt"), b"hello");
}

#[test]
fn a_dry_read_says_what_would_be_fetched_and_changes_nothing() {
    let server = same_trees();
    change(&server.scratch().share());
    assert_dry_run_tells_what_is_moved(&server, ("READ", "-r tree"));
}

#[test]
fn a_dry_write_says_what_would_be_sent_and_changes_nothing() {
    let server = same_trees();
    change(&server.scratch().local());
    assert_dry_run_tells_what_is_moved(&server, ("WRITE", "-r tree"));
}

#[test]
fn a_dry_run_into_a_folder_that_is_not_there_makes_none() {
    let server = server!().file("a.txt", b"hello").start();
    server.scratch().put_local("b.txt", b"servus");
    let client = client!(server.scratch(), server.address());
    let outcome = client.run(&["READ --dry-run a.txt new/", "WRITE --dry-run b.txt new/"]).expect_done();
    let local = server.scratch().local();
    let sent = format!("would send {}, 6 B of 6 B\n", local.join("b.txt").display());
    assert_eq!(outcome.text(), format!("would receive a.txt, 5 B of 5 B\n{sent}"));
    assert!(!server.scratch().local().join("new").exists() && !server.scratch().share().join("new").exists());
}

#[test]
fn a_dry_run_fails_as_the_command_itself_would() {
    let server = server!().file("a.txt", b"hello").file("folder/x", b"").start();
    server.scratch().put_local("a.txt", b"servus");
    let client = client!(server.scratch(), server.address());
    let other = "0".repeat(64);
    client.run_json(&["READ --dry-run missing"]).expect_error("not_found", 1);
    client.run_json(&["WRITE --dry-run missing"]).expect_error("local_file", 1);
    client.run_json(&["WRITE --dry-run --new a.txt"]).expect_error("exists", 1);
    client.run_json(&[&format!("WRITE --dry-run --if-digest {other} a.txt")]).expect_error("changed", 1);
    client.run_json(&["WRITE --dry-run a.txt nowhere/a.txt"]).expect_error("not_found", 1);
    client.run_json(&["READ --dry-run a.txt -"]).expect_error("usage", 2);
    assert!(server.scratch().shared("a.txt") == b"hello");
}

#[test]
fn a_large_file_that_is_named_itself_is_left_as_it_is_where_it_is_the_same_and_replaced_where_it_only_looks_so()
 {
    let server = same_trees();
    let (there, here) =
        (server.scratch().share().join("tree/film.mov"), server.scratch().local().join("tree/film.mov"));
    let before = there.metadata().unwrap();
    for command in ["WRITE tree/film.mov tree/", "WRITE -r tree/film.mov tree/film.mov"] {
        let (outcome, sent) = counted(&server, Direction::ToServer, command);
        assert_eq!(number(&outcome.expect_done().line(), "resumed_from"), LARGE_BYTES as u64);
        assert!(sent < SMALL_BYTES as u64, "{command}: {sent} bytes");
        assert_eq!(there.metadata().unwrap().ino(), before.ino(), "{command}: it was written anew");
    }
    put(&there, &bytes("another film", LARGE_BYTES));
    let (outcome, _) = counted(&server, Direction::ToServer, "WRITE tree/film.mov tree/");
    assert_eq!(number(&outcome.expect_done().line(), "resumed_from"), 0);
    assert!(fs::read(there).unwrap() == fs::read(here).unwrap());
}
