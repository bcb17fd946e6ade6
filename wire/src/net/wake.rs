//! A handle that ends a wait in `poll` from another thread.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::time::Duration;

/// Once called, every wait on it is over, for ever.
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

    /// Waits until `source` is readable (true), or this was called or the time is over (false).
    pub(super) fn or_readable(&self, source: &impl AsFd) -> io::Result<bool> {
        let mut set = [PollFd::new(source, PollFlags::IN), PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut set, None)?;
        Ok(set.get(1).is_some_and(|wake| wake.revents().is_empty()))
    }

    /// Waits for the call, at most for `pause`; true if it came.
    pub fn within(&self, pause: Duration) -> bool {
        let pause = Timespec::try_from(pause).unwrap_or_default();
        let mut set = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(poll(&mut set, Some(&pause)), Ok(ready) if ready > 0)
    }
}
