//! How many threads wait, and for what: a few for the next request of their own session, for a moment, and a few for whoever is
//! ready.
//!
//! Whoever asks one thing after the other is answered soonest by a thread that is in a read already. Where many ask, threads that
//! take whoever is ready next are woken less often. Must not know what is waited for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// So many threads may wait for requests of their own sessions, while another stands by for all others.
const SEATS_MAX: usize = 4;
/// So long each does: after a longer pause, being handed to a thread costs little beside it.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// So many threads stand by where nobody is ready. More would only be woken in turns.
pub(super) const STANDING_BY_MAX: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Seats {
    taken: AtomicUsize,
    standing_by: AtomicUsize,
}

/// One of the seats; leaving is dropping it.
#[derive(Debug)]
pub(super) struct Seat<'a>(&'a AtomicUsize);

impl Seats {
    /// A seat for a thread that waits for its own session, unless all are taken or nobody stands by for the others.
    pub(super) fn take(&self) -> Option<Seat<'_>> {
        if self.somebody_stands_by() { enter(&self.taken, SEATS_MAX) } else { None }
    }

    /// A place for a thread that waits for whoever is ready, unless enough others do.
    pub(super) fn stand_by(&self) -> Option<Seat<'_>> {
        enter(&self.standing_by, STANDING_BY_MAX)
    }

    pub(super) fn somebody_stands_by(&self) -> bool {
        self.standing_by.load(Ordering::SeqCst) > 0
    }
}

impl Seat<'_> {
    /// How long a thread may wait for its own session.
    pub(super) fn time(&self) -> Duration {
        WAIT_MAX
    }

    /// Leaves; whether nobody is left. Of several who leave at once, exactly one is told so.
    pub(super) fn was_last(self) -> bool {
        let count = self.0;
        std::mem::forget(self);
        count.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

/// In one step: whoever finds no seat is never counted.
fn enter(count: &AtomicUsize, max: usize) -> Option<Seat<'_>> {
    let one_more = |taken| (taken < max).then_some(taken + 1);
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).ok().map(|_| Seat(count))
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_it_was_left_and_nobody_sits_while_nobody_stands_by() {
        let seats = Seats::default();
        assert!(seats.take().is_none());
        let standing: Vec<_> = (0..STANDING_BY_MAX).map_while(|_| seats.stand_by()).collect();
        assert!(standing.len() == STANDING_BY_MAX && seats.stand_by().is_none());
        let mut taken: Vec<_> = (0..SEATS_MAX).map_while(|_| seats.take()).collect();
        assert!(taken.len() == SEATS_MAX && seats.take().is_none());
        taken.pop();
        assert!(seats.take().is_some());
        drop(standing);
        assert!(seats.take().is_none() && seats.stand_by().is_some_and(Seat::was_last));
        drop(taken);
        assert_eq!((seats.taken.into_inner(), seats.standing_by.into_inner()), (0, 0));
    }
}
