//! How commands ask the mesh side, from any thread. Must not know how answers come about.

use super::Shared;
use super::answer::{AskError, ConnectError, Connected, FoundFile, FoundPeer};
use super::event::{Ask, Event, NetworkStatus, Unreachable};
use crate::destination::Destination;
use crate::overlay::{PeerStatus, Wanted};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::convert::Infallible;
use std::sync::Arc;
use wire::message::FloodId;

/// Results that wait for the command to take them. Exceeded: dropped, as a person could not read them either.
const RESULTS_WAITING_MAX: usize = 4096;

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

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Floods a search. Known peers without a link are dialled first, and waited for briefly, until `ended`.
    pub(crate) fn search(
        &self,
        wanted: Wanted,
        ttl: u8,
        ended: &Receiver<Infallible>,
    ) -> Result<Asked<FoundFile>, AskError> {
        let (found, results) = bounded(RESULTS_WAITING_MAX);
        let id = self.0.ask_until(ended, |reply| Event::Ask(Ask::Search { wanted, ttl, found, reply }));
        Ok(Asked { results, id: id.ok_or(AskError::Stopping)??, shared: Arc::clone(&self.0) })
    }

    /// Floods a discover, likewise.
    pub(crate) fn discover(
        &self,
        ttl: u8,
        ended: &Receiver<Infallible>,
    ) -> Result<Asked<FoundPeer>, AskError> {
        let (found, results) = bounded(RESULTS_WAITING_MAX);
        let id = self.0.ask_until(ended, |reply| Event::Ask(Ask::Discover { ttl, found, reply }));
        Ok(Asked { results, id: id.ok_or(AskError::Stopping)??, shared: Arc::clone(&self.0) })
    }

    /// Opens a link to that peer, and keeps it as known.
    pub(crate) fn connect(
        &self,
        destination: &Destination,
        ended: &Receiver<Infallible>,
    ) -> Result<Connected, ConnectError> {
        let destination = destination.clone();
        let connected = self.0.ask_until(ended, |reply| Event::Ask(Ask::Connect { destination, reply }));
        connected.ok_or(ConnectError::Stopping)?
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
