//! A file whose pieces arrive in any order and from several threads: each is verified before a byte of it is stored.
//!
//! All but the order is that of [`Incoming`]: the same temporary name and lock, the same landing. Nothing hashes the
//! whole once more: pieces with the values of a list that merges to the digest are the file.

use super::{
    Arrived, Arriving, Incoming, Landed, Landing, LandingError, Offer, Proof, Step, Syncing, land, run_step,
};
use crate::folder::{Folder, FolderError, Nearby};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use wire::path::SharedPath;

/// What became of a piece that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It is in the file now.
    First,
    /// It had been there already.
    Again,
    /// These bytes are not that piece; nothing was stored.
    Wrong,
}

/// A file on its way to its name, in pieces.
#[derive(Debug)]
pub struct Scattered<'a> {
    incoming: Incoming<'a>,
    arriving: Arc<Arriving>,
}

impl<'a> Scattered<'a> {
    /// As [`Incoming::begin`].
    ///
    /// # Errors
    /// See [`LandingError`].
    pub fn begin(
        folder: &'a Folder,
        path: &SharedPath,
        landing: Landing,
        proof: Proof,
    ) -> Result<Self, LandingError> {
        let landing = Landing { byte_count: Some(proof.byte_count), ..landing };
        let attributes = (landing.modified, landing.executable == Some(true));
        let incoming = Incoming::unhashed(folder, path, landing, &mut Nearby::default())?;
        let arriving = Arc::new(Arriving::new(path.clone(), attributes, proof));
        Ok(Self { incoming, arriving })
    }

    /// What the file is to be.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        self.arriving.proof()
    }

    /// Lets others find what is here and what still comes. Where the file cannot be opened once more, nobody does.
    pub fn offer(&self, offer: &Offer) {
        if let Some(file) = self.incoming.open_temporary() {
            self.arriving.open(file);
            offer.begin(&self.arriving);
        }
    }

    /// Looks for pieces that are here already: in what an earlier landing left, and in the file that is to be replaced,
    /// from which they are copied. `progress` is told bytes done and bytes in all, and says whether to go on.
    ///
    /// # Errors
    /// When something cannot be read or stored, or is given up.
    pub fn find(&self, progress: &mut dyn FnMut(u64, u64) -> bool) -> Result<(), LandingError> {
        let old = self.incoming.old.and_then(|_| self.incoming.open_old());
        let kept = self.incoming.temporary.byte_count;
        let held = old.as_ref().and_then(|old| old.metadata().ok()).map_or(0, |old| old.len()).max(kept);
        let mut buffer = Vec::new();
        for piece in 0..self.proof().piece_count() {
            let span = self.proof().span(piece);
            if span.end > held {
                return Ok(());
            }
            buffer.resize(usize::try_from(span.end - span.start).unwrap_or(0), 0);
            if span.end <= kept && self.is_in(&self.incoming.temporary.file, piece, &mut buffer)? {
                self.arriving.note(piece, 0);
            } else if let Some(old) = &old
                && self.is_in(old, piece, &mut buffer)?
            {
                self.store(piece, &buffer)?;
                self.arriving.note(piece, 0);
            }
            if !progress(span.end, held.min(self.proof().byte_count)) {
                return Err(LandingError::GivenUp);
            }
        }
        Ok(())
    }

    /// The pieces that are not here yet.
    #[must_use]
    pub fn missing(&self) -> Vec<usize> {
        self.arriving.missing()
    }

    /// Stores one piece that was received, if it is that piece.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn piece(&self, piece: usize, bytes: &[u8]) -> Result<Came, LandingError> {
        if !self.proof().has(piece, bytes) {
            return Ok(Came::Wrong);
        }
        self.store(piece, bytes)?;
        let is_first = self.arriving.note(piece, bytes.len() as u64);
        Ok(if is_first { Came::First } else { Came::Again })
    }

    /// Gives the file its attributes, syncs, renames, syncs the folder.
    ///
    /// # Errors
    /// When a piece is missing; and as [`Incoming::finish`].
    pub fn finish(self) -> Result<Landed, LandingError> {
        let Self { mut incoming, arriving } = self;
        let Proof { byte_count, digest, values } = arriving.proof().clone();
        let (missing, received) = arriving.tally();
        if missing > 0 {
            return Err(LandingError::WrongLength { announced: byte_count, received });
        }
        incoming.received = received;
        incoming.give_attributes(byte_count)?;
        let arrived = Arrived { incoming, byte_count, digest, pieces: values };
        land(vec![arrived], Syncing::Each).pop().unwrap_or(Err(LandingError::HashLost))
    }

    fn is_in(&self, file: &File, piece: usize, buffer: &mut [u8]) -> Result<bool, LandingError> {
        match file.read_exact_at(buffer, self.proof().span(piece).start) {
            Ok(()) => Ok(self.proof().has(piece, buffer)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(FolderError::from(error).into()),
        }
    }

    fn store(&self, piece: usize, bytes: &[u8]) -> Result<(), LandingError> {
        let (temporary, offset) = (&self.incoming.temporary, self.proof().span(piece).start);
        let write = || Ok(temporary.file.write_all_at(bytes, offset)?);
        let written = run_step(&self.incoming.landing.probe, Step::Write, write);
        written.inspect_err(|error| temporary.forget_if_full(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incoming::ArrivingFiles;
    use wire::digest::{Digest, PieceHasher};

    const MIB: usize = 1 << 20;

    fn content(byte_count: usize, seed: usize) -> Vec<u8> {
        (0..byte_count).map(|index| u8::try_from((index / 4096 * 7 + index + seed) % 251).unwrap()).collect()
    }

    fn proof(bytes: &[u8]) -> Proof {
        let mut hasher = PieceHasher::default();
        hasher.update(bytes);
        let (digest, values) = hasher.finish();
        Proof { byte_count: bytes.len() as u64, digest, values }
    }

    fn begin<'a>(folder: &'a Folder, bytes: &[u8]) -> Scattered<'a> {
        let landing = Landing { resumable: bytes.len() > MIB, ..Landing::default() };
        Scattered::begin(folder, &SharedPath::parse("a").unwrap(), landing, proof(bytes)).unwrap()
    }

    fn names(place: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(place.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn pieces_in_any_order_make_the_file_at_every_size_around_the_boundaries() {
        for byte_count in [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB - 1, 3 * MIB, 3 * MIB + 1] {
            let place = tempfile::tempdir().unwrap();
            let folder = Folder::open(place.path()).unwrap();
            let bytes = content(byte_count, 0);
            let scattered = begin(&folder, &bytes);
            for piece in scattered.missing().into_iter().rev() {
                assert_eq!(scattered.piece(piece, b"something else").unwrap(), Came::Wrong);
                let end = bytes.len().min((piece + 1) * MIB);
                assert_eq!(scattered.piece(piece, &bytes[piece * MIB..end]).unwrap(), Came::First);
            }
            let landed = scattered.finish().unwrap();
            assert_eq!((landed.digest, landed.reused), (Digest::of(&bytes), 0));
            assert_eq!(std::fs::read(place.path().join("a")).unwrap(), bytes);
            assert_eq!(names(&place), ["a"]);
        }
    }

    #[test]
    fn promise_2_a_piece_of_another_place_or_content_is_not_stored_and_nothing_lands_without_it() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let bytes = content(2 * MIB, 0);
        let scattered = begin(&folder, &bytes);
        assert_eq!(scattered.piece(1, &bytes[..MIB]).unwrap(), Came::Wrong);
        assert_eq!(scattered.piece(7, &bytes[..MIB]).unwrap(), Came::Wrong);
        assert_eq!(scattered.piece(0, &bytes[..MIB]).unwrap(), Came::First);
        assert_eq!(scattered.piece(0, &bytes[..MIB]).unwrap(), Came::Again);
        assert_eq!(scattered.missing(), [1]);
        assert!(matches!(scattered.finish(), Err(LandingError::WrongLength { .. })));
        assert!(!place.path().join("a").exists());
    }

    #[test]
    fn promise_4_what_was_kept_and_what_is_replaced_is_found_and_what_is_spoiled_is_not() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let bytes = content(5 * MIB + 9, 0);
        let mut old = content(5 * MIB + 9, 3);
        old[MIB..2 * MIB].copy_from_slice(&bytes[MIB..2 * MIB]);
        std::fs::write(place.path().join("a"), &old).unwrap();
        let scattered = begin(&folder, &bytes);
        assert_eq!(scattered.piece(3, &bytes[3 * MIB..4 * MIB]).unwrap(), Came::First);
        assert_eq!(scattered.piece(5, &bytes[5 * MIB..]).unwrap(), Came::First);
        drop(scattered);
        assert_eq!(std::fs::read(place.path().join("a")).unwrap(), old, "nothing has landed");
        let scattered = begin(&folder, &bytes);
        scattered.find(&mut |_, _| true).unwrap();
        assert_eq!(scattered.missing(), [0, 2, 4]);
        for piece in [0, 2, 4] {
            assert_eq!(scattered.piece(piece, &bytes[piece * MIB..(piece + 1) * MIB]).unwrap(), Came::First);
        }
        let landed = scattered.finish().unwrap();
        assert_eq!((landed.digest, landed.reused), (Digest::of(&bytes), 2 * MIB as u64 + 9));
        assert_eq!(std::fs::read(place.path().join("a")).unwrap(), bytes);
        assert_eq!(names(&place), ["a"]);
    }

    #[test]
    fn a_landing_without_a_piece_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        drop(begin(&folder, &content(2 * MIB, 0)));
        assert_eq!(names(&place), Vec::<String>::new());
    }

    #[test]
    fn what_is_here_and_what_still_comes_is_read_through_an_offer_while_and_after_it_lands() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let (files, bytes) = (ArrivingFiles::default(), content(3 * MIB + 9, 0));
        let offer = files.offer();
        let scattered = begin(&folder, &bytes);
        assert_eq!(scattered.piece(1, &bytes[MIB..2 * MIB]).unwrap(), Came::First);
        scattered.offer(&offer);
        let found = files.find(Digest::of(&bytes), |_| true).unwrap();
        assert_eq!(scattered.piece(3, &bytes[3 * MIB..]).unwrap(), Came::First);
        assert_eq!(found.runs(), [1..2, 3..4]);
        let mut there = vec![0; 9];
        found.file().unwrap().read_exact_at(&mut there, 3 * MIB as u64).unwrap();
        assert_eq!(there, bytes[3 * MIB..]);
        for piece in [0, 2] {
            assert_eq!(scattered.piece(piece, &bytes[piece * MIB..(piece + 1) * MIB]).unwrap(), Came::First);
        }
        scattered.finish().unwrap();
        let mut whole = vec![0; bytes.len()];
        found.file().unwrap().read_exact_at(&mut whole, 0).unwrap();
        assert!(found.has(0..4) && whole == bytes);
        drop(begin(&folder, b"the name is free again"));
    }
}
