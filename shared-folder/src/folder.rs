//! The served folder as an open directory: the single place where a shared path becomes a file.
//!
//! Every access goes below the handle and never by comparing strings, so neither names, links nor races lead
//! outside. Links are followed only to targets inside. Must not know any message.

mod beneath;
mod change;
mod error;
mod gate;
mod hidden;
mod nearby;
mod remove;
mod status;

pub use change::Renamed;
pub(crate) use change::{rename_at, take_free_name};
pub use error::FolderError;
pub use nearby::Nearby;
pub use status::{Identity, Inode, Shape, Status};

use beneath::{open_beneath, open_for_status, open_without_links};
use gate::{Alone, Gate};
use hidden::Hidden;
use nearby::OpenFolder;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};
use wire::path::SharedPath;

/// How often one name is looked at again because it became something else between two calls. Exceeded: `Unsteady`.
pub(crate) const LOOKS_MAX: usize = 64;

/// Says of what stands at a name whether it may be changed; true of a folder, and not of a link to one. It is asked in
/// one step with the change.
pub type Permit<'a> = &'a dyn Fn(bool) -> Result<(), FolderError>;

/// Says whether a folder of that path may be made.
pub type MakePermit<'a> = &'a dyn Fn(&SharedPath) -> Result<(), FolderError>;

/// An open directory, and what lies in it that is not shared.
#[derive(Debug)]
pub struct Folder {
    root: Arc<OwnedFd>,
    /// The program's own state folder, where it lies inside the share.
    hidden: Option<Hidden>,
    gate: Arc<Gate>,
    /// Its name when it was opened: for watching only, never for opening.
    opened_as: PathBuf,
    links: Links,
}

/// What becomes of links inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    /// They lead to what they name, where that lies inside.
    Lead,
    /// They lead nowhere.
    LeadNowhere,
}

/// For confinement, which is about the very folder that is open.
impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// A file opened for reading.
#[derive(Debug)]
pub struct OpenFile {
    /// Positioned at its start.
    pub file: File,
    /// As it was when it was opened.
    pub status: Status,
}

/// A folder opened, and the last part of a path in it.
#[derive(Debug)]
pub(crate) struct Place<'folder, 'path> {
    pub(crate) folder: FolderHandle<'folder>,
    pub(crate) name: &'path str,
}

/// The root is borrowed, a folder below it owned by whoever opened it, or shared with those that follow.
#[derive(Debug)]
pub(crate) enum FolderHandle<'a> {
    Borrowed(BorrowedFd<'a>),
    Owned(OwnedFd),
    Shared(Arc<OpenFolder>),
}

/// The state of a file, read again from its handle: tells whether it changed since.
///
/// # Errors
/// When the handle's device fails.
pub fn identity_of(file: &File) -> Result<Identity, FolderError> {
    Ok(Status::of(&fstat(file)?).identity)
}

impl Folder {
    /// Opens `path` from the ambient file system; a link is resolved once, here.
    ///
    /// # Errors
    /// When it is not there, no folder, or may not be read.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        let opened_as = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (root, gate) = (Arc::new(root), Arc::default());
        Ok(Self { root, hidden: None, gate, opened_as, links: Links::Lead })
    }

    /// The same folder for whoever may not go everywhere in it: to them no link leads anywhere, so that no name is another
    /// one's in disguise.
    #[must_use]
    pub fn without_links(&self) -> Self {
        Self {
            root: Arc::clone(&self.root),
            hidden: self.hidden.clone(),
            gate: Arc::clone(&self.gate),
            opened_as: self.opened_as.clone(),
            links: Links::LeadNowhere,
        }
    }

    /// Hides the program's own state folder, in case it lies inside the share.
    ///
    /// # Errors
    /// When `state_folder` cannot be inspected, or is this very folder.
    pub fn hiding(mut self, state_folder: &Path) -> Result<Self, FolderError> {
        let root = self.root_status()?.identity.inode;
        self.hidden = Hidden::find(root, state_folder)?;
        if self.is_hidden(root)? { Err(FolderError::StateItself) } else { Ok(self) }
    }

    /// What `path` leads to, following links that stay inside.
    ///
    /// # Errors
    /// When nothing is there, or the way leads outside.
    pub fn status(&self, path: &SharedPath) -> Result<Status, FolderError> {
        let place = self.place(path)?;
        self.status_in(&place, path).map(|(status, _)| status)
    }

    /// As [`Folder::status`], in the folder that is kept if it is the one.
    pub(crate) fn status_near(&self, path: &SharedPath, nearby: &mut Nearby) -> Result<Status, FolderError> {
        let place = self.place_near(path, nearby)?;
        self.status_in(&place, path).map(|(status, _)| status)
    }

    /// As [`Folder::status`], and whether `path` itself is a link; nothing is there, if the way leads through one.
    pub(crate) fn status_without_links(&self, path: &SharedPath) -> Result<(Status, bool), FolderError> {
        let root = FolderHandle::Borrowed(self.root.as_fd());
        let folder = match path.as_str().rsplit_once('/') {
            None => root,
            Some((folder, _)) => FolderHandle::Owned(self.open_folder_without_links(&root, folder)?),
        };
        if self.hidden.is_some() && self.is_hidden(Inode::of(&fstat(folder.as_fd())?))? {
            return Err(FolderError::NotFound);
        }
        self.status_in(&Place { folder, name: path.name() }, path)
    }

    /// The ambient name it was opened by, which may lead elsewhere by now.
    pub(crate) fn opened_as(&self) -> &Path {
        &self.opened_as
    }

    /// The status of the folder itself.
    ///
    /// # Errors
    /// When its device fails.
    pub fn root_status(&self) -> Result<Status, FolderError> {
        Ok(Status::of(&fstat(&self.root)?))
    }

    /// Opens a regular file for reading; anything else is refused without being opened.
    ///
    /// # Errors
    /// When it is no regular file, is not there, or the way leads outside.
    pub fn open_file(&self, path: &SharedPath) -> Result<OpenFile, FolderError> {
        self.open_file_in(&self.place(path)?, path)
    }

    /// As [`Folder::open_file`], in the folder that is kept if it is the one.
    ///
    /// # Errors
    /// As there.
    pub fn open_file_near(&self, path: &SharedPath, nearby: &mut Nearby) -> Result<OpenFile, FolderError> {
        loop {
            let place = self.place_near(path, nearby)?;
            match self.open_file_in(&place, path) {
                Err(_) if nearby.forget() => {}
                opened => return opened,
            }
        }
    }

    /// Opens a folder for listing; `None` is the share's root.
    pub(crate) fn open_folder(&self, path: Option<&SharedPath>) -> Result<FolderHandle<'_>, FolderError> {
        let Some(path) = path else { return Ok(FolderHandle::Borrowed(self.root.as_fd())) };
        let handle = self.open_below(path.as_str()).map_err(|error| match error {
            // The way may be blocked by a file; only the last part is "not a folder".
            FolderError::NotAFolder if self.status(path).is_err() => FolderError::NotFound,
            other => other,
        })?;
        Ok(FolderHandle::Owned(handle))
    }

    /// Opens the folder that `path` lies in.
    pub(crate) fn place<'folder, 'path>(
        &'folder self,
        path: &'path SharedPath,
    ) -> Result<Place<'folder, 'path>, FolderError> {
        let folder = match path.as_str().rsplit_once('/') {
            None => FolderHandle::Borrowed(self.root.as_fd()),
            Some((folder, _)) => FolderHandle::Owned(self.open_below(folder).map_err(not_on_the_way)?),
        };
        Ok(Place { folder, name: path.name() })
    }

    /// As [`Folder::place`], where that folder is kept without opening it again.
    fn place_near<'folder, 'path>(
        &'folder self,
        path: &'path SharedPath,
        nearby: &mut Nearby,
    ) -> Result<Place<'folder, 'path>, FolderError> {
        let Some((folder, name)) = path.as_str().rsplit_once('/') else { return self.place(path) };
        let open = || self.open_below(folder).map_err(not_on_the_way);
        let kept = nearby.folder(folder, (self.links, self.moves()), open)?;
        Ok(Place { folder: FolderHandle::Shared(kept), name })
    }

    /// Lets `act` do something in the folder that `path` lies in. A folder that was removed meanwhile is not the one
    /// that the path names: another one may have its name, as when a folder is renamed over an empty one. Nor need be one that was
    /// kept.
    pub(crate) fn in_place<'folder, 'path, T, E: From<FolderError>>(
        &'folder self,
        path: &'path SharedPath,
        nearby: &mut Nearby,
        mut act: impl FnMut(&Place<'folder, 'path>) -> Result<T, E>,
    ) -> Result<(Place<'folder, 'path>, T), E> {
        for _ in 0..LOOKS_MAX {
            let place = self.place_near(path, nearby).map_err(missing_folder)?;
            match act(&place) {
                Ok(done) => return Ok((place, done)),
                Err(_) if nearby.forget() || place.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Err(FolderError::Unsteady.into())
    }

    /// The status of what stands in `place`, and whether it got there through a link.
    pub(crate) fn status_in(
        &self,
        place: &Place<'_, '_>,
        path: &SharedPath,
    ) -> Result<(Status, bool), FolderError> {
        for _ in 0..LOOKS_MAX {
            let stat = place.stat()?;
            let is_link = is_link(&stat);
            if is_link && !self.follows_links() {
                return Err(FolderError::LeadsNowhere);
            }
            let stat = match is_link.then(|| open_for_status(self.root.as_fd(), path.as_str())) {
                None => stat,
                Some(Ok(target)) => fstat(target)?,
                // What leads nowhere now need not be the link that was there.
                Some(Err(_)) if place.is_changed_since(&stat) => continue,
                Some(Err(error)) => return Err(error),
            };
            let status = Status::of(&stat);
            if self.is_hidden(status.identity.inode)? {
                return Err(FolderError::NotFound);
            }
            return Ok((status, is_link));
        }
        Err(FolderError::Unsteady)
    }

    /// Whether this is the program's own state folder or one of its files, whatever name or link led there.
    pub(crate) fn is_hidden(&self, inode: Inode) -> Result<bool, FolderError> {
        self.hidden.as_ref().map_or(Ok(false), |hidden| hidden.covers(inode))
    }

    /// Whether it is worth opening, in one call. It may look past a link on the way: no more than a hint.
    pub(crate) fn may_have(&self, path: &SharedPath) -> bool {
        statat(self.root.as_fd(), path.as_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Whether a name that was not found is free: all are, unless something is hidden here.
    pub(crate) fn is_name_free(&self, place: &Place<'_, '_>) -> bool {
        self.hidden.is_none() || place.stat().is_err()
    }

    pub(crate) fn follows_links(&self) -> bool {
        self.links == Links::Lead
    }

    /// Held between the last look at a name in that folder and the landing under it.
    pub(crate) fn gate_into(&self, folder: Inode) -> MutexGuard<'_, ()> {
        self.gate.pass_into(folder)
    }

    /// Held between the last look at names and what moves or removes them.
    fn gate_alone(&self) -> Alone<'_> {
        self.gate.pass_alone()
    }

    /// See [`Gate::moves`].
    pub(crate) fn moves(&self) -> u64 {
        self.gate.moves()
    }

    fn open_file_in(&self, place: &Place<'_, '_>, path: &SharedPath) -> Result<OpenFile, FolderError> {
        let handle = self.open_in(place, path)?;
        let status = Status::of(&fstat(&handle)?);
        if status.shape != Shape::File || self.is_hidden(status.identity.inode)? {
            return Err(FolderError::NotAFile);
        }
        Ok(OpenFile { file: File::from(handle), status })
    }

    /// Opens the regular file in `place`.
    fn open_in(&self, place: &Place<'_, '_>, path: &SharedPath) -> Result<OwnedFd, FolderError> {
        // NONBLOCK: should a FIFO have taken the name since, opening it must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        for _ in 0..LOOKS_MAX {
            let (status, is_link) = self.status_in(place, path)?;
            if status.shape != Shape::File {
                return Err(FolderError::NotAFile);
            }
            if is_link {
                return open_beneath(self.root.as_fd(), path.as_str(), flags);
            }
            match openat(place.folder.as_fd(), place.name, flags | OFlags::NOFOLLOW, Mode::empty()) {
                // A link has taken the name since.
                Err(Errno::LOOP) => {}
                other => return Ok(other?),
            }
        }
        Err(FolderError::Unsteady)
    }

    fn open_below(&self, path: &str) -> Result<OwnedFd, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = match self.links {
            Links::Lead => open_beneath(self.root.as_fd(), path, flags)?,
            Links::LeadNowhere => open_without_links(self.root.as_fd(), path, flags)?,
        };
        if self.hidden.is_some() && self.is_hidden(Inode::of(&fstat(&handle)?))? {
            return Err(FolderError::NotFound);
        }
        Ok(handle)
    }
}

impl Place<'_, '_> {
    /// What has the name; of a link, the link itself.
    pub(crate) fn stat(&self) -> Result<Stat, Errno> {
        statat(self.folder.as_fd(), self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn is_changed_since(&self, before: &Stat) -> bool {
        !self.stat().is_ok_and(|now| is_link(&now) && Inode::of(&now) == Inode::of(before))
    }

    /// Whether the folder was removed: then nothing can be found or made in it.
    fn is_gone(&self) -> bool {
        fstat(self.folder.as_fd()).is_ok_and(|stat| stat.st_nlink == 0)
    }
}

impl FolderHandle<'_> {
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Borrowed(handle) => *handle,
            Self::Owned(handle) => handle.as_fd(),
            Self::Shared(folder) => folder.as_fd(),
        }
    }

    pub(crate) fn inode(&self) -> Result<Inode, FolderError> {
        match self {
            Self::Borrowed(_) | Self::Owned(_) => Ok(Inode::of(&fstat(self.as_fd())?)),
            Self::Shared(folder) => Ok(folder.inode()),
        }
    }

    pub(crate) fn into_owned(self) -> Result<OwnedFd, FolderError> {
        match self {
            Self::Owned(handle) => Ok(handle),
            shared => Ok(rustix::io::fcntl_dupfd_cloexec(shared.as_fd(), 0)?),
        }
    }
}

/// Whether it is a link; not what it leads to.
pub(crate) fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

fn missing_folder(error: FolderError) -> FolderError {
    if matches!(error, FolderError::NotFound) { FolderError::NoFolder } else { error }
}

/// Where the way to a name is blocked by a file or turns in circles, the name does not exist.
fn not_on_the_way(error: FolderError) -> FolderError {
    match error {
        FolderError::NotAFolder | FolderError::LeadsNowhere => FolderError::NotFound,
        other => other,
    }
}

#[cfg(test)]
mod tests;
