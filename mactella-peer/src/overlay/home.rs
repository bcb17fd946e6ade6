//! Results on their way home: only from a link that was asked, only to the link that asked.
//!
//! The owner's neighbour writes the owner's address and the key that it has proven; further on they are passed as they are.

use super::book::is_dialable;
use super::memory::Source;
use super::{Action, LinkId, Overlay, Turn};
use core::net::SocketAddr;
use wire::codec::encoded_len;
use wire::key::PublicKey;
use wire::limits::{RESULT_BYTES_MAX, SEARCH_FILES_MAX, TTL_MAX};
use wire::message::link::{DiscoverResult, SearchResult};
use wire::message::{FloodId, LinkMessage};

/// What both sorts of results say of themselves.
struct Arrived {
    id: FloodId,
    hops: u8,
    address: Option<SocketAddr>,
    key: Option<PublicKey>,
    /// How many files or peers it brings.
    brought: usize,
    /// Whether it says nothing impossible about them.
    is_sound: bool,
}

/// A result that may go home.
struct Homeward {
    to: Source,
    address: SocketAddr,
    key: Option<PublicKey>,
    /// Links that it has crossed, with the last one.
    hops: u8,
    /// How many of its files may go on.
    allowed: usize,
}

impl Overlay {
    pub(super) fn search_result_received(
        &mut self,
        turn: &mut Turn<'_>,
        place: usize,
        mut result: SearchResult,
    ) {
        let (id, brought) = (result.search_id, result.files.len());
        let is_sound = brought > 0 && brought <= SEARCH_FILES_MAX && encoded_len(&result) <= RESULT_BYTES_MAX;
        let arrived =
            Arrived { id, hops: result.hops, address: result.address, key: result.key, brought, is_sound };
        let Some(homeward) = self.homeward(turn, place, &arrived) else { return };
        result.files.truncate(homeward.allowed);
        let Homeward { address, key, hops, .. } = homeward;
        match homeward.to {
            Source::Own => turn.actions.push(Action::Found { id, address, key, hops, files: result.files }),
            Source::Link(link) => {
                let onward = SearchResult { address: Some(address), key, hops, ..result };
                self.send_home(turn, link, LinkMessage::SearchResult(onward));
            }
        }
    }

    pub(super) fn discover_result_received(
        &mut self,
        turn: &mut Turn<'_>,
        place: usize,
        result: &DiscoverResult,
    ) {
        let id = result.discover_id;
        let (hops, address, key) = (result.hops, result.address, result.key);
        let arrived = Arrived { id, hops, address, key, brought: 1, is_sound: true };
        let Some(Homeward { to, address, key, hops, .. }) = self.homeward(turn, place, &arrived) else {
            return;
        };
        match to {
            Source::Own => {
                let is_neighbour = self.links.iter().any(|link| link.address == address);
                let added = !is_neighbour && self.book.learn(address, false);
                turn.actions.push(Action::Discovered { id, address, key, hops, added });
            }
            Source::Link(link) => {
                let onward = DiscoverResult { discover_id: id, address: Some(address), key, hops };
                self.send_home(turn, link, LinkMessage::DiscoverResult(onward));
            }
        }
    }

    /// Checks a result from the link at `place`, and counts it where it goes no further.
    fn homeward(&mut self, turn: &Turn<'_>, place: usize, arrived: &Arrived) -> Option<Homeward> {
        self.counters.messages_received += 1;
        let Arrived { id, hops, brought, .. } = *arrived;
        let link = self.links.get_mut(place)?;
        if !link.may_answer(turn.now) {
            self.counters.over_budget_dropped += 1;
            return None;
        }
        let route = self.memory.route(id).filter(|route| route.was_sent_to(link.id, link.number));
        let Some(route) = route else {
            self.counters.unasked_dropped += 1;
            return None;
        };
        // Of itself an owner says nothing that counts: its address and its key are what this end has seen.
        let told = arrived.address.filter(|address| is_dialable(*address));
        let (address, key) = if hops == 0 { (Some(link.address), link.key) } else { (told, arrived.key) };
        // One that comes home has crossed every link that its search may cross, at most; before that, fewer.
        let hops_max = if route.source() == Source::Own { TTL_MAX } else { TTL_MAX - 1 };
        let Some(address) = address.filter(|_| arrived.is_sound && hops < hops_max) else {
            self.counters.malformed_dropped += 1;
            return None;
        };
        let allowed = self.memory.bring_home(id, link.id, brought);
        self.counters.surplus_dropped += (brought - allowed) as u64;
        (allowed > 0).then_some(Homeward { to: route.source(), address, key, hops: hops + 1, allowed })
    }

    /// Sends a result on; its source may have left meanwhile.
    fn send_home(&mut self, turn: &mut Turn<'_>, link: LinkId, message: LinkMessage) {
        if self.place(link).is_some() {
            self.send(turn, link, message);
        } else {
            self.counters.unasked_dropped += 1;
        }
    }
}
