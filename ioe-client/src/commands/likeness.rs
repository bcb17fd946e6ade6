//! Which files that are sent or fetched seem to be at the other end already, under their names or others: told by one listing of each
//! folder, and by a look at each large file that was named itself.
//!
//! Must not know what is done about it: what is found is a hint that a hash is worth its while.

use shared_folder::fetch::Fetch;
use shared_folder::folder::{Folder, FolderError, Shape, Status};
use shared_folder::remote::{ListedName, Remote, RemoteError, Repeat, Unwatched};
use shared_folder::scan::Scan;
use shared_folder::send::{Likeness, Outgoing};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use wire::limits::PIECE_BYTES;
use wire::message::{Entry, Kind};
use wire::path::SharedPath;

/// Large files of the end that is to get some that are remembered by their looks; of more than that, renamed ones are sent anew.
const LOOKS_MAX: usize = 100_000;

/// What is told of a file without reading it: length, time, and whether it may be run.
type Looks = (u64, (i64, u32), bool);

/// Lists all below `top`, and notes what is found of `files` there. Without a listing nothing seems to be there.
pub(super) fn find(remote: &mut Remote, top: Option<&SharedPath>, files: &mut [(Outgoing, u64)]) {
    // Of a folder that is not there nothing needs to be known.
    let mut seen: Option<Seen> = None;
    let listed = remote.ask(Repeat::Harmless, |session| {
        let mut listing = session.list(top, true)?;
        while let Some(name) = listing.next_entry()? {
            if let ListedName::Sound(path, entry) = name {
                seen.get_or_insert_with(|| Seen::new(files)).note(&path, &entry);
            }
        }
        Ok::<_, RemoteError>(())
    });
    if let Err(error) = listed {
        log::debug!("nothing is known of what is there already: {error}");
    }
    let Some(Seen { same_name, large, .. }) = seen else { return };
    for index in same_name {
        if let Some((outgoing, _)) = files.get_mut(index) {
            outgoing.likeness = Likeness::SameName;
        }
    }
    if large.is_empty() {
        return;
    }
    for (outgoing, byte_count) in files {
        let may_be_elsewhere = *byte_count > PIECE_BYTES && outgoing.likeness == Likeness::None;
        if may_be_elsewhere && looks_of(&outgoing.source).is_some_and(|looks| large.contains(&looks)) {
            outgoing.likeness = Likeness::OtherName;
        }
    }
}

/// Looks at the name of one large file there, and notes whether the same file seems to have it.
pub(super) fn find_one(remote: &mut Remote, (outgoing, byte_count): &mut (Outgoing, u64)) {
    // A small one is sent sooner than asked about.
    if *byte_count <= PIECE_BYTES {
        return;
    }
    let path = Some(&outgoing.destination.path);
    let there = remote.ask(Repeat::Harmless, |session| session.stat(path, false, &Unwatched));
    if there.is_ok_and(|found| looks_of(&outgoing.source) == Some(looks_there(&found.entry))) {
        outgoing.likeness = Likeness::SameName;
    }
}

/// Looks through these folders here for what seems to be one of the large `files` under another name, and notes it. `names` are those of
/// all files.
pub(super) fn find_here(
    folder: &Folder,
    tops: &[Option<SharedPath>],
    (files, names): (&mut [Fetch], &HashSet<SharedPath>),
) {
    let looks_so = |path: &SharedPath, looks: Looks| {
        folder.status(path).is_ok_and(|status| looks_here(&status) == looks)
    };
    let is_missing = |fetch: &&mut Fetch| {
        fetch.entry.byte_count.get() > PIECE_BYTES && !looks_so(&fetch.target, looks_there(&fetch.entry))
    };
    let mut missing: Vec<&mut Fetch> = files.iter_mut().filter(is_missing).take(LOOKS_MAX).collect();
    let mut alike: HashMap<Looks, Option<SharedPath>> =
        missing.iter().map(|fetch| (looks_there(&fetch.entry), None)).collect();
    for top in tops.iter().filter(|_| !missing.is_empty()) {
        let looked = look_through(folder, top.clone(), &mut |path, status| {
            match alike.get_mut(&looks_here(status)) {
                // What the other end no longer has under that name it has under another, if at all.
                Some(one) if one.is_none() || !names.contains(&path) => *one = Some(path),
                _ => {}
            }
        });
        if let Err(error) = looked {
            log::debug!("nothing more is known of what is here already: {error}");
        }
    }
    for fetch in &mut missing {
        fetch.alike = alike.get(&looks_there(&fetch.entry)).cloned().flatten();
    }
}

fn look_through(
    folder: &Folder,
    top: Option<SharedPath>,
    note: &mut dyn FnMut(SharedPath, &Status),
) -> Result<(), FolderError> {
    let (mut scan, mut batch) = (Scan::new(folder, top, true)?, Vec::new());
    while scan.next_found(&mut batch)? {
        for found in batch.drain(..).filter(|found| !found.is_link && found.status.shape == Shape::File) {
            note(found.path, &found.status);
        }
    }
    Ok(())
}

/// What a listing has shown so far.
struct Seen {
    /// Our files by their paths there.
    ours: HashMap<SharedPath, (usize, Looks)>,
    lengths: HashSet<u64>,
    same_name: Vec<usize>,
    large: HashSet<Looks>,
}

impl Seen {
    fn new(files: &[(Outgoing, u64)]) -> Self {
        let looks = |(index, (outgoing, _)): (usize, &(Outgoing, u64))| {
            let looks = looks_of(&outgoing.source)?;
            Some((outgoing.destination.path.clone(), (index, looks)))
        };
        let lengths = files.iter().map(|(_, byte_count)| *byte_count).filter(|count| *count > PIECE_BYTES);
        Self {
            ours: files.iter().enumerate().filter_map(looks).collect(),
            lengths: lengths.collect(),
            same_name: Vec::new(),
            large: HashSet::new(),
        }
    }

    fn note(&mut self, path: &SharedPath, entry: &Entry) {
        if entry.kind == Kind::Folder {
            return;
        }
        let looks = looks_there(entry);
        match self.ours.get(path) {
            Some((index, ours)) if *ours == looks => self.same_name.push(*index),
            _ => {}
        }
        if self.lengths.contains(&looks.0) && self.large.len() < LOOKS_MAX {
            self.large.insert(looks);
        }
    }
}

fn looks_there(entry: &Entry) -> Looks {
    (entry.byte_count.get(), entry.modified.to_unix(), entry.executable)
}

fn looks_here(status: &Status) -> Looks {
    (status.byte_count, status.modified.to_unix(), status.executable)
}

fn looks_of(path: &Path) -> Option<Looks> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let nanoseconds = u32::try_from(metadata.mtime_nsec()).ok()?;
    Some((metadata.len(), (metadata.mtime(), nanoseconds), metadata.mode() & 0o100 != 0))
}
