//! Which way of syncing a group is the cheaper one, from what the last groups took. Knows no file and no clock.

use crate::incoming::Syncing;
use std::time::Duration;

/// While a file takes no longer than this, syncing together is never doubted. (Alone, one took 0.2 ms on an SSD.)
const FILE_TIME_FINE: Duration = Duration::from_millis(1);
/// After so many groups in one way, the other is tried again: who wrote much beside us may have stopped.
const GROUPS_UNTIL_RETRIAL: u32 = 32;

/// Syncing together pays for what strangers wrote, too: where they write much, file by file is cheaper.
#[derive(Debug, Default)]
pub(super) struct SyncChoice {
    together: Option<Duration>,
    each: Option<Duration>,
    groups: u32,
}

impl SyncChoice {
    /// How to sync the next group.
    pub(super) fn next(&self) -> Syncing {
        match (self.together, self.each) {
            (Some(together), None) if together > FILE_TIME_FINE => Syncing::Each,
            (Some(together), Some(each)) if together > FILE_TIME_FINE && each < together => Syncing::Each,
            _ => Syncing::Together,
        }
    }

    /// Tells what a group of `files` took.
    pub(super) fn took(&mut self, syncing: Syncing, files: u32, time: Duration) {
        let time = time / files.max(1);
        match syncing {
            Syncing::Together => self.together = Some(time),
            Syncing::Each => self.each = Some(time),
        }
        self.groups += 1;
        if self.groups >= GROUPS_UNTIL_RETRIAL {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each way takes for a file, in microseconds; gives the ways that were chosen.
    fn choices(together: u64, each: u64, groups: usize) -> Vec<Syncing> {
        let mut choice = SyncChoice::default();
        let choose = || {
            let syncing = choice.next();
            let micros = if syncing == Syncing::Together { together } else { each };
            choice.took(syncing, 64, Duration::from_micros(64 * micros));
            syncing
        };
        std::iter::repeat_with(choose).take(groups).collect()
    }

    fn count(choices: &[Syncing], wanted: Syncing) -> usize {
        choices.iter().filter(|syncing| **syncing == wanted).count()
    }

    #[test]
    fn together_stays_the_way_while_it_costs_little_or_less_than_each() {
        assert_eq!(count(&choices(30, 200, 100), Syncing::Each), 0);
        let slow_disk = choices(2_000, 10_000, 100);
        assert!(count(&slow_disk, Syncing::Each) <= 4, "it is only tried now and then");
    }

    #[test]
    fn each_is_the_way_while_strangers_make_together_dear_and_together_comes_back() {
        let busy = choices(6_000, 200, 100);
        assert!(count(&busy, Syncing::Together) <= 4, "it is only tried now and then");
        assert_eq!(busy[GROUPS_UNTIL_RETRIAL as usize], Syncing::Together);
    }
}
