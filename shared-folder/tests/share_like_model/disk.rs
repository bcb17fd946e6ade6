//! Trees of the model as real ones, and real ones as trees of the model.

use super::model::{File, Node};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, UTIME_OMIT, mknodat, utimensat};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files outside whose names inside are hard links: files that have this content.
pub(crate) const LINKED: &[u8] = b"hard linked";
pub(crate) const LINKED_MODIFIED: (i64, u32) = (1_000_000_000, 5);

pub(crate) fn path_of(top: &Path, place: &[Vec<u8>]) -> PathBuf {
    place.iter().fold(top.to_owned(), |path, name| path.join(OsStr::from_bytes(name)))
}

/// Makes `node` at `path`; `scratch` is what `/` of a link stands for.
pub(crate) fn make(scratch: &Path, path: &Path, node: &Node) {
    match node {
        Node::File(file) if file.bytes[..] == *LINKED => {
            fs::hard_link(scratch.join("outside/linked"), path).unwrap();
        }
        Node::File(file) => make_file(path, file),
        Node::Folder(names) => {
            fs::create_dir_all(path).unwrap();
            for (name, node) in names {
                make(scratch, &path.join(OsStr::from_bytes(name)), node);
            }
        }
        Node::Link(target) => symlink(real_target(scratch, target), path).unwrap(),
        Node::Special { is_socket } => {
            let kind = if *is_socket { FileType::Socket } else { FileType::Fifo };
            mknodat(CWD, path, kind, Mode::from_raw_mode(0o644), 0).unwrap();
        }
    }
}

pub(crate) fn make_file(path: &Path, file: &File) {
    fs::write(path, &file.bytes[..]).unwrap();
    let mode = if file.executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if let Some((seconds, nanoseconds)) = file.modified {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) },
        };
        utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
    }
}

/// Removes what is at `path`, whatever it is.
pub(crate) fn clear(path: &Path) {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

pub(crate) fn read(scratch: &Path, path: &Path) -> Node {
    let metadata = path.symlink_metadata().unwrap();
    let kind = metadata.file_type();
    if kind.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
        let named = |entry: fs::DirEntry| (entry.file_name().into_vec(), read(scratch, &entry.path()));
        Node::Folder(entries.map(named).collect())
    } else if kind.is_file() {
        let modified = (metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap());
        let executable = metadata.mode() & 0o100 != 0;
        Node::File(File { bytes: Arc::new(fs::read(path).unwrap()), modified: Some(modified), executable })
    } else if kind.is_symlink() {
        let target = fs::read_link(path).unwrap().to_str().unwrap().to_owned();
        let below = target.strip_prefix(scratch.to_str().unwrap()).map(str::to_owned);
        Node::Link(below.unwrap_or(target))
    } else {
        Node::Special { is_socket: kind.is_socket() }
    }
}

/// What must stay as it is: names, kinds, contents, modes and times of all that lies at `path`.
pub(crate) fn portrait(path: &Path) -> Vec<String> {
    let metadata = path.symlink_metadata().unwrap();
    let times = (metadata.mtime(), metadata.mtime_nsec());
    let content = if metadata.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    let mut lines = vec![format!("{path:?} {:o} {times:?} {}", metadata.mode(), content.escape_ascii())];
    if metadata.is_dir() {
        let mut below: Vec<PathBuf> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        below.sort();
        lines.extend(below.iter().flat_map(|path| portrait(path)));
    }
    lines
}

fn real_target(scratch: &Path, target: &str) -> PathBuf {
    match target.strip_prefix('/') {
        Some(below) => scratch.join(below),
        None => PathBuf::from(target),
    }
}
