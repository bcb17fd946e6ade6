//! A piece that is arriving from one source.
//!
//! Must not know how it was asked for.

use super::ground::Ground;
use super::remains::{Beginning, Beginnings};
use crate::fetch::FetchError;
use crate::incoming::{Came, Proof};
use crate::remote::RemoteError;
use wire::connection::SectionBytes;
use wire::limits::PIECE_BYTES;

/// A piece that has come in part.
#[derive(Default)]
pub(super) struct Arriving {
    piece: usize,
    bytes: Vec<u8>,
    filled: usize,
    /// Who brought the beginning of it.
    others: Vec<(usize, u64)>,
    /// What others have brought of pieces that come later.
    beginnings: Beginnings,
    /// Pieces that others had begun, and that were not right as a whole.
    spoiled: Vec<usize>,
    /// Whether the session was given up because nothing of it is needed.
    pub(super) is_settled: bool,
    pub(super) has_stored: bool,
}

impl Arriving {
    /// Pieces come of which others have brought the beginning.
    pub(super) fn expect(&mut self, beginnings: Beginnings) {
        self.beginnings = beginnings;
    }

    /// Takes one section, which lies within a piece, and the piece when it is whole.
    pub(super) fn section(
        &mut self,
        (ground, number): (&Ground<'_>, usize),
        proof: &Proof,
        offset: u64,
        bytes: &mut SectionBytes<'_>,
    ) -> Result<(), FetchError> {
        if bytes.left() == 0 {
            return Ok(());
        }
        if self.filled == 0 {
            self.begin(proof, usize::try_from(offset / PIECE_BYTES).unwrap_or(usize::MAX));
        }
        while bytes.left() > 0 {
            let end = self.filled + usize::try_from(bytes.left()).unwrap_or(0);
            let target = self.bytes.get_mut(self.filled..end).unwrap_or_default();
            let count = bytes.read_some(target).map_err(|error| FetchError::Remote(error.into()))?;
            self.filled += count;
            if !ground.moved(number, u32::try_from(count).unwrap_or(u32::MAX)) {
                self.is_settled = true;
                return Err(RemoteError::Closed.into());
            }
        }
        if self.filled == self.bytes.len() { self.give(ground, number) } else { Ok(()) }
    }

    /// Pieces that have to come once more, and whole, for which nobody is to blame.
    pub(super) fn spoiled(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.spoiled)
    }

    /// Nothing more comes: gives what is here of a piece, and what others brought of pieces that did not begin.
    pub(super) fn leave(&mut self, number: usize) -> (Beginnings, Beginnings) {
        let filled = std::mem::take(&mut self.filled);
        let mut own = Beginnings::new();
        if filled > 0 {
            let (mut bytes, mut givers) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.others));
            bytes.truncate(filled);
            let of_others: u64 = givers.iter().map(|(_, count)| count).sum();
            givers.push((number, (filled as u64).saturating_sub(of_others)));
            own.insert(self.piece, Beginning { bytes, givers });
        }
        self.spoiled.clear();
        (own, std::mem::take(&mut self.beginnings))
    }

    fn begin(&mut self, proof: &Proof, piece: usize) {
        self.piece = piece;
        if let Some(Beginning { bytes, givers }) = self.beginnings.remove(&piece) {
            (self.filled, self.bytes, self.others) = (bytes.len(), bytes, givers);
        }
        let span = proof.span(piece);
        self.bytes.resize(usize::try_from(span.end - span.start).unwrap_or(0), 0);
    }

    fn give(&mut self, ground: &Ground<'_>, number: usize) -> Result<(), FetchError> {
        self.filled = 0;
        let others = std::mem::take(&mut self.others);
        let is_own = others.iter().all(|(giver, _)| *giver == number);
        match ground.piece(number, (self.piece, &self.bytes), &others)? {
            Came::Wrong if is_own => Err(FetchError::WrongPiece { piece: self.piece as u64 }),
            Came::Wrong => {
                self.spoiled.push(self.piece);
                Ok(())
            }
            Came::First | Came::Again => {
                self.has_stored = true;
                Ok(())
            }
        }
    }
}
