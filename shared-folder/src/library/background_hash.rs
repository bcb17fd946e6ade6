//! The one thread that gives every file in the index its digest, when nobody else needs the machine.
//!
//! It goes round: files that have just changed or cannot be read now have their turn again later. Must not know how
//! files come into the index.

use super::shelf::Shelf;
use crate::catalogue::{HashError, Hashed, UNSTORED_BYTES_MAX};
use crate::folder::{Identity, OpenFile, identity_of};
use crate::index::IndexedFile;
use std::io::Read as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::digest::{Digest, PieceHasher};
use wire::path::SharedPath;

/// A file that changed within this time may still be being written: its turn comes later. A second more than
/// in the catalogue, which counts whole ones and does not believe a digest of a younger file later.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// When files that could not be hashed are tried again though nothing changed.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Places of the index that are looked at while it is locked.
const LOOKED_AT_MAX: usize = 4096;
/// How long to wait at a time for the catalogue to store what was noted before.
const STORE_PATIENCE: Duration = Duration::from_millis(200);
/// How much this thread gives way to others.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// What a round left without a digest.
#[derive(Debug, Clone, Copy, Default)]
struct Left {
    unsettled: bool,
    failed: bool,
}

pub(super) fn run(shelf: &Shelf) {
    give_way();
    while !shelf.is_stopping() {
        let before = shelf.changes();
        let left = go_round(shelf);
        if left.unsettled {
            // Whatever changes meanwhile is unsettled too.
            shelf.wait(SETTLED_AFTER, |_| false);
        } else {
            let patience = if left.failed { TRY_AGAIN_AFTER } else { Duration::MAX };
            shelf.wait(patience, |progress| progress.changes != before);
        }
    }
}

/// Linux counts threads as processes here; elsewhere the whole program would give way.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        log::debug!("background hashing keeps its priority: {error}");
    }
}

fn go_round(shelf: &Shelf) -> Left {
    let (mut left, mut from) = (Left::default(), Some(0));
    while let Some(place) = from {
        let (files, next) = shelf.read(|index| index.unhashed(place, LOOKED_AT_MAX));
        from = next;
        for file in files {
            if shelf.is_stopping() {
                return left;
            }
            if is_settled(&file.identity) {
                left.failed |= !give_digest(shelf, &file);
            } else {
                left.unsettled = true;
            }
        }
    }
    left
}

/// Whether its last change is long enough ago; a change in the future only tells of a clock that was set.
fn is_settled(identity: &Identity) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let age = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(identity.changed.0);
    age < 0 || age.unsigned_abs() >= SETTLED_AFTER.as_secs()
}

/// Finds out the digest of one file; false if it has to be tried again.
fn give_digest(shelf: &Shelf, file: &IndexedFile) -> bool {
    match digest_of(shelf, file) {
        Some(digest) => shelf.change(|index| index.set_digest(&file.path, &file.identity, digest)),
        None => false,
    }
}

fn digest_of(shelf: &Shelf, file: &IndexedFile) -> Option<Digest> {
    let catalogue = &shelf.host.share.catalogue;
    if let Some(hashed) = catalogue.known(&file.identity) {
        return Some(hashed.digest);
    }
    let opened = shelf.host.share.folder.open_file(&file.path).ok();
    let Some(opened) = opened.filter(|opened| opened.status.identity == file.identity) else {
        // It changed without a hint, or is gone; where even that cannot be seen, it has its turn again.
        let _ = shelf.look_at(&file.path);
        return None;
    };
    let is_wanted = || !shelf.is_stopping() && is_still(shelf, file);
    let hashed = if file.byte_count() <= UNSTORED_BYTES_MAX {
        let hashed = hash_small(&opened).ok()?;
        note_small(shelf, file, &hashed);
        hashed
    } else {
        catalogue.hash_here(&opened, &file.path, &is_wanted).ok()?
    };
    Some(hashed.digest)
}

fn is_still(shelf: &Shelf, file: &IndexedFile) -> bool {
    shelf.read(|index| index.get(&file.path).is_some_and(|now| now.identity == file.identity))
}

/// Small files are hashed at once: a job that others could join would cost more.
fn hash_small(opened: &OpenFile) -> Result<Hashed, HashError> {
    let mut bytes = Vec::new();
    let mut start = (&opened.file).take(UNSTORED_BYTES_MAX + 1);
    start.read_to_end(&mut bytes).map_err(|_| HashError::Unreadable)?;
    let is_same = identity_of(&opened.file).is_ok_and(|now| now == opened.status.identity);
    if !is_same || bytes.len() as u64 != opened.status.byte_count {
        return Err(HashError::Changed);
    }
    let mut hasher = PieceHasher::default();
    hasher.update(&bytes);
    let (digest, pieces) = hasher.finish();
    Ok(Hashed { digest, pieces: pieces.into() })
}

/// So that the file is found by its digest; only once, because the catalogue is asked at every start.
fn note_small(shelf: &Shelf, file: &IndexedFile, hashed: &Hashed) {
    let catalogue = &shelf.host.share.catalogue;
    let path: &SharedPath = &file.path;
    let is_known =
        catalogue.path_of(hashed.digest).is_some_and(|known| known == *path || has(shelf, &known, hashed));
    while !is_known
        && !shelf.is_stopping()
        && !catalogue.note_patiently(file.identity, path, hashed, STORE_PATIENCE)
    {}
}

/// Whether the index has that content at another path too: then the digest leads there already.
fn has(shelf: &Shelf, path: &SharedPath, hashed: &Hashed) -> bool {
    shelf.read(|index| index.get(path).is_some_and(|file| file.digest == Some(hashed.digest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::{Folder, Inode};
    use std::fs::File;

    #[test]
    fn a_file_is_settled_some_seconds_after_its_change_and_one_from_the_future_is_not_waited_for() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed();
        let changed = |seconds: i64| Identity {
            inode: Inode { device: 1, number: 1 },
            byte_count: 1,
            modified: (0, 0),
            changed: (now + seconds, 0),
        };
        let limit = SETTLED_AFTER.as_secs().cast_signed();
        assert!(is_settled(&changed(-limit)) && is_settled(&changed(3600)));
        // However long it is until the clock is looked at again, one of them has changed just then.
        assert!((0..60).any(|seconds| !is_settled(&changed(seconds))));
    }

    #[test]
    fn a_small_file_that_was_written_over_since_it_was_opened_has_no_digest() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        std::fs::write(place.path().join("a"), "old").unwrap();
        let open = || folder.open_file(&SharedPath::parse("a").unwrap()).unwrap();
        assert!(hash_small(&open()).is_ok());
        let opened = open();
        std::fs::write(place.path().join("a"), "new").unwrap();
        let file = File::options().write(true).open(place.path().join("a")).unwrap();
        // Whatever the clock of the file system is.
        file.set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(hash_small(&opened), Err(HashError::Changed));
    }
}
