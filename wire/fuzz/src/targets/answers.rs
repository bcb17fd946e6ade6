//! Whatever a server answers: the client's side ends with a result or an error, and a file lands whole or not at all.
//!
//! The first line of an input names what the client asks for; the rest is what the server says, before it hangs up.

use super::Seen;
use super::seen::kind_of;
use super::session::LARGE_BYTES;
use crate::conversation::{Item, join, parse};
use shared_folder::catalogue::Remembered;
use shared_folder::fetch::{Fetch, FetchTerms, fetch};
use shared_folder::folder::Folder;
use shared_folder::remote::{
    Cancel, Dialer, ListedName, Listing, Remote, RemoteError, Session, Unwatched, Watch,
};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use wire::digest::Digest;
use wire::message::{ByteCount, Entry, Hello, Kind};
use wire::net::Address;
use wire::path::SharedPath;

/// Between two looks for a free port.
const PORT_PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest wait for a request whose answer is there: a changed answer may lack what the client waits for.
const HOLD_TIME_MAX: Duration = Duration::from_millis(20);
const LARGE: &str = "fetch large";
/// No question takes more.
const REQUESTS_MAX: usize = 4;
const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";
/// Entries that are taken of one listing.
const ENTRIES_MAX: usize = 100_000;
const OLD: &[u8] = b"what was there before";
/// Before a large file there was one that has the same first piece: only the second one has to come.
const OLD_LARGE_BYTES: usize = 1 << 20;

/// The questions.
pub const ASKED: &[&str] =
    &["list", "search", "stat", "pieces", "help", "mkdir", "rename", "delete", "several", "fetch", LARGE];

/// A question and what a server says to it.
pub fn answers(bytes: &[u8]) -> Seen {
    Seen::of(told(bytes, HOLD_TIME_MAX))
}

/// The question, and what came of it: a result, or the sort of the error. `hold` is the longest wait for a request
/// whose answer is there.
pub fn told(bytes: &[u8], hold: Duration) -> (&'static str, Result<String, String>) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (first, rest) = bytes.split_at(end);
    let said = rest.get(1..).unwrap_or_default();
    let sum: usize = first.iter().map(|byte| usize::from(*byte)).sum();
    let named = ASKED.iter().find(|name| name.as_bytes() == first);
    let asked = named.copied().unwrap_or(ASKED[sum % ASKED.len()]);
    let listener = &listen();
    let address = listener.local_addr().expect("an address");
    thread::scope(|scope| {
        // Only a large file is asked for in one request after the other.
        let hold = if asked == LARGE { hold } else { Duration::ZERO };
        scope.spawn(move || say(listener, said, hold));
        let outcome = ask(asked, address);
        // Whoever waits for one more connection gets it.
        let _ = TcpStream::connect(address);
        (asked, outcome)
    })
}

/// Many thousand connections a minute leave no port free for a while: that is the machine's limit, and no finding.
fn listen() -> TcpListener {
    let attempts = (0..120).find_map(|_| match TcpListener::bind("127.0.0.1:0") {
        Ok(listener) => Some(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            thread::sleep(PORT_PAUSE);
            None
        }
        Err(error) => panic!("no port can be listened at: {error}"),
    });
    attempts.expect("a port is free within a minute")
}

/// Says the same to everybody, until somebody comes who has nothing to say.
fn say(listener: &TcpListener, said: &[u8], hold: Duration) {
    let items = parse(said);
    loop {
        let Ok((mut socket, _)) = listener.accept() else { return };
        let mut lines = Lines { count: 0 };
        if !lines.wait(&socket, 1, PATIENCE) {
            return;
        }
        // The client may have had enough.
        let _ = answer(&mut socket, &items, lines, hold);
        let _ = socket.shutdown(Shutdown::Write);
        let _ = socket.set_read_timeout(Some(PATIENCE));
        let _ = socket.read_to_end(&mut Vec::new());
    }
}

/// Says what has an id once the request of that id has come: a client that hears an answer before it has asked takes
/// the connection for broken, and makes another. One that does not ask hears it all the same.
fn answer(socket: &mut TcpStream, items: &[Item], mut lines: Lines, hold: Duration) -> io::Result<()> {
    let mut together = Vec::new();
    for item in items {
        let requests = item.number("id").and_then(|id| usize::try_from(id).ok()).unwrap_or(0);
        if !hold.is_zero() && requests <= REQUESTS_MAX && lines.count <= requests {
            socket.write_all(&std::mem::take(&mut together))?;
            lines.wait(socket, requests + 1, hold);
        }
        together.extend(join(std::slice::from_ref(item)));
    }
    socket.write_all(&together)
}

/// Counts the lines of a client that sends no payloads.
struct Lines {
    count: usize,
}

impl Lines {
    /// Waits for so many; false where they do not come.
    fn wait(&mut self, mut socket: &TcpStream, wanted: usize, patience: Duration) -> bool {
        socket.set_read_timeout(Some(patience)).expect("a deadline");
        let mut buffer = [0; 1024];
        while self.count < wanted {
            match socket.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    self.count += buffer[..count].iter().filter(|byte| **byte == b'\n').count();
                }
                _ => return false,
            }
        }
        true
    }
}

/// Cancels what is tried for the third time: the same bytes come again and again.
struct Twice {
    cancel: Cancel,
    failures: AtomicU32,
}

impl Watch for Twice {
    fn retrying(&self, _: &RemoteError) {
        if self.failures.fetch_add(1, Ordering::Relaxed) > 0 {
            self.cancel.cancel();
        }
    }
}

/// Asks whoever is there.
///
/// # Errors
/// What an error says, without what it is about.
pub fn ask(asked: &str, address: SocketAddr) -> Result<String, String> {
    let cancel = Cancel::new().expect("a pipe");
    let dialer = Dialer::new(Address::from(address), Hello::of_client("fuzz", PROCESS_ID), PATIENCE);
    let mut remote = Remote::new(dialer, cancel.clone());
    if asked.starts_with("fetch") {
        return land(&mut remote, cancel, asked == LARGE);
    }
    let answered = remote.session().and_then(|session| ask_once(asked, session));
    answered.map_err(|error| kind_of(&error.to_string()))
}

fn ask_once(asked: &str, session: &mut Session) -> Result<String, RemoteError> {
    let song = SharedPath::parse("a song.mp3").expect("a path");
    let folder = SharedPath::parse("music").expect("a path");
    Ok(match asked {
        "list" => read_all(session.list(Some(&folder), true)?, true)?,
        "search" => read_all(session.search("song live")?, false)?,
        "stat" => {
            let found = session.stat(Some(&song), true, &Unwatched)?;
            assert_eq!(found.entry.path, song.as_str(), "another entry than the one asked for");
            "found".to_owned()
        }
        "pieces" => {
            let pieces = session.pieces(&song, &Unwatched)?;
            wire::digest::check_piece_list(&pieces.values, pieces.digest, pieces.byte_count)
                .expect("proven pieces");
            format!("{} pieces", pieces.values.len())
        }
        "help" => format!("{} topics", session.topics()?.len().min(3)),
        "mkdir" => session.make_folder(&folder).map(|()| "made".to_owned())?,
        "rename" => session.rename(&song, &folder, false).map(|()| "renamed".to_owned())?,
        "delete" => session.delete(&song, false).map(|()| "deleted".to_owned())?,
        _ => {
            let outcomes = session.stat_several(&[None, Some(song.clone()), Some(folder), Some(song)])?;
            assert_eq!(outcomes.len(), 4, "an outcome for each");
            format!("{:?}", outcomes.iter().map(Result::is_ok).collect::<Vec<_>>())
        }
    })
}

fn read_all(mut listing: Listing<'_>, below_music: bool) -> Result<String, RemoteError> {
    let (mut sound, mut unsound) = (0, 0);
    for _ in 0..ENTRIES_MAX {
        match listing.next_entry()? {
            Some(ListedName::Sound(path, entry)) => {
                assert_eq!(path.as_str(), entry.path);
                assert!(!below_music || path.as_str().starts_with("music/"), "a name from elsewhere");
                sound += 1;
            }
            Some(ListedName::Unsound(_)) => unsound += 1,
            None => break,
        }
    }
    Ok(format!("{} and {}", sound.min(3), unsound.min(3)))
}

fn land(remote: &mut Remote, cancel: Cancel, is_large: bool) -> Result<String, String> {
    let scratch = TempDir::new().expect("a scratch folder");
    let inside = scratch.path().join("inside");
    fs::create_dir(&inside).expect("a folder");
    let target = inside.join("target");
    let old = if is_large { vec![0; OLD_LARGE_BYTES] } else { OLD.to_vec() };
    fs::write(&target, &old).expect("an old file");
    let folder = Folder::open(&inside).expect("the folder opens");
    let watch = Twice { cancel, failures: AtomicU32::new(0) };
    let outcome = fetch(remote, &folder, &wanted(is_large), &watch, &Remembered::nothing());
    assert_eq!(fs::read_dir(scratch.path()).expect("scratch").count(), 1, "something stands outside");
    let landed = fs::read(&target).expect("the name is always there");
    match outcome {
        Ok(fetched) => {
            assert_eq!(landed.len() as u64, fetched.byte_count, "a file of another length");
            assert_eq!(Digest::of(&landed), fetched.digest, "a file of another content");
        }
        Err(_) => assert_eq!(landed, old, "a failed transfer changed the file"),
    }
    check_names(&inside);
    outcome.map(|_| "fetched".to_owned()).map_err(|error| kind_of(&error.to_string()))
}

fn wanted(is_large: bool) -> Fetch {
    let entry = Entry {
        path: "a song.mp3".to_owned(),
        kind: Kind::Music,
        byte_count: ByteCount::new(if is_large { LARGE_BYTES } else { 5 }),
        modified: wire::timestamp::Timestamp::from_unix(0, 0),
        executable: false,
    };
    let path = |text| SharedPath::parse(text).expect("a path");
    let terms = FetchTerms::default();
    Fetch {
        source: path("a song.mp3"),
        entry,
        target: path("target"),
        alike: None,
        is_target_free: false,
        terms,
    }
}

/// Beside the target only what is still landing may be left.
fn check_names(folder: &Path) {
    for entry in fs::read_dir(folder).expect("the folder") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        assert!(name == "target" || wire::path::is_reserved(&name), "a file that nobody wanted: {name}");
    }
}
