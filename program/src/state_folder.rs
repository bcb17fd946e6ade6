//! The folder in which a program keeps what has to outlive it: for a daemon its own alone, for clients
//! shared by as many as run, and no loss where it cannot be written.
//!
//! It must not know what the programs keep there, except the `lock`.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags};
use thiserror::Error;

/// The folder of one program, or of one of its processes.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    is_writable: bool,
    /// Held, not used: the lock goes with the file, even if the process is killed.
    _lock: Option<File>,
}

/// Why a state folder cannot be used.
#[derive(Debug, Error)]
pub enum StateFolderError {
    /// No place for a default folder is known.
    #[error("neither XDG_STATE_HOME nor HOME names a folder for the state: give one with --state-dir DIR")]
    NoDefault,
    /// The folder, or the lock in it, cannot be made.
    #[error("the state folder {} cannot be used: give another one with --state-dir DIR", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Another process has locked the folder.
    #[error(
        "the state folder {} is in use by another running program: stop that one, or give this one its own with \
         --state-dir DIR", path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

const LOCK_FILE: &str = "lock";

/// Where nothing can be: below a file that is no folder.
const NOWHERE: &str = "/dev/null";

/// A folder that others can neither enter nor list.
const PRIVATE_FOLDER_MODE: u32 = 0o700;
const PRIVATE_FILE_MODE: u32 = 0o600;

/// The mode bits by which a group or everybody may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The default folder of a program: `$XDG_STATE_HOME/PROGRAM`, else `$HOME/.local/state/PROGRAM`.
///
/// Relative values are ignored, as <https://specifications.freedesktop.org/basedir-spec/latest/> wants.
pub fn default_path(program: &str) -> Result<PathBuf, StateFolderError> {
    default_path_from(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"), program)
}

impl StateFolder {
    /// Makes the folder if necessary and locks it for this process alone, for a daemon.
    ///
    /// A new folder is private (mode 0700). One that was there keeps its mode, since it may be somebody's
    /// home; if others can write there, a warning is logged. Files made through this module are private
    /// anyway.
    pub fn open_locked(path: &Path) -> Result<Self, StateFolderError> {
        let unusable = |source| StateFolderError::Unusable { path: path.to_owned(), source };
        make_folder(path).map_err(unusable)?;
        warn_if_others_can_write(path);
        let mut options = OpenOptions::new();
        options.write(true).create(true).mode(PRIVATE_FILE_MODE);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let lock = options.open(path.join(LOCK_FILE)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::new(path, true, Some(lock))),
            Err(TryLockError::WouldBlock) => Err(StateFolderError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// Makes the folder if possible and takes no lock, for clients. Where it can be neither made nor
    /// written, nothing fails: [`is_writable`](Self::is_writable) is false.
    pub fn open_shared(path: &Path) -> Self {
        let made = make_folder(path);
        let access = Access::WRITE_OK | Access::EXEC_OK;
        Self::new(path, made.is_ok() && rustix::fs::access(path, access).is_ok(), None)
    }

    /// A folder that is not there and in which nothing is kept: for a client without
    /// [`default_path`].
    pub fn nowhere(program: &str) -> Self {
        Self::new(&Path::new(NOWHERE).join(program), false, None)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether things can be kept here.
    pub fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// Where a file of this name belongs, if it can be written.
    pub fn writable_file(&self, name: &str) -> Option<PathBuf> {
        self.is_writable.then(|| self.path.join(name))
    }

    /// Makes an empty file that only this user can read, if it is not there, and gives its path; `None` where
    /// it cannot be made. For files that a library writes later with whatever mode it likes.
    pub fn private_file(&self, name: &str) -> Option<PathBuf> {
        let path = self.writable_file(name)?;
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(PRIVATE_FILE_MODE);
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
        options.open(&path).ok().map(|_| path)
    }

    fn new(path: &Path, is_writable: bool, lock: Option<File>) -> Self {
        Self { path: path.to_owned(), is_writable, _lock: lock }
    }
}

fn default_path_from(
    state_home: Option<OsString>,
    home: Option<OsString>,
    program: &str,
) -> Result<PathBuf, StateFolderError> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(state_home)
        .or_else(|| absolute(home).map(|home| home.join(".local/state")))
        .map(|folder| folder.join(program))
        .ok_or(StateFolderError::NoDefault)
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER_MODE).create(path)
}

fn warn_if_others_can_write(path: &Path) {
    if fs::metadata(path).is_ok_and(|metadata| metadata.mode() & WRITABLE_BY_OTHERS != 0) {
        log::warn!("others can write in the state folder {}: chmod 700 it", path.display());
    }
}

#[cfg(test)]
mod tests;
