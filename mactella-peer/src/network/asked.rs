//! How commands ask the mesh side, from any thread. Must not know how answers come about.

use super::Shared;
use super::event::{Ask, Event, NetworkStatus, Unreachable};
use crate::overlay::{PeerStatus, Wanted};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::message::FloodId;
use wire::net::Address;

/// Results that wait for the command to take them. Exceeded: dropped, as a person could not read them either.
const RESULTS_MAX: usize = 4096;

/// Asks the mesh side.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Shared>);

/// A search or discover under way; dropping it ends it.
pub(crate) struct Asked<T> {
    /// Each result once it is there; ends when this peer stops.
    pub(crate) results: Receiver<T>,
    id: FloodId,
    shared: Arc<Shared>,
}

/// One file of one holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// As its holder says it: to be checked before it becomes a path.
    pub(crate) path: String,
    pub(crate) byte_count: u64,
    pub(crate) digest: Option<Digest>,
    pub(crate) address: SocketAddr,
    pub(crate) hops: u8,
}

/// One peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundPeer {
    pub(crate) address: SocketAddr,
    pub(crate) hops: u8,
    /// Whether it is new in the peer list.
    pub(crate) added: bool,
}

/// Why nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum AskError {
    #[error("no link to any other peer: CONNECT to one first")]
    NoLinks,
    #[error("this peer is stopping")]
    Stopping,
}

/// A link to the peer that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connected {
    /// Whether it stood already.
    pub(crate) was_linked: bool,
}

/// Why there is no link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Unreachable(String),
    #[error("{why}")]
    Refused { code: ErrorCode, why: String },
    #[error("that is this very peer")]
    Itself,
    #[error("this peer is stopping")]
    Stopping,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Floods a search. Known peers without a link are dialled first, and waited for briefly.
    pub(crate) fn search(&self, wanted: Wanted, ttl: u8) -> Result<Asked<FoundFile>, AskError> {
        let (found, results) = bounded(RESULTS_MAX);
        let id = self.ask(|reply| Ask::Search { wanted, ttl, found, reply }).ok_or(AskError::Stopping)??;
        Ok(Asked { results, id, shared: Arc::clone(&self.0) })
    }

    /// Floods a discover, likewise.
    pub(crate) fn discover(&self, ttl: u8) -> Result<Asked<FoundPeer>, AskError> {
        let (found, results) = bounded(RESULTS_MAX);
        let id = self.ask(|reply| Ask::Discover { ttl, found, reply }).ok_or(AskError::Stopping)??;
        Ok(Asked { results, id, shared: Arc::clone(&self.0) })
    }

    /// Opens a link to that peer, and keeps it as known.
    pub(crate) fn connect(&self, address: &Address) -> Result<Connected, ConnectError> {
        let address = address.clone();
        self.ask(|reply| Ask::Connect { address, reply }).ok_or(ConnectError::Stopping)?
    }

    /// Forgets learned addresses; tells how many.
    pub(crate) fn reset(&self) -> usize {
        self.ask(|reply| Ask::Reset { reply }).unwrap_or_default()
    }

    /// The peer list.
    pub(crate) fn peers(&self) -> Vec<PeerStatus> {
        self.ask(|reply| Ask::Peers { reply }).unwrap_or_default()
    }

    /// Known peers that cannot be reached now.
    pub(crate) fn unreachable(&self) -> Vec<Unreachable> {
        self.ask(|reply| Ask::Unreachable { reply }).unwrap_or_default()
    }

    /// Links and counters.
    pub(crate) fn status(&self) -> NetworkStatus {
        self.ask(|reply| Ask::Status { reply }).unwrap_or_default()
    }

    fn ask<T>(&self, what: impl FnOnce(Sender<T>) -> Ask) -> Option<T> {
        self.0.ask(|reply| Event::Ask(what(reply)))
    }
}

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        // An owner that is gone has forgotten it.
        let _ = self.shared.events.send(Event::Forget(self.id));
    }
}
