//! Listings that meet an error of the environment: they are complete, or say that they are not.
//!
//! The errors are put into system calls by strace; where that is not installed, or may not watch, only the want of
//! descriptors is left, which needs no help.

use super::harness::*;
use super::system_calls::can_trace;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Deeper than folders are kept open on the way down, so that those further up are opened again.
const DEPTH: usize = 36;
/// Fewer than a listing of such a depth opens.
const DESCRIPTORS: usize = 30;

/// What came of a listing: its entries, and `listed`, `failed` or `refused` with what is counted, or with the code.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    paths: BTreeSet<String>,
    end: String,
    told: String,
}

fn listing(address: std::net::SocketAddr, request: &str) -> Outcome {
    let mut talk = Talk::open(address);
    talk.send(format!("{{\"v\":1,\"id\":1,{request}}}\n").as_bytes());
    let mut paths = BTreeSet::new();
    loop {
        let line = talk.answer().unwrap();
        let end = match field(&line, "type") {
            "working" => continue,
            "entries" => {
                paths.extend(line.split("\"path\":\"").skip(1).map(|rest| first_of(rest).to_owned()));
                continue;
            }
            end => end.to_owned(),
        };
        let told = field(&line, if end == "listed" { "left_out_count" } else { "code" }).to_owned();
        // The session goes on.
        talk.send(b"{\"v\":1,\"type\":\"help\",\"id\":2}\n");
        assert!(talk.answer().unwrap().contains("topics"));
        return Outcome { paths, end, told };
    }
}

fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
    first_of(rest.trim_start_matches('"'))
}

fn first_of(rest: &str) -> &str {
    rest.split(['"', ',', '}']).next().unwrap()
}

const LIST: &str = r#""type":"list","recursive":true"#;
const SEARCH: &str = r#""type":"search","words":"wanted""#;

/// `depth` folders in one another, each with a file.
fn chain(share: &Path, depth: usize) {
    let mut folder = share.to_owned();
    for _ in 0..depth {
        folder.push("d");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("wanted"), "").unwrap();
    }
}

/// Under strace, which fails the call of this name with `error` in its `time`th time in each thread.
fn failing(share: &Path, call: &str, error: &str, time: usize) -> Server {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:error={error}:when={time}")]);
    strace.arg(std::env::current_exe().unwrap());
    Server::start_as(strace, share, None)
}

/// Fails each call of this name that a listing makes, one listing after the other, until there is none left to fail.
fn assert_none_is_hushed_up(share: &Path, call: &str, error: &str, times: impl Iterator<Item = usize>) {
    let server = Server::start(share, None);
    let whole = listing(server.address, LIST);
    server.stop();
    assert_eq!((&*whole.end, &*whole.told), ("listed", "0"));
    for (failures, time) in times.enumerate() {
        let server = failing(share, call, error, time);
        let outcome = listing(server.address, LIST);
        server.stop();
        if outcome.end == "listed" {
            assert_eq!(outcome, whole, "{call} {time}");
            assert!(failures > 0, "no {call} has failed");
            return;
        }
        let end = if outcome.paths.is_empty() { "refused" } else { "failed" };
        assert_eq!((&*outcome.end, &*outcome.told), (end, "internal"), "{call} {time}");
    }
}

/// A share with something of each kind that a listing looks up.
fn mixed_share() -> tempfile::TempDir {
    let share = tempfile::tempdir().unwrap();
    chain(share.path(), 2);
    std::os::unix::fs::symlink("d/wanted", share.path().join("link")).unwrap();
    share
}

#[test]
fn a_listing_that_cannot_read_the_names_of_a_folder_does_not_end_as_if_it_were_complete() {
    if can_trace() {
        assert_none_is_hushed_up(mixed_share().path(), "getdents64", "EIO", 1..);
    }
}

#[test]
fn a_listing_that_cannot_look_at_an_entry_does_not_end_as_if_it_were_complete() {
    if can_trace() {
        assert_none_is_hushed_up(mixed_share().path(), "newfstatat", "ENOMEM", 1..);
    }
}

#[test]
fn a_listing_that_cannot_open_a_subfolder_or_follow_a_link_does_not_end_as_if_it_were_complete() {
    if can_trace() {
        assert_none_is_hushed_up(mixed_share().path(), "openat2", "EMFILE", 1..);
    }
}

#[test]
fn a_listing_that_cannot_open_a_folder_again_does_not_end_as_if_it_were_complete() {
    if can_trace() {
        let share = tempfile::tempdir().unwrap();
        chain(share.path(), DEPTH);
        // Each folder is opened once on the way down; whatever comes then is opened again.
        assert_none_is_hushed_up(share.path(), "openat2", "ENFILE", DEPTH + 1..);
    }
}

#[test]
fn a_listing_without_descriptors_fails_and_so_does_a_search() {
    let share = tempfile::tempdir().unwrap();
    chain(share.path(), DEPTH);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"")]);
    shell.arg(std::env::current_exe().unwrap());
    let server = Server::start_as(shell, share.path(), None);
    for request in [LIST, SEARCH] {
        let outcome = listing(server.address, request);
        assert_eq!((&*outcome.end, &*outcome.told), ("failed", "internal"), "{outcome:?}");
    }
    server.stop();
}
