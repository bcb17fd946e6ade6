//! The folder that was opened last, for the names in it that follow at once: to open it again costs as much as a small file.
//!
//! What is kept may have been moved or replaced since. So it serves only what had arrived before it was opened, and whatever
//! fails by it is done again without it. Must not know what is done with the names.

use super::{FolderError, Inode, Links};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::fstat;
use std::sync::Arc;

/// The last folder of one share, as it was at one moment.
#[derive(Debug, Default)]
pub struct Nearby {
    moment: u64,
    kept: Option<Kept>,
    /// Whether the last one who asked was given a folder that had been opened before.
    is_reused: bool,
    /// A folder that was found where its path says.
    seen: Option<(String, Inode)>,
}

#[derive(Debug)]
struct Kept {
    path: String,
    links: Links,
    folder: Arc<OpenFolder>,
}

/// An open folder that several landings use.
#[derive(Debug)]
pub(crate) struct OpenFolder {
    handle: OwnedFd,
    inode: Inode,
}

impl Nearby {
    /// The same while `moment` is the same, and afterwards nothing: what arrives later may be about another state of the share.
    pub fn at(&mut self, moment: u64) -> &mut Self {
        if self.moment != moment {
            *self = Self { moment, ..Self::default() };
        }
        self
    }

    /// Keeps nothing; whether the folder that was given last had been kept.
    pub fn forget(&mut self) -> bool {
        (self.kept, self.seen) = (None, None);
        std::mem::take(&mut self.is_reused)
    }

    /// The folder of that path, opened by `open` unless it is kept.
    pub(super) fn folder(
        &mut self,
        path: &str,
        links: Links,
        open: impl FnOnce() -> Result<OwnedFd, FolderError>,
    ) -> Result<Arc<OpenFolder>, FolderError> {
        let kept = self.kept.as_ref().filter(|kept| kept.path == path && kept.links == links);
        self.is_reused = kept.is_some();
        if let Some(kept) = kept {
            return Ok(Arc::clone(&kept.folder));
        }
        let handle = open()?;
        let inode = Inode::of(&fstat(&handle)?);
        let folder = Arc::new(OpenFolder { handle, inode });
        self.kept = Some(Kept { path: path.to_owned(), links, folder: Arc::clone(&folder) });
        Ok(folder)
    }

    /// The folder that was last found where `path` says, if it was that path.
    pub(crate) fn seen_at(&self, path: &str) -> Option<Inode> {
        self.seen.as_ref().filter(|seen| seen.0 == path).map(|seen| seen.1)
    }

    /// That folder is where `path` says.
    pub(crate) fn saw(&mut self, path: &str, folder: Inode) {
        self.seen = Some((path.to_owned(), folder));
    }
}

impl OpenFolder {
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    pub(super) fn inode(&self) -> Inode {
        self.inode
    }
}
