//! Listing the folder, or all below it, in its own order and in constant memory whatever its size.

use crate::folder::{Folder, FolderError, FolderHandle, Inode, LOOKS_MAX, Shape, Status, is_link};
use crate::kinds::kind_of;
use core::fmt;
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, RawDir, SeekFrom, Stat, fstat, seek, statat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use wire::message::{ByteCount, Entry, Kind};
use wire::path::{PathError, SharedPath};

/// Bytes of names read from the kernel at a time; each batch holds the entries of one such read.
const NAMES_BYTES: usize = 64 * 1024;
/// Folders kept open on the way down; those further up are opened again when the scan returns to them.
const HANDLES_MAX: usize = 32;

/// What whoever asks may know of. All else is passed over before it is looked at: it is neither listed nor counted, costs
/// nothing, and cannot fail.
pub trait Sight: fmt::Debug {
    /// Whether there is such a path. What is hidden hides all below it.
    fn shows(&self, path: &SharedPath) -> bool;

    /// Whether it may be told how many names in `folder` cannot stand in a path; `None` is the share itself.
    fn shows_nameless_in(&self, folder: Option<&SharedPath>) -> bool;
}

/// Of everything.
#[derive(Debug)]
struct Everything;

impl Sight for Everything {
    fn shows(&self, _: &SharedPath) -> bool {
        true
    }

    fn shows_nameless_in(&self, _: Option<&SharedPath>) -> bool {
        true
    }
}

/// A listing under way.
#[derive(Debug)]
pub struct Scan<'a> {
    folder: &'a Folder,
    sight: &'a dyn Sight,
    top: FolderTop<'a>,
    recursive: bool,
    way: Vec<Step>,
    names: Vec<MaybeUninit<u8>>,
    /// What becomes entries; kept for its memory.
    found: Vec<Found>,
    counts: Counts,
}

/// A file or folder that a listing came across.
#[derive(Debug, Clone)]
pub struct Found {
    /// From the share's root.
    pub path: SharedPath,
    /// What it is; of a link, what it leads to.
    pub status: Status,
    /// Whether a link leads to it.
    pub is_link: bool,
}

/// What a listing came across that is no entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Names that cannot stand on the wire.
    pub unnameable: u64,
    /// Devices, sockets, FIFOs, links that lead nowhere or outside, folders that could not be read.
    pub left_out: u64,
}

#[derive(Debug)]
struct FolderTop<'a> {
    handle: FolderHandle<'a>,
    path: Option<SharedPath>,
}

/// One folder on the way down.
#[derive(Debug)]
struct Step {
    /// From the top; `None` is the top itself.
    below: Option<SharedPath>,
    /// None while it is closed to save descriptors.
    handle: Option<OwnedFd>,
    inode: Inode,
    position: u64,
    /// Subfolders of the last batch that were not visited yet.
    subfolders: Vec<String>,
}

impl<'a> Scan<'a> {
    /// Begins a listing of `path`, or of the share's root.
    ///
    /// # Errors
    /// When it is no folder, is not there, or the way leads outside.
    pub fn new(folder: &'a Folder, path: Option<SharedPath>, recursive: bool) -> Result<Self, FolderError> {
        let (handle, first) = Self::open_top(folder, path.as_ref())?;
        Ok(Self {
            folder,
            sight: &Everything,
            top: FolderTop { handle, path },
            recursive,
            way: vec![first],
            names: vec![MaybeUninit::uninit(); NAMES_BYTES],
            found: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// As somebody has it who may not know of everything.
    #[must_use]
    pub fn seen_with(self, sight: &'a dyn Sight) -> Self {
        Self { sight, ..self }
    }

    /// Puts the next entries into `batch`, which is emptied first; false at the end. A batch may be empty.
    ///
    /// # Errors
    /// When the top folder cannot be read, or anything fails that is not to be blamed on the name that was looked at:
    /// descriptors or memory run out, a device breaks. What was to be listed may be missing then, though the scan can
    /// go on with the rest.
    pub fn next_batch(&mut self, batch: &mut Vec<Entry>) -> Result<bool, FolderError> {
        let mut found = std::mem::take(&mut self.found);
        let goes_on = self.next_found(&mut found);
        batch.clear();
        batch.extend(found.iter().map(|found| entry_of(&found.path, &found.status)));
        self.found = found;
        goes_on
    }

    /// As [`Scan::next_batch`], with all that is known. The folders of a batch are opened only by later calls.
    ///
    /// # Errors
    /// As [`Scan::next_batch`].
    pub fn next_found(&mut self, batch: &mut Vec<Found>) -> Result<bool, FolderError> {
        batch.clear();
        let Some(step) = self.way.last_mut() else { return Ok(false) };
        if let Some(name) = step.subfolders.pop() {
            return self.descend(&name).map(|()| true);
        }
        let goes_on = self.reopen_last().and_then(|is_open| Ok(is_open && self.read_names(batch)?));
        // A folder that failed is not tried again: the scan comes to its end whatever fails.
        if !matches!(goes_on, Ok(true)) {
            self.way.pop();
        }
        goes_on.map(|_| true)
    }

    /// What was not listed so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn open_top(
        folder: &'a Folder,
        path: Option<&SharedPath>,
    ) -> Result<(FolderHandle<'a>, Step), FolderError> {
        for _ in 0..LOOKS_MAX {
            let handle = match path {
                None => folder.open_folder(None)?,
                Some(path) => FolderHandle::Owned(folder.open_folder(Some(path))?.into_owned()?),
            };
            match Step::open(folder, &handle, None) {
                // It was removed since: there is nothing now, or another one that has its name.
                Err(FolderError::NotFound) => {}
                first => return Ok((handle, first?)),
            }
        }
        Err(FolderError::Unsteady)
    }

    fn descend(&mut self, name: &str) -> Result<(), FolderError> {
        let below = match self.way.last() {
            Some(step) => SharedPath::below(step.below.as_ref(), name),
            None => return Ok(()),
        };
        let Ok(below) = below else {
            self.counts.unnameable += 1;
            return Ok(());
        };
        match self.open(Some(below)) {
            Ok(step) => {
                self.way.push(step);
                self.close_far_ones()?;
            }
            // It went away since it was listed, with all that was in it.
            Err(FolderError::NotFound) => {}
            // It may not be read, or became a link.
            Err(error) => self.leave_out(error)?,
        }
        Ok(())
    }

    /// Counts what is not served; gives the error back if it says nothing about the name.
    fn leave_out(&mut self, error: FolderError) -> Result<(), FolderError> {
        if !error.is_about_the_name() {
            return Err(error);
        }
        self.counts.left_out += 1;
        Ok(())
    }

    fn open(&self, below: Option<SharedPath>) -> Result<Step, FolderError> {
        Step::open(self.folder, &self.top.handle, below)
    }

    fn close_far_ones(&mut self) -> Result<(), FolderError> {
        let Some(far) = self.way.len().checked_sub(HANDLES_MAX + 1) else { return Ok(()) };
        if let Some(step) = self.way.get_mut(far)
            && let Some(handle) = &step.handle
        {
            step.position = seek(handle, SeekFrom::Current(0))?;
            step.handle = None;
        }
        Ok(())
    }

    /// Makes sure that the last folder is open, at the place where it was left; false if it is gone.
    fn reopen_last(&mut self) -> Result<bool, FolderError> {
        let (below, inode, position) = match self.way.last() {
            Some(Step { handle: None, below, inode, position, .. }) => (below.clone(), *inode, *position),
            other => return Ok(other.is_some()),
        };
        let reopened = match self.open(below) {
            Ok(step) if step.inode == inode => step.handle,
            // Another one has its name.
            Ok(_) => None,
            Err(error) if error.is_about_the_name() => None,
            Err(error) => return Err(error),
        };
        let Some(handle) = reopened else {
            self.counts.left_out += 1;
            return Ok(false);
        };
        seek(&handle, SeekFrom::Start(position))?;
        if let Some(step) = self.way.last_mut() {
            step.handle = Some(handle);
        }
        Ok(true)
    }

    /// Reads one buffer of names of the last folder; false at its end.
    fn read_names(&mut self, batch: &mut Vec<Found>) -> Result<bool, FolderError> {
        let is_top = self.way.len() == 1;
        let Some(Step { handle: Some(handle), below, subfolders, .. }) = self.way.last_mut() else {
            return Ok(false);
        };
        let mut looker = Looker {
            folder: self.folder,
            sight: self.sight,
            handle,
            prefix: join(self.top.path.as_ref(), below.as_ref()),
            counts: &mut self.counts,
        };
        let mut entries = RawDir::new(handle.as_fd(), &mut self.names);
        let mut any = false;
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // It was removed since it was opened, and so was empty then.
                Err(Errno::NOENT) => break,
                // There are file systems where it shows only now that a folder may not be read.
                Err(Errno::ACCESS | Errno::PERM) if !is_top => {
                    looker.counts.left_out += 1;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            any = true;
            if let Some(found) = looker.look(entry.file_name())? {
                if self.recursive && found.is_real_folder() {
                    subfolders.push(found.path.name().to_owned());
                }
                batch.push(found);
            }
            if entries.is_buffer_empty() {
                break;
            }
        }
        // They are taken from the end, so that they are visited in the folder's own order.
        subfolders.reverse();
        Ok(any)
    }
}

impl Step {
    /// Opens a folder from the top, following no link: a subfolder that becomes a link is not descended into.
    fn open(folder: &Folder, top: &FolderHandle<'_>, below: Option<SharedPath>) -> Result<Self, FolderError> {
        let path = below.as_ref().map_or(".", SharedPath::as_str);
        let handle = folder.open_folder_without_links(top, path)?;
        let inode = Inode::of(&fstat(&handle)?);
        if folder.is_hidden(inode)? {
            return Err(FolderError::NotFound);
        }
        Ok(Self { below, handle: Some(handle), inode, position: 0, subfolders: Vec::new() })
    }
}

impl Found {
    /// What a listing of the whole share would come across at `path`.
    ///
    /// # Errors
    /// When it would come across nothing: there is nothing, or it is beyond a link.
    pub fn at(folder: &Folder, path: &SharedPath) -> Result<Self, FolderError> {
        let (status, is_link) = folder.status_without_links(path)?;
        Ok(Self { path: path.clone(), status, is_link })
    }

    /// Whether it is a folder that is no link: only such are descended into.
    #[must_use]
    pub fn is_real_folder(&self) -> bool {
        self.status.shape == Shape::Folder && !self.is_link
    }
}

/// Turns names of one folder into what they lead to.
struct Looker<'a> {
    folder: &'a Folder,
    sight: &'a dyn Sight,
    handle: &'a OwnedFd,
    prefix: Option<SharedPath>,
    counts: &'a mut Counts,
}

impl Looker<'_> {
    fn look(&mut self, name: &CStr) -> Result<Option<Found>, FolderError> {
        if name == c"." || name == c".." {
            return Ok(None);
        }
        let path = match name.to_str().map(|name| SharedPath::below(self.prefix.as_ref(), name)) {
            Ok(Ok(path)) => path,
            Ok(Err(PathError::Reserved)) => return Ok(None),
            _ => {
                let is_told = self.sight.shows_nameless_in(self.prefix.as_ref());
                self.counts.unnameable += u64::from(is_told);
                return Ok(None);
            }
        };
        if !self.sight.shows(&path) {
            return Ok(None);
        }
        let stat = match statat(self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            // It went away since its name was read: there is nothing to leave out.
            Err(Errno::NOENT) => return Ok(None),
            other => other.map_err(FolderError::from),
        };
        let status = match stat.and_then(|stat| self.status(&stat, &path)) {
            Err(error) if error.is_about_the_name() => None,
            Ok((status, _)) if status.shape == Shape::Special => None,
            other => Some(other?),
        };
        let Some((status, is_link)) = status else {
            self.counts.left_out += 1;
            return Ok(None);
        };
        let is_hidden = self.folder.is_hidden(status.identity.inode)?;
        Ok((!is_hidden).then_some(Found { path, status, is_link }))
    }

    fn status(&self, stat: &Stat, path: &SharedPath) -> Result<(Status, bool), FolderError> {
        let is_link = is_link(stat);
        let status = if is_link { self.folder.status(path)? } else { Status::of(stat) };
        Ok((status, is_link))
    }
}

/// A file or folder as listings show it.
#[must_use]
pub fn entry_of(path: &SharedPath, status: &Status) -> Entry {
    let kind = if status.shape == Shape::Folder { Kind::Folder } else { kind_of(path.name()) };
    Entry {
        path: path.as_str().to_owned(),
        kind,
        byte_count: ByteCount::new(status.byte_count),
        modified: status.modified,
        executable: status.executable,
    }
}

fn join(top: Option<&SharedPath>, below: Option<&SharedPath>) -> Option<SharedPath> {
    match (top, below) {
        (Some(top), Some(below)) => SharedPath::parse(&format!("{top}/{below}")).ok(),
        (top, below) => top.or(below).cloned(),
    }
}

#[cfg(test)]
mod tests;
