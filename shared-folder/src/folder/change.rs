//! Changes of names below the folder: making folders and renaming, each by handle and synced.

use super::{
    Folder, FolderError, FolderHandle, Inode, LOOKS_MAX, MakePermit, Nearby, Permit, Place, Shape, Status,
    beneath, is_link,
};
use rustix::fd::BorrowedFd;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, fstat, fsync, linkat, mkdirat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use wire::path::SharedPath;

/// The folders of a renamed entry, which are not synced yet.
#[must_use = "the disk does not know of it"]
#[derive(Debug)]
pub struct Renamed<'a> {
    source: FolderHandle<'a>,
    target: FolderHandle<'a>,
}

impl Renamed<'_> {
    /// Brings the names to the disk: the new one first, so that one of them is there, whatever happens in between.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(self) -> Result<(), FolderError> {
        fsync(self.target.as_fd())?;
        Ok(fsync(self.source.as_fd())?)
    }
}

impl Folder {
    /// Makes a folder with its parents; one that is there is fine. Whether it was made now.
    ///
    /// # Errors
    /// When a file is in the way, or the way leads outside.
    pub fn make_folders(&self, path: &SharedPath) -> Result<bool, FolderError> {
        self.make_permitted_folders(path, &|_| Ok(()))
    }

    /// As [`Folder::make_folders`], each of those that are missing if `permit` allows it.
    ///
    /// # Errors
    /// As there, and what `permit` says.
    pub fn make_permitted_folders(
        &self,
        path: &SharedPath,
        permit: MakePermit<'_>,
    ) -> Result<bool, FolderError> {
        for _ in 1..LOOKS_MAX {
            match self.make_missing_folders(path, permit) {
                // What was there, or was just made, was removed meanwhile.
                Err(FolderError::NotFound) => {}
                other => return other,
            }
        }
        self.make_missing_folders(path, permit)
    }

    fn make_missing_folders(&self, path: &SharedPath, permit: MakePermit<'_>) -> Result<bool, FolderError> {
        match self.open_folder(Some(path)) {
            Ok(_) => return Ok(false),
            Err(FolderError::NotFound) => {}
            Err(other) => return Err(other),
        }
        // Most often its parent is there. Where it is not, the way from the root tells what is wrong, or makes it.
        if let Ok(place) = self.place(path) {
            return self.make_folder_in(&place, path, permit);
        }
        let (mut way, mut is_new): (Option<SharedPath>, _) = (None, false);
        for part in path.parts() {
            let next = SharedPath::below(way.as_ref(), part).map_err(|_| FolderError::BadName)?;
            is_new = self.make_folder(&next, permit)?;
            way = Some(next);
        }
        Ok(is_new)
    }

    /// Gives what `from` names the name `to`; an existing `to` is replaced only with `replace`. The disk knows of it
    /// once both folders are synced.
    ///
    /// # Errors
    /// When `to` is taken, the kinds do not fit, or either way leads outside.
    pub fn rename(
        &self,
        from: &SharedPath,
        to: &SharedPath,
        replace: bool,
        permit: Permit<'_>,
    ) -> Result<Renamed<'_>, FolderError> {
        // Where both ways are wrong, it is the first that is told.
        self.place(from)?;
        let gate = self.gate_alone();
        let (target, source) = self.in_place(to, &mut Nearby::default(), |target| {
            for _ in 0..LOOKS_MAX {
                let source = self.place(from)?;
                match self.rename_in((&source, target), to, replace, permit) {
                    Ok(()) => return Ok(source),
                    // What was met then may be the very folder that was moved away.
                    Err(_) if self.was_moved(&source, from) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(FolderError::Unsteady)
        })?;
        self.gate.moved();
        drop(gate);
        Ok(Renamed { source: source.folder, target: target.folder })
    }

    /// Whether the folder of `path` is another one by now, or none.
    fn was_moved(&self, place: &Place<'_, '_>, path: &SharedPath) -> bool {
        let folder = |place: &Place<'_, '_>| fstat(place.folder.as_fd()).map(|stat| Inode::of(&stat)).ok();
        !self.place(path).is_ok_and(|now| folder(&now) == folder(place))
    }

    fn rename_in(
        &self,
        (source, target): (&Place<'_, '_>, &Place<'_, '_>),
        to: &SharedPath,
        replace: bool,
        permit: Permit<'_>,
    ) -> Result<(), FolderError> {
        let stat = source.stat()?;
        self.refuse_hidden(&stat)?;
        if is_link(&stat) && !self.follows_links() {
            // Where it lies next, it might lead somewhere else.
            return Err(FolderError::NotFound);
        }
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        permit(is_folder)?;
        self.refuse_link_away(target, to)?;
        if replace && is_same_place(source, target)? {
            return Ok(());
        }
        if replace && !is_folder {
            refuse_special(target)?;
        }
        rename_at((source.folder.as_fd(), source.name), (target.folder.as_fd(), target.name), replace)?;
        if replace { remove_other_link(source, &stat) } else { Ok(()) }
    }

    /// Refuses a target name that is a link which leads nowhere or outside: nothing may be created through it,
    /// and replacing it would hide where it led.
    fn refuse_link_away(&self, place: &Place<'_, '_>, path: &SharedPath) -> Result<(), FolderError> {
        match place.stat() {
            Ok(stat) if is_link(&stat) => match self.status_to_write(place, path) {
                // It was removed since: the name is free.
                Err(FolderError::NotFound) if matches!(place.stat(), Err(Errno::NOENT)) => Ok(()),
                looked => looked.map(drop),
            },
            Ok(stat) => self.refuse_hidden(&stat),
            Err(Errno::NOENT) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// As [`Folder::status_in`], for whoever is about to give that name to something else.
    pub(crate) fn status_to_write(
        &self,
        place: &Place<'_, '_>,
        path: &SharedPath,
    ) -> Result<(Status, bool), FolderError> {
        self.status_in(place, path).map_err(dead_link)
    }

    /// Each part from the root and not from its parent's handle, or legal links such as `../x` would be refused.
    /// Whether it was made.
    fn make_folder(&self, path: &SharedPath, permit: MakePermit<'_>) -> Result<bool, FolderError> {
        self.make_folder_in(&self.place(path)?, path, permit)
    }

    fn make_folder_in(
        &self,
        place: &Place<'_, '_>,
        path: &SharedPath,
        permit: MakePermit<'_>,
    ) -> Result<bool, FolderError> {
        if let Err(refused) = permit(path) {
            // What is there already needs no permission.
            return match self.status(path) {
                Ok(status) if status.shape == Shape::Folder => Ok(false),
                _ => Err(refused),
            };
        }
        match mkdirat(place.folder.as_fd(), place.name, Mode::from_raw_mode(0o777)) {
            Ok(()) => {
                fsync(place.folder.as_fd())?;
                Ok(true)
            }
            Err(Errno::EXIST) => match self.status(path).map_err(dead_link)?.shape {
                Shape::Folder => Ok(false),
                _ => Err(FolderError::NotAFolder),
            },
            Err(other) => Err(other.into()),
        }
    }

    fn refuse_hidden(&self, stat: &Stat) -> Result<(), FolderError> {
        if self.is_hidden(Inode::of(stat))? { Err(FolderError::NotFound) } else { Ok(()) }
    }

    /// Opens a folder below `path` (or the root) whose way has no link at all.
    pub(crate) fn open_folder_without_links(
        &self,
        from: &FolderHandle<'_>,
        path: &str,
    ) -> Result<rustix::fd::OwnedFd, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        beneath::open_without_links(from.as_fd(), path, flags)
    }
}

impl Place<'_, '_> {
    /// Whether something is mounted there, which cannot be renamed, replaced or removed. Where the system does not say,
    /// it is found out by trying.
    pub(crate) fn is_mounted(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{StatxAttributes, StatxFlags, statx};
            let asked = statx(self.folder.as_fd(), self.name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
            asked.is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
        }
        #[cfg(not(target_os = "linux"))]
        false
    }
}

/// Renames by handles; without `replace` only to a free name, in one step, whatever else happens meanwhile.
pub(crate) fn rename_at(
    (from_folder, from): (BorrowedFd<'_>, &str),
    (to_folder, to): (BorrowedFd<'_>, &str),
    replace: bool,
) -> Result<(), FolderError> {
    if replace {
        return renameat(from_folder, from, to_folder, to).map_err(rename_error);
    }
    match renameat_with(from_folder, from, to_folder, to, RenameFlags::NOREPLACE) {
        // Some network file systems have no such rename; for files, a link and a removal are as good.
        Err(Errno::INVAL | Errno::NOSYS) if is_file(from_folder, from) => {
            linkat(from_folder, from, to_folder, to, AtFlags::empty())?;
            Ok(unlinkat(from_folder, from, AtFlags::empty())?)
        }
        other => other.map_err(rename_error),
    }
}

/// Renames a file in its folder to a name that nothing has, in one step; false where something has it, or where the file system knows
/// no such rename.
pub(crate) fn take_free_name(folder: BorrowedFd<'_>, from: &str, to: &str) -> Result<bool, FolderError> {
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) => Ok(false),
        Err(other) => Err(rename_error(other)),
    }
}

/// Whether both are one name, whatever links lead to its folder.
fn is_same_place(one: &Place<'_, '_>, other: &Place<'_, '_>) -> Result<bool, FolderError> {
    let folder = |place: &Place<'_, '_>| Ok::<_, Errno>(Inode::of(&fstat(place.folder.as_fd())?));
    Ok(one.name == other.name && folder(one)? == folder(other)?)
}

/// A FIFO, socket or device is replaced by nothing: who put it there waits at it.
fn refuse_special(target: &Place<'_, '_>) -> Result<(), FolderError> {
    let stat = statat(target.folder.as_fd(), target.name, AtFlags::SYMLINK_NOFOLLOW);
    let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
    match kind {
        Ok(FileType::RegularFile | FileType::Directory | FileType::Symlink) | Err(Errno::NOENT) => Ok(()),
        Ok(_) => Err(FolderError::NotAFile),
        Err(other) => Err(other.into()),
    }
}

/// Renaming one hard link over another of the same file does nothing (POSIX); the old name goes all the same.
fn remove_other_link(source: &Place<'_, '_>, before: &Stat) -> Result<(), FolderError> {
    match source.stat() {
        Ok(now) if now.st_nlink > 1 && Inode::of(&now) == Inode::of(before) => {
            Ok(unlinkat(source.folder.as_fd(), source.name, AtFlags::empty())?)
        }
        _ => Ok(()),
    }
}

fn is_file(folder: BorrowedFd<'_>, name: &str) -> bool {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

fn dead_link(error: FolderError) -> FolderError {
    if matches!(error, FolderError::LeadsNowhere) { FolderError::TakenByDeadLink } else { error }
}

fn rename_error(error: Errno) -> FolderError {
    match error {
        Errno::INVAL => FolderError::IntoItself,
        Errno::XDEV => FolderError::OtherFileSystem,
        other => other.into(),
    }
}
