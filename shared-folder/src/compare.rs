//! What is the same at both ends, found by digests and piece values while no content moves.
//!
//! Length, time and the executable bit are a hint that comparing is worth a hash; only the hash decides. Must not know which end
//! will be changed.

use crate::catalogue::{Hashed, Remembered};
use crate::folder::{FolderError, Identity, OpenFile, Status, identity_of};
use crate::hashing::Hashing;
use crate::remote::{Found, Remote, Repeat, Watch};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use wire::digest::{Digest, PieceValue, piece_value};
use wire::limits::PIECE_BYTES;
use wire::message::{Entry, Kind};
use wire::path::SharedPath;

/// What a transfer would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsed {
    /// The file's length, in bytes.
    pub byte_count: u64,
    /// How many bytes of it would not have to be sent.
    pub reused: u64,
}

/// Whether the file at the other end may be this one, by what is told without reading either.
pub(crate) fn looks_same(status: &Status, entry: &Entry) -> bool {
    entry.kind != Kind::Folder
        && status.byte_count == entry.byte_count.get()
        && status.modified == entry.modified
        && status.executable == entry.executable
}

/// The digest of the file here, if what was found at the other end is the same, byte for byte.
pub(crate) fn same_digest(
    opened: &OpenFile,
    found: &Found,
    digests: &Remembered,
    watch: &dyn Watch,
) -> Option<Digest> {
    let theirs = found.digest.filter(|_| looks_same(&opened.status, &found.entry))?;
    let ours = digest_of(opened, digests, watch, &|| true)?;
    (ours == theirs).then_some(ours)
}

/// [`same_digest`] for a large file, asked for at once. Whatever goes wrong here goes wrong again in the transfer, which knows what
/// to do about it.
pub(crate) fn compare(
    remote: &mut Remote,
    path: &SharedPath,
    opened: &OpenFile,
    digests: &Remembered,
    watch: &dyn Watch,
) -> Option<Digest> {
    let ask = remote.ask(Repeat::Harmless, |session| session.stat(Some(path), true, watch));
    let found = ask.ok().filter(|found| looks_same(&opened.status, &found.entry))?;
    let cancel = remote.cancel();
    let ours = digest_of(opened, digests, watch, &|| !cancel.is_cancelled())?;
    (found.digest == Some(ours)).then_some(ours)
}

/// The digest of a file here, hashed now and remembered for when all of it is sent: nobody verifies what is left where it is, and a file
/// that is written through a mapping may have no newer time. `None` where it cannot be read, changes meanwhile, or nobody wants it any more.
pub(crate) fn digest_of(
    opened: &OpenFile,
    digests: &Remembered,
    watch: &dyn Watch,
    wanted: &dyn Fn() -> bool,
) -> Option<Digest> {
    let (file, identity) = (&opened.file, &opened.status.identity);
    let of = identity.byte_count;
    let mut hashing = Hashing::of_file(Some(of));
    while hashing.position() < of {
        let at = hashing.position();
        let room = hashing.room(of - at);
        let count = room.len();
        file.read_exact_at(room, at).ok().filter(|()| wanted())?;
        let Ok(()) = hashing.filled(count);
        if of > PIECE_BYTES {
            watch.checking(hashing.position(), of);
        }
    }
    let Ok(hashed) = hashing.finish();
    let (digest, pieces) = hashed.filter(|_| is_unchanged(file, identity))?;
    digests.note(identity, &Hashed { digest, pieces: pieces.into() });
    Some(digest)
}

/// How many bytes of a large file that is `new` bytes long can be taken from another one: whole pieces at their places, the last one
/// where both files end. These are the values of the pieces of one of the two, which has `of_values` bytes; `opened` is the other.
pub(crate) fn bytes_in_common(opened: &OpenFile, values: &[PieceValue], (new, of_values): (u64, u64)) -> u64 {
    let (mut common, mut piece) = (0, Vec::new());
    for (index, value) in (0u64..).zip(values) {
        let start = index * PIECE_BYTES;
        let length = new.saturating_sub(start).min(PIECE_BYTES);
        // Of a shorter piece the value is another one in any case.
        if of_values.saturating_sub(start).min(PIECE_BYTES) != length {
            break;
        }
        piece.resize(usize::try_from(length).unwrap_or(0), 0);
        if opened.file.read_exact_at(&mut piece, start).is_err() {
            break;
        }
        if piece_value(index, &piece) == *value {
            common += length;
        }
    }
    common
}

fn is_unchanged(file: &File, before: &Identity) -> bool {
    let now: Result<Identity, FolderError> = identity_of(file);
    now.is_ok_and(|now| now.has_content_of(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::remote::Unwatched;
    use std::fs;
    use wire::digest::PieceHasher;

    const PIECE: usize = 1 << 20;

    fn opened(content: &[u8]) -> (tempfile::TempDir, OpenFile) {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("a"), content).unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let opened = folder.open_file(&SharedPath::parse("a").unwrap()).unwrap();
        (place, opened)
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from((at * 7 + at / PIECE) % 251).unwrap()).collect()
    }

    fn in_common(here: &[u8], new: usize, values_of: &[u8]) -> u64 {
        let (_place, opened) = opened(here);
        let mut hasher = PieceHasher::default();
        hasher.update(values_of);
        let (_, values) = hasher.finish();
        bytes_in_common(&opened, &values, (new as u64, values_of.len() as u64))
    }

    #[test]
    fn whole_pieces_are_in_common_and_the_last_one_where_both_files_end() {
        let (long, short) = (bytes(3 * PIECE + 9), bytes(2 * PIECE + 5));
        assert_eq!(in_common(&long, long.len(), &long), long.len() as u64);
        assert_eq!(in_common(&long, long.len(), &short), 2 * PIECE as u64, "a file that grows");
        assert_eq!(in_common(&short, short.len(), &long), 2 * PIECE as u64, "a file that shrinks");
        let mut changed = long.clone();
        changed[PIECE] ^= 1;
        assert_eq!(in_common(&changed, long.len(), &long), (2 * PIECE + 9) as u64);
        assert_eq!(in_common(b"", long.len(), &long), 0);
    }

    #[test]
    fn a_file_that_changes_while_it_is_hashed_has_no_digest() {
        let content = bytes(PIECE + 1);
        let (place, opened) = opened(&content);
        assert_eq!(
            digest_of(&opened, &Remembered::nothing(), &Unwatched, &|| true),
            Some(Digest::of(&content))
        );
        assert_eq!(digest_of(&opened, &Remembered::nothing(), &Unwatched, &|| false), None);
        fs::write(place.path().join("a"), b"other").unwrap();
        assert_eq!(digest_of(&opened, &Remembered::nothing(), &Unwatched, &|| true), None);
    }
}
