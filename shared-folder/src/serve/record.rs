//! What the log is told of each request.

use super::Host;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::error_code::ErrorCode;
use wire::net::service::SessionSlot;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered in full.
    Done,
    /// Refused or failed with this code; the session goes on.
    Refused(ErrorCode),
    /// The connection ended before the answer was complete.
    Lost,
}

impl Outcome {
    /// The word for the log: `ok`, `lost` or the code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Refused(code) => code.as_str(),
            Self::Lost => "lost",
        }
    }
}

/// One request, after its end.
#[derive(Debug, Clone)]
pub struct RequestRecord<'a> {
    /// The session's number.
    pub session: u64,
    /// The other end.
    pub address: SocketAddr,
    /// What the guest whose session it is is called; none of others.
    pub who: Option<&'a str>,
    /// The request's type.
    pub command: &'a str,
    /// What it was about; not escaped. Empty where it names nothing.
    pub path: &'a str,
    /// Payload bytes, in either direction.
    pub byte_count: u64,
    /// From the request to its last answer.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// Is told of every request once.
pub trait Observe: Send + Sync {
    /// A request has ended.
    fn request(&self, record: &RequestRecord<'_>);
}

/// A request that runs, or waits for others.
pub(super) struct Begun {
    pub(super) at: Instant,
    pub(super) who: Option<Arc<str>>,
    pub(super) command: &'static str,
    pub(super) path: String,
    /// Payload bytes so far.
    pub(super) byte_count: u64,
}

impl Begun {
    /// Tells how it ended.
    pub(super) fn tell(self, host: &Host, slot: &SessionSlot, outcome: Outcome) {
        host.observer.request(&RequestRecord {
            session: slot.id(),
            address: slot.address(),
            who: self.who.as_deref(),
            command: self.command,
            path: &self.path,
            byte_count: self.byte_count,
            duration: self.at.elapsed(),
            outcome,
        });
    }
}
