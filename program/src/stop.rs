//! Turns "please stop", from a signal or from the console, into events that a program can wait for.
//!
//! It must not know what has to be stopped, nor how long that takes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};
use thiserror::Error;

/// How a program is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Let what is running come to its end, and accept nothing new.
    Drain,
    /// Stop at once.
    Force,
}

/// Why signals cannot be received.
#[derive(Debug, Error)]
pub enum StopError {
    /// The operating system gave no event descriptor.
    #[error("no event descriptor for the stop signal")]
    Event(#[source] io::Error),
    /// The handler was refused; a process has only one.
    #[error("the signal handler cannot be installed")]
    Handler(#[from] ctrlc::Error),
}

/// Receives the wish to stop: [`Stop::Drain`] first and [`Stop::Force`] after it, each at most once.
#[derive(Debug)]
pub struct StopSignals {
    receiver: Receiver<Stop>,
    handle: StopHandle,
}

/// Asks to stop, and tells whether somebody has; clones belong to the same program.
#[derive(Debug, Clone)]
pub struct StopHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stage: AtomicU8,
    sender: Sender<Stop>,
    drain_event: OwnedFd,
    force_event: OwnedFd,
}

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;
const FORCED: u8 = 2;

/// Each of the two events is sent once, so the channel is never full.
const STOP_EVENTS_MAX: usize = 2;

impl StopSignals {
    /// Catches SIGINT, SIGTERM and SIGHUP: the first of them drains, the second forces. Once per process;
    /// ctrlc's thread, which waits for signals, lives as long as the process.
    pub fn install() -> Result<Self, StopError> {
        let signals = Self::without_handler()?;
        let handle = signals.handle.clone();
        ctrlc::set_handler(move || handle.signal())?;
        Ok(signals)
    }

    /// The same without catching signals, for tests and for parts of a program.
    pub fn without_handler() -> Result<Self, StopError> {
        let (sender, receiver) = bounded(STOP_EVENTS_MAX);
        let shared =
            Shared { stage: AtomicU8::new(RUNNING), sender, drain_event: event()?, force_event: event()? };
        Ok(Self { receiver, handle: StopHandle { shared: Arc::new(shared) } })
    }

    /// Where the events arrive. Each goes to one receiver only: let a single loop wait here, and others ask
    /// the handle.
    pub fn receiver(&self) -> &Receiver<Stop> {
        &self.receiver
    }

    /// The handle, to be cloned for whoever may stop the program or must know.
    pub fn handle(&self) -> &StopHandle {
        &self.handle
    }
}

impl StopHandle {
    /// Asks to drain, unless the program is stopping already (console: `QUIT`).
    pub fn drain(&self) {
        if self.advance(RUNNING, DRAINING) {
            self.shared.announce(Stop::Drain);
        }
    }

    /// Asks to stop at once (console: `FORCEQUIT`).
    pub fn force(&self) {
        if self.shared.stage.swap(FORCED, Ordering::SeqCst) != FORCED {
            self.shared.announce(Stop::Force);
        }
    }

    /// What a signal does: drain first, force then.
    pub fn signal(&self) {
        if self.advance(RUNNING, DRAINING) {
            self.shared.announce(Stop::Drain);
        } else {
            self.force();
        }
    }

    /// Whether anybody has asked to stop, in either way.
    pub fn is_stopping(&self) -> bool {
        self.shared.stage.load(Ordering::SeqCst) != RUNNING
    }

    /// Whether the program has to stop at once.
    pub fn is_forced(&self) -> bool {
        self.shared.stage.load(Ordering::SeqCst) == FORCED
    }

    /// A descriptor for `poll` that is readable, and stays so, once the program is stopping in either way.
    /// Never read from it.
    pub fn stopping_event(&self) -> BorrowedFd<'_> {
        self.shared.drain_event.as_fd()
    }

    /// The same, readable once the program has to stop at once.
    pub fn forced_event(&self) -> BorrowedFd<'_> {
        self.shared.force_event.as_fd()
    }

    fn advance(&self, from: u8, to: u8) -> bool {
        self.shared.stage.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Shared {
    /// Neither step can fail in a way that matters: the counters start at zero and the channel has room for
    /// each event, unless the receiver is gone and nobody waits.
    fn announce(&self, stop: Stop) {
        make_readable(&self.drain_event);
        if stop == Stop::Force {
            make_readable(&self.force_event);
        }
        let _ = self.sender.try_send(stop);
    }
}

fn event() -> Result<OwnedFd, StopError> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| StopError::Event(errno.into()))
}

fn make_readable(event: &OwnedFd) {
    let _ = rustix::io::write(event, &1u64.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_readable(event: BorrowedFd<'_>) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&event, PollFlags::IN)], Some(&at_once)).unwrap() == 1
    }

    #[test]
    fn the_first_signal_drains_the_second_forces_and_a_third_does_nothing() {
        let signals = StopSignals::without_handler().unwrap();
        let handle = signals.handle().clone();
        assert!(!handle.is_stopping() && !is_readable(handle.stopping_event()));
        handle.signal();
        assert!(handle.is_stopping() && !handle.is_forced());
        assert!(is_readable(handle.stopping_event()) && !is_readable(handle.forced_event()));
        handle.signal();
        handle.signal();
        assert!(handle.is_forced() && is_readable(handle.forced_event()));
        assert_eq!(signals.receiver().try_iter().collect::<Vec<_>>(), [Stop::Drain, Stop::Force]);
    }

    #[test]
    fn a_second_quit_does_not_force_but_a_forcequit_does_alone() {
        let signals = StopSignals::without_handler().unwrap();
        signals.handle().drain();
        signals.handle().drain();
        assert!(!signals.handle().is_forced());
        assert_eq!(signals.receiver().try_iter().count(), 1);

        let forced = StopSignals::without_handler().unwrap();
        forced.handle().force();
        forced.handle().drain();
        assert!(is_readable(forced.handle().stopping_event()));
        assert_eq!(forced.receiver().try_iter().collect::<Vec<_>>(), [Stop::Force]);
    }
}
