//! Both ends of a transfer in one process: what `fetch` and `send` promise, against the serving end, and against one
//! that lies.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod known;

use shared_folder::catalogue::{Catalogue, Remembered};
use shared_folder::fetch::{Fetch, FetchError, FetchOutcome, FetchTerms, fetch, fetch_many, fetch_to};
use shared_folder::folder::{Folder, FolderError};
use shared_folder::incoming::LandingError;
use shared_folder::lane::{Jobs, LaneEnd};
use shared_folder::remote::{Cancel, Dialer, Remote, RemoteError, Unwatched, Watch};
use shared_folder::send::{
    Destination, Likeness, Outgoing, SendError, SendOutcome, send, send_many, send_pipe,
};
use shared_folder::serve::{Host, Observe, RequestRecord, Rules, Share};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use wire::digest::{Digest, piece_value};
use wire::error_code::ErrorCode;
use wire::message::{Hello, Role};
use wire::net::service::{Admission, Service};
use wire::net::{Address, Door, Listener};
use wire::path::SharedPath;

const MIB: usize = 1 << 20;
const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";

/// A serving end with its share, and a folder here.
struct Pair {
    share: TempDir,
    local: TempDir,
    service: Service,
}

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

impl Pair {
    fn new() -> Self {
        let (share, local) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let rules = Rules::default();
        let welcome = Host::welcome("test".into(), Role::Server, PROCESS_ID.into(), &rules);
        let folder = Folder::open(share.path()).unwrap();
        let share_of_host = Share::new(folder, Catalogue::open(None), rules);
        let host = Host::new(share_of_host, welcome, Box::new(Quiet));
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let admission = Admission { connections_max: 8, patience: Duration::from_secs(20) };
        let service = Service::start(listener, admission, Door::plain(), Arc::new(host)).unwrap();
        Self { share, local, service }
    }

    fn remote(&self) -> Remote {
        remote_at(self.service.address())
    }

    fn folder(&self) -> Folder {
        Folder::open(self.local.path()).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.share.path().join(name), bytes).unwrap();
    }

    fn put_local(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.local.path().join(name), bytes).unwrap();
    }

    fn shared(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.share.path().join(name)).unwrap()
    }

    fn local(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.local.path().join(name)).unwrap()
    }

    fn wanted(&self, remote: &mut Remote, name: &str) -> Fetch {
        let source = SharedPath::parse(name).unwrap();
        let found = remote.session().unwrap().stat(Some(&source), false, &Unwatched).unwrap();
        let (target, terms) = (source.clone(), FetchTerms::default());
        Fetch { target, source, entry: found.entry, alike: None, is_target_free: false, terms }
    }

    fn outgoing(&self, name: &str) -> Outgoing {
        let path = SharedPath::parse(name).unwrap();
        let destination = Destination { path, new: false, if_digest: None };
        Outgoing { source: self.local.path().join(name), destination, likeness: Likeness::None }
    }
}

fn remote_at(address: SocketAddr) -> Remote {
    let hello = Hello::of_client("test", PROCESS_ID);
    let dialer = Dialer::new(Address::from(address), hello, Duration::from_secs(20));
    Remote::new(dialer, Cancel::new().unwrap())
}

fn content(byte_count: usize, seed: usize) -> Vec<u8> {
    (0..byte_count).map(|index| u8::try_from(((index / 4096 + seed) * 31 + index) % 256).unwrap()).collect()
}

/// Jobs in a row, and what became of them.
struct Row<Job, Outcome> {
    waiting: VecDeque<Job>,
    done: Vec<(Job, Outcome)>,
}

impl<Job, Outcome> Row<Job, Outcome> {
    fn new(jobs: impl IntoIterator<Item = Job>) -> Self {
        Self { waiting: jobs.into_iter().collect(), done: Vec::new() }
    }
}

impl<Job, Outcome> Jobs<Job, Outcome> for Row<Job, Outcome> {
    fn next(&mut self, _: bool) -> Option<Job> {
        self.waiting.pop_front()
    }

    fn done(&mut self, job: Job, outcome: Outcome) {
        self.done.push((job, outcome));
    }

    fn watch(&mut self, _: &Job) -> Box<dyn Watch> {
        Box::new(Unwatched)
    }
}

struct FetchJob(Fetch);

impl AsRef<Fetch> for FetchJob {
    fn as_ref(&self) -> &Fetch {
        &self.0
    }
}

struct OutgoingJob(Outgoing);

impl AsRef<Outgoing> for OutgoingJob {
    fn as_ref(&self) -> &Outgoing {
        &self.0
    }
}

#[test]
fn files_of_every_size_arrive_and_are_verified() {
    let pair = Pair::new();
    let mut remote = pair.remote();
    for byte_count in [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 5] {
        let bytes = content(byte_count, 1);
        pair.put("file", &bytes);
        let _ = std::fs::remove_file(pair.local.path().join("file"));
        let wanted = pair.wanted(&mut remote, "file");
        let fetched =
            fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing()).unwrap();
        assert_eq!(fetched.byte_count, byte_count as u64);
        assert_eq!((fetched.digest, fetched.reused), (Digest::of(&bytes), 0));
        assert!(pair.local("file") == bytes);
    }
}

#[test]
fn over_an_old_file_only_the_pieces_that_differ_are_fetched() {
    let pair = Pair::new();
    let bytes = content(5 * MIB + 9, 1);
    let mut old = bytes.clone();
    old[2 * MIB + 7] ^= 1;
    old.truncate(5 * MIB);
    pair.put("file", &bytes);
    pair.put_local("file", &old);
    let mut remote = pair.remote();
    let wanted = pair.wanted(&mut remote, "file");
    let fetched = fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing()).unwrap();
    assert_eq!(fetched.reused, 4 * MIB as u64);
    assert!(pair.local("file") == bytes);
}

#[test]
fn over_an_old_file_only_the_pieces_that_differ_are_sent() {
    let pair = Pair::new();
    let bytes = content(5 * MIB + 9, 1);
    let mut old = bytes.clone();
    old[7] ^= 1;
    pair.put("file", &old);
    pair.put_local("file", &bytes);
    let sent =
        send(&mut pair.remote(), &pair.outgoing("file"), false, &Unwatched, &Remembered::nothing()).unwrap();
    assert_eq!((sent.reused, sent.digest), (4 * MIB as u64 + 9, Digest::of(&bytes)));
    assert!(pair.shared("file") == bytes);
}

#[test]
fn many_files_go_both_ways_over_one_session_and_large_ones_between_them() {
    let pair = Pair::new();
    let name = |index: usize| format!("f{index}");
    let bytes = |index: usize| content(if index % 50 == 7 { 2 * MIB + index } else { index * 3 }, index);
    (0..200).for_each(|index| pair.put_local(&name(index), &bytes(index)));
    let mut row: Row<OutgoingJob, SendOutcome> =
        Row::new((0..200).map(|index| OutgoingJob(pair.outgoing(&name(index)))));
    assert_eq!(
        send_many(&mut pair.remote(), &mut row, &Unwatched, &Remembered::nothing()),
        LaneEnd::Complete
    );
    assert!(row.done.len() == 200 && row.done.iter().all(|(_, outcome)| outcome.is_ok()));
    (0..200).for_each(|index| assert!(pair.shared(&name(index)) == bytes(index)));

    let (back, mut remote) = (tempfile::tempdir().unwrap(), pair.remote());
    let wanted: Vec<_> = (0..200).map(|index| FetchJob(pair.wanted(&mut remote, &name(index)))).collect();
    let mut row: Row<FetchJob, FetchOutcome> = Row::new(wanted);
    std::fs::remove_file(pair.share.path().join("f100")).unwrap();
    let folder = Folder::open(back.path()).unwrap();
    assert_eq!(
        fetch_many(&mut remote, &[], &folder, &mut row, (&Unwatched, &Remembered::nothing())),
        LaneEnd::Complete
    );
    let failed: Vec<_> = row.done.iter().filter(|(_, outcome)| outcome.is_err()).collect();
    assert!(row.done.len() == 200 && failed.len() == 1 && failed[0].0.0.source.as_str() == "f100");
    let is_same = |index: usize| std::fs::read(back.path().join(name(index))).unwrap() == bytes(index);
    assert!((0..200).filter(|index| *index != 100).all(is_same));
}

#[test]
fn a_repeated_write_that_was_done_already_is_done() {
    let pair = Pair::new();
    for bytes in [content(10, 1), content(2 * MIB, 1)] {
        pair.put_local("file", &bytes);
        let _ = std::fs::remove_file(pair.share.path().join("file"));
        let mut outgoing = pair.outgoing("file");
        outgoing.destination.new = true;
        send(&mut pair.remote(), &outgoing, false, &Unwatched, &Remembered::nothing()).unwrap();
        let refused =
            send(&mut pair.remote(), &outgoing, false, &Unwatched, &Remembered::nothing()).unwrap_err();
        assert!(matches!(refused, SendError::Remote(RemoteError::Refused { code: ErrorCode::Exists, .. })));
        let again = send(&mut pair.remote(), &outgoing, true, &Unwatched, &Remembered::nothing()).unwrap();
        assert_eq!(again.digest, Digest::of(&bytes));
        pair.put("file", b"somebody else's");
        assert!(send(&mut pair.remote(), &outgoing, true, &Unwatched, &Remembered::nothing()).is_err());
    }
}

#[test]
fn pipes_flow_both_ways() {
    let pair = Pair::new();
    let bytes = content(2 * MIB + 77, 3);
    let mut rest = bytes.as_slice();
    let mut input = |target: &mut [u8]| {
        let count = rest.len().min(target.len()).min(70_000);
        target[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        Ok(count)
    };
    let destination = pair.outgoing("file").destination;
    let sent = send_pipe(&mut pair.remote(), &mut input, &destination, &Unwatched).unwrap();
    assert_eq!(sent.digest, Digest::of(&bytes));
    let mut out = Vec::new();
    let mut output = |bytes: &[u8]| {
        out.extend_from_slice(bytes);
        Ok(())
    };
    fetch_to(&mut pair.remote(), &destination.path, &mut output, &Unwatched).unwrap();
    assert!(out == bytes);
}

#[test]
fn a_cancelled_transfer_ends_at_once_and_says_so() {
    let pair = Pair::new();
    pair.put("file", &content(3 * MIB, 1));
    let mut remote = pair.remote();
    let wanted = pair.wanted(&mut remote, "file");
    remote.cancel().cancel();
    let error = fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing()).unwrap_err();
    assert!(matches!(error, FetchError::Remote(RemoteError::Cancelled)), "{error}");
}

const WELCOME: &str = r#"{"v":1,"type":"welcome","version":1,"agent":"liar","role":"server","process_id":"0123456789abcdef0123456789abcdef","features":[],"limits":{"line_bytes_max":65536,"section_bytes_max":1048576,"small_write_bytes_max":1048576,"requests_in_flight_max":64}}"#;
const READING: &str = r#"{"v":1,"type":"reading","id":1,"entry":{"path":"a","kind":"text","byte_count":5,"modified":"2026-11-20T12:00:00Z"},"byte_count":5}"#;
const END: &str = r#"{"v":1,"type":"end","id":1,"byte_count":5,"digest":"ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f"}"#;

/// A serving end that answers the requests after `hello` with exactly these bytes.
fn liar(answers: Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let lying = move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
        lines.next().unwrap().unwrap();
        writeln!(socket, "{WELCOME}").unwrap();
        for answer in answers {
            if lines.next().is_some() {
                // The other end may leave before it has read all lies.
                let _ = socket.write_all(&answer);
            }
        }
        // Until the other end has had enough.
        let _ = lines.next();
    };
    (address, std::thread::spawn(lying))
}

/// Fetches `a` from a liar; gives what that came to and the folder it should have landed in.
fn fetch_from_liar(answer: &str) -> (FetchError, TempDir) {
    fetch_version_from_liar(answer, None)
}

fn fetch_version_from_liar(answer: &str, version: Option<Digest>) -> (FetchError, TempDir) {
    let (address, thread) = liar(vec![answer.as_bytes().to_vec()]);
    let (local, source) = (tempfile::tempdir().unwrap(), SharedPath::parse("a").unwrap());
    let entry = wire::message::Entry {
        path: "a".into(),
        kind: wire::message::Kind::Text,
        byte_count: wire::message::ByteCount::new(5),
        modified: wire::timestamp::Timestamp::from_unix(0, 0),
        executable: false,
    };
    let terms = FetchTerms { version, new: false };
    let wanted = Fetch { target: source.clone(), source, entry, alike: None, is_target_free: false, terms };
    let mut remote = remote_at(address);
    let folder = Folder::open(local.path()).unwrap();
    let error = fetch(&mut remote, &folder, &wanted, &Unwatched, &Remembered::nothing()).unwrap_err();
    remote.abandon();
    thread.join().unwrap();
    (error, local)
}

/// The announcement of five bytes and one section of these.
fn section(offset: u64, bytes: &str) -> String {
    let byte_count = bytes.len();
    let line = format!(r#"{{"v":1,"type":"section","id":1,"offset":{offset},"byte_count":{byte_count}}}"#);
    format!("{READING}\n{line}\n{bytes}")
}

#[test]
fn lies_are_refused_and_leave_nothing_behind() {
    let lies = [
        format!("{}\n", READING.replace(r#""path":"a""#, r#""path":"../b""#)),
        format!("{}\n", READING.replace(r#"},"byte_count":5}"#, r#"},"byte_count":6}"#)),
        format!("{}\n", READING.replace(r#""id":1"#, r#""id":2"#)),
        section(1, "hell"),
        section(0, "hello!"),
        format!("{READING}\n{END}\n"),
        format!("{}{}\n", section(0, "hello"), END.replace(r#""byte_count":5"#, r#""byte_count":4"#)),
        "not a message\n".to_owned(),
    ];
    for lie in lies {
        let (error, local) = fetch_from_liar(&lie);
        let is_told = matches!(error, FetchError::Remote(RemoteError::Protocol(_) | RemoteError::Message(_)));
        assert!(is_told, "{lie:?}: {error:?}");
        assert_eq!(std::fs::read_dir(local.path()).unwrap().count(), 0, "{lie:?}");
    }
}

#[test]
fn promise_2_bytes_without_their_digest_leave_nothing_behind() {
    let (error, local) = fetch_from_liar(&format!("{}{END}\n", section(0, "hellO")));
    assert!(matches!(error, FetchError::WrongDigest { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(local.path()).unwrap().count(), 0);
}

#[test]
fn promise_2_what_went_to_an_output_without_its_digest_is_no_success() {
    let other = format!(r#","file_digest":"{}"}}"#, Digest::of(b"other"));
    let reading_of_other = READING.strip_suffix('}').unwrap().to_owned() + &other;
    let end_of_other = END.strip_suffix('}').unwrap().to_owned() + &other;
    let hello = section(0, "hello");
    for lie in [
        format!("{}{END}\n", section(0, "hellO")),
        format!("{}{END}\n", hello.replace(READING, &reading_of_other)),
        format!("{hello}{end_of_other}\n"),
    ] {
        let (address, thread) = liar(vec![lie.clone().into_bytes()]);
        let mut remote = remote_at(address);
        let source = SharedPath::parse("a").unwrap();
        let error = fetch_to(&mut remote, &source, &mut |_| Ok(()), &Unwatched).unwrap_err();
        assert!(matches!(error, FetchError::WrongDigest { .. }), "{lie:?}: {error:?}");
        remote.abandon();
        thread.join().unwrap();
    }
}

/// One line with a payload of one section, and its end with the digest of these very bytes.
fn payload(line: &str, (id, offset): (u64, usize), bytes: &[u8]) -> Vec<u8> {
    let (byte_count, digest) = (bytes.len(), Digest::of(bytes));
    let section =
        format!(r#"{{"v":1,"type":"section","id":{id},"offset":{offset},"byte_count":{byte_count}}}"#);
    let end = format!(r#"{{"v":1,"type":"end","id":{id},"byte_count":{byte_count},"digest":"{digest}"}}"#);
    [format!("{line}\n{section}\n").as_bytes(), bytes, format!("{end}\n").as_bytes()].concat()
}

#[test]
fn promise_2_ranges_that_are_not_of_the_file_do_not_complete_what_is_here() {
    let (theirs, ours, lie) = (content(2 * MIB, 1), content(2 * MIB, 2), content(MIB, 3));
    let here = [&theirs[..MIB], &ours[MIB..]].concat();
    let (digest, length) = (Digest::of(&theirs), theirs.len());
    let list = format!(
        r#"{{"v":1,"type":"piece_list","id":1,"byte_count":{length},"digest":"{digest}","piece_count":2}}"#
    );
    let values = [piece_value(0, &theirs[..MIB]), piece_value(1, &theirs[MIB..])].concat();
    let entry =
        READING.replace(r#""id":1"#, r#""id":2"#).replace(r#""byte_count":5,"#, r#""byte_count":2097152,"#);
    let reading = entry.replace(
        r#"},"byte_count":5}"#,
        r#"},"byte_count":1048576,"ranges":[{"offset":1048576,"byte_count":1048576}]}"#,
    );
    for (bytes, is_honest) in [(&lie[..], false), (&theirs[MIB..], true)] {
        let answers = vec![payload(&list, (1, 0), &values), payload(&reading, (2, MIB), bytes)];
        let (address, thread) = liar(answers);
        let pair = Pair::new();
        pair.put_local("a", &here);
        pair.put("a", &theirs);
        let wanted = pair.wanted(&mut pair.remote(), "a");
        let mut remote = remote_at(address);
        let fetched = fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing());
        if is_honest {
            assert_eq!(fetched.unwrap().digest, digest);
        } else {
            assert!(matches!(fetched, Err(FetchError::WrongDigest { .. })), "{fetched:?}");
            assert!(pair.local("a") == here);
        }
        remote.abandon();
        thread.join().unwrap();
    }
}

#[test]
fn only_the_version_that_is_wanted_gets_the_name() {
    for length in [5, MIB * 2 + 7] {
        let pair = Pair::new();
        let (content, other) = (vec![b'a'; length], vec![b'b'; length]);
        pair.put("a", &content);
        let mut remote = pair.remote();
        let mut wanted = pair.wanted(&mut remote, "a");
        wanted.terms.version = Some(Digest::of(&other));
        let error =
            fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing()).unwrap_err();
        let is_changed = |code| code == ErrorCode::Changed;
        assert!(matches!(&error, FetchError::Remote(RemoteError::Refused { code, .. }) if is_changed(*code)));
        assert_eq!(std::fs::read_dir(pair.local.path()).unwrap().count(), 0);
        wanted.terms.version = Some(Digest::of(&content));
        fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing()).unwrap();
        assert!(pair.local("a") == content);
        // Something of it is here now: the pieces tell that it is another version.
        wanted.terms.version = Some(Digest::of(&other));
        assert!(fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing()).is_err());
        assert!(pair.local("a") == content);
    }
}

#[test]
fn who_ignores_the_wanted_version_is_found_out_whatever_he_says_of_it() {
    let wanted = Digest::of(b"other");
    let (error, local) = fetch_version_from_liar(&format!("{}{END}\n", section(0, "hello")), Some(wanted));
    assert!(matches!(error, FetchError::WrongDigest { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(local.path()).unwrap().count(), 0);
    let told = format!(r#","file_digest":"{}"}}"#, Digest::of(b"hello"));
    let reading = READING.strip_suffix('}').unwrap().to_owned() + &told;
    let answer = format!("{}{END}\n", section(0, "hello").replace(READING, &reading));
    let (error, _) = fetch_version_from_liar(&answer, Some(wanted));
    assert!(matches!(error, FetchError::OtherVersion { .. }), "{error:?}");
}

#[test]
fn a_fetch_that_must_be_new_replaces_nothing() {
    let pair = Pair::new();
    pair.put("a", b"theirs");
    pair.put_local("a", b"ours");
    let mut remote = pair.remote();
    let mut wanted = pair.wanted(&mut remote, "a");
    wanted.terms.new = true;
    assert!(matches!(
        fetch(&mut remote, &pair.folder(), &wanted, &Unwatched, &Remembered::nothing()),
        Err(FetchError::Local(LandingError::Folder(FolderError::Exists)))
    ));
    assert_eq!(pair.local("a"), b"ours");
}
