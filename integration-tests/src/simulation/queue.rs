//! What will happen, in the order in which it will: by millisecond, and within one as it was put there.
//!
//! A ring of buckets instead of a heap: nearly everything happens soon, so that putting in and taking out cost
//! the same however much is waiting. What is further away waits in an ordered map. Must not know what happens.

use std::collections::{BTreeMap, VecDeque};

/// Milliseconds that the ring spans; a power of two.
const SPAN: u64 = 1 << 11;

/// The queue; it owns the time.
#[derive(Debug)]
pub(super) struct Queue<E> {
    now: u64,
    current: VecDeque<E>,
    ring: Vec<VecDeque<E>>,
    /// Events in the ring.
    near: usize,
    far: BTreeMap<u64, VecDeque<E>>,
    /// Buckets that are not in use, so that no bucket keeps room for the largest crowd that it ever saw.
    spare: Vec<VecDeque<E>>,
}

impl<E> Queue<E> {
    pub(super) fn new() -> Self {
        Self {
            now: 0,
            current: VecDeque::new(),
            ring: (0..SPAN).map(|_| VecDeque::new()).collect(),
            near: 0,
            far: BTreeMap::new(),
            spare: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Lets something happen after so many milliseconds, at least one.
    pub(super) fn push(&mut self, after: u64, event: E) {
        let at = self.now + after.max(1);
        if at - self.now >= SPAN {
            return self.far.entry(at).or_default().push_back(event);
        }
        let bucket = &mut self.ring[slot(at)];
        if bucket.capacity() == 0
            && let Some(spare) = self.spare.pop()
        {
            *bucket = spare;
        }
        bucket.push_back(event);
        self.near += 1;
    }

    /// What happens next, if it happens before `end`; the time goes on to it.
    pub(super) fn pop(&mut self, end: u64) -> Option<E> {
        loop {
            if let Some(event) = self.current.pop_front() {
                return Some(event);
            }
            self.now = self.next().filter(|next| *next < end)?;
            // What waited far away was put there before the ring reached so far.
            let mut bucket = self.far.remove(&self.now).unwrap_or_default();
            let mut near = std::mem::take(&mut self.ring[slot(self.now)]);
            self.near -= near.len();
            bucket.append(&mut near);
            self.spare.push(near);
            self.spare.push(std::mem::replace(&mut self.current, bucket));
        }
    }

    /// What happens next, as far as it is of the same moment.
    pub(super) fn coming(&self) -> impl Iterator<Item = &E> {
        self.current.iter()
    }

    /// The moment of the first bucket that is not empty.
    fn next(&self) -> Option<u64> {
        let far = self.far.keys().next().copied();
        let near = (self.near > 0)
            .then(|| (self.now + 1..self.now + SPAN).find(|at| !self.ring[slot(*at)].is_empty()))
            .flatten();
        near.into_iter().chain(far).min()
    }
}

fn slot(at: u64) -> usize {
    usize::try_from(at % SPAN).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Dice;

    #[test]
    fn events_come_by_time_and_within_a_moment_as_they_were_put_there() {
        let mut queue = Queue::new();
        let mut dice = Dice::new("queue");
        let mut expected = Vec::new();
        for number in 0..2000_usize {
            let after = 1 + dice.below(10_000) as u64;
            queue.push(after, (after, number));
            expected.push((after, number));
        }
        expected.sort_unstable();
        let taken: Vec<_> = std::iter::from_fn(|| queue.pop(u64::MAX)).collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn what_was_put_far_away_comes_before_what_was_put_there_later() {
        let mut queue = Queue::new();
        queue.push(3 * SPAN, 1);
        queue.push(3 * SPAN - 5, 0);
        assert_eq!((queue.pop(u64::MAX), queue.now()), (Some(0), 3 * SPAN - 5));
        queue.push(5, 2);
        assert_eq!(queue.pop(3 * SPAN), None);
        assert_eq!([queue.pop(u64::MAX), queue.pop(u64::MAX), queue.pop(u64::MAX)], [Some(1), Some(2), None]);
    }
}
