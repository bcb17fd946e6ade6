//! What is the same at both ends, found by digests and piece values while no content moves.
//!
//! Length, time and the executable bit are a hint that comparing is worth a hash; only the hash decides. Must not know which end
//! will be changed.

use crate::folder::{FolderError, Identity, OpenFile, Status, identity_of};
use crate::hashing::{BUFFER_BYTES, Hashing};
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
pub(crate) fn same_digest(opened: &OpenFile, found: &Found, watch: &dyn Watch) -> Option<Digest> {
    let theirs = found.digest.filter(|_| looks_same(&opened.status, &found.entry))?;
    let ours = digest_of(opened, watch, &|| true)?;
    (ours == theirs).then_some(ours)
}

/// [`same_digest`] for a large file, asked for at once. Whatever goes wrong here goes wrong again in the transfer, which knows what
/// to do about it.
pub(crate) fn compare(
    remote: &mut Remote,
    path: &SharedPath,
    opened: &OpenFile,
    watch: &dyn Watch,
) -> Option<Digest> {
    let ask = remote.ask(Repeat::Harmless, |session| session.stat(Some(path), true, watch));
    let found = ask.ok().filter(|found| looks_same(&opened.status, &found.entry))?;
    let cancel = remote.cancel();
    let ours = digest_of(opened, watch, &|| !cancel.is_cancelled())?;
    (found.digest == Some(ours)).then_some(ours)
}

/// The digest of a file here; `None` where it cannot be read, changes meanwhile, or nobody wants it any more.
pub(crate) fn digest_of(opened: &OpenFile, watch: &dyn Watch, wanted: &dyn Fn() -> bool) -> Option<Digest> {
    let (file, of) = (&opened.file, opened.status.byte_count);
    let (mut hashing, mut at) = (Hashing::of_file(Some(of)), 0);
    while at < of {
        let room = usize::try_from(of - at).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
        let mut buffer = hashing.buffer(room);
        buffer.resize(room, 0);
        file.read_exact_at(&mut buffer, at).ok().filter(|()| wanted())?;
        at += room as u64;
        hashing.bytes(buffer);
        if of > PIECE_BYTES {
            watch.checking(at, of);
        }
    }
    let (digest, _) = hashing.finish()?;
    is_unchanged(file, &opened.status.identity).then_some(digest)
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
