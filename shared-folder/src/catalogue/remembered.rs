//! Digests that a client remembers of its own files, from one run to the next: a small file for each, in a folder that any number of
//! clients use at once. No lock and no database: what two write at once, or a power cut leaves, does not have its checksum, and is not known.
//!
//! Losing any of it loses only time, so nothing here fails. Must not know what digests are wanted for.

use super::row::{decode, encode};
use super::{Hashed, UNSTORED_BYTES_MAX};
use crate::folder::Identity;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wire::digest::Digest;

/// The name has the rows' version: another one is another folder.
const FOLDER_NAME: &str = "digests-1";
const PRIVATE_FOLDER_MODE: Mode = Mode::RWXU;
const PRIVATE_MODE: u32 = 0o600;
/// Whoever else may write there says what our files are.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Places for rows. Each file has one: where two have the same, the later one is remembered.
const PLACES: u16 = 4096;
/// Bytes of one row: that of a file of 512 GiB. Exceeded: it is not remembered.
const ROW_BYTES_MAX: usize = 16 << 20;
/// Device and inode before a row.
const KEY_BYTES: usize = 16;
/// The checksum behind it.
const CHECKSUM_BYTES: usize = 32;

/// What a client remembers of its files.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    folder: Option<PathBuf>,
}

impl Remembered {
    /// In `state_folder`, which is not touched before something is remembered.
    #[must_use]
    pub fn kept_in(state_folder: &Path) -> Self {
        Self { folder: Some(state_folder.join(FOLDER_NAME)) }
    }

    /// Nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What is known of this state of a file without reading it. Whoever uses it sees to it that all of the file is verified: times do not
    /// tell every change.
    #[must_use]
    pub fn of(&self, identity: &Identity) -> Option<Hashed> {
        let path = self.place_of(identity)?;
        let row = read(&path).unwrap_or_else(|error| {
            log::debug!("{} tells no digest: {error}", path.display());
            None
        });
        unsealed(&row?, identity)
    }

    /// Remembers what came of hashing a file in this state.
    pub fn note(&self, identity: &Identity, hashed: &Hashed) {
        let Some(path) = self.place_of(identity) else { return };
        let row = sealed(identity, hashed);
        if row.len() > ROW_BYTES_MAX {
            return;
        }
        if let Err(error) = write(&path, &row) {
            log::debug!("{} cannot remember a digest: {error}", path.display());
        }
    }

    /// Forgets what turned out to be wrong.
    pub fn forget(&self, identity: &Identity) {
        let Some(path) = self.place_of(identity) else { return };
        if let Err(error) = std::fs::remove_file(&path) {
            log::debug!("{} cannot be forgotten: {error}", path.display());
        }
    }

    /// Small files are hashed sooner than looked up.
    fn place_of(&self, identity: &Identity) -> Option<PathBuf> {
        let folder = self.folder.as_ref().filter(|_| identity.byte_count > UNSTORED_BYTES_MAX)?;
        let [first, second, ..] = Digest::of(&key(identity)).0;
        let place = u16::from_le_bytes([first, second]) % PLACES;
        Some(folder.join(format!("{place:03x}")))
    }
}

fn key(identity: &Identity) -> [u8; KEY_BYTES] {
    let inode = identity.inode;
    (u128::from(inode.device) << 64 | u128::from(inode.number)).to_le_bytes()
}

/// Whose row it is, the row, and the checksum of both.
fn sealed(identity: &Identity, hashed: &Hashed) -> Vec<u8> {
    let mut bytes = key(identity).to_vec();
    bytes.append(&mut encode(identity, hashed, SystemTime::now()));
    let checksum = Digest::of(&bytes);
    bytes.extend_from_slice(&checksum.0);
    bytes
}

fn unsealed(bytes: &[u8], identity: &Identity) -> Option<Hashed> {
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    let row = content.strip_prefix(&key(identity))?;
    if Digest::of(content).0 != *checksum {
        return None;
    }
    decode(row, identity).map(|known| known.hashed)
}

/// What is there, if nobody else could have put it there.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        opened => File::from(opened?),
    };
    let metadata = file.metadata()?;
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !is_own || metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(io::Error::other("it is no file that only its owner writes"));
    }
    let mut bytes = Vec::new();
    file.take(ROW_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn write(path: &Path, row: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::open(path, flags, Mode::from_raw_mode(PRIVATE_MODE));
    // Made anew each time: what is there may be another one's, or the same file as something else.
    match rustix::fs::unlink(path) {
        Err(Errno::NOENT) | Ok(()) => {}
        Err(error) => return Err(error.into()),
    }
    let opened = match (open(), path.parent()) {
        (Err(Errno::NOENT), Some(folder)) => {
            match rustix::fs::mkdir(folder, PRIVATE_FOLDER_MODE) {
                Err(Errno::EXIST) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
            open()
        }
        (opened, _) => opened,
    };
    File::from(opened?).write_all(row)
}

#[cfg(test)]
mod tests;
