//! The commands that run now: how each is interrupted, and what a stop still waits for.
//!
//! Must not know what a command does.

use crossbeam_channel::{Receiver, Sender, bounded};
use shared_folder::remote::Cancel;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ends the waits of one command; clones end the same.
#[derive(Debug, Clone)]
pub(crate) struct Interruption {
    cancel: Cancel,
    hold: Arc<Mutex<Option<Sender<Infallible>>>>,
    ended: Receiver<Infallible>,
}

/// All commands that run. There are no more of them than consoles, each of which has its own bound.
#[derive(Debug)]
pub(crate) struct Running {
    state: Mutex<State>,
    emptied: Sender<()>,
    told: Receiver<()>,
}

#[derive(Debug, Default)]
struct State {
    commands: HashMap<u64, Interruption>,
    last: u64,
    is_stopping: bool,
}

/// A command's place; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    running: &'a Running,
    number: u64,
}

/// No new command is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoppingNow;

impl Interruption {
    pub(crate) fn new() -> io::Result<Self> {
        let (sender, ended) = bounded(0);
        Ok(Self { cancel: Cancel::new()?, hold: Arc::new(Mutex::new(Some(sender))), ended })
    }

    /// Ends all waits, now and later.
    pub(crate) fn interrupt(&self) {
        self.cancel.cancel();
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// For waits on connections.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// For waits on channels: disconnected once it is interrupted.
    pub(crate) fn ended(&self) -> &Receiver<Infallible> {
        &self.ended
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

impl Running {
    pub(crate) fn new() -> Self {
        let (emptied, told) = bounded(1);
        Self { state: Mutex::default(), emptied, told }
    }

    /// Enters a command.
    pub(crate) fn begin(&self, interruption: &Interruption) -> Result<Place<'_>, StoppingNow> {
        let mut state = self.state();
        if state.is_stopping {
            return Err(StoppingNow);
        }
        state.last += 1;
        let number = state.last;
        state.commands.insert(number, interruption.clone());
        Ok(Place { running: self, number })
    }

    pub(crate) fn count(&self) -> usize {
        self.state().commands.len()
    }

    /// From now on no new command is taken; gives how many still run.
    pub(crate) fn drain(&self) -> usize {
        let mut state = self.state();
        state.is_stopping = true;
        self.tell_if_empty(&state);
        state.commands.len()
    }

    /// As [`Running::drain`], and interrupts those that run.
    pub(crate) fn cut(&self) -> usize {
        let count = self.drain();
        self.state().commands.values().for_each(Interruption::interrupt);
        count
    }

    /// Gets one word when a stop has no command left to wait for.
    pub(crate) fn emptied(&self) -> &Receiver<()> {
        &self.told
    }

    fn tell_if_empty(&self, state: &State) {
        if state.is_stopping && state.commands.is_empty() {
            // One word is enough; a full channel has it already.
            let _ = self.emptied.try_send(());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.running.state();
        state.commands.remove(&self.number);
        self.running.tell_if_empty(&state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_waits_for_what_runs_and_takes_nothing_new() {
        let running = Running::new();
        let interruption = Interruption::new().unwrap();
        let place = running.begin(&interruption).unwrap();
        assert_eq!((running.drain(), running.emptied().len()), (1, 0));
        assert_eq!(running.begin(&interruption).unwrap_err(), StoppingNow);
        assert!(!interruption.is_interrupted());
        drop(place);
        assert_eq!((running.emptied().len(), running.count()), (1, 0));
    }

    #[test]
    fn a_cut_interrupts_what_runs() {
        let running = Running::new();
        let interruption = Interruption::new().unwrap();
        let _place = running.begin(&interruption).unwrap();
        assert_eq!(running.cut(), 1);
        assert!(interruption.is_interrupted() && interruption.ended().recv().is_err());
    }

    #[test]
    fn an_empty_drain_is_over_at_once() {
        let running = Running::new();
        assert_eq!((running.drain(), running.emptied().len()), (0, 1));
    }
}
