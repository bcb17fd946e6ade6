//! Bytes for files, digests of them, and chance that can be repeated: all of it follows from a seed.
//!
//! It must not know where the bytes go. Piece values are computed here from the text of PROTOCOL.md alone.

use blake3::Hasher;
use blake3::hazmat::HasherExt;

/// A piece of a file, in bytes (PROTOCOL.md, section 6).
pub const PIECE_BYTES: usize = 1 << 20;

/// The lengths at which code that cuts files into pieces goes wrong.
pub const BOUNDARY_LENGTHS: [usize; 7] =
    [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 77];

/// `length` bytes that look random and follow from `seed`.
pub fn bytes(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// The digest of a file with these bytes, in the 64 hex digits of the protocol.
pub fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// How many pieces a file of this length has: an empty one has one.
pub fn piece_count(length: usize) -> usize {
    length.div_ceil(PIECE_BYTES).max(1)
}

/// One piece of a file.
pub fn piece(bytes: &[u8], index: usize) -> &[u8] {
    let end = bytes.len().min((index + 1) * PIECE_BYTES);
    &bytes[index * PIECE_BYTES..end]
}

/// The value of a piece of a larger file: its chaining value, never finalized as root.
pub fn inner_piece_value(piece: &[u8], index: usize) -> [u8; 32] {
    let offset = u64::try_from(index * PIECE_BYTES).unwrap();
    Hasher::new().set_input_offset(offset).update(piece).finalize_non_root()
}

/// The values of all pieces of a file as `pieces` gives them: of a file of one piece, its digest.
pub fn piece_values(bytes: &[u8]) -> Vec<[u8; 32]> {
    match piece_count(bytes.len()) {
        1 => vec![*blake3::hash(bytes).as_bytes()],
        count => (0..count).map(|index| inner_piece_value(piece(bytes, index), index)).collect(),
    }
}

/// Chance that can be repeated: the same seed gives the same throws.
pub struct Dice(blake3::OutputReader);

impl Dice {
    /// Dice that follow from `seed`.
    pub fn new(seed: &str) -> Self {
        Self(Hasher::new().update(seed.as_bytes()).finalize_xof())
    }

    /// A number from 0 to `end` - 1.
    pub fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(end).unwrap()).unwrap()
    }

    /// A number for an id that nobody else has.
    pub fn wide(&mut self) -> u128 {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
