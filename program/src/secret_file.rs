//! Files of secrets, such as a key: read only where nobody else could have read or changed them, and made once,
//! whole or not at all, even when several processes start at once.
//!
//! It must not know what the bytes mean, and no error says any of them.

use std::fmt::Display;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, RenameFlags, flock, fsync, linkat, open, openat,
    renameat_with, unlinkat,
};
use rustix::io::{Errno, Result as Outcome};
use thiserror::Error;

use crate::process_id::random_number;
use crate::state_folder::StateFolder;

/// So long may a file of secrets be: many keys. What is longer is refused, as something else was meant.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// The file of a program's own key, in its state folder.
const KEY_FILE: &str = "key";

/// Why a file of secrets cannot be used.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// A link, a folder, a pipe: what stands behind it may be anybody's.
    #[error("{} is no regular file, so no secret is read from it: put the file itself there, not a link", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else's file: they know what is in it, and may change it.
    #[error(
        "{} belongs to another user (id {owner}), who can read and change it: use a file of your own",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Others may read or change it.
    #[error(
        "others than its owner may use {}, which keeps a secret (mode {mode:04o}): chmod 600 {}",
        path.display(), path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What is allowed to whom, as for chmod(1).
        mode: u32,
    },
    /// Longer than [`SECRET_BYTES_MAX`].
    #[error("{} is longer than the {SECRET_BYTES_MAX} bytes that a file of secrets may have", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A file is to be made where one is.
    #[error("{} is there already: it is not replaced, since what it keeps may be needed", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// It is there, and its bytes are not what they should be.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong; no secret is in it.
        reason: String,
    },
    /// The operating system does not read or make it.
    #[error("the file of secrets {} cannot be {what}", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// `read` or `made`.
        what: &'static str,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

impl SecretFileError {
    /// Whether nothing is wrong but that the file cannot be made: whoever can do without one goes on.
    pub fn is_unmakable(&self) -> bool {
        matches!(self, Self::System { what: MADE, .. })
    }
}

/// What the operating system does not do.
const READ: &str = "read";
const MADE: &str = "made";

/// Only the owner may read and write.
const PRIVATE_MODE: Mode = Mode::from_raw_mode(0o600);
/// What a group and everybody may do: nothing here.
const ALLOWED_TO_OTHERS: u32 = 0o077;
const PERMISSIONS: u32 = 0o7777;
const ROOT: u32 = 0;

/// What every name of a temporary file begins and ends with; between are the name of the file and a random number.
const TEMPORARY_PREFIX: &str = ".";
const TEMPORARY_SUFFIX: &str = ".new";
const TEMPORARY_DIGITS: usize = 32;

/// So often a file is begun: another process that cleans up may, between two system calls, take ours for a leftover.
const ATTEMPTS_MAX: usize = 32;

/// The program's own key, from the file `key` of its state folder: as `parse` reads the bytes, which `make` gives where
/// there are none yet. See [`read_or_make`].
///
/// # Errors
/// As [`read_or_make`]; when `parse` fails.
pub fn own_key<K, E: Display>(
    state: &StateFolder,
    make: impl FnOnce() -> io::Result<Vec<u8>>,
    parse: impl FnOnce(&[u8]) -> Result<K, E>,
) -> Result<K, SecretFileError> {
    let path = state.path().join(KEY_FILE);
    let bytes = read_or_make(&path, make)?;
    parse(&bytes).map_err(|error| SecretFileError::Damaged { path, reason: error.to_string() })
}

/// The bytes of the file; `None` where nothing is.
///
/// # Errors
/// When something else than a file is there, when it belongs to another user (but root), when others may use it, when
/// it is too long or cannot be read.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, SecretFileError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    match open(path, flags, Mode::empty()) {
        Ok(file) => read_opened(path, file.into()).map(Some),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        // A link at the end of the path, a socket: there is something, but no file.
        Err(Errno::LOOP | Errno::NXIO | Errno::MLINK) => {
            Err(SecretFileError::NoFile { path: path.to_owned() })
        }
        Err(error) => Err(unusable(path, READ, error)),
    }
}

/// The bytes of the file, which is made of those that `make` gives where nothing is. Of several processes that start
/// at once one makes it, and all get what that one made.
///
/// # Errors
/// As [`read`]; when `make` fails, or the file cannot be made.
pub fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Result<Vec<u8>, SecretFileError> {
    if let Some(bytes) = read(path)? {
        return Ok(bytes);
    }
    let bytes = make().map_err(|error| unusable(path, MADE, error))?;
    match make_new(path, &bytes) {
        Ok(()) => Ok(bytes),
        Err(SecretFileError::Taken { .. }) => read(path)?.ok_or_else(|| unusable(path, READ, Errno::NOENT)),
        Err(error) => Err(error),
    }
}

/// Makes the file of these bytes, for its owner alone; when this returns, it outlives a power cut.
///
/// # Errors
/// When something is there already, whatever it is; when the bytes are too many, or the file cannot be made.
pub fn make_new(path: &Path, bytes: &[u8]) -> Result<(), SecretFileError> {
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(SecretFileError::TooLong { path: path.to_owned() });
    }
    match Place::of(path).and_then(|place| place.make(bytes)) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(SecretFileError::Taken { path: path.to_owned() }),
        Err(error) => Err(unusable(path, MADE, error)),
    }
}

fn read_opened(path: &Path, file: File) -> Result<Vec<u8>, SecretFileError> {
    let metadata = file.metadata().map_err(|error| unusable(path, READ, error))?;
    check(path, &metadata)?;
    let mut bytes = Vec::new();
    let more_than_allowed = SECRET_BYTES_MAX as u64 + 1;
    let read = file.take(more_than_allowed).read_to_end(&mut bytes);
    let length = read.map_err(|error| unusable(path, READ, error))?;
    if length > SECRET_BYTES_MAX {
        Err(SecretFileError::TooLong { path: path.to_owned() })
    } else {
        Ok(bytes)
    }
}

/// Of the opened file: another may have its name by now.
fn check(path: &Path, metadata: &Metadata) -> Result<(), SecretFileError> {
    let path = path.to_owned();
    let (owner, mode) = (metadata.uid(), metadata.mode() & PERMISSIONS);
    if !metadata.is_file() {
        Err(SecretFileError::NoFile { path })
    } else if owner != ROOT && owner != rustix::process::geteuid().as_raw() {
        Err(SecretFileError::Foreign { path, owner })
    } else if mode & ALLOWED_TO_OTHERS != 0 {
        Err(SecretFileError::Open { path, mode })
    } else {
        Ok(())
    }
}

fn unusable(path: &Path, what: &'static str, error: impl Into<io::Error>) -> SecretFileError {
    SecretFileError::System { path: path.to_owned(), what, source: error.into() }
}

/// Where a file is to be: a folder that is open, and a name in it.
struct Place {
    folder: OwnedFd,
    name: Vec<u8>,
}

impl Place {
    fn of(path: &Path) -> Outcome<Self> {
        let name = path.file_name().ok_or(Errno::INVAL)?.as_bytes().to_vec();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { folder: open(folder, flags, Mode::empty())?, name })
    }

    fn make(&self, bytes: &[u8]) -> Outcome<()> {
        self.remove_leftovers()?;
        let made = (0..ATTEMPTS_MAX).map(|_| self.attempt(bytes)).find(|made| *made != Err(Errno::NOENT));
        // Also where another process made it: what we go on with must outlive a power cut, too.
        fsync(&self.folder)?;
        made.unwrap_or(Err(Errno::NOENT))
    }

    /// `NOENT` when the temporary file was taken for a leftover before its lock was held.
    fn attempt(&self, bytes: &[u8]) -> Outcome<()> {
        let temporary = self.temporary_name()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, &*temporary, flags, PRIVATE_MODE)?;
        let landed = self.land(file, &temporary, bytes);
        if landed.is_err() {
            // Whatever went wrong is told; the next who makes a file here tries this again.
            let _ = unlinkat(&self.folder, &*temporary, AtFlags::empty());
        }
        landed
    }

    /// The lock, which goes with the process, says that this is no leftover.
    fn land(&self, file: OwnedFd, temporary: &[u8], bytes: &[u8]) -> Outcome<()> {
        // A cleaner that holds it removes the file: seen below. Where there are no locks, nothing is cleaned up.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        let mut file = File::from(file);
        file.write_all(bytes).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        fsync(&file)?;
        match renameat_with(&self.folder, temporary, &self.folder, &*self.name, RenameFlags::NOREPLACE) {
            // A file system that cannot rename so, such as one of a network.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.link(temporary),
            renamed => renamed,
        }
    }

    fn link(&self, temporary: &[u8]) -> Outcome<()> {
        linkat(&self.folder, temporary, &self.folder, &*self.name, AtFlags::empty())?;
        // A second name that stays is removed by the next who makes a file here.
        let _ = unlinkat(&self.folder, temporary, AtFlags::empty());
        Ok(())
    }

    fn temporary_name(&self) -> Outcome<Vec<u8>> {
        let number = random_number().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let ending = format!(".{number:0TEMPORARY_DIGITS$x}{TEMPORARY_SUFFIX}");
        Ok([TEMPORARY_PREFIX.as_bytes(), &self.name, ending.as_bytes()].concat())
    }

    /// Removes what a crash left of this file: what has such a name and no lock.
    fn remove_leftovers(&self) -> Outcome<()> {
        for entry in Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if self.is_temporary(name) && self.is_left_over(name) {
                let _ = unlinkat(&self.folder, name, AtFlags::empty());
            }
        }
        Ok(())
    }

    fn is_temporary(&self, name: &[u8]) -> bool {
        name.strip_prefix(TEMPORARY_PREFIX.as_bytes())
            .and_then(|rest| rest.strip_prefix(&*self.name))
            .and_then(|rest| rest.strip_prefix(b"."))
            .and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX.as_bytes()))
            .is_some_and(|number| {
                number.len() == TEMPORARY_DIGITS && number.iter().all(u8::is_ascii_hexdigit)
            })
    }

    fn is_left_over(&self, name: &[u8]) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.folder, name, flags, Mode::empty());
        file.is_ok_and(|file| flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive).is_ok())
    }
}

#[cfg(test)]
mod tests;
