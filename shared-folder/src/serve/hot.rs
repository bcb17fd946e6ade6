//! Small files that are asked for again and again: kept open, with the bytes that were hashed, so that an answer needs neither
//! opening nor hashing. Whoever answers looks at the name and at the bytes each time: nothing here is believed.
//!
//! A session keeps the one that it asked for last, and others find it here meanwhile: when nobody asks any more, nothing stays open.
//!
//! Must not know who asks, nor what they may see.

use crate::folder::{Identity, OpenFile};
use rustix::process::{Resource, getrlimit};
use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher as _;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use wire::digest::Digest;
use wire::path::SharedPath;

/// Files that may be kept: each of them holds a descriptor. Fewer where the system allows few: one of so many descriptors.
const FILES_MAX: usize = 128;
const DESCRIPTORS_EACH: u64 = 16;
/// The longest of them, in bytes: to hash more costs little beside sending it.
const BYTE_COUNT_MAX: usize = 16 * 1024;

/// The hot files of one share.
pub(super) struct HotFiles {
    hashing: RandomState,
    /// A path has one place, which it shares with others.
    places: Vec<Mutex<Place>>,
}

/// One that was read twice with nothing else between at its place.
pub(super) struct HotFile {
    path: SharedPath,
    file: File,
    identity: Identity,
    content: Vec<u8>,
    digest: Digest,
}

#[derive(Default)]
struct Place {
    /// The hash of the path that was read last.
    last: Option<u64>,
    kept: Weak<HotFile>,
}

impl Default for HotFiles {
    fn default() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let count = usize::try_from(descriptors / DESCRIPTORS_EACH).unwrap_or(FILES_MAX).min(FILES_MAX);
        Self { hashing: RandomState::new(), places: (0..count).map(|_| Mutex::default()).collect() }
    }
}

impl HotFiles {
    /// What is kept under that path.
    pub(super) fn find(&self, path: &str) -> Option<Arc<HotFile>> {
        let (_, place) = self.place(path)?;
        place.kept.upgrade().filter(|file| file.path.as_str() == path)
    }

    /// A small file was opened and read whole, and its bytes have that digest: to be kept, if it was the last one here, too, and for as long
    /// as whoever reads it keeps it.
    pub(super) fn was_read(
        &self,
        path: &SharedPath,
        opened: OpenFile,
        (content, digest): (&[u8], Digest),
    ) -> Option<Arc<HotFile>> {
        let (hash, mut place) = self.place(path.as_str())?;
        let is_hot = place.last.replace(hash) == Some(hash) && content.len() <= BYTE_COUNT_MAX;
        // One at a time has the place, though other sessions may still keep another one.
        if !is_hot || place.kept.upgrade().is_some_and(|kept| kept.path != *path) {
            return None;
        }
        let OpenFile { file, status } = opened;
        let (path, content) = (path.clone(), content.to_vec());
        let hot = Arc::new(HotFile { path, file, identity: status.identity, content, digest });
        place.kept = Arc::downgrade(&hot);
        Some(hot)
    }

    fn place(&self, path: &str) -> Option<(u64, MutexGuard<'_, Place>)> {
        let hash = self.hashing.hash_one(path);
        let number = usize::try_from(hash.checked_rem(self.places.len() as u64)?).ok()?;
        let place = self.places.get(number)?.lock();
        Some((hash, place.unwrap_or_else(PoisonError::into_inner)))
    }
}

impl HotFile {
    pub(super) fn path(&self) -> &SharedPath {
        &self.path
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Reads it into `buffer`; whether it is the file that has the name now, and its bytes are those that were hashed. A file
    /// that is written through a mapping may have no newer time.
    pub(super) fn is_still(&self, now: &Identity, buffer: &mut Vec<u8>) -> bool {
        buffer.resize(self.content.len(), 0);
        self.identity == *now && self.file.read_exact_at(buffer, 0).is_ok() && *buffer == self.content
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    fn path(text: &str) -> SharedPath {
        SharedPath::parse(text).unwrap()
    }

    /// What a session keeps.
    type Kept = Option<Arc<HotFile>>;

    /// As a session does: whether the file was answered as a hot one.
    fn read(files: &HotFiles, folder: &Folder, name: &str, kept: &mut Kept) -> bool {
        let (path, mut buffer) = (path(name), Vec::new());
        let status = folder.status(&path).unwrap();
        let hot = files.find(name).filter(|file| file.is_still(&status.identity, &mut buffer));
        if hot.is_some() {
            *kept = hot;
            return true;
        }
        let opened = folder.open_file(&path).unwrap();
        buffer.resize(usize::try_from(opened.status.byte_count).unwrap(), 0);
        opened.file.read_exact_at(&mut buffer, 0).unwrap();
        *kept = files.was_read(&path, opened, (&buffer, Digest::of(&buffer)));
        false
    }

    #[test]
    fn a_file_is_hot_from_its_third_reading_until_it_changes_in_any_way() {
        let place = tempfile::tempdir().unwrap();
        let (files, folder) = (HotFiles::default(), Folder::open(place.path()).unwrap());
        let full = place.path().join("a");
        std::fs::write(&full, "one").unwrap();
        let mut kept = None;
        let mut three = || [(); 3].map(|()| read(&files, &folder, "a", &mut kept));
        assert_eq!(three(), [false, false, true]);
        // Written in place, as through a mapping: the time may stay, the bytes do not.
        let hot = files.find("a").unwrap();
        File::options().write(true).open(&full).unwrap().write_all_at(b"two", 0).unwrap();
        assert!(!hot.is_still(&hot.identity, &mut Vec::new()));
        assert_eq!(three(), [false, true, true]);
        std::fs::write(place.path().join("b"), "two").unwrap();
        std::fs::rename(place.path().join("b"), &full).unwrap();
        assert_eq!(three(), [false, true, true]);
        assert_eq!(files.find("a").unwrap().digest(), Digest::of(b"two"));
    }

    #[test]
    fn what_is_read_once_or_is_long_is_not_kept_and_descriptors_are_bounded() {
        let place = tempfile::tempdir().unwrap();
        let (files, folder) = (HotFiles::default(), Folder::open(place.path()).unwrap());
        std::fs::write(place.path().join("long"), vec![7; BYTE_COUNT_MAX + 1]).unwrap();
        for number in 0..4 * FILES_MAX {
            std::fs::write(place.path().join(number.to_string()), "x").unwrap();
            let read = |name: &str| read(&files, &folder, name, &mut None);
            assert!(!read(&number.to_string()) && !read("long"));
        }
        assert!((0..4 * FILES_MAX).all(|number| files.find(&number.to_string()).is_none()));
        let mut sessions: Vec<Kept> = vec![None; 4 * FILES_MAX];
        for (number, session) in (0..).zip(&mut sessions) {
            for _ in 0..3 {
                read(&files, &folder, &format!("{number}"), session);
            }
        }
        let count = || (0..4 * FILES_MAX).filter(|number| files.find(&number.to_string()).is_some()).count();
        let kept = sessions.iter().flatten().count();
        assert!((1..=FILES_MAX).contains(&kept) && count() == kept, "{kept}");
        sessions.clear();
        assert_eq!(count(), 0, "nobody keeps them");
    }
}
