//! What commands ask of the owner: at once, or after known peers have been dialled.

use super::Owner;
use crate::destination::Destination;
use crate::network::answer::{AskError, ConnectError, Connected, FoundFile, FoundPeer};
use crate::network::event::Ask;
use crate::overlay::{Input, Wanted};
use crossbeam_channel::Sender;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::error_code::ErrorCode;
use wire::key::PublicKey;
use wire::message::FloodId;
use wire::message::link::FileResult;

/// How long a search waits for known peers that are being dialled.
const DIALS_WAIT: Duration = Duration::from_secs(1);
/// Searches and discovers of this peer's own users at the same time. Exceeded: the oldest gets no more results.
const COLLECTORS_MAX: usize = 64;

/// Who gets the results of this peer's own searches and discovers.
#[derive(Default)]
pub(super) struct Collectors(BTreeMap<FloodId, Collector>);

struct Collector {
    begun: Instant,
    results: Results,
}

enum Results {
    Files(Sender<FoundFile>),
    Peers(Sender<FoundPeer>),
}

/// A search or discover that waits for dials.
pub(super) struct Waiting {
    flood: Flood,
    reply: Sender<Result<FloodId, AskError>>,
    pub(super) until: Instant,
}

enum Flood {
    Search { wanted: Wanted, ttl: u8, found: Sender<FoundFile> },
    Discover { ttl: u8, found: Sender<FoundPeer> },
}

/// Why a dial led to no link.
#[derive(Debug, Clone)]
pub(super) struct DialFailure {
    /// What whoever is there refused with.
    pub(super) code: Option<ErrorCode>,
    pub(super) why: String,
    /// Whether somebody else answers than who is meant.
    pub(super) is_other_key: bool,
}

/// A CONNECT that waits for its dial.
pub(super) struct Connecting {
    name: Arc<str>,
    reply: Sender<Result<Connected, ConnectError>>,
}

impl Collectors {
    pub(super) fn forget(&mut self, id: FloodId) {
        self.0.remove(&id);
    }

    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }

    pub(super) fn files(
        &self,
        id: FloodId,
        (address, key, hops): (SocketAddr, Option<PublicKey>, u8),
        files: Vec<FileResult>,
    ) {
        let Some(Collector { results: Results::Files(found), .. }) = self.0.get(&id) else { return };
        for file in files {
            let FileResult { path, byte_count, digest, partial: is_partial } = file;
            let byte_count = byte_count.get();
            let result = FoundFile { path, byte_count, digest, address, key, hops, is_partial };
            // Full: see the channel's limit. Closed: the word that says so is on its way.
            let _ = found.try_send(result);
        }
    }

    pub(super) fn peer(&self, id: FloodId, peer: FoundPeer) {
        if let Some(Collector { results: Results::Peers(found), .. }) = self.0.get(&id) {
            // As above.
            let _ = found.try_send(peer);
        }
    }

    fn add(&mut self, id: FloodId, results: Results) {
        if self.0.len() >= COLLECTORS_MAX
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, collector)| collector.begun).map(|(id, _)| *id)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(id, Collector { begun: Instant::now(), results });
    }
}

impl Owner {
    /// Answers a command. Whoever has given up waiting for its answer is not told.
    pub(super) fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Search { wanted, ttl, found, reply } => {
                self.flood(Flood::Search { wanted, ttl, found }, reply);
            }
            Ask::Discover { ttl, found, reply } => self.flood(Flood::Discover { ttl, found }, reply),
            Ask::Connect { destination, reply } => self.connect(&destination, reply),
            Ask::Reset { reply } => {
                let before = self.overlay.peers().len();
                self.handle(Input::Reset);
                let _ = reply.send(before.saturating_sub(self.overlay.peers().len()));
            }
            Ask::Peers { reply } => {
                let _ = reply.send(self.overlay.peers());
            }
            Ask::Unreachable { reply } => {
                let _ = reply.send(self.unreachable());
            }
            Ask::Status { reply } => {
                let _ = reply.send(self.status());
            }
        }
    }

    /// Begins every search that need not wait any longer.
    pub(super) fn begin_what_waits(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let (now, is_dialling) = (Instant::now(), self.is_dialling_known_peers());
        let (ready, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting: &Waiting| !is_dialling || waiting.until <= now);
        self.waiting = waiting;
        let ready: Vec<_> = ready;
        for Waiting { flood, reply, .. } in ready {
            let _ = reply.send(self.begin(flood));
        }
    }

    /// A dial that a CONNECT may wait for has ended: whether its link stands, or why there is none.
    pub(super) fn conclude_connect(
        &mut self,
        name: &Arc<str>,
        address: Option<SocketAddr>,
        outcome: Result<bool, DialFailure>,
    ) {
        let (ready, connecting) = std::mem::take(&mut self.connecting)
            .into_iter()
            .partition(|connecting: &Connecting| connecting.name == *name);
        self.connecting = connecting;
        let ready: Vec<_> = ready;
        if ready.is_empty() {
            return;
        }
        let outcome = match outcome {
            Ok(stands) => Ok(Connected { was_linked: !stands }),
            // The other end knows a link between us; without any at this end, it is somebody else's.
            Err(DialFailure { code: Some(ErrorCode::Exists), .. }) if !self.links.is_empty() => {
                Ok(Connected { was_linked: true })
            }
            Err(DialFailure { why, is_other_key: true, .. }) => Err(ConnectError::OtherKey(why)),
            // Of two links that opened at the same time, the other end may close one before it has said a word.
            Err(_) if self.stands_with(name) => Ok(Connected { was_linked: true }),
            Err(DialFailure { code: Some(code), why, .. }) => Err(ConnectError::Refused { code, why }),
            Err(DialFailure { why, .. }) => Err(ConnectError::Unreachable(why)),
        };
        if outcome.is_ok() {
            let named: Option<Destination> = name.parse().ok();
            let (number, key) = named.map_or((None, None), |named| (named.number(), named.key));
            self.handle(Input::Know { name: Arc::clone(name), address: address.or(number), key });
        }
        ready.into_iter().for_each(|waiting| {
            let _ = waiting.reply.send(outcome.clone());
        });
    }

    fn flood(&mut self, flood: Flood, reply: Sender<Result<FloodId, AskError>>) {
        if self.is_stopping {
            let _ = reply.send(Err(AskError::Stopping));
            return;
        }
        self.handle(Input::Hurry);
        self.waiting.push(Waiting { flood, reply, until: Instant::now() + DIALS_WAIT });
    }

    fn begin(&mut self, flood: Flood) -> Result<FloodId, AskError> {
        if self.overlay.link_count() == 0 {
            return Err(AskError::NoLinks);
        }
        let id = FloodId(program::process_id::random_number().map_err(|_| AskError::NoId)?);
        match flood {
            Flood::Search { wanted, ttl, found } => {
                self.collectors.add(id, Results::Files(found));
                self.handle(Input::Search { id, wanted, ttl });
            }
            Flood::Discover { ttl, found } => {
                self.collectors.add(id, Results::Peers(found));
                self.handle(Input::Discover { id, ttl });
            }
        }
        Ok(id)
    }

    fn connect(&mut self, destination: &Destination, reply: Sender<Result<Connected, ConnectError>>) {
        let name: Arc<str> = destination.to_string().into();
        if self.is_stopping {
            let _ = reply.send(Err(ConnectError::Stopping));
        } else if destination.number() == Some(self.shared.listening) {
            let _ = reply.send(Err(ConnectError::Itself));
        } else if self.stands_with(&name) {
            self.know(&name);
            let _ = reply.send(Ok(Connected { was_linked: true }));
        } else {
            let is_dialled = self.connecting.iter().any(|connecting| connecting.name == name)
                || self.overlay.peers().iter().any(|peer| peer.name == name && peer.dialling);
            self.connecting.push(Connecting { name: Arc::clone(&name), reply });
            if !is_dialled {
                self.dial(&name);
            }
        }
    }

    /// Whether a link to whoever is meant by that name stands.
    fn stands_with(&self, name: &str) -> bool {
        let Ok(destination) = name.parse::<Destination>() else { return false };
        match destination.key {
            // Whoever is at the address without having proven that key is somebody else.
            Some(_) => self.links.values().any(|held| held.neighbour.key == destination.key),
            None => {
                let number = destination.number();
                self.overlay.is_linked(name)
                    || self.links.values().any(|held| Some(held.neighbour.address) == number)
            }
        }
    }

    fn is_dialling_known_peers(&self) -> bool {
        self.overlay.peers().iter().any(|peer| peer.known && peer.dialling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    #[test]
    fn one_search_more_than_the_limit_displaces_the_oldest() {
        let mut collectors = Collectors::default();
        let (found, results) = unbounded();
        for number in 0..=COLLECTORS_MAX as u128 {
            collectors.add(FloodId(number), Results::Peers(found.clone()));
        }
        assert_eq!(collectors.0.len(), COLLECTORS_MAX);
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        for number in 0..=COLLECTORS_MAX as u128 {
            collectors.peer(FloodId(number), FoundPeer { address, key: None, hops: 1, added: false });
        }
        assert_eq!(results.len(), COLLECTORS_MAX);
        assert!(!collectors.0.contains_key(&FloodId(0)), "the oldest one is forgotten");
    }
}
