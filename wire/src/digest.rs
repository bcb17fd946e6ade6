//! Digests and pieces: BLAKE3 of a whole file, and the aligned subtrees of that hash that prove a part of it.
//!
//! A piece is an aligned run of [`PIECE_BYTES`] (the last may be shorter); its value is the chaining value of
//! that subtree of the BLAKE3 tree (BLAKE3 paper, section 2.1), so the values of all pieces merge into the
//! digest. A file of at most one piece has one value: its digest. Must not know any file.

use crate::limits::PIECE_BYTES;
use blake3::Hasher;
use blake3::hazmat::{HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use thiserror::Error;

/// The BLAKE3 hash of a whole file, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// The BLAKE3 chaining value of one piece, 32 bytes.
pub type PieceValue = [u8; 32];

/// How many pieces a file of `byte_count` bytes has; an empty file has one, its digest.
#[must_use]
pub const fn piece_count(byte_count: u64) -> u64 {
    if byte_count == 0 { 1 } else { byte_count.div_ceil(PIECE_BYTES) }
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Reads 64 hex digits, in either case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }

    /// Writes it as text. Done here, all digits at once: `blake3::Hash::to_hex`, a character after the other, was a
    /// twelfth of the work of an answer with a small file, which has three digests.
    fn in_hex<'a>(&self, text: &'a mut [u8; 64]) -> &'a str {
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(
                &[byte >> 4, byte & 15].map(|value| value + if value < 10 { b'0' } else { b'a' - 10 }),
            );
        }
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Hashes a file from its start to its end, piece by piece.
#[derive(Debug)]
pub struct PieceHasher {
    values: Vec<PieceValue>,
    current: Hasher,
    byte_count: u64,
}

impl Default for PieceHasher {
    fn default() -> Self {
        Self { values: Vec::new(), current: Hasher::new(), byte_count: 0 }
    }
}

impl PieceHasher {
    /// Takes the next bytes of the file.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.begin_piece();
            let room = usize::try_from(PIECE_BYTES - self.current.count()).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.current.update(now);
            self.byte_count += now.len() as u64;
            bytes = later;
        }
    }

    /// Takes the next piece by its value alone, where its bytes have been checked before.
    ///
    /// # Errors
    /// When the last piece is not whole: a value can only follow whole pieces.
    pub fn push_value(&mut self, value: PieceValue, byte_count: u64) -> Result<(), PieceListError> {
        self.begin_piece();
        if self.current.count() != 0 || byte_count > PIECE_BYTES || byte_count == 0 {
            return Err(PieceListError::Misaligned);
        }
        self.values.push(value);
        self.byte_count += byte_count;
        self.current = Hasher::new();
        if byte_count == PIECE_BYTES {
            self.current.set_input_offset(self.byte_count);
        }
        Ok(())
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        self.byte_count
    }

    /// The digest, and the values of all pieces.
    #[must_use]
    pub fn finish(mut self) -> (Digest, Vec<PieceValue>) {
        if self.values.is_empty() {
            let digest = *self.current.finalize().as_bytes();
            return (Digest(digest), vec![digest]);
        }
        if self.current.count() > 0 {
            self.values.push(self.current.finalize_non_root());
        }
        (Digest(merge(&self.values)), self.values)
    }

    /// Closes the current piece when it is full and more follows.
    fn begin_piece(&mut self) {
        if self.current.count() == PIECE_BYTES {
            self.values.push(self.current.finalize_non_root());
            self.current = Hasher::new();
            self.current.set_input_offset(self.byte_count);
        }
    }
}

/// The value of piece `index` of a file that has more than one piece.
#[must_use]
pub fn piece_value(index: u64, bytes: &[u8]) -> PieceValue {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(index * PIECE_BYTES);
    hasher.update(bytes);
    if bytes.is_empty() { [0; 32] } else { hasher.finalize_non_root() }
}

/// Checks that `values` are the pieces of the file with this digest and length.
///
/// A list does not prove itself without the length: lists of two or eight values can merge to the digest of a
/// file of four pieces, so the count is checked first.
///
/// # Errors
/// When the count or the digest does not fit.
pub fn check_piece_list(
    values: &[PieceValue],
    digest: Digest,
    byte_count: u64,
) -> Result<(), PieceListError> {
    if values.len() as u64 != piece_count(byte_count) {
        return Err(PieceListError::Count);
    }
    if merge(values) == digest.0 { Ok(()) } else { Err(PieceListError::Digest) }
}

/// Why a list of piece values is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PieceListError {
    /// Not one value for each piece of a file of that length.
    #[error("the list has another number of pieces than a file of that length")]
    Count,
    /// The values do not merge to the digest.
    #[error("the piece values do not merge to the digest")]
    Digest,
    /// A value was given for a part that is no piece.
    #[error("a piece value stands where no piece begins")]
    Misaligned,
}

/// Merges the values of all pieces into the digest; a list of one is the digest already.
fn merge(values: &[PieceValue]) -> [u8; 32] {
    if let [] | [_] = values {
        return values.first().copied().unwrap_or_default();
    }
    let (left, right) = values.split_at(left_count(values.len()));
    *merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).as_bytes()
}

fn subtree(values: &[PieceValue]) -> PieceValue {
    if let [] | [_] = values {
        return values.first().copied().unwrap_or_default();
    }
    let (left, right) = values.split_at(left_count(values.len()));
    merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
}

/// The left subtree of a BLAKE3 tree has the largest power of two of leaves that leaves some for the right.
fn left_count(count: usize) -> usize {
    if count < 2 { count } else { 1 << (count - 1).ilog2() }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.in_hex(&mut [0; 64]))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.in_hex(&mut [0; 64]))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexText)
    }
}

struct HexText;

impl de::Visitor<'_> for HexText {
    type Value = Digest;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a digest of 64 hex digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
        Digest::from_hex(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests;
