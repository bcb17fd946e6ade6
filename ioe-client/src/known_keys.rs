//! The file `known_keys` of the state folder: which key answers at which address. Read anew for each connection, changed by
//! one client at a time, replaced whole.
//!
//! Must not know when a key is trusted.

use program::state_folder::StateFolder;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;
use wire::net::{KnownKeys, KnownKeysError};

const FILE: &str = "known_keys";
const LOCK_FILE: &str = "known_keys.lock";
/// Nobody else writes a file of this name while the lock is held.
const TEMPORARY_FILE: &str = ".known_keys.new";
const PRIVATE_MODE: u32 = 0o600;
/// Longer than as many keys as may be known at once.
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What a group and everybody may not do: whoever writes there says whom this client trusts.
const WRITABLE_BY_OTHERS: u32 = 0o022;
const PERMISSIONS: u32 = 0o7777;

/// Why nobody's key is known: then nobody is trusted by guess.
#[derive(Debug, Error)]
pub(crate) enum KnownKeysFileError {
    /// A link, a folder, a pipe.
    #[error("{} is no regular file, so no key is known from it", .0.display())]
    NoFile(PathBuf),
    /// Others decide what is in it.
    #[error("others than you can write {}, which says whom to trust (mode {mode:04o}): chmod 600 {}", path.display(), path.display())]
    Open { path: PathBuf, mode: u32 },
    /// Somebody else's.
    #[error("{} belongs to another user (id {owner}), who says there whom to trust: use a file of your own", path.display())]
    Foreign { path: PathBuf, owner: u32 },
    /// Its text is no list of keys.
    #[error("{}, {source}: nobody is trusted by guess; correct the file, or remove it", path.display())]
    Text { path: PathBuf, source: KnownKeysError },
    /// Its bytes are no text, or too many.
    #[error("{} is no list of keys: nobody is trusted by guess; correct the file, or remove it", .0.display())]
    NoText(PathBuf),
    /// The operating system says no.
    #[error("{} cannot be {what}: {source}", path.display())]
    System { path: PathBuf, what: &'static str, source: io::Error },
}

/// Whose keys are known now.
pub(crate) fn read(state: &StateFolder) -> Result<KnownKeys, KnownKeysFileError> {
    read_text(&state.path().join(FILE))?.map_or_else(|| Ok(KnownKeys::default()), |text| text.keys)
}

/// Changes what is known. When this returns, it outlives a power cut, and what other clients learned meanwhile is there.
pub(crate) fn change<T>(
    state: &StateFolder,
    act: impl FnOnce(&mut KnownKeys) -> T,
) -> Result<T, KnownKeysFileError> {
    let path = state.path().join(FILE);
    let unwritable = |source| KnownKeysFileError::System { path: path.clone(), what: "written", source };
    let _lock = locked(state.path()).map_err(unwritable)?;
    let Text { comments, keys } = read_text(&path)?.unwrap_or_default();
    let mut known = keys?;
    let outcome = act(&mut known);
    replace(state.path(), format!("{comments}{known}").as_bytes()).map_err(unwritable)?;
    Ok(outcome)
}

/// What stands in the file.
struct Text {
    /// What a person wrote beside the keys; it is kept.
    comments: String,
    keys: Result<KnownKeys, KnownKeysFileError>,
}

impl Default for Text {
    fn default() -> Self {
        Self { comments: String::new(), keys: Ok(KnownKeys::default()) }
    }
}

fn read_text(path: &Path) -> Result<Option<Text>, KnownKeysFileError> {
    let system =
        |source: io::Error| KnownKeysFileError::System { path: path.to_owned(), what: "read", source };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(Errno::LOOP | Errno::NXIO | Errno::MLINK) => {
            return Err(KnownKeysFileError::NoFile(path.to_owned()));
        }
        Err(error) => return Err(system(error.into())),
    };
    check(path, &file.metadata().map_err(system)?)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(system)?;
    let is_short = bytes.len() as u64 <= BYTES_MAX;
    let text = String::from_utf8(bytes).ok().filter(|_| is_short);
    let text = text.ok_or_else(|| KnownKeysFileError::NoText(path.to_owned()))?;
    let comments = text.lines().filter(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    let keys = text.parse().map_err(|source| KnownKeysFileError::Text { path: path.to_owned(), source });
    Ok(Some(Text { comments, keys }))
}

/// Of the opened file: another may have its name by now.
fn check(path: &Path, metadata: &fs::Metadata) -> Result<(), KnownKeysFileError> {
    let path = path.to_owned();
    let (owner, mode) = (metadata.uid(), metadata.mode() & PERMISSIONS);
    if !metadata.is_file() {
        Err(KnownKeysFileError::NoFile(path))
    } else if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        Err(KnownKeysFileError::Foreign { path, owner })
    } else if mode & WRITABLE_BY_OTHERS != 0 {
        Err(KnownKeysFileError::Open { path, mode })
    } else {
        Ok(())
    }
}

/// Held until it is dropped; the file stays, since another client may wait for it.
fn locked(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(PRIVATE_MODE);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let lock = options.open(folder.join(LOCK_FILE))?;
    lock.lock()?;
    Ok(lock)
}

fn replace(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(TEMPORARY_FILE);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_MODE).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use wire::key::PublicKey;
    use wire::net::Address;

    fn state() -> (tempfile::TempDir, StateFolder) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open_shared(folder.path());
        (folder, state)
    }

    fn address(port: usize) -> Address {
        format!("host:{port}").parse().unwrap()
    }

    fn learn(state: &StateFolder, port: usize) {
        change(state, |known| known.learn(&address(port), PublicKey([1; 32]))).unwrap();
    }

    #[test]
    fn what_is_learned_is_known_until_it_is_forgotten_and_comments_stay() {
        let (folder, state) = state();
        assert!(read(&state).unwrap() == KnownKeys::default());
        fs::write(folder.path().join(FILE), "# mine\n").unwrap();
        learn(&state, 1);
        assert_eq!(read(&state).unwrap().key_of(&address(1)), Some(PublicKey([1; 32])));
        let metadata = fs::metadata(folder.path().join(FILE)).unwrap();
        assert_eq!(metadata.mode() & PERMISSIONS, PRIVATE_MODE);
        assert!(change(&state, |known| known.forget(&address(1))).unwrap());
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), "# mine\n");
    }

    #[test]
    fn many_who_learn_at_once_lose_nothing() {
        let (_folder, state) = state();
        std::thread::scope(|scope| {
            for port in 1..=16 {
                scope.spawn({
                    let state = &state;
                    move || learn(state, port)
                });
            }
        });
        let known = read(&state).unwrap();
        assert!((1..=16).all(|port| known.key_of(&address(port)).is_some()));
    }

    #[test]
    fn what_a_crash_left_is_no_hindrance() {
        let (folder, state) = state();
        fs::write(folder.path().join(TEMPORARY_FILE), "half a li").unwrap();
        learn(&state, 1);
        assert!(!folder.path().join(TEMPORARY_FILE).exists());
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_line_and_left_as_it_is() {
        let (folder, state) = state();
        let path = folder.path().join(FILE);
        fs::write(&path, "# mine\nhost:1 no-key\n").unwrap();
        let error = read(&state).unwrap_err().to_string();
        assert!(error.contains("known_keys, line 2"), "{error}");
        assert!(change(&state, |_| ()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\nhost:1 no-key\n");
        fs::write(&path, b"\xff").unwrap();
        assert!(matches!(read(&state), Err(KnownKeysFileError::NoText(_))));
    }

    #[test]
    fn a_file_that_others_can_write_or_that_is_a_link_is_refused() {
        let (folder, state) = state();
        let path = folder.path().join(FILE);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(read(&state).unwrap_err().to_string().contains("chmod 600"));
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        symlink("elsewhere", &path).unwrap();
        assert!(matches!(read(&state), Err(KnownKeysFileError::NoFile(_))));
        assert!(change(&state, |_| ()).is_err());
    }
}
