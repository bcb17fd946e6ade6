//! What tells one running program from all others, and knows it again when it starts once more.
//!
//! It must not know what it is told to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use crate::state_folder::StateFolder;

const FILE_NAME: &str = "process-id";
const ID_DIGITS: usize = 32;

/// 128 random bits as 32 hex digits.
#[derive(Debug)]
pub struct ProcessId {
    text: String,
    /// Held, not used: as long as this process lives, no other takes the id that is kept in the file.
    _kept: Option<File>,
}

impl ProcessId {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn draw() -> io::Result<Self> {
        Ok(Self { text: format!("{:032x}", random_number()?), _kept: None })
    }

    /// The one that is kept in the state folder, so that a program that was killed is known again when it
    /// continues; a new one while another process uses that, and where nothing can be kept.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn kept_in(state: &StateFolder) -> io::Result<Self> {
        let drawn = Self::draw()?;
        Ok(keep(state, &drawn.text).unwrap_or(drawn))
    }

    /// The id as it is told to others.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// 128 random bits: no other draw anywhere gives the same.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn random_number() -> io::Result<u128> {
    let mut bytes = [0; ID_DIGITS / 2];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(u128::from_be_bytes(bytes))
}

/// The id in the file, or `drawn` put into it; `None` where the file is in use or cannot be used.
fn keep(state: &StateFolder, drawn: &str) -> Option<ProcessId> {
    let path = state.writable_file(FILE_NAME)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let mut file = options.open(path).ok()?;
    file.try_lock().ok()?;
    let mut text = String::new();
    // One byte more than an id has, to see that it ends there.
    let read = Read::by_ref(&mut file).take(ID_DIGITS as u64 + 1).read_to_string(&mut text);
    if read.is_ok() && is_id(&text) {
        return Some(ProcessId { text, _kept: Some(file) });
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(drawn.as_bytes())).ok()?;
    Some(ProcessId { text: drawn.to_owned(), _kept: Some(file) })
}

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_starts_again_is_known_and_two_at_once_are_told_apart() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateFolder::open_shared(scratch.path());
        let first = ProcessId::kept_in(&state).unwrap();
        let beside = ProcessId::kept_in(&state).unwrap();
        assert!(is_id(first.as_str()) && is_id(beside.as_str()));
        assert_ne!(first.as_str(), beside.as_str());
        let text = first.as_str().to_owned();
        drop(first);
        assert_eq!(ProcessId::kept_in(&state).unwrap().as_str(), text);
    }

    #[test]
    fn a_damaged_file_is_replaced_and_none_at_all_is_no_failure() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateFolder::open_shared(scratch.path());
        for damaged in ["", "x", &"f".repeat(33), &"g".repeat(32)] {
            std::fs::write(scratch.path().join(FILE_NAME), damaged).unwrap();
            let text = ProcessId::kept_in(&state).unwrap().as_str().to_owned();
            assert!(is_id(&text));
            assert_eq!(ProcessId::kept_in(&state).unwrap().as_str(), text, "{damaged:?}");
        }
        assert!(is_id(ProcessId::kept_in(&StateFolder::nowhere("a")).unwrap().as_str()));
    }

    #[test]
    fn the_kept_id_is_read_by_nobody_else_and_no_link_is_followed_to_it() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let place = tempfile::tempdir().unwrap();
        let state = StateFolder::open_shared(place.path());
        let kept = ProcessId::kept_in(&state).unwrap();
        let path = place.path().join(FILE_NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(kept);
        let elsewhere = place.path().join("elsewhere");
        std::fs::rename(&path, &elsewhere).unwrap();
        std::fs::write(&elsewhere, "mine").unwrap();
        symlink(&elsewhere, &path).unwrap();
        ProcessId::kept_in(&state).unwrap();
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"mine");
    }
}
