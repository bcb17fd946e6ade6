//! What is here already of a file that is to land: a kept partial and, behind it, the file that is to be replaced.

use super::LandingError;
use super::temporary::Temporary;
use crate::folder::FolderError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use wire::digest::{PieceValue, piece_value};
use wire::limits::PIECE_BYTES;

/// Pieces that need not be sent. Every value is that of a piece of a larger file, never finalized as root.
#[derive(Debug, Default)]
pub(super) struct Base {
    values: Vec<PieceValue>,
    /// So many of them are in the temporary file already, in place.
    in_place: usize,
    old: Option<File>,
    byte_count: u64,
}

/// A piece that the base has.
#[derive(Debug, Clone, Copy)]
pub(super) struct BasePiece {
    /// Where it ends, in bytes from the file's start.
    pub(super) end: u64,
    /// Its value, where its bytes are in the temporary file; otherwise they are to be copied from the old file.
    pub(super) value: Option<PieceValue>,
}

impl Base {
    /// Hashes what is there, for a new file of `byte_count` bytes.
    pub(super) fn find(
        temporary: &Temporary,
        old: Option<File>,
        byte_count: u64,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Self, LandingError> {
        let old_bytes = old.as_ref().and_then(|old| old.metadata().ok()).map_or(0, |metadata| metadata.len());
        let all = temporary.byte_count.max(old_bytes).min(byte_count);
        let mut base = Self { old, ..Self::default() };
        base.append(&temporary.file, temporary.byte_count.min(byte_count), byte_count, &mut |done| {
            progress(done, all)
        })?;
        base.in_place = base.values.len();
        if let Some(old) = base.old.take() {
            base.append(&old, old_bytes.min(byte_count), byte_count, &mut |done| progress(done, all))?;
            base.old = Some(old);
        }
        Ok(base)
    }

    pub(super) fn values(&self) -> &[PieceValue] {
        &self.values
    }

    pub(super) fn byte_count(&self) -> u64 {
        self.byte_count
    }

    /// The piece that begins at `position`, if the base has it.
    pub(super) fn piece_at(&self, position: u64) -> Option<BasePiece> {
        if !position.is_multiple_of(PIECE_BYTES) {
            return None;
        }
        let index = usize::try_from(position / PIECE_BYTES).ok()?;
        let value = self.values.get(index)?;
        let end = (position + PIECE_BYTES).min(self.byte_count);
        Some(BasePiece { end, value: (index < self.in_place).then_some(*value) })
    }

    /// Fills `target` from the old file.
    pub(super) fn read_old(&self, position: u64, target: &mut [u8]) -> Result<(), LandingError> {
        let old = self.old.as_ref().ok_or(LandingError::Changed)?;
        match old.read_exact_at(target, position) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(LandingError::Changed),
            other => Ok(other.map_err(FolderError::from)?),
        }
    }

    /// Appends the pieces of `file` after those that are there. Only whole pieces count, and the last one when it
    /// ends where the new file ends.
    fn append(
        &mut self,
        file: &File,
        held: u64,
        byte_count: u64,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), LandingError> {
        let mut piece = vec![0; usize::try_from(PIECE_BYTES).unwrap_or(0)];
        loop {
            let start = self.values.len() as u64 * PIECE_BYTES;
            let end = (start + PIECE_BYTES).min(byte_count);
            if end > held || start >= end {
                return Ok(());
            }
            let target = piece.get_mut(..usize::try_from(end - start).unwrap_or(0)).unwrap_or_default();
            match file.read_exact_at(target, start) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                other => other.map_err(FolderError::from)?,
            }
            self.values.push(piece_value(start / PIECE_BYTES, target));
            self.byte_count = end;
            if !progress(end) {
                return Err(LandingError::GivenUp);
            }
        }
    }
}
