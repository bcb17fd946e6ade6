//! What all landings, renamings and removals of names in a share pass, one after the other, and how often one moved something.
//!
//! Must not know what is done behind it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Gate {
    lock: Mutex<()>,
    moves: AtomicU64,
}

impl Gate {
    /// Held so that no other landing, renaming or removal of this process comes between.
    pub(super) fn pass(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often names may have moved or gone by this process: while that stays the same, a folder that was opened is where
    /// its path said, as far as this process knows. Nothing moves while somebody is in the gate.
    pub(super) fn moves(&self) -> u64 {
        self.moves.load(Ordering::SeqCst)
    }

    /// To be called by whoever moves or removes a name, in the gate.
    pub(super) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::SeqCst);
    }
}
