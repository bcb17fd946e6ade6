//! Keeps the other end patient: says `working` during long work, and sends what has gathered now and then. Ends
//! that work when the daemon stops at once.

use super::refusal::{End, Stop};
use super::share::Share;
use crossbeam_channel::{RecvTimeoutError, bounded};
use std::thread::{Builder, scope};
use std::time::{Duration, Instant};
use wire::connection::{SendError, Sender};
use wire::limits::WORKING_INTERVAL;
use wire::message::ByteCount;
use wire::message::reply::Working;

/// What has gathered leaves after this time, at the next entry or the next request.
pub(super) const GATHER_TIME_MAX: Duration = Duration::from_millis(50);

/// When something was last sent for a request.
pub(super) struct Pulse<'a> {
    id: u64,
    last: Instant,
    share: &'a Share,
}

impl<'a> Pulse<'a> {
    pub(super) fn new(id: u64, share: &'a Share) -> Self {
        Self { id, last: Instant::now(), share }
    }

    /// Says `working` if it is time to.
    pub(super) fn beat(&mut self, sender: &mut Sender, done: u64, of: u64) -> Result<(), Stop> {
        if self.share.catalogue.is_given_up() {
            return Err(Stop::End(End::Lost("the daemon stops at once".to_owned())));
        }
        if self.last.elapsed() < WORKING_INTERVAL {
            return Ok(());
        }
        self.last = Instant::now();
        let working = Working { done: ByteCount::new(done), of: ByteCount::new(of), queue: None };
        Ok(sender.send(Some(self.id), &working)?)
    }

    /// Sends what has gathered if that is long enough ago.
    pub(super) fn flush(&mut self, sender: &mut Sender) -> Result<(), SendError> {
        if self.last.elapsed() < GATHER_TIME_MAX {
            return Ok(());
        }
        self.last = Instant::now();
        sender.flush()
    }
}

/// Has a thread do what may take long, and says `working` meanwhile; `work` is called once. If the other end has left,
/// it is done all the same: what was sent completely lands.
pub(super) fn while_working<T: Send>(
    mut pulse: Pulse<'_>,
    sender: &mut Sender,
    byte_count: u64,
    work: &mut (dyn FnMut() -> T + Send),
) -> T {
    let (done, result) = bounded(1);
    let beside = &mut *work;
    let done_beside = scope(|threads| {
        let task = move || {
            // Below, somebody waits for exactly this word.
            let _ = done.try_send(beside());
        };
        Builder::new().name("land".into()).spawn_scoped(threads, task).ok()?;
        loop {
            match result.recv_timeout(WORKING_INTERVAL) {
                Ok(result) => return Some(result),
                // If nothing can be said any more, the answer will not be said either.
                Err(RecvTimeoutError::Timeout) => drop(pulse.beat(sender, byte_count, byte_count)),
                // It panicked, and so will the end of this scope.
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    });
    // Where no thread can be started, it is done without a word.
    done_beside.unwrap_or_else(work)
}
