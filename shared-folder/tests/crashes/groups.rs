//! Small uploads that land together: one sync for all, and no `written` before it.

use super::harness::*;
use rustix::io::Errno;
use shared_folder::incoming::{Probe, Step};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Enough to be synced together.
const FILES: u64 = 20;

fn put_old(share: &Path, count: u64) {
    (1..=count).for_each(|id| std::fs::write(share.join(format!("f{id}")), format!("old {id}")).unwrap());
}

/// Which of the files are the new ones; all others must be the old ones.
fn new_ones(share: &Path, count: u64) -> Vec<u64> {
    let is_new = |id: &u64| {
        let text = std::fs::read_to_string(share.join(format!("f{id}"))).unwrap();
        assert!(text == format!("old {id}") || text == format!("new {id}"), "{text:?}");
        text.starts_with("new")
    };
    (1..=count).filter(is_new).collect()
}

/// Sends all at once; gives the steps until all were answered.
fn steps_of(share: &Path, requests: &[u8], answers: u64) -> Vec<Step> {
    let recorder = Arc::new(Recorder::default());
    let service = service(share, Some(Arc::clone(&recorder) as Arc<dyn Probe>));
    let mut talk = Talk::open(service.address());
    talk.send(requests);
    for id in 1..=answers {
        assert_eq!(talk.brief(), Some((id, "written".into())));
    }
    recorder.0.lock().unwrap().clone()
}

/// The groups that the files landed in: each begins with its writes.
fn groups(steps: &[Step]) -> Vec<&[Step]> {
    let begins = |pair: &[Step]| pair[0] == Step::Reply && pair[1] == Step::Write;
    let mut starts: Vec<_> =
        steps.windows(2).enumerate().filter(|(_, pair)| begins(pair)).map(|(at, _)| at + 1).collect();
    starts.insert(0, 0);
    starts.push(steps.len());
    starts.windows(2).map(|pair| &steps[pair[0]..pair[1]]).collect()
}

fn count(steps: &[Step], wanted: Step) -> usize {
    steps.iter().filter(|step| **step == wanted).count()
}

/// As [`steps_of`], where all files landed together: on a busy machine they may take several groups, whose order
/// is looked at all the same.
fn steps_of_one_group(share: impl Fn() -> tempfile::TempDir, requests: &[u8], answers: u64) -> Vec<Step> {
    for _ in 0..100 {
        let share = share();
        let steps = steps_of(share.path(), requests, answers);
        let groups = groups(&steps);
        groups.iter().for_each(|group| assert_in_order(group));
        if groups.len() == 1 {
            return steps;
        }
    }
    panic!("they never land together");
}

fn assert_in_order(group: &[Step]) {
    let mut order = group.to_vec();
    order.dedup();
    assert_eq!(order, STEPS.map(|(_, step)| step), "{group:?}");
    let files = count(group, Step::Write);
    assert_eq!((count(group, Step::Rename), count(group, Step::Reply)), (files, files));
    assert_eq!(count(group, Step::Sync), if files < 8 { files } else { 1 }, "{files} files");
}

#[test]
fn promise_1_of_a_group_everything_is_written_then_synced_then_renamed_then_its_folder_synced_then_answered()
{
    let old_share = || {
        let share = group_share();
        put_old(share.path(), FILES);
        share
    };
    let steps = steps_of_one_group(old_share, &small_writes(FILES, "new"), FILES);
    assert_eq!(count(&steps, Step::Sync), 1, "one sync is for all");
    assert_eq!(count(&steps, Step::SyncFolder), 1);
}

#[test]
fn a_group_of_few_files_is_synced_file_by_file_and_one_of_eight_together() {
    for (files, syncs) in [(1, 1), (7, 7), (8, 1)] {
        let steps = steps_of_one_group(group_share, &small_writes(files, "new"), files);
        assert_eq!(count(&steps, Step::Sync), syncs, "{files} files");
    }
}

#[test]
fn a_group_has_32_files_at_most() {
    let steps = steps_of_one_group(group_share, &small_writes(32, "new"), 32);
    assert_eq!(count(&steps, Step::Sync), 1);
    for _ in 0..5 {
        let share = group_share();
        let steps = steps_of(share.path(), &small_writes(33, "new"), 33);
        assert!(groups(&steps).len() > 1);
    }
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_group_leaves_each_file_old_or_new() {
    // The step, and how many files are the new ones then.
    let crashes = [
        ("write:after:7", 0),
        ("sync:before:1", 0),
        ("sync:after:1", 0),
        ("rename:before:1", 0),
        ("rename:after:1", 1),
        ("rename:before:12", 11),
        ("rename:after:20", 20),
        ("sync folder:before:1", 20),
        ("sync folder:after:1", 20),
        ("reply:before:1", 20),
        ("reply:after:20", 20),
    ];
    for (crash, renamed) in crashes {
        let (share, new) = crash_in_one_group(crash);
        assert_eq!(new, (1..=renamed).collect::<Vec<_>>(), "{crash}");
        let server = Server::start(share.path(), None);
        let mut talk = Talk::open(server.address);
        talk.send(&small_writes(FILES, "new"));
        (1..=FILES).for_each(|id| assert_eq!(talk.brief(), Some((id, "written".into())), "{crash}"));
        assert_eq!(new_ones(share.path(), FILES).len(), 20, "{crash}");
    }
}

/// Crashes while all files land; gives their share, and which of them are the new ones. As with [`steps_of_one_group`], what
/// took several groups is only held to what was told.
fn crash_in_one_group(crash: &str) -> (tempfile::TempDir, Vec<u64>) {
    for _ in 0..100 {
        let share = group_share();
        put_old(share.path(), FILES);
        let mut server = Server::start(share.path(), Some(crash));
        let mut talk = Talk::open(server.address);
        talk.send(&small_writes(FILES, "new"));
        let told: Vec<u64> = std::iter::from_fn(|| talk.brief()).map(|(id, _)| id).collect();
        assert!(server.has_crashed(), "{crash}");
        let new = new_ones(share.path(), FILES);
        assert!(told.iter().all(|id| new.contains(id)), "{crash}: {told:?} were told to be written");
        if server.first_group().is_none_or(|count| count == FILES) {
            assert!(told.is_empty(), "{crash}: {told:?} were told, before the end of their group");
            return (share, new);
        }
    }
    panic!("they never land together");
}

/// What each file of a group is answered when a step fails in these times of it.
fn answers_with(
    (step, times): (Step, std::ops::RangeInclusive<u32>),
    expected: impl Fn(u64) -> &'static str,
) -> Vec<u64> {
    let share = group_share();
    put_old(share.path(), FILES);
    let service = service(share.path(), Some(Fault::at(step, Errno::NOSPC, times)));
    let mut talk = Talk::open(service.address());
    talk.send(&small_writes(FILES, "new"));
    for id in 1..=FILES {
        assert_eq!(talk.brief(), Some((id, expected(id).to_owned())), "{step:?}");
    }
    assert_eq!(std::fs::read_dir(share.path()).unwrap().count(), 20, "{step:?}: no temporary file is left");
    let new = new_ones(share.path(), FILES);
    talk.send(&small_write(99, "next", b"works", ""));
    assert_eq!(talk.brief(), Some((99, "written".into())), "{step:?}");
    new
}

#[test]
fn promise_1_a_sync_that_fails_for_all_together_is_repeated_file_by_file() {
    let new = answers_with((Step::Sync, 1..=1), |_| "written");
    assert_eq!(new.len(), 20);
}

#[test]
fn promise_1_a_file_whose_own_sync_fails_stays_the_old_one_and_takes_no_other_with_it() {
    // First all together, then one by one: the first three of them.
    let new = answers_with((Step::Sync, 1..=4), |id| if id <= 3 { "no_space" } else { "written" });
    assert_eq!(new, (4..=FILES).collect::<Vec<_>>());
    let all = answers_with((Step::Sync, 1..=21), |_| "no_space");
    assert!(all.is_empty(), "no sync, no new file");
}

#[test]
fn promise_1_a_rename_that_fails_in_a_group_fails_alone() {
    let new =
        answers_with((Step::Rename, 5..=6), |id| if id == 5 || id == 6 { "no_space" } else { "written" });
    assert_eq!(new.len(), 18);
    assert!(!new.contains(&5) && !new.contains(&6));
}

#[test]
fn promise_1_a_folder_that_cannot_be_synced_is_told_to_all_that_landed_in_it() {
    answers_with((Step::SyncFolder, 1..=1), |_| "no_space");
}

#[test]
fn folders_of_a_group_are_synced_once_each() {
    let share = || {
        let share = group_share();
        ["a", "b", "c"].iter().for_each(|name| std::fs::create_dir(share.path().join(name)).unwrap());
        share
    };
    let folders = ["a", "b", "c"].iter().cycle().zip(1..=12);
    let requests: Vec<u8> =
        folders.flat_map(|(folder, id)| small_write(id, &format!("{folder}/f{id}"), b"x", "")).collect();
    let steps = steps_of_one_group(share, &requests, 12);
    assert_eq!((count(&steps, Step::Sync), count(&steps, Step::SyncFolder)), (1, 3));
}

#[test]
fn a_name_that_comes_twice_is_two_groups_also_where_a_link_leads_to_its_folder() {
    let share = group_share();
    std::fs::create_dir(share.path().join("a")).unwrap();
    std::os::unix::fs::symlink("a", share.path().join("b")).unwrap();
    let mut requests = small_write(1, "a/f", b"first", ",\"executable\":true");
    requests.extend(small_write(2, "b/f", b"second", ""));
    requests.extend(small_write(3, "a/f", b"third", ",\"new\":true"));
    let service = service(share.path(), None);
    let mut talk = Talk::open(service.address());
    talk.send(&requests);
    let answers: Vec<_> = (0..3).map(|_| talk.brief().unwrap().1).collect();
    assert_eq!(answers, ["written", "written", "exists"]);
    let file = share.path().join("a/f");
    assert_eq!(std::fs::read(&file).unwrap(), b"second");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o100, 0o100, "the second kept the bit that the first gave");
}

#[test]
fn a_group_in_the_midst_of_other_requests_is_answered_in_order_and_seen_by_them() {
    let share = group_share();
    let stat =
        |id: u64, path: &str| format!("{{\"v\":1,\"type\":\"stat\",\"id\":{id},\"path\":\"{path}\"}}\n");
    let digest = wire::digest::Digest::of(b"new 3");
    let mut requests = small_writes(3, "new");
    requests.extend(stat(4, "f3").bytes());
    requests.extend(small_write(5, "f3", b"newer", &format!(",\"if_digest\":\"{digest}\"")));
    requests.extend(small_write(6, "f6", b"x", ""));
    requests.extend(small_write(7, "missing/f", b"x", ""));
    requests.extend(small_write(8, "f8", b"x", ""));
    requests.extend(b"{\"v\":1,\"type\":\"dance\",\"id\":9}\n");
    requests.extend(small_write(10, "f10", b"x", ""));
    requests.extend(b"{\"v\":1,\"type\":\"bye\",\"id\":11}\n");
    let service = service(share.path(), None);
    let mut talk = Talk::open(service.address());
    talk.send(&requests);
    let answers: Vec<_> = (0..11).map(|_| talk.brief().unwrap()).collect();
    let types = [
        "written",
        "written",
        "written",
        "found",
        "written",
        "written",
        "not_found",
        "written",
        "unknown_type",
        "written",
        "goodbye",
    ];
    assert_eq!(answers, (1..).zip(types.map(str::to_owned)).collect::<Vec<_>>());
    assert_eq!(std::fs::read(share.path().join("f3")).unwrap(), b"newer");
}

#[test]
fn a_refusal_and_what_was_answered_before_it_are_not_held_back_by_half_a_section() {
    let share = group_share();
    let service = service(share.path(), None);
    let next = small_write(4, "f4", &content(3000, 1), "");
    for half in [next.len() - 2500, next.len() - 1000] {
        let mut talk = Talk::open(service.address());
        let mut sent = small_write(1, "f1", b"x", "");
        let wrong = format!(",\"digest\":\"{}\"", "0".repeat(64));
        sent.extend(small_write(2, "f2", b"x", &wrong));
        sent.extend(b"{\"v\":1,\"type\":\"stat\",\"id\":3,\"path\":\"f1\"}\n");
        sent.extend_from_slice(&next[..half]);
        talk.send(&sent);
        let answers: Vec<_> = (0..3).map(|_| talk.brief().unwrap().1).collect();
        assert_eq!(answers, ["written", "digest_mismatch", "found"]);
        talk.send(&next[half..]);
        assert_eq!(talk.brief(), Some((4, "written".into())));
    }
}

#[test]
fn a_link_to_what_still_waits_is_met_as_if_that_had_landed() {
    for (more, answer) in [("", "written"), (",\"new\":true", "exists")] {
        let share = group_share();
        std::os::unix::fs::symlink("a", share.path().join("l")).unwrap();
        let service = service(share.path(), None);
        let mut talk = Talk::open(service.address());
        let mut sent = small_write(1, "a", b"first", ",\"executable\":true");
        sent.extend(small_write(2, "l", b"second", more));
        talk.send(&sent);
        assert_eq!(talk.brief(), Some((1, "written".into())));
        assert_eq!(talk.brief(), Some((2, answer.into())));
    }
}

/// Wherever the client stops sending, what it sent before is answered without another byte.
#[test]
fn nobody_waits_for_an_answer_because_the_next_request_is_only_half_there() {
    let share = group_share();
    let service = service(share.path(), None);
    let next = small_write(4, "f4", &content(3000, 1), "");
    for half in [0, 1, 20, next.len() - 2500, next.len() - 1000, next.len() - 1] {
        let mut talk = Talk::open(service.address());
        let mut sent = small_writes(3, "new");
        sent.extend_from_slice(&next[..half]);
        talk.send(&sent);
        for id in 1..=3 {
            assert_eq!(talk.brief(), Some((id, "written".into())), "{half} bytes of the next one");
        }
        talk.send(&next[half..]);
        assert_eq!(talk.brief(), Some((4, "written".into())), "{half} bytes of the next one");
    }
}

#[test]
fn what_arrived_whole_lands_although_its_writer_left() {
    let share = group_share();
    let server = Server::start(share.path(), None);
    let mut talk = Talk::open(server.address);
    let mut sent = small_writes(5, "new");
    sent.extend_from_slice(b"{\"v\":1,");
    talk.send(&sent);
    drop(talk);
    let deadline = Instant::now() + PATIENCE;
    while files(share.path()).len() < 5 {
        assert!(Instant::now() < deadline, "{:?}", files(share.path()));
        std::thread::yield_now();
    }
    server.stop();
}
