//! What a session shares with the table of all: whether a request runs, how much has moved, and how to end it.
//!
//! Each has a lock of its own, so that requests of different sessions never wait for each other.

use crate::connection::Closer;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A label longer than this is not kept for the next one.
const LABEL_BYTES_KEPT: usize = 256;

#[derive(Debug)]
pub(super) struct Presence {
    closer: Closer,
    running: Mutex<Running>,
    byte_count: AtomicU64,
}

#[derive(Debug, Default)]
struct Running {
    is_running: bool,
    /// Of the request that runs or was the last; kept, so that the next needs no memory of its own.
    label: String,
}

impl Presence {
    pub(super) fn new(closer: Closer) -> Self {
        Self { closer, running: Mutex::default(), byte_count: AtomicU64::default() }
    }

    pub(super) fn closer(&self) -> &Closer {
        &self.closer
    }

    /// A request begins; false where a stop has begun before. Whoever stops sets `stopping` first and asks
    /// [`Presence::close_if_idle`] then: so one of the two sees the other.
    pub(super) fn begin(&self, stopping: &AtomicBool, command: &str, path: &str) -> bool {
        let mut running = self.lock();
        if stopping.load(Ordering::SeqCst) {
            return false;
        }
        running.is_running = true;
        running.label.clear();
        running.label.extend([command, " ", path]);
        true
    }

    pub(super) fn relabel(&self, label: &str) {
        let mut running = self.lock();
        label.clone_into(&mut running.label);
    }

    /// Every answer has been sent; in a stop, the session has nothing left to do.
    pub(super) fn end(&self, stopping: &AtomicBool) {
        let mut running = self.lock();
        if std::mem::take(&mut running.is_running) && stopping.load(Ordering::SeqCst) {
            self.closer.finish_receiving();
        }
        if running.label.capacity() > LABEL_BYTES_KEPT {
            running.label = String::new();
        }
    }

    /// Closes it unless a request runs; whether it did.
    pub(super) fn close_if_idle(&self) -> bool {
        let running = self.lock();
        if !running.is_running {
            self.closer.close();
        }
        !running.is_running
    }

    /// The request that runs, if any.
    pub(super) fn running(&self) -> Option<String> {
        let running = self.lock();
        running.is_running.then(|| running.label.clone())
    }

    pub(super) fn count_bytes(&self, byte_count: u64) {
        self.byte_count.fetch_add(byte_count, Ordering::Relaxed);
    }

    pub(super) fn byte_count(&self) -> u64 {
        self.byte_count.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        // Every change above is complete in itself.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
