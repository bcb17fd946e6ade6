//! What the generated tests share: a share that has whatever the examples of PROTOCOL.md name, and a look whether it is still
//! the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use integration_tests::peer::Peer;
use integration_tests::scratch::{Scratch, files_below};
use integration_tests::server::Server;
use integration_tests::{peer, server};

/// What the examples name, so that requests that are allowed meet something.
const FILES: [(&str, &[u8]); 6] = [
    ("music/a song.mp3", b"hello"),
    ("music/run.sh", b"#!/bin/sh"),
    ("film.mov", &[7; 3_000_000]),
    ("a.txt", b"a"),
    ("old/inner.txt", b"old"),
    ("tried.txt", b"before"),
];

/// A server with those files.
pub(super) fn server_with_files() -> Server {
    FILES.iter().fold(server!(), |server, (path, bytes)| server.file(path, bytes)).start()
}

/// A peer with those files.
pub(super) fn peer_with_files() -> Peer {
    FILES.iter().fold(peer!(), |peer, (path, bytes)| peer.file(path, bytes)).start()
}

/// All files of a share, as they were.
pub(super) struct Kept {
    share: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Kept {
    /// What is there now.
    pub(super) fn of(scratch: &Scratch) -> Self {
        Self { share: scratch.share(), files: files(&scratch.share()) }
    }

    /// Fails the test if a file is another one, is gone or has come.
    pub(super) fn assert_same(&self) {
        let now = files(&self.share);
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&now), names(&self.files));
        assert!(now == self.files, "a file has changed that nobody was allowed to change");
    }
}

fn files(share: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files_below(share).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}
