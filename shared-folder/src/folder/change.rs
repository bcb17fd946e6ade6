//! Changes of names below the folder: making folders and renaming, each by handle and synced.

use super::{Folder, FolderError, Shape, beneath};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, fsync, mkdirat, renameat_with, statat};
use rustix::io::Errno;
use wire::path::SharedPath;

impl Folder {
    /// Makes a folder with its parents; one that is there is fine.
    ///
    /// # Errors
    /// When a file is in the way, or the way leads outside.
    pub fn make_folders(&self, path: &SharedPath) -> Result<(), FolderError> {
        match self.open_folder(Some(path)) {
            Ok(_) => return Ok(()),
            Err(FolderError::NotFound) => {}
            Err(other) => return Err(other),
        }
        let mut way: Option<SharedPath> = None;
        for part in path.parts() {
            let next = SharedPath::below(way.as_ref(), part).map_err(|_| FolderError::BadName)?;
            self.make_folder(&next)?;
            way = Some(next);
        }
        Ok(())
    }

    /// Gives what `from` names the name `to`; an existing `to` is replaced only with `replace`.
    ///
    /// # Errors
    /// When `to` is taken, the kinds do not fit, or either way leads outside.
    pub fn rename(&self, from: &SharedPath, to: &SharedPath, replace: bool) -> Result<(), FolderError> {
        let (source, target) = (self.place(from)?, self.place(to)?);
        let stat = statat(source.folder.as_fd(), source.name, AtFlags::SYMLINK_NOFOLLOW)?;
        self.refuse_hidden(&stat)?;
        self.refuse_link_away(to)?;
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let gate = self.gate();
        renameat_with(source.folder.as_fd(), source.name, target.folder.as_fd(), target.name, flags)
            .map_err(rename_error)?;
        drop(gate);
        fsync(target.folder.as_fd())?;
        fsync(source.folder.as_fd())?;
        Ok(())
    }

    /// Refuses a target name that is a link which leads nowhere or outside: nothing may be created through it,
    /// and replacing it would hide where it led.
    pub(crate) fn refuse_link_away(&self, path: &SharedPath) -> Result<(), FolderError> {
        let place = self.place(path)?;
        match statat(place.folder.as_fd(), place.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                self.status_in(&place, path).map(drop)
            }
            Ok(stat) => self.refuse_hidden(&stat),
            Err(Errno::NOENT) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// Each part from the root and not from its parent's handle, or legal links such as `../x` would be refused.
    fn make_folder(&self, path: &SharedPath) -> Result<(), FolderError> {
        let place = self.place(path)?;
        match mkdirat(place.folder.as_fd(), place.name, Mode::from_raw_mode(0o777)) {
            Ok(()) => Ok(fsync(place.folder.as_fd())?),
            Err(Errno::EXIST) => match self.status(path)?.shape {
                Shape::Folder => Ok(()),
                _ => Err(FolderError::NotAFolder),
            },
            Err(other) => Err(other.into()),
        }
    }

    fn refuse_hidden(&self, stat: &rustix::fs::Stat) -> Result<(), FolderError> {
        if self.is_hidden(super::Inode::of(stat)) { Err(FolderError::NotFound) } else { Ok(()) }
    }

    /// Opens a folder below `path` (or the root) whose way has no link at all.
    pub(crate) fn open_folder_without_links(
        &self,
        from: &super::FolderHandle<'_>,
        path: &str,
    ) -> Result<rustix::fd::OwnedFd, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        beneath::open_without_links(from.as_fd(), path, flags)
    }
}

fn rename_error(error: Errno) -> FolderError {
    match error {
        Errno::INVAL => FolderError::IntoItself,
        Errno::XDEV => FolderError::OtherFileSystem,
        other => other.into(),
    }
}
