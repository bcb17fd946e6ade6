//! How equally a server treats those that download at the same time: eight who ask for one thing after the other, alone and
//! beside somebody who asks for much at once, with and without a limit of the rate.
//!
//! It must not know how a server shares what it has.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Bench;
use super::contenders::{ours, ours_limited};
use super::files::{self, LARGE, SMALL_BYTES};
use super::site::Site;
use super::table::{Table, as_f64, median, shown};
use super::usage;
use crate::by_hand::{hello, line_of};
use crate::patience::{eventually_true, pause};
use crate::systems::system::System;

/// Those that are treated alike.
const EQUAL_COUNT: usize = 8;
/// The requests that somebody has under way who wants more than others: as many as the protocol allows.
const REQUESTS_MANY: usize = 64;
/// A file that is as good as nothing.
const SMALL: &str = "small.bin";
/// The file that is fetched is at most so long.
const LARGE_BYTES_MAX: u64 = 256 << 20;
const GIBIBYTE: f64 = 1_073_741_824.0;
const BUFFER_BYTES: usize = 256 * 1024;
const COLUMNS: &[&str] = &[
    "system",
    "Jain's index",
    "least of rounds",
    "MB/s of the eight",
    "server CPU s/GiB",
    "MB/s of the other",
    "ratio to one of them",
];

/// A server with our programs in this folder.
type Opened = fn(&Path) -> Box<dyn System>;

/// Whose server it is.
const KINDS: &[(&str, Opened)] = &[("ioe", ours), ("ioe --limit-rate 200MiB", ours_limited)];

/// Somebody who asks again and again.
#[derive(Clone, Copy)]
struct Asker {
    /// For what.
    request: fn() -> Value,
    /// How many answers it waits for at a time.
    under_way: usize,
    /// Over how many connections.
    connections: usize,
}

/// One of the eight.
const EQUAL: Asker = Asker { request: read_large, under_way: 1, connections: 1 };

/// Who else is there.
const COMPANIES: &[(&str, Option<Asker>)] = &[
    ("alone", None),
    ("beside one of 64 requests", Some(Asker { under_way: REQUESTS_MANY, ..EQUAL })),
    (
        "beside one of 64 small READs",
        Some(Asker {
            request: || json!({"type": "read", "path": SMALL}),
            under_way: REQUESTS_MANY,
            connections: 1,
        }),
    ),
    (
        "beside one of 64 STATs",
        Some(Asker {
            request: || json!({"type": "stat", "path": SMALL}),
            under_way: REQUESTS_MANY,
            connections: 1,
        }),
    ),
    ("beside one of 8 connections", Some(Asker { connections: 8, ..EQUAL })),
];

fn read_large() -> Value {
    json!({"type": "read", "path": LARGE})
}

/// Measures each server with the eight alone, and beside others.
pub(crate) fn run(bench: &Bench) -> Table {
    let title =
        format!("fairness: {EQUAL_COUNT} downloads at once, alone and beside somebody who wants more");
    let mut table = Table::new("fairness", title, COLUMNS.to_vec());
    let source = tempfile::tempdir().unwrap();
    files::make_large(source.path(), bench.sizes.large_bytes.min(LARGE_BYTES_MAX));
    for (name, system) in KINDS {
        let site = Site::open(system(&bench.programs), &bench.programs, bench.rights, |ground| {
            files::link(&source.path().join(LARGE), &ground.share().join(LARGE));
            fs::write(ground.share().join(SMALL), [7; SMALL_BYTES]).unwrap();
        });
        make_known(site.address);
        for (company, asker) in COMPANIES {
            let measured = || measure(&site, *asker, bench.sizes.load_time);
            let rounds: Vec<_> = (0..bench.sizes.rounds).map(|_| measured()).collect();
            add(&mut table, &format!("{name}, {company}"), &rounds);
            bench.progress(&format!("{name}, {company}"));
        }
    }
    table
}

/// What each of the eight got in a second, and the other.
struct Shares {
    equal: Vec<f64>,
    other: Option<f64>,
    /// Processor seconds of the server for each gibibyte that it gave.
    server_cpu: f64,
}

impl Shares {
    /// 1 where all got equally much, 1/n where one of n got everything (Jain, Chiu and Hawe, 1984).
    fn index(&self) -> f64 {
        let sum: f64 = self.equal.iter().sum();
        let squares: f64 = self.equal.iter().map(|share| share * share).sum();
        sum * sum / (squares * as_f64(self.equal.len() as u64))
    }

    fn sum(&self) -> f64 {
        self.equal.iter().sum()
    }
}

fn add(table: &mut Table, name: &str, rounds: &[Shares]) {
    let middle = |of: &dyn Fn(&Shares) -> f64| median(rounds.iter().map(of).collect());
    let index = middle(&Shares::index);
    let least = rounds.iter().map(Shares::index).fold(1.0, f64::min);
    let sum = middle(&Shares::sum);
    let server_cpu = middle(&|shares| shares.server_cpu);
    let has_other = rounds.iter().any(|shares| shares.other.is_some());
    let other = has_other.then(|| middle(&|shares| shares.other.unwrap_or(0.0)));
    let ratio = other.map(|other| other / (sum / as_f64(EQUAL_COUNT as u64)));
    let or_none = |number: Option<f64>| number.map_or("–".to_owned(), shown);
    let cells = vec![
        name.to_owned(),
        format!("{index:.4}"),
        format!("{least:.4}"),
        shown(sum),
        shown(server_cpu),
        or_none(other),
        or_none(ratio),
    ];
    let object = json!({
        "workload": "fairness", "system": name, "index": index, "index_least": least, "rate_equal": sum,
        "server_cpu_seconds_per_gib": server_cpu,
        "rate_other": other,
    });
    table.add(cells, object);
}

/// One connection of somebody who asks.
struct Downloader {
    socket: TcpStream,
    byte_count: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Downloader {
    fn start(address: SocketAddr, asker: Asker) -> Self {
        let byte_count = Arc::new(AtomicU64::new(0));
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(line_of(&hello("0123456789abcdef0123456789abcdef")).as_bytes()).unwrap();
        let (reader, counter) = (socket.try_clone().unwrap(), Arc::clone(&byte_count));
        // It ends when its socket is closed.
        let thread = thread::spawn(move || drop(download(reader, asker, &counter)));
        Self { socket, byte_count, thread }
    }

    fn moved(&self) -> u64 {
        self.byte_count.load(Ordering::Relaxed)
    }

    fn stop(self) {
        self.socket.shutdown(Shutdown::Both).unwrap();
        self.thread.join().unwrap();
    }
}

fn download(mut socket: TcpStream, asker: Asker, byte_count: &AtomicU64) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, socket.try_clone()?);
    let (mut buffer, mut request) = (vec![0; BUFFER_BYTES], (asker.request)());
    let mut last_id = 0;
    let mut ask = |last_id: &mut u64| {
        *last_id += 1;
        request["id"] = json!(last_id);
        socket.write_all(line_of(&request).as_bytes())
    };
    (0..asker.under_way).try_for_each(|_| ask(&mut last_id))?;
    loop {
        let line = line_from(&mut reader)?;
        if line["type"] == "end" || line["type"] == "found" {
            ask(&mut last_id)?;
            // What there is of an answer without content.
            byte_count.fetch_add(1, Ordering::Relaxed);
        }
        let mut left = if line["type"] == "section" { line["byte_count"].as_u64().unwrap_or(0) } else { 0 };
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER_BYTES);
            let count = reader.read(&mut buffer[..wanted])? as u64;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            byte_count.fetch_add(count, Ordering::Relaxed);
            left -= count;
        }
    }
}

fn line_from(reader: &mut impl BufRead) -> io::Result<Value> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    serde_json::from_str(&line).map_err(io::Error::other)
}

/// Has the server hash the file before anything is measured.
fn make_known(address: SocketAddr) {
    let mut socket = TcpStream::connect(address).unwrap();
    let asked = json!({"type": "stat", "id": 1, "path": LARGE, "with_digest": true});
    let words = line_of(&hello("0123456789abcdef0123456789abcdef")) + &line_of(&asked);
    socket.write_all(words.as_bytes()).unwrap();
    let mut reader = BufReader::new(socket);
    while line_from(&mut reader).unwrap()["type"] != "found" {}
}

fn measure(site: &Site, company: Option<Asker>, time: Duration) -> Shares {
    let (address, server) = (site.address, site.server.id());
    let connections = company.map_or(0, |asker| asker.connections);
    let others = company.into_iter().cycle().take(connections);
    let mut all: Vec<_> = others.map(|asker| Downloader::start(address, asker)).collect();
    all.extend((0..EQUAL_COUNT).map(|_| Downloader::start(address, EQUAL)));
    eventually_true("bytes for all", || all.iter().all(|one| one.moved() > 0));
    let cpu_before = usage::processor_seconds(server);
    let before: Vec<u64> = all.iter().map(Downloader::moved).collect();
    let begin = Instant::now();
    pause(time);
    let after: Vec<u64> = all.iter().map(Downloader::moved).collect();
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = usage::processor_seconds(server) - cpu_before;
    all.into_iter().for_each(Downloader::stop);
    let moved: u64 = before.iter().zip(&after).map(|(before, after)| after - before).sum();
    let server_cpu = cpu / (as_f64(moved) / GIBIBYTE);
    let rates = before.iter().zip(&after).map(|(before, after)| as_f64(after - before) / 1e6 / seconds);
    let mut others: Vec<f64> = rates.collect();
    let equal = others.split_off(connections);
    Shares { equal, other: company.map(|_| others.iter().sum()), server_cpu }
}
