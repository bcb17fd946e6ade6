//! What a process and all below it have cost: processor time, and the most memory.
//!
//! It must not know who they are.

use std::fs;
use std::time::{Duration, Instant};

use crate::patience::pause;

/// The unit in which Linux tells processor times, whatever its own clock ticks at.
const TICKS_PER_SECOND: f64 = 100.0;

/// Between two looks at whether a family is at rest.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// So many looks in a row find one at rest that has done nothing.
const LOOKS: usize = 2;
/// What is done in the background takes no longer.
const REST_TIME_MAX: Duration = Duration::from_secs(600);

/// Waits until a family does nothing, as when all is done that it does in the background.
///
/// # Panics
/// When it works all the time.
pub(crate) fn wait_until_at_rest(first: u32) {
    let deadline = Instant::now() + REST_TIME_MAX;
    let (mut last, mut look_count) = (-1.0, 0);
    while look_count < LOOKS {
        let now = processor_seconds(first);
        look_count = if now > last { 0 } else { look_count + 1 };
        last = now;
        assert!(Instant::now() < deadline, "a server works for {REST_TIME_MAX:?} with nothing to do");
        pause(LOOK_INTERVAL);
    }
}

/// A process and all that descend from it.
pub(crate) fn family(first: u32) -> Vec<u32> {
    let mut found = vec![first];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(children_of(parent));
    }
    found
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| numbers(&list)).collect()
}

fn numbers(list: &str) -> Vec<u32> {
    list.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// The processor time of a family in seconds, with that of its members for whose end others of it waited.
pub(crate) fn processor_seconds(first: u32) -> f64 {
    family(first).into_iter().map(seconds_with_children).sum()
}

/// The same of one process, which may have ended, as long as nobody waited for it.
pub(crate) fn seconds_with_children(id: u32) -> f64 {
    seconds_of(id, 4)
}

/// Of each of a family what it used itself, in seconds: some leave before their children, and nobody sums up for those.
pub(crate) fn seconds_of_each(first: u32) -> Vec<(u32, f64)> {
    family(first).into_iter().map(|id| (id, seconds_of(id, 2))).collect()
}

fn seconds_of(id: u32, field_count: usize) -> f64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{id}/stat")) else { return 0.0 };
    // Its name may hold anything; what follows the last bracket are numbers.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(field_count);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

/// The most memory that each of a family held, together, in bytes.
pub(crate) fn peak(first: u32) -> u64 {
    family(first).into_iter().map(|id| status_line(id, "VmHWM:")).sum()
}

/// The memory that a family holds now, where pages that several share count in parts, in bytes.
pub(crate) fn proportional(first: u32) -> u64 {
    let of_one = |id| {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        kibibytes(&text, "Pss:")
    };
    family(first).into_iter().map(of_one).sum()
}

/// How many threads a family has.
pub(crate) fn thread_count(first: u32) -> usize {
    let of_one = |id| fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count);
    family(first).into_iter().map(of_one).sum()
}

/// What the kernel itself holds for all programs (slabs, stacks, page tables), in bytes: a difference says what somebody caused.
pub(crate) fn kernel_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    ["SUnreclaim:", "KernelStack:", "PageTables:"].map(|name| kibibytes(&text, name)).iter().sum()
}

/// Lets the peaks of a family be counted from now on.
pub(crate) fn forget_peak(first: u32) {
    for id in family(first) {
        // It may have ended meanwhile.
        let _ = fs::write(format!("/proc/{id}/clear_refs"), "5");
    }
}

fn status_line(id: u32, name: &str) -> u64 {
    kibibytes(&fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default(), name)
}

fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
}
