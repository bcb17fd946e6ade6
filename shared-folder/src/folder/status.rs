//! What is known of a file or folder without reading it.
//!
//! Must not know how it was found.

use rustix::fs::{FileType, Stat};
use wire::timestamp::Timestamp;

/// A file's place on its device: what a name leads to, whatever the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inode {
    /// The device's number.
    pub device: u64,
    /// The number on it.
    pub number: u64,
}

/// One state of one file: another state has another identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Which file.
    pub inode: Inode,
    /// Its length, in bytes.
    pub byte_count: u64,
    /// When its content changed: seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
    /// When its content or attributes changed, by the kernel's own clock.
    pub changed: (i64, u32),
}

impl Identity {
    /// Whether the content is the same as far as times can tell. A file that was renamed, deleted or linked
    /// meanwhile has another `changed`, but the same content: who reads it goes on with it.
    #[must_use]
    pub fn has_content_of(&self, other: &Self) -> bool {
        (self.inode, self.byte_count, self.modified) == (other.inode, other.byte_count, other.modified)
    }
}

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A FIFO, socket or device: never opened.
    Special,
}

/// What is known of a file or folder without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// File, folder or neither.
    pub shape: Shape,
    /// Bytes of content; 0 for a folder.
    pub byte_count: u64,
    /// When the content last changed.
    pub modified: Timestamp,
    /// Whether its owner may run it; false for a folder.
    pub executable: bool,
    /// Which state of which file this is.
    pub identity: Identity,
    /// The permission bits, without setuid, setgid and sticky.
    pub(crate) permissions: u32,
}

impl Inode {
    pub(crate) fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, number: stat.st_ino }
    }
}

impl Status {
    pub(crate) fn of(stat: &Stat) -> Self {
        let shape = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Shape::File,
            FileType::Directory => Shape::Folder,
            _ => Shape::Special,
        };
        let is_file = shape == Shape::File;
        let byte_count = if is_file { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        let modified = (stat.st_mtime, nanoseconds(stat.st_mtime_nsec));
        let changed = (stat.st_ctime, nanoseconds(stat.st_ctime_nsec));
        Self {
            shape,
            byte_count,
            modified: Timestamp::from_unix(modified.0, modified.1),
            executable: is_file && stat.st_mode & 0o100 != 0,
            identity: Identity { inode: Inode::of(stat), byte_count, modified, changed },
            permissions: stat.st_mode & 0o777,
        }
    }
}

fn nanoseconds(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(0)
}
