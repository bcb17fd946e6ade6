//! What another end has of a file that may still be arriving there. Must not know how it was asked.

use std::ops::Range as Run;
use wire::limits::PIECE_BYTES;
use wire::message::Range;

/// What of a file is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// All of it.
    Whole,
    /// These pieces, in ascending runs.
    Pieces(Vec<Run<usize>>),
}

impl There {
    /// As it was told; none where the ranges are no whole pieces, do not ascend, or lie outside a file of so many bytes.
    pub(super) fn of(have: Option<&[Range]>, file_bytes: u64) -> Option<Self> {
        let Some(have) = have else { return Some(Self::Whole) };
        let mut before = 0;
        let piece = |range: &Range| {
            let (offset, end) = (range.offset.get(), range.offset.get().checked_add(range.byte_count.get())?);
            let is_end = end.is_multiple_of(PIECE_BYTES) || end == file_bytes;
            let is_whole = offset.is_multiple_of(PIECE_BYTES) && is_end;
            let fits = is_whole && (before..end).contains(&offset) && end <= file_bytes;
            before = end;
            let number = |pieces| usize::try_from(pieces).ok();
            fits.then_some(number(offset / PIECE_BYTES)?..number(end.div_ceil(PIECE_BYTES))?)
        };
        have.iter().map(piece).collect::<Option<_>>().map(Self::Pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::message::ByteCount;

    const MIB: u64 = PIECE_BYTES;

    fn there(runs: &[(u64, u64)]) -> Option<There> {
        let range =
            |run: &(u64, u64)| Range { offset: ByteCount::new(run.0), byte_count: ByteCount::new(run.1) };
        There::of(Some(&runs.iter().map(range).collect::<Vec<_>>()), 4 * MIB + 7)
    }

    #[test]
    fn runs_of_whole_pieces_within_the_file_are_taken() {
        assert_eq!(There::of(None, 5), Some(There::Whole));
        assert_eq!(there(&[]), Some(There::Pieces(vec![])));
        assert_eq!(there(&[(0, MIB), (2 * MIB, 2 * MIB + 7)]), Some(There::Pieces(vec![0..1, 2..5])));
    }

    #[test]
    fn what_is_no_run_of_whole_pieces_is_no_answer() {
        let wrong: [&[(u64, u64)]; 8] = [
            &[(1, MIB - 1)],
            &[(0, MIB + 1)],
            &[(0, 0)],
            &[(4 * MIB, 8)],
            &[(4 * MIB, MIB)],
            &[(5 * MIB, MIB)],
            &[(MIB, MIB), (0, MIB)],
            &[(0, 2 * MIB), (MIB, MIB)],
        ];
        for runs in wrong {
            assert_eq!(there(runs), None, "{runs:?}");
        }
    }
}
