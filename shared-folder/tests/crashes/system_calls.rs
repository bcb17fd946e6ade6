//! The order of the steps as the kernel saw it: what is recorded inside the program could lie about its calls.
//! Needs strace; where that is not installed, or may not watch, the recorded order of the other tests has to do.
#![allow(clippy::print_stderr, reason = "who runs the tests must see what was left out")]

use super::harness::*;
use std::path::Path;
use std::process::{Command, Stdio};

const CALLS: &str = "trace=write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2,mkdir,mkdirat,sendto,sendmsg,writev";

pub(crate) fn can_trace() -> bool {
    let mut command = Command::new("strace");
    let outcome =
        command.args(["-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let can = outcome.is_ok_and(|status| status.success());
    if !can {
        eprintln!("strace is not installed or may not watch: what system calls do was NOT looked at");
    }
    can
}

/// Runs the server under strace while `requests` are answered, each in this way; gives the calls in their order, with
/// the paths of what they are about.
fn calls_of(share: &Path, requests: &[u8], (answers, answer): (u64, &str)) -> Vec<String> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-s", "200", "-e", CALLS, "-o"])
        .arg(trace.path())
        .arg(std::env::current_exe().unwrap());
    let server = Server::start_as(strace, share, None);
    let mut talk = Talk::open(server.address);
    talk.send(requests);
    for id in 1..=answers {
        assert_eq!(talk.brief(), Some((id, answer.into())));
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

fn writes_and_renames(calls: &[String]) -> (Vec<usize>, Vec<usize>) {
    let writes = places(calls, &["write", "pwrite64"], "content of");
    (writes, places(calls, &["rename", "renameat", "renameat2"], ".ioe-partial-"))
}

/// Every write before the sync, that before every rename, those before the folder's sync, and only then the answer.
fn assert_order(calls: &[String], syncs: &[&str], files: usize) {
    let (writes, renames) = writes_and_renames(calls);
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
    assert_order(&calls_of(share.path(), &writes(1), (1, "written")), &["fsync", "fdatasync"], 1);
}

#[test]
fn promise_1_the_kernel_sees_one_sync_for_a_group_before_its_renames_and_answers() {
    if !can_trace() {
        return;
    }
    for _ in 0..100 {
        let share = group_share();
        let calls = calls_of(share.path(), &writes(20), (20, "written"));
        let (written, renamed) = writes_and_renames(&calls);
        // On a busy machine they may take several groups.
        if written.last() < renamed.first() {
            assert_order(&calls, &["syncfs"], 20);
            assert_eq!(places(&calls, &["syncfs"], "").len(), 1);
            return;
        }
    }
    panic!("they never land together");
}

/// These folders are synced after the call named `change`, whose arguments have `part`, and before the answer.
fn assert_synced_before_the_answer(calls: &[String], change: &[&str], part: &str, folders: &[&Path]) {
    let changed = *places(calls, change, part).last().unwrap();
    let told = places(calls, &["sendto", "sendmsg", "write", "writev"], "\\\"id\\\":1")[0];
    for folder in folders {
        // strace writes a descriptor's path behind its number.
        let synced = places(calls, &["fsync"], &format!("<{}>", folder.display()));
        let is_between = |place: &usize| changed < *place && *place < told;
        assert!(synced.iter().any(is_between), "{} is not synced: {calls:#?}", folder.display());
    }
}

#[test]
fn promise_1_the_kernel_sees_both_folders_of_a_rename_synced_before_its_answer() {
    if !can_trace() {
        return;
    }
    let share = tempfile::tempdir().unwrap();
    let root = share.path().canonicalize().unwrap();
    let (from, to) = (root.join("a"), root.join("b"));
    [&from, &to].iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
    std::fs::write(from.join("from"), "moved").unwrap();
    let request = b"{\"v\":1,\"type\":\"rename\",\"id\":1,\"path\":\"a/from\",\"to\":\"b/to\"}\n";
    let calls = calls_of(&root, request, (1, "renamed"));
    assert_synced_before_the_answer(&calls, &["rename", "renameat", "renameat2"], "\"from\"", &[&from, &to]);
}

#[test]
fn the_kernel_sees_the_folder_of_each_new_folder_synced_before_the_answer() {
    if !can_trace() {
        return;
    }
    let share = tempfile::tempdir().unwrap();
    let root = share.path().canonicalize().unwrap();
    let request = b"{\"v\":1,\"type\":\"mkdir\",\"id\":1,\"path\":\"outer/inner\"}\n";
    let calls = calls_of(&root, request, (1, "made"));
    assert_synced_before_the_answer(&calls, &["mkdir", "mkdirat"], "\"inner\"", &[&root.join("outer")]);
    assert_synced_before_the_answer(&calls, &["mkdir", "mkdirat"], "\"outer\"", &[&root]);
}
