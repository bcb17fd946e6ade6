//! Files that arrive in pieces, and what is there of each: whoever fetches one notes its pieces here, whoever serves looks
//! here for those that others may have already.
//!
//! Must not know how pieces come, nor who asks for them.

use super::Proof;
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use wire::digest::Digest;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

/// Files that are offered while they arrive: each of them holds a descriptor. Further ones are not offered.
const OFFERED_MAX: usize = 64;

/// All files that are offered while they arrive; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct ArrivingFiles(Arc<Mutex<Vec<Arc<Arriving>>>>);

/// The place of one fetch among them: what arrives is found from its beginning until the offer is dropped.
#[derive(Debug)]
pub struct Offer {
    files: ArrivingFiles,
    told: OnceLock<Arc<Arriving>>,
}

/// A file on its way to its name, as far as others may know.
#[derive(Debug)]
pub struct Arriving {
    path: SharedPath,
    modified: Option<Timestamp>,
    is_executable: bool,
    proof: Proof,
    /// The temporary file, opened once more, where it is offered: a lock on the other one ends with the landing.
    file: OnceLock<File>,
    there: Mutex<There>,
}

/// The pieces that are in the temporary file.
#[derive(Debug)]
struct There {
    pieces: Vec<bool>,
    missing: usize,
    received: u64,
}

impl ArrivingFiles {
    /// The place of one more fetch.
    #[must_use]
    pub fn offer(&self) -> Offer {
        Offer { files: self.clone(), told: OnceLock::new() }
    }

    /// The first one of that content that is `wanted`.
    #[must_use]
    pub fn find(&self, digest: Digest, wanted: impl Fn(&Arriving) -> bool) -> Option<Arc<Arriving>> {
        let files = self.files();
        files.iter().find(|file| file.proof.digest == digest && wanted(file)).cloned()
    }

    fn files(&self) -> MutexGuard<'_, Vec<Arc<Arriving>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offer {
    /// Where to begin to fetch a file of so many pieces: anywhere, so that those who fetch the same file at the same time soon have
    /// different pieces of it, for each other.
    pub(crate) fn first_piece(&self, piece_count: usize) -> usize {
        let chance = getrandom::u64().unwrap_or(0);
        usize::try_from(chance % (piece_count.max(1) as u64)).unwrap_or(0)
    }

    /// From now on it is found.
    pub(super) fn begin(&self, arriving: &Arc<Arriving>) {
        let mut files = self.files.files();
        if files.len() < OFFERED_MAX && self.told.set(Arc::clone(arriving)).is_ok() {
            files.push(Arc::clone(arriving));
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if let Some(told) = self.told.get() {
            self.files.files().retain(|file| !Arc::ptr_eq(file, told));
        }
    }
}

impl Arriving {
    /// Nothing of it is there.
    pub(super) fn new(path: SharedPath, attributes: (Option<Timestamp>, bool), proof: Proof) -> Self {
        let missing = proof.piece_count();
        let there = Mutex::new(There { pieces: vec![false; missing], missing, received: 0 });
        let (modified, is_executable) = attributes;
        Self { path, modified, is_executable, proof, file: OnceLock::new(), there }
    }

    /// Where it will land.
    #[must_use]
    pub fn path(&self) -> &SharedPath {
        &self.path
    }

    /// The modification time that it will have, where that is known.
    #[must_use]
    pub fn modified(&self) -> Option<Timestamp> {
        self.modified
    }

    /// Whether it will have the executable bit.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.is_executable
    }

    /// What it will be.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// What has the pieces that are there; none where it is not offered.
    #[must_use]
    pub fn file(&self) -> Option<&File> {
        self.file.get()
    }

    /// The pieces that are there, in runs that ascend and do not touch.
    #[must_use]
    pub fn runs(&self) -> Vec<Range<usize>> {
        let there = self.there();
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (piece, _) in (0..).zip(&there.pieces).filter(|(_, is_there)| **is_there) {
            match runs.last_mut() {
                Some(last) if last.end == piece => last.end += 1,
                _ => runs.push(piece..piece + 1),
            }
        }
        runs
    }

    /// Whether all of these pieces are there.
    #[must_use]
    pub fn has(&self, pieces: Range<usize>) -> bool {
        self.there().pieces.get(pieces).is_some_and(|pieces| pieces.iter().all(|is_there| *is_there))
    }

    /// The pieces that are not there yet.
    pub(super) fn missing(&self) -> Vec<usize> {
        let there = self.there();
        (0..).zip(&there.pieces).filter(|(_, is_there)| !**is_there).map(|(piece, _)| piece).collect()
    }

    /// How many pieces are missing, and how many bytes of the others were received and not found here.
    pub(super) fn tally(&self) -> (usize, u64) {
        let there = self.there();
        (there.missing, there.received)
    }

    /// A piece was verified and is in the file; so many bytes of it were received. Whether it is noted for the first time.
    pub(super) fn note(&self, piece: usize, received: u64) -> bool {
        let mut there = self.there();
        let is_first = there.pieces.get_mut(piece).is_some_and(|is_there| !std::mem::replace(is_there, true));
        if is_first {
            there.missing -= 1;
            there.received += received;
        }
        is_first
    }

    /// Lets others read it from `file`.
    pub(super) fn open(&self, file: File) {
        // It is opened once, by the one landing that it has.
        let _ = self.file.set(file);
    }

    fn there(&self) -> MutexGuard<'_, There> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arriving(piece_count: usize) -> Arc<Arriving> {
        let values = vec![[0; 32]; piece_count];
        let proof = Proof { byte_count: (piece_count as u64) << 20, digest: Digest::of(b"x"), values };
        Arc::new(Arriving::new(SharedPath::parse("a").unwrap(), (None, false), proof))
    }

    #[test]
    fn what_is_there_is_told_in_runs() {
        let file = arriving(7);
        assert_eq!((file.runs(), file.missing().len()), (vec![], 7));
        for piece in [6, 0, 2, 1, 2, 9] {
            file.note(piece, 5);
        }
        assert_eq!(file.runs(), [0..3, 6..7]);
        assert_eq!((file.missing(), file.tally()), (vec![3, 4, 5], (3, 20)));
        assert!(file.has(0..3) && file.has(6..7) && file.has(4..4));
        assert!(!file.has(2..4) && !file.has(6..8) && !file.has(8..9));
    }

    #[test]
    fn an_offer_is_found_until_it_ends_and_only_so_many_are_offered() {
        let files = ArrivingFiles::default();
        let offer = files.offer();
        assert!(files.find(Digest::of(b"x"), |_| true).is_none(), "nothing of it is known yet");
        offer.begin(&arriving(2));
        assert!(files.find(Digest::of(b"x"), |_| true).is_some());
        assert!(files.find(Digest::of(b"x"), |file| file.path().name() == "b").is_none());
        assert!(files.find(Digest::of(b"y"), |_| true).is_none());
        let others: Vec<Offer> = (0..OFFERED_MAX).map(|_| files.offer()).collect();
        others.iter().for_each(|offer| offer.begin(&arriving(1)));
        assert_eq!(files.files().len(), OFFERED_MAX, "one more is not offered");
        drop((offer, others));
        assert!(files.find(Digest::of(b"x"), |_| true).is_none());
    }
}
