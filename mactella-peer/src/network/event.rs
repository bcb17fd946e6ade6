//! Everything that can happen to the mesh side, as one closed set. Must not know what is done about it.

use super::answer::{AskError, ConnectError, Connected, FoundFile, FoundPeer};
use super::queue::Queue;
use crate::destination::Destination;
use crate::overlay::{Counters, LinkId, Neighbour, PeerId, PeerStatus, Wanted};
use crossbeam_channel::Sender;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use wire::connection::Closer;
use wire::error_code::ErrorCode;
use wire::message::{FloodId, LinkMessage};

/// One thing that happened.
pub(super) enum Event {
    /// Somebody dialled us; the verdict goes to `reply`.
    Hello { link: LinkId, neighbour: Neighbour, end: LinkEnd, reply: Sender<Verdict> },
    /// A link that we dialled is open.
    Opened { link: LinkId, name: Arc<str>, neighbour: Neighbour, end: LinkEnd },
    /// Nobody was reached, or whoever is there refused.
    DialFailed { name: Arc<str>, code: Option<ErrorCode>, why: String, is_other_key: bool },
    /// A neighbour was reached where it says that it can be.
    Verified { link: LinkId, address: SocketAddr },
    /// A message arrived.
    Received { link: LinkId, message: LinkMessage },
    /// A link is gone.
    Closed { link: LinkId },
    /// A command asks.
    Ask(Ask),
    /// Nobody listens to the results of that one any more.
    Forget(FloodId),
    /// A stop begins.
    Stop,
    /// The owner is to return.
    End,
}

/// What a command may ask.
pub(super) enum Ask {
    Search { wanted: Wanted, ttl: u8, found: Sender<FoundFile>, reply: Sender<Result<FloodId, AskError>> },
    Discover { ttl: u8, found: Sender<FoundPeer>, reply: Sender<Result<FloodId, AskError>> },
    Connect { destination: Destination, reply: Sender<Result<Connected, ConnectError>> },
    Reset { reply: Sender<usize> },
    Peers { reply: Sender<Vec<PeerStatus>> },
    Unreachable { reply: Sender<Vec<Unreachable>> },
    Status { reply: Sender<NetworkStatus> },
}

/// The answer to a `hello`.
pub(super) enum Verdict {
    Welcome,
    Refuse(ErrorCode, &'static str),
}

/// What the owner holds of a link.
#[derive(Clone)]
pub(super) struct LinkEnd {
    pub(super) queue: Arc<Queue>,
    pub(super) closer: Closer,
    pub(super) since: Instant,
}

/// A known peer that cannot be reached now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreachable {
    pub(crate) name: String,
    pub(crate) why: String,
}

/// What STATUS shows of the mesh side.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetworkStatus {
    pub(crate) counters: Counters,
    pub(crate) neighbours: Vec<NeighbourStatus>,
}

/// One link that stands.
#[derive(Debug, Clone)]
pub(crate) struct NeighbourStatus {
    pub(crate) address: SocketAddr,
    pub(crate) peer: PeerId,
    /// Whether the link is in TLS, so that its neighbour has proven who it is.
    pub(crate) is_tls: bool,
    /// Whether this peer dialled it.
    pub(crate) dialled: bool,
    pub(crate) since: Instant,
    /// Messages that wait to be sent.
    pub(crate) waiting: usize,
}
