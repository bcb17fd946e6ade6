//! A test's own folders: the share, a state folder, a local folder for clients, and beside them the canary,
//! a tree that nobody may read or change. Gone with the test.
//!
//! It must not know who works in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;

use blake3::Hasher;
use tempfile::TempDir;

use crate::content::digest;

/// What stands in every file of the canary, and the name of an empty folder in it; it must never appear in an answer.
pub const CANARY: &str = "canary-4f1c9a";
/// So much of what was said is searched for it: more than a line may have.
const HEAD_BYTES: usize = 1 << 17;
/// What the names of unfinished uploads begin with (PROTOCOL.md, section 2).
pub const PARTIAL_PREFIX: &str = ".ioe-partial-";

/// The folders of one test.
pub struct Scratch {
    folder: TempDir,
    outside_before: String,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// New folders: the share and the local folder are empty, the canary is alive.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ioe-test-").tempdir().unwrap();
        for name in ["share", "state", "local", "home", "outside/inner"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let outside = folder.path().join("outside");
        fs::write(outside.join("secret.txt"), CANARY).unwrap();
        fs::write(outside.join("inner/deep.txt"), CANARY).unwrap();
        fs::create_dir(outside.join(CANARY)).unwrap();
        symlink("secret.txt", outside.join("link")).unwrap();
        let outside_before = tree_digest(&outside);
        Self { folder, outside_before }
    }

    /// The served folder.
    pub fn share(&self) -> PathBuf {
        self.folder.path().join("share")
    }

    /// The canary's folder, beside the share.
    pub fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// A daemon's state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where a peer's control socket is: a short path, for the system allows no long ones.
    pub fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// Where a client keeps its files.
    pub fn local(&self) -> PathBuf {
        self.folder.path().join("local")
    }

    /// The home folder of the programs, so that they never meet the real one.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Puts a file into the share, making the folders it needs.
    pub fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        put(&self.share().join(path), bytes.as_ref());
    }

    /// Puts a file into the local folder, making the folders it needs.
    pub fn put_local(&self, path: &str, bytes: impl AsRef<[u8]>) {
        put(&self.local().join(path), bytes.as_ref());
    }

    /// The bytes of a file of the share.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn shared(&self, path: &str) -> Vec<u8> {
        fs::read(self.share().join(path)).unwrap_or_else(|error| panic!("{path} in the share: {error}"))
    }

    /// The bytes of a file of the local folder.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn local_file(&self, path: &str) -> Vec<u8> {
        fs::read(self.local().join(path))
            .unwrap_or_else(|error| panic!("{path} in the local folder: {error}"))
    }

    /// The unfinished uploads that lie anywhere in the share.
    pub fn partials(&self) -> Vec<PathBuf> {
        let mut partials = files_below(&self.share());
        partials.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with(PARTIAL_PREFIX));
        partials
    }

    /// Fails the test if anything changed outside the share.
    ///
    /// # Panics
    /// Then.
    pub fn assert_outside_is_unchanged(&self) {
        assert_eq!(tree_digest(&self.outside()), self.outside_before, "something outside the share changed");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.assert_outside_is_unchanged();
        }
    }
}

/// Fails the test if something that a daemon said has the canary's mark. Of long bytes only the beginning is looked at:
/// the canary's files are short.
///
/// # Panics
/// Then.
pub fn assert_is_not_from_outside(said: &[u8]) {
    let head = String::from_utf8_lossy(&said[..said.len().min(HEAD_BYTES)]);
    assert!(!head.contains(CANARY), "this lies outside the share: {head}");
}

/// A digest of a whole tree: names, kinds, contents, modes, sizes, modification times and where links lead.
///
/// # Panics
/// When something in it cannot be read.
pub fn tree_digest(root: &Path) -> String {
    let mut hasher = Hasher::new();
    for path in all_below(root) {
        hash_entry(&mut hasher, root, &path);
    }
    hasher.finalize().to_hex().to_string()
}

/// All that lies below a folder, by its path from there: of a file the digest of its bytes, of a link where it leads.
///
/// # Errors
/// When something in it cannot be read, or changes while it is.
pub fn tree_below(root: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut tree = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let kind = path.symlink_metadata()?.file_type();
            let what = match (kind.is_file(), kind.is_symlink()) {
                (true, _) => digest(&fs::read(&path)?),
                (_, true) => format!("link to {}", fs::read_link(&path)?.display()),
                _ => "folder".to_owned(),
            };
            tree.insert(path.strip_prefix(root).unwrap().display().to_string(), what);
            folders.extend(kind.is_dir().then_some(path));
        }
    }
    Ok(tree)
}

/// Every file below a folder, sorted; links are not followed.
///
/// # Panics
/// When a folder in it cannot be read.
pub fn files_below(root: &Path) -> Vec<PathBuf> {
    all_below(root).into_iter().filter(|path| path.symlink_metadata().unwrap().is_file()).collect()
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn all_below(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        next += 1;
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found.sort();
    found
}

fn hash_entry(hasher: &mut Hasher, root: &Path, path: &Path) {
    let metadata = path.symlink_metadata().unwrap();
    let kind = metadata.file_type();
    let name = path.strip_prefix(root).unwrap();
    let times = (metadata.mtime(), metadata.mtime_nsec());
    hasher.update(format!("{name:?} {kind:?} {:o} {times:?}\n", metadata.mode()).as_bytes());
    if kind.is_file() {
        hasher.update(format!("{}\n", metadata.len()).as_bytes());
        hasher.update_reader(File::open(path).unwrap()).unwrap();
    } else if kind.is_symlink() {
        hasher.update(fs::read_link(path).unwrap().as_os_str().as_encoded_bytes());
    } else if kind.is_fifo() {
        hasher.update(b"fifo");
    }
}
