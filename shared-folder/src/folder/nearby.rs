//! The folder that was opened last, for the names in it that follow at once: to open it again costs as much as a small file.
//!
//! What is kept may have been moved or replaced since. So it serves only what had arrived before it was opened, while nothing was
//! moved by this process, and for a moment, because others may move it by hand; and whatever fails by it is done again without
//! it. Must not know what is done with the names.

use super::{FolderError, Inode, Links};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::fstat;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long a folder is kept, and so long it counts that it was seen: time for some hundred small files.
const KEPT_TIME_MAX: Duration = Duration::from_millis(5);

/// The last folder of one share, as it was at one moment.
#[derive(Debug)]
pub struct Nearby {
    kept_time_max: Duration,
    moment: u64,
    kept: Option<Kept>,
    /// Whether the last one who asked was given a folder that had been opened before.
    is_reused: bool,
    /// A folder that was found where its path says.
    seen: Option<Seen>,
}

/// Where a folder was found, when, and after how many moves.
#[derive(Debug)]
struct Seen {
    path: String,
    folder: Inode,
    since: Instant,
    moves: u64,
}

#[derive(Debug)]
struct Kept {
    path: String,
    links: Links,
    since: Instant,
    moves: u64,
    folder: Arc<OpenFolder>,
}

/// An open folder that several landings use.
#[derive(Debug)]
pub(crate) struct OpenFolder {
    handle: OwnedFd,
    inode: Inode,
}

impl Default for Nearby {
    fn default() -> Self {
        Self::keeping_for(KEPT_TIME_MAX)
    }
}

impl Nearby {
    /// One that keeps a folder for so long at most.
    pub(crate) fn keeping_for(kept_time_max: Duration) -> Self {
        Self { kept_time_max, moment: 0, kept: None, is_reused: false, seen: None }
    }

    /// The same while `moment` is the same, and afterwards nothing: what arrives later may be about another state of the share.
    pub fn at(&mut self, moment: u64) -> &mut Self {
        if self.moment != moment {
            *self = Self { moment, ..Self::keeping_for(self.kept_time_max) };
        }
        self
    }

    /// Keeps nothing; whether the folder that was given last had been kept.
    pub fn forget(&mut self) -> bool {
        (self.kept, self.seen) = (None, None);
        std::mem::take(&mut self.is_reused)
    }

    /// The folder of that path, opened by `open` unless it is kept, and nothing moved since.
    pub(super) fn folder(
        &mut self,
        path: &str,
        (links, moves): (Links, u64),
        open: impl FnOnce() -> Result<OwnedFd, FolderError>,
    ) -> Result<Arc<OpenFolder>, FolderError> {
        let kept = self.kept.as_ref().filter(|kept| (kept.links, kept.moves) == (links, moves));
        let kept = kept.filter(|kept| kept.path == path && kept.since.elapsed() < self.kept_time_max);
        self.is_reused = kept.is_some();
        if let Some(kept) = kept {
            return Ok(Arc::clone(&kept.folder));
        }
        let (since, handle) = (Instant::now(), open()?);
        let inode = Inode::of(&fstat(&handle)?);
        let folder = Arc::new(OpenFolder { handle, inode });
        self.kept = Some(Kept { path: path.to_owned(), links, since, moves, folder: Arc::clone(&folder) });
        Ok(folder)
    }

    /// Whether this folder was found where `path` says a moment ago, and nothing moved since. With the gate held, nothing moves
    /// before that is let go either.
    pub(crate) fn has_seen(&self, path: &str, folder: Inode, moves: u64) -> bool {
        let seen = self.seen.as_ref().filter(|seen| (seen.folder, seen.moves) == (folder, moves));
        seen.is_some_and(|seen| seen.path == path && seen.since.elapsed() < self.kept_time_max)
    }

    /// That folder is where `path` says.
    pub(crate) fn saw(&mut self, path: &str, folder: Inode, moves: u64) {
        self.seen = Some(Seen { path: path.to_owned(), folder, since: Instant::now(), moves });
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
