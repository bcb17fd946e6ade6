//! Floods of others on their way to the links: each is held for a moment, so that the copy over fewer links comes first.
//!
//! All are held for the same time, so they become due in the order in which they came. Must not know what is asked.

use crate::overlay::{Dropped, LinkId};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use wire::limits::FLOOD_HOLD_TIME;
use wire::message::LinkMessage;

/// Copies that are held at once: what all neighbours may flood in that time, to a hundred links. Exceeded: dropped.
const HELD_MAX: usize = 1 << 17;

/// The copies that are held now.
#[derive(Default)]
pub(super) struct HeldFloods(VecDeque<HeldFlood>);

struct HeldFlood {
    due: Instant,
    link: LinkId,
    message: Arc<LinkMessage>,
}

impl HeldFloods {
    /// Holds a copy; tells what was dropped instead.
    pub(super) fn push(&mut self, link: LinkId, message: Arc<LinkMessage>) -> Option<Dropped> {
        if self.0.len() >= HELD_MAX {
            return Some(Dropped { floods: 1, results: 0 });
        }
        self.0.push_back(HeldFlood { due: Instant::now() + FLOOD_HOLD_TIME, link, message });
        None
    }

    /// The next copy whose time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(LinkId, Arc<LinkMessage>)> {
        let is_due = self.0.front().is_some_and(|flood| flood.due <= now);
        let flood = if is_due { self.0.pop_front() } else { None };
        flood.map(|flood| (flood.link, flood.message))
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.front().map(|flood| flood.due)
    }
}

/// Whether the message is a flood that began elsewhere.
pub(super) fn is_passed_on(message: &LinkMessage) -> bool {
    match message {
        LinkMessage::Search(search) => search.hops > 0,
        LinkMessage::Discover(discover) => discover.hops > 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::message::FloodId;
    use wire::message::link::Discover;

    fn flood(hops: u8) -> Arc<LinkMessage> {
        Arc::new(LinkMessage::Discover(Discover { discover_id: FloodId(1), ttl: 1, hops }))
    }

    #[test]
    fn a_copy_comes_out_when_its_time_has_come_and_not_before() {
        let mut held = HeldFloods::default();
        assert!(held.push(LinkId(1), flood(1)).is_none() && held.push(LinkId(2), flood(1)).is_none());
        let due = held.next_due().unwrap();
        assert!(held.pop_due(due - FLOOD_HOLD_TIME / 2).is_none());
        let later = Instant::now() + FLOOD_HOLD_TIME;
        let links = [held.pop_due(later), held.pop_due(later)].map(|copy| copy.unwrap().0);
        assert_eq!((links, held.next_due()), ([LinkId(1), LinkId(2)], None));
    }

    #[test]
    fn one_copy_more_than_the_limit_is_dropped() {
        let mut held = HeldFloods::default();
        let message = flood(1);
        let kept = (0..HELD_MAX).filter(|_| held.push(LinkId(1), Arc::clone(&message)).is_none()).count();
        assert_eq!(kept, HELD_MAX);
        assert_eq!(held.push(LinkId(1), message), Some(Dropped { floods: 1, results: 0 }));
    }

    #[test]
    fn ones_own_floods_are_not_held() {
        assert!(is_passed_on(&flood(1)) && !is_passed_on(&flood(0)));
    }
}
