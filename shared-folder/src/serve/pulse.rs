//! Keeps the other end patient: says `working` during long work, and sends what has gathered now and then. Ends
//! that work when the daemon stops at once.

use super::refusal::{End, Stop};
use super::share::Share;
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
        Ok(sender.send(Some(self.id), &Working { done: ByteCount::new(done), of: ByteCount::new(of) })?)
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
