//! Ends waits from another thread: reads and writes on connections, pauses, and waits for local input.
//!
//! Must not know what was waited for.

use rustix::fd::AsFd;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wire::connection::Closer;
use wire::net::{Ready, Wake};

/// Once cancelled, every wait under it is over, for ever; clones are the same.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    wake: Wake,
    is_cancelled: AtomicBool,
    last_watch: AtomicU64,
    /// One for each connection that is open: as many as there are parallel transfers.
    closers: Mutex<HashMap<u64, Closer>>,
}

/// Keeps a connection under a [`Cancel`] until it is dropped.
#[derive(Debug)]
pub struct Watched {
    shared: Arc<Shared>,
    number: u64,
}

impl Cancel {
    /// A new one that nobody has cancelled.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            wake: Wake::new()?,
            is_cancelled: AtomicBool::new(false),
            last_watch: AtomicU64::new(0),
            closers: Mutex::default(),
        })))
    }

    /// Ends all waits, now and later.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::SeqCst);
        self.0.wake.call();
        self.0.closers().values().for_each(Closer::close);
    }

    /// Whether somebody has cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::SeqCst)
    }

    /// Waits that long; false when it was cancelled first.
    #[must_use]
    pub fn pause(&self, pause: Duration) -> bool {
        let _ = self.0.wake.within(pause);
        !self.is_cancelled()
    }

    /// Waits until `source` can be read without waiting; false when it was cancelled first.
    ///
    /// # Errors
    /// When `source` cannot be waited for.
    pub fn until_readable(&self, source: &impl AsFd) -> io::Result<bool> {
        loop {
            match self.0.wake.or_readable(source) {
                Ok(_) => return Ok(!self.is_cancelled()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until `source` can be read, or that long; what it was, and `Wake` where it was cancelled.
    ///
    /// # Errors
    /// When `source` cannot be waited for.
    pub fn until_readable_within(&self, source: &impl AsFd, pause: Duration) -> io::Result<Ready> {
        match self.0.wake.or_readable_within(source, pause) {
            // The wait was shorter, which whoever waits until a moment makes up for.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Ready::Nothing),
            other => other,
        }
    }

    /// What ends a dialling.
    #[must_use]
    pub fn wake(&self) -> &Wake {
        &self.0.wake
    }

    /// Closes the connection when this is cancelled, also if that was before.
    #[must_use]
    pub fn watch(&self, closer: &Closer) -> Watched {
        let number = self.0.last_watch.fetch_add(1, Ordering::Relaxed);
        let is_late = {
            let mut closers = self.0.closers();
            closers.insert(number, closer.clone());
            self.is_cancelled()
        };
        if is_late {
            closer.close();
        }
        Watched { shared: Arc::clone(&self.0), number }
    }
}

impl Shared {
    fn closers(&self) -> MutexGuard<'_, HashMap<u64, Closer>> {
        self.closers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared.closers().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_pause_ends_at_its_end_or_at_once_when_cancelled() {
        let cancel = Cancel::new().unwrap();
        assert!(cancel.pause(Duration::from_millis(5)));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| cancel.cancel());
            assert!(!cancel.pause(Duration::from_secs(60)));
        });
        assert!(begun.elapsed() < Duration::from_secs(30) && cancel.is_cancelled());
    }

    #[test]
    fn waiting_for_input_ends_with_input_or_when_cancelled() {
        let cancel = Cancel::new().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        io::Write::write_all(&mut &writer, b"x").unwrap();
        assert!(cancel.until_readable(&reader).unwrap());
        cancel.cancel();
        assert!(!cancel.until_readable(&reader).unwrap());
    }
}
