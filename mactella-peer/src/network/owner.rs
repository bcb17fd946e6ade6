//! The one thread that owns the overlay: takes events, hands them to it, and does what follows.
//!
//! It waits only for the next event or for the time that the overlay names. Must not know what any message means.

mod asking;
mod held;

use super::Shared;
use super::answer::FoundPeer;
use super::event::{Event, LinkEnd, NeighbourStatus, NetworkStatus, Unreachable, Verdict};
use super::remembered::Remembered;
use crate::destination::Destination;
use crate::overlay::{Action, Dropped, Index, Input, LinkId, Moment, Neighbour, Overlay, PeerId, PeerStatus};
use asking::{Collectors, Connecting, DialFailure, Waiting};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use held::{HeldFloods, is_passed_on};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use wire::error_code::ErrorCode;
use wire::message::LinkMessage;

/// Threads that dial or serve what was dialled. Exceeded: who is to be dialled counts as not reached.
const THREADS_MAX: usize = 512;
/// How long a change of the peer list may wait for more of them before it is written.
const LIST_KEPT_AFTER: Duration = Duration::from_secs(1);
/// The longest wait for an event: nothing depends on it.
const PAUSE_MAX: Duration = Duration::from_secs(60);

pub(super) struct Owner {
    shared: Arc<Shared>,
    overlay: Overlay,
    index: Arc<dyn Index + Send + Sync>,
    remembered: Remembered,
    /// The state of the peer list that was kept last, and when a newer one is to be.
    kept: u64,
    keep_at: Option<Instant>,
    /// The names of the command line, which need no remembering.
    named: Vec<String>,
    begun: Instant,
    links: BTreeMap<LinkId, Held>,
    /// Floods of others that are about to be sent on.
    held_floods: HeldFloods,
    /// The link whose `hello` is being handled, until its verdict.
    knocking: Option<(LinkId, Held, Sender<Verdict>)>,
    collectors: Collectors,
    /// Searches that wait until known peers have been dialled.
    waiting: Vec<Waiting>,
    connecting: Vec<Connecting>,
    /// Why each name was not reached last.
    failures: BTreeMap<Arc<str>, String>,
    threads: Vec<JoinHandle<()>>,
    is_stopping: bool,
}

/// A link that stands.
struct Held {
    end: LinkEnd,
    neighbour: Neighbour,
    dialled: bool,
}

impl Owner {
    pub(super) fn new(
        shared: Arc<Shared>,
        overlay: Overlay,
        index: Arc<dyn Index + Send + Sync>,
        remembered: Remembered,
    ) -> Self {
        Self {
            shared,
            overlay,
            index,
            remembered,
            kept: 0,
            keep_at: None,
            named: Vec::new(),
            begun: Instant::now(),
            links: BTreeMap::new(),
            held_floods: HeldFloods::default(),
            knocking: None,
            collectors: Collectors::default(),
            waiting: Vec::new(),
            connecting: Vec::new(),
            failures: BTreeMap::new(),
            threads: Vec::new(),
            is_stopping: false,
        }
    }

    /// Runs until the end is wanted, then ends and joins every thread that it started.
    pub(super) fn run(mut self, events: Receiver<Event>, peers: &[Destination]) {
        self.remember(peers);
        loop {
            match events.recv_timeout(self.pause()) {
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(event) => {
                    self.take(event);
                    self.tell_the_time();
                }
                Err(RecvTimeoutError::Timeout) => self.handle(Input::Time),
            }
            self.send_what_is_due();
            self.begin_what_waits();
            self.keep_list_in_time();
        }
        self.keep_list();
        // From here on nobody waits for room in the channel.
        drop(events);
        self.threads.drain(..).for_each(join);
    }

    /// If it is time for something: where events come so fast that none is waited for, nobody else would say so.
    fn tell_the_time(&mut self) {
        let now = self.now();
        if self.overlay.next_moment().is_some_and(|moment| moment.since(now) == 0) {
            self.handle(Input::Time);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Received { link, message } => self.handle(Input::Received { link, message }),
            Event::Hello { link, neighbour, end, reply } => self.hello(link, neighbour, end, reply),
            Event::Opened { link, name, neighbour, end } => self.opened(link, &name, neighbour, end),
            Event::DialFailed { name, code, why, is_other_key } => {
                self.dial_failed(&name, DialFailure { code, why, is_other_key });
            }
            Event::Verified { link, address } => self.verified(link, address),
            Event::Closed { link } => self.closed(link),
            Event::Ask(ask) => self.asked(ask),
            Event::Forget(id) => self.collectors.forget(id),
            Event::Stop => self.stop(),
            Event::End => {}
        }
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        let actions = self.overlay.handle(now, input, &*self.index);
        for action in actions {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { link, message } if is_passed_on(&message) => self.hold(link, message),
            Action::Send { link, message } => self.send(link, message),
            Action::Welcome { link } => self.admit(link),
            Action::Refuse { code, message, .. } => self.refuse(code, message),
            Action::Close { link, reason } => {
                log::info!("link {} is closed: {reason}", link.0);
                if let Some(held) = self.links.remove(&link) {
                    held.end.queue.finish();
                    held.end.closer.close();
                }
            }
            Action::Dial { name } => self.dial(&name),
            Action::Verify { link, peer, address } => self.verify(link, peer, address),
            Action::Found { id, address, key, hops, files } => {
                self.collectors.files(id, (address, key, hops), files);
            }
            Action::Discovered { id, address, key, hops, added } => {
                self.collectors.peer(id, FoundPeer { address, key, hops, added });
            }
        }
    }

    fn send(&mut self, link: LinkId, message: Arc<LinkMessage>) {
        let Some(held) = self.links.get(&link) else { return };
        let dropped = held.end.queue.push(message);
        if dropped != Dropped::default() {
            self.handle(Input::Dropped { dropped });
        }
    }

    fn hold(&mut self, link: LinkId, message: Arc<LinkMessage>) {
        if let Some(dropped) = self.held_floods.push(link, message) {
            self.handle(Input::Dropped { dropped });
        }
    }

    fn send_what_is_due(&mut self) {
        while let Some((link, message)) = self.held_floods.pop_due(Instant::now()) {
            self.send(link, message);
        }
    }

    fn hello(&mut self, link: LinkId, neighbour: Neighbour, end: LinkEnd, reply: Sender<Verdict>) {
        if self.is_stopping {
            // Whoever asked may have left already.
            let _ = reply.send(Verdict::Refuse(ErrorCode::Stopping, "this peer is stopping"));
            return;
        }
        self.knocking = Some((link, Held { end, neighbour, dialled: false }, reply));
        self.handle(Input::Hello { link, neighbour });
        self.knocking = None;
    }

    fn admit(&mut self, link: LinkId) {
        if let Some((_, held, reply)) = self.knocking.take_if(|(knocking, ..)| *knocking == link) {
            self.links.insert(link, held);
            // If it has left meanwhile, its thread says so.
            let _ = reply.send(Verdict::Welcome);
        }
    }

    fn refuse(&mut self, code: ErrorCode, message: &'static str) {
        if let Some((_, _, reply)) = self.knocking.take() {
            let _ = reply.send(Verdict::Refuse(code, message));
        }
    }

    fn opened(&mut self, link: LinkId, name: &Arc<str>, neighbour: Neighbour, end: LinkEnd) {
        if self.is_stopping {
            return end.closer.close();
        }
        self.failures.remove(name);
        self.links.insert(link, Held { end, neighbour, dialled: true });
        self.handle(Input::Opened { link, name: Arc::clone(name), neighbour });
        let outcome = self.outcome_of(link, neighbour);
        self.conclude_connect(name, Some(neighbour.address), outcome);
    }

    /// Whether a link that opened stands, or another one to the same peer does; else why it does not.
    fn outcome_of(&self, link: LinkId, neighbour: Neighbour) -> Result<bool, DialFailure> {
        let is_same = |held: &Held| held.neighbour.peer == neighbour.peer;
        if self.links.contains_key(&link) || self.links.values().any(is_same) {
            return Ok(self.links.contains_key(&link));
        }
        let why = "this peer has as many links as it may: see --max-links".to_owned();
        Err(DialFailure { code: Some(ErrorCode::Busy), why, is_other_key: false })
    }

    fn dial_failed(&mut self, name: &Arc<str>, failure: DialFailure) {
        self.failures.insert(Arc::clone(name), failure.why.clone());
        self.handle(Input::DialFailed { name: Arc::clone(name) });
        self.conclude_connect(name, None, Err(failure));
    }

    fn verified(&mut self, link: LinkId, address: SocketAddr) {
        if let Some(held) = self.links.get_mut(&link) {
            held.neighbour.address = address;
        }
        self.handle(Input::Verified { link, address });
    }

    fn closed(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.handle(Input::Closed { link });
    }

    fn dial(&mut self, name: &Arc<str>) {
        if self.is_stopping {
            return;
        }
        let (shared, dialled) = (Arc::clone(&self.shared), Arc::clone(name));
        if !self.spawn("link", move || shared.dial_link(dialled)) {
            let why = "too many links are being opened".to_owned();
            self.dial_failed(name, DialFailure { code: None, why, is_other_key: false });
        }
    }

    fn verify(&mut self, link: LinkId, peer: PeerId, address: SocketAddr) {
        let (shared, held) = (Arc::clone(&self.shared), self.links.get(&link));
        let key = held.and_then(|held| held.neighbour.key);
        self.spawn("verify", move || shared.verify(link, (peer, key), address));
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> bool {
        self.join_ended();
        if self.threads.len() >= THREADS_MAX {
            log::warn!("too many links are being opened: one is left out");
            return false;
        }
        match Builder::new().name(name.into()).spawn(work) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                log::warn!("no thread can be started now: {error}");
                return false;
            }
        }
        true
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        self.collectors.forget_all();
        self.waiting.clear();
        self.connecting.clear();
        for held in self.links.values() {
            held.end.queue.finish();
            held.end.closer.close();
        }
    }

    /// How long nothing but an event can matter.
    fn pause(&self) -> Duration {
        let now = self.now();
        let overlay = self.overlay.next_moment().map(|moment| Duration::from_millis(moment.since(now)));
        let deadlines = self.waiting.iter().map(|waiting| waiting.until).chain(self.keep_at);
        let deadlines = deadlines.chain(self.held_floods.next_due());
        let deadline = deadlines.min().map(|at| at.saturating_duration_since(Instant::now()));
        overlay.into_iter().chain(deadline).fold(PAUSE_MAX, Duration::min)
    }

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn remember(&mut self, peers: &[Destination]) {
        let list = self.remembered.list().clone();
        self.named = peers.iter().map(ToString::to_string).collect();
        for name in self.named.clone().into_iter().chain(list.known) {
            self.know(&name.into());
        }
        for learned in list.learned {
            self.handle(Input::Learn { address: learned.address, reached: learned.reached });
        }
    }

    fn know(&mut self, name: &Arc<str>) {
        let destination: Option<Destination> = name.parse().ok();
        let (address, key) = destination.map_or((None, None), |named| (named.number(), named.key));
        self.handle(Input::Know { name: Arc::clone(name), address, key });
    }

    /// Keeps a changed list once no more changes are waited for.
    fn keep_list_in_time(&mut self) {
        if self.overlay.list_changes() == self.kept {
            return;
        }
        let now = Instant::now();
        if *self.keep_at.get_or_insert(now + LIST_KEPT_AFTER) <= now {
            self.keep_list();
        }
    }

    fn keep_list(&mut self) {
        (self.kept, self.keep_at) = (self.overlay.list_changes(), None);
        self.remembered.keep(&self.overlay.peers(), &self.named);
    }

    fn join_ended(&mut self) {
        let (ended, running) = self.threads.drain(..).partition(JoinHandle::is_finished);
        self.threads = running;
        let ended: Vec<_> = ended;
        ended.into_iter().for_each(join);
    }

    fn status(&self) -> NetworkStatus {
        let neighbour = |held: &Held| NeighbourStatus {
            address: held.neighbour.address,
            peer: held.neighbour.peer,
            is_tls: held.neighbour.key.is_some(),
            dialled: held.dialled,
            since: held.end.since,
            waiting: held.end.queue.waiting(),
        };
        NetworkStatus {
            counters: *self.overlay.counters(),
            neighbours: self.links.values().map(neighbour).collect(),
        }
    }

    fn unreachable(&self) -> Vec<Unreachable> {
        let is_meant = |peer: &PeerStatus| peer.known && !peer.linked && peer.failures > 0;
        let peers = self.overlay.peers().into_iter().filter(is_meant);
        let why = |name: &Arc<str>| self.failures.get(name).cloned().unwrap_or_default();
        peers.map(|peer| Unreachable { name: peer.name.to_string(), why: why(&peer.name) }).collect()
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        log::error!("a link's thread ended by a bug in this program");
    }
}
