//! What a client was told is safe, what it cannot know, and what the share must therefore hold at the end.
//!
//! It must not know how anything came to the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::planted;
use crate::scratch::{PARTIAL_PREFIX, files_below};

/// Paths with the digests that they have in it; none where nothing is there.
pub(super) type World = Vec<(String, Option<String>)>;

/// What one client knows of its own part of the share.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Acknowledged files, with their digests.
    pub(super) settled: BTreeMap<String, String>,
    /// One of each of these lists is true: the answer to a request did not come.
    pub(super) doubts: Vec<Vec<World>>,
    /// Uploads that were broken off, each of which may have left one partial.
    pub(super) interrupted_uploads: usize,
}

impl Ledger {
    /// An upload was acknowledged.
    pub(super) fn written(&mut self, path: &str, digest: &str) {
        self.settled.insert(path.to_owned(), digest.to_owned());
    }

    /// An upload was not acknowledged: what was there before is there, or all of the new.
    pub(super) fn maybe_written(&mut self, path: &str, digest: &str) {
        let before = self.settled.remove(path);
        let world = |digest| vec![(path.to_owned(), digest)];
        self.doubts.push(vec![world(before), world(Some(digest.to_owned()))]);
        self.interrupted_uploads += 1;
    }

    /// A rename: done for sure, or perhaps.
    pub(super) fn renamed(&mut self, path: &str, to: &str, is_sure: bool) {
        let Some(digest) = self.settled.remove(path) else { return };
        if is_sure {
            self.settled.insert(to.to_owned(), digest);
            return;
        }
        let world = |one, other| vec![(path.to_owned(), one), (to.to_owned(), other)];
        self.doubts.push(vec![world(Some(digest.clone()), None), world(None, Some(digest))]);
    }

    /// A deletion: done for sure, or perhaps.
    pub(super) fn deleted(&mut self, path: &str, is_sure: bool) {
        let before = self.settled.remove(path);
        if !is_sure {
            let world = |digest| vec![(path.to_owned(), digest)];
            self.doubts.push(vec![world(before), world(None)]);
        }
    }

    /// An unanswered upload of this path that is tried again is no doubt any more when it was acknowledged.
    pub(super) fn retried(&mut self, path: &str, digest: &str) {
        self.doubts.retain(|worlds| !worlds.iter().flatten().any(|(name, _)| name == path));
        self.written(path, digest);
    }

    /// What does not fit to the files of the share; the paths that it speaks of are added to `known`.
    fn contradictions(&self, found: &BTreeMap<String, String>, known: &mut BTreeSet<String>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (path, digest) in &self.settled {
            known.insert(path.clone());
            match found.get(path) {
                Some(there) if there == digest => {}
                Some(there) => wrong.push(format!("{path} was acknowledged as {digest} and is {there}")),
                None => wrong.push(format!("{path} was acknowledged as {digest} and is gone")),
            }
        }
        for worlds in &self.doubts {
            known.extend(worlds.iter().flatten().map(|(path, _)| path.clone()));
            let is_true =
                |world: &World| world.iter().all(|(path, digest)| found.get(path) == digest.as_ref());
            if !worlds.iter().any(is_true) {
                let there: Vec<_> =
                    worlds.iter().flatten().map(|(path, _)| (path, found.get(path))).collect();
                wrong.push(format!("none of {worlds:?} is true: {there:?}"));
            }
        }
        wrong
    }
}

/// What the share holds that contradicts the ledgers, and how many bytes it holds.
///
/// # Panics
/// When it cannot be read.
pub(super) fn judge(share: &Path, ledgers: &[Ledger]) -> (Vec<String>, u64) {
    let (mut found, mut byte_count, mut partial_count) = (BTreeMap::new(), 0, 0);
    for path in files_below(share) {
        if path.file_name().unwrap().to_string_lossy().starts_with(PARTIAL_PREFIX) {
            partial_count += 1;
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        byte_count += bytes.len() as u64;
        let name = path.strip_prefix(share).unwrap().to_string_lossy().into_owned();
        found.insert(name, crate::content::digest(&bytes));
    }
    let mut known = BTreeSet::new();
    let mut wrong: Vec<String> =
        ledgers.iter().flat_map(|ledger| ledger.contradictions(&found, &mut known)).collect();
    wrong.extend(
        found.keys().filter(|path| !known.contains(*path)).map(|path| format!("nobody wrote {path}")),
    );
    let broken_off: usize = ledgers.iter().map(|ledger| ledger.interrupted_uploads).sum();
    if partial_count > broken_off + planted::KEPT_COUNT {
        wrong.push(format!("{partial_count} partials, and {broken_off} uploads were broken off"));
    }
    (wrong, byte_count)
}
