//! One hash of one state of one file, and everyone who waits for it.

use super::{HashError, Hashed, lock};
use crate::folder::{Identity, OpenFile, identity_of};
use crate::hashing::BUFFER_BYTES;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use wire::digest::PieceHasher;
use wire::path::SharedPath;

/// A hash under way.
#[derive(Debug)]
pub struct Job {
    of: u64,
    done: AtomicU64,
    waiting: AtomicUsize,
    result: Mutex<Option<Result<Hashed, HashError>>>,
    finished: Condvar,
}

/// How far a hash is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// Bytes done and bytes in all.
    Working {
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        of: u64,
    },
    /// It is over.
    Done(Result<Hashed, HashError>),
}

/// Someone's interest in a hash: when nobody has any left, it is given up.
#[derive(Debug)]
pub struct Waiting(Arc<Job>);

/// What a hashing thread is handed.
pub(super) struct Task {
    pub(super) file: File,
    pub(super) identity: Identity,
    pub(super) path: SharedPath,
    pub(super) job: Arc<Job>,
    pub(super) asked: SystemTime,
    /// What is hashed already; boxed, because the queue has room for many tasks.
    pub(super) hasher: Box<PieceHasher>,
}

impl Job {
    pub(super) fn new(of: u64) -> Self {
        Self {
            of,
            done: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            result: Mutex::new(None),
            finished: Condvar::new(),
        }
    }

    /// How many wait for it.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn finish(&self, result: Result<Hashed, HashError>) {
        *lock(&self.result) = Some(result);
        self.finished.notify_all();
    }
}

impl Waiting {
    pub(super) fn on(job: Arc<Job>) -> Self {
        job.waiting.fetch_add(1, Ordering::Relaxed);
        Self(job)
    }

    /// Waits for the end, at most for `patience`.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> JobState {
        let result = lock(&self.0.result);
        let waited = self.0.finished.wait_timeout_while(result, patience, |result| result.is_none());
        let (result, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match result.as_ref() {
            Some(result) => JobState::Done(result.clone()),
            None => JobState::Working { done: self.0.done.load(Ordering::Relaxed), of: self.0.of },
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Task {
    /// Of a file, from its start.
    pub(super) fn new(opened: &OpenFile, path: &SharedPath, job: Arc<Job>) -> Result<Self, HashError> {
        let file = opened.file.try_clone().map_err(|_| HashError::Busy)?;
        let (identity, path, asked) = (opened.status.identity, path.clone(), SystemTime::now());
        Ok(Self { file, identity, path, job, asked, hasher: Box::default() })
    }

    /// Hashes the whole file, or what is left of it; stops as busy when `goes_on` says no, and may go on later.
    pub(super) fn run(&mut self, goes_on: &dyn Fn() -> bool) -> Result<Hashed, HashError> {
        let hasher = &mut self.hasher;
        let mut buffer = vec![0; BUFFER_BYTES];
        while hasher.byte_count() < self.identity.byte_count {
            if !goes_on() {
                return Err(HashError::Busy);
            }
            let left = usize::try_from(self.identity.byte_count - hasher.byte_count()).unwrap_or(usize::MAX);
            let target = buffer.get_mut(..left.min(BUFFER_BYTES)).unwrap_or_default();
            match self.file.read_at(target, hasher.byte_count()) {
                Ok(0) => return Err(HashError::Changed),
                Ok(count) => hasher.update(target.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Err(HashError::Unreadable),
            }
            self.job.done.store(hasher.byte_count(), Ordering::Relaxed);
        }
        if !identity_of(&self.file).is_ok_and(|now| now.has_content_of(&self.identity)) {
            return Err(HashError::Changed);
        }
        let (digest, pieces) = std::mem::take(&mut *self.hasher).finish();
        Ok(Hashed { digest, pieces: pieces.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_wanted_for_as_long_as_somebody_waits() {
        let job = Arc::new(Job::new(1));
        let (first, second) = (Waiting::on(Arc::clone(&job)), Waiting::on(Arc::clone(&job)));
        assert_eq!(job.waiting(), 2);
        drop(first);
        assert_eq!(job.waiting(), 1);
        drop(second);
        assert_eq!(job.waiting(), 0);
    }
}
