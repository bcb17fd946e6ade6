//! The program's own state folder where it lies inside the share: neither listed nor opened, by any name.

use super::{FolderError, Inode};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, fstat, openat, statat};
use std::mem::MaybeUninit;
use std::path::Path;

/// Folders above the state folder that are looked at. Deeper than any path can be.
const ABOVE_MAX: usize = 4096;
/// Bytes of names read at a time: the state folder holds a handful of files.
const NAMES_BYTES: usize = 4096;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

#[derive(Debug)]
pub(super) struct Hidden {
    folder: Inode,
    handle: OwnedFd,
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
                return Ok(Some(Self { folder, handle }));
            }
            above = openat(&above, "..", FOLDER, Mode::empty())?;
            if Inode::of(&fstat(&above)?) == here {
                break;
            }
        }
        Ok(None)
    }

    pub(super) fn covers(&self, inode: Inode) -> bool {
        inode == self.folder || (inode.device == self.folder.device && self.has_file(inode))
    }

    /// Asked only where the state folder is inside the share.
    fn has_file(&self, inode: Inode) -> bool {
        let Ok(fresh) = openat(&self.handle, ".", FOLDER, Mode::empty()) else { return true };
        let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(fresh.as_fd(), &mut names);
        while let Some(Ok(entry)) = entries.next() {
            let is_dots = matches!(entry.file_name().to_bytes(), b"." | b"..");
            let stat = statat(&fresh, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
            if !is_dots && stat.is_ok_and(|stat| Inode::of(&stat) == inode) {
                return true;
            }
        }
        false
    }
}
