//! The shared files in memory, kept true: what a peer searches instead of walking its folder for every question.
//!
//! A scan at the start, and again from time to time, is the truth; what the system says of changes only makes the
//! index true sooner. Must not know who searches, nor what of the answers is sent.

mod watch;
mod background_hash;
mod shelf;

use crate::serve::Host;
use crate::words::Query;
use crossbeam_channel::{Receiver, Sender, bounded};
use shelf::Shelf;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use watch::{Hint, Hints, Watch};
use wire::digest::Digest;
use wire::path::SharedPath;

/// The index of a share, and the threads that keep it true; dropping it wakes and joins them.
pub struct Library {
    shelf: Arc<Shelf>,
    hints: Hints,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its path below the share's root.
    pub path: String,
    /// Its length, in bytes.
    pub byte_count: u64,
    /// Its digest, once it is known.
    pub digest: Option<Digest>,
    /// Whether it is still arriving, and will only then stand at its path.
    pub is_partial: bool,
}

/// How far a library is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LibraryStatus {
    /// Files in the index.
    pub files: usize,
    /// How many of them have a digest.
    pub hashed: usize,
    /// Files beyond the bounds of the index since the last scan began: they are shared, but not found.
    pub left_out: u64,
    /// Whether a scan of the whole share is under way.
    pub scanning: bool,
}

impl Library {
    /// Begins to index the share of `host`, and to hash its files.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(host: Arc<Host>) -> io::Result<Self> {
        let shelf = Arc::new(Shelf::new(host));
        let (hints, hinted) = Hints::new();
        let (stop, stopped) = bounded(0);
        let mut library = Self { shelf, hints, stop: Some(stop), threads: Vec::new() };
        library.start_threads(hinted, stopped)?;
        Ok(library)
    }

    /// The first `max` files by path whose paths have all words of `query`.
    #[must_use]
    pub fn search(&self, query: &Query, max: usize) -> Vec<Hit> {
        self.shelf.read(|index| index.find(query, max).into_iter().map(Hit::of).collect())
    }

    /// The first `max` files by path that are known to have this content; where there is none, one that is still arriving.
    #[must_use]
    pub fn search_digest(&self, digest: Digest, max: usize) -> Vec<Hit> {
        let hits: Vec<Hit> =
            self.shelf.read(|index| index.find_digest(digest, max).into_iter().map(Hit::of).collect());
        if hits.is_empty() { self.arriving(digest).into_iter().take(max).collect() } else { hits }
    }

    /// Looks at a path that just changed. A file is found when this returns, a folder's content soon after.
    pub fn look_again(&self, path: &SharedPath) {
        match self.shelf.look_at(path) {
            Ok(Some(found)) if found.is_real_folder() => self.hints.give(path.clone()),
            Ok(_) => {}
            Err(_) => self.hints.lose(),
        }
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> LibraryStatus {
        let scanning = self.shelf.is_scanning();
        self.shelf.read(|index| LibraryStatus {
            files: index.len(),
            hashed: index.hashed(),
            left_out: index.left_out(),
            scanning,
        })
    }

    /// Waits until the first scan is complete, at most for `patience`; whether it is.
    #[must_use]
    pub fn until_scanned(&self, patience: Duration) -> bool {
        self.shelf.wait(patience, |progress| progress.scanned)
    }

    fn arriving(&self, digest: Digest) -> Option<Hit> {
        let share = &self.shelf.host.share;
        let found = share.arriving.find(digest, |arriving| share.shares(arriving.path().name()))?;
        let (path, byte_count) = (found.path().to_string(), found.proof().byte_count);
        Some(Hit { path, byte_count, digest: Some(digest), is_partial: true })
    }

    fn start_threads(&mut self, hinted: Receiver<Hint>, stopped: Receiver<()>) -> io::Result<()> {
        let watch = Watch::new(Arc::clone(&self.shelf), self.hints.clone(), hinted, stopped);
        let shelf = Arc::clone(&self.shelf);
        self.start_thread("watch", move || watch.run())?;
        self.start_thread("background-hash", move || background_hash::run(&shelf))
    }

    fn start_thread(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(Builder::new().name(name.into()).spawn(work)?);
        Ok(())
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.shelf.stop();
        self.stop = None;
        self.threads.drain(..).for_each(|thread| {
            // A panic in it was a bug that its log line has told of.
            let _ = thread.join();
        });
    }
}

impl Hit {
    fn of(file: &crate::index::IndexedFile) -> Self {
        let (path, byte_count) = (file.path.to_string(), file.byte_count());
        Self { path, byte_count, digest: file.digest, is_partial: false }
    }
}

#[cfg(test)]
mod tests;
