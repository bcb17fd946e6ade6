//! Measures READ from several servers: four with a capped rate each, one of them slow, one that dies, and without caps.
//!
//! It must not know how the client chooses. Prints a line for each round: seconds, share of what is possible, bytes that
//! came beyond the file, processor seconds of all ends for each GiB.

use integration_tests::server::{Server, ServerSetup};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// The capped rate of one source, in bytes a second.
const RATE: f64 = 25e6;
/// How far a relay may be behind its rate and make it good.
const CATCH_UP: Duration = Duration::from_millis(20);
/// A file is as old as that before its digest is kept: it might change in the very moment otherwise.
const AGE: Duration = Duration::from_secs(4);
/// Clock ticks of the system in a second, as /proc counts them.
const TICKS: f64 = 100.0;

/// Stands before a server and passes so many bytes a second to its clients.
struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    rate: f64,
    free_at: Mutex<Instant>,
    passed: AtomicU64,
    is_dead: AtomicBool,
    dies_after: u64,
}

impl Relay {
    fn start(target: SocketAddr, rate: f64, dies_after: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            rate,
            free_at: Mutex::new(Instant::now()),
            passed: AtomicU64::new(0),
            is_dead: AtomicBool::new(false),
            dies_after,
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(accepting.target) else { return };
                if accepting.is_dead.load(Ordering::SeqCst) {
                    continue;
                }
                let (Ok(up), Ok(down)) = (client.try_clone(), server.try_clone()) else { return };
                thread::spawn(move || io::copy(&mut &up, &mut &down));
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.pass(&server, &client));
            }
        });
        Ok(Self { address, shared })
    }

    fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn pass(&self, mut server: &TcpStream, mut client: &TcpStream) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = server.read(&mut buffer) {
            self.pace(count);
            let passed = self.passed.fetch_add(count as u64, Ordering::SeqCst);
            if passed > self.dies_after {
                self.is_dead.store(true, Ordering::SeqCst);
            }
            let is_dead = self.is_dead.load(Ordering::SeqCst);
            if is_dead || client.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }

    fn pace(&self, count: usize) {
        let time = Duration::from_secs_f64(f64::from(u32::try_from(count).unwrap_or(0)) / self.rate);
        let until = {
            let Ok(mut free_at) = self.free_at.lock() else { return };
            // What was slept too long may be made good, or the rate would be lower than it says.
            let now = Instant::now();
            *free_at = (*free_at).max(now.checked_sub(CATCH_UP).unwrap_or(now)) + time;
            *free_at
        };
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
    }
}

/// Processor seconds that a process has used, or with `of_children` those of its children that ended.
fn processor_seconds(process: &str, of_children: bool) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let fields: Vec<f64> = fields.map(|field| field.parse().unwrap_or(0.0)).collect();
    let first = if of_children { 13 } else { 11 };
    fields.iter().skip(first).take(2).sum::<f64>() / TICKS
}

struct Bench {
    client: std::path::PathBuf,
    servers: Vec<Server>,
    scratch: tempfile::TempDir,
    length: u64,
}

impl Bench {
    /// Reads the file from these ends; gives the seconds that it took, and those of the processor.
    fn read(&self, addresses: &[SocketAddr]) -> io::Result<(f64, f64)> {
        let used = || {
            let servers = self.servers.iter().map(|server| server.process().id().to_string());
            servers.map(|id| processor_seconds(&id, false)).sum::<f64>() + processor_seconds("self", true)
        };
        let (before, begun) = (used(), Instant::now());
        let mut command = Command::new(&self.client);
        let mut addresses = addresses.iter().map(ToString::to_string);
        command.arg(addresses.next().unwrap_or_default());
        addresses.for_each(|address| {
            command.arg("--source").arg(address);
        });
        command
            .arg("--dir")
            .arg(self.scratch.path())
            .arg("--state-dir")
            .arg(self.scratch.path().join("state"));
        let status = command.args(["--cmd", "READ film.mov"]).stdout(Stdio::null()).status()?;
        let time = begun.elapsed().as_secs_f64();
        let landed = self.scratch.path().join("film.mov");
        let is_right = status.success() && fs::metadata(&landed)?.len() == self.length;
        fs::remove_file(landed)?;
        if is_right { Ok((time, used() - before)) } else { Err(io::Error::other("the file is not right")) }
    }

    fn round(&self, name: &str, rates: &[f64], dies_after: u64) -> io::Result<()> {
        let relays = rates.iter().zip(&self.servers).enumerate().map(|(number, (rate, server))| {
            let dies_after = if number == 1 { dies_after } else { u64::MAX };
            Relay::start(server.address(), *rate, dies_after)
        });
        let relays = relays.collect::<io::Result<Vec<_>>>()?;
        let addresses: Vec<SocketAddr> = relays.iter().map(|relay| relay.address).collect();
        let (time, processor) = self.read(&addresses)?;
        let passed: u64 = relays.iter().map(Relay::passed).sum();
        // Who dies after so much brings that, and the others the rest.
        let dead = float(dies_after.min(self.length));
        let possible = match dies_after {
            u64::MAX => float(self.length) / rates.iter().sum::<f64>(),
            _ => {
                let rate = rates.get(1).copied().unwrap_or(RATE);
                let others = rates.iter().sum::<f64>() - rate;
                dead / rate + (float(self.length) - dead / rate * (rate + others)) / others
            }
        };
        let share = 100.0 * possible / time;
        let surplus = 100.0 * (float(passed) - float(self.length)) / float(self.length);
        self.print(name, time, &format!("{share:.1} % of the possible, {surplus:.2} % twice"), processor)
    }

    fn print(&self, name: &str, time: f64, figures: &str, processor: f64) -> io::Result<()> {
        let each = processor / float(self.length) * float(1024 * MIB);
        let speed = float(self.length) / time / 1e6;
        writeln!(io::stdout(), "{name:<28} {time:>7.3} s {speed:>7.0} MB/s  {figures}, {each:.2} CPU s/GiB")
    }
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count / 1024).unwrap_or(u32::MAX)) * 1024.0
}

fn make(path: &Path, length: u64) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    let mut bytes = blake3::Hasher::new().update(b"film").finalize_xof();
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..length / MIB {
        bytes.fill(&mut buffer);
        file.write_all(&buffer)?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let length = MIB * std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(512);
    let rounds = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(3);
    let mut programs = std::env::current_exe()?;
    programs.pop();
    let share = tempfile::tempdir()?;
    make(&share.path().join("film.mov"), length)?;
    let server = || ServerSetup::new(programs.join("ioe-server-under-test")).serving(share.path()).start();
    let servers: Vec<Server> = (0..4).map(|_| server()).collect();
    let client = programs.join("ioe-client-under-test");
    let bench = Bench { client, servers, scratch: tempfile::tempdir()?, length };
    let all: Vec<SocketAddr> = bench.servers.iter().map(Server::address).collect();
    let made = Instant::now();
    while let Some(left) = AGE.checked_sub(made.elapsed()) {
        thread::park_timeout(left);
    }
    for address in &all {
        // The digests are known from here on.
        bench.read(&[*address])?;
    }
    let first = all.get(..1).unwrap_or_default();
    for _ in 0..rounds {
        let (one, processor) = bench.read(first)?;
        bench.print("one, plain", one, "", processor)?;
        let (time, processor) = bench.read(&all)?;
        bench.print("four, no caps", time, &format!("{:.2} of one", one / time), processor)?;
        bench.round("four of 25 MB/s", &[RATE; 4], u64::MAX)?;
        bench.round("three, and one of 1 %", &[RATE, RATE / 100.0, RATE, RATE], u64::MAX)?;
        bench.round("four, one dies half-way", &[RATE; 4], length / 8)?;
    }
    Ok(())
}
