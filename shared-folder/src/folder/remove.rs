//! Removing files and folders below the folder, in constant memory for any tree.

use super::beneath::open_without_links;
use super::{Folder, FolderError, Inode, LOOKS_MAX, Permit, Place};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags, RawDir, fstat, statat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use wire::path::SharedPath;

/// Bytes of names read from the kernel at a time.
const NAMES_BYTES: usize = 32 * 1024;
/// Names that are opened at a time: together they are shorter than a path may be.
const NAMES_PER_STEP: usize = 8;
/// Names removed between two looks whether to go on.
const NAMES_PER_BEAT: u64 = 64;
/// How often one folder is looked at again because someone else keeps adding to it. Exceeded: `NotEmpty`.
const ROUNDS_MAX: u64 = 100_000;

const FOLDER_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Removes a file, a link, an empty folder, or with `recursive` a folder with all in it.
    /// `beat` is called now and then during a long removal with the number of names removed so far.
    ///
    /// # Errors
    /// What was removed before an error stays removed.
    pub fn remove(
        &self,
        path: &SharedPath,
        recursive: bool,
        permit: Permit<'_>,
        beat: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), FolderError> {
        let place = self.place(path)?;
        let mut removed = 0;
        for _ in 0..LOOKS_MAX {
            let stat = place.stat()?;
            if self.is_hidden(Inode::of(&stat))? {
                return Err(FolderError::NotFound);
            }
            let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            // What becomes something else after this is not removed as what it was: the calls differ.
            permit(is_folder)?;
            let result = if is_folder && recursive {
                self.remove_tree(&place, &mut removed, beat)
            } else {
                self.remove_name(&place, is_folder)
            };
            match result {
                // It became something else since it was looked at.
                Err(FolderError::NotAFile | FolderError::NotAFolder | FolderError::LeadsNowhere)
                    if removed == 0 => {}
                // What moved away half emptied is left as it is, and what came instead is another's.
                Err(FolderError::NotAFolder) => break,
                other => return other,
            }
        }
        Err(FolderError::Unsteady)
    }

    fn remove_name(&self, place: &Place<'_, '_>, is_folder: bool) -> Result<(), FolderError> {
        let flags = if is_folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        self.unlink(place.folder.as_fd(), place.name, flags).map_err(exists_is_not_empty)
    }

    /// Removes the folder at `place` and all that lies in it, whatever others do there meanwhile. The way is a stack of
    /// names; one folder is open at a time, besides the one that is to go.
    fn remove_tree(
        &self,
        place: &Place<'_, '_>,
        removed: &mut u64,
        beat: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), FolderError> {
        // Tried before anything in it is touched: where something is mounted, nothing will make it go, and what is
        // mounted would be emptied for nothing.
        match self.remove_name(place, true) {
            Err(FolderError::NotEmpty) => {}
            other => return other,
        }
        let top = open_without_links(place.folder.as_fd(), place.name, FOLDER_FLAGS)?;
        let mut way: Vec<CString> = Vec::new();
        let mut rounds = 0u64;
        loop {
            rounds += 1;
            if rounds > ROUNDS_MAX + *removed || !beat(*removed) {
                return Err(FolderError::NotEmpty);
            }
            if let Some(result) = replaced(place, &top, *removed) {
                return result;
            }
            let folder = match self.open_on_the_way(&top, &way) {
                // Someone else removed it, or put something else there: its parent will tell, or the next look.
                Err(FolderError::NotFound | FolderError::NotAFolder | FolderError::LeadsNowhere) => {
                    way.pop();
                    continue;
                }
                other => other?,
            };
            match self.remove_files(&folder, removed, beat)? {
                Some(name) => match self.unlink(folder.as_fd(), name.as_c_str(), AtFlags::REMOVEDIR) {
                    Ok(()) => *removed += 1,
                    Err(Errno::NOTEMPTY | Errno::EXIST) => way.push(name),
                    Err(Errno::NOENT | Errno::NOTDIR) => {}
                    Err(other) => return Err(other.into()),
                },
                None if way.pop().is_none() => match self.remove_emptied(place, &top, *removed) {
                    // Something came into it meanwhile, or somebody else removed it: the next look tells.
                    Err(FolderError::NotEmpty | FolderError::NotFound | FolderError::NotAFolder) => {}
                    other => return other,
                },
                None => {}
            }
        }
    }

    /// Removes the name of a folder that was emptied, and not that of another one that was renamed over it.
    fn remove_emptied(&self, place: &Place<'_, '_>, top: &OwnedFd, removed: u64) -> Result<(), FolderError> {
        let _gate = self.gate_alone();
        self.gate.moved();
        let unlink =
            || unlinkat(place.folder.as_fd(), place.name, AtFlags::REMOVEDIR).map_err(exists_is_not_empty);
        replaced(place, top, removed).unwrap_or_else(unlink)
    }

    /// Removes a name, but not between another's last look at it and what that one does to it.
    fn unlink(&self, folder: BorrowedFd<'_>, name: impl Arg, flags: AtFlags) -> Result<(), Errno> {
        let _gate = self.gate_alone();
        self.gate.moved();
        unlinkat(folder, name, flags)
    }

    /// Opens the last folder on the way, in steps that are short enough for the kernel: renaming folders can make
    /// trees deeper than any path.
    fn open_on_the_way(&self, top: &OwnedFd, way: &[CString]) -> Result<OwnedFd, FolderError> {
        let mut folder = open_without_links(top.as_fd(), ".", FOLDER_FLAGS)?;
        for step in way.chunks(NAMES_PER_STEP) {
            let names: Vec<&[u8]> = step.iter().map(|name| name.as_bytes()).collect();
            folder = open_without_links(folder.as_fd(), names.join(&b'/'), FOLDER_FLAGS)?;
        }
        Ok(folder)
    }

    /// Removes the files of one folder; returns a subfolder, if there is one.
    fn remove_files(
        &self,
        folder: &OwnedFd,
        removed: &mut u64,
        beat: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<CString>, FolderError> {
        let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(folder.as_fd(), &mut names);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                // The folder itself is gone.
                Err(Errno::NOENT) => break,
                other => other?,
            };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            match self.unlink(folder.as_fd(), name, AtFlags::empty()) {
                Ok(()) => {
                    *removed += 1;
                    if removed.is_multiple_of(NAMES_PER_BEAT) && !beat(*removed) {
                        return Err(FolderError::NotEmpty);
                    }
                }
                Err(Errno::NOENT) => {}
                Err(error @ (Errno::ISDIR | Errno::PERM)) => {
                    if let Some(name) = self.subfolder(folder, name, error)? {
                        return Ok(Some(name));
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(None)
    }

    /// What could not be removed as a file, if it still is a folder.
    fn subfolder(&self, folder: &OwnedFd, name: &CStr, error: Errno) -> Result<Option<CString>, FolderError> {
        let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if self.is_hidden(Inode::of(&stat))? || (!is_folder && error == Errno::PERM) {
            return Err(FolderError::NotAllowed);
        }
        Ok(is_folder.then(|| name.to_owned()))
    }
}

/// What became of a removal whose folder does not have its name any more; none while it has. What has the name now was
/// not to be removed: it came later.
fn replaced(place: &Place<'_, '_>, top: &OwnedFd, removed: u64) -> Option<Result<(), FolderError>> {
    match (place.stat(), fstat(top)) {
        (Ok(named), Ok(held)) if Inode::of(&named) == Inode::of(&held) => None,
        // Once it is empty, anybody may remove it, or rename another folder over it: it is gone, and by our doing too.
        (_, Ok(held)) if held.st_nlink == 0 && removed > 0 => Some(Ok(())),
        (Ok(_), Ok(_)) => Some(Err(FolderError::NotAFolder)),
        (Err(error), _) | (_, Err(error)) => Some(Err(error.into())),
    }
}

fn exists_is_not_empty(error: Errno) -> FolderError {
    if error == Errno::EXIST { FolderError::NotEmpty } else { error.into() }
}
