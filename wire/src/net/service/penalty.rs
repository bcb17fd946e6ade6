//! How long an answer to a failed opening is held back: longer with each failure of an address, and soon forgotten.
//!
//! Pure: the time comes from outside. It must not know what failed, nor how it is waited.

use super::block::Block;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What follows a failure that is not the first, and doubles from there.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// Longer than this nobody waits.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Failures after which the wait grows no further.
const FAILURES_MAX: u32 = 7;
/// The time in which a wait fades by half.
const FADING_TIME: Duration = Duration::from_secs(30);
/// Addresses that are remembered. Exceeded: the one that failed longest ago is forgotten.
const BLOCKS_MAX: usize = 4096;

/// Who failed, and how often.
#[derive(Debug, Default)]
pub(super) struct Penalties(HashMap<Block, Failures>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Penalties {
    /// Notes a failure; how long its answer is to be held back.
    pub(super) fn fails(&mut self, block: Block, now: Instant) -> Duration {
        let count = self.0.get(&block).map_or(0, |failures| failures.faded(now));
        if !self.0.contains_key(&block) {
            self.make_room(now);
        }
        self.0.insert(block, Failures { count: (count + 1).min(FAILURES_MAX), last: now });
        wait_after(count)
    }

    fn make_room(&mut self, now: Instant) {
        if self.0.len() < BLOCKS_MAX {
            return;
        }
        self.0.retain(|_, failures| failures.faded(now) > 0);
        let longest_ago = self.0.iter().min_by_key(|(_, failures)| failures.last).map(|(block, _)| *block);
        if let (true, Some(block)) = (self.0.len() >= BLOCKS_MAX, longest_ago) {
            self.0.remove(&block);
        }
    }
}

impl Failures {
    /// One doubling less for each time in which a wait fades by half.
    fn faded(self, now: Instant) -> u32 {
        let halvings = now.saturating_duration_since(self.last).as_secs() / FADING_TIME.as_secs();
        self.count.saturating_sub(u32::try_from(halvings).unwrap_or(u32::MAX))
    }
}

fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => WAIT_FIRST.saturating_mul(1 << doublings.min(FAILURES_MAX)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(waits: impl IntoIterator<Item = Duration>) -> Vec<u128> {
        waits.into_iter().map(|wait| wait.as_millis()).collect()
    }

    fn failures(penalties: &mut Penalties, count: usize, now: Instant) -> Vec<u128> {
        millis((0..count).map(|_| penalties.fails(Block::numbered(1), now)))
    }

    #[test]
    fn each_failure_doubles_the_wait_up_to_five_seconds() {
        let waits = failures(&mut Penalties::default(), 10, Instant::now());
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }

    #[test]
    fn a_wait_fades_by_half_every_half_minute_until_nothing_is_left() {
        let start = Instant::now();
        for (seconds, wait) in
            [(29, 5000), (30, 3200), (59, 3200), (60, 1600), (180, 100), (210, 0), (9999, 0)]
        {
            let mut penalties = Penalties::default();
            failures(&mut penalties, 20, start);
            assert_eq!(
                failures(&mut penalties, 1, start + Duration::from_secs(seconds)),
                [wait],
                "{seconds} s"
            );
        }
    }

    #[test]
    fn failures_of_one_address_hold_back_no_other() {
        let (mut penalties, now) = (Penalties::default(), Instant::now());
        failures(&mut penalties, 20, now);
        assert_eq!(penalties.fails(Block::numbered(2), now), Duration::ZERO);
    }

    #[test]
    fn past_the_bound_the_one_that_failed_longest_ago_is_forgotten() {
        let (mut penalties, start) = (Penalties::default(), Instant::now());
        let count = u32::try_from(BLOCKS_MAX).unwrap();
        let at = |number: u32| start + Duration::from_millis(u64::from(number));
        for number in 0..count + 3 {
            assert_eq!(penalties.fails(Block::numbered(number), at(number)), Duration::ZERO);
            assert!(penalties.0.len() <= BLOCKS_MAX);
        }
        let now = at(count + 3);
        assert_eq!(penalties.fails(Block::numbered(3), now), WAIT_FIRST, "it is remembered");
        assert_eq!(penalties.fails(Block::numbered(2), now), Duration::ZERO, "it was forgotten");
    }

    #[test]
    fn who_has_faded_is_forgotten_before_all_others() {
        let (mut penalties, start) = (Penalties::default(), Instant::now());
        let later = start + FADING_TIME;
        let count = u32::try_from(BLOCKS_MAX).unwrap();
        failures(&mut penalties, 2, start);
        (2..=count).for_each(|number| assert!(penalties.fails(Block::numbered(number), start).is_zero()));
        assert_eq!(penalties.fails(Block::numbered(count + 1), later), Duration::ZERO);
        assert_eq!(failures(&mut penalties, 1, later), [100]);
        assert_eq!(penalties.0.len(), 2);
    }
}
