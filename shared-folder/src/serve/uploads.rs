//! Which session is uploading to which path, so that a client that comes back can end its own older session.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wire::connection::Closer;
use wire::path::SharedPath;

/// How long the newer session waits for the older one to let go. Exceeded: `busy`.
const LET_GO_TIME_MAX: Duration = Duration::from_secs(5);

/// All resumable uploads that run; one at most for each path.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    owners: Mutex<HashMap<SharedPath, Owner>>,
    left: Condvar,
    last_number: AtomicU64,
}

#[derive(Debug)]
struct Owner {
    maker: String,
    closer: Closer,
    /// Tells this upload from a later one to the same path.
    number: u64,
}

/// A registered upload; dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Registered<'a> {
    uploads: &'a Uploads,
    path: SharedPath,
    number: u64,
}

impl Uploads {
    /// Registers an upload that has the path's partial locked.
    pub(super) fn register(&self, path: &SharedPath, maker: &str, closer: Closer) -> Registered<'_> {
        let number = self.last_number.fetch_add(1, Ordering::Relaxed) + 1;
        self.lock().insert(path.clone(), Owner { maker: maker.to_owned(), closer, number });
        Registered { uploads: self, path: path.clone(), number }
    }

    /// Ends the same maker's older upload to that path; true once it has let go.
    pub(super) fn end_older(&self, path: &SharedPath, maker: &str) -> bool {
        let owners = self.lock();
        match owners.get(path) {
            Some(owner) if owner.maker == maker => owner.closer.abort(),
            Some(_) => return false,
            None => return true,
        }
        let waited =
            self.left.wait_timeout_while(owners, LET_GO_TIME_MAX, |owners| owners.contains_key(path));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SharedPath, Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut owners = self.uploads.lock();
        if owners.get(&self.path).is_some_and(|owner| owner.number == self.number) {
            owners.remove(&self.path);
        }
        drop(owners);
        self.uploads.left.notify_all();
    }
}
