//! The commands that run now: how each is interrupted, and what a stop still waits for.
//!
//! Must not know what a command does.

use crossbeam_channel::{Receiver, Sender, bounded};
use shared_folder::remote::{Cancel, Watch};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

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
    commands: BTreeMap<u64, Command>,
    last: u64,
    is_stopping: bool,
}

#[derive(Debug)]
struct Command {
    interruption: Interruption,
    progress: Arc<Progress>,
}

/// How far a command is, for others to see.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    what: OnceLock<String>,
    byte_count: AtomicU64,
    /// Bytes that have to come in all; 0 where that is not known.
    total: AtomicU64,
    /// The place in the queue of the other end; 0 where it does not wait there.
    place: AtomicU64,
}

/// One command that runs, as STATUS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandStatus {
    /// What it does; not escaped.
    pub(crate) what: String,
    pub(crate) age: Duration,
    /// Bytes of the file that are here so far.
    pub(crate) byte_count: u64,
    /// Bytes of the file, where that is known.
    pub(crate) total: Option<u64>,
    /// Its place in a queue elsewhere, if it waits in one.
    pub(crate) place: Option<u64>,
}

/// A command's place; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    running: &'a Running,
    number: u64,
    progress: Arc<Progress>,
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
        let progress = Arc::new(Progress::new());
        let command = Command { interruption: interruption.clone(), progress: Arc::clone(&progress) };
        state.commands.insert(number, command);
        Ok(Place { running: self, number, progress })
    }

    /// All that run but for the one that has this place, in the order in which they began.
    pub(crate) fn others(&self, than: Option<&Place<'_>>) -> Vec<CommandStatus> {
        let own = than.map(|place| place.number);
        let state = self.state();
        let others = state.commands.iter().filter(|(number, _)| Some(**number) != own);
        others.map(|(_, command)| command.progress.status()).collect()
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
        self.state().commands.values().for_each(|command| command.interruption.interrupt());
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

impl Place<'_> {
    /// What others see of it.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Progress {
    fn new() -> Self {
        let [byte_count, total, place] = [0; 3].map(AtomicU64::new);
        Self { begun: Instant::now(), what: OnceLock::new(), byte_count, total, place }
    }

    /// Says what the command does.
    pub(crate) fn name(&self, what: String) {
        // A command does one thing.
        let _ = self.what.set(what);
    }

    /// Says how long the file is that comes.
    pub(crate) fn will_get(&self, byte_count: u64) {
        self.total.store(byte_count, Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> CommandStatus {
        let known = |number: &AtomicU64| Some(number.load(Ordering::Relaxed)).filter(|number| *number > 0);
        CommandStatus {
            what: self.what.get().cloned().unwrap_or_default(),
            age: self.begun.elapsed(),
            byte_count: self.byte_count.load(Ordering::Relaxed),
            total: known(&self.total),
            place: known(&self.place),
        }
    }
}

impl Watch for Progress {
    fn moved(&self, byte_count: u64) {
        self.place.store(0, Ordering::Relaxed);
        self.byte_count.fetch_add(byte_count, Ordering::Relaxed);
    }

    fn reused(&self, byte_count: u64) {
        self.byte_count.fetch_add(byte_count, Ordering::Relaxed);
    }

    fn waiting(&self, place: u64) {
        self.place.store(place, Ordering::Relaxed);
    }

    fn restarted(&self) {
        self.byte_count.store(0, Ordering::Relaxed);
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
        assert_eq!((running.emptied().len(), running.others(None)), (1, Vec::new()));
    }

    #[test]
    fn others_see_what_runs_and_how_far_it_is() {
        let running = Running::new();
        let interruption = Interruption::new().unwrap();
        let (own, other) = (running.begin(&interruption).unwrap(), running.begin(&interruption).unwrap());
        other.progress().name("get a film".to_owned());
        other.progress().waiting(3);
        other.progress().will_get(9);
        let seen = |place| {
            let [status] = running.others(Some(place)).try_into().unwrap();
            (status.what, status.byte_count, status.total, status.place)
        };
        assert_eq!(seen(&own), ("get a film".to_owned(), 0, Some(9), Some(3)));
        other.progress().moved(3);
        other.progress().reused(2);
        assert_eq!(seen(&own), ("get a film".to_owned(), 5, Some(9), None));
        assert_eq!(seen(&other), (String::new(), 0, None, None));
        assert_eq!(running.others(None).len(), 2);
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
