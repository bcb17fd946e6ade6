//! Removing files and folders below the folder, in constant memory for any tree.

use super::beneath::open_without_links;
use super::{Folder, FolderError, Inode, Place};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags, RawDir, statat, unlinkat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use wire::path::SharedPath;

/// Bytes of names read from the kernel at a time.
const NAMES_BYTES: usize = 32 * 1024;
/// Names that are opened at a time: together they are shorter than a path may be.
const NAMES_PER_STEP: usize = 8;
/// How often one folder is looked at again because someone else keeps adding to it. Exceeded: `NotEmpty`.
const ROUNDS_MAX: u64 = 100_000;

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
        beat: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), FolderError> {
        let place = self.place(path)?;
        let stat = statat(place.folder.as_fd(), place.name, AtFlags::SYMLINK_NOFOLLOW)?;
        if self.is_hidden(Inode::of(&stat)) {
            return Err(FolderError::NotFound);
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(unlinkat(place.folder.as_fd(), place.name, AtFlags::empty())?);
        }
        // Tried before anything in it is touched: where something is mounted, nothing will make it go, and what is
        // mounted would be emptied for nothing.
        match remove_folder(&place) {
            Err(FolderError::NotEmpty) if recursive => {
                self.empty(&place, beat)?;
                remove_folder(&place)
            }
            other => other,
        }
    }

    /// Removes all that lies in the folder at `place`. The way is a stack of names; one folder is open at a time.
    fn empty(&self, place: &Place<'_, '_>, beat: &mut dyn FnMut(u64) -> bool) -> Result<(), FolderError> {
        let mut way: Vec<CString> = Vec::new();
        let (mut removed, mut rounds) = (0u64, 0u64);
        loop {
            let folder = self.open_on_the_way(place, &way)?;
            let subfolder = self.remove_files(&folder, &mut removed)?;
            rounds += 1;
            if rounds > ROUNDS_MAX + removed || !beat(removed) {
                return Err(FolderError::NotEmpty);
            }
            match subfolder {
                Some(name) => match unlinkat(&folder, name.as_c_str(), AtFlags::REMOVEDIR) {
                    Ok(()) => removed += 1,
                    Err(Errno::NOTEMPTY | Errno::EXIST) => way.push(name),
                    Err(Errno::NOENT | Errno::NOTDIR) => {}
                    Err(other) => return Err(other.into()),
                },
                None if way.pop().is_none() => return Ok(()),
                None => {}
            }
        }
    }

    /// Opens the last folder on the way, in steps that are short enough for the kernel: renaming folders can make
    /// trees deeper than any path.
    fn open_on_the_way(&self, place: &Place<'_, '_>, way: &[CString]) -> Result<OwnedFd, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = open_without_links(place.folder.as_fd(), place.name, flags)?;
        for step in way.chunks(NAMES_PER_STEP) {
            let names: Vec<&[u8]> = step.iter().map(|name| name.as_bytes()).collect();
            folder = open_without_links(folder.as_fd(), names.join(&b'/'), flags)?;
        }
        Ok(folder)
    }

    /// Removes the files of one folder; returns a subfolder, if there is one.
    fn remove_files(&self, folder: &OwnedFd, removed: &mut u64) -> Result<Option<CString>, FolderError> {
        let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(folder.as_fd(), &mut names);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            match unlinkat(folder, name, AtFlags::empty()) {
                Ok(()) => *removed += 1,
                Err(Errno::NOENT) => {}
                Err(Errno::ISDIR | Errno::PERM) => return self.subfolder(folder, name).map(Some),
                Err(other) => return Err(other.into()),
            }
        }
        Ok(None)
    }

    fn subfolder(&self, folder: &OwnedFd, name: &CStr) -> Result<CString, FolderError> {
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory || self.is_hidden(Inode::of(&stat)) {
            return Err(FolderError::NotAllowed);
        }
        Ok(name.to_owned())
    }
}

fn remove_folder(place: &Place<'_, '_>) -> Result<(), FolderError> {
    unlinkat(place.folder.as_fd(), place.name, AtFlags::REMOVEDIR).map_err(|error| match error {
        Errno::EXIST => FolderError::NotEmpty,
        other => other.into(),
    })
}
