//! What the tests of crashes stand on: a server in this process or as one of its own, steps that end it, fail or are
//! noted, and a client.

use rustix::io::Errno;
use shared_folder::catalogue::{Catalogue, Remembered};
use shared_folder::folder::Folder;
use shared_folder::incoming::{Probe, Step};
use shared_folder::remote::{Cancel, Dialer, Remote, RemoteError, Watch};
use shared_folder::send::{Destination, Likeness, Outgoing, SendError, Sent, send};
use shared_folder::serve::{Host, Observe, RequestRecord, Rules, Share};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use wire::digest::Digest;
use wire::message::{Hello, Role};
use wire::net::service::{Admission, Service};
use wire::net::{Address, Door, Listener};
use wire::path::SharedPath;

/// How a step fails, and the code that the other end is to be told.
pub(crate) const ERRORS: [(Errno, &str); 3] =
    [(Errno::NOSPC, "no_space"), (Errno::DQUOT, "no_space"), (Errno::IO, "internal")];

pub(crate) const STEPS: [(&str, Step); 5] = [
    ("write", Step::Write),
    ("sync", Step::Sync),
    ("rename", Step::Rename),
    ("sync folder", Step::SyncFolder),
    ("reply", Step::Reply),
];
pub(crate) const MIB: usize = 1 << 20;
/// What happens must happen by then, on a slow machine, too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";
/// What the child is told in its environment.
const SHARE: &str = "CRASH_TEST_SHARE";
const CRASH: &str = "CRASH_TEST_STEP";
/// What it says at the end, with a number.
const FIRST_GROUP: &str = "files of the first group: ";

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

/// Ends the process at a step, in its `count`th time.
struct Crash {
    step: Step,
    is_before: bool,
    left: AtomicU32,
    /// Files that were written so far, and those before the first sync: the first group.
    writes: AtomicU32,
    first_group: OnceLock<u32>,
}

impl Crash {
    /// From `rename:before:1`.
    fn parse(text: &str) -> Self {
        let parts: Vec<_> = text.split(':').collect();
        let step = STEPS.iter().find(|(name, _)| *name == parts[0]).unwrap().1;
        Self {
            step,
            is_before: parts[1] == "before",
            left: AtomicU32::new(parts[2].parse().unwrap()),
            writes: AtomicU32::new(0),
            first_group: OnceLock::new(),
        }
    }

    fn meet(&self, step: Step, is_before: bool) {
        if step == self.step && is_before == self.is_before && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            if let Some(count) = self.first_group.get() {
                io::stderr().write_all(format!("{FIRST_GROUP}{count}\n").as_bytes()).unwrap();
            }
            std::process::abort();
        }
    }
}

impl Probe for Crash {
    fn before(&self, step: Step) -> io::Result<()> {
        if step == Step::Sync {
            self.first_group.get_or_init(|| self.writes.load(Ordering::SeqCst));
        }
        self.meet(step, true);
        Ok(())
    }

    fn after(&self, step: Step) {
        self.writes.fetch_add(u32::from(step == Step::Write), Ordering::SeqCst);
        self.meet(step, false);
    }
}

/// Fails a step in these times of it, the first being 1.
pub(crate) struct Fault {
    step: Step,
    error: Errno,
    times: RangeInclusive<u32>,
    met: AtomicU32,
}

impl Fault {
    pub(crate) fn at(step: Step, error: Errno, times: RangeInclusive<u32>) -> Arc<dyn Probe> {
        Arc::new(Self { step, error, times, met: AtomicU32::new(0) })
    }
}

impl Probe for Fault {
    fn before(&self, step: Step) -> io::Result<()> {
        let is_due = step == self.step && self.times.contains(&(self.met.fetch_add(1, Ordering::SeqCst) + 1));
        if is_due { Err(self.error.into()) } else { Ok(()) }
    }

    fn after(&self, _: Step) {}
}

pub(crate) fn service(share: &Path, probe: Option<Arc<dyn Probe>>) -> Service {
    let rules = Rules::default();
    let welcome = Host::welcome("test".into(), Role::Server, PROCESS_ID.into(), &rules);
    let mut share = Share::new(Folder::open(share).unwrap(), Catalogue::open(None), rules);
    share.probe = probe;
    let host = Host::new(share, welcome, Box::new(Quiet));
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let admission = Admission { connections_max: 8, patience: PATIENCE };
    Service::start(listener, admission, Door::plain(), Arc::new(host)).unwrap()
}

#[test]
#[ignore = "it is the server of the other tests, which start it as a process"]
fn serve_until_the_input_ends() {
    let Ok(share) = std::env::var(SHARE) else { return };
    let probe = std::env::var(CRASH).ok().map(|text| Arc::new(Crash::parse(&text)) as Arc<dyn Probe>);
    let service = service(Path::new(&share), probe);
    // The harness has captured the usual output.
    io::stderr().write_all(format!("listening on {}\n", service.address()).as_bytes()).unwrap();
    let _ = io::stdin().read(&mut [0]);
}

/// The server as a process; killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    /// What it has said since it listened, at its end.
    said: Option<JoinHandle<Vec<String>>>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(share: &Path, crash: Option<&str>) -> Self {
        Self::start_as(Command::new(std::env::current_exe().unwrap()), share, crash)
    }

    /// As what `command` runs, which is this program, whatever watches it.
    pub(crate) fn start_as(mut command: Command, share: &Path, crash: Option<&str>) -> Self {
        command.args(["--exact", "harness::serve_until_the_input_ends", "--ignored", "--nocapture"]);
        command.env(SHARE, share).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(crash) = crash {
            command.env(CRASH, crash);
        }
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line =
                lines.next().unwrap_or_else(|| panic!("it ended before it listened: {said:#?}")).unwrap();
            match line.strip_prefix("listening on ") {
                Some(address) => break address.parse().unwrap(),
                None => said.push(line),
            }
        };
        // Whatever it says, the pipe must not fill.
        let said = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        Self { process, said: Some(said), address }
    }

    /// Lets it end as it wants to.
    pub(crate) fn stop(mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }

    pub(crate) fn has_crashed(&mut self) -> bool {
        self.process.wait().unwrap().code().is_none()
    }

    /// How many files its first group had, if that was whole when it crashed.
    pub(crate) fn first_group(&mut self) -> Option<u64> {
        let said = self.said.take().unwrap().join().unwrap();
        said.iter().find_map(|line| line.strip_prefix(FIRST_GROUP)?.parse().ok())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is what most tests want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Gives up when the connection is lost, however soon or late that is.
struct TriesOnce(Cancel);

impl Watch for TriesOnce {
    fn retrying(&self, _: &RemoteError) {
        self.0.cancel();
    }
}

/// One attempt at an upload: whoever waits for another one waits for a server that is not there any more.
pub(crate) fn upload(address: SocketAddr, local: &Path) -> Result<Sent, SendError> {
    let hello = Hello::of_client("test", PROCESS_ID);
    let watch = TriesOnce(Cancel::new().unwrap());
    let dialer = Dialer::new(Address::from(address), hello, PATIENCE);
    let mut remote = Remote::new(dialer, watch.0.clone());
    let destination = Destination { path: SharedPath::parse("file").unwrap(), new: false, if_digest: None };
    let outgoing = Outgoing { source: local.to_owned(), destination, likeness: Likeness::None };
    send(&mut remote, &outgoing, false, &watch, &Remembered::nothing())
}

pub(crate) fn content(byte_count: usize, seed: usize) -> Vec<u8> {
    (0..byte_count).map(|index| u8::try_from(((index / 4096 + seed) * 31 + index) % 256).unwrap()).collect()
}

/// A share on a file system that is synced as a whole, wherever the usual temporary files are (an overlay is not).
pub(crate) fn group_share() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// What stands in the share under names of its users.
pub(crate) fn files(share: &Path) -> Vec<String> {
    let names = std::fs::read_dir(share).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| !name.starts_with(".ioe-partial-")).collect()
}

/// Notes every step that was done.
#[derive(Default)]
pub(crate) struct Recorder(pub(crate) Mutex<Vec<Step>>);

impl Probe for Recorder {
    fn before(&self, _: Step) -> io::Result<()> {
        Ok(())
    }

    fn after(&self, step: Step) {
        self.0.lock().unwrap().push(step);
    }
}

/// A client that says exactly what it is told to.
pub(crate) struct Talk {
    lines: BufReader<TcpStream>,
}

impl Talk {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut talk = Self { lines: BufReader::new(socket) };
        let hello = format!(
            r#"{{"v":1,"type":"hello","agent":"test","versions":[1],"role":"client","process_id":"{PROCESS_ID}"}}"#
        );
        talk.send(format!("{hello}\n").as_bytes());
        assert!(talk.answer().unwrap().contains("welcome"));
        talk
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.lines.get_mut().write_all(bytes).unwrap();
    }

    /// The next line; none when the other end is gone.
    pub(crate) fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.lines.read_line(&mut line).ok()?;
        (count > 0).then_some(line)
    }

    /// The next answer: its id, and `written` or whatever else it is; a refusal's code.
    pub(crate) fn brief(&mut self) -> Option<(u64, String)> {
        let line = self.answer()?;
        let field = |name: &str| {
            let value = line.split_once(&format!("\"{name}\":"))?.1;
            Some(value.split([',', '}']).next()?.trim_matches('"').to_owned())
        };
        Some((field("id")?.parse().unwrap(), field("code").or_else(|| field("type"))?))
    }
}

/// A small WRITE with all that belongs to it; `more` stands in its first line.
pub(crate) fn small_write(id: u64, path: &str, bytes: &[u8], more: &str) -> Vec<u8> {
    let (byte_count, digest) = (bytes.len(), Digest::of(bytes));
    let mut all = format!(
        "{{\"v\":1,\"type\":\"write\",\"id\":{id},\"path\":\"{path}\",\"byte_count\":{byte_count}{more}}}\n\
         {{\"v\":1,\"type\":\"section\",\"id\":{id},\"offset\":0,\"byte_count\":{byte_count}}}\n"
    )
    .into_bytes();
    all.extend_from_slice(bytes);
    let end = format!(
        "{{\"v\":1,\"type\":\"end\",\"id\":{id},\"byte_count\":{byte_count},\"digest\":\"{digest}\"}}\n"
    );
    all.extend_from_slice(end.as_bytes());
    all
}

/// Many of them, `f1` and so on.
pub(crate) fn small_writes(count: u64, text: &str) -> Vec<u8> {
    (1..=count)
        .flat_map(|id| small_write(id, &format!("f{id}"), format!("{text} {id}").as_bytes(), ""))
        .collect()
}
