//! The order of the steps as the kernel saw it: what is recorded inside the program could lie about its calls.
//! Needs strace; where that is not installed, or may not watch, the recorded order of the other tests has to do.
#![allow(clippy::print_stderr, reason = "who runs the tests must see what was left out")]

use super::harness::*;
use std::path::Path;
use std::process::{Command, Stdio};

const CALLS: &str =
    "trace=write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2,sendto,sendmsg,writev";

fn can_trace() -> bool {
    let mut command = Command::new("strace");
    let outcome =
        command.args(["-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let can = outcome.is_ok_and(|status| status.success());
    if !can {
        eprintln!("strace is not installed or may not watch: the order of system calls was NOT looked at");
    }
    can
}

/// Runs the server under strace while `requests` are answered; gives the calls in their order.
fn calls_of(share: &Path, requests: &[u8], answers: u64) -> Vec<String> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-s", "200", "-e", CALLS, "-o"])
        .arg(trace.path())
        .arg(std::env::current_exe().unwrap());
    let server = Server::start_as(strace, share, None);
    let mut talk = Talk::open(server.address);
    talk.send(requests);
    for id in 1..=answers {
        assert_eq!(talk.brief(), Some((id, "written".into())));
    }
    drop(talk);
    server.stop();
    std::fs::read_to_string(trace.path()).unwrap().lines().map(str::to_owned).collect()
}

/// Where calls of this kind stand.
fn places(calls: &[String], names: &[&str], part: &str) -> Vec<usize> {
    let is_wanted = |call: &str| {
        let call = call.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' ');
        names.iter().any(|name| call.starts_with(&format!("{name}("))) && call.contains(part)
    };
    (0..calls.len()).filter(|index| is_wanted(&calls[*index])).collect()
}

/// Every write before the sync, that before every rename, those before the folder's sync, and only then the answer.
fn assert_order(calls: &[String], syncs: &[&str], files: usize) {
    let writes = places(calls, &["write", "pwrite64"], "content of");
    let renames = places(calls, &["rename", "renameat", "renameat2"], ".ioe-partial-");
    let answer = places(calls, &["sendto", "sendmsg", "write", "writev"], "written")[0];
    assert_eq!((writes.len(), renames.len()), (files, files), "{calls:#?}");
    let between = |from: usize, to: usize, names: &[&str]| {
        assert!(places(calls, names, "").iter().any(|place| from < *place && *place < to), "{calls:#?}");
    };
    between(*writes.last().unwrap(), renames[0], syncs);
    between(*renames.last().unwrap(), answer, &["fsync", "fdatasync", "syncfs"]);
}

fn writes(count: u64) -> Vec<u8> {
    let write = |id| small_write(id, &format!("f{id}"), format!("content of {id}").as_bytes(), "");
    (1..=count).flat_map(write).collect()
}

#[test]
fn promise_1_the_kernel_sees_write_sync_rename_folder_sync_and_answer_in_that_order() {
    if !can_trace() {
        return;
    }
    let share = tempfile::tempdir().unwrap();
    assert_order(&calls_of(share.path(), &writes(1), 1), &["fsync", "fdatasync"], 1);
}

#[test]
fn promise_1_the_kernel_sees_one_sync_for_a_group_before_its_renames_and_answers() {
    if !can_trace() {
        return;
    }
    let share = group_share();
    let calls = calls_of(share.path(), &writes(20), 20);
    assert_order(&calls, &["syncfs"], 20);
    assert_eq!(places(&calls, &["syncfs"], "").len(), 1);
}
