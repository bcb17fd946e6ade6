//! READ and pieces: from page cache to socket, with the digest known beforehand or computed beside.

use super::hot::HotFile;
use super::listing::both_named;
use super::pulse::Pulse;
use super::refusal::{Refusal, Stop};
use super::session::Session;
use super::share::Share;
use crate::access::Right;
use crate::catalogue::{Hashed, JobState, UNSTORED_BYTES_MAX, Waiting};
use crate::folder::{Folder, FolderError, Nearby, OpenFile, Status, identity_of};
use crate::hashing::BUFFER_BYTES;
use crate::scan::entry_of;
use crossbeam_channel::{RecvTimeoutError, bounded};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, scope};
use wire::digest::{Digest, PieceHasher, PieceValue};
use wire::error_code::ErrorCode;
use wire::limits::{PIECE_BYTES, WORKING_INTERVAL};
use wire::message::payload::{End, Sent};
use wire::message::reply::{PieceList, Reading};
use wire::message::request::{Pieces, Read};
use wire::message::{ByteCount, Range, Reply};
use wire::path::SharedPath;

/// A run of a file's bytes: offset and length.
pub(super) type Run = (u64, u64);

impl Session<'_> {
    pub(super) fn read(&mut self, id: u64, read: &Read) -> Result<(), Stop> {
        if let Some((hot, status)) = self.find_hot(read) {
            let answered = self.answer_small(id, (hot.path(), &status), hot.digest());
            self.hot = Some(hot);
            return answered;
        }
        let (path, opened, named) = match self.named(id, read.path.as_deref(), read.digest) {
            Ok(named) => named,
            Err(missing) => return self.read_arriving(id, read, missing),
        };
        if read.ranges.is_none() && opened.status.byte_count <= UNSTORED_BYTES_MAX {
            return self.read_small(id, &path, opened, read.if_digest);
        }
        let known = match (named, read.if_digest) {
            (Some(hashed), _) => Some(hashed),
            (None, Some(_)) => Some(self.hash(id, &opened, &path)?),
            (None, None) => self.host.share.catalogue.known(&opened.status.identity),
        };
        check_version(read.if_digest, known.as_ref().map(|hashed| hashed.digest))?;
        let file_bytes = opened.status.byte_count;
        let runs = read.ranges.as_ref().map(|ranges| merge(ranges, file_bytes));
        let byte_count = runs.as_ref().map_or(file_bytes, |runs| runs.iter().map(|run| run.1).sum());
        self.take_slot(id, byte_count, format!("read {path}"))?;
        match runs {
            None => self.read_whole(id, &path, &opened, known),
            Some(runs) => self.read_ranges(id, &path, &opened, (&runs, read.unhashed, known)),
        }
    }

    pub(super) fn pieces(&mut self, id: u64, pieces: &Pieces) -> Result<(), Stop> {
        let (path, opened, named) = match self.named(id, pieces.path.as_deref(), pieces.digest) {
            Ok(named) => named,
            Err(missing) => return self.pieces_of_arriving(id, pieces.digest, missing),
        };
        let hashed = named.map_or_else(|| self.hash(id, &opened, &path), Ok)?;
        self.send_piece_list(id, (opened.status.byte_count, hashed.digest), &hashed.pieces)
    }

    pub(super) fn send_piece_list(
        &mut self,
        id: u64,
        (byte_count, digest): (u64, Digest),
        values: &[PieceValue],
    ) -> Result<(), Stop> {
        let (byte_count, piece_count) = (ByteCount::new(byte_count), ByteCount::new(values.len() as u64));
        self.connection.sender.queue(Some(id), &PieceList { byte_count, digest, piece_count })?;
        self.send_bytes(id, values.as_flattened())
    }

    /// Sends bytes of our own as a payload.
    pub(super) fn send_bytes(&mut self, id: u64, bytes: &[u8]) -> Result<(), Stop> {
        let piece = usize::try_from(PIECE_BYTES).unwrap_or(usize::MAX);
        for (index, section) in bytes.chunks(piece).enumerate() {
            self.connection.sender.section(id, index as u64 * PIECE_BYTES, section)?;
        }
        let end = End {
            byte_count: ByteCount::new(bytes.len() as u64),
            digest: Digest::of(bytes),
            file_digest: None,
        };
        Ok(self.connection.sender.queue(Some(id), &end)?)
    }

    pub(super) fn open(&self, path: &SharedPath) -> Result<OpenFile, Stop> {
        self.open_by(path, |folder| folder.open_file(path))
    }

    fn open_by(
        &self,
        path: &SharedPath,
        open: impl FnOnce(&Folder) -> Result<OpenFile, FolderError>,
    ) -> Result<OpenFile, Stop> {
        self.check(Right::Read, Some(path))?;
        let opened = open(self.folder())?;
        if self.host.share.shares(path.name()) { Ok(opened) } else { Err(FolderError::NotFound.into()) }
    }

    /// As [`Session::open`], in the folder of the request before where that had come together with this one.
    fn open_near(&mut self, path: &SharedPath) -> Result<OpenFile, Stop> {
        self.near(|session, nearby| session.open_by(path, |folder| folder.open_file_near(path, nearby)))
    }

    fn near<T>(&mut self, look: impl FnOnce(&Self, &mut Nearby) -> T) -> T {
        let mut nearby = std::mem::take(&mut self.nearby);
        let found = look(self, nearby.at(self.connection.receiver.arrivals()));
        self.nearby = nearby;
        found
    }

    /// Finds a file with that content where one was seen that this guest may read, and makes sure that it still has it: that
    /// another one is hidden must not show.
    pub(super) fn open_by_digest(
        &mut self,
        id: u64,
        digest: Digest,
    ) -> Result<(SharedPath, OpenFile, Hashed), Stop> {
        for path in self.host.share.catalogue.paths_of(digest) {
            let Ok(opened) = self.open(&path) else { continue };
            match self.hash(id, &opened, &path) {
                Ok(hashed) if hashed.digest == digest => return Ok((path, opened, hashed)),
                Ok(_) | Err(Stop::Refuse(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Err(Refusal::new(ErrorCode::NotFound, "no file with that digest is known here").into())
    }

    /// The digest of an open file: known, computed here where it is small, or waited for with `working`.
    pub(super) fn hash(&mut self, id: u64, opened: &OpenFile, path: &SharedPath) -> Result<Hashed, Stop> {
        let catalogue = &self.host.share.catalogue;
        if opened.status.byte_count <= UNSTORED_BYTES_MAX {
            self.load(opened)?;
            let mut hasher = PieceHasher::default();
            hasher.update(&self.scratch);
            let (digest, pieces) = hasher.finish();
            let hashed = Hashed { digest, pieces: pieces.into() };
            catalogue.note(opened.status.identity, path, hashed.clone());
            return Ok(hashed);
        }
        match catalogue.known(&opened.status.identity) {
            Some(hashed) => Ok(hashed),
            None => {
                let waiting = catalogue.hash(opened, path)?;
                self.wait_for(id, &waiting)
            }
        }
    }

    /// The file of that path; or one of that content, with what its digest was just found by.
    fn named(
        &mut self,
        id: u64,
        path: Option<&str>,
        digest: Option<Digest>,
    ) -> Result<(SharedPath, OpenFile, Option<Hashed>), Stop> {
        match (path, digest) {
            (Some(text), None) => {
                let path = Share::path(text)?;
                let opened = self.open_near(&path)?;
                Ok((path, opened, None))
            }
            (None, Some(digest)) => {
                let (path, opened, hashed) = self.open_by_digest(id, digest)?;
                Ok((path, opened, Some(hashed)))
            }
            _ => Err(both_named()),
        }
    }

    /// The small file that is asked for, now in the session's buffer, if it was asked for again and again. Whatever is not plain goes
    /// the usual way.
    fn find_hot(&mut self, read: &Read) -> Option<(Arc<HotFile>, Status)> {
        let share = &self.host.share;
        let path = read.path.as_deref().filter(|_| read.digest.is_none() && read.ranges.is_none())?;
        let hot = share.hot.find(path).filter(|hot| share.shares(hot.path().name()))?;
        self.check(Right::Read, Some(hot.path())).ok()?;
        check_version(read.if_digest, Some(hot.digest())).ok()?;
        let status = self.near(|session, nearby| session.folder().status_near(hot.path(), nearby)).ok()?;
        hot.is_still(&status.identity, &mut self.scratch).then_some((hot, status))
    }

    /// A small file: one read, one hash, everything gathered into one send with its neighbours.
    fn read_small(
        &mut self,
        id: u64,
        path: &SharedPath,
        opened: OpenFile,
        if_digest: Option<Digest>,
    ) -> Result<(), Stop> {
        self.load(&opened)?;
        let digest = Digest::of(&self.scratch);
        check_version(if_digest, Some(digest))?;
        self.answer_small(id, (path, &opened.status), digest)?;
        self.hot = self.host.share.hot.was_read(path, opened, (&self.scratch, digest));
        Ok(())
    }

    /// Sends what is in the session's buffer.
    fn answer_small(
        &mut self,
        id: u64,
        (path, status): (&SharedPath, &Status),
        digest: Digest,
    ) -> Result<(), Stop> {
        let byte_count = ByteCount::new(self.scratch.len() as u64);
        let sender = &mut self.connection.sender;
        let entry = entry_of(path, status);
        sender.queue(Some(id), &Reading { entry, byte_count, ranges: None, file_digest: Some(digest) })?;
        if !self.scratch.is_empty() {
            sender.section(id, 0, &self.scratch)?;
        }
        sender.queue(Some(id), &End { byte_count, digest, file_digest: Some(digest) })?;
        self.count_bytes(byte_count.get());
        Ok(())
    }

    fn read_whole(
        &mut self,
        id: u64,
        path: &SharedPath,
        opened: &OpenFile,
        known: Option<Hashed>,
    ) -> Result<(), Stop> {
        // Begun before the first byte is sent, so that the hash runs beside and reads what is in the cache already.
        let waiting = match &known {
            Some(_) => None,
            None => Some(self.host.share.catalogue.hash(opened, path)?),
        };
        let byte_count = opened.status.byte_count;
        self.announce(id, path, opened, (byte_count, None, known.as_ref()))?;
        self.send_runs(id, &opened.file, &[(0, byte_count)])?;
        let hashed = match (known, waiting) {
            (Some(hashed), _) => hashed,
            (None, Some(waiting)) => self.wait_for(id, &waiting).map_err(after_payload)?,
            (None, None) => return Err(Stop::Fail(changed())),
        };
        check_unchanged(opened)?;
        let digest = hashed.digest;
        let end = End { byte_count: ByteCount::new(byte_count), digest, file_digest: Some(digest) };
        Ok(self.connection.sender.queue(Some(id), &end)?)
    }

    fn read_ranges(
        &mut self,
        id: u64,
        path: &SharedPath,
        opened: &OpenFile,
        (runs, unhashed, known): (&[Run], bool, Option<Hashed>),
    ) -> Result<(), Stop> {
        let byte_count = runs.iter().map(|run| run.1).sum();
        let sent = runs.iter().map(|(offset, count)| Range {
            offset: ByteCount::new(*offset),
            byte_count: ByteCount::new(*count),
        });
        self.announce(id, path, opened, (byte_count, Some(sent.collect()), known.as_ref()))?;
        let file_digest = known.map(|hashed| hashed.digest);
        let end = self.send_parts(id, &opened.file, runs, (file_digest, unhashed))?;
        check_unchanged(opened)?;
        Ok(self.connection.sender.queue_any(Some(id), &end)?)
    }

    /// Sends some of a file, and gives what ends it: a digest of these bytes, unless whoever asked holds them against the pieces
    /// of the version that this is.
    pub(super) fn send_parts(
        &mut self,
        id: u64,
        file: &File,
        runs: &[Run],
        (file_digest, unhashed): (Option<Digest>, bool),
    ) -> Result<Reply, Stop> {
        let byte_count = ByteCount::new(runs.iter().map(|run| run.1).sum());
        if let Some(file_digest) = file_digest.filter(|_| unhashed) {
            self.send_runs(id, file, runs)?;
            return Ok(Reply::Sent(Sent { byte_count, file_digest }));
        }
        let digest = self.send_and_hash(id, file, runs)?;
        Ok(Reply::End(End { byte_count, digest, file_digest }))
    }

    fn announce(
        &mut self,
        id: u64,
        path: &SharedPath,
        opened: &OpenFile,
        (byte_count, ranges, known): (u64, Option<Vec<Range>>, Option<&Hashed>),
    ) -> Result<(), Stop> {
        let entry = entry_of(path, &opened.status);
        let file_digest = known.map(|hashed| hashed.digest);
        let reading = Reading { entry, byte_count: ByteCount::new(byte_count), ranges, file_digest };
        Ok(self.connection.sender.queue(Some(id), &reading)?)
    }

    /// Sends runs of a file in sections that never cross a piece.
    fn send_runs(&mut self, id: u64, file: &File, runs: &[Run]) -> Result<(), Stop> {
        let section_bytes_max = self.section_bytes_max();
        for (offset, byte_count) in runs.iter().flat_map(|run| sections(run, section_bytes_max)) {
            self.keep_slot(id)?;
            let is_whole = self.connection.sender.section_of_file(id, offset, byte_count, file)?;
            self.count_bytes(byte_count);
            if !is_whole {
                return Err(Stop::Fail(changed()));
            }
        }
        Ok(())
    }

    /// Sends runs while a thread of its own hashes the same bytes in the same order.
    fn send_and_hash(&mut self, id: u64, file: &File, runs: &[Run]) -> Result<Digest, Stop> {
        let given_up = AtomicBool::new(false);
        let (done, digest) = bounded(1);
        scope(|threads| {
            let hash = || {
                // The receiver may have given up; then nobody wants the digest.
                let _ = done.try_send(hash_runs(file, runs, &given_up));
            };
            let started = Builder::new().name("hash-ranges".into()).spawn_scoped(threads, hash);
            let sent = self.send_runs(id, file, runs);
            if sent.is_err() || started.is_err() {
                given_up.store(true, Ordering::Relaxed);
            }
            sent?;
            if started.is_err() {
                return hash_runs(file, runs, &AtomicBool::new(false)).ok_or_else(|| Stop::Fail(changed()));
            }
            let mut pulse = Pulse::new(id, &self.host.share);
            loop {
                match digest.recv_timeout(WORKING_INTERVAL) {
                    Ok(Some(digest)) => return Ok(digest),
                    Err(RecvTimeoutError::Timeout) => {
                        let total = runs.iter().map(|run| run.1).sum();
                        pulse.beat(&mut self.connection.sender, total, total)?;
                    }
                    Ok(None) | Err(RecvTimeoutError::Disconnected) => return Err(Stop::Fail(changed())),
                }
            }
        })
    }

    fn wait_for(&mut self, id: u64, waiting: &Waiting) -> Result<Hashed, Stop> {
        let mut pulse = Pulse::new(id, &self.host.share);
        self.connection.sender.flush()?;
        loop {
            match waiting.wait(WORKING_INTERVAL) {
                JobState::Done(result) => return Ok(result?),
                JobState::Working { done, of } => pulse.beat(&mut self.connection.sender, done, of)?,
            }
        }
    }

    /// Reads a small file whole into the session's buffer.
    fn load(&mut self, opened: &OpenFile) -> Result<(), Stop> {
        self.scratch.resize(usize::try_from(opened.status.byte_count).unwrap_or(usize::MAX), 0);
        match opened.file.read_exact_at(&mut self.scratch, 0) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(changed().into()),
            other => Ok(other.map_err(FolderError::from)?),
        }
    }
}

fn changed() -> Refusal {
    Refusal::new(ErrorCode::Changed, "the file changed while it was read")
}

/// What would be refused before the payload is a failure after it.
fn after_payload(stop: Stop) -> Stop {
    match stop {
        Stop::Refuse(refusal) => Stop::Fail(refusal),
        other => other,
    }
}

pub(super) fn check_version(wanted: Option<Digest>, actual: Option<Digest>) -> Result<(), Stop> {
    if wanted.is_some() && wanted != actual {
        return Err(Refusal::new(ErrorCode::Changed, "the file is not the version that was asked for").into());
    }
    Ok(())
}

/// The bytes may have changed between being hashed and being sent.
fn check_unchanged(opened: &OpenFile) -> Result<(), Stop> {
    match identity_of(&opened.file) {
        Ok(now) if now.has_content_of(&opened.status.identity) => Ok(()),
        _ => Err(Stop::Fail(changed())),
    }
}

/// Sorts ranges, cuts them at the file's end, and merges those that touch.
pub(super) fn merge(ranges: &[Range], file_bytes: u64) -> Vec<Run> {
    let clip = |range: &Range| {
        let (offset, end) = (range.offset.get(), range.offset.get().saturating_add(range.byte_count.get()));
        (offset, end.min(file_bytes))
    };
    let mut spans: Vec<(u64, u64)> = ranges.iter().map(clip).filter(|(offset, end)| offset < end).collect();
    spans.sort_unstable();
    let mut runs: Vec<Run> = Vec::with_capacity(spans.len());
    for (offset, end) in spans {
        match runs.last_mut() {
            Some((last, count)) if *last + *count >= offset => *count = (*count).max(end - *last),
            _ => runs.push((offset, end - offset)),
        }
    }
    runs
}

/// Cuts a run at the boundaries of pieces, and wherever so many bytes have come together.
fn sections(run: &Run, bytes_max: u64) -> impl Iterator<Item = Run> + use<> {
    let (start, end) = (run.0, run.0 + run.1);
    let boundary = move |offset: u64| ((offset / PIECE_BYTES + 1) * PIECE_BYTES).min(offset + bytes_max);
    let next = move |offset: u64| (offset < end).then(|| boundary(offset).min(end));
    std::iter::successors(Some(start), move |offset| next(*offset))
        .take_while(move |offset| *offset < end)
        .map(move |offset| (offset, next(offset).unwrap_or(end) - offset))
}

fn hash_runs(file: &File, runs: &[Run], given_up: &AtomicBool) -> Option<Digest> {
    let (mut hasher, mut buffer) = (PieceHasher::default(), vec![0; BUFFER_BYTES]);
    for (mut offset, byte_count) in runs.iter().copied() {
        let end = offset + byte_count;
        while offset < end {
            let wanted = usize::try_from(end - offset).unwrap_or(usize::MAX).min(BUFFER_BYTES);
            let target = buffer.get_mut(..wanted).unwrap_or_default();
            file.read_exact_at(target, offset).ok().filter(|()| !given_up.load(Ordering::Relaxed))?;
            hasher.update(target);
            offset += wanted as u64;
        }
    }
    Some(hasher.finish().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(offset: u64, byte_count: u64) -> Range {
        Range { offset: ByteCount::new(offset), byte_count: ByteCount::new(byte_count) }
    }

    #[test]
    fn ranges_are_sorted_merged_and_cut_at_the_end_of_the_file() {
        let ranges = [range(50, 10), range(0, 5), range(5, 5), range(58, 100), range(100, 1), range(7, 0)];
        assert_eq!(merge(&ranges, 100), [(0, 10), (50, 50)]);
        assert_eq!(merge(&[range(u64::MAX, u64::MAX), range(100, 5)], 100), []);
    }

    proptest! {
        #[test]
        fn sections_cover_a_run_and_never_cross_a_piece(
            offset in 0u64..5 << 20,
            byte_count in 0u64..5 << 20,
            bytes_max in 1024u64..2 << 20,
        ) {
            let all: Vec<Run> = sections(&(offset, byte_count), bytes_max).collect();
            let mut at = offset;
            for (start, count) in &all {
                prop_assert_eq!(*start, at);
                prop_assert!(*count > 0 && start / PIECE_BYTES == (start + count - 1) / PIECE_BYTES);
                prop_assert!(*count <= bytes_max);
                at += count;
            }
            prop_assert_eq!(at, offset + byte_count);
        }
    }
}
