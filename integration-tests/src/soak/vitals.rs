//! What a daemon holds of the machine, and how far it may grow over a run.
//!
//! It must not know what the daemon does.

use std::fs;

use crate::process::Process;

/// Memory that a daemon may hold beyond what it held at its start: caches, and what an allocator keeps.
const MEMORY_GROWTH_MAX: u64 = 64 << 20;
/// Descriptors and threads that come and go: links, a connection that just closes.
const COUNT_GROWTH_MAX: usize = 12;

/// One look at a daemon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vitals {
    memory: u64,
    descriptor_count: usize,
    thread_count: usize,
}

impl Vitals {
    /// How it is now.
    ///
    /// # Panics
    /// When it has ended.
    pub(super) fn of(process: &Process) -> Self {
        let count = |name| fs::read_dir(process.proc_folder().join(name)).unwrap().count();
        Self { memory: process.memory(), descriptor_count: count("fd"), thread_count: count("task") }
    }

    /// Whether it is near what it was then.
    pub(super) fn is_near(&self, before: &Self) -> bool {
        self.memory <= before.memory + MEMORY_GROWTH_MAX
            && self.descriptor_count <= before.descriptor_count + COUNT_GROWTH_MAX
            && self.thread_count <= before.thread_count + COUNT_GROWTH_MAX
    }
}
