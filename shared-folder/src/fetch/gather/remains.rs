//! Beginnings of pieces, whose rest was lost with a connection: whoever is given such a piece next asks for the rest alone.
//!
//! Must not know whether they are right: only a whole piece can be held against its value.

use super::SOURCES_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The first bytes of a piece.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    pub(super) bytes: Vec<u8>,
    /// Which sources brought how many of them.
    pub(super) givers: Vec<(usize, u64)>,
}

impl Beginning {
    pub(super) fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Beginnings by their pieces.
pub(super) type Beginnings = BTreeMap<usize, Beginning>;

/// What is kept for whoever comes next: at most one beginning for each source that there may be at once.
#[derive(Debug, Default)]
pub(super) struct Remains {
    kept: Beginnings,
    /// Sources with a beginning that did not become the piece: theirs are of no more use.
    suspects: BTreeSet<usize>,
}

impl Remains {
    /// Keeps a beginning, where there is room; gives how many bytes came in vain by that.
    pub(super) fn keep(&mut self, piece: usize, beginning: Beginning) -> u64 {
        let is_suspect = beginning.givers.iter().any(|(giver, _)| self.suspects.contains(giver));
        if is_suspect || (self.kept.len() >= SOURCES_MAX && !self.kept.contains_key(&piece)) {
            return beginning.byte_count();
        }
        self.kept.insert(piece, beginning).map_or(0, |before| before.byte_count())
    }

    /// Gives what is kept of these pieces, to whom they are given now.
    pub(super) fn take(&mut self, pieces: &Range<usize>) -> Beginnings {
        let of_them: Vec<usize> = self.kept.range(pieces.clone()).map(|(piece, _)| *piece).collect();
        of_them.into_iter().filter_map(|piece| self.kept.remove_entry(&piece)).collect()
    }

    /// The piece has come from elsewhere; gives how many bytes of it were kept in vain.
    pub(super) fn forget(&mut self, piece: usize) -> u64 {
        self.kept.remove(&piece).map_or(0, |beginning| beginning.byte_count())
    }

    /// What began with something of these sources was not the piece. Whose fault that is nobody knows.
    pub(super) fn suspect(&mut self, givers: &[(usize, u64)]) {
        self.suspects.extend(givers.iter().map(|(giver, _)| *giver));
    }

    /// How many bytes are kept.
    pub(super) fn byte_count(&self) -> u64 {
        self.kept.values().map(Beginning::byte_count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(giver: usize, byte_count: usize) -> Beginning {
        Beginning { bytes: vec![7; byte_count], givers: vec![(giver, byte_count as u64)] }
    }

    #[test]
    fn what_is_kept_of_a_piece_is_given_once_to_whoever_gets_the_piece() {
        let mut remains = Remains::default();
        assert_eq!(remains.keep(5, beginning(0, 10)) + remains.keep(9, beginning(1, 20)), 0);
        let taken = remains.take(&(4..9));
        assert_eq!(taken.keys().copied().collect::<Vec<_>>(), [5]);
        assert!(remains.take(&(4..9)).is_empty());
        assert_eq!(remains.byte_count(), 20);
        assert_eq!((remains.forget(9), remains.forget(9)), (20, 0));
    }

    #[test]
    fn what_is_replaced_or_has_no_room_came_in_vain() {
        let mut remains = Remains::default();
        let all: u64 = (0..SOURCES_MAX).map(|piece| remains.keep(piece, beginning(piece, 1))).sum();
        assert_eq!((all, remains.keep(99, beginning(0, 3)), remains.keep(2, beginning(0, 4))), (0, 3, 1));
        assert_eq!(remains.byte_count(), SOURCES_MAX as u64 + 3);
    }

    #[test]
    fn nothing_more_is_kept_of_whose_beginning_did_not_become_the_piece() {
        let mut remains = Remains::default();
        remains.suspect(&[(1, 10), (2, 5)]);
        assert_eq!([0, 1, 2].map(|giver| remains.keep(giver, beginning(giver, 3))), [0, 3, 3]);
    }
}
