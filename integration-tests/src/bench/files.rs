//! The files that are moved, and whether they arrived as they were.
//!
//! It must not know who moves them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use blake3::Hasher;

/// The large file.
pub(crate) const LARGE: &str = "large.bin";
/// The folder of the small ones.
pub(crate) const TREE: &str = "tree";
/// How long each small one is.
pub(crate) const SMALL_BYTES: usize = 4096;
/// How many small files a folder has.
const FOLDER_COUNT: usize = 100;
/// So much is written and compared at once.
const CHUNK_BYTES: usize = 8 << 20;

/// The name of a small file, from the share.
pub(crate) fn small_name(index: usize) -> String {
    format!("{TREE}/{:03}/{index:06}.dat", index / FOLDER_COUNT)
}

/// Makes the large file.
///
/// # Panics
/// When it cannot be written.
pub(crate) fn make_large(folder: &Path, length: u64) {
    let mut bytes = Hasher::new().update(b"the large file").finalize_xof();
    let mut file = File::create(folder.join(LARGE)).unwrap();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left).unwrap().min(CHUNK_BYTES);
        bytes.fill(&mut buffer[..count]);
        file.write_all(&buffer[..count]).unwrap();
        left -= count as u64;
    }
}

/// Makes the small files.
///
/// # Panics
/// When one cannot be written.
pub(crate) fn make_small(folder: &Path, count: usize) {
    let mut bytes = Hasher::new().update(b"the small files").finalize_xof();
    let mut buffer = vec![0; SMALL_BYTES];
    for path in (0..count).map(|index| folder.join(small_name(index))) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        bytes.fill(&mut buffer);
        fs::write(path, &buffer).unwrap();
    }
}

/// Gives a file, or all files of a folder, a second name there.
///
/// # Panics
/// When it cannot.
pub(crate) fn link(from: &Path, to: &Path) {
    if !from.is_dir() {
        return fs::hard_link(from, to).unwrap();
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        link(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Removes a file or a folder, if it is there.
///
/// # Panics
/// When it stays.
pub(crate) fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    assert!(!path.exists(), "{} cannot be removed", path.display());
}

/// Fails unless both are the same: files byte for byte, folders with the same names.
///
/// # Panics
/// Then.
pub(crate) fn assert_same(expected: &Path, found: &Path) {
    if !expected.is_dir() {
        return assert!(is_same_file(expected, found), "{} has other bytes", found.display());
    }
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(expected), names(found), "the names in {}", found.display());
    for name in names(expected) {
        assert_same(&expected.join(&name), &found.join(&name));
    }
}

fn is_same_file(expected: &Path, found: &Path) -> bool {
    let open = |path: &Path| File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut expected, mut found) = (open(expected), open(found));
    let length = expected.metadata().unwrap().len();
    if length != found.metadata().unwrap().len() {
        return false;
    }
    let size = usize::try_from(length).unwrap().clamp(1, CHUNK_BYTES);
    let mut buffers = [vec![0; size], vec![0; size]];
    let mut left = usize::try_from(length).unwrap();
    while left > 0 {
        let count = left.min(size);
        expected.read_exact(&mut buffers[0][..count]).unwrap();
        found.read_exact(&mut buffers[1][..count]).unwrap();
        if buffers[0][..count] != buffers[1][..count] {
            return false;
        }
        left -= count;
    }
    true
}
