//! How much a neighbour may send: a bucket of tokens that fills with time. Must not know what they buy.

use super::Moment;

/// A bucket of tokens, full at first. Small, because there are several for each link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Thousandths of tokens.
    level: u32,
    /// When it was filled last: milliseconds, of which only so many bits are kept.
    filled: u32,
}

/// How large a bucket is and how it fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) at_once: u32,
    pub(super) per_second: u32,
    /// Among how many this is divided.
    pub(super) parts: u32,
}

/// Longer than this is taken for a clock that went back.
const PAUSE_MAX: u32 = u32::MAX / 2;

impl Rate {
    pub(super) const fn new(at_once: u32, per_second: u32) -> Self {
        Self { at_once, per_second, parts: 1 }
    }

    /// One of so many equal parts.
    pub(super) fn divided_by(self, parts: usize) -> Self {
        Self { parts: u32::try_from(parts).unwrap_or(u32::MAX).max(1), ..self }
    }

    /// In thousandths; never less than one token.
    fn size(self) -> u32 {
        (self.at_once.saturating_mul(1000) / self.parts).max(1000)
    }
}

impl Budget {
    pub(super) fn full(now: Moment, rate: Rate) -> Self {
        Self { level: rate.size(), filled: low_bits(now) }
    }

    /// Takes one token; false where none is left.
    pub(super) fn take(&mut self, now: Moment, rate: Rate) -> bool {
        let pause = low_bits(now).wrapping_sub(self.filled);
        if pause < PAUSE_MAX {
            // A token a second is a thousandth a millisecond. What is less than one stays to be counted later.
            let gained = u64::from(pause) * u64::from(rate.per_second) / u64::from(rate.parts);
            let level = u64::from(self.level) + gained;
            if gained > 0 {
                self.filled = low_bits(now);
            }
            self.level = u32::try_from(level).unwrap_or(u32::MAX).min(rate.size());
        }
        let is_enough = self.level >= 1000;
        if is_enough {
            self.level -= 1000;
        }
        is_enough
    }
}

fn low_bits(now: Moment) -> u32 {
    u32::try_from(now.0 & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(3, 2);

    fn spend(budget: &mut Budget, now: Moment) {
        assert_eq!((0..10).filter(|_| budget.take(now, RATE)).count(), 3);
    }

    #[test]
    fn what_is_allowed_at_once_is_allowed_and_one_more_is_not() {
        let mut budget = Budget::full(Moment(0), RATE);
        let taken: Vec<bool> = (0..4).map(|_| budget.take(Moment(0), RATE)).collect();
        assert_eq!(taken, [true, true, true, false]);
    }

    #[test]
    fn a_spent_budget_fills_with_time_and_never_beyond_its_size() {
        let mut budget = Budget::full(Moment(0), RATE);
        spend(&mut budget, Moment(5));
        assert!(!budget.take(Moment(504), RATE) && budget.take(Moment(505), RATE));
        let long_after = Moment(1_000_000);
        assert_eq!((0..10).filter(|_| budget.take(long_after, RATE)).count(), 3);
    }

    #[test]
    fn a_part_of_a_rate_is_as_much_less_but_never_nothing() {
        let part = Rate::new(100, 50).divided_by(100);
        let mut budget = Budget::full(Moment(0), part);
        assert_eq!((0..3).filter(|_| budget.take(Moment(0), part)).count(), 1);
        // Half a token a second, however often one looks.
        let taken = (1..=10_000).filter(|now| budget.take(Moment(*now), part)).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn the_low_bits_of_time_may_turn_over() {
        let before = Moment(u64::from(u32::MAX) - 10);
        let mut budget = Budget::full(before, RATE);
        spend(&mut budget, before);
        assert!(budget.take(Moment(before.0 + 500), RATE));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut budget = Budget::full(Moment(0), RATE);
        spend(&mut budget, Moment(1000));
        assert!(!budget.take(Moment(0), RATE) && !budget.take(Moment(1000), RATE));
    }
}
