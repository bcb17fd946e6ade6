//! A file that lands: a temporary name beside its target, verified, synced, renamed.
//!
//! Both ends use it, the server for WRITE and the client for READ. Whatever goes wrong, the old file stays as it
//! was; a resumable landing keeps what arrived, any other removes it. Must not know any message.

mod scattered;
mod arriving;
mod proof;
mod arrived;
mod base;
mod steps;
mod sweep;
mod sync;
mod target;
mod temporary;

pub use arrived::{Arrived, Syncing, land};
pub use arriving::{Arriving, ArrivingFiles, Offer};
pub use proof::Proof;
pub use scattered::{Came, Scattered};
pub(crate) use steps::run_step;
pub use steps::{Probe, Step};
pub use sweep::{PARTIAL_AGE_MAX, PARTIAL_BYTES_MAX, SweepReport, sweep};
pub use temporary::learn_umask;

use crate::folder::{Folder, FolderError, FolderHandle, Identity, Inode, Nearby, Place, Status};
use crate::hashing::Hashing;
use base::Base;
use rustix::fs::{Mode, fstat, ftruncate, futimens};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use temporary::Temporary;
use thiserror::Error;
use wire::connection::{ReceiveError, SectionBytes};
use wire::digest::{Digest, PieceValue};
use wire::limits::PIECE_BYTES;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

/// How a file is to land.
#[derive(Clone, Default)]
pub struct Landing {
    /// Its length, where it is announced.
    pub byte_count: Option<u64>,
    /// The modification time it gets; none is the time of landing.
    pub modified: Option<Timestamp>,
    /// The executable bit; none keeps that of the file it replaces.
    pub executable: Option<bool>,
    /// Refuse to replace anything.
    pub new: bool,
    /// Replace only this state of the target.
    pub replaces: Option<Identity>,
    /// Nothing had the name a moment ago: it is not looked at before the file has arrived.
    pub is_thought_free: bool,
    /// Replace no link: who put it there wants what it leads to.
    pub spares_links: bool,
    /// Keep what arrived when the transfer breaks, and begin with what an earlier one left.
    pub resumable: bool,
    /// A file that is said to have the same content, to begin with instead of the one that is to be replaced.
    pub stand_in: Option<Arc<File>>,
    /// Sync data and folder before saying that it landed.
    pub synced: bool,
    /// Tell which state of which file it is then.
    pub identified: bool,
    /// Watches the steps to disk, and may make them fail; none in ordinary use.
    pub probe: Option<Arc<dyn Probe>>,
}

impl std::fmt::Debug for Landing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Landing").field("byte_count", &self.byte_count).finish_non_exhaustive()
    }
}

/// Why a file did not land. The old one is there, byte for byte.
#[derive(Debug, Error)]
pub enum LandingError {
    /// Below the folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Another transfer is landing there and owns what was kept.
    #[error("another upload to that name is running")]
    Busy,
    /// The target is not, or no longer, the version that was to be replaced.
    #[error("the file is not the version that was to be replaced")]
    Changed,
    /// More, fewer or other bytes than were announced.
    #[error("{received} bytes arrived where {announced} were announced")]
    WrongLength {
        /// As announced.
        announced: u64,
        /// As received.
        received: u64,
    },
    /// The bytes are not those of the digest.
    #[error("what arrived does not have the announced digest")]
    WrongDigest {
        /// What arrived has this digest.
        actual: Digest,
    },
    /// A section where none may be.
    #[error("a section at offset {offset} does not continue the file at {expected}")]
    Misplaced {
        /// Where it began.
        offset: u64,
        /// Where it should have begun.
        expected: u64,
    },
    /// A section that goes on where the file has ended.
    #[error("a section reaches to {end} in a file of {announced} bytes")]
    PastEnd {
        /// Where it ended.
        end: u64,
        /// The announced length.
        announced: u64,
    },
    /// The bytes did not arrive.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// Whoever was to land it gave up while what is here already was hashed.
    #[error("it was given up")]
    GivenUp,
    /// The hashing thread is gone: a bug of ours.
    #[error("the hash was lost")]
    HashLost,
}

/// Where the bytes of a section come from: a connection, or memory.
pub trait SectionSource {
    /// Bytes that were not read yet.
    fn left(&self) -> u64;

    /// Puts at least one byte into `target`, which is neither empty nor longer than what is left; gives how many.
    ///
    /// # Errors
    /// When none arrives.
    fn read_some(&mut self, target: &mut [u8]) -> Result<usize, ReceiveError>;
}

impl SectionSource for SectionBytes<'_> {
    fn left(&self) -> u64 {
        SectionBytes::left(self)
    }

    fn read_some(&mut self, target: &mut [u8]) -> Result<usize, ReceiveError> {
        SectionBytes::read_some(self, target)
    }
}

impl SectionSource for &[u8] {
    fn left(&self) -> u64 {
        self.len() as u64
    }

    fn read_some(&mut self, target: &mut [u8]) -> Result<usize, ReceiveError> {
        let (now, later) = self.split_at(target.len().min(self.len()));
        if let Some(start) = target.get_mut(..now.len()) {
            start.copy_from_slice(now);
        }
        *self = later;
        Ok(now.len())
    }
}

/// A file that has landed.
#[derive(Debug, Clone)]
pub struct Landed {
    /// Its length.
    pub byte_count: u64,
    /// Its digest, computed from what arrived.
    pub digest: Digest,
    /// The values of its pieces.
    pub pieces: Vec<PieceValue>,
    /// How many bytes of it were taken from the base and did not have to be sent.
    pub reused: u64,
    /// What stands on the disk now, if that was to be told.
    pub identity: Option<Identity>,
}

/// Whether a landing at that name has begun and left something.
pub(crate) fn is_begun(folder: &Folder, path: &SharedPath) -> bool {
    folder.place(path).is_ok_and(|place| temporary::has_kept(place.folder.as_fd(), place.name))
}

/// A file on its way to its name.
#[derive(Debug)]
pub struct Incoming<'a> {
    target: &'a Folder,
    folder: FolderHandle<'a>,
    folder_inode: Inode,
    path: SharedPath,
    name: String,
    landing: Landing,
    old: Option<Status>,
    temporary: Temporary,
    base: Base,
    /// Stores each piece where it is hashed.
    hashing: Option<Hashing<LandingError>>,
    /// Everything before has been taken; what is short of a piece may wait in memory.
    position: u64,
    received: u64,
}

impl<'a> Incoming<'a> {
    /// Checks the target, and opens a temporary file beside it.
    ///
    /// # Errors
    /// Before anything was changed: see [`LandingError`].
    pub fn begin(folder: &'a Folder, path: &SharedPath, landing: Landing) -> Result<Self, LandingError> {
        Self::begin_near(folder, path, landing, &mut Nearby::default())
    }

    /// As [`Incoming::begin`], in the folder that is kept if it is the one.
    ///
    /// # Errors
    /// As there.
    pub fn begin_near(
        folder: &'a Folder,
        path: &SharedPath,
        landing: Landing,
        nearby: &mut Nearby,
    ) -> Result<Self, LandingError> {
        let mut incoming = Self::unhashed(folder, path, landing, nearby)?;
        let (file, probe) = (Arc::clone(&incoming.temporary.file), incoming.landing.probe.clone());
        let write = move |offset: u64, bytes: &[u8]| {
            run_step(&probe, Step::Write, || Ok(file.write_all_at(bytes, offset)?))
        };
        incoming.hashing = Some(Hashing::with_task(incoming.landing.byte_count, write));
        Ok(incoming)
    }

    /// As [`Incoming::begin`], for what is not hashed as a whole.
    fn unhashed(
        folder: &'a Folder,
        path: &SharedPath,
        landing: Landing,
        nearby: &mut Nearby,
    ) -> Result<Self, LandingError> {
        let begin = |place: &Place<'_, '_>| {
            let is_free = landing.is_thought_free && landing.replaces.is_none();
            let old = if is_free { None } else { target::look(folder, place, path, &landing)? };
            target::check_space(place.folder.as_fd(), landing.byte_count)?;
            let name = place.name;
            let temporary = Temporary::open(place.folder.as_fd(), name, landing.resumable, old.is_some())?;
            Ok((old, temporary))
        };
        let begun = folder.in_place(path, nearby, begin);
        let (place, (old, temporary)) = begun.map_err(|error| target::lost_folder(error, &landing))?;
        let folder_inode = place.folder.inode()?;
        Ok(Self {
            target: folder,
            name: place.name.to_owned(),
            path: path.clone(),
            folder: place.folder,
            folder_inode,
            landing,
            old,
            temporary,
            base: Base::default(),
            hashing: None,
            position: 0,
            received: 0,
        })
    }

    /// The values of the pieces that are here already: those of a kept partial and, behind them, those of the file
    /// that is to be replaced, or of its stand-in. Empty unless the landing is resumable and the file has more than one piece. `progress`
    /// is told bytes done and bytes in all, and says whether to go on.
    ///
    /// # Errors
    /// When the partial or the old file cannot be read.
    pub fn base(
        &mut self,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Vec<PieceValue>, LandingError> {
        let wanted = self.landing.byte_count.filter(|count| self.landing.resumable && *count > PIECE_BYTES);
        if let Some(byte_count) = wanted {
            let stand_in = self.landing.stand_in.as_ref().and_then(|file| file.try_clone().ok());
            let old = stand_in.or_else(|| self.old.and_then(|_| self.open_old()));
            self.base = Base::find(&self.temporary, old, byte_count, progress)?;
        }
        Ok(self.base.values().to_vec())
    }

    /// How many bytes the pieces of [`Incoming::base`] have together.
    #[must_use]
    pub fn base_bytes(&self) -> u64 {
        self.base.byte_count()
    }

    /// Receives one section. Sections ascend; whole pieces between them are taken from the base.
    ///
    /// # Errors
    /// When it stands where none may be, does not arrive, or cannot be stored.
    pub fn section(&mut self, offset: u64, bytes: &mut impl SectionSource) -> Result<(), LandingError> {
        let end = offset.saturating_add(bytes.left());
        if let Some(announced) = self.landing.byte_count.filter(|count| end > *count) {
            return Err(LandingError::PastEnd { end, announced });
        }
        if offset < self.position {
            return Err(LandingError::Misplaced { offset, expected: self.position });
        }
        self.fill_from_base(offset)?;
        while bytes.left() > 0 {
            let room = self.hashing()?.room(bytes.left());
            let (count, outcome) = fill(bytes, room);
            // What came before the end is kept: the landing may go on over another connection.
            self.received += count as u64;
            self.filled(count)?;
            outcome?;
        }
        Ok(())
    }

    /// Bytes that arrived in sections so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Where the next section would continue, in bytes from the file's start.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes the rest from the base, verifies, and gives the file its attributes: all that precedes its landing.
    ///
    /// # Errors
    /// When it is not what was announced, or cannot be stored.
    pub fn arrived(
        mut self,
        byte_count: u64,
        announced: Option<Digest>,
    ) -> Result<Arrived<'a>, LandingError> {
        let (digest, pieces) = self.verify(byte_count, announced)?;
        self.give_attributes(byte_count)?;
        Ok(Arrived { incoming: self, byte_count, digest, pieces })
    }

    /// Takes the rest from the base, verifies, syncs, renames, syncs the folder: in this order.
    ///
    /// # Errors
    /// The old file is there unless the rename was reached and only syncing the folder failed.
    pub fn finish(self, byte_count: u64, digest: Option<Digest>) -> Result<Landed, LandingError> {
        self.finish_near(byte_count, digest, &mut Nearby::default())
    }

    /// As [`Incoming::finish`], by the last look at its folder where there was one.
    ///
    /// # Errors
    /// As there.
    pub fn finish_near(
        self,
        byte_count: u64,
        digest: Option<Digest>,
        nearby: &mut Nearby,
    ) -> Result<Landed, LandingError> {
        let group = vec![self.arrived(byte_count, digest)?];
        arrived::land_near(group, Syncing::Each, nearby).pop().unwrap_or(Err(LandingError::HashLost))
    }

    /// Removes what arrived instead of keeping it.
    pub fn discard(self) {
        self.temporary.forget_contents();
    }

    fn verify(
        &mut self,
        byte_count: u64,
        digest: Option<Digest>,
    ) -> Result<(Digest, Vec<PieceValue>), LandingError> {
        let announced = self.landing.byte_count.unwrap_or(byte_count);
        if announced == byte_count && self.base.byte_count() > 0 {
            self.fill_from_base(byte_count)?;
        }
        if self.position != byte_count || announced != byte_count {
            // Announced twice, at the beginning and at the end: it is one of them that does not fit.
            let announced = if self.position == byte_count { announced } else { byte_count };
            return Err(LandingError::WrongLength { announced, received: self.position });
        }
        let hashing = self.hashing.take().ok_or(LandingError::HashLost)?;
        let (actual, pieces) = self.stored(hashing.finish())?.ok_or(LandingError::HashLost)?;
        if digest.is_some_and(|digest| digest != actual) {
            return Err(LandingError::WrongDigest { actual });
        }
        Ok((actual, pieces))
    }

    fn give_attributes(&mut self, byte_count: u64) -> Result<(), LandingError> {
        let old = self.old.map(|old| old.permissions);
        self.temporary.give_permissions(old, self.landing.executable)?;
        let file = &self.temporary.file;
        if self.temporary.byte_count > byte_count {
            ftruncate(file, byte_count).map_err(FolderError::from)?;
        }
        if let Some(modified) = self.landing.modified {
            futimens(file, &temporary::times(modified)).map_err(FolderError::from)?;
        }
        Ok(())
    }

    /// Takes whole pieces from the base, up to `offset`.
    fn fill_from_base(&mut self, offset: u64) -> Result<(), LandingError> {
        while self.position < offset {
            let misplaced = LandingError::Misplaced { offset, expected: self.position };
            let Some(piece) = self.base.piece_at(self.position).filter(|piece| piece.end <= offset) else {
                return Err(misplaced);
            };
            match piece.value {
                Some(value) => {
                    let byte_count = piece.end - self.position;
                    self.hashing()?.value(value, byte_count);
                    self.position = piece.end;
                }
                None => self.copy_old(piece.end)?,
            }
        }
        Ok(())
    }

    /// Copies from the old file up to `end`, and hashes what is copied: it may have changed since it was offered.
    fn copy_old(&mut self, end: u64) -> Result<(), LandingError> {
        while self.position < end {
            let (position, left) = (self.position, end - self.position);
            let Self { base, hashing, .. } = self;
            let room = hashing.as_mut().ok_or(LandingError::HashLost)?.room(left);
            let count = room.len();
            base.read_old(position, room)?;
            self.filled(count)?;
        }
        Ok(())
    }

    /// So many bytes have come into the room.
    fn filled(&mut self, count: usize) -> Result<(), LandingError> {
        let stored = self.hashing()?.filled(count);
        self.position += count as u64;
        self.temporary.byte_count = self.temporary.byte_count.max(self.position);
        self.stored(stored)
    }

    /// What became of pieces that were stored.
    fn stored<T>(&self, outcome: Result<T, LandingError>) -> Result<T, LandingError> {
        outcome.inspect_err(|error| self.temporary.forget_if_full(error))
    }

    fn hashing(&mut self) -> Result<&mut Hashing<LandingError>, LandingError> {
        self.hashing.as_mut().ok_or(LandingError::HashLost)
    }

    fn open_old(&self) -> Option<File> {
        self.open_beside(&self.name)
    }

    /// The temporary file once more, for reading and without its lock.
    fn open_temporary(&self) -> Option<File> {
        let file = self.open_beside(&self.temporary.name)?;
        let inode = |file: &File| fstat(file).ok().map(|stat| Inode::of(&stat));
        (inode(&file) == inode(&self.temporary.file)).then_some(file)
    }

    fn open_beside(&self, name: &str) -> Option<File> {
        use rustix::fs::OFlags;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::openat(self.folder.as_fd(), name, flags, Mode::empty()).ok().map(File::from)
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        // The hashing thread ends before the file's fate is decided. A last piece that came may be whole without filling its buffer.
        let hashing = self.hashing.take().filter(|_| self.landing.resumable);
        if let Some(Err(error)) = hashing.map(Hashing::give_up) {
            self.temporary.forget_if_full(&error);
        }
        self.temporary.clean_up(self.folder.as_fd());
    }
}

/// Fills `target` as far as bytes arrive; gives how many did, and why not all.
fn fill(bytes: &mut impl SectionSource, target: &mut [u8]) -> (usize, Result<(), ReceiveError>) {
    let mut count = 0;
    while count < target.len() {
        match bytes.read_some(target.get_mut(count..).unwrap_or_default()) {
            Ok(more) => count += more,
            Err(lost) => return (count, Err(lost)),
        }
    }
    (count, Ok(()))
}

#[cfg(test)]
mod tests;
