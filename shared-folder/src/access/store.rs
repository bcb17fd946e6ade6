//! Where the access file lies, and how it is changed: whole, one change after the other, and in force once that is said.
//!
//! Whoever goes by the file holds a shared lock on the very file that they have loaded; where there is none, on its folder.
//! Who changes it puts a new file in its place and then waits for an exclusive lock on the old one: nobody goes by that any
//! more. The lock on `lock` is kept until then, so that the next change waits for the one before.
//! Must not know what the rules come to.

use super::document::{Document, FILE_BYTES_MAX, Invitation, RefusedChange};
use super::name::GuestName;
use super::rules::Rule;
use super::written::UnreadableDocument;
use crossbeam_channel::bounded;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, fsync, mkdirat, openat,
    renameat, statat, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thiserror::Error;
use wire::invitation::{SECRET_BYTES, Secret};
use wire::timestamp::Timestamp;

/// How long a change waits for the one before, and for a running server to take it up. Exceeded: it is said.
pub const CHANGE_TIME_MAX: Duration = Duration::from_secs(30);
/// How often a file may be replaced while it is loaded. Exceeded: it is an error.
const REPLACED_MAX: u32 = 100;

const FOLDER: &str = "access";
const FILE: &str = "grants.json";
const TEMPORARY: &str = "grants.json.new";
const LOCK: &str = "lock";

const OWN_FOLDER: Mode = Mode::RWXU;
const OWN_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
/// A pipe in the file's place must not stop who opens it.
const CAREFUL: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// The access file of one state folder.
#[derive(Clone)]
pub struct Store {
    folder: Arc<OwnedFd>,
    path: PathBuf,
    probe: Option<Arc<Probe>>,
    /// [`CHANGE_TIME_MAX`], but in tests.
    patience: Duration,
}

/// One step on the way from a change to its being in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Bytes go into the temporary file.
    Write,
    /// It goes to the disk.
    Sync,
    /// It takes the file's place.
    Rename,
    /// The folder's names go to the disk.
    SyncFolder,
    /// Whoever goes by the old file is waited for.
    Wait,
    /// All is done.
    Done,
}

/// Is called before each step; an error makes it fail without being done. For tests of crashes and full disks.
pub type Probe = dyn Fn(Step) -> io::Result<()> + Send + Sync;

/// The access file cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The system does not let it be opened, read or written.
    #[error("'{}' cannot be used: {source}", path.display())]
    Io {
        /// What it is about.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is of another user, who could let anybody in.
    #[error("'{}' belongs to another user: make it yours with chown, or run this as that user", path.display())]
    NotOwn {
        /// What it is about.
        path: PathBuf,
    },
    /// Others could let anybody in.
    #[error("others may write '{}': forbid that with chmod go-w", path.display())]
    Writable {
        /// What it is about.
        path: PathBuf,
    },
    /// A link, a folder, a pipe.
    #[error("'{}' is no plain file: remove it", path.display())]
    NoFile {
        /// What it is about.
        path: PathBuf,
    },
    /// It does not say who may do what, so nobody may do anything.
    #[error("'{}' is no access file: {reason}: nobody is let in until it is repaired or replaced", path.display())]
    Unreadable {
        /// What it is about.
        path: PathBuf,
        /// Why, and where in it.
        reason: UnreadableDocument,
    },
    /// The lock was not to be had in [`CHANGE_TIME_MAX`], or the file was replaced time and again.
    #[error("another program is changing '{}': try again later", path.display())]
    Busy {
        /// What it is about.
        path: PathBuf,
    },
    /// The change is written, but somebody still goes by the old file after [`CHANGE_TIME_MAX`].
    #[error("'{}' is changed, but the running server has not taken that up: restart it", path.display())]
    NotInForce {
        /// What it is about.
        path: PathBuf,
    },
    /// Changes cannot be heard of.
    #[error("'{}' cannot be watched for changes: {source}", path.display())]
    Unwatched {
        /// What it is about.
        path: PathBuf,
        /// Why.
        source: notify::Error,
    },
}

/// A change was not made, or not as it should be.
#[derive(Debug, Error)]
pub enum ChangeError<E> {
    /// The change itself failed: nothing was written.
    #[error(transparent)]
    Refused(E),
    /// The file could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A loaded file that who changes it waits for, until this is dropped.
pub(super) struct Held {
    _locked: OwnedFd,
}

/// A change that is written and may not yet be in force. The next one waits until this is gone.
#[must_use = "the change may not be in force yet"]
pub(super) struct Replaced {
    old: OwnedFd,
    _lock: OwnedFd,
}

impl Store {
    /// The store in `state_folder`, which must be there. Makes its folder, but no file.
    ///
    /// # Errors
    /// Where the folder cannot be used, or others may write into it.
    pub fn open(state_folder: &Path) -> Result<Self, StoreError> {
        let path = state_folder.join(FOLDER);
        let folder = open_folder(&path).map_err(|error| failed(&path, error))?;
        check_own(&path, &fstat(&folder).map_err(|error| failed(&path, error))?)?;
        Ok(Self { folder: Arc::new(folder), path, probe: None, patience: CHANGE_TIME_MAX })
    }

    /// The same, with something that is called before each step of a change.
    #[must_use]
    pub fn with_probe(self, probe: Arc<Probe>) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// The folder that the file lies in.
    #[must_use]
    pub fn folder_path(&self) -> &Path {
        &self.path
    }

    /// What the file says now; `None` where there is none, because nobody was ever invited.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub fn read(&self) -> Result<Option<Document>, StoreError> {
        self.open_file()?.map(|file| self.read_document(file)).transpose()
    }

    /// Changes what the file says. On return the change is on the disk and in force in a running server. Where `change`
    /// changes nothing, nothing is written.
    ///
    /// # Errors
    /// Where `change` fails, or the file cannot be used.
    pub fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Document) -> Result<T, E>,
    ) -> Result<T, ChangeError<E>> {
        let (outcome, replaced) = self.replace(change)?;
        if let Some(replaced) = replaced {
            self.wait(replaced)?;
        }
        Ok(outcome)
    }

    /// Invites somebody until `lifetime` has passed, and gives what they have to show.
    ///
    /// # Errors
    /// Where the name is taken, or the file cannot be used.
    pub fn invite(
        &self,
        name: GuestName,
        rules: Vec<Rule>,
        lifetime: Duration,
    ) -> Result<Secret, ChangeError<RefusedChange>> {
        let (secret, invitation, now) = self.invitation(name, rules, lifetime)?;
        self.change(|document| document.invite(invitation, now)).map(|()| secret)
    }

    /// Invites somebody who may have been invited before: see [`Document::invite_again`]. None where they are a guest.
    ///
    /// # Errors
    /// Where a bound is reached, or the file cannot be used.
    pub fn invite_again(
        &self,
        name: GuestName,
        rules: Vec<Rule>,
        lifetime: Duration,
    ) -> Result<Option<Secret>, ChangeError<RefusedChange>> {
        let (secret, invitation, now) = self.invitation(name, rules, lifetime)?;
        let is_invited = self.change(|document| document.invite_again(invitation, now))?;
        Ok(is_invited.then_some(secret))
    }

    fn invitation(
        &self,
        name: GuestName,
        rules: Vec<Rule>,
        lifetime: Duration,
    ) -> Result<(Secret, Invitation, Timestamp), StoreError> {
        let mut random = [0; SECRET_BYTES];
        getrandom::fill(&mut random)
            .map_err(|error| self.failed(FILE, io::Error::other(error.to_string())))?;
        let (secret, now) = (Secret::new(random), SystemTime::now());
        let expires = now.checked_add(lifetime).map_or(Timestamp::from_unix(i64::MAX, 0), timestamp);
        Ok((secret, Invitation { name, rules, secret: secret.hash(), expires, used: None }, timestamp(now)))
    }

    /// As [`Store::change`], without waiting: nothing is left to wait for where nothing was written.
    pub(super) fn replace<T, E>(
        &self,
        change: impl FnOnce(&mut Document) -> Result<T, E>,
    ) -> Result<(T, Option<Replaced>), ChangeError<E>> {
        let lock = self.lock()?;
        let old = self.open_file()?;
        let is_missing = old.is_none();
        let old = old.map_or_else(|| self.open_own_folder(), Ok)?;
        let before = if is_missing { Document::default() } else { self.read_document(self.again(&old)?)? };
        let mut document = before.clone();
        let outcome = change(&mut document).map_err(ChangeError::Refused)?;
        if document == before {
            return Ok((outcome, None));
        }
        self.write(&document)?;
        Ok((outcome, Some(Replaced { old, _lock: lock })))
    }

    /// Waits until nobody goes by the old file any more.
    pub(super) fn wait(&self, replaced: Replaced) -> Result<(), StoreError> {
        let Replaced { old, _lock: next_waits } = replaced;
        self.meet(Step::Wait)?;
        let is_free = lock_in_time(&old, self.patience);
        drop(next_waits);
        if !is_free.map_err(|error| self.failed(FILE, error))? {
            return Err(StoreError::NotInForce { path: self.path.join(FILE) });
        }
        self.meet(Step::Done)
    }

    /// Loads the file, and holds it: who changes it waits from now on. `None` where there is none.
    pub(super) fn hold(&self) -> Result<(Held, Option<Document>), StoreError> {
        for _ in 0..REPLACED_MAX {
            let file = self.open_file()?;
            let is_missing = file.is_none();
            let locked = file.map_or_else(|| self.open_own_folder(), Ok)?;
            retry_on_intr(|| flock(&locked, FlockOperation::LockShared))
                .map_err(|error| self.failed(FILE, error))?;
            if !self.is_in_place(&locked, is_missing)? {
                continue;
            }
            let document = (!is_missing).then(|| self.read_document(self.again(&locked)?)).transpose()?;
            return Ok((Held { _locked: locked }, document));
        }
        Err(StoreError::Busy { path: self.path.join(FILE) })
    }

    /// Whether the file's name still leads to what was opened, or still to nothing.
    fn is_in_place(&self, opened: &OwnedFd, is_missing: bool) -> Result<bool, StoreError> {
        let opened = fstat(opened).map_err(|error| self.failed(FILE, error))?;
        match statat(&self.folder, FILE, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok(!is_missing && (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)),
            Err(Errno::NOENT) => Ok(is_missing),
            Err(error) => Err(self.failed(FILE, error)),
        }
    }

    fn lock(&self) -> Result<OwnedFd, StoreError> {
        let flags = CAREFUL | OFlags::RDWR | OFlags::CREATE;
        let opened = openat(&self.folder, LOCK, flags, OWN_FILE);
        let lock = opened.map_err(|error| self.failed(LOCK, error))?;
        self.check_file(LOCK, &lock)?;
        if lock_in_time(&lock, self.patience).map_err(|error| self.failed(LOCK, error))? {
            Ok(lock)
        } else {
            Err(StoreError::Busy { path: self.path.join(FILE) })
        }
    }

    fn open_file(&self) -> Result<Option<OwnedFd>, StoreError> {
        match openat(&self.folder, FILE, CAREFUL | OFlags::RDONLY, Mode::empty()) {
            Ok(file) => self.check_file(FILE, &file).map(|()| Some(file)),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP) => Err(StoreError::NoFile { path: self.path.join(FILE) }),
            Err(error) => Err(self.failed(FILE, error)),
        }
    }

    /// The same folder with locks of its own.
    fn open_own_folder(&self) -> Result<OwnedFd, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.folder, ".", flags, Mode::empty()).map_err(|error| self.failed(FILE, error))
    }

    fn again(&self, file: &OwnedFd) -> Result<OwnedFd, StoreError> {
        file.try_clone().map_err(|source| self.failed(FILE, source))
    }

    fn read_document(&self, file: OwnedFd) -> Result<Document, StoreError> {
        let mut bytes = Vec::new();
        let longest = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = File::from(file).take(longest.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| self.failed(FILE, error))?;
        Document::parse(&bytes).map_err(|reason| self.unreadable(reason))
    }

    fn write(&self, document: &Document) -> Result<(), StoreError> {
        let bytes = document.render().map_err(|reason| self.unreadable(reason))?;
        let written = self.write_temporary(&bytes).and_then(|()| self.put_in_place());
        if written.is_err() {
            // It is gone where it took the file's place; where it stays, the next change removes it.
            let _ = unlinkat(&self.folder, TEMPORARY, AtFlags::empty());
        }
        written
    }

    fn write_temporary(&self, bytes: &[u8]) -> Result<(), StoreError> {
        // Of a change that ended in the middle.
        match unlinkat(&self.folder, TEMPORARY, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(self.failed(TEMPORARY, error)),
        }
        let flags = CAREFUL | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let opened = openat(&self.folder, TEMPORARY, flags, OWN_FILE);
        let mut file = File::from(opened.map_err(|error| self.failed(TEMPORARY, error))?);
        self.meet(Step::Write)?;
        file.write_all(bytes).map_err(|error| self.failed(TEMPORARY, error))?;
        self.meet(Step::Sync)?;
        file.sync_all().map_err(|error| self.failed(TEMPORARY, error))
    }

    fn put_in_place(&self) -> Result<(), StoreError> {
        self.meet(Step::Rename)?;
        renameat(&self.folder, TEMPORARY, &self.folder, FILE).map_err(|error| self.failed(FILE, error))?;
        self.meet(Step::SyncFolder)?;
        fsync(&self.folder).map_err(|error| self.failed(FILE, error))
    }

    fn meet(&self, step: Step) -> Result<(), StoreError> {
        self.probe.as_ref().map_or(Ok(()), |probe| probe(step)).map_err(|error| self.failed(FILE, error))
    }

    fn check_file(&self, name: &str, file: impl AsFd) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let status = fstat(file).map_err(|error| failed(&path, error))?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(StoreError::NoFile { path });
        }
        check_own(&path, &status)
    }

    fn failed(&self, name: &str, error: impl Into<io::Error>) -> StoreError {
        failed(&self.path.join(name), error)
    }

    fn unreadable(&self, reason: UnreadableDocument) -> StoreError {
        StoreError::Unreadable { path: self.path.join(FILE), reason }
    }
}

/// As documents write it.
pub(super) fn timestamp(moment: SystemTime) -> Timestamp {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    match mkdirat(CWD, path, OWN_FOLDER) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn check_own(path: &Path, status: &Stat) -> Result<(), StoreError> {
    let path = path.to_owned();
    if status.st_uid != rustix::process::geteuid().as_raw() {
        return Err(StoreError::NotOwn { path });
    }
    let of_others = Mode::WGRP | Mode::WOTH;
    if Mode::from_raw_mode(status.st_mode).intersects(of_others) {
        return Err(StoreError::Writable { path });
    }
    Ok(())
}

fn failed(path: &Path, error: impl Into<io::Error>) -> StoreError {
    StoreError::Io { path: path.to_owned(), source: error.into() }
}

/// Whether an exclusive lock is to be had within `patience`. The system waits for locks without end: so a thread waits,
/// and where it has waited for too long it is left to itself, and lets go of the lock as soon as it has it.
fn lock_in_time(file: &OwnedFd, patience: Duration) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {}
        other => return other.map(|()| true).map_err(io::Error::from),
    }
    let (sender, locked) = bounded(1);
    let waiting = file.try_clone()?;
    let wait = move || {
        let _ = sender.send(retry_on_intr(|| flock(&waiting, FlockOperation::LockExclusive)));
    };
    let thread = Builder::new().name("access-lock".into()).spawn(wait)?;
    let Ok(outcome) = locked.recv_timeout(patience) else { return Ok(false) };
    let _ = thread.join();
    outcome.map(|()| true).map_err(io::Error::from)
}

#[cfg(test)]
mod tests;
