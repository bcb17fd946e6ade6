//! What this peer sends on of what others send, divided fairly.
//!
//! A neighbour takes so many floods from us and no more. If all that one neighbour may send were sent on, it would use
//! up what the next ones take from us, and so silence everybody else behind us. So half of it belongs to whoever comes
//! first, and of the other half each neighbour, and this peer's own user, has an equal part: what one floods never
//! takes the part of another.

use super::Moment;
use super::budget::{Budget, Rate};
use super::link::Link;
use wire::limits::{FLOODS_AT_ONCE_MAX, FLOODS_PER_SECOND_MAX};

/// Either half.
pub(super) const SHARED: Rate = Rate::new(FLOODS_AT_ONCE_MAX / 2, FLOODS_PER_SECOND_MAX / 2);

/// The half that is whoever's comes first, and the user's part of the other one.
#[derive(Debug)]
pub(super) struct Shares {
    common: Budget,
    own: Budget,
}

impl Default for Shares {
    fn default() -> Self {
        let full = Budget::full(Moment::default(), SHARED);
        Self { common: full, own: full }
    }
}

impl Shares {
    /// Whether one more flood of that neighbour may be sent on; `links` stand.
    pub(super) fn admits(&mut self, now: Moment, link: &mut Link, links: usize) -> bool {
        self.common.take(now, SHARED) || link.share.take(now, part(links))
    }

    /// The user floods: that is always sent, and counted.
    pub(super) fn count_own(&mut self, now: Moment, links: usize) {
        let _ = self.common.take(now, SHARED) || self.own.take(now, part(links));
    }
}

fn part(links: usize) -> Rate {
    SHARED.divided_by(links + 1)
}
