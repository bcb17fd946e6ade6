//! What can go wrong below the served folder.

use rustix::io::Errno;
use std::io;
use thiserror::Error;

/// Why a name below the folder could not be used. The texts are for the other end: no local path, nothing of the
/// operating system.
#[derive(Debug, Error)]
pub enum FolderError {
    /// Nothing has that name.
    #[error("there is nothing of that name")]
    NotFound,
    /// The folder that it would lie in is missing.
    #[error("the folder that it would lie in does not exist")]
    NoFolder,
    /// The name is taken.
    #[error("there is something of that name already")]
    Exists,
    /// A folder, device, FIFO or socket where a file is needed.
    #[error("it is no regular file")]
    NotAFile,
    /// Something else where a folder is needed.
    #[error("it is no folder")]
    NotAFolder,
    /// The folder has entries.
    #[error("the folder is not empty (unfinished uploads in it count too)")]
    NotEmpty,
    /// The way leads out of the share.
    #[error("a link on the way leads out of the shared folder")]
    LeadsOutside,
    /// A link that leads nowhere, or in circles.
    #[error("a link on the way leads nowhere")]
    LeadsNowhere,
    /// The name that is to be written to is such a link: nothing is created through it, and it is not replaced.
    #[error("a link that leads nowhere has that name")]
    TakenByDeadLink,
    /// The operating system does not let this program do it.
    #[error("the file system does not allow it")]
    NotAllowed,
    /// Whoever asks may not do it to all of the folder.
    #[error("you have no right to do that to all of the folder")]
    NotPermitted,
    /// The folder that is to be shared keeps the program's own state.
    #[error("it is the folder of this program's own state, which is not shared: name another one for either")]
    StateItself,
    /// Something is mounted there, or the operating system uses it itself.
    #[error("something else is mounted there")]
    Mounted,
    /// It is not shared, so nobody may change it.
    #[error("files of that kind are not shared here")]
    NotShared,
    /// A folder in which something may lie that is not shared.
    #[error("files that are not shared may lie in that folder: delete what is listed, one by one")]
    MayHoldNotShared,
    /// A folder into itself.
    #[error("a folder cannot become part of itself")]
    IntoItself,
    /// Source and target are on different file systems.
    #[error("it is on another file system: copy it there and delete it here")]
    OtherFileSystem,
    /// The file system is mounted read-only.
    #[error("the file system is read-only")]
    ReadOnly,
    /// The file system cannot store such a name.
    #[error("the file system cannot store that name")]
    BadName,
    /// The disk or a quota is full.
    #[error("there is no space left")]
    NoSpace,
    /// Larger than the file system or a limit of the process allows.
    #[error("the file would be too large")]
    TooLarge,
    /// Names changed faster than they could be followed.
    #[error("the folder changes too fast: try again")]
    Unsteady,
    /// Everything else.
    #[error("the file system failed")]
    Failed(#[source] io::Error),
}

impl FolderError {
    /// Whether it is the name that cannot be used, now as later, as long as nobody changes what it leads to. Everything
    /// else, such as a want of descriptors or a broken device, says nothing about what there is.
    #[must_use]
    pub fn is_about_the_name(&self) -> bool {
        match self {
            Self::NotFound
            | Self::NoFolder
            | Self::Exists
            | Self::NotAFile
            | Self::NotAFolder
            | Self::NotEmpty
            | Self::LeadsOutside
            | Self::LeadsNowhere
            | Self::TakenByDeadLink
            | Self::NotAllowed
            | Self::NotPermitted
            | Self::StateItself
            | Self::Mounted
            | Self::NotShared
            | Self::MayHoldNotShared
            | Self::IntoItself
            | Self::OtherFileSystem
            | Self::ReadOnly
            | Self::BadName => true,
            Self::NoSpace | Self::TooLarge | Self::Unsteady | Self::Failed(_) => false,
        }
    }
}

impl From<Errno> for FolderError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NXIO => Self::NotFound,
            Errno::EXIST => Self::Exists,
            Errno::ISDIR => Self::NotAFile,
            Errno::NOTDIR => Self::NotAFolder,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::LOOP => Self::LeadsNowhere,
            Errno::ACCESS | Errno::PERM => Self::NotAllowed,
            Errno::BUSY => Self::Mounted,
            Errno::ROFS => Self::ReadOnly,
            Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL => Self::BadName,
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            Errno::FBIG => Self::TooLarge,
            Errno::AGAIN | Errno::STALE => Self::Unsteady,
            other => Self::Failed(other.into()),
        }
    }
}

impl From<io::Error> for FolderError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(number) => Self::from(number),
            None => Self::Failed(error),
        }
    }
}
