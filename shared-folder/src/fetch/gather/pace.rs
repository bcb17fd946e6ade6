//! How fast one source gives bytes, as far as is known now.
//!
//! Must not know any clock: the moment comes in.

use std::time::Duration;

/// The shortest time over which a rate is measured: less says more about buffers than about the source.
const SLICE: Duration = Duration::from_millis(100);
/// Bytes that may come at any moment: what has given none in a time has no smaller rate than these in that time.
const GRAIN: f64 = 65_536.0;

/// The rate of one source, in bytes a second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rate: Option<f64>,
    since: Duration,
    bytes: f64,
}

impl Pace {
    /// It has been asked for something after it had nothing to do.
    pub(super) fn begin(&mut self, now: Duration) {
        (self.since, self.bytes) = (now, 0.0);
    }

    /// So many bytes have come.
    pub(super) fn moved(&mut self, byte_count: u32, now: Duration) {
        if self.bytes == 0.0 && self.rate.is_none() {
            // Before its first bytes a source may have to hash a whole file: that says nothing about its speed.
            self.begin(now);
        }
        self.bytes += f64::from(byte_count);
        let elapsed = now.saturating_sub(self.since);
        if elapsed < SLICE {
            return;
        }
        let measured = self.bytes / elapsed.as_secs_f64();
        // What was long ago says less.
        let kept = if elapsed < 3 * SLICE { 0.5 } else { 0.0 };
        self.rate = Some(self.rate.map_or(measured, |rate| rate * kept + measured * (1.0 - kept)));
        self.begin(now);
    }

    /// The rate, where it is known; it falls while nothing comes of what is under way.
    pub(super) fn rate(&self, now: Duration, is_busy: bool) -> Option<f64> {
        let elapsed = now.saturating_sub(self.since);
        let at_most = (self.bytes + GRAIN) / elapsed.max(SLICE).as_secs_f64();
        match self.rate {
            Some(rate) if is_busy && elapsed >= 2 * SLICE => Some(rate.min(at_most)),
            None if is_busy && elapsed >= SLICE => Some(at_most),
            known => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_rate_is_known_after_a_slice_and_follows_what_comes() {
        let mut pace = Pace::default();
        pace.begin(moment(0));
        assert_eq!(pace.rate(moment(50), true), None);
        pace.moved(1, moment(0));
        pace.moved(999_999, moment(100));
        assert_eq!(pace.rate(moment(100), true), Some(10_000_000.0));
        pace.moved(200_000, moment(200));
        assert_eq!(pace.rate(moment(200), true), Some(6_000_000.0));
    }

    #[test]
    fn who_had_to_prepare_before_the_first_bytes_is_not_slow_for_that() {
        let mut pace = Pace::default();
        pace.begin(moment(0));
        pace.moved(1_000, moment(3_000));
        assert_eq!(pace.rate(moment(3_050), true), None);
        pace.moved(999_000, moment(3_100));
        assert_eq!(pace.rate(moment(3_100), true), Some(10_000_000.0));
    }

    #[test]
    fn who_gives_nothing_of_what_was_asked_becomes_slow_and_who_was_not_asked_does_not() {
        let mut pace = Pace::default();
        pace.begin(moment(0));
        assert!(pace.rate(moment(10_000), true).unwrap() < 10_000.0);
        assert_eq!(pace.rate(moment(10_000), false), None);
        pace.moved(1, moment(0));
        pace.moved(8_999_999, moment(100));
        assert!(pace.rate(moment(60_000), true).unwrap() < 10_000.0);
        assert_eq!(pace.rate(moment(60_000), false), Some(90_000_000.0));
    }
}
