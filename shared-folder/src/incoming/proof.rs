//! What a file is to be, as a list of its pieces proves it. Must not know where pieces come from or go.

use std::ops::Range;
use wire::digest::{Digest, PieceValue, piece_value};
use wire::limits::PIECE_BYTES;

/// What a file is to be: values of pieces that merge to its digest, and a length that is proven, too (see
/// `wire::digest::check_piece_list`).
#[derive(Debug, Clone)]
pub struct Proof {
    /// The file's length, in bytes.
    pub byte_count: u64,
    /// The file's digest.
    pub digest: Digest,
    /// The value of each piece.
    pub values: Vec<PieceValue>,
}

impl Proof {
    /// How many pieces have bytes: all, but that of an empty file.
    #[must_use]
    pub fn piece_count(&self) -> usize {
        if self.byte_count == 0 { 0 } else { self.values.len() }
    }

    /// From which byte to before which a piece reaches.
    #[must_use]
    pub fn span(&self, piece: usize) -> Range<u64> {
        let start = (piece as u64).saturating_mul(PIECE_BYTES).min(self.byte_count);
        start..start.saturating_add(PIECE_BYTES).min(self.byte_count)
    }

    /// Whether `bytes` are that piece.
    #[must_use]
    pub fn has(&self, piece: usize, bytes: &[u8]) -> bool {
        let span = self.span(piece);
        if bytes.is_empty() || span.end - span.start != bytes.len() as u64 {
            return false;
        }
        let value = match self.values.len() {
            1 => Digest::of(bytes).0,
            _ => piece_value(piece as u64, bytes),
        };
        self.values.get(piece) == Some(&value)
    }
}
