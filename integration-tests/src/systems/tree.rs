//! Whole families of processes: a server of somebody else forks, and a client may be two programs.
//!
//! It must not know who they are.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::patience::eventually_true;
use crate::process::{Process, QUIET_LOOKS, threads_at_rest};

/// Waits until neither these processes nor any below them has anything to do.
///
/// # Panics
/// When they are busy all the time.
pub(crate) fn wait_until_quiet(processes: &[&Process]) {
    let (mut last, mut look_count) = (None, 0);
    eventually_true("the programs and all below them are quiet", || {
        let all = processes.iter().flat_map(|process| family(process.id()));
        let now: Option<Vec<_>> = all.map(threads_at_rest).collect();
        look_count = if now.is_some() && now == last { look_count + 1 } else { 0 };
        last = now;
        look_count >= QUIET_LOOKS
    });
}

/// Ends a process and all below it as `kill -9` does.
pub(crate) fn kill(process: &mut Process) {
    signal(process, Signal::KILL);
    process.kill();
}

/// Sends a signal to a process and all below it.
pub(crate) fn signal(process: &Process, signal: Signal) {
    // The first one first, for it might start others again.
    for id in family(process.id()).into_iter().filter(|id| is_running(*id)) {
        // It may have ended with the first.
        let _ = Pid::from_raw(id.cast_signed()).map(|id| kill_process(id, signal));
    }
}

/// A process and all that descend from it, as far as they still run: the process itself comes first.
fn family(first: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc").unwrap().filter_map(parent_of).collect();
    let mut found = vec![first];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
    }
    found.into_iter().filter(|id| *id == first || is_running(*id)).collect()
}

/// A running process with its parent.
fn parent_of(entry: std::io::Result<fs::DirEntry>) -> Option<(u32, u32)> {
    let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
    let parent = stat_of(id)?.split_whitespace().nth(1)?.parse().ok()?;
    Some((id, parent))
}

/// Whether it has not ended; what has ended may still be there until its parent looks.
pub(crate) fn is_running(id: u32) -> bool {
    stat_of(id).is_some_and(|stat| !stat.starts_with('Z'))
}

/// What the system tells of a process behind its name, which stands in brackets and may hold anything.
fn stat_of(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.trim_start().to_owned())
}
