//! Ends that hold a file, and proxies before them that cut, stop or falsify what they give.

use shared_folder::catalogue::{Catalogue, JobState};
use shared_folder::folder::Folder;
use shared_folder::remote::{Cancel, Dialer, Remote};
use shared_folder::serve::{Host, Observe, RequestRecord, Rules, Share};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use wire::digest::{Digest, piece_value};
use wire::message::{Hello, Role};
use wire::net::service::{Admission, Service};
use wire::net::{Address, Door, Listener};
use wire::path::SharedPath;

pub(crate) const MIB: usize = 1 << 20;
/// How long a fetch goes on without anything new: what happens in the others must happen by then, on a slow machine, too.
const PATIENCE: Duration = Duration::from_secs(10);
const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

/// A serving end with its share.
pub(crate) struct Holder {
    service: Service,
    host: Arc<Host>,
    share: TempDir,
    _state: TempDir,
}

impl Holder {
    pub(crate) fn new() -> Self {
        let (share, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let rules = Rules::default();
        let welcome = Host::welcome("test".into(), Role::Server, PROCESS_ID.into(), &rules);
        let folder = Folder::open(share.path()).unwrap();
        let host = Host::new(
            Share::new(folder, Catalogue::open(Some(state.path())), rules),
            welcome,
            Box::new(Quiet),
        );
        let host = Arc::new(host);
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let admission = Admission { connections_max: 8, patience: Duration::from_secs(20) };
        let service = Service::start(listener, admission, Door::plain(), Arc::clone(&host)).unwrap();
        Self { service, host, share, _state: state }
    }

    pub(crate) fn with(bytes: &[u8]) -> Self {
        let holder = Self::new();
        holder.put("a", bytes);
        holder
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.share.path().join(name), bytes).unwrap();
    }

    /// Lets it know the digest of a file, so that it can be asked for by that.
    pub(crate) fn hash(&self, name: &str) {
        let path = SharedPath::parse(name).unwrap();
        let opened = self.host.share.folder.open_file(&path).unwrap();
        let waiting = self.host.share.catalogue.hash(&opened, &path).unwrap();
        while !matches!(waiting.wait(Duration::from_secs(1)), JobState::Done(_)) {}
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// What it serves: into which it may fetch, too.
    pub(crate) fn share(&self) -> &Share {
        &self.host.share
    }

    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.share.path().join(name)).unwrap()
    }
}

pub(crate) fn remote_at(address: SocketAddr) -> Remote {
    let hello = Hello::of_client("test", PROCESS_ID);
    let dialer = Dialer::new(Address::from(address), hello, PATIENCE);
    Remote::new(dialer, Cancel::new().unwrap())
}

pub(crate) fn content(byte_count: usize, seed: usize) -> Vec<u8> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(byte_count + 8);
    while bytes.len() < byte_count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(byte_count);
    bytes
}

/// What a proxy does to what comes from the end behind it.
#[derive(Clone)]
pub(crate) enum Way {
    /// Passes so many bytes, then closes every connection at once.
    CutFor(u64),
    /// Closes each connection after so many bytes.
    CutEach(u64),
    /// Passes so many bytes of each connection, and then nothing.
    StuckAfter(u64),
    /// Changes a byte of every piece of the file.
    Poison,
    /// Gives half a piece with a byte changed, then closes the connection, each time.
    FalseBeginning,
    /// Answers `pieces` with a list for half the length that merges to the digest all the same.
    ListOfHalves(Vec<u8>),
}

/// Stands before a holder until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) fn to(holder: SocketAddr, way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (is_over, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let accept = {
            let (is_over, open) = (Arc::clone(&is_over), Arc::clone(&open));
            move || {
                let (mut threads, passed) = (Vec::new(), Arc::new(AtomicU64::new(0)));
                for client in listener.incoming().map_while(Result::ok) {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let server = TcpStream::connect(holder).unwrap();
                    let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                    open.lock().unwrap().extend(both);
                    let requests = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    let (way, passed) = (way.clone(), Arc::clone(&passed));
                    threads.push(std::thread::spawn(move || pass(requests.0, requests.1)));
                    threads.push(std::thread::spawn(move || answer(&server, &client, &way, &passed)));
                }
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            }
        };
        Self { address, is_over, open, thread: Some(std::thread::spawn(accept)) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for stream in self.open.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

fn answer(server: &TcpStream, client: &TcpStream, way: &Way, passed: &AtomicU64) {
    match way {
        Way::Poison | Way::FalseBeginning | Way::ListOfHalves(_) => falsify(server, client, way),
        Way::CutEach(most) => limit(server, client, *most, &AtomicU64::new(0)),
        Way::CutFor(most) => limit(server, client, *most, passed),
        Way::StuckAfter(most) => {
            let _ = std::io::copy(&mut server.take(*most), &mut &*client);
            // What the client asks for goes on; nothing comes back until one of them ends it.
            let _ = std::io::copy(&mut &*server, &mut std::io::sink());
            return;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn limit(server: &TcpStream, client: &TcpStream, most: u64, passed: &AtomicU64) {
    let (mut from, mut to, mut buffer) = (server, client, [0; 65536]);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if passed.fetch_add(count as u64, Ordering::SeqCst) > most || to.write_all(&buffer[..count]).is_err()
        {
            return;
        }
    }
}

/// Passes lines and sections on, but for what is changed.
fn falsify(server: &TcpStream, client: &TcpStream, way: &Way) {
    let (mut from, mut to) = (BufReader::new(server), client);
    let (mut line, mut halves) = (String::new(), None);
    while matches!(from.read_line(&mut line), Ok(1..)) {
        if let (Way::ListOfHalves(bytes), true) = (way, line.contains(r#""type":"piece_list""#)) {
            let values: Vec<u8> = bytes
                .chunks(bytes.len() / 2)
                .enumerate()
                .flat_map(|(half, bytes)| subtree(half, bytes))
                .collect();
            let length = format!(r#""byte_count":{},"#, bytes.len());
            line = line.replace(&length, &format!(r#""byte_count":{},"#, bytes.len() / 2));
            line = line.replace(r#""piece_count":4"#, r#""piece_count":2"#);
            halves = Some(values);
        }
        let mut section = vec![0; section_bytes(&line)];
        if from.read_exact(&mut section).is_err() {
            return;
        }
        if let (Some(values), false) = (&halves, section.is_empty()) {
            section.clone_from(values);
            line = line.replace(r#""byte_count":128"#, r#""byte_count":64"#);
        } else if let (Some(values), true) = (&halves, line.contains(r#""type":"end""#)) {
            let id = line.split(r#""id":"#).nth(1).unwrap().split(',').next().unwrap().to_owned();
            let digest = Digest::of(values);
            line = format!(r#"{{"v":1,"type":"end","id":{id},"byte_count":64,"digest":"{digest}"}}"#) + "\n";
            halves = None;
        } else if section.len() > 1024
            && let Way::Poison | Way::FalseBeginning = way
        {
            section[512] ^= 1;
            if let Way::FalseBeginning = way {
                section.truncate(section.len() / 2);
                let _ = to.write_all(line.as_bytes()).and_then(|()| to.write_all(&section));
                return;
            }
        }
        if to.write_all(line.as_bytes()).and_then(|()| to.write_all(&section)).is_err() {
            return;
        }
        line.clear();
    }
}

/// The value of two pieces as one, as only somebody who computes it for this lie does.
fn subtree(half: usize, bytes: &[u8]) -> [u8; 32] {
    use blake3::hazmat::{Mode, merge_subtrees_non_root};
    let [left, right] = [0, 1].map(|side| piece_value((2 * half + side) as u64, &bytes[side * MIB..][..MIB]));
    merge_subtrees_non_root(&left, &right, Mode::Hash)
}

fn section_bytes(line: &str) -> usize {
    if !line.contains(r#""type":"section""#) {
        return 0;
    }
    let digits = line.split(r#""byte_count":"#).nth(1).unwrap();
    digits.trim_end().trim_end_matches('}').parse().unwrap()
}
