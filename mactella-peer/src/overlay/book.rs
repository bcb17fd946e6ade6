//! The peer list: known peers, which are dialled again and again until they are linked, and learned addresses,
//! which are dialled only to replace a lost link, and not often.
//!
//! What a neighbour says of others is hearsay: an address that nobody was reached at never displaces one where
//! somebody was.

use super::link::Link;
use super::{Action, Moment, Neighbour, PeerId};
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use wire::key::PublicKey;

/// Peers that a user named. Exceeded: not kept.
const KNOWN_MAX: usize = 256;
/// Addresses that others told of. Exceeded: one where dialling failed makes room, else the new one is not kept.
const LEARNED_MAX: usize = 1000;
/// The pause before a known peer is dialled again, doubled each time up to the last.
const BACK_OFF_FIRST: Duration = Duration::from_millis(500);
const BACK_OFF_LAST: Duration = Duration::from_secs(60);
/// Between two attempts to replace lost links by learned addresses.
const REPLACEMENT_INTERVAL: Duration = Duration::from_secs(10);
/// Lost links that are replaced at the same time. Exceeded: the rest is not replaced.
const LOST_MAX: u32 = 8;
/// Between two hurries, so that a user who searches all the time does not make this peer dial all the time.
const HURRY_INTERVAL: Duration = Duration::from_secs(1);

/// One line of the peer list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// How it is dialled, or where its neighbour reaches it.
    pub name: Arc<str>,
    /// The address behind the name, where it is known.
    pub address: Option<SocketAddr>,
    /// Whether a user named it.
    pub known: bool,
    /// Whether others told of it.
    pub learned: bool,
    /// Whether a link to it stands.
    pub linked: bool,
    /// Whether somebody was ever reached there.
    pub reached: bool,
    /// Attempts since then that reached nobody.
    pub failures: u32,
    /// Whether it is being dialled now.
    pub dialling: bool,
}

/// A peer as a user names it.
pub(super) struct Named {
    pub(super) name: Arc<str>,
    pub(super) address: Option<SocketAddr>,
    pub(super) key: Option<PublicKey>,
}

#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    address: Option<SocketAddr>,
    /// Whose key must answer under that name, where it says so.
    key: Option<PublicKey>,
    known: bool,
    /// Who was reached there last, in this run.
    peer: Option<PeerId>,
    reached: bool,
    failures: u32,
    dialling: bool,
    is_ourselves: bool,
    /// Not dialled by itself before.
    not_before: Moment,
}

/// All addresses of other peers.
#[derive(Debug)]
pub(super) struct Book {
    own: Vec<SocketAddr>,
    entries: Vec<Entry>,
    changes: u64,
    lost: u32,
    replace_not_before: Moment,
    hurry_not_before: Moment,
    random: u64,
}

impl Book {
    pub(super) fn new(own: Vec<SocketAddr>, seed: u64) -> Self {
        Self {
            own,
            entries: Vec::new(),
            changes: 0,
            lost: 0,
            replace_not_before: Moment::default(),
            hurry_not_before: Moment::default(),
            random: seed | 1,
        }
    }

    /// A user named this peer; a name with a key takes the place of one without, and never the other way.
    pub(super) fn know(&mut self, named: Named, now: Moment) {
        let Named { name, address, key } = named;
        if address.is_some_and(|address| self.own.contains(&address)) {
            return;
        }
        self.changes += 1;
        let same = |entry: &&mut Entry| entry.name == name || (address.is_some() && entry.address == address);
        if let Some(entry) = self.entries.iter_mut().find(same) {
            entry.known = true;
            entry.not_before = now;
            entry.take_name(name, key);
        } else if self.entries.iter().filter(|entry| entry.known).count() < KNOWN_MAX {
            self.entries.push(Entry { key, ..Entry::new(name, address, true, now) });
        }
    }

    /// Somebody told of this address; whether it is new in the list.
    pub(super) fn learn(&mut self, address: SocketAddr, was_reached: bool) -> bool {
        if !is_dialable(address)
            || self.own.contains(&address)
            || self.entries.iter().any(|entry| entry.address == Some(address))
        {
            return false;
        }
        if self.entries.iter().filter(|entry| !entry.known).count() >= LEARNED_MAX {
            let failed =
                |entry: &Entry| !entry.known && !entry.reached && !entry.dialling && entry.failures > 0;
            let Some(place) = self.entries.iter().position(failed) else { return false };
            self.entries.remove(place);
        }
        self.changes += 1;
        let mut entry = Entry::new(address.to_string().into(), Some(address), false, Moment::default());
        entry.reached = was_reached;
        self.entries.push(entry);
        true
    }

    /// Somebody was reached under that name.
    pub(super) fn reached(&mut self, name: &str, neighbour: Neighbour, now: Moment) {
        self.changes += 1;
        if let Some(entry) = self.named(name) {
            entry.address = Some(neighbour.address);
            entry.peer = Some(neighbour.peer);
            entry.reached = true;
            entry.failures = 0;
            entry.dialling = false;
            entry.not_before = now;
        }
    }

    /// A link to that peer opened, whoever dialled: the entry that it listens at is its own, even if it is known
    /// by another address later.
    pub(super) fn met(&mut self, neighbour: Neighbour) {
        let same = |entry: &&mut Entry| entry.address == Some(neighbour.address);
        if let Some(entry) = self.entries.iter_mut().find(same) {
            entry.peer = Some(neighbour.peer);
        }
    }

    /// Whoever answers under that name is this peer itself: never dialled again.
    pub(super) fn is_ourselves(&mut self, name: &str) {
        if let Some(entry) = self.named(name) {
            entry.dialling = false;
            entry.is_ourselves = true;
        }
        self.entries.retain(|entry| entry.known || !entry.is_ourselves);
    }

    /// Nobody was reached under that name.
    pub(super) fn dial_failed(&mut self, name: &str, now: Moment) {
        let spread = self.spread();
        if let Some(entry) = self.named(name) {
            entry.dialling = false;
            entry.failures = entry.failures.saturating_add(1);
            entry.not_before = now.after(back_off(entry.failures).mul_f64(spread));
        }
    }

    /// A link to that peer is gone: it is dialled again if it is known, and soon replaced if not.
    pub(super) fn lost(&mut self, peer: PeerId, now: Moment) {
        let pause = BACK_OFF_FIRST.mul_f64(self.spread());
        for entry in self.entries.iter_mut().filter(|entry| entry.peer == Some(peer)) {
            entry.not_before = now.after(pause);
        }
        self.lost = (self.lost + 1).min(LOST_MAX);
        self.replace_not_before = self.replace_not_before.max(now.after(REPLACEMENT_INTERVAL));
    }

    /// A link opened: one less to replace.
    pub(super) fn gained(&mut self) {
        self.lost = self.lost.saturating_sub(1);
    }

    /// Known peers are dialled now.
    pub(super) fn hurry(&mut self, now: Moment) {
        if now < self.hurry_not_before {
            return;
        }
        self.hurry_not_before = now.after(HURRY_INTERVAL);
        self.entries.iter_mut().filter(|entry| entry.known).for_each(|entry| entry.not_before = now);
    }

    /// Forgets what others told of.
    pub(super) fn reset(&mut self) {
        self.changes += 1;
        self.entries.retain(|entry| entry.known);
    }

    /// Dials what is due.
    pub(super) fn due(&mut self, now: Moment, links: &[Link], actions: &mut Vec<Action>) {
        // The usual case first: this runs after every input.
        if self.entries.is_empty() {
            return;
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.known && entry.may_be_dialled(links)) {
            if entry.not_before <= now {
                actions.push(entry.dial());
            }
        }
        if self.lost > 0 && self.replace_not_before <= now {
            self.replace_not_before = now.after(REPLACEMENT_INTERVAL);
            let candidate = self.entries.iter_mut().filter(|entry| entry.is_replacement(links, now));
            // Whoever failed least comes first, and of those one where somebody was reached.
            if let Some(entry) = candidate.min_by_key(|entry| (entry.failures, !entry.reached)) {
                actions.push(entry.dial());
            }
        }
    }

    pub(super) fn next_moment(&self, links: &[Link]) -> Option<Moment> {
        let known = self.entries.iter().filter(|entry| entry.known && entry.may_be_dialled(links));
        let dial = known.map(|entry| entry.not_before).min();
        let learned = self.entries.iter().filter(|entry| !entry.known && entry.may_be_dialled(links));
        let replacement = learned.map(|entry| entry.not_before.max(self.replace_not_before)).min();
        let replacement = replacement.filter(|_| self.lost > 0);
        dial.into_iter().chain(replacement).min()
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn is_linked(&self, name: &str, links: &[Link]) -> bool {
        self.entries.iter().any(|entry| &*entry.name == name && entry.is_linked(links))
    }

    pub(super) fn peers(&self, links: &[Link]) -> Vec<PeerStatus> {
        let listed = self.entries.iter().filter(|entry| !entry.is_ourselves).map(|entry| entry.status(links));
        let is_listed = |link: &&Link| self.entries.iter().any(|entry| entry.is_of(link));
        let others = links.iter().filter(|link| !is_listed(link)).map(|link| PeerStatus {
            name: link.address.to_string().into(),
            address: Some(link.address),
            known: false,
            learned: false,
            linked: true,
            reached: link.is_dialled_by_us,
            failures: 0,
            dialling: false,
        });
        listed.chain(others).collect()
    }

    fn named(&mut self, name: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| &*entry.name == name)
    }

    /// A factor from 0.75 to 1.25, so that peers that lost each other at once do not dial all at once.
    fn spread(&mut self) -> f64 {
        // xorshift64, Marsaglia 2003: https://doi.org/10.18637/jss.v008.i14
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let part = u16::try_from(self.random >> 48).unwrap_or(0);
        0.75 + 0.5 * f64::from(part) / f64::from(u16::MAX)
    }
}

impl Entry {
    fn new(name: Arc<str>, address: Option<SocketAddr>, known: bool, not_before: Moment) -> Self {
        let (peer, reached, failures, dialling, is_ourselves) = (None, false, 0, false, false);
        let key = None;
        Self { name, address, key, known, peer, reached, failures, dialling, is_ourselves, not_before }
    }

    fn take_name(&mut self, name: Arc<str>, key: Option<PublicKey>) {
        if key.is_some() && key != self.key {
            // Whoever is being dialled by the old name is nobody's entry any more.
            (self.name, self.key, self.dialling, self.peer) = (name, key, false, None);
        }
    }

    fn dial(&mut self) -> Action {
        self.dialling = true;
        Action::Dial { name: Arc::clone(&self.name) }
    }

    fn is_of(&self, link: &Link) -> bool {
        match self.key {
            Some(_) => self.key == link.key,
            None => self.peer == Some(link.peer) || self.address == Some(link.address),
        }
    }

    fn is_linked(&self, links: &[Link]) -> bool {
        links.iter().any(|link| self.is_of(link))
    }

    fn may_be_dialled(&self, links: &[Link]) -> bool {
        !self.dialling && !self.is_ourselves && !self.is_linked(links)
    }

    fn is_replacement(&self, links: &[Link], now: Moment) -> bool {
        !self.known && self.not_before <= now && self.may_be_dialled(links)
    }

    fn status(&self, links: &[Link]) -> PeerStatus {
        PeerStatus {
            name: Arc::clone(&self.name),
            address: self.address,
            known: self.known,
            learned: !self.known,
            linked: self.is_linked(links),
            reached: self.reached,
            failures: self.failures,
            dialling: self.dialling,
        }
    }
}

/// Whether that can be the address of a peer at all: one host, and a port.
pub(super) fn is_dialable(address: SocketAddr) -> bool {
    let is_host = match address {
        SocketAddr::V4(address) => !address.ip().is_broadcast(),
        // One form for each address; and a scope means something on one machine alone.
        SocketAddr::V6(address) => address.ip().to_ipv4_mapped().is_none() && address.scope_id() == 0,
    };
    is_host && address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

/// The pause after so many failures.
fn back_off(failures: u32) -> Duration {
    BACK_OFF_FIRST.saturating_mul(1u32 << failures.saturating_sub(1).min(16)).min(BACK_OFF_LAST)
}
