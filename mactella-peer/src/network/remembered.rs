//! The peer list over a restart: one file in the state folder. Losing it loses only addresses.

use crate::overlay::PeerStatus;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "peers.json";
const PRIVATE_MODE: u32 = 0o600;
/// A file that is longer was not written by us. Exceeded: ignored.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The list as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct List {
    /// Peers that the user named with CONNECT.
    pub(super) known: Vec<String>,
    /// Addresses that others told of.
    pub(super) learned: Vec<Learned>,
}

/// An address that others told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Learned {
    pub(super) address: SocketAddr,
    /// Whether somebody was reached there.
    pub(super) reached: bool,
}

/// The file, and what stands in it.
pub(super) struct Remembered {
    path: PathBuf,
    written: List,
}

impl Remembered {
    /// Reads the list; an unreadable one is an empty one.
    pub(super) fn open(state: &Path) -> Self {
        let path = state.join(FILE_NAME);
        let written = match read(&path) {
            Ok(list) => list,
            Err(error) if error.kind() == io::ErrorKind::NotFound => List::default(),
            Err(error) => {
                log::warn!("the peer list of earlier runs cannot be read, and is begun anew: {error}");
                List::default()
            }
        };
        Self { path, written }
    }

    pub(super) fn list(&self) -> &List {
        &self.written
    }

    /// Writes the list where it differs from what is written; `named` are the peers of the command line, which
    /// stand there and need no remembering.
    pub(super) fn keep(&mut self, peers: &[PeerStatus], named: &[String]) {
        let now = list_of(peers, named);
        if now == self.written {
            return;
        }
        if let Err(error) = write(&self.path, &now) {
            log::warn!("the peer list cannot be kept: {error}");
        }
        // Not tried again before it changes again.
        self.written = now;
    }
}

fn list_of(peers: &[PeerStatus], named: &[String]) -> List {
    let mut list = List::default();
    for peer in peers {
        match peer.address {
            _ if peer.known && named.iter().any(|name| **name == *peer.name) => {}
            _ if peer.known => list.known.push(peer.name.to_string()),
            // A neighbour that dialled us is in no list of ours.
            Some(address) if peer.learned => list.learned.push(Learned { address, reached: peer.reached }),
            _ => {}
        }
    }
    list
}

fn read(path: &Path) -> io::Result<List> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// For this user alone: whom it knows is nobody else's business. A temporary name first: a reader finds the old list or the new one.
fn write(path: &Path, list: &List) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(PRIVATE_MODE).open(&temporary)?;
    // One that a crash left may have another mode.
    file.set_permissions(Permissions::from_mode(PRIVATE_MODE))?;
    file.write_all(&serde_json::to_vec_pretty(list)?)?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str, known: bool, learned: bool) -> PeerStatus {
        PeerStatus {
            name: name.into(),
            address: name.parse().ok(),
            known,
            learned,
            linked: false,
            reached: learned,
            failures: 0,
            dialling: false,
        }
    }

    #[test]
    fn what_was_learned_and_connected_is_there_again_and_the_command_line_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let mut remembered = Remembered::open(scratch.path());
        assert_eq!(*remembered.list(), List::default());
        let all =
            [peer("host:1", true, false), peer("127.0.0.1:2", true, false), peer("[::1]:3", false, true)];
        remembered.keep(&all, &["127.0.0.1:2".to_owned()]);
        let mode = fs::metadata(scratch.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Remembered::open(scratch.path());
        assert_eq!(again.list().known, ["host:1"]);
        let learned = Learned { address: "[::1]:3".parse().unwrap(), reached: true };
        assert_eq!(again.list().learned, [learned]);
    }

    #[test]
    fn a_damaged_file_is_an_empty_list() {
        let scratch = tempfile::tempdir().unwrap();
        for text in ["", "{", "[1]", "{\"known\":3}"] {
            fs::write(scratch.path().join(FILE_NAME), text).unwrap();
            assert_eq!(*Remembered::open(scratch.path()).list(), List::default());
        }
    }

    #[test]
    fn a_file_past_the_limit_is_an_empty_list_whatever_it_says() {
        let scratch = tempfile::tempdir().unwrap();
        let list = "{\"known\":[\"host:1\"],\"learned\":[]}";
        let limit = usize::try_from(FILE_BYTES_MAX).unwrap();
        for (length, known) in [(limit, 1), (limit + 1, 0)] {
            fs::write(scratch.path().join(FILE_NAME), list.to_owned() + &" ".repeat(length - list.len()))
                .unwrap();
            assert_eq!(Remembered::open(scratch.path()).list().known.len(), known, "{length} bytes");
        }
    }
}
