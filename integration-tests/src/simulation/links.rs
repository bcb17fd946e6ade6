//! All links that ever were, with both ends. Must not know what peers do about them.

use mactella_peer::overlay::LinkId;
use std::ops::{Index, IndexMut};

/// How far one end of a link has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its peer dialled and waits for the answer.
    Dialling,
    /// The `hello` has not arrived yet.
    Awaited,
    /// It stands, as this end sees it.
    Open,
    /// This end is done with it.
    Gone,
}

/// One end of a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) node: u32,
    /// The last turn in which a flood was sent over it.
    pub(super) flooded: u32,
    /// Milliseconds to the other end.
    pub(super) latency: u32,
    pub(super) state: State,
    /// Nothing arrives any more but the news that it broke.
    pub(super) is_cut: bool,
}

/// The ends; the two of one link stand side by side, and each has an id of its own.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<End>);

impl Links {
    pub(super) fn with_capacity(links: usize) -> Self {
        Self(Vec::with_capacity(2 * links))
    }

    /// A new link between two peers; the first dials.
    pub(super) fn add(&mut self, nodes: (u32, u32), latency: u32, states: (State, State)) -> LinkId {
        let id = LinkId(u32::try_from(self.0.len()).unwrap());
        let end = |node, state| End { node, flooded: 0, latency, state, is_cut: false };
        self.0.extend([end(nodes.0, states.0), end(nodes.1, states.1)]);
        id
    }

    /// The first ends of all links that are of use to either end.
    pub(super) fn standing(&self) -> impl Iterator<Item = LinkId> {
        let ids = (0..self.0.len()).step_by(2).map(|place| LinkId(u32::try_from(place).unwrap()));
        ids.filter(|id| !self[*id].is_cut && self.is_used(*id))
    }

    /// A link that stands at one end only, while nothing of it is under way.
    pub(super) fn half_open(&self) -> Option<LinkId> {
        let is_half =
            |id: &LinkId| (self[*id].state == State::Open) != (self[other(*id)].state == State::Open);
        self.standing().find(is_half)
    }

    /// The ends of a peer that are of use to it.
    pub(super) fn of(&self, node: u32) -> Vec<LinkId> {
        let used = self.0.iter().enumerate().filter(|(_, end)| end.node == node && end.state != State::Gone);
        used.map(|(place, _)| LinkId(u32::try_from(place).unwrap())).collect()
    }

    fn is_used(&self, id: LinkId) -> bool {
        self[id].state != State::Gone || self[other(id)].state != State::Gone
    }
}

/// The other end of the same link.
pub(super) fn other(id: LinkId) -> LinkId {
    LinkId(id.0 ^ 1)
}

impl Index<LinkId> for Links {
    type Output = End;

    fn index(&self, id: LinkId) -> &End {
        &self.0[id.0 as usize]
    }
}

impl IndexMut<LinkId> for Links {
    fn index_mut(&mut self, id: LinkId) -> &mut End {
        &mut self.0[id.0 as usize]
    }
}
