//! Case 12: one bit flips somewhere on the way of a plain connection. For every byte of a conversation in both
//! directions, LIST, STAT, READ and WRITE end, and none of them gives other content and calls it a success. What
//! else may be wrong without being noticed is told field by field: names, times and the like have no digest, and
//! only encryption can cover them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

use shared_folder::catalogue::{Catalogue, Remembered};
use shared_folder::fetch::{Fetch, FetchTerms, fetch};
use shared_folder::folder::Folder;
use shared_folder::remote::{Cancel, Dialer, Listed, ListedName, Remote, RemoteError, Unwatched};
use shared_folder::send::{Destination, Likeness, Outgoing, send};
use shared_folder::serve::{Host, Observe, RequestRecord, Rules, Share};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use wire::message::{Entry, Hello, Role};
use wire::net::service::{Admission, Service};
use wire::net::{Address, Door, Listener};
use wire::path::SharedPath;

const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";
/// How long an end waits for a byte that the flip has taken away.
const PATIENCE: Duration = Duration::from_millis(250);
/// Where nothing flips, nobody may give up, however slow the machine is.
const PATIENCE_MAX: Duration = Duration::from_secs(60);
const WORKERS: usize = 12;
/// Names that one flipped bit makes of each other: what was asked for may be another file that is there.
const FILES: [(&str, &[u8]); 5] = [
    ("in/a.bin", b"the file that is read, and no other"),
    ("in/c.bin", b"one that only a flipped bit asks for"),
    ("in/`.bin", b"one more of the kind, of other length"),
    ("out/up.bin", b"the old file"),
    ("out/tp.bin", b"one that nobody writes"),
];
const NEW: &[u8] = b"the new file, as it is sent";

/// What can be wrong without being noticed in plain text, as `direction line.field`; a field's name counts as the
/// field, for one that is unknown is ignored. Of all 16,960 flips, eight for each byte, these are 733.
const UNCOVERED: [&str; 14] = [
    "ToClient entries.byte_count",
    "ToClient entries.executable",
    "ToClient entries.modified",
    "ToClient entries.path",
    "ToClient found.byte_count",
    "ToClient found.executable",
    "ToClient found.modified",
    "ToClient listed.left_out_count",
    "ToClient listed.unnameable_count",
    "ToClient reading.executable",
    "ToClient reading.modified",
    "ToServer write.executable",
    "ToServer write.modified",
    "ToServer write.path",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    ToServer,
    ToClient,
}

/// One bit of one byte.
#[derive(Debug, Clone, Copy)]
struct Flip {
    way: Way,
    place: usize,
    bit: u32,
}

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

/// A serving end, a client's folder, and a proxy between them.
struct Pair {
    _folders: TempDir,
    share: PathBuf,
    local: PathBuf,
    proxy: Proxy,
    service: Service,
    patience: Duration,
}

/// A file where it was to land, or elsewhere.
#[derive(Debug, Clone, PartialEq)]
struct Landed {
    name: String,
    content: Vec<u8>,
    modified: SystemTime,
    mode: u32,
}

/// What a client came to see. An error is none of it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    listed: Option<(Vec<Entry>, Option<Listed>)>,
    found: Option<Entry>,
    read: Option<Landed>,
    /// The files of the share that have the new content, where the client was told that it was written.
    written: Option<Vec<Landed>>,
}

impl Pair {
    fn new(patience: Duration) -> Self {
        let folders = tempfile::tempdir().unwrap();
        let (share, local) = (folders.path().join("share"), folders.path().join("local"));
        for folder in [&share.join("in"), &share.join("out"), &local] {
            fs::create_dir_all(folder).unwrap();
        }
        FILES.iter().for_each(|(name, content)| put(&share.join(name), content));
        put(&local.join("up.bin"), NEW);
        let rules = Rules::default();
        let welcome = Host::welcome("test".into(), Role::Server, PROCESS_ID.into(), &rules);
        let served = Share::new(Folder::open(&share).unwrap(), Catalogue::open(None), rules);
        let host = Host::new(served, welcome, Box::new(Quiet));
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let admission = Admission { connections_max: 64, patience };
        let service = Service::start(listener, admission, Door::plain(), Arc::new(host)).unwrap();
        Self { _folders: folders, share, local, proxy: Proxy::start(service.address()), service, patience }
    }

    /// A conversation whose first connection meets the flip.
    fn converse(&self, flip: Option<Flip>) -> Seen {
        *self.proxy.plan.lock().unwrap() = Plan { flip, is_met: false, passed: Default::default() };
        let hello = Hello::of_client("test", PROCESS_ID);
        let dialer = Dialer::new(Address::from(self.proxy.address), hello, self.patience);
        let mut remote = Remote::new(dialer, Cancel::new().unwrap());
        let listed = list(&mut remote).ok();
        let source = SharedPath::parse(FILES[0].0).unwrap();
        let found = remote.session().and_then(|session| session.stat(Some(&source), false, &Unwatched));
        let found = found.ok().map(|found| found.entry);
        let read = found.as_ref().and_then(|entry| self.read(&mut remote, source, entry));
        let is_written = self.write(&mut remote);
        // Whatever is left of the session ends here.
        let _ = remote.bye();
        drop(remote);
        self.wait_until_alone();
        let with_new = self.new_files();
        self.restore(&with_new);
        let written = is_written.then_some(with_new);
        Seen { listed, found, read, written }
    }

    /// Waits until nobody is served any more, nor comes to be served: what the client gave up may be on its way yet.
    fn wait_until_alone(&self) {
        let mut plan = self.proxy.plan.lock().unwrap();
        (plan.flip, plan.is_met) = (None, true);
        drop(plan);
        // By the time that this one is refused, whoever came before has a session.
        let mut last = TcpStream::connect(self.proxy.address).unwrap();
        last.write_all(b"no hello\n").unwrap();
        assert!(matches!(last.read(&mut [0]), Ok(1)));
        drop(last);
        while !self.service.sessions().is_empty() {
            thread::yield_now();
        }
    }

    fn read(&self, remote: &mut Remote, source: SharedPath, entry: &Entry) -> Option<Landed> {
        let target = SharedPath::parse("here.bin").unwrap();
        let terms = FetchTerms::default();
        let wanted =
            Fetch { source, entry: entry.clone(), target, alike: None, is_target_free: false, terms };
        let outcome =
            fetch(remote, &Folder::open(&self.local).unwrap(), &wanted, &Unwatched, &Remembered::nothing());
        let here = Landed::at(&self.local, "here.bin")?;
        assert!(here.content == FILES[0].1, "other content has the file's name: {here:?}");
        fs::remove_file(self.local.join("here.bin")).unwrap();
        outcome.ok().map(|_| here)
    }

    fn write(&self, remote: &mut Remote) -> bool {
        let path = SharedPath::parse("out/up.bin").unwrap();
        let destination = Destination { path, new: false, if_digest: None };
        let outgoing = Outgoing { source: self.local.join("up.bin"), destination, likeness: Likeness::None };
        send(remote, &outgoing, false, &Unwatched, &Remembered::nothing()).is_ok()
    }

    /// The files of the share that have the new content; all others have their own.
    fn new_files(&self) -> Vec<Landed> {
        let share = &self.share;
        let files = files_below(share).into_iter().filter_map(|name| Landed::at(share, &name));
        let (with_new, others): (Vec<_>, Vec<_>) = files.partition(|file| file.content == NEW);
        for file in others {
            let old = FILES.iter().find(|(name, _)| *name == file.name).map(|(_, content)| *content);
            assert!(old == Some(&file.content[..]), "other content: {file:?}");
        }
        with_new
    }

    /// Makes the share what it was.
    fn restore(&self, with_new: &[Landed]) {
        for Landed { name, .. } in with_new {
            match FILES.iter().find(|(old, _)| old == name) {
                Some((_, content)) => put(&self.share.join(name), content),
                None => fs::remove_file(self.share.join(name)).unwrap(),
            }
        }
    }
}

impl Landed {
    fn at(folder: &Path, name: &str) -> Option<Self> {
        let path = folder.join(name);
        let metadata = path.metadata().ok()?;
        let (modified, mode) = (metadata.modified().unwrap(), metadata.permissions().mode());
        Some(Self { name: name.to_owned(), content: fs::read(path).unwrap(), modified, mode })
    }
}

fn put(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    let time = UNIX_EPOCH + Duration::new(1_700_000_000, 500_000_000);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    let mode = if path.ends_with("in/a.bin") || path.ends_with("local/up.bin") { 0o755 } else { 0o644 };
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn files_below(share: &Path) -> Vec<String> {
    let names = |folder: &str| {
        let entries = fs::read_dir(share.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let mut found: Vec<String> = ["in", "out"]
        .iter()
        .flat_map(|folder| names(folder).into_iter().map(move |name| format!("{folder}/{name}")))
        .collect();
    found.extend(names(".").into_iter().filter(|name| share.join(name).is_file()));
    found
}

fn list(remote: &mut Remote) -> Result<(Vec<Entry>, Option<Listed>), RemoteError> {
    let folder = SharedPath::parse("in").unwrap();
    let mut listing = remote.session()?.list(Some(&folder), false)?;
    let mut entries = Vec::new();
    while let Some(name) = listing.next_entry()? {
        // What is not where it should be is told to the user, and so was noticed.
        let ListedName::Sound(_, entry) = name else { return Err(RemoteError::Closed) };
        entries.push(entry);
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok((entries, listing.listed()))
}

/// Passes bytes on, and flips one bit of the first connection after the plan was made.
struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    is_over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Plan {
    flip: Option<Flip>,
    is_met: bool,
    /// What passed over the first connection.
    passed: BTreeMap<Way, Vec<u8>>,
}

impl Proxy {
    fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (plan, is_over) = (Arc::<Mutex<Plan>>::default(), Arc::<AtomicBool>::default());
        let (planned, over) = (Arc::clone(&plan), Arc::clone(&is_over));
        let acceptor = thread::spawn(move || {
            while let Ok((client, _)) = listener.accept()
                && !over.load(Ordering::SeqCst)
            {
                let is_first = !std::mem::replace(&mut planned.lock().unwrap().is_met, true);
                let plan = is_first.then(|| Arc::clone(&planned));
                let server = TcpStream::connect(target).unwrap();
                for (from, to, way) in [(&client, &server, Way::ToServer), (&server, &client, Way::ToClient)]
                {
                    let (from, to, plan) = (from.try_clone().unwrap(), to.try_clone().unwrap(), plan.clone());
                    thread::spawn(move || pass(from, to, way, plan.as_deref()));
                }
            }
        });
        Self { address, plan, is_over, acceptor: Some(acceptor) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // The acceptor is woken by one more connection.
        let _ = TcpStream::connect(self.address);
        self.acceptor.take().map(JoinHandle::join);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, way: Way, plan: Option<&Mutex<Plan>>) {
    let mut buffer = [0; 16 * 1024];
    to.set_nodelay(true).unwrap();
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        let bytes = &mut buffer[..count];
        if let Some(plan) = plan {
            let mut plan = plan.lock().unwrap();
            let flip = plan.flip;
            let passed = plan.passed.entry(way).or_default();
            if let Some(flip) = flip.filter(|flip| flip.way == way)
                && let Some(byte) =
                    flip.place.checked_sub(passed.len()).and_then(|place| bytes.get_mut(place))
            {
                *byte ^= 1 << flip.bit;
            }
            passed.extend_from_slice(bytes);
        }
        if count == 0 || to.write_all(bytes).is_err() {
            let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
            return;
        }
    }
}

/// Every byte of what passed, one bit of each: another one for each neighbour, so that all eight occur in every line.
/// With `BITS=8` in the environment, all of them.
fn flips(passed: &BTreeMap<Way, Vec<u8>>) -> Vec<Flip> {
    let bits: usize = std::env::var("BITS").map_or(1, |text| text.parse().unwrap());
    let of_way = |(way, bytes): (&Way, &Vec<u8>)| {
        let way = *way;
        let of_place = move |place| {
            (0..bits).map(move |more| Flip {
                way,
                place,
                bit: u32::try_from((place * 3 + more) % 8).unwrap(),
            })
        };
        (0..bytes.len()).flat_map(of_place).collect::<Vec<_>>()
    };
    passed.iter().flat_map(of_way).collect()
}

/// Where a place lies: the line's type, and the field whose name or value it is in.
fn field_at(bytes: &[u8], place: usize) -> String {
    let start = bytes[..place].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = bytes[place..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| place + end);
    // A payload has no line feed at its end: the line behind it begins at its brace.
    let line = String::from_utf8_lossy(&bytes[start..end]).into_owned();
    let kind = line.split("\"type\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("payload");
    let before = line.get(..(place - start + 1).min(line.len())).unwrap_or_default();
    let mut field = "";
    for (index, _) in line.match_indices("\":") {
        let name_start = line[..index].rfind('"').unwrap_or(0);
        if name_start < before.len() {
            field = &line[name_start + 1..index];
        }
    }
    format!("{kind}.{field}")
}

#[test]
fn a_flipped_bit_anywhere_never_gives_other_content_and_is_noticed_wherever_a_digest_reaches() {
    let pair = Pair::new(PATIENCE_MAX);
    let clean = pair.converse(None);
    assert!(
        clean.listed.is_some() && clean.found.is_some() && clean.read.is_some() && clean.written.is_some()
    );
    let passed = std::mem::take(&mut pair.proxy.plan.lock().unwrap().passed);
    let all = flips(&passed);
    assert!(all.len() > 2000, "only {} bytes passed", all.len());
    let unnoticed = Mutex::new(BTreeMap::<String, usize>::new());
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (all, clean, passed, unnoticed) = (&all, &clean, &passed, &unnoticed);
            scope.spawn(move || {
                let pair = Pair::new(PATIENCE);
                for flip in all.iter().skip(worker).step_by(WORKERS) {
                    let seen = pair.converse(Some(*flip));
                    if is_wrong(clean, &seen) {
                        let field = format!("{:?} {}", flip.way, field_at(&passed[&flip.way], flip.place));
                        *unnoticed.lock().unwrap().entry(field).or_default() += 1;
                    }
                }
            });
        }
    });
    let unnoticed = unnoticed.into_inner().unwrap();
    let uncovered = BTreeSet::from(UNCOVERED.map(str::to_owned));
    let surprising: Vec<_> = unnoticed.iter().filter(|(field, _)| !uncovered.contains(*field)).collect();
    assert!(surprising.is_empty(), "of {} flips, these were not noticed: {surprising:?}", all.len());
}

/// Whether a success differs from the right one.
fn is_wrong(clean: &Seen, seen: &Seen) -> bool {
    fn differs<T: PartialEq>(clean: &Option<T>, seen: &Option<T>) -> bool {
        seen.is_some() && clean != seen
    }
    differs(&clean.listed, &seen.listed)
        || differs(&clean.found, &seen.found)
        || differs(&clean.read, &seen.read)
        || differs(&clean.written, &seen.written)
}
