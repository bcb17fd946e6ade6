//! How much a neighbour may send: a bucket of tokens that fills with time. Must not know what they buy.

use super::Moment;

/// A bucket of tokens, full at first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Thousandths of tokens.
    level: u64,
    filled: Moment,
}

/// How large a bucket is and how it fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) at_once: u32,
    pub(super) per_second: u32,
}

impl Budget {
    pub(super) fn full(rate: Rate) -> Self {
        Self { level: u64::from(rate.at_once) * 1000, filled: Moment(0) }
    }

    /// Takes one token; false where none is left.
    pub(super) fn take(&mut self, now: Moment, rate: Rate) -> bool {
        // A token a second is a thousandth a millisecond.
        let gained = now.since(self.filled).saturating_mul(u64::from(rate.per_second));
        self.level = self.level.saturating_add(gained).min(u64::from(rate.at_once) * 1000);
        self.filled = self.filled.max(now);
        let is_enough = self.level >= 1000;
        if is_enough {
            self.level -= 1000;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { at_once: 3, per_second: 2 };

    #[test]
    fn what_is_allowed_at_once_is_allowed_and_one_more_is_not() {
        let mut budget = Budget::full(RATE);
        let taken: Vec<bool> = (0..4).map(|_| budget.take(Moment(0), RATE)).collect();
        assert_eq!(taken, [true, true, true, false]);
    }

    #[test]
    fn a_spent_budget_fills_with_time_and_never_beyond_its_size() {
        let mut budget = Budget::full(RATE);
        while budget.take(Moment(5), RATE) {}
        assert!(!budget.take(Moment(504), RATE) && budget.take(Moment(505), RATE));
        let long_after = Moment(1_000_000);
        assert_eq!((0..10).filter(|_| budget.take(long_after, RATE)).count(), 3);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut budget = Budget::full(RATE);
        while budget.take(Moment(1000), RATE) {}
        assert!(!budget.take(Moment(0), RATE) && !budget.take(Moment(1000), RATE));
    }
}
