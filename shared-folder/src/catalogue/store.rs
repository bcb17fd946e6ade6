//! The embedded database: digests by device and inode, believed only for the very state that was hashed.

use super::row::{decode, encode};
use super::{Hashed, UNSTORED_BYTES_MAX, lock};
use crate::folder::Identity;
use crossbeam_channel::{Receiver, Sender, bounded};
use redb::{AccessGuard, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::collections::VecDeque;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};
use wire::digest::Digest;
use wire::path::SharedPath;

const DATABASE_NAME: &str = "digests.redb";
const PRIVATE_MODE: u32 = 0o600;
/// Device and inode to a row. The name has the row's version: another one is another table.
const DIGESTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("digests-1");
/// Digest to the paths where it was last seen, the latest first, each ended by a character that is in no path.
const PATHS: TableDefinition<'_, &[u8; 32], &str> = TableDefinition::new("paths-2");
const PATH_END: char = '\n';
/// Paths that are kept of one digest: whoever may not go to one of them has the file by another. Exceeded: the oldest are
/// forgotten, and found again when they are hashed again.
const PATHS_PER_DIGEST_MAX: usize = 16;
const CACHE_BYTES: usize = 8 << 20;
/// Rows waiting to be written. Exceeded: the row is dropped, which loses only time.
const ROWS_MAX: usize = 32 * 1024;
/// How long rows gather before they are committed together.
const GATHER_TIME: Duration = Duration::from_millis(500);

/// The database, and the thread that writes to it.
#[derive(Debug)]
pub(super) struct Store {
    shared: Arc<Shared>,
    /// Tells the writer that there is something to write; full means that it knows.
    wake: Option<Sender<()>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// None once it has proved to be damaged.
    database: Mutex<Option<Database>>,
    /// Not yet committed, oldest first; found like committed ones.
    waiting: Mutex<VecDeque<Arc<Row>>>,
    /// Told when rows no longer wait.
    written: Condvar,
}

#[derive(Debug)]
struct Row {
    identity: Identity,
    path: SharedPath,
    hashed: Hashed,
    at: SystemTime,
}

impl Row {
    fn encoded(&self) -> Vec<u8> {
        encode(&self.identity, &self.hashed, self.at)
    }
}

impl Store {
    /// Opens the database, or makes it anew where it cannot be read.
    pub(super) fn open(state_folder: &Path) -> Option<Self> {
        let path = state_folder.join(DATABASE_NAME);
        let database = guarded(|| create(&path)).or_else(|| {
            log::warn!("the digest database cannot be read and is made anew; digests will be computed again");
            std::fs::remove_file(&path).ok()?;
            guarded(|| create(&path))
        })?;
        let shared = Arc::new(Shared {
            database: Mutex::new(Some(database)),
            waiting: Mutex::default(),
            written: Condvar::new(),
        });
        let (wake, woken) = bounded(1);
        let written = Arc::clone(&shared);
        let writer =
            Builder::new().name("digest-store".into()).spawn(move || write_rows(&written, &woken)).ok()?;
        Some(Self { shared, wake: Some(wake), writer: Some(writer) })
    }

    pub(super) fn get(&self, identity: &Identity) -> Option<Hashed> {
        if identity.byte_count <= UNSTORED_BYTES_MAX {
            return None;
        }
        let newest = self.newest_waiting(|row| row.identity.inode == identity.inode);
        if let Some(row) = newest {
            return settled(&row.encoded(), identity);
        }
        let key = (identity.inode.device, identity.inode.number);
        self.read(|database| {
            let table = database.begin_read()?.open_table(DIGESTS)?;
            Ok(table.get(key)?.and_then(|row| settled(row.value(), identity)))
        })
    }

    /// The latest first.
    pub(super) fn paths_of(&self, digest: Digest) -> Vec<SharedPath> {
        let mut paths: Vec<SharedPath> = Vec::new();
        let waiting = lock(&self.shared.waiting);
        let rows = waiting.iter().rev().filter(|row| row.hashed.digest == digest);
        rows.for_each(|row| push_new(&mut paths, row.path.clone()));
        drop(waiting);
        let stored = self.read(|database| {
            let table = database.begin_read()?.open_table(PATHS)?;
            Ok(table.get(&digest.0)?.map(|text| text.value().to_owned()))
        });
        let stored = stored.iter().flat_map(|text| text.split_terminator(PATH_END));
        stored.filter_map(|text| SharedPath::parse(text).ok()).for_each(|path| push_new(&mut paths, path));
        paths
    }

    pub(super) fn put(&self, identity: Identity, path: &SharedPath, hashed: Hashed, at: SystemTime) {
        let mut waiting = lock(&self.shared.waiting);
        if waiting.len() < ROWS_MAX {
            waiting.push_back(Arc::new(Row { identity, path: path.clone(), hashed, at }));
        }
        let count = waiting.len();
        drop(waiting);
        // Those in between find the writer waiting for more of them, or at work, and looking again afterwards.
        if let Some(wake) = self.wake.as_ref().filter(|_| count == 1 || count >= ROWS_MAX / 2) {
            // Full: the writer has not looked yet, and will find this row too.
            let _ = wake.try_send(());
        }
    }

    /// Waits until fewer rows wait than make the writer commit at once; false if that takes longer than `patience`.
    pub(super) fn wait_for_room(&self, patience: Duration) -> bool {
        let is_crowded = |rows: &mut VecDeque<Arc<Row>>| rows.len() >= ROWS_MAX / 2;
        let waited = self.shared.written.wait_timeout_while(lock(&self.shared.waiting), patience, is_crowded);
        let (_rows, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        !outcome.timed_out()
    }

    fn newest_waiting(&self, wanted: impl Fn(&Row) -> bool) -> Option<Arc<Row>> {
        lock(&self.shared.waiting).iter().rev().find(|row| wanted(row)).cloned()
    }

    fn read<T>(&self, look: impl FnOnce(&Database) -> Result<Option<T>, redb::Error>) -> Option<T> {
        let mut held = lock(&self.shared.database);
        let database = held.as_ref()?;
        match catch_unwind(AssertUnwindSafe(|| look(database))) {
            Ok(found) => found.ok().flatten(),
            Err(_) => {
                log::warn!(
                    "the digest database is damaged and not used any more; it is made anew at the next start"
                );
                *held = None;
                None
            }
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(writer) = self.writer.take() {
            // It catches what the database throws.
            let _ = writer.join();
        }
    }
}

/// Nobody verifies what is told to others by it.
fn settled(row: &[u8], identity: &Identity) -> Option<Hashed> {
    decode(row, identity).filter(|known| known.is_settled).map(|known| known.hashed)
}

fn create(path: &Path) -> Result<Database, redb::Error> {
    let file = private_file(path).map_err(redb::Error::Io)?;
    let database = Database::builder().set_cache_size(CACHE_BYTES).create_file(file)?;
    let transaction = database.begin_write()?;
    transaction.open_table(DIGESTS)?;
    transaction.open_table(PATHS)?;
    transaction.commit()?;
    Ok(database)
}

/// Which files there are, and how long, is for whoever may see the share; the folder of the state may be open to others.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(PRIVATE_MODE))?;
    Ok(file)
}

/// Overwritten pages make the database panic; here that is just a database that cannot be read.
fn guarded<T>(action: impl FnOnce() -> Result<T, redb::Error>) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(action)) {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            log::warn!("the digest database: {error}");
            None
        }
        Err(_) => None,
    }
}

/// Commits what has gathered together: a commit for each row would cost more than the hash of a small file.
fn write_rows(shared: &Shared, woken: &Receiver<()>) {
    while !lock(&shared.waiting).is_empty() || woken.recv().is_ok() {
        gather(shared, woken);
        let mut batch: Vec<Arc<Row>> = lock(&shared.waiting).iter().cloned().collect();
        // Neighbours in the database together: most of the cost is a page for each of them. Of one digest the latest stays the last.
        batch.sort_by_key(|row| row.hashed.digest.0);
        let transaction =
            lock(&shared.database).as_ref().map(|database| guarded(|| Ok(database.begin_write()?)));
        if let Some(Some(transaction)) = transaction {
            guarded(|| {
                insert(&transaction, &batch)?;
                Ok(transaction.commit()?)
            });
        }
        lock(&shared.waiting).drain(..batch.len());
        shared.written.notify_all();
    }
}

/// Waits for more rows: they are found while they wait, and each commit syncs the disk.
fn gather(shared: &Shared, woken: &Receiver<()>) {
    let deadline = Instant::now() + GATHER_TIME;
    while lock(&shared.waiting).len() < ROWS_MAX / 2 && woken.recv_deadline(deadline).is_ok() {}
}

fn insert(transaction: &redb::WriteTransaction, batch: &[Arc<Row>]) -> Result<(), redb::Error> {
    let mut digests = transaction.open_table(DIGESTS)?;
    let mut paths = transaction.open_table(PATHS)?;
    for row in batch {
        let Identity { inode, byte_count, .. } = row.identity;
        // Of a small file only where it was is ever asked for.
        if byte_count > UNSTORED_BYTES_MAX {
            digests.insert((inode.device, inode.number), row.encoded().as_slice())?;
        }
        let before = paths.get(&row.hashed.digest.0)?;
        let before_text = before.as_ref().map(AccessGuard::value).unwrap_or_default();
        let after = with_latest(&row.path, before_text);
        // Where it was seen last, as whenever the same files come again, there is nothing to write.
        let is_new = after != before_text;
        drop(before);
        if is_new {
            paths.insert(&row.hashed.digest.0, after.as_str())?;
        }
    }
    Ok(())
}

/// The stored paths of a digest after it was seen at `path`.
fn with_latest(path: &SharedPath, before: &str) -> String {
    let others = before.split_terminator(PATH_END).filter(|other| *other != path.as_str());
    let mut text = String::with_capacity(path.as_str().len() + before.len() + 1);
    for path in [path.as_str()].into_iter().chain(others).take(PATHS_PER_DIGEST_MAX) {
        text.push_str(path);
        text.push(PATH_END);
    }
    text
}

fn push_new(paths: &mut Vec<SharedPath>, path: SharedPath) {
    if paths.len() < PATHS_PER_DIGEST_MAX && !paths.contains(&path) {
        paths.push(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Inode;

    fn identity(number: u64) -> Identity {
        let byte_count = UNSTORED_BYTES_MAX + 1;
        Identity { inode: Inode { device: 1, number }, byte_count, modified: (1, 0), changed: (1, 0) }
    }

    fn hashed() -> Hashed {
        Hashed { digest: Digest([7; 32]), pieces: vec![[7; 32]].into() }
    }

    /// A store whose rows wait for ever.
    fn without_writer(state: &Path) -> Store {
        let database = Mutex::new(Some(create(&state.join(DATABASE_NAME)).unwrap()));
        let shared = Arc::new(Shared { database, waiting: Mutex::default(), written: Condvar::new() });
        Store { shared, wake: None, writer: None }
    }

    #[test]
    fn past_the_limit_of_waiting_rows_a_digest_is_not_noted() {
        let state = tempfile::tempdir().unwrap();
        let store = without_writer(state.path());
        let path = SharedPath::parse("a").unwrap();
        for number in 0..=ROWS_MAX as u64 {
            store.put(identity(number), &path, hashed(), SystemTime::now());
        }
        assert_eq!(lock(&store.shared.waiting).len(), ROWS_MAX);
        assert!(!store.wait_for_room(Duration::ZERO));
    }

    #[test]
    fn a_digest_has_the_paths_where_it_was_seen_the_latest_first_and_not_without_end() {
        let state = tempfile::tempdir().unwrap();
        let path = |number: usize| SharedPath::parse(&format!("folder/{number}")).unwrap();
        let (stored, count) = (Store::open(state.path()).unwrap(), PATHS_PER_DIGEST_MAX);
        for number in (0..count).chain([3, 5]) {
            stored.put(identity(number as u64), &path(number), hashed(), SystemTime::now());
        }
        drop(stored);
        let store = without_writer(state.path());
        assert_eq!(store.paths_of(hashed().digest)[..3], [path(5), path(3), path(count - 1)]);
        store.put(identity(99), &path(99), hashed(), SystemTime::now());
        let paths = store.paths_of(hashed().digest);
        assert_eq!((paths[0].clone(), paths.len()), (path(99), count));
        assert!(!paths.contains(&path(0)) && paths.contains(&path(1)));
    }

    #[test]
    fn a_row_that_waits_is_newer_than_the_one_that_is_written() {
        let state = tempfile::tempdir().unwrap();
        let path = SharedPath::parse("a").unwrap();
        let now = Identity { changed: (2, 0), ..identity(1) };
        let first = Store::open(state.path()).unwrap();
        first.put(identity(1), &path, hashed(), SystemTime::now());
        // Its end writes what waits.
        drop(first);
        let store = without_writer(state.path());
        assert_eq!(store.get(&identity(1)), Some(hashed()));
        store.put(now, &path, Hashed { digest: Digest([8; 32]), ..hashed() }, SystemTime::now());
        assert_eq!(store.get(&now).map(|hashed| hashed.digest), Some(Digest([8; 32])));
        assert_eq!(store.get(&identity(1)), None);
    }
}
