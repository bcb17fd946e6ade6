//! Files that this end itself still fetches, for whoever asks for their content: the pieces that are there and no others.
//!
//! Whatever holds for the file that will stand at the path holds for what is there of it. Must not know how it is fetched.

use super::reading::{Run, check_version, merge};
use super::refusal::{Refusal, Stop};
use super::session::Session;
use crate::access::Right;
use crate::incoming::Arriving;
use crate::kinds::kind_of;
use std::fs::File;
use std::ops::Range as Pieces;
use std::sync::Arc;
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::limits::{PIECE_BYTES, RANGES_MAX};
use wire::message::reply::{Found, Reading};
use wire::message::request::Read;
use wire::message::{ByteCount, Entry, Range};
use wire::timestamp::Timestamp;

impl Session<'_> {
    /// What is there of a file with that content where no whole one was found, and why none was.
    pub(super) fn found_arriving(&self, digest: Digest, missing: Stop) -> Result<Found, Stop> {
        let arriving = self.arriving(Some(digest), missing)?;
        let have = have(arriving.runs(), arriving.proof().byte_count);
        Ok(Found { entry: entry_of(&arriving), digest: Some(digest), have: Some(have) })
    }

    pub(super) fn pieces_of_arriving(
        &mut self,
        id: u64,
        digest: Option<Digest>,
        missing: Stop,
    ) -> Result<(), Stop> {
        let arriving = self.arriving(digest, missing)?;
        let proof = arriving.proof();
        self.send_piece_list(id, (proof.byte_count, proof.digest), &proof.values)
    }

    pub(super) fn read_arriving(&mut self, id: u64, read: &Read, missing: Stop) -> Result<(), Stop> {
        let arriving = self.arriving(read.digest, missing)?;
        let (whole, digest) = (arriving.proof().byte_count, arriving.proof().digest);
        check_version(read.if_digest, Some(digest))?;
        let runs = read.ranges.as_ref().map_or_else(|| vec![(0, whole)], |ranges| merge(ranges, whole));
        let file = arriving.file().filter(|_| runs.iter().all(|run| arriving.has(pieces_of(run))));
        let not_yet = || Refusal::new(ErrorCode::NotFound, "not all of that has arrived here yet");
        self.send_arriving(id, (&arriving, file.ok_or_else(not_yet)?), (&runs, read))
    }

    fn send_arriving(
        &mut self,
        id: u64,
        (arriving, file): (&Arriving, &File),
        (runs, read): (&[Run], &Read),
    ) -> Result<(), Stop> {
        let byte_count: u64 = runs.iter().map(|run| run.1).sum();
        self.take_slot(id, byte_count, format!("read {}", arriving.path()))?;
        let (byte_count, digest) = (ByteCount::new(byte_count), arriving.proof().digest);
        let sent = read.ranges.is_some().then(|| runs.iter().map(|run| range(run.0, run.1)).collect());
        let reading =
            Reading { entry: entry_of(arriving), byte_count, ranges: sent, file_digest: Some(digest) };
        self.connection.sender.queue(Some(id), &reading)?;
        let end = self.send_parts(id, file, runs, (Some(digest), read.unhashed))?;
        Ok(self.connection.sender.queue_any(Some(id), &end)?)
    }

    /// A file with that content on its way to where this guest may read; or why there is no whole one.
    fn arriving(&self, digest: Option<Digest>, missing: Stop) -> Result<Arc<Arriving>, Stop> {
        let is_missing = matches!(&missing, Stop::Refuse(refusal) if refusal.code == ErrorCode::NotFound);
        let share = &self.host.share;
        let may_be_read = |arriving: &Arriving| {
            share.shares(arriving.path().name()) && self.check(Right::Read, Some(arriving.path())).is_ok()
        };
        let found = digest.filter(|_| is_missing).and_then(|digest| share.arriving.find(digest, may_be_read));
        found.ok_or(missing)
    }
}

/// What the file will be.
fn entry_of(arriving: &Arriving) -> Entry {
    Entry {
        path: arriving.path().as_str().to_owned(),
        kind: kind_of(arriving.path().name()),
        byte_count: ByteCount::new(arriving.proof().byte_count),
        modified: arriving.modified().unwrap_or(Timestamp::from_unix(0, 0)),
        executable: arriving.is_executable(),
    }
}

/// Runs of pieces as bytes: the longest ones where there are too many, in their order.
fn have(mut runs: Vec<Pieces<usize>>, file_bytes: u64) -> Vec<Range> {
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    runs.truncate(RANGES_MAX);
    runs.sort_by_key(|run| run.start);
    let bytes = |piece: usize| (piece as u64).saturating_mul(PIECE_BYTES).min(file_bytes);
    runs.iter().map(|run| range(bytes(run.start), bytes(run.end) - bytes(run.start))).collect()
}

fn pieces_of(run: &Run) -> Pieces<usize> {
    let piece = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    piece(run.0 / PIECE_BYTES)..piece((run.0 + run.1).div_ceil(PIECE_BYTES))
}

fn range(offset: u64, byte_count: u64) -> Range {
    Range { offset: ByteCount::new(offset), byte_count: ByteCount::new(byte_count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = PIECE_BYTES;

    #[test]
    fn runs_of_pieces_are_told_as_bytes_and_the_last_piece_ends_with_the_file() {
        assert_eq!(have(vec![0..2, 4..5], 4 * MIB + 7), [range(0, 2 * MIB), range(4 * MIB, 7)]);
        assert_eq!(have(vec![], 5), []);
        assert_eq!(pieces_of(&(0, MIB)), 0..1);
        assert_eq!(pieces_of(&(MIB - 1, 2)), 0..2);
        assert_eq!(pieces_of(&(4 * MIB, 7)), 4..5);
    }

    #[test]
    fn as_many_runs_are_told_as_a_line_may_have_and_of_more_the_longest() {
        let run = |number: usize| 10 * number..10 * number + 1 + number % 3;
        let runs: Vec<_> = (0..RANGES_MAX).map(run).collect();
        assert_eq!(have(runs, u64::MAX).len(), RANGES_MAX);
        let mut runs: Vec<_> = (0..=RANGES_MAX).map(|number| 10 * number..10 * number + 2).collect();
        runs[7].end -= 1;
        let told = have(runs, u64::MAX);
        assert_eq!(told.len(), RANGES_MAX);
        assert!(told.iter().all(|range| range.byte_count.get() == 2 * MIB));
        assert!(told.is_sorted_by_key(|range| range.offset));
    }
}
