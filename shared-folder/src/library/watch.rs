//! The thread that keeps the index true: scans of the whole share, and between them looks at what changed.
//!
//! What the system says is only a hint where to look: a missed or wrong one is made good by the next scan. Each
//! folder is watched before its names are read, so that nothing comes between. Must not know any digest.

use super::shelf::Shelf;
use crate::folder::FolderError;
use crate::scan::Scan;
use crossbeam_channel::{Receiver, Sender, after, bounded, select};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wire::path::SharedPath;

/// From the end of one scan of the whole share to the next.
const SCAN_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// As [`SCAN_INTERVAL`], after hints were lost or a scan failed: soon, but not all the time. Twice as long after each
/// further scan that failed.
const SCAN_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How long hints gather before they are followed: a file that is copied gives many.
const GATHER_TIME: Duration = Duration::from_millis(200);
/// Hints that wait to be gathered, and as many gathered ones. Exceeded: the whole share is scanned again.
const HINTS_MAX: usize = 16 * 1024;
/// Folders watched, out of what the system grants to all programs of a user together. Exceeded: changes in the
/// others are found by the next scan.
const FOLDERS_WATCHED_MAX: usize = 100_000;

/// Where hints are given; one that finds no room is lost, and that is remembered.
#[derive(Clone)]
pub(super) struct Hints {
    sender: Sender<Hint>,
    lost: Arc<AtomicBool>,
}

/// A path that may have changed; none after some were lost.
pub(super) type Hint = Option<SharedPath>;

/// The thread's state.
pub(super) struct Watch {
    shelf: Arc<Shelf>,
    hints: Hints,
    hinted: Receiver<Hint>,
    stopped: Receiver<()>,
    /// None where the system does not let folders be watched.
    watcher: Option<RecommendedWatcher>,
    folders_watched: usize,
    /// How long to wait before another scan where one is due soon.
    pause: Duration,
    root: PathBuf,
}

impl Hints {
    pub(super) fn new() -> (Self, Receiver<Hint>) {
        let (sender, hinted) = bounded(HINTS_MAX);
        (Self { sender, lost: Arc::default() }, hinted)
    }

    pub(super) fn give(&self, path: SharedPath) {
        if self.sender.try_send(Some(path)).is_err() {
            self.lose();
        }
    }

    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
        // Full: the thread has work, and looks at the flag after it.
        let _ = self.sender.try_send(None);
    }

    fn were_lost(&self) -> bool {
        self.lost.swap(false, Ordering::Relaxed)
    }

    /// Called by the watcher's own thread: it must not wait.
    fn give_event(&self, root: &PathBuf, event: notify::Result<Event>) {
        let Ok(event) = event else { return self.lose() };
        if event.need_rescan() {
            self.lose();
        }
        if tells_of_change(event.kind) {
            let below = event.paths.iter().filter_map(|path| path.strip_prefix(root).ok()?.to_str());
            below.filter_map(|path| SharedPath::parse(path).ok()).for_each(|path| self.give(path));
        }
    }
}

/// Files are opened and read all the time, by the hashing of this very library too.
fn tells_of_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

impl Watch {
    pub(super) fn new(
        shelf: Arc<Shelf>,
        hints: Hints,
        hinted: Receiver<Hint>,
        stopped: Receiver<()>,
    ) -> Self {
        let root = shelf.host.share.folder.opened_as().to_owned();
        let pause = SCAN_AGAIN_AFTER;
        Self { shelf, hints, hinted, stopped, watcher: None, folders_watched: 0, pause, root }
    }

    pub(super) fn run(mut self) {
        self.start_watcher();
        let mut scan_at = Instant::now();
        while !self.shelf.is_stopping() {
            if Instant::now() >= scan_at {
                scan_at = self.scan_all();
            }
            let gathered = self.gather(scan_at);
            self.follow(gathered);
            if self.hints.were_lost() {
                scan_at = scan_at.min(Instant::now() + self.pause);
            }
        }
    }

    fn start_watcher(&mut self) {
        let (hints, root) = (self.hints.clone(), self.root.clone());
        let handler = move |event| hints.give_event(&root, event);
        match RecommendedWatcher::new(handler, notify::Config::default()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.stop_watching(&error),
        }
    }

    /// Once, because it is told only while there is a watcher.
    fn stop_watching(&mut self, error: &notify::Error) {
        let minutes = SCAN_INTERVAL.as_secs() / 60;
        log::warn!("changes in the shared folder are found by a scan every {minutes} minutes only: {error}");
        self.watcher = None;
    }

    /// Watches one folder, not those below it: the scan comes to each of them.
    fn watch(&mut self, folder: Option<&SharedPath>) {
        let Some(watcher) = &mut self.watcher else { return };
        if self.folders_watched >= FOLDERS_WATCHED_MAX {
            return;
        }
        let path = folder.map_or_else(|| self.root.clone(), |folder| self.root.join(folder.as_str()));
        match watcher.watch(&path, RecursiveMode::NonRecursive) {
            Ok(()) => self.folders_watched += 1,
            Err(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                self.stop_watching(&error);
            }
            // It went away, or may not be read: the scan will meet the same.
            Err(_) => {}
        }
    }

    /// Gives the time of the next one.
    fn scan_all(&mut self) -> Instant {
        self.folders_watched = 0;
        let wait = if self.scan(None) {
            self.pause = SCAN_AGAIN_AFTER;
            SCAN_INTERVAL
        } else {
            let longer = self.pause.saturating_mul(2).min(SCAN_INTERVAL);
            std::mem::replace(&mut self.pause, longer)
        };
        Instant::now() + wait
    }

    /// Scans a folder with all below it; false if it failed or was ended.
    fn scan(&mut self, below: Option<&SharedPath>) -> bool {
        let shelf = Arc::clone(&self.shelf);
        let round = shelf.begin_scan(below);
        self.watch(below);
        let is_complete = self.take_in(&shelf, below);
        shelf.end_scan(below, round, is_complete);
        is_complete
    }

    fn take_in(&mut self, shelf: &Shelf, below: Option<&SharedPath>) -> bool {
        let mut scan = match Scan::new(&shelf.host.share.folder, below.cloned(), true) {
            Ok(scan) => scan,
            Err(error) => {
                self.miss(below, &error);
                return false;
            }
        };
        let (mut batch, mut is_complete) = (Vec::new(), true);
        loop {
            let goes_on = scan.next_found(&mut batch);
            if shelf.is_stopping() {
                return false;
            }
            batch.iter().filter(|found| found.is_real_folder()).for_each(|found| {
                self.watch(Some(&found.path));
            });
            shelf.take_in(&batch);
            match goes_on {
                Ok(true) => {}
                Ok(false) => return is_complete,
                // What can be seen is taken in; of what cannot, all that was known stays.
                Err(error) => {
                    if std::mem::take(&mut is_complete) {
                        self.miss(below, &error);
                    }
                }
            }
        }
    }

    /// Sees to it that what could not be scanned below a folder, or in all, is scanned again.
    fn miss(&self, below: Option<&SharedPath>, error: &FolderError) {
        match below {
            None => log::warn!("the shared folder cannot be scanned: {error}"),
            Some(_) if error.is_about_the_name() => {}
            Some(_) => self.hints.lose(),
        }
    }

    /// Waits for hints, and a little longer for those that follow; none when it is time for a scan or to stop.
    fn gather(&self, scan_at: Instant) -> BTreeSet<SharedPath> {
        let mut gathered = BTreeSet::new();
        let mut end = scan_at;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            select! {
                recv(self.stopped) -> _ => return BTreeSet::new(),
                recv(after(left)) -> _ => return gathered,
                recv(self.hinted) -> path => match path {
                    Ok(Some(path)) if gathered.len() < HINTS_MAX => {
                        if gathered.is_empty() {
                            end = Instant::now() + GATHER_TIME;
                        }
                        gathered.insert(path);
                    }
                    Ok(Some(_)) => self.hints.lose(),
                    _ => return gathered,
                },
            }
        }
    }

    /// Looks at each path, parents first; what lies in a folder that was just scanned has been looked at.
    fn follow(&mut self, gathered: BTreeSet<SharedPath>) {
        let mut scanned: Option<SharedPath> = None;
        for path in gathered {
            if self.shelf.is_stopping() {
                return;
            }
            if scanned.as_ref().is_some_and(|folder| is_below(&path, folder)) {
                continue;
            }
            match self.shelf.look_at(&path) {
                Ok(Some(found)) if found.is_real_folder() => {
                    self.scan(Some(&path));
                    scanned = Some(path);
                }
                Ok(_) => {}
                Err(_) => self.hints.lose(),
            }
        }
    }
}

fn is_below(path: &SharedPath, folder: &SharedPath) -> bool {
    path.as_str().strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
}
