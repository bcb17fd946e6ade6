//! One file from several servers at once: with a capped rate each, one of them slow, one that dies, and without caps.
//!
//! It must not know how a client chooses.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::contenders::{ARIA2, LIMIT, fetch_limited, nginx, ours, the_limit};
use super::files::{self, LARGE};
use super::relay::{Pace, Relay};
use super::rounds::attempt;
use super::site::Site;
use super::sizes::Sizes;
use super::table::{Table, as_f64, median, shown};
use super::trial::{self, Trial};
use super::{Bench, usage};
use crate::patience::pause;
use crate::systems::ours::Ours;
use crate::systems::system::{System, program};

/// From so many servers.
const SOURCES: usize = 4;
/// What one of them gives in a second where it is capped.
const RATE: f64 = 25e6;
/// The part of it that the slow one gives.
const SLOW_PART: f64 = 0.01;
/// The part of the file after which one of them dies: half-way, as each of them brings a quarter.
const DEAD_PART: u64 = 8;
/// Of a younger file our server keeps no digest, for it might change in the same moment.
const AGE: Duration = Duration::from_secs(4);
/// Ways to write the same address: aria2 asks one host over one connection, unless it believes that there are several.
const HOSTS: [&str; SOURCES] = ["127.0.0.1", "127.0.1", "127.1", "0x7f.1"];
const GIBIBYTE: f64 = 1_073_741_824.0;
const COLUMNS: &[&str] = &[
    "system",
    "MB/s",
    "least – most",
    "ratio",
    "fetched twice %",
    "client CPU s/GiB",
    "servers CPU s/GiB",
    "client MiB",
    "servers MiB",
];

/// Who fetches, from whom.
struct Kind {
    needs: &'static [(&'static str, &'static str)],
    system: fn(&Path) -> Box<dyn System>,
    /// The client with the length of the file and the addresses that it is to ask.
    client: fn(&Bench, &Site, &[SocketAddr], u64) -> Command,
}

const OURS: Kind = Kind { needs: &[], system: ours, client: fetch_ours };
const THEIRS: Kind = Kind { needs: ARIA2, system: nginx, client: fetch_theirs };
const LIMITS: Kind =
    Kind { needs: &[], system: the_limit, client: |_, site, _, length| fetch_limited(site, length) };

/// What the servers give.
#[derive(Clone, Copy)]
enum Caps {
    /// As much as they can.
    None(usize),
    Equal,
    OneIsSlow,
    OneDies,
}

/// A row: who, and from whom.
const ROWS: &[(&str, &Kind, Caps)] = &[
    (LIMIT, &LIMITS, Caps::None(1)),
    ("ioe, one", &OURS, Caps::None(1)),
    ("ioe, four", &OURS, Caps::None(SOURCES)),
    ("nginx, aria2c, four", &THEIRS, Caps::None(SOURCES)),
    ("ioe, four of 25 MB/s", &OURS, Caps::Equal),
    ("nginx, aria2c, four of 25 MB/s", &THEIRS, Caps::Equal),
    ("ioe, three, and one of 1 %", &OURS, Caps::OneIsSlow),
    ("ioe, four, one dies half-way", &OURS, Caps::OneDies),
];

/// One of the rows with what came out.
struct Row {
    name: &'static str,
    caps: Caps,
    servers: Vec<Site>,
    kind: &'static Kind,
    runs: Vec<Run>,
}

struct Run {
    rate: f64,
    twice: f64,
    trial: Trial,
}

/// Fetches the file in each way, in turns.
pub(crate) fn run(bench: &Bench) -> Table {
    let length = bench.sizes.shared_bytes;
    let source = tempfile::tempdir().unwrap();
    files::make_large(source.path(), length);
    let source = source.path().join(LARGE);
    let mut rows: Vec<Row> = ROWS.iter().filter_map(|row| open(bench, row, &source)).collect();
    let Sizes { rounds, warm_up_rounds, .. } = bench.sizes;
    if warm_up_rounds > 0 {
        pause(AGE);
    }
    for round in 0..warm_up_rounds + rounds {
        rows.retain_mut(|row| {
            let Some(run) = attempt(bench, row.name, || row.fetch(bench, &source, length)) else {
                return false;
            };
            bench.progress(&format!("{}: {}", row.name, shown(run.rate)));
            row.runs.extend((round >= warm_up_rounds).then_some(run));
            true
        });
    }
    table(&rows, length)
}

fn open(
    bench: &Bench,
    (name, kind, caps): &(&'static str, &'static Kind, Caps),
    source: &Path,
) -> Option<Row> {
    let server = || {
        Site::open((kind.system)(&bench.programs), &bench.programs, bench.rights, |ground| {
            files::link(source, &ground.share().join(LARGE));
        })
    };
    let count = if let Caps::None(count) = caps { *count } else { SOURCES };
    bench.has(name, kind.needs).then(|| {
        let servers = (0..count).map(|_| server()).collect();
        Row { name, caps: *caps, servers, kind, runs: Vec::new() }
    })
}

impl Row {
    fn fetch(&self, bench: &Bench, source: &Path, length: u64) -> Run {
        let landed = self.servers[0].ground.local().join(LARGE);
        files::remove(&landed);
        let paces = self.caps.paces(length);
        let relays: Vec<Relay> = self
            .servers
            .iter()
            .zip(&paces)
            .map(|(server, pace)| Relay::start(server.address, *pace))
            .collect();
        let addresses: Vec<SocketAddr> = match self.caps {
            Caps::None(_) => self.servers.iter().map(|server| server.address).collect(),
            _ => relays.iter().map(|relay| relay.address).collect(),
        };
        let command = (self.kind.client)(bench, &self.servers[0], &addresses, length);
        let trial = self.measured(command);
        files::assert_same(source, &landed);
        files::remove(&landed);
        let passed: u64 = relays.iter().map(Relay::passed).sum();
        let twice = 100.0 * as_f64(passed.saturating_sub(length)) / as_f64(length);
        Run { rate: as_f64(length) / 1e6 / trial.seconds, twice, trial }
    }

    /// What a client costs that has all the servers for itself.
    fn measured(&self, command: Command) -> Trial {
        self.servers.iter().for_each(Site::wait_until_at_rest);
        let [first, others @ ..] = self.servers.as_slice() else { unreachable!("there is a server") };
        let cpu = || others.iter().map(|site| usage::processor_seconds(site.server.id())).sum::<f64>();
        others.iter().for_each(|site| usage::forget_peak(site.server.id()));
        let before = cpu();
        let mut trial = trial::run(&mut first.in_local(command), &first.server);
        trial.server_cpu += cpu() - before;
        trial.server_peak += others.iter().map(|site| usage::peak(site.server.id())).sum::<u64>();
        trial
    }

    fn middle(&self, of: impl Fn(&Run) -> f64) -> f64 {
        median(self.runs.iter().map(of).collect())
    }
}

impl Caps {
    /// What each of the servers gives; empty where that is what it can.
    fn paces(self, length: u64) -> Vec<Pace> {
        let mut paces = vec![Pace { rate: RATE, dies_after: u64::MAX }; SOURCES];
        match self {
            Self::None(_) => paces.clear(),
            Self::Equal => {}
            Self::OneIsSlow => paces[1].rate *= SLOW_PART,
            Self::OneDies => paces[1].dies_after = length / DEAD_PART,
        }
        paces
    }

    /// The rate at which all is there at the earliest, in MB/s.
    fn possible(self, length: u64) -> Option<f64> {
        let paces = self.paces(length);
        let sum: f64 = paces.iter().map(|pace| pace.rate).sum();
        let dead: u64 = paces.iter().map(|pace| pace.dies_after).filter(|bytes| *bytes < length).sum();
        // As long as the one lives, all give what they can; then the others bring the rest.
        let alive_seconds = as_f64(dead) / RATE;
        let rest = as_f64(length) - alive_seconds * sum;
        let seconds = alive_seconds + rest / if dead > 0 { sum - RATE } else { sum };
        (!paces.is_empty()).then(|| as_f64(length) / 1e6 / seconds)
    }
}

fn table(rows: &[Row], length: u64) -> Table {
    let title = format!(
        "sources: one file of {} MiB from four servers (ratio: to the limit over one connection; with caps, to their sum)",
        length >> 20
    );
    let mut table = Table::new("sources", title, COLUMNS.to_vec());
    let limit = rows.iter().find(|row| row.name == LIMIT).map(|row| row.middle(|run| run.rate));
    let gibibytes = as_f64(length) / GIBIBYTE;
    for row in rows {
        let rate = row.middle(|run| run.rate);
        let least = row.runs.iter().map(|run| run.rate).fold(f64::INFINITY, f64::min);
        let most = row.runs.iter().map(|run| run.rate).fold(0.0, f64::max);
        let possible = row.caps.possible(length);
        let twice = possible.map(|_| row.middle(|run| run.twice));
        let ratio = possible.or(limit).map(|reference| rate / reference);
        let [client_cpu, server_cpu] = [|trial: &Trial| trial.client_cpu, |trial: &Trial| trial.server_cpu]
            .map(|of| row.middle(|run| of(&run.trial)));
        let [client_peak, server_peak] =
            [|trial: &Trial| trial.client_peak, |trial: &Trial| trial.server_peak]
                .map(|of| row.middle(|run| as_f64(of(&run.trial))));
        let or_none = |number: Option<f64>| number.map_or("–".to_owned(), |number| format!("{number:.2}"));
        let mebibytes = |bytes: f64| format!("{:.0}", bytes / 1_048_576.0);
        let cells = vec![
            row.name.to_owned(),
            shown(rate),
            format!("{} – {}", shown(least), shown(most)),
            or_none(ratio),
            or_none(twice),
            format!("{:.2}", client_cpu / gibibytes),
            format!("{:.2}", server_cpu / gibibytes),
            mebibytes(client_peak),
            mebibytes(server_peak),
        ];
        let object = json!({
            "workload": "sources", "system": row.name, "unit": "MB/s", "median": rate, "least": least, "most": most,
            "ratio": ratio, "possible": possible, "fetched_twice_percent": twice, "client_cpu_seconds": client_cpu,
            "server_cpu_seconds": server_cpu, "client_peak_bytes": client_peak, "server_peak_bytes": server_peak,
            "runs": row.runs.iter().map(|run| run.rate).collect::<Vec<_>>(),
        });
        table.add(cells, object);
    }
    table
}

fn fetch_ours(bench: &Bench, first: &Site, addresses: &[SocketAddr], _: u64) -> Command {
    let ours = Ours::in_folder(&bench.programs);
    let mut command = ours.command(&first.ground, &addresses[0].to_string(), &format!("READ {LARGE}"));
    for address in &addresses[1..] {
        command.arg("--source").arg(address.to_string());
    }
    command
}

fn fetch_theirs(_: &Bench, _: &Site, addresses: &[SocketAddr], _: u64) -> Command {
    let mut command = program("aria2c");
    command.args(["--no-conf", "-q", "-x1", "-s4", "-k1M", "--file-allocation=none", "-o", LARGE]);
    let places = HOSTS.iter().zip(addresses);
    command.args(places.map(|(host, address)| format!("http://{host}:{}/{LARGE}", address.port())));
    command
}
