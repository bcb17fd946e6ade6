//! The temporary file beside a target: its name, its lock, and what becomes of it.

use super::LandingError;
use crate::folder::{FolderError, Inode};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, flock, fstat, openat,
    statat, unlinkat,
};
use rustix::io::Errno;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use wire::path::RESERVED_PREFIX;
use wire::timestamp::Timestamp;

/// What follows the reserved prefix in names of files that are never continued.
pub(super) const UNKEPT_PREFIX: &str = "once-";
/// How often a kept file is opened again because it landed or was swept between opening and locking.
const ATTEMPTS_MAX: usize = 16;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);
/// Tells the temporary files of this process from those of any other.
static PROCESS: LazyLock<u64> =
    LazyLock::new(|| getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id())));

/// How the names of this process's own files begin, other than the kept ones.
pub(super) static OWN_PREFIX: LazyLock<String> =
    LazyLock::new(|| format!("{RESERVED_PREFIX}{UNKEPT_PREFIX}{:016x}-", *PROCESS));

/// The bits that new files do not get; the system tells them only to who changes them, but for this file of Linux.
static UMASK: LazyLock<u32> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    umask.and_then(|text| u32::from_str_radix(text.trim(), 8).ok()).unwrap_or(0o022)
});

/// Asks the system now for the bits that new files do not get: whoever confines itself cannot ask any more.
pub fn learn_umask() {
    LazyLock::force(&UMASK);
}

/// Whether a landing there left something to continue.
pub(super) fn has_kept(folder: BorrowedFd<'_>, name: &str) -> bool {
    statat(folder, kept_name(name), AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// An open, locked temporary file. The lock tells a sweep, and other landings, that someone is at work.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: Arc<File>,
    pub(super) name: String,
    /// Its length: of what an earlier landing left, or of what was written in order since.
    pub(super) byte_count: u64,
    /// Whether it has the mode that the system gives to new files here.
    is_as_made: bool,
    /// That mode, once it was looked at.
    new_mode: Option<u32>,
    fate: Fate,
    /// Nothing of it is to be kept.
    is_forgotten: AtomicBool,
}

/// What happens to the file when its landing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Remove,
    Landed,
}

impl Temporary {
    /// Opens the kept file of that target, or one of its own. Readable by the owner alone where it replaces a
    /// file, whose own permissions it gets in the end; else as the umask says.
    pub(super) fn open(
        folder: BorrowedFd<'_>,
        name: &str,
        kept: bool,
        replaces: bool,
    ) -> Result<Self, LandingError> {
        let mode = Mode::from_raw_mode(if replaces { 0o600 } else { 0o666 });
        if !kept {
            let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}{number}", *OWN_PREFIX);
            let file = openat(folder, &name, open_flags() | OFlags::EXCL, mode).map_err(FolderError::from)?;
            lock(&file)?;
            let file = Arc::new(File::from(file));
            return Ok(Self {
                file,
                name,
                byte_count: 0,
                is_as_made: !replaces,
                new_mode: None,
                fate: Fate::Remove,
                is_forgotten: AtomicBool::new(false),
            });
        }
        let name = kept_name(name);
        for _ in 0..ATTEMPTS_MAX {
            let file = openat(folder, &name, open_flags(), mode).map_err(FolderError::from)?;
            lock(&file)?;
            if is_still(folder, &name, &file) {
                let stat = fstat(&file).map_err(FolderError::from)?;
                if stat.st_nlink > 1 || stat.st_uid != rustix::process::geteuid().as_raw() {
                    // Not ours alone: what is written to it would show under another name, or be another user's.
                    unlinkat(folder, &name, AtFlags::empty()).map_err(FolderError::from)?;
                    continue;
                }
                let byte_count = u64::try_from(stat.st_size).unwrap_or(0);
                return Ok(Self {
                    file: Arc::new(File::from(file)),
                    name,
                    byte_count,
                    is_as_made: false,
                    new_mode: None,
                    fate: Fate::Keep,
                    is_forgotten: AtomicBool::new(false),
                });
            }
        }
        Err(FolderError::Unsteady.into())
    }

    /// Whether its name still leads to this file.
    pub(super) fn is_still_named(&self, folder: BorrowedFd<'_>) -> bool {
        is_still(folder, &self.name, &self.file)
    }

    /// Gives it the permissions of `old`, or those of a new file, with or without the executable bit.
    pub(super) fn give_permissions(
        &mut self,
        old: Option<u32>,
        executable: Option<bool>,
    ) -> Result<(), FolderError> {
        // Nobody can run a file that was just made: for most files there is nothing to look at.
        if self.is_as_made && old.is_none() && executable != Some(true) {
            return Ok(());
        }
        let mode = fstat(&self.file)?.st_mode & 0o7777;
        self.new_mode = self.new_mode.or_else(|| self.is_as_made.then_some(mode));
        let kept = old.or(self.new_mode).unwrap_or_else(|| 0o666 & !*UMASK);
        let wanted = with_executable(kept, executable);
        if wanted != mode {
            fchmod(&self.file, Mode::from_raw_mode(wanted))?;
            self.is_as_made = false;
        }
        Ok(())
    }

    /// Nothing of it will be kept.
    pub(super) fn forget_contents(&self) {
        self.is_forgotten.store(true, Ordering::Relaxed);
    }

    /// What is kept on a full disk would fill it for as long as nobody continues.
    pub(super) fn forget_if_full(&self, error: &LandingError) {
        if let LandingError::Folder(FolderError::NoSpace | FolderError::TooLarge) = error {
            self.forget_contents();
        }
    }

    /// It has another name now and stays.
    pub(super) fn landed(&mut self) {
        self.fate = Fate::Landed;
    }

    /// Removes the file unless it is to stay; an empty one is not worth keeping.
    pub(super) fn clean_up(&self, folder: BorrowedFd<'_>) {
        let is_unwanted = match self.fate {
            Fate::Landed => false,
            Fate::Remove => true,
            Fate::Keep => self.is_forgotten.load(Ordering::Relaxed) || self.is_empty(),
        };
        if is_unwanted {
            // If it cannot be removed now, the next sweep finds it.
            let _ = unlinkat(folder, &self.name, AtFlags::empty());
        }
    }

    fn is_empty(&self) -> bool {
        fstat(&self.file).map_or(true, |stat| stat.st_size == 0)
    }
}

/// The name of what is kept for a target: a hash, so that it is never too long.
pub(super) fn kept_name(target: &str) -> String {
    let hash = blake3::hash(target.as_bytes()).to_hex();
    format!("{RESERVED_PREFIX}{}", hash.get(..32).unwrap_or_default())
}

/// Locks without waiting; the lock ends with the descriptor, however the process ends.
pub(super) fn lock(file: &OwnedFd) -> Result<(), LandingError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::AGAIN) => Err(LandingError::Busy),
        Err(other) => Err(FolderError::from(other).into()),
    }
}

/// Whether the name leads to this file.
pub(super) fn is_still(folder: BorrowedFd<'_>, name: &str, file: impl AsFd) -> bool {
    let named = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    matches!((named, fstat(file)), (Ok(named), Ok(held)) if Inode::of(&named) == Inode::of(&held))
}

pub(super) fn times(modified: Timestamp) -> Timestamps {
    let (seconds, nanoseconds) = modified.to_unix();
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) },
    }
}

fn open_flags() -> OFlags {
    OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC
}

/// Whoever may read may run, as in `chmod a+X`; setuid and its like never arrive here.
fn with_executable(permissions: u32, executable: Option<bool>) -> u32 {
    match executable {
        Some(true) => permissions | (permissions & 0o444) >> 2,
        Some(false) => permissions & !0o111,
        None => permissions,
    }
}
