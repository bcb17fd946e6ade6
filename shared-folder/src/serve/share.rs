//! What is served, under which rules.

use super::hot::HotFiles;
use super::refusal::Refusal;
use super::uploads::Uploads;
use crate::catalogue::{Catalogue, Hashed};
use crate::folder::{Folder, FolderError};
use crate::incoming::{ArrivingFiles, Landed, Probe};
use crate::kinds::kind_of;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use wire::error_code::ErrorCode;
use wire::message::Kind;
use wire::path::SharedPath;

/// What may be done with a share.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The code with which WRITE, RENAME, DELETE and MKDIR are refused; none where they are allowed.
    pub refuses_changes: Option<ErrorCode>,
    /// Only files of these kinds are shared; none means all.
    pub kinds: Option<Vec<Kind>>,
    /// The longest file that may be written, in bytes.
    pub file_bytes_max: Option<u64>,
}

/// A folder that is served.
pub struct Share {
    /// The folder.
    pub folder: Folder,
    /// The same for guests who may not go everywhere in it.
    pub(super) strict: Folder,
    /// Its digests.
    pub catalogue: Catalogue,
    /// What may be done.
    pub rules: Rules,
    /// What others may have of files that this end itself still fetches.
    pub arriving: ArrivingFiles,
    /// Watches the steps to disk; none in ordinary use.
    pub probe: Option<Arc<dyn Probe>>,
    pub(super) uploads: Uploads,
    pub(super) hot: HotFiles,
    /// Small files of all sessions that arrived and wait to land.
    pub(super) waiting_files: AtomicUsize,
}

impl Share {
    /// A folder with its digests, under these rules.
    #[must_use]
    pub fn new(folder: Folder, catalogue: Catalogue, rules: Rules) -> Self {
        let (uploads, waiting_files, hot) = (Uploads::default(), AtomicUsize::default(), HotFiles::default());
        let strict = folder.without_links();
        let arriving = ArrivingFiles::default();
        Self { folder, strict, catalogue, rules, arriving, probe: None, uploads, hot, waiting_files }
    }

    /// Notes the digest of a file that was fetched, so that nobody has to read it for that; of one whose identity was not told,
    /// nothing.
    pub fn note_landed(&self, path: &SharedPath, landed: Landed) {
        let Landed { identity, digest, pieces, .. } = landed;
        if let Some(identity) = identity {
            self.catalogue.note(identity, path, Hashed { digest, pieces: pieces.into() });
        }
    }

    /// Text from outside becomes a shared path here.
    pub(super) fn path(text: &str) -> Result<SharedPath, Refusal> {
        SharedPath::parse(text).map_err(Refusal::from)
    }

    /// Whether files of this name are shared at all.
    pub(crate) fn shares(&self, name: &str) -> bool {
        self.rules.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind_of(name)))
    }

    /// Whether an entry of a listing is shared; folders always are.
    pub(super) fn shares_kind(&self, kind: Kind) -> bool {
        kind == Kind::Folder || self.rules.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    pub(super) fn check_changes_allowed(&self) -> Result<(), Refusal> {
        match self.rules.refuses_changes {
            Some(ErrorCode::ReadOnly) => Err(Refusal::new(ErrorCode::ReadOnly, "this share is read-only")),
            Some(code) => Err(Refusal::new(code, "nothing can be changed here")),
            None => Ok(()),
        }
    }

    /// Refuses names of kinds that are not shared: they could be written but never be seen.
    pub(super) fn check_file(&self, path: &SharedPath) -> Result<(), FolderError> {
        if self.shares(path.name()) { Ok(()) } else { Err(FolderError::NotShared) }
    }
}
