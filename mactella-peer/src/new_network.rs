//! `new-network`: the file with the key of a private network, made once and copied to each of its members; and how a member
//! reads it.
//!
//! Must not know what members do.

use program::escape::for_log;
use program::process_id::random_number;
use program::secret_file::{self, SecretFileError};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use wire::network::{NETWORK_KEY_BYTES, NetworkKey};

/// Why there is no network.
#[derive(Debug, Error)]
pub(crate) enum NetworkFileError {
    #[error(transparent)]
    File(#[from] SecretFileError),
    #[error("there is no network file {}: mactella-peer new-network {} makes one", .0.display(), .0.display())]
    Absent(PathBuf),
    #[error("{} keeps no network's key: that is 64 hex digits, as mactella-peer new-network writes them", .0.display())]
    NoKey(PathBuf),
    #[error("no random bytes for a network's key")]
    Random(#[from] io::Error),
}

/// Makes a network; gives what its maker is to be told.
pub(crate) fn make(path: &Path) -> Result<String, NetworkFileError> {
    let mut random = [0; NETWORK_KEY_BYTES];
    for half in random.chunks_exact_mut(NETWORK_KEY_BYTES / 2) {
        half.copy_from_slice(&random_number()?.to_be_bytes());
    }
    secret_file::make_new(path, format!("{}\n", NetworkKey::new(random).reveal()).as_bytes())?;
    let path = for_log(&path.to_string_lossy()).into_owned();
    Ok(format!(
        "a new private network: copy {path} to each member by a way that nobody else can read\n\
         start each member with: mactella-peer --network {path} ..."
    ))
}

/// The key in a member's file.
pub(crate) fn read(path: &Path) -> Result<NetworkKey, NetworkFileError> {
    let bytes = secret_file::read(path)?.ok_or_else(|| NetworkFileError::Absent(path.to_owned()))?;
    let text = std::str::from_utf8(&bytes).ok().map(str::trim_ascii);
    let key = text.and_then(|text| text.parse().ok());
    key.ok_or_else(|| NetworkFileError::NoKey(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_network_is_made_once_for_its_owner_alone_and_no_two_are_the_same() {
        let scratch = tempfile::tempdir().unwrap();
        let (one, other) = (scratch.path().join("one"), scratch.path().join("other"));
        assert!(make(&one).unwrap().contains("--network"));
        let text = fs::read_to_string(&one).unwrap();
        assert!(text.len() == 65 && text.ends_with('\n'));
        assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{}\n", read(&one).unwrap().reveal()), text);
        assert!(matches!(make(&one), Err(NetworkFileError::File(SecretFileError::Taken { .. }))));
        assert_eq!(fs::read_to_string(&one).unwrap(), text);
        make(&other).unwrap();
        assert_ne!(fs::read_to_string(&other).unwrap(), text);
    }

    #[test]
    fn a_file_that_keeps_no_key_is_told_apart_from_none_and_its_text_is_not_shown() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("network");
        assert!(matches!(read(&path), Err(NetworkFileError::Absent(_))));
        for text in ["", "0123", &"g".repeat(64), &"a".repeat(65), "\u{e4}\n"] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = read(&path).unwrap_err();
            assert!(matches!(error, NetworkFileError::NoKey(_)), "{text}: {error}");
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }
}
