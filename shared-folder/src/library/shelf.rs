//! What the threads of a library share: the index, how far it is, and the one way in which a path enters it.
//!
//! The index is locked for moments, never while a file is looked at or read. Must not know why a path is looked at.

use crate::folder::{FolderError, Shape};
use crate::index::{Index, IndexedFile, Round};
use crate::scan::Found;
use crate::serve::Host;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use wire::path::SharedPath;

pub(super) struct Shelf {
    pub(super) host: Arc<Host>,
    index: RwLock<Index>,
    progress: Mutex<Progress>,
    /// Told of every change of the index and of the end.
    changed: Condvar,
    /// Held from the look at one path until the index has it, so that of two looks the later one counts.
    looking: Mutex<()>,
    stopping: AtomicBool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// The index's version: goes up with every change of it.
    pub(super) changes: u64,
    /// Whether the first scan is complete.
    pub(super) scanned: bool,
    scanning: bool,
}

impl Shelf {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            index: RwLock::default(),
            progress: Mutex::default(),
            changed: Condvar::new(),
            looking: Mutex::default(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the index, and tells who waits for that; nobody is told of a change that is none.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Index) -> T) -> T {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let before = index.version();
        let result = change(&mut index);
        let version = index.version();
        drop(index);
        if version != before {
            self.tell(|progress| progress.changes = progress.changes.max(version));
        }
        result
    }

    /// Takes in what stands at `path` now: a file, or nothing. Says what it found.
    ///
    /// # Errors
    /// When nobody knows what stands there; what was known stays.
    pub(super) fn look_at(&self, path: &SharedPath) -> Result<Option<Found>, FolderError> {
        let looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match Found::at(&self.host.share.folder, path) {
            Err(error) if error.is_about_the_name() => None,
            other => Some(other?),
        };
        let file = found.as_ref().and_then(|found| self.shared_file(found));
        let is_folder = found.as_ref().is_some_and(Found::is_real_folder);
        self.change(|index| {
            if !is_folder {
                index.remove_below(path);
            }
            match file {
                Some(file) => index.insert(file),
                None => index.remove(path),
            }
        });
        drop(looking);
        Ok(found)
    }

    /// What a scan came across.
    pub(super) fn take_in(&self, batch: &[Found]) {
        let files: Vec<IndexedFile> = batch.iter().filter_map(|found| self.shared_file(found)).collect();
        if !files.is_empty() {
            self.change(|index| files.into_iter().for_each(|file| _ = index.insert(file)));
        }
    }

    /// Begins a scan below a folder, or of all.
    pub(super) fn begin_scan(&self, below: Option<&SharedPath>) -> Round {
        self.tell(|progress| progress.scanning = below.is_none());
        self.change(|index| index.begin_round(below))
    }

    /// Ends it; what it did not come across is forgotten only if it was complete.
    pub(super) fn end_scan(&self, below: Option<&SharedPath>, round: Round, is_complete: bool) {
        if is_complete {
            self.change(|index| index.end_round(below, round));
        }
        self.tell(|progress| {
            progress.scanning = false;
            progress.scanned |= is_complete && below.is_none();
        });
    }

    pub(super) fn is_scanning(&self) -> bool {
        self.progress().scanning
    }

    pub(super) fn changes(&self) -> u64 {
        self.progress().changes
    }

    /// Waits until `is_so`, at most for `patience` and only until the library stops; whether it is so.
    pub(super) fn wait(&self, patience: Duration, is_so: impl Fn(&Progress) -> bool) -> bool {
        let goes_on = |progress: &mut Progress| !self.is_stopping() && !is_so(progress);
        let waited = self.changed.wait_timeout_while(self.progress(), patience, goes_on);
        is_so(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    pub(super) fn stop(&self) {
        self.tell(|_| self.stopping.store(true, Ordering::Relaxed));
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn shared_file(&self, found: &Found) -> Option<IndexedFile> {
        let is_shared = found.status.shape == Shape::File && self.host.share.shares(found.path.name());
        is_shared.then(|| IndexedFile::new(found.path.clone(), found.status.identity))
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.changed.notify_all();
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
