//! What all landings, renamings and removals of names in a share pass, and how often one moved something: landings in one folder
//! one after the other, and all else alone.
//!
//! Must not know what is done behind it.

use super::Inode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ways side by side, so that those who land in different folders rarely wait for each other: to be woken costs more than a small
/// file.
const WAYS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Gate {
    ways: [Mutex<()>; WAYS],
    moves: AtomicU64,
}

/// All ways at once.
pub(super) type Alone<'a> = [MutexGuard<'a, ()>; WAYS];

impl Gate {
    /// Held so that no other landing of this process in that folder, and no renaming or removal anywhere, comes between.
    pub(super) fn pass_into(&self, folder: Inode) -> MutexGuard<'_, ()> {
        let [first, ..] = &self.ways;
        let way = usize::try_from(folder.number % WAYS as u64).ok().and_then(|way| self.ways.get(way));
        entered(way.unwrap_or(first))
    }

    /// Held so that no other landing, renaming or removal of this process comes between. All take the ways in their order.
    pub(super) fn pass_alone(&self) -> Alone<'_> {
        self.ways.each_ref().map(entered)
    }

    /// How often names may have moved or gone by this process: while that stays the same, a folder that was opened is where
    /// its path said, as far as this process knows. Nothing moves while somebody is in the gate.
    pub(super) fn moves(&self) -> u64 {
        self.moves.load(Ordering::SeqCst)
    }

    /// To be called by whoever moves or removes a name, alone in the gate.
    pub(super) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::SeqCst);
    }
}

fn entered(way: &Mutex<()>) -> MutexGuard<'_, ()> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_ways(gate: &Gate) -> usize {
        gate.ways.iter().filter(|way| way.try_lock().is_ok()).count()
    }

    fn folder(number: u64) -> Inode {
        Inode { device: 1, number }
    }

    #[test]
    fn who_lands_keeps_out_those_of_its_folder_and_who_moves_something_keeps_out_all() {
        let gate = Gate::default();
        let landing = gate.pass_into(folder(3));
        assert_eq!(free_ways(&gate), WAYS - 1);
        assert!(gate.ways[3].try_lock().is_err());
        let other = gate.pass_into(folder(WAYS as u64));
        assert_eq!(free_ways(&gate), WAYS - 2);
        drop((landing, other));
        let alone = gate.pass_alone();
        assert_eq!(free_ways(&gate), 0);
        drop(alone);
        assert_eq!(free_ways(&gate), WAYS);
    }

    #[test]
    fn a_folder_has_the_same_way_on_whatever_device_it_is_seen() {
        let gate = Gate::default();
        let _landing = gate.pass_into(Inode { device: 1, number: 5 });
        assert!(gate.ways[5].try_lock().is_err() && free_ways(&gate) == WAYS - 1);
    }
}
