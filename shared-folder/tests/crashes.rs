//! Promise 1 at every step: a server that really ends, without cleaning up, before or after each step to the disk, and
//! steps that fail. Whatever happens, there is the old file or the new one, whole; with `written` seen, the new one.
//!
//! The server is this test program again, as a process of its own that runs one ignored test and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

use shared_folder::catalogue::Catalogue;
use shared_folder::folder::Folder;
use shared_folder::incoming::{Probe, Step, sweep};
use shared_folder::remote::{Cancel, Dialer, Remote, Unwatched};
use shared_folder::send::{Destination, Outgoing, SendError, Sent, send};
use shared_folder::serve::{Host, Observe, RequestRecord, Rules, Share};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wire::message::{Hello, Role};
use wire::net::service::{Admission, Service};
use wire::net::{Address, Listener};
use wire::path::SharedPath;

const STEPS: [(&str, Step); 5] = [
    ("write", Step::Write),
    ("sync", Step::Sync),
    ("rename", Step::Rename),
    ("sync folder", Step::SyncFolder),
    ("reply", Step::Reply),
];
const MIB: usize = 1 << 20;
const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";
/// What the child is told in its environment.
const SHARE: &str = "CRASH_TEST_SHARE";
const CRASH: &str = "CRASH_TEST_STEP";

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

/// Ends the process at a step, in its `count`th time.
struct Crash {
    step: Step,
    is_before: bool,
    left: AtomicU32,
}

impl Crash {
    /// From `rename:before:1`.
    fn parse(text: &str) -> Self {
        let parts: Vec<_> = text.split(':').collect();
        let step = STEPS.iter().find(|(name, _)| *name == parts[0]).unwrap().1;
        Self { step, is_before: parts[1] == "before", left: AtomicU32::new(parts[2].parse().unwrap()) }
    }

    fn meet(&self, step: Step, is_before: bool) {
        if step == self.step && is_before == self.is_before && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}

impl Probe for Crash {
    fn before(&self, step: Step) -> io::Result<()> {
        self.meet(step, true);
        Ok(())
    }

    fn after(&self, step: Step) {
        self.meet(step, false);
    }
}

/// Fails a step once.
struct Fault {
    step: Step,
    kind: io::ErrorKind,
    left: AtomicU32,
}

impl Probe for Fault {
    fn before(&self, step: Step) -> io::Result<()> {
        let is_due = step == self.step
            && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_due { Err(self.kind.into()) } else { Ok(()) }
    }

    fn after(&self, _: Step) {}
}

fn service(share: &Path, probe: Option<Arc<dyn Probe>>) -> Service {
    let rules = Rules::default();
    let welcome = Host::welcome("test".into(), Role::Server, PROCESS_ID.into(), &rules);
    let mut share = Share::new(Folder::open(share).unwrap(), Catalogue::open(None), rules);
    share.probe = probe;
    let host = Host { share, welcome, observer: Box::new(Quiet) };
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let admission = Admission { connections_max: 8, openings_max: 0, patience: Duration::from_secs(20) };
    Service::start(listener, admission, Arc::new(host)).unwrap()
}

#[test]
#[ignore = "it is the server of the other tests, which start it as a process"]
fn serve_until_the_input_ends() {
    let Ok(share) = std::env::var(SHARE) else { return };
    let probe = std::env::var(CRASH).ok().map(|text| Arc::new(Crash::parse(&text)) as Arc<dyn Probe>);
    let service = service(Path::new(&share), probe);
    // The harness has captured the usual output.
    io::Write::write_all(&mut io::stderr(), format!("listening on {}\n", service.address()).as_bytes())
        .unwrap();
    let _ = io::stdin().read(&mut [0]);
}

/// The server as a process; killed when it is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(share: &Path, crash: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "serve_until_the_input_ends", "--ignored", "--nocapture"]);
        command.env(SHARE, share).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(crash) = crash {
            command.env(CRASH, crash);
        }
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address =
            lines.find_map(|line| line.unwrap().strip_prefix("listening on ")?.parse().ok()).unwrap();
        // Whatever it still says is nobody's, but the pipe must not fill.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address }
    }

    fn has_crashed(&mut self) -> bool {
        self.process.wait().unwrap().code().is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is what most tests want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn upload(address: SocketAddr, local: &Path, patience: Duration) -> Result<Sent, SendError> {
    let hello = Hello::of_client("test", PROCESS_ID);
    let mut remote =
        Remote::new(Dialer::new(Address::from(address), hello, patience), Cancel::new().unwrap());
    let destination = Destination { path: SharedPath::parse("file").unwrap(), new: false, if_digest: None };
    let outgoing = Outgoing { source: local.to_owned(), destination };
    send(&mut remote, &outgoing, false, &Unwatched)
}

fn content(byte_count: usize, seed: usize) -> Vec<u8> {
    (0..byte_count).map(|index| u8::try_from(((index / 4096 + seed) * 31 + index) % 256).unwrap()).collect()
}

/// What stands in the share under names of its users.
fn files(share: &Path) -> Vec<String> {
    let names = std::fs::read_dir(share).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| !name.starts_with(".ioe-partial-")).collect()
}

/// Crashes the server at one step of an upload, looks at what is there, and lets the upload be completed.
fn crash_at(crash: &str, old: Option<&[u8]>, new: &[u8]) {
    let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(local.path(), new).unwrap();
    let file = share.path().join("file");
    if let Some(old) = old {
        std::fs::write(&file, old).unwrap();
    }
    let mut server = Server::start(share.path(), Some(crash));
    let outcome = upload(server.address, local.path(), Duration::from_millis(200));
    assert!(server.has_crashed(), "{crash}");
    assert!(outcome.is_err(), "{crash}: nobody was told that it is written");
    // From the rename on there is the new file; before it, the old one, or none.
    let is_renamed =
        crash == "rename:after:1" || crash.starts_with("sync folder") || crash.starts_with("reply");
    let expected = if is_renamed { Some(new) } else { old };
    assert_eq!(std::fs::read(&file).ok().as_deref(), expected, "{crash}");
    let server = Server::start(share.path(), None);
    upload(server.address, local.path(), Duration::from_secs(20)).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), new, "{crash}");
    assert_eq!(files(share.path()), ["file"], "{crash}");
    drop(server);
    let folder = Folder::open(share.path()).unwrap();
    sweep(&folder, 0, &|| false).unwrap();
    assert_eq!(std::fs::read_dir(share.path()).unwrap().count(), 1, "{crash}: nothing is left behind");
}

fn crash_everywhere(old: Option<&[u8]>, new: &[u8]) {
    for (step, _) in STEPS {
        for moment in ["before", "after"] {
            crash_at(&format!("{step}:{moment}:1"), old, new);
        }
    }
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_new_small_file_leaves_none_or_all_of_it() {
    crash_everywhere(None, b"new and small");
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_replaced_small_file_leaves_the_old_or_the_new_one() {
    crash_everywhere(Some(b"old"), b"new and small");
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_replaced_large_file_leaves_the_old_or_the_new_one() {
    crash_everywhere(Some(&content(2 * MIB, 1)), &content(3 * MIB + 5, 2));
}

#[test]
fn promise_1_a_crash_in_the_middle_of_a_large_file_and_again_when_it_is_continued_leaves_the_old_one() {
    let (old, new) = (content(2 * MIB, 1), content(6 * MIB, 2));
    let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(local.path(), &new).unwrap();
    std::fs::write(share.path().join("file"), &old).unwrap();
    for crash in ["write:after:3", "write:before:2", "sync:after:1", "rename:before:1"] {
        let mut server = Server::start(share.path(), Some(crash));
        assert!(upload(server.address, local.path(), Duration::from_millis(200)).is_err(), "{crash}");
        assert!(server.has_crashed(), "{crash}");
        assert_eq!(std::fs::read(share.path().join("file")).unwrap(), old, "{crash}");
    }
    let server = Server::start(share.path(), None);
    upload(server.address, local.path(), Duration::from_secs(20)).unwrap();
    assert_eq!(std::fs::read(share.path().join("file")).unwrap(), new);
}

/// Notes every step that was done.
#[derive(Default)]
struct Recorder(Mutex<Vec<Step>>);

impl Probe for Recorder {
    fn before(&self, _: Step) -> io::Result<()> {
        Ok(())
    }

    fn after(&self, step: Step) {
        self.0.lock().unwrap().push(step);
    }
}

#[test]
fn promise_1_written_is_said_after_write_sync_rename_and_folder_sync_in_that_order() {
    for byte_count in [5, 3 * MIB] {
        let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(local.path(), content(byte_count, 1)).unwrap();
        let recorder = Arc::new(Recorder::default());
        let service = service(share.path(), Some(Arc::clone(&recorder) as Arc<dyn Probe>));
        upload(service.address(), local.path(), Duration::from_secs(20)).unwrap();
        let mut steps = recorder.0.lock().unwrap().clone();
        steps.dedup();
        assert_eq!(steps, STEPS.map(|(_, step)| step));
    }
}

#[test]
fn promise_1_an_error_at_any_step_is_told_and_leaves_the_old_file_and_the_next_upload_works() {
    for byte_count in [5, 3 * MIB] {
        for step in [Step::Write, Step::Sync, Step::Rename] {
            for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::Other] {
                let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
                let new = content(byte_count, 2);
                std::fs::write(local.path(), &new).unwrap();
                std::fs::write(share.path().join("file"), "old").unwrap();
                let fault = Fault { step, kind, left: AtomicU32::new(1) };
                let service = service(share.path(), Some(Arc::new(fault)));
                let told = upload(service.address(), local.path(), Duration::from_secs(20)).unwrap_err();
                assert!(matches!(told, SendError::Remote(_)), "{step:?} {kind:?}: {told}");
                assert_eq!(std::fs::read(share.path().join("file")).unwrap(), b"old", "{step:?} {kind:?}");
                upload(service.address(), local.path(), Duration::from_secs(20)).unwrap();
                assert_eq!(std::fs::read(share.path().join("file")).unwrap(), new, "{step:?} {kind:?}");
                assert_eq!(std::fs::read_dir(share.path()).unwrap().count(), 1, "{step:?} {kind:?}");
            }
        }
    }
}
