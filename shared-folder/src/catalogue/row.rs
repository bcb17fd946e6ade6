//! A row of what is known: the digest and the piece values of one state of one file, as bytes.
//!
//! Must not know where rows are kept.

use super::{Hashed, Known, SETTLED_AFTER};
use crate::folder::Identity;
use std::time::{SystemTime, UNIX_EPOCH};
use wire::digest::{Digest, PieceValue};

/// Bytes of a row before its piece values.
const HEAD_BYTES: usize = 80;

/// Length, both times, whether it had settled, digest, piece values; numbers little-endian.
pub(super) fn encode(identity: &Identity, hashed: &Hashed, at: SystemTime) -> Vec<u8> {
    let Identity { byte_count, modified, changed, .. } = *identity;
    let mut bytes = Vec::with_capacity(HEAD_BYTES + 32 * hashed.pieces.len());
    bytes.extend_from_slice(&byte_count.to_le_bytes());
    for (seconds, nanoseconds) in [modified, changed, moment(at)] {
        bytes.extend_from_slice(&seconds.to_le_bytes());
        bytes.extend_from_slice(&nanoseconds.to_le_bytes());
    }
    bytes.extend_from_slice(&hashed.digest.0);
    debug_assert_eq!(bytes.len(), HEAD_BYTES - 4);
    bytes.extend_from_slice(&[0; 4]);
    hashed.pieces.iter().for_each(|value| bytes.extend_from_slice(value));
    bytes
}

/// The row's content, if it is about exactly this state of the file.
pub(super) fn decode(bytes: &[u8], identity: &Identity) -> Option<Known> {
    let (head, values) = bytes.split_at_checked(HEAD_BYTES)?;
    let mut head = Head(head);
    let byte_count = u64::from_le_bytes(head.take()?);
    let modified = head.moment()?;
    let changed = head.moment()?;
    let hashed_at = head.moment()?;
    if (byte_count, modified, changed) != (identity.byte_count, identity.modified, identity.changed) {
        return None;
    }
    let digest = Digest(head.take()?);
    let (pieces, rest): (&[PieceValue], _) = values.as_chunks();
    let is_whole = rest.is_empty() && pieces.len() as u64 == wire::digest::piece_count(byte_count);
    let settled = i64::try_from(SETTLED_AFTER.as_secs()).ok()?;
    let is_settled = changed.0.saturating_add(settled) < hashed_at.0;
    is_whole.then(|| Known { hashed: Hashed { digest, pieces: pieces.into() }, is_settled })
}

/// Reads numbers from the front of a row.
struct Head<'a>(&'a [u8]);

impl Head<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (now, later) = self.0.split_first_chunk()?;
        self.0 = later;
        Some(*now)
    }

    fn moment(&mut self) -> Option<(i64, u32)> {
        Some((i64::from_le_bytes(self.take()?), u32::from_le_bytes(self.take()?)))
    }
}

fn moment(time: SystemTime) -> (i64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Inode;

    const BYTE_COUNT: u64 = 5;

    fn identity(changed: (i64, u32)) -> Identity {
        Identity { inode: Inode { device: 1, number: 1 }, byte_count: BYTE_COUNT, modified: (1, 0), changed }
    }

    fn hashed(piece_count: usize) -> Hashed {
        Hashed { digest: Digest([7; 32]), pieces: vec![[7; 32]; piece_count].into() }
    }

    fn row(hashed: &Hashed) -> Vec<u8> {
        encode(&identity((1, 0)), hashed, SystemTime::now())
    }

    #[test]
    fn a_row_with_another_number_of_pieces_than_its_file_has_is_not_believed() {
        let known = Known { hashed: hashed(1), is_settled: true };
        assert_eq!(decode(&row(&hashed(1)), &identity((1, 0))), Some(known));
        assert_eq!(decode(&row(&hashed(2)), &identity((1, 0))), None);
        let cut = row(&hashed(1));
        assert_eq!(decode(&cut[..cut.len() - 1], &identity((1, 0))), None);
    }

    #[test]
    fn a_digest_is_for_one_time_of_change_though_length_and_time_of_content_are_the_same() {
        assert_eq!(decode(&row(&hashed(1)), &identity((1, 1))), None);
    }

    #[test]
    fn what_was_hashed_soon_after_it_had_changed_has_not_settled() {
        let hashed_after = |seconds: u64| {
            let at = UNIX_EPOCH + std::time::Duration::from_secs(1000 + seconds);
            let of = identity((1000, 0));
            decode(&encode(&of, &hashed(1), at), &of).map(|known| known.is_settled)
        };
        assert_eq!([0, 2, 3].map(hashed_after), [Some(false), Some(false), Some(true)]);
    }
}
