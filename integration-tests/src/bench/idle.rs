//! Connections over which nothing happens: how fast they open, what each costs, and whether a transfer beside them suffers.
//!
//! It must not know how a server keeps them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Instant;

use rustix::process::{Resource, getrlimit};
use serde_json::json;

use super::contenders::{nginx, ours, ours_public};
use super::files::{self, LARGE};
use super::site::Site;
use super::table::{Table, as_f64, median, shown};
use super::{Bench, trial, usage};
use crate::by_hand::{hello, line_of};
use crate::stream::Stream;
use crate::systems::system::{Action, Job, System};
use crate::tls::{TlsKey, TlsStream};

/// So many are opened at the same time.
const OPENERS: usize = 8;
/// What a program needs beside one descriptor for each connection.
const DESCRIPTORS_BESIDE: u64 = 500;
/// The file that is fetched beside them is at most so long.
const LARGE_BYTES_MAX: u64 = 1 << 30;
const COLUMNS: &[&str] = &[
    "system",
    "connections",
    "opened in s",
    "server CPU ms each, opening",
    "KiB each, server",
    "KiB each, kernel (both ends)",
    "threads more",
    "MB/s alone",
    "MB/s beside them",
    "ratio",
];

/// Whose connections are idle.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    needs: &'static [(&'static str, &'static str)],
    system: fn(&Path) -> Box<dyn System>,
    open: fn(SocketAddr) -> io::Result<Stream>,
}

const KINDS: &[Kind] = &[
    Kind { name: "ioe", needs: &[], system: ours, open: open_plain },
    Kind { name: "ioe, TLS", needs: &[], system: ours_public, open: open_tls },
    Kind {
        name: "nginx",
        needs: &[("nginx", "nginx"), ("curl", "curl")],
        system: nginx,
        open: |address| Ok(TcpStream::connect(address)?.into()),
    },
];

/// Opens and holds them, with a transfer before and beside.
pub(crate) fn run(bench: &Bench) -> Table {
    let count = connection_count(bench);
    let source = tempfile::tempdir().unwrap();
    files::make_large(source.path(), bench.sizes.large_bytes.min(LARGE_BYTES_MAX));
    let title = format!("idle: {count} connections");
    let mut table = Table::new("idle", title, COLUMNS.to_vec());
    for kind in KINDS {
        if bench.has(kind.name, kind.needs) {
            measure(bench, *kind, count, &source.path().join(LARGE), &mut table);
            bench.progress(kind.name);
        }
    }
    table
}

/// As many as are wanted, or as this program may have.
fn connection_count(bench: &Bench) -> usize {
    let may_have = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = usize::try_from(may_have.saturating_sub(DESCRIPTORS_BESIDE)).unwrap_or(usize::MAX);
    if room < bench.sizes.idle_count {
        bench.note(format!("idle: only {room} connections, for the system allows no more descriptors"));
    }
    room.min(bench.sizes.idle_count)
}

fn measure(bench: &Bench, kind: Kind, count: usize, source: &Path, table: &mut Table) {
    let site = Site::open((kind.system)(&bench.programs), &bench.programs, bench.rights, |ground| {
        files::link(source, &ground.share().join(LARGE));
    });
    let id = site.server.id();
    let alone = transfer_rate(bench, &site, kind, source);
    let before = (usage::proportional(id), usage::kernel_bytes(), usage::thread_count(id));
    let cpu_before = usage::processor_seconds(id);
    let begin = Instant::now();
    let connections = open_all(site.address, count, kind.open);
    let seconds = begin.elapsed().as_secs_f64();
    site.wait_until_at_rest();
    let cpu_each = (usage::processor_seconds(id) - cpu_before) * 1000.0 / as_f64(count as u64);
    let each = |now: u64, before: u64| as_f64(now.saturating_sub(before)) / 1024.0 / as_f64(count as u64);
    let server_each = each(usage::proportional(id), before.0);
    let kernel_each = each(usage::kernel_bytes(), before.1);
    let threads = usage::thread_count(id).saturating_sub(before.2);
    let beside = transfer_rate(bench, &site, kind, source);
    let open_count = connections.len();
    let numbers = [seconds, server_each, kernel_each].map(shown);
    let [seconds_shown, server_shown, kernel_shown] = numbers;
    let cells = vec![
        kind.name.to_owned(),
        open_count.to_string(),
        seconds_shown,
        shown(cpu_each),
        server_shown,
        kernel_shown,
        threads.to_string(),
        shown(alone),
        shown(beside),
        format!("{:.2}", beside / alone),
    ];
    let object = json!({
        "workload": "idle", "system": kind.name, "connections": open_count, "open_seconds": seconds,
        "open_server_cpu_seconds_each": cpu_each / 1000.0,
        "server_kib_each": server_each, "kernel_kib_each": kernel_each, "threads_more": threads,
        "rate_alone": alone, "rate_beside": beside,
    });
    table.add(cells, object);
}

/// Fetches the file again and again; each time it is compared.
fn transfer_rate(bench: &Bench, site: &Site, kind: Kind, source: &Path) -> f64 {
    let local = site.ground.local().join(LARGE);
    let megabytes = as_f64(source.metadata().unwrap().len()) / 1e6;
    let rates = (0..bench.sizes.warm_up_rounds + bench.sizes.rounds).map(|_| {
        files::remove(&local);
        let command = match kind.name {
            "ioe" => site.ours(&format!("READ {LARGE}")),
            "ioe, TLS" => site.ours_over_tls(&format!("READ {LARGE}")),
            _ => {
                site.system.client(&site.ground, &Job { action: Action::Download, name: LARGE }, site.address)
            }
        };
        let trial = trial::run(&mut site.in_local(command), &site.server);
        files::assert_same(source, &local);
        megabytes / trial.seconds
    });
    median(rates.skip(bench.sizes.warm_up_rounds).collect())
}

fn open_all(address: SocketAddr, count: usize, open: fn(SocketAddr) -> io::Result<Stream>) -> Vec<Stream> {
    let openers: Vec<_> = (0..OPENERS)
        .map(|opener| {
            let share = count / OPENERS + usize::from(opener < count % OPENERS);
            thread::spawn(move || (0..share).map(|_| open(address)).collect::<io::Result<Vec<_>>>())
        })
        .collect();
    openers.into_iter().flat_map(|opener| opener.join().unwrap().expect("all open")).collect()
}

fn open_plain(address: SocketAddr) -> io::Result<Stream> {
    greet(TcpStream::connect(address)?.into())
}

fn open_tls(address: SocketAddr) -> io::Result<Stream> {
    greet(TlsStream::try_dial(address, &TlsKey::generate())?.0.into())
}

fn greet(mut stream: Stream) -> io::Result<Stream> {
    stream.write_all(line_of(&hello("0123456789abcdef0123456789abcdef")).as_bytes())?;
    let mut said = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        stream.read_exact(&mut byte)?;
        said.push(byte[0]);
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    if said.contains("\"welcome\"") { Ok(stream) } else { Err(io::Error::other(said)) }
}
