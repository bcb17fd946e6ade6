//! What this peer sends on of what others send, divided fairly.
//!
//! A neighbour takes so many floods from us and no more. If all that one neighbour may send were sent on, it would use
//! up what the next ones take from us, and so silence everybody else behind us. So half of it belongs to whoever comes
//! first, and of the other half each neighbour, and this peer's own user, has an equal part: what one floods never
//! takes the part of another.

use super::Moment;
use super::budget::{Budget, Rate};
use super::link::{HALF, Link};

/// The half that is whoever's comes first, and the user's part of the other one.
#[derive(Debug)]
pub(super) struct Portions {
    common: Budget,
    own: Budget,
}

impl Default for Portions {
    fn default() -> Self {
        let full = Budget::full(Moment::default(), HALF);
        Self { common: full, own: full }
    }
}

impl Portions {
    /// Whether one more flood of that neighbour may be sent on; `links` stand.
    pub(super) fn admits(&mut self, now: Moment, link: &mut Link, links: usize) -> bool {
        self.common.take(now, HALF) || link.portion.take(now, part(links))
    }

    /// The user floods: that is always sent, and counted.
    pub(super) fn count_own(&mut self, now: Moment, links: usize) {
        let _ = self.common.take(now, HALF) || self.own.take(now, part(links));
    }
}

fn part(links: usize) -> Rate {
    HALF.divided_by(links + 1)
}
