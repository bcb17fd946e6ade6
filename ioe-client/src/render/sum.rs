//! What a command with several files has come to, in one line. Must not know which files, nor which way they went.

use program::quantity;
use std::time::{Duration, Instant};

/// Files that are done, since a moment.
#[derive(Debug)]
pub(crate) struct Sum {
    since: Instant,
    files: u64,
    byte_count: u64,
    reused: u64,
    failed: u64,
}

impl Sum {
    /// None is done, and now the first one begins.
    pub(crate) fn begin() -> Self {
        Self { since: Instant::now(), files: 0, byte_count: 0, reused: 0, failed: 0 }
    }

    /// One more is done; `reused` of its bytes did not have to be moved.
    pub(crate) fn add(&mut self, byte_count: u64, reused: u64) {
        self.files += 1;
        self.byte_count = self.byte_count.saturating_add(byte_count);
        self.reused = self.reused.saturating_add(reused);
    }

    /// One more has failed.
    pub(crate) fn add_failed(&mut self) {
        self.failed += 1;
    }

    /// The line; none for a single file, whose own line says it all.
    pub(super) fn line(&self) -> Option<String> {
        let line = || format!("{}, {}{}", self.count(), self.amount(self.since.elapsed()), self.failures());
        (self.files + self.failed > 1).then(line)
    }

    /// The same for files that would be moved.
    pub(super) fn rehearsed_line(&self) -> Option<String> {
        let moved = quantity::size(self.byte_count.saturating_sub(self.reused));
        let all = quantity::size(self.byte_count);
        let line = || format!("{}, {moved} of {all} would be moved{}", self.count(), self.failures());
        (self.files + self.failed > 1).then(line)
    }

    fn count(&self) -> String {
        if self.files == 1 { "1 file".to_owned() } else { format!("{} files", self.files) }
    }

    fn failures(&self) -> String {
        if self.failed == 0 { String::new() } else { format!("; {} failed", self.failed) }
    }

    fn amount(&self, time: Duration) -> String {
        let moved = self.byte_count.saturating_sub(self.reused);
        let (all, rate) = (quantity::size(self.byte_count), quantity::bytes_per_second(moved, time));
        let pace = format!("in {:.2}s, {}", time.as_secs_f64(), quantity::rate(rate));
        match (self.reused, moved) {
            (0, 0) => all,
            (0, _) => format!("{all} {pace}"),
            (_, 0) => format!("{all}, all of it was there"),
            (_, moved) => format!("{all}, {} of it moved {pace}", quantity::size(moved)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(files: &[(u64, u64)]) -> Sum {
        let mut sum = Sum::begin();
        files.iter().for_each(|(byte_count, reused)| sum.add(*byte_count, *reused));
        sum
    }

    #[test]
    fn several_files_have_a_sum_and_one_has_none() {
        assert_eq!((sum(&[(7, 0)]).line(), sum(&[(7, 0)]).rehearsed_line()), (None, None));
        let would = sum(&[(1024, 1024), (2048, 0)]).rehearsed_line().unwrap();
        assert_eq!(would, "2 files, 2.0 KiB of 3.0 KiB would be moved");
        assert!(sum(&[(7, 0), (8, 8)]).line().unwrap().starts_with("2 files, 15 B, 7 B of it moved in "));
    }

    #[test]
    fn what_failed_is_counted_beside_what_is_done() {
        let mut sum = sum(&[(7, 7)]);
        sum.add_failed();
        assert_eq!(sum.line().unwrap(), "1 file, 7 B, all of it was there; 1 failed");
        assert_eq!(sum.rehearsed_line().unwrap(), "1 file, 0 B of 7 B would be moved; 1 failed");
    }

    #[test]
    fn the_sum_tells_what_was_moved_and_how_fast() {
        let amount = |files| sum(files).amount(Duration::from_millis(1500));
        assert_eq!(amount(&[(1024, 0), (2048, 0)]), "3.0 KiB in 1.50s, 2.0 KiB/s");
        assert_eq!(amount(&[(1024, 1024), (3072, 1024)]), "4.0 KiB, 2.0 KiB of it moved in 1.50s, 1.3 KiB/s");
        assert_eq!(amount(&[(1024, 1024), (0, 0)]), "1.0 KiB, all of it was there");
        assert_eq!(amount(&[(0, 0), (0, 0)]), "0 B");
    }
}
