//! What earlier servers left in the share before the run: unfinished uploads that are too old, those that nobody can
//! continue, and one that somebody may.
//!
//! It must not know how the server finds them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Shared;
use crate::patience::eventually_true;
use crate::scratch::PARTIAL_PREFIX;

/// How many of them must still be there at the end.
pub(super) const KEPT_COUNT: usize = 1;
const EIGHT_DAYS: Duration = Duration::from_secs(8 * 24 * 60 * 60);
const REMOVED_COUNT: usize = 20;

/// The planted files.
pub(super) struct Planted {
    removed: Vec<PathBuf>,
    kept: PathBuf,
}

impl Planted {
    /// Puts them into the share.
    pub(super) fn put(share: &Path) -> Self {
        let folder = share.join("left by others");
        fs::create_dir(&folder).unwrap();
        let put = |name: String, age: Duration| {
            let path = folder.join(format!("{PARTIAL_PREFIX}{name}"));
            fs::write(&path, vec![1; 100_000]).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let too_old = (0..REMOVED_COUNT).map(|number| put(format!("{number:032x}"), EIGHT_DAYS));
        let mut removed: Vec<_> = too_old.collect();
        removed.extend((0..REMOVED_COUNT).map(|number| put(format!("once-{number:016x}-1"), EIGHT_DAYS)));
        Self { removed, kept: put("f".repeat(32), Duration::ZERO) }
    }

    /// Looks for them at the end.
    pub(super) fn judge(&self, shared: &Shared) {
        eventually_true("the unfinished uploads that were too old are removed", || {
            !self.removed.iter().any(|path| path.exists())
        });
        shared.add("old unfinished uploads removed", self.removed.len() as u64);
        let kept = fs::read(&self.kept).is_ok_and(|bytes| bytes.len() == 100_000);
        shared.expect(kept, || "an upload that could be continued is gone".to_owned());
    }
}
