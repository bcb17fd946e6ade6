//! The program's own state folder where it lies inside the share: neither listed nor opened, by any name.

use super::{FolderError, Inode};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, fstat, openat, statat};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::Arc;

/// Folders above the state folder that are looked at. Deeper than any path can be.
const ABOVE_MAX: usize = 4096;
/// Bytes of names read at a time: the state folder holds a handful of files.
const NAMES_BYTES: usize = 4096;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

#[derive(Debug, Clone)]
pub(super) struct Hidden {
    folder: Inode,
    handle: Arc<OwnedFd>,
}

impl Hidden {
    /// The state folder, if the folder `root` is above it or is it.
    pub(super) fn find(root: Inode, state_folder: &Path) -> Result<Option<Self>, FolderError> {
        let handle = openat(CWD, state_folder, FOLDER, Mode::empty())?;
        let folder = Inode::of(&fstat(&handle)?);
        let mut above = openat(&handle, ".", FOLDER, Mode::empty())?;
        for _ in 0..ABOVE_MAX {
            let here = Inode::of(&fstat(&above)?);
            if here == root {
                return Ok(Some(Self { folder, handle: Arc::new(handle) }));
            }
            above = openat(&above, "..", FOLDER, Mode::empty())?;
            if Inode::of(&fstat(&above)?) == here {
                break;
            }
        }
        Ok(None)
    }

    /// # Errors
    /// When the state folder cannot be read: then nobody knows.
    pub(super) fn covers(&self, inode: Inode) -> Result<bool, FolderError> {
        Ok(inode == self.folder || (inode.device == self.folder.device && self.has_file(inode)?))
    }

    /// Asked only where the state folder is inside the share.
    fn has_file(&self, inode: Inode) -> Result<bool, FolderError> {
        let fresh = match openat(&self.handle, ".", FOLDER, Mode::empty()) {
            // It was removed, and so is empty.
            Err(Errno::NOENT) => return Ok(false),
            other => other.map_err(unreadable)?,
        };
        let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(fresh.as_fd(), &mut names);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Err(Errno::NOENT) => break,
                other => other.map_err(unreadable)?,
            };
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            match statat(&fresh, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if Inode::of(&stat) == inode => return Ok(true),
                Ok(_) | Err(Errno::NOENT) => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        Ok(false)
    }
}

/// Whatever it is, it says nothing about the name that was asked for.
fn unreadable(error: Errno) -> FolderError {
    FolderError::Failed(error.into())
}
