//! One link as the overlay sees it. Must not know what is sent over it.

use super::budget::{Budget, Rate};
use super::{LinkId, Moment, Neighbour, PeerId};
use core::net::SocketAddr;
use wire::key::PublicKey;
use wire::limits::{
    FLOODS_AT_ONCE_MAX, FLOODS_PER_SECOND_MAX, FLOODS_REMEMBERED_MAX, RESULTS_AT_ONCE_MAX,
    RESULTS_PER_SECOND_MAX,
};

const FLOODS: Rate = Rate::new(FLOODS_AT_ONCE_MAX, FLOODS_PER_SECOND_MAX);
const RESULTS: Rate = Rate::new(RESULTS_AT_ONCE_MAX, RESULTS_PER_SECOND_MAX);

/// Half of what a neighbour takes from us: one is whoever's comes first, the other is divided.
pub(super) const HALF: Rate = Rate::new(FLOODS_AT_ONCE_MAX / 2, FLOODS_PER_SECOND_MAX / 2);

/// A link that stands.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    /// Its place among all links that ever opened here, from 1.
    pub(super) number: u32,
    pub(super) peer: PeerId,
    /// What is written into the results of this neighbour, beside its address.
    pub(super) key: Option<PublicKey>,
    pub(super) is_dialled_by_us: bool,
    /// What is written into the results of this neighbour.
    pub(super) address: SocketAddr,
    /// Its searches and discovers in the current generation of the memory.
    pub(super) remembered: u32,
    floods: Budget,
    results: Budget,
    /// Its part of what this peer may send on.
    pub(super) portion: Budget,
}

impl Link {
    pub(super) fn new(id: LinkId, number: u32, neighbour: Neighbour, now: Moment) -> Self {
        Self {
            id,
            number,
            peer: neighbour.peer,
            key: neighbour.key,
            is_dialled_by_us: false,
            address: neighbour.address,
            remembered: 0,
            floods: Budget::full(now, FLOODS),
            results: Budget::full(now, RESULTS),
            portion: Budget::full(now, HALF),
        }
    }

    /// Whether the neighbour may send one more search or discover now.
    pub(super) fn may_flood(&mut self, now: Moment) -> bool {
        self.floods.take(now, FLOODS)
    }

    /// Whether one more of its searches and discovers may be remembered.
    pub(super) fn may_be_remembered(&mut self) -> bool {
        let may = self.remembered < FLOODS_REMEMBERED_MAX;
        self.remembered += u32::from(may);
        may
    }

    /// Whether the neighbour may send one more result now.
    pub(super) fn may_answer(&mut self, now: Moment) -> bool {
        self.results.take(now, RESULTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_floods_are_remembered_as_the_limit_says_and_not_one_more() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let neighbour = Neighbour { peer: PeerId(1), key: None, address, advertise: None };
        let mut link = Link::new(LinkId(1), 1, neighbour, Moment(0));
        assert!((0..FLOODS_REMEMBERED_MAX).all(|_| link.may_be_remembered()));
        assert!(!link.may_be_remembered());
    }
}
