//! Keeps a flood of bad clients from filling the disk with log lines: each place in the code may log so much at once
//! and so much in the long run, and says what it left out.
//!
//! It must not know what the lines say. Access lines are not its business: there is one for each request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, Log, Metadata, Record};

/// Lines of one place that come out at once.
const LINES_AT_ONCE_MAX: u32 = 100;
/// One more comes out after each such time.
const LINE_INTERVAL: Duration = Duration::from_millis(200);

/// A logger with a bound for each place in the code.
pub(crate) struct Bounded<L> {
    inner: L,
    /// The target that has no bound.
    unbounded: &'static str,
    /// As many entries as there are places that log.
    places: Mutex<HashMap<Site, Place>>,
}

/// A place in the code: its file and its line.
type Site = (Option<&'static str>, Option<u32>);

/// What one place may still log.
#[derive(Debug)]
struct Place {
    left: u32,
    filled: Instant,
    left_out: u64,
}

impl<L: Log> Bounded<L> {
    pub(crate) fn new(inner: L, unbounded: &'static str) -> Self {
        Self { inner, unbounded, places: Mutex::default() }
    }

    /// How many lines were left out before this one; `None` where this one is, too.
    fn admit(&self, record: &Record<'_>) -> Option<u64> {
        // Whoever asks for more than the usual lines wants all of them.
        if record.level() > Level::Info || record.target() == self.unbounded {
            return Some(0);
        }
        let now = Instant::now();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry((record.file_static(), record.line())).or_insert_with(|| Place::new(now)).admit(now)
    }
}

impl<L: Log> Log for Bounded<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Some(left_out) = self.admit(record) else { return };
        if left_out > 0 {
            let text = format_args!("{left_out} lines like the next one were left out");
            self.inner.log(&Record::builder().metadata(record.metadata().clone()).args(text).build());
        }
        self.inner.log(record);
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

impl Place {
    fn new(now: Instant) -> Self {
        Self { left: LINES_AT_ONCE_MAX, filled: now, left_out: 0 }
    }

    fn admit(&mut self, now: Instant) -> Option<u64> {
        let gained = now.saturating_duration_since(self.filled).as_nanos() / LINE_INTERVAL.as_nanos();
        if gained > 0 {
            let gained = u32::try_from(gained).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(gained).min(LINES_AT_ONCE_MAX);
            self.filled = now;
        }
        if self.left == 0 {
            self.left_out += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Log for Kept {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &Record<'_>) {
            self.0.lock().unwrap().push(record.args().to_string());
        }

        fn flush(&self) {}
    }

    fn say(logger: &impl Log, level: Level, target: &str, line: u32) {
        let place =
            Record::builder().level(level).target(target).file_static(Some("x")).line(Some(line)).build();
        logger.log(&place);
    }

    #[test]
    fn a_place_logs_so_much_at_once_and_then_little_by_little() {
        let start = Instant::now();
        let mut place = Place::new(start);
        let admitted = (0..150).filter(|_| place.admit(start).is_some()).count();
        assert_eq!(admitted, LINES_AT_ONCE_MAX as usize);
        assert_eq!(place.admit(start + LINE_INTERVAL), Some(50), "and says how many it left out");
        assert_eq!(place.admit(start + LINE_INTERVAL), None);
    }

    #[test]
    fn each_place_has_a_bound_of_its_own_and_what_was_asked_for_has_none() {
        let kept = Kept::default();
        let logger = Bounded::new(kept.clone(), "access");
        for _ in 0..300 {
            say(&logger, Level::Warn, "a", 1);
            say(&logger, Level::Debug, "a", 2);
            say(&logger, Level::Info, "access", 3);
        }
        say(&logger, Level::Warn, "a", 4);
        let count = kept.0.lock().unwrap().len();
        let bounded = LINES_AT_ONCE_MAX as usize;
        // A slow machine lets a few more through.
        assert!((bounded + 601..bounded + 650).contains(&count), "{count}");
    }
}
