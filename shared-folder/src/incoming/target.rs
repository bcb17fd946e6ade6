//! The name where a file is to land: what stands there, and whether the file may take its place.

use super::{Landing, LandingError};
use crate::folder::{Folder, FolderError, Place, Shape, Status};
use rustix::fd::BorrowedFd;
use wire::limits::PIECE_BYTES;
use wire::path::SharedPath;

/// What stands at the target and may be replaced; a link that leads nowhere or outside is refused, never replaced.
pub(super) fn look(
    folder: &Folder,
    place: &Place<'_, '_>,
    path: &SharedPath,
    landing: &Landing,
) -> Result<Option<Status>, LandingError> {
    let old = match folder.status_to_write(place, path) {
        Ok((_, true)) if landing.spares_links => return Err(FolderError::NotAFile.into()),
        // It could not be renamed over in the end: better said before the bytes are sent.
        Ok((status, false)) if status.shape == Shape::File && place.is_mounted() => {
            return Err(FolderError::Mounted.into());
        }
        Ok((status, _)) => Some(status),
        // What is hidden is not found either, but its name is taken.
        Err(FolderError::NotFound) if folder.is_name_free(place) => None,
        Err(other) => return Err(other.into()),
    };
    check(old.as_ref(), landing)?;
    Ok(old)
}

/// Small files are not worth the call: a full disk refuses them when they are written.
pub(super) fn check_space(folder: BorrowedFd<'_>, byte_count: Option<u64>) -> Result<(), LandingError> {
    let Some(wanted) = byte_count.filter(|count| *count > PIECE_BYTES) else { return Ok(()) };
    match free_bytes(folder) {
        Some(free) if free < wanted => Err(FolderError::NoSpace.into()),
        _ => Ok(()),
    }
}

/// Free bytes of the file system; none where it does not tell, as a few report no size at all.
pub(super) fn free_bytes(folder: BorrowedFd<'_>) -> Option<u64> {
    let status = rustix::fs::fstatvfs(folder).ok().filter(|status| status.f_blocks > 0)?;
    Some(status.f_bavail.saturating_mul(status.f_frsize))
}

/// What is missing when a landing finds something missing is its folder, and with it the version that it was to
/// replace.
pub(super) fn lost_folder(error: LandingError, landing: &Landing) -> LandingError {
    match error {
        LandingError::Folder(FolderError::NotFound | FolderError::NoFolder) => match landing.replaces {
            Some(_) => LandingError::Changed,
            None => FolderError::NoFolder.into(),
        },
        other => other,
    }
}

/// Whether the name is taken by something that must stay.
pub(super) fn is_taken(error: &LandingError) -> bool {
    use FolderError::{Exists, LeadsOutside, Mounted, NotAFile, TakenByDeadLink};
    let is_folder_error =
        |error: &FolderError| matches!(error, Exists | LeadsOutside | Mounted | NotAFile | TakenByDeadLink);
    match error {
        LandingError::Changed => true,
        LandingError::Folder(error) => is_folder_error(error),
        _ => false,
    }
}

fn check(old: Option<&Status>, landing: &Landing) -> Result<(), LandingError> {
    match old {
        Some(old) if old.shape != Shape::File => Err(FolderError::NotAFile.into()),
        Some(_) if landing.new => Err(FolderError::Exists.into()),
        Some(old) if landing.replaces.is_some_and(|expected| expected != old.identity) => {
            Err(LandingError::Changed)
        }
        None if landing.replaces.is_some() => Err(LandingError::Changed),
        _ => Ok(()),
    }
}
