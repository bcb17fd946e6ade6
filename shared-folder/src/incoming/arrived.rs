//! Files that arrived whole and land together: one sync for the data of all, their renames in order, one sync for each
//! folder. A file that lands alone is a group of one.

use super::sync::sync_file_system;
use super::target;
use super::{Incoming, Landed, LandingError, Step, run_step};
use crate::folder::{
    FolderError, FolderHandle, Identity, Inode, Nearby, Place, identity_of, rename_at, take_free_name,
};
use rustix::fs::fsync;
use std::collections::HashMap;
use std::io;
use wire::digest::{Digest, PieceValue};

/// How the data of a group goes to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncing {
    /// File by file.
    Each,
    /// With everything else on the same file system: cheaper for many files, unless others have written much.
    Together,
}

/// A file that is verified and has its attributes; only disk and name are missing.
#[derive(Debug)]
pub struct Arrived<'a> {
    pub(super) incoming: Incoming<'a>,
    pub(super) byte_count: u64,
    pub(super) digest: Digest,
    pub(super) pieces: Vec<PieceValue>,
}

/// Lands them: syncs the data of all, renames them in order, syncs their folders. One result for each; one that
/// fails takes no other with it, but those whose folder could not be synced.
#[must_use]
pub fn land(group: Vec<Arrived<'_>>, syncing: Syncing) -> Vec<Result<Landed, LandingError>> {
    land_near(group, syncing, &mut Nearby::default())
}

/// As [`land`]. Those that come into the same folder, one right after the other, go by one look whether it is where its path says.
pub(super) fn land_near(
    mut group: Vec<Arrived<'_>>,
    syncing: Syncing,
    nearby: &mut Nearby,
) -> Vec<Result<Landed, LandingError>> {
    let synced = sync_data(&group, syncing);
    let members = group.iter_mut().zip(synced);
    let mut renamed: Vec<_> =
        members.map(|(arrived, synced)| synced.and_then(|()| arrived.incoming.rename(nearby))).collect();
    sync_folders(&group, &mut renamed);
    let members = group.into_iter().zip(renamed);
    members.map(|(arrived, renamed)| renamed.map(|identity| arrived.landed(identity))).collect()
}

fn sync_data(group: &[Arrived<'_>], syncing: Syncing) -> Vec<Result<(), LandingError>> {
    // What does not work together is done one by one: only so it is known whose data is not on the disk.
    if syncing == Syncing::Together && sync_together(group).is_ok() {
        return group.iter().map(|_| Ok(())).collect();
    }
    group.iter().map(|arrived| arrived.incoming.sync()).collect()
}

/// Once for each file system: a folder of the share may be a mounted one.
fn sync_together(group: &[Arrived<'_>]) -> Result<(), LandingError> {
    let mut done = Vec::new();
    for Arrived { incoming, .. } in group.iter().filter(|arrived| arrived.incoming.landing.synced) {
        let device = incoming.folder_inode.device;
        if !done.contains(&device) {
            let sync = || Ok(sync_file_system(&incoming.temporary.file)?);
            run_step(&incoming.landing.probe, Step::Sync, sync)?;
            done.push(device);
        }
    }
    Ok(())
}

/// Each folder once, whatever came into it.
fn sync_folders(group: &[Arrived<'_>], renamed: &mut [Result<Option<Identity>, LandingError>]) {
    let mut failures: HashMap<Inode, Option<LandingError>> = HashMap::new();
    for (Arrived { incoming, .. }, renamed) in group.iter().zip(renamed) {
        if renamed.is_ok() {
            let failure = failures.entry(incoming.folder_inode);
            let failure = failure.or_insert_with(|| incoming.sync_folder().err());
            if let Some(failure) = failure {
                *renamed = Err(said_again(failure));
            }
        }
    }
}

/// One failed sync is told to everyone whom it concerns.
fn said_again(failure: &LandingError) -> LandingError {
    match failure {
        LandingError::Folder(FolderError::NoSpace) => FolderError::NoSpace.into(),
        other => FolderError::Failed(io::Error::other(format!("syncing a folder: {other}"))).into(),
    }
}

impl Arrived<'_> {
    /// Its length, in bytes.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        self.byte_count
    }

    /// Whether the file system has that many free bytes, or does not tell.
    #[must_use]
    pub fn has_free_space(&self, byte_count: u64) -> bool {
        target::free_bytes(self.incoming.folder.as_fd()).is_none_or(|free| free >= byte_count)
    }

    /// Whether the other lands under the same name, whatever ways lead there.
    #[must_use]
    pub fn has_target_of(&self, other: &Incoming<'_>) -> bool {
        (self.incoming.folder_inode, &self.incoming.name) == (other.folder_inode, &other.name)
    }

    fn landed(self, identity: Option<Identity>) -> Landed {
        let Self { incoming, byte_count, digest, pieces } = self;
        let reused = byte_count - incoming.received.min(byte_count);
        Landed { byte_count, digest, pieces, reused, identity }
    }
}

impl Incoming<'_> {
    fn sync(&self) -> Result<(), LandingError> {
        if !self.landing.synced {
            return Ok(());
        }
        run_step(&self.landing.probe, Step::Sync, || Ok(fsync(&self.temporary.file)?))
    }

    fn sync_folder(&self) -> Result<(), LandingError> {
        if !self.landing.synced {
            return Ok(());
        }
        run_step(&self.landing.probe, Step::SyncFolder, || Ok(fsync(self.folder.as_fd())?))
    }

    fn rename(&mut self, nearby: &mut Nearby) -> Result<Option<Identity>, LandingError> {
        self.rename_in_one_step(nearby).inspect_err(|error| {
            if target::is_taken(error) {
                // Nobody will continue what the name is not free for.
                self.temporary.forget_contents();
            }
        })
    }

    fn rename_in_one_step(&mut self, nearby: &mut Nearby) -> Result<Option<Identity>, LandingError> {
        let gate = self.target.gate_into(self.folder_inode);
        let renamed = self.check_still_there(nearby).and_then(|()| {
            // Where nothing had the name, it is found out in one call whether that is still so.
            if self.old.is_none() && self.take_free_name()? { Ok(()) } else { self.replace() }
        });
        renamed.map_err(|error| target::lost_folder(error, &self.landing))?;
        drop(gate);
        self.temporary.landed();
        let identified = self.landing.identified.then(|| identity_of(&self.temporary.file));
        Ok(identified.transpose()?)
    }

    /// Gives the file its name if nothing has that; false where something has, or where it cannot be said in one call.
    fn take_free_name(&self) -> Result<bool, LandingError> {
        let folder = self.folder.as_fd();
        run_step(&self.landing.probe, Step::Rename, || {
            take_free_name(folder, &self.temporary.name, &self.name)
        })
    }

    /// Gives the file its name, whether or not something has that which may be replaced.
    fn replace(&mut self) -> Result<(), LandingError> {
        let place = Place { folder: FolderHandle::Borrowed(self.folder.as_fd()), name: &self.name };
        let now = target::look(self.target, &place, &self.path, &self.landing)?;
        // What it replaces may be another file than at the beginning, or have been made private since.
        self.temporary.give_permissions(now.map(|now| now.permissions), self.landing.executable)?;
        let (folder, from, to) = (self.folder.as_fd(), &self.temporary.name, &self.name);
        run_step(&self.landing.probe, Step::Rename, || {
            rename_at((folder, from), (folder, to), !self.landing.new)
        })
    }

    /// Whether the folder still is where the path says, and the temporary file is still the one that was written:
    /// otherwise `written` would not be true.
    fn check_still_there(&self, nearby: &mut Nearby) -> Result<(), LandingError> {
        let moved = || LandingError::Folder(FolderError::Unsteady);
        let moves = self.target.moves();
        if let Some((folder, _)) = self.path.as_str().rsplit_once('/')
            && !nearby.has_seen(folder, self.folder_inode, moves)
        {
            if self.target.place(&self.path)?.folder.inode()? != self.folder_inode {
                return Err(moved());
            }
            nearby.saw(folder, self.folder_inode, moves);
        }
        let is_ours = !self.landing.resumable || self.temporary.is_still_named(self.folder.as_fd());
        if is_ours { Ok(()) } else { Err(moved()) }
    }
}
