//! Cleaning up after crashes: temporary files that nobody will continue, partials that are too old or too many.

use super::temporary::{OWN_PREFIX, UNKEPT_PREFIX, is_still, lock};
use crate::folder::{Folder, FolderError};
use crate::scan::Scan;
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, fstat, openat, unlinkat};
use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::message::Kind;
use wire::path::{RESERVED_PREFIX, SharedPath, is_reserved};

/// A partial that nobody continued for this long is removed.
pub const PARTIAL_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Bytes that all partials of a share may have together. Exceeded: the oldest are removed.
pub const PARTIAL_BYTES_MAX: u64 = 64 << 30;
/// Partials that one sweep remembers in order to find the oldest. More are left for the next sweep.
pub(super) const PARTIALS_MAX: usize = 10_000;
const NAMES_BYTES: usize = 32 * 1024;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Files removed.
    pub removed: u64,
    /// Partials that can be continued.
    pub kept: u64,
}

struct Partial {
    folder: Option<SharedPath>,
    name: String,
    modified: i64,
    byte_count: u64,
}

/// Looks through the whole share once; ends early when `stop` says so.
///
/// # Errors
/// When not all of the share could be listed; what was found is dealt with all the same.
pub fn sweep(folder: &Folder, bytes_max: u64, stop: &dyn Fn() -> bool) -> Result<SweepReport, FolderError> {
    let (mut report, mut partials) = (SweepReport::default(), Vec::new());
    look_in(folder, None, &mut report, &mut partials);
    let (mut scan, mut batch) = (Scan::new(folder, None, true)?, Vec::new());
    let mut failure = None;
    while !stop() {
        match scan.next_batch(&mut batch) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => failure = failure.or(Some(error)),
        }
        for entry in batch.iter().filter(|entry| entry.kind == Kind::Folder) {
            look_in(folder, SharedPath::parse(&entry.path).ok().as_ref(), &mut report, &mut partials);
        }
    }
    partials.sort_unstable_by_key(|partial| std::cmp::Reverse(partial.modified));
    let mut total = 0u64;
    for partial in partials {
        total = total.saturating_add(partial.byte_count);
        let removed = total > bytes_max && remove(folder, &partial).unwrap_or(false);
        if removed { report.removed += 1 } else { report.kept += 1 }
    }
    failure.map_or(Ok(report), Err)
}

/// Removes what is of no use in one folder, and notes what is.
fn look_in(
    folder: &Folder,
    path: Option<&SharedPath>,
    report: &mut SweepReport,
    partials: &mut Vec<Partial>,
) {
    let Ok(Ok(handle)) = folder.open_folder(path).map(|handle| handle.into_owned()) else { return };
    let Ok(fresh) = openat(&handle, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    else {
        return;
    };
    let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
    let mut entries = RawDir::new(fresh.as_fd(), &mut names);
    while let Some(Ok(entry)) = entries.next() {
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !is_reserved(name) || partials.len() >= PARTIALS_MAX {
            continue;
        }
        match judge(&handle, name) {
            Some(Judged::Removed) => report.removed += 1,
            Some(Judged::Kept { modified, byte_count }) => {
                partials.push(Partial { folder: path.cloned(), name: name.to_owned(), modified, byte_count });
            }
            None => {}
        }
    }
}

enum Judged {
    Removed,
    Kept { modified: i64, byte_count: u64 },
}

/// `None` for a file that someone is at work on, or that cannot be judged.
fn judge(folder: &OwnedFd, name: &str) -> Option<Judged> {
    if name.starts_with(OWN_PREFIX.as_str()) {
        // It may be between being made and being locked.
        return None;
    }
    let file = open_locked(folder, name)?;
    let stat = fstat(&file).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let is_old = u64::try_from(stat.st_mtime).unwrap_or(0).saturating_add(PARTIAL_AGE_MAX.as_secs()) < now;
    let is_unkept = name.get(RESERVED_PREFIX.len()..).is_some_and(|rest| rest.starts_with(UNKEPT_PREFIX));
    if is_old || is_unkept {
        unlinkat(folder, name, AtFlags::empty()).ok()?;
        return Some(Judged::Removed);
    }
    Some(Judged::Kept { modified: stat.st_mtime, byte_count: u64::try_from(stat.st_size).unwrap_or(0) })
}

fn remove(folder: &Folder, partial: &Partial) -> Option<bool> {
    let handle = folder.open_folder(partial.folder.as_ref()).ok()?.into_owned().ok()?;
    let _locked = open_locked(&handle, &partial.name)?;
    Some(unlinkat(&handle, &partial.name, AtFlags::empty()).is_ok())
}

/// Opens a temporary file and takes its lock: only what nobody is at work on may be removed.
fn open_locked(folder: &OwnedFd, name: &str) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty()).ok()?;
    lock(&file).ok()?;
    is_still(folder.as_fd(), name, &file).then_some(file)
}
