//! The digests of a share: known ones from a database, unknown ones hashed once however many ask.
//!
//! Losing the database loses only time. Must not know who asks.

mod job;
mod remembered;
mod store;
mod row;

pub use job::{Job, JobState, Waiting};
pub use remembered::Remembered;

use crate::folder::Identity;
use crate::folder::OpenFile;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use job::Task;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, SystemTime};
use store::Store;
use thiserror::Error;
use wire::digest::{Digest, PieceValue};
use wire::path::SharedPath;

/// Files of at most this length are hashed where they are read: quicker than asking the database.
pub const UNSTORED_BYTES_MAX: u64 = 256 * 1024;
/// Threads that hash for STAT, `pieces` and READ.
const THREADS: usize = 2;
/// Hashes waiting for a thread. More than sessions can ask for, unless there are very many. Exceeded: refused as busy.
const TASKS_MAX: usize = 4096;
/// A file that changed within this time before it was hashed may have changed again without a newer time stamp:
/// its digest is not believed later.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A file's digest and its piece values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// The digest.
    pub digest: Digest,
    /// One value for each piece; shared by all who asked.
    pub pieces: Arc<[PieceValue]>,
}

/// What was hashed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// What came out.
    pub hashed: Hashed,
    /// Whether the file cannot have changed since without showing it. Otherwise whoever receives it has to verify it.
    pub is_settled: bool,
}

/// Why a file has no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HashError {
    /// It changed while it was read.
    #[error("the file changed while it was hashed")]
    Changed,
    /// It cannot be read.
    #[error("the file cannot be read")]
    Unreadable,
    /// Too many hashes are waiting, or the daemon stops.
    #[error("too many files are being hashed")]
    Busy,
}

/// All digests that are known or being computed.
#[derive(Debug)]
pub struct Catalogue {
    store: Option<Arc<Store>>,
    jobs: Arc<Mutex<HashMap<Identity, Arc<Job>>>>,
    tasks: Option<Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
}

impl Catalogue {
    /// With its database in `state_folder`, or without one where it cannot be opened.
    #[must_use]
    pub fn open(state_folder: Option<&Path>) -> Self {
        let store = state_folder.and_then(Store::open).map(Arc::new);
        let (tasks, received) = bounded(TASKS_MAX);
        let (jobs, stopping) = (Arc::default(), Arc::default());
        let threads =
            (0..THREADS).filter_map(|number| start(number, &received, &store, &jobs, &stopping)).collect();
        Self { store, jobs, tasks: Some(tasks), threads, stopping }
    }

    /// What is known of this state of a file without reading it.
    #[must_use]
    pub fn known(&self, identity: &Identity) -> Option<Hashed> {
        self.store.as_ref()?.get(identity)
    }

    /// The path under which a file with this digest was last seen. The caller checks that it still has it.
    #[must_use]
    pub fn path_of(&self, digest: Digest) -> Option<SharedPath> {
        self.paths_of(digest).into_iter().next()
    }

    /// The paths under which files with this digest were seen, a bounded number of them, the latest first.
    #[must_use]
    pub fn paths_of(&self, digest: Digest) -> Vec<SharedPath> {
        self.store.as_ref().map(|store| store.paths_of(digest)).unwrap_or_default()
    }

    /// Hashes a file, or joins whoever is hashing the same state of it.
    ///
    /// # Errors
    /// When too many wait already.
    pub fn hash(&self, opened: &OpenFile, path: &SharedPath) -> Result<Waiting, HashError> {
        let identity = opened.status.identity;
        let mut jobs = lock(&self.jobs);
        let job = match jobs.entry(identity) {
            Entry::Occupied(running) => return Ok(Waiting::on(Arc::clone(running.get()))),
            Entry::Vacant(free) => Arc::clone(free.insert(Arc::new(Job::new(identity.byte_count)))),
        };
        let waiting = Waiting::on(Arc::clone(&job));
        let sent = Task::new(opened, path, job).and_then(|task| {
            self.tasks.as_ref().ok_or(HashError::Busy)?.try_send(task).map_err(|error| match error {
                TrySendError::Full(_) | TrySendError::Disconnected(_) => HashError::Busy,
            })
        });
        if sent.is_err() {
            jobs.remove(&identity);
        }
        sent.map(|()| waiting)
    }

    /// Hashes a file in the calling thread, while `wanted` says yes, and notes the result. Who asks for the same
    /// state of it meanwhile waits for this hash, which one of the hashing threads then takes over.
    ///
    /// # Errors
    /// As busy, when it is hashed elsewhere by now or not wanted any more: later it may be known.
    pub fn hash_here(
        &self,
        opened: &OpenFile,
        path: &SharedPath,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Hashed, HashError> {
        let job = Arc::new(Job::new(opened.status.byte_count));
        let own_interest = Waiting::on(Arc::clone(&job));
        let mut task = Task::new(opened, path, Arc::clone(&job))?;
        match lock(&self.jobs).entry(task.identity) {
            Entry::Occupied(_) => return Err(HashError::Busy),
            Entry::Vacant(free) => free.insert(Arc::clone(&job)),
        };
        let result = task.run(&|| wanted() && !self.is_given_up() && job.waiting() == 1);
        self.settle(task, &result);
        drop(own_interest);
        result
    }

    /// Ends a task of a thread that is no hashing thread, or hands it over to one if others wait for it.
    fn settle(&self, task: Task, result: &Result<Hashed, HashError>) {
        if result.is_ok() {
            return conclude(&task, result, &self.store, &self.jobs);
        }
        // Held, so that nobody joins between the look and the end.
        let mut jobs = lock(&self.jobs);
        let others_wait = *result == Err(HashError::Busy) && task.job.waiting() > 1;
        let left = match &self.tasks {
            // Full: those who wait are refused, as if they had asked a moment later.
            Some(tasks) if others_wait => tasks.try_send(task).err().map(TrySendError::into_inner),
            _ => Some(task),
        };
        if let Some(task) = left {
            jobs.remove(&task.identity);
            task.job.finish(result.clone());
        }
    }

    /// Ends all hashes now: the daemon stops at once.
    pub fn give_up(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether all is given up.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// As [`Catalogue::note`], for whoever has many to note: waits at most for `patience` until enough of what was
    /// noted before is stored, so that the notes of others find room. False if it was in vain.
    #[must_use]
    pub fn note_patiently(
        &self,
        identity: Identity,
        path: &SharedPath,
        hashed: &Hashed,
        patience: Duration,
    ) -> bool {
        let Some(store) = &self.store else { return true };
        let has_room = store.wait_for_room(patience);
        if has_room {
            store.put(identity, path, hashed.clone(), SystemTime::now());
        }
        has_room
    }

    /// Notes the digest of a file that was just written or hashed elsewhere, under the state it has now.
    pub fn note(&self, identity: Identity, path: &SharedPath, hashed: Hashed) {
        if let Some(store) = &self.store {
            store.put(identity, path, hashed, SystemTime::now());
        }
    }
}

impl Drop for Catalogue {
    fn drop(&mut self) {
        self.give_up();
        self.tasks = None;
        self.threads.drain(..).for_each(|thread| {
            // A panic in it was a bug that its log line has told of.
            let _ = thread.join();
        });
    }
}

fn start(
    number: usize,
    tasks: &Receiver<Task>,
    store: &Option<Arc<Store>>,
    jobs: &Arc<Mutex<HashMap<Identity, Arc<Job>>>>,
    stopping: &Arc<AtomicBool>,
) -> Option<JoinHandle<()>> {
    let (tasks, store, jobs, stopping) =
        (tasks.clone(), store.clone(), Arc::clone(jobs), Arc::clone(stopping));
    let work = move || {
        for mut task in tasks {
            let job = Arc::clone(&task.job);
            let result = task.run(&|| !stopping.load(Ordering::Relaxed) && job.waiting() > 0);
            conclude(&task, &result, &store, &jobs);
        }
    };
    Builder::new().name(format!("hash-{number}")).spawn(work).ok()
}

fn conclude(
    task: &Task,
    result: &Result<Hashed, HashError>,
    store: &Option<Arc<Store>>,
    jobs: &Mutex<HashMap<Identity, Arc<Job>>>,
) {
    if let (Ok(hashed), Some(store)) = (result, store) {
        store.put(task.identity, &task.path, hashed.clone(), task.asked);
    }
    lock(jobs).remove(&task.identity);
    task.job.finish(result.clone());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
