//! What waits for one neighbour: a bounded queue, in which results push out searches, never the other way round.
//!
//! A search that is lost costs one path of many; a result that is lost was found in vain. Must not know how
//! anything is sent.

use std::collections::VecDeque;
use std::sync::Arc;
use wire::message::LinkMessage;

/// Messages that wait for one neighbour. Exceeded: a search is dropped, a result only where no search is left.
pub const OUTBOX_MESSAGES_MAX: usize = 1024;
/// What they may take on the wire, in bytes: with all links at their limit, what a small machine can hold.
pub const OUTBOX_BYTES_MAX: usize = 2 << 20;

/// How many messages were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Searches and discovers.
    pub floods: u32,
    /// Results of either.
    pub results: u32,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Waiting>,
    byte_count: usize,
}

#[derive(Debug)]
struct Waiting {
    message: Arc<LinkMessage>,
    byte_count: usize,
}

impl Outbox {
    /// Adds a message that takes so many bytes; tells what had to be dropped, which may be itself.
    pub fn push(&mut self, message: Arc<LinkMessage>, byte_count: usize) -> Dropped {
        let mut dropped = Dropped::default();
        let is_result = is_result(&message);
        while !self.has_room(byte_count) {
            if is_result && self.drop_oldest_flood(&mut dropped) {
                continue;
            }
            dropped.count(&message);
            return dropped;
        }
        self.byte_count += byte_count;
        self.waiting.push_back(Waiting { message, byte_count });
        dropped
    }

    /// Takes the message that waited longest.
    pub fn pop(&mut self) -> Option<Arc<LinkMessage>> {
        let first = self.waiting.pop_front()?;
        self.byte_count -= first.byte_count;
        Some(first.message)
    }

    /// Messages that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn has_room(&self, byte_count: usize) -> bool {
        self.waiting.len() < OUTBOX_MESSAGES_MAX && self.byte_count + byte_count <= OUTBOX_BYTES_MAX
    }

    fn drop_oldest_flood(&mut self, dropped: &mut Dropped) -> bool {
        let oldest = self.waiting.iter().position(|waiting| !is_result(&waiting.message));
        let Some(flood) = oldest.and_then(|place| self.waiting.remove(place)) else { return false };
        self.byte_count -= flood.byte_count;
        dropped.count(&flood.message);
        true
    }
}

impl Dropped {
    fn count(&mut self, message: &LinkMessage) {
        match message {
            LinkMessage::Search(_) | LinkMessage::Discover(_) => self.floods += 1,
            LinkMessage::SearchResult(_) | LinkMessage::DiscoverResult(_) => self.results += 1,
            LinkMessage::Ping(_) | LinkMessage::Refused(_) => {}
        }
    }
}

fn is_result(message: &LinkMessage) -> bool {
    matches!(message, LinkMessage::SearchResult(_) | LinkMessage::DiscoverResult(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::message::FloodId;
    use wire::message::link::{Discover, DiscoverResult};

    fn flood(number: usize) -> Arc<LinkMessage> {
        let discover_id = FloodId(number as u128);
        Arc::new(LinkMessage::Discover(Discover { discover_id, ttl: 1, hops: 0 }))
    }

    fn result(number: usize) -> Arc<LinkMessage> {
        let discover_id = FloodId(number as u128);
        Arc::new(LinkMessage::DiscoverResult(DiscoverResult {
            discover_id,
            hops: 0,
            address: None,
            key: None,
        }))
    }

    #[test]
    fn messages_leave_in_the_order_in_which_they_came() {
        let mut outbox = Outbox::default();
        for message in [flood(1), result(2), flood(3)] {
            assert_eq!(outbox.push(message, 10), Dropped::default());
        }
        let left: Vec<_> = std::iter::from_fn(|| outbox.pop()).collect();
        assert_eq!(left, [flood(1), result(2), flood(3)]);
        assert!(outbox.is_empty() && outbox.byte_count == 0);
    }

    #[test]
    fn at_the_limit_a_search_is_dropped_and_a_result_pushes_the_oldest_search_out() {
        let mut outbox = Outbox::default();
        outbox.push(result(0), 1);
        (1..OUTBOX_MESSAGES_MAX)
            .for_each(|number| assert_eq!(outbox.push(flood(number), 1), Dropped::default()));
        assert_eq!(outbox.push(flood(9), 1), Dropped { floods: 1, results: 0 });
        assert_eq!(outbox.push(result(9), 1), Dropped { floods: 1, results: 0 });
        assert_eq!(
            (outbox.len(), outbox.pop(), outbox.pop()),
            (OUTBOX_MESSAGES_MAX, Some(result(0)), Some(flood(2)))
        );
    }

    #[test]
    fn results_alone_are_never_pushed_out() {
        let mut outbox = Outbox::default();
        (0..OUTBOX_MESSAGES_MAX)
            .for_each(|number| assert_eq!(outbox.push(result(number), 1), Dropped::default()));
        assert_eq!(outbox.push(result(9999), 1), Dropped { floods: 0, results: 1 });
        assert_eq!(outbox.pop(), Some(result(0)));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.push(flood(1), OUTBOX_BYTES_MAX), Dropped::default());
        assert_eq!(outbox.push(flood(2), 1), Dropped { floods: 1, results: 0 });
        assert_eq!(outbox.push(result(3), OUTBOX_BYTES_MAX), Dropped { floods: 1, results: 0 });
        assert_eq!(outbox.push(result(4), 1), Dropped { floods: 0, results: 1 });
    }
}
