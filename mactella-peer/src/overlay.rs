//! The mesh as one pure state machine: what a peer does about every message, link and moment.
//!
//! [`Overlay::handle`] takes one input and gives the actions that follow. It knows no socket, file, thread, clock
//! or random source: links are opaque ids, time and random numbers come in as arguments. The daemon drives it
//! with real links, the simulator with a heap of events; both run this code.
//!
//! The contract: every id of a link is used once; a link's inputs come in the order in which they happened; each
//! action is carried out or, where it cannot be, answered by an input that says so.

mod neighbours;
mod flood;
mod home;
mod book;
mod memory;
mod portion;
mod link;
mod budget;
mod counters;
mod outbox;
mod contract;

pub use book::PeerStatus;
pub use contract::{Action, CloseReason, Index, Input, LinkId, Moment, Neighbour, PeerId, Wanted};
pub use counters::Counters;
pub use outbox::{Dropped, OUTBOX_BYTES_MAX, OUTBOX_MESSAGES_MAX, Outbox};

use book::{Book, Named};
use budget::Budget;
use core::net::SocketAddr;
use link::Link;
use memory::Memory;
use neighbours::VERIFICATIONS;
use portion::Portions;
use std::sync::Arc;
use wire::message::LinkMessage;

/// What a peer is told of itself when it starts.
#[derive(Debug, Clone)]
pub struct Own {
    /// Its id.
    pub peer: PeerId,
    /// Where others reach it: never added to its list.
    pub addresses: Vec<SocketAddr>,
    /// Links at once; one more is refused as busy.
    pub links_max: usize,
    /// Where its random numbers begin: they spread repeated dialling.
    pub seed: u64,
}

/// One peer's part of the mesh.
#[derive(Debug)]
pub struct Overlay {
    own: PeerId,
    links_max: usize,
    links: Vec<Link>,
    /// Links that ever opened: tells which were there when a search passed.
    link_number: u32,
    memory: Memory,
    portions: Portions,
    verifications: Budget,
    book: Book,
    counters: Counters,
}

impl Overlay {
    /// A peer without links.
    #[must_use]
    pub fn new(own: Own) -> Self {
        Self {
            own: own.peer,
            links_max: own.links_max,
            links: Vec::new(),
            link_number: 0,
            memory: Memory::default(),
            portions: Portions::default(),
            verifications: Budget::full(Moment::default(), VERIFICATIONS),
            book: Book::new(own.addresses, own.seed),
            counters: Counters::default(),
        }
    }

    /// Takes one input; what it gives is to be done in that order.
    pub fn handle(&mut self, now: Moment, input: Input, index: &dyn Index) -> Vec<Action> {
        self.age(now);
        let mut turn = Turn { now, index, actions: Vec::new() };
        match input {
            Input::Received { link, message } => self.received(&mut turn, link, message),
            Input::Dropped { dropped } => self.counters.take_back(dropped),
            Input::Search { id, wanted, ttl } => self.search(&mut turn, id, wanted, ttl),
            Input::Discover { id, ttl } => self.discover(&mut turn, id, ttl),
            Input::Hello { link, neighbour } => self.hello(&mut turn, link, neighbour),
            Input::Opened { link, name, neighbour } => self.opened(&mut turn, link, &name, neighbour),
            Input::Closed { link } => self.closed(now, link),
            Input::DialFailed { name } => self.book.dial_failed(&name, now),
            Input::Verified { link, address } => self.verified(link, address),
            Input::Know { name, address, key } => self.book.know(Named { name, address, key }, now),
            Input::Learn { address, reached } => {
                self.book.learn(address, reached);
            }
            Input::Hurry => self.book.hurry(now),
            Input::Reset => self.book.reset(),
            Input::Time => {}
        }
        if self.links.len() < self.links_max {
            self.book.due(now, &self.links, &mut turn.actions);
        }
        turn.actions
    }

    /// When [`Input::Time`] is wanted next, if nothing comes before.
    #[must_use]
    pub fn next_moment(&self) -> Option<Moment> {
        let has_room = self.links.len() < self.links_max;
        self.book.next_moment(&self.links).filter(|_| has_room)
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Links that stand.
    #[must_use]
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// Whether a link to the peer of that name stands.
    #[must_use]
    pub fn is_linked(&self, name: &str) -> bool {
        self.book.is_linked(name, &self.links)
    }

    /// The peer list: known, learned, linked.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.book.peers(&self.links)
    }

    /// How often the peer list has changed in a way that outlives this run.
    #[must_use]
    pub fn list_changes(&self) -> u64 {
        self.book.changes()
    }

    /// Searches and discovers that are remembered now.
    #[must_use]
    pub fn remembered_count(&self) -> usize {
        self.memory.len()
    }

    fn received(&mut self, turn: &mut Turn<'_>, link: LinkId, message: LinkMessage) {
        // What arrives on a link that was closed meanwhile is nobody's any more.
        let Some(place) = self.place(link) else { return };
        match message {
            LinkMessage::Search(search) => self.search_received(turn, place, search),
            LinkMessage::Discover(discover) => self.discover_received(turn, place, &discover),
            LinkMessage::SearchResult(result) => self.search_result_received(turn, place, result),
            LinkMessage::DiscoverResult(result) => self.discover_result_received(turn, place, &result),
            LinkMessage::Ping(_) | LinkMessage::Refused(_) => {}
        }
    }

    fn send(&mut self, turn: &mut Turn<'_>, link: LinkId, message: LinkMessage) {
        self.counters.messages_sent += 1;
        turn.actions.push(Action::Send { link, message: Arc::new(message) });
    }

    fn place(&self, link: LinkId) -> Option<usize> {
        self.links.iter().position(|held| held.id == link)
    }

    fn age(&mut self, now: Moment) {
        if self.memory.age(now) {
            self.links.iter_mut().for_each(|link| link.remembered = 0);
        }
    }
}

/// What is known while one input is handled, and what follows from it.
struct Turn<'a> {
    now: Moment,
    index: &'a dyn Index,
    actions: Vec<Action>,
}

#[cfg(test)]
mod tests;
