//! Whatever a client says, from its first byte on: the server ends the session, serves the next, and touches nothing
//! outside its share.
//!
//! One server runs for all inputs; its share is made anew for each.

use super::Seen;
use shared_folder::catalogue::Catalogue;
use shared_folder::folder::Folder;
use shared_folder::remote::{Cancel, Dialer, Remote, Unwatched};
use shared_folder::serve::{Host, Observe, RequestRecord, Rules, Share};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use wire::message::{Hello, Role};
use wire::net::service::{Admission, Service};
use wire::net::{Address, Door, Listener};

/// A session that has everything it will ever get ends in less.
const PATIENCE: Duration = Duration::from_secs(30);
const PROCESS_ID: &str = "00112233445566778899aabbccddeeff";
/// The length of a file of two pieces.
pub const LARGE_BYTES: u64 = wire::limits::PIECE_BYTES + 5;
/// What stands outside the share; no seed and no dictionary has it.
const CANARY: &[u8] = b"nobody may read what stands here: 7d2f1c";

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

/// A server, its share, and the canary beside it.
struct Server {
    scratch: TempDir,
    service: Service,
}

/// Bytes as all that a client sends before it closes its sending side.
pub fn session(bytes: &[u8]) -> Seen {
    let mut words = Seen::values_in(&answered(bytes), &["type", "code"]);
    words.dedup();
    words.truncate(24);
    Seen::of(words)
}

/// All that the server says to it.
pub fn answered(bytes: &[u8]) -> Vec<u8> {
    static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Mutex::new(Server::start()));
    // A target that panicked before says nothing of this one.
    let server = server.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    server.fill_share();
    let answer = server.play(bytes);
    assert!(!answer.windows(CANARY.len()).any(|run| run == CANARY), "the canary was read");
    server.check_canary();
    server.check_serves();
    answer
}

/// What the share is before each session.
pub fn fill_share(share: &Path) {
    fs::create_dir(share.join("folder")).expect("a folder");
    fs::write(share.join("a song.mp3"), b"hello").expect("a file");
    fs::write(share.join("folder/deep.txt"), b"deep").expect("a file");
    fs::write(share.join("empty"), b"").expect("a file");
    // Of two pieces, and on the disk of none.
    File::create(share.join("large")).and_then(|file| file.set_len(LARGE_BYTES)).expect("a file");
    symlink("../outside", share.join("out")).expect("a link");
    symlink("loop", share.join("loop")).expect("a link");
}

impl Server {
    fn start() -> Self {
        let scratch = TempDir::new().expect("a scratch folder");
        let share = scratch.path().join("share");
        fs::create_dir_all(&share).expect("a share");
        let outside = scratch.path().join("outside");
        fs::create_dir_all(&outside).expect("a folder outside");
        fs::write(outside.join("secret"), CANARY).expect("a canary");
        let rules = Rules { file_bytes_max: Some(1 << 28), ..Rules::default() };
        let welcome = Host::welcome("fuzz".into(), Role::Server, PROCESS_ID.into(), &rules);
        let folder = Folder::open(&share).expect("the share opens");
        let share = Share::new(folder, Catalogue::open(None), rules);
        let host = Host::new(share, welcome, Box::new(Quiet));
        let listener = Listener::bind(&"127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let admission = Admission { connections_max: 16, patience: PATIENCE };
        let service = Service::start(listener, admission, Door::plain(), Arc::new(host)).expect("a service");
        Self { scratch, service }
    }

    fn share(&self) -> PathBuf {
        self.scratch.path().join("share")
    }

    fn fill_share(&self) {
        let share = self.share();
        for entry in fs::read_dir(&share).expect("the share").map(|entry| entry.expect("an entry")) {
            let is_folder = entry.file_type().expect("a type").is_dir();
            let removed =
                if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
            removed.expect("the share can be emptied");
        }
        fill_share(&share);
    }

    fn play(&self, bytes: &[u8]) -> Vec<u8> {
        let mut client = TcpStream::connect(self.service.address()).expect("the server accepts");
        client.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        client.set_write_timeout(Some(PATIENCE)).expect("a deadline");
        // The server may have hung up in the middle, which is its right.
        let _ = client.write_all(bytes);
        let _ = client.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        if let Err(error) = client.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the session does not end");
        }
        answer
    }

    fn check_canary(&self) {
        let outside = self.scratch.path().join("outside");
        assert_eq!(
            fs::read(outside.join("secret")).expect("the canary is there"),
            CANARY,
            "the canary was changed"
        );
        let names = |folder| fs::read_dir(folder).expect("a folder").count();
        assert_eq!(
            (names(outside), names(self.scratch.path().to_owned())),
            (1, 2),
            "something new stands outside"
        );
    }

    fn check_serves(&self) {
        let dialer = Dialer::new(
            Address::from(self.service.address()),
            Hello::of_client("after", PROCESS_ID),
            PATIENCE,
        );
        let mut remote = Remote::new(dialer, Cancel::new().expect("a pipe"));
        let session = remote.session().expect("the next session opens");
        session.stat(None, false, &Unwatched).expect("the next session is answered");
        let mut listing = session.list(None, true).expect("a listing");
        while listing.next_entry().expect("an entry").is_some() {}
        drop(listing);
        remote.bye().expect("the next session ends in order");
    }
}
