//! A token bucket: how long whoever wants to move bytes has to wait for them, so that in the long run no more move than
//! may. Time comes in as an argument.
//!
//! Whoever comes later is due later, so that all who take equal shares in turns get equally much. Must not know who
//! waits, nor how.

use std::num::NonZeroU64;
use std::time::Duration;

const NANOSECONDS: u128 = 1_000_000_000;

/// What may be moved, and until when all of it is spoken for.
#[derive(Debug)]
pub struct Bucket {
    bytes_per_second: NonZeroU64,
    /// What was not moved in so much time may be moved later, beside the rest.
    burst: Duration,
    taken_until: Duration,
}

impl Bucket {
    /// One that lets so many bytes pass in each second, and makes up for idle time of at most `burst`.
    #[must_use]
    pub fn new(bytes_per_second: NonZeroU64, burst: Duration) -> Self {
        Self { bytes_per_second, burst, taken_until: Duration::ZERO }
    }

    /// Takes so many bytes behind all that were taken before; gives how long it is from `now` until they may move.
    /// Moments count from any fixed one on, and never go back.
    pub fn take(&mut self, now: Duration, byte_count: u64) -> Duration {
        let begin = self.taken_until.max(now.saturating_sub(self.burst));
        let cost = u128::from(byte_count) * NANOSECONDS;
        let cost = cost.div_ceil(u128::from(self.bytes_per_second.get()));
        self.taken_until = begin.saturating_add(duration(cost));
        self.taken_until.saturating_sub(now)
    }

    /// Bytes that were taken and will not move: whoever comes next is due so much earlier.
    pub fn give_back(&mut self, byte_count: u64) {
        let cost = u128::from(byte_count) * NANOSECONDS / u128::from(self.bytes_per_second.get());
        self.taken_until = self.taken_until.saturating_sub(duration(cost));
    }
}

fn duration(nanoseconds: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BURST: Duration = Duration::from_millis(50);

    fn bucket(bytes_per_second: u64) -> Bucket {
        Bucket::new(NonZeroU64::new(bytes_per_second).unwrap(), BURST)
    }

    #[test]
    fn bytes_are_due_one_share_after_the_other() {
        let mut bucket = bucket(1000);
        let second = Duration::from_secs(1);
        assert_eq!(
            [1000, 1000, 500].map(|count| bucket.take(second, count)),
            [950, 1950, 2450].map(Duration::from_millis)
        );
    }

    #[test]
    fn what_was_not_used_counts_for_a_moment_only() {
        let mut bucket = bucket(1000);
        let late = Duration::from_secs(3600);
        assert_eq!(bucket.take(late, 50), Duration::ZERO);
        assert_eq!(bucket.take(late, 1), Duration::from_millis(1));
    }

    #[test]
    fn what_is_given_back_is_there_for_the_next() {
        let mut bucket = bucket(1000);
        bucket.take(Duration::ZERO, 700);
        bucket.give_back(700);
        assert_eq!(bucket.take(Duration::ZERO, 300), Duration::from_millis(300));
    }

    #[test]
    fn no_number_overflows() {
        let mut bucket = bucket(1);
        for _ in 0..3 {
            bucket.take(Duration::MAX, u64::MAX);
            bucket.take(Duration::ZERO, u64::MAX);
            bucket.give_back(u64::MAX);
        }
    }

    /// When each share moves that is taken so long after the one before, with its bytes.
    fn moves(rate: u64, shares: &[(u64, u64)]) -> Vec<(Duration, u64)> {
        let mut bucket = bucket(rate);
        let mut now = Duration::ZERO;
        let due = shares.iter().map(|(gap, byte_count)| {
            now += Duration::from_micros(*gap);
            (now + bucket.take(now, *byte_count), *byte_count)
        });
        due.collect()
    }

    fn bytes_in(rate: u64, time: Duration) -> f64 {
        time.as_secs_f64() * rate as f64
    }

    proptest! {
        #[test]
        fn in_no_stretch_of_time_more_moves_than_may(
            rate in 1_000_u64..10_000_000_000,
            shares in prop::collection::vec((0_u64..200_000, 1_u64..65_536), 1..60),
        ) {
            let moves = moves(rate, &shares);
            for begin in 0..moves.len() {
                let mut sum = 0;
                for (at, byte_count) in &moves[begin..] {
                    sum += byte_count;
                    // The first share was paid for before the stretch begins.
                    let may = bytes_in(rate, *at - moves[begin].0 + BURST) + moves[begin].1 as f64;
                    prop_assert!(sum as f64 <= may + 1.0, "{sum} bytes where {may} may move");
                }
            }
        }

        #[test]
        fn whoever_comes_later_is_never_due_earlier(
            rate in 1_000_u64..10_000_000_000,
            shares in prop::collection::vec((0_u64..200_000, 1_u64..65_536), 1..60),
        ) {
            prop_assert!(moves(rate, &shares).is_sorted_by_key(|(at, _)| *at));
        }

        #[test]
        fn while_somebody_always_waits_all_that_may_move_moves(
            rate in 1_000_u64..10_000_000_000,
            counts in prop::collection::vec(1_u64..65_536, 1..60),
        ) {
            let shares: Vec<_> = counts.iter().map(|count| (0, *count)).collect();
            let last = moves(rate, &shares).last().unwrap().0;
            let sum: u64 = counts.iter().sum();
            // Each wait is rounded up to a nanosecond.
            let may = bytes_in(rate, last.saturating_sub(Duration::from_nanos(counts.len() as u64)));
            prop_assert!(may <= sum as f64 + 1.0, "{sum} bytes in {last:?}, where {may} might have moved");
        }
    }
}
