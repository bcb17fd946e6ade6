//! What the guest of a session may do, asked before the file system is touched: so a path that is hidden from a guest answers
//! like one that is missing, in its words and in its time.
//!
//! Must not know how rules come to their verdict.

use super::refusal::Refusal;
use super::session::Session;
use crate::access::{Permit, Right};
use crate::folder::{Folder, FolderError};
use crate::scan::{Scan, Sight};
use wire::error_code::ErrorCode;
use wire::message::request::Write;
use wire::path::SharedPath;

/// What a WRITE may do at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MayWrite {
    /// Take a free name, or the place of a file.
    Either,
    /// Take a free name alone.
    Create,
    /// Take the place of a file alone.
    Replace,
}

impl<'a> Session<'a> {
    /// The share as this guest has it.
    pub(super) fn folder(&self) -> &'a Folder {
        let share = &self.host.share;
        if self.permit.is_everything() { &share.folder } else { &share.strict }
    }

    /// Whether the guest has that right at `path` (none: the share itself).
    pub(super) fn check(&self, right: Right, path: Option<&SharedPath>) -> Result<(), Refusal> {
        if self.permit.allows(right, path) { Ok(()) } else { Err(denied(&self.permit, right, path)) }
    }

    /// Whether the guest may look into that folder: where it may not, but somewhere below, it sees the way there alone.
    pub(super) fn check_list(&self, path: Option<&SharedPath>) -> Result<(), Refusal> {
        let is_on_the_way = self.permit.is_visible(path) && !self.permit.is_uniform_below(path);
        if is_on_the_way { Ok(()) } else { self.check(Right::List, path) }
    }

    /// Whether the guest may know of the entry at `path`.
    pub(super) fn check_stat(&self, path: Option<&SharedPath>) -> Result<(), Refusal> {
        if self.permit.is_visible(path) { Ok(()) } else { Err(FolderError::NotFound.into()) }
    }

    /// What a WRITE may do there; a digest is told to readers alone, by comparing too.
    pub(super) fn check_write(&self, path: &SharedPath, write: &Write) -> Result<MayWrite, Refusal> {
        let path = Some(path);
        let may = match (self.permit.allows(Right::Create, path), self.permit.allows(Right::Replace, path)) {
            (true, true) => MayWrite::Either,
            (true, false) => MayWrite::Create,
            (false, true) => MayWrite::Replace,
            (false, false) => return Err(denied_new(&self.permit, path)),
        };
        if write.if_digest.is_some() && !self.permit.allows(Right::Read, path) {
            return Err(denied_new(&self.permit, path));
        }
        Ok(may)
    }

    /// A renamed file is read at its old path and made at its new one.
    pub(super) fn check_rename(&self, from: &SharedPath, to: &SharedPath) -> Result<(), Refusal> {
        self.check(Right::Read, Some(from))?;
        self.check(Right::Delete, Some(from))?;
        check_new(&self.permit, to)
    }

    /// Whether each folder up to `path` that is missing may be made; its parents are asked for when they are made.
    pub(super) fn check_make_folder(&self, path: &SharedPath) -> Result<(), Refusal> {
        check_new(&self.permit, path)
    }
}

/// A listing passes over what its guest may not know of.
impl Sight for Permit {
    fn shows(&self, path: &SharedPath) -> bool {
        Self::shows(self, path)
    }

    fn shows_nameless_in(&self, folder: Option<&SharedPath>) -> bool {
        self.allows(Right::List, folder)
    }
}

/// A listing as the guest has it.
pub(super) fn as_seen<'a>(scan: Scan<'a>, permit: &'a Permit) -> Scan<'a> {
    if permit.is_everything() { scan } else { scan.seen_with(permit) }
}

/// What is done to a folder is done to all in it: where a rule of the guest begins below, it is refused.
pub(super) fn check_whole(permit: &Permit, path: &SharedPath) -> Result<(), FolderError> {
    if permit.is_uniform_below(Some(path)) { Ok(()) } else { Err(FolderError::NotPermitted) }
}

/// Whether something may get that name.
fn check_new(permit: &Permit, path: &SharedPath) -> Result<(), Refusal> {
    if permit.allows(Right::Create, Some(path)) { Ok(()) } else { Err(denied_new(permit, Some(path))) }
}

/// Where a guest knows of the folder, it may know that nothing can be made there: whatever the name, and whether it is taken.
fn denied_new(permit: &Permit, path: Option<&SharedPath>) -> Refusal {
    let folder = path.and_then(SharedPath::folder);
    let is_known = |permit: &Permit| permit.is_visible(path) || permit.is_visible(folder.as_ref());
    denied_as(permit, Right::Create, path, (&is_known, FolderError::NoFolder))
}

fn denied(permit: &Permit, right: Right, path: Option<&SharedPath>) -> Refusal {
    denied_as(permit, right, path, (&|permit| permit.is_visible(path), FolderError::NotFound))
}

/// Whoever knows of it is told that it may not. For others it is `missing`, and answered like what is: where a missing path is
/// looked for, it is not found; where the guest could do nothing with it either, it may not.
fn denied_as(
    permit: &Permit,
    right: Right,
    path: Option<&SharedPath>,
    (is_known, missing): (&dyn Fn(&Permit) -> bool, FolderError),
) -> Refusal {
    let if_missing = permit.without_denials();
    let is_told = is_known(permit) || (!if_missing.allows(right, path) && is_known(&if_missing));
    if is_told {
        Refusal::new(ErrorCode::NotAllowed, "you have no right to do that there")
    } else {
        missing.into()
    }
}
