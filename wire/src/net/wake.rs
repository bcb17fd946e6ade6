//! A handle that ends a wait in `poll` from another thread.

use crate::connection::Closer;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::time::Duration;

/// Once called, every wait on it is over, for ever (unless it is reset).
#[derive(Debug)]
pub struct Wake(OwnedFd);

impl Wake {
    /// A new one that nobody has called.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Ends all waits, now and later.
    pub fn call(&self) {
        // Only an overflow of the counter can fail, and then it is readable already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Forgets the calls so far.
    pub(super) fn reset(&self) {
        // Nobody called at worst.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }

    /// Waits until `source` can be read without waiting (true), or this was called (false).
    ///
    /// # Errors
    /// When `source` cannot be waited for; `Interrupted` where a signal came first.
    pub fn or_readable(&self, source: &impl AsFd) -> io::Result<bool> {
        self.or_ready(source, PollFlags::IN, None).map(|ready| ready == Ready::Source)
    }

    /// As [`Wake::or_readable`], at most for `pause`.
    ///
    /// # Errors
    /// As there.
    pub fn or_readable_within(&self, source: &impl AsFd, pause: Duration) -> io::Result<Ready> {
        self.or_ready(source, PollFlags::IN, Some(pause))
    }

    /// Waits for the call, at most for `pause`, or until the connection ends (`Source`); with `is_talking`, also until the
    /// other end sends nothing more.
    ///
    /// # Errors
    /// `Interrupted` where a signal came first.
    pub fn or_closed(&self, closer: &Closer, pause: Duration, is_talking: bool) -> io::Result<Ready> {
        // The end of the whole is told in any case.
        let wanted = if is_talking { PollFlags::RDHUP } else { PollFlags::empty() };
        self.or_ready(closer, wanted, Some(pause))
    }

    /// Waits until `source` can be written, for connecting until that has an outcome, at most for `pause`.
    pub(super) fn or_writable(&self, source: &impl AsFd, pause: Duration) -> io::Result<Ready> {
        self.or_ready(source, PollFlags::OUT, Some(pause))
    }

    fn or_ready(&self, source: &impl AsFd, wanted: PollFlags, pause: Option<Duration>) -> io::Result<Ready> {
        let pause = pause.map(|pause| Timespec::try_from(pause).unwrap_or_default());
        let mut set = [PollFd::new(source, wanted), PollFd::new(&self.0, PollFlags::IN)];
        let count = poll(&mut set, pause.as_ref())?;
        let is_called = set.get(1).is_some_and(|wake| !wake.revents().is_empty());
        Ok(match count {
            0 => Ready::Nothing,
            _ if is_called => Ready::Wake,
            _ => Ready::Source,
        })
    }

    /// Waits for the call, at most for `pause`; true if it came.
    pub fn within(&self, pause: Duration) -> bool {
        let pause = Timespec::try_from(pause).unwrap_or_default();
        let mut set = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(poll(&mut set, Some(&pause)), Ok(ready) if ready > 0)
    }
}

/// What a wait ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// What was waited for came.
    Source,
    /// It was called.
    Wake,
    /// The time was over.
    Nothing,
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
