//! Simulates a mesh of any size and prints what searches in it cost and find.

use clap::Parser;
use core::ops::RangeInclusive;
use integration_tests::simulation::{Options, Report, SCENARIOS, Shape, Vice, run};
use std::io::{self, Write};
use std::process::ExitCode;

/// As many as there are simulated addresses.
const PEERS_MAX: usize = 1 << 24;

/// What was typed.
#[derive(Debug, Parser)]
#[command(name = "simulate", about = "Simulates a mesh of peers, each of them the real overlay")]
struct Typed {
    /// Peers
    #[arg(long, default_value = "1000", value_parser = peers)]
    peers: usize,
    /// How they are linked: line, ring, star, mesh, tree, random
    #[arg(long, default_value = "random", value_parser = shape)]
    shape: Shape,
    /// Links of each peer, in the random shape
    #[arg(long, default_value_t = 6)]
    degree: usize,
    /// Links that a search may cross
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..=7))]
    ttl: u8,
    /// Peers that hold what a search looks for
    #[arg(long, default_value_t = 1)]
    copies: usize,
    /// Searches, each from a peer drawn by chance
    #[arg(long, default_value_t = 20)]
    searches: usize,
    /// Milliseconds between two searches
    #[arg(long, default_value_t = 2000)]
    pause: u64,
    /// Discovers
    #[arg(long, default_value_t = 0)]
    discovers: usize,
    /// Milliseconds that a link takes, drawn for each: 10..100, or one number for all
    #[arg(long, default_value = "10..100", value_parser = latency)]
    latency: RangeInclusive<u32>,
    /// Let the peers dial each other and keep their links
    #[arg(long)]
    dialled: bool,
    /// Messages that a link takes a second, in each direction
    #[arg(long)]
    messages_per_second: Option<u32>,
    /// Links that break
    #[arg(long, default_value_t = 0)]
    cuts: usize,
    /// Peers that crash and come back
    #[arg(long, default_value_t = 0)]
    crashes: usize,
    /// How often the network falls apart and heals
    #[arg(long, default_value_t = 0)]
    partitions: usize,
    /// One more peer that misbehaves: silent, flooding, inventing, replaying, inflating
    #[arg(long = "liar", value_parser = vice)]
    liars: Vec<Vice>,
    /// Check the invariants after every event: on or off
    #[arg(long, default_value = "on", action = clap::ArgAction::Set, value_parser = switch)]
    check: bool,
    /// Where all chance begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A network with a name instead: all other options but the seed are then its own
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(SCENARIOS))]
    scenario: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let typed = Typed::parse();
    let options = options(&typed);
    let shown = match run(&options) {
        Ok(report) if typed.json => writeln!(io::stdout(), "{}", json(&options, &report)),
        Ok(report) => write!(io::stdout(), "{}", table(&options, &report)),
        Err(failure) => {
            // Nothing is left to be done where not even this can be said.
            let _ = writeln!(io::stderr(), "{failure}");
            return ExitCode::FAILURE;
        }
    };
    if shown.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(typed: &Typed) -> Options {
    if let Some(scenario) = typed.scenario.as_deref().and_then(|name| Options::scenario(name, typed.seed)) {
        return scenario;
    }
    Options {
        scenario: None,
        peers: typed.peers,
        shape: typed.shape,
        degree: typed.degree,
        ttl: typed.ttl,
        copies: typed.copies,
        searches: typed.searches,
        pause: typed.pause,
        discovers: typed.discovers,
        latency: typed.latency.clone(),
        dialled: typed.dialled,
        messages_per_second: typed.messages_per_second,
        cuts: typed.cuts,
        crashes: typed.crashes,
        partitions: typed.partitions,
        liars: typed.liars.clone(),
        check: typed.check,
        seed: typed.seed,
    }
}

fn table(options: &Options, report: &Report) -> String {
    let check = if options.check { "after every event" } else { "off" };
    let lines = [
        ("searches", report.searches.to_string()),
        ("messages per search", format!("{:.0}", report.messages_per_search)),
        ("duplicates per search", format!("{:.0}", report.duplicates_per_search)),
        ("searches answered", percent(report.answered)),
        ("recall", percent(report.recall)),
        ("peers reached", percent(report.reached)),
        ("hops to the first result", format!("{} median, {} 90th percentile", report.hops.0, report.hops.1)),
        (
            "time to the first result",
            format!("{} ms median, {} ms 90th percentile", report.milliseconds.0, report.milliseconds.1),
        ),
        ("events", report.events.to_string()),
        ("events per second", format!("{:.0}", report.events_per_second)),
        ("memory per peer", format!("{} bytes", report.bytes_per_peer)),
        ("invariants", check.to_owned()),
        ("trace", report.trace_hash.clone()),
        ("again", options.command()),
    ];
    lines.iter().map(|(name, value)| format!("{name:<26}{value}\n")).collect()
}

fn json(options: &Options, report: &Report) -> serde_json::Value {
    serde_json::json!({
        "peers": options.peers, "shape": options.shape.name(), "degree": options.degree, "ttl": options.ttl,
        "copies": options.copies, "latency_ms": [options.latency.start(), options.latency.end()],
        "seed": options.seed, "check": options.check, "command": options.command(),
        "searches": report.searches, "messages_per_search": report.messages_per_search,
        "duplicates_per_search": report.duplicates_per_search, "answered": report.answered,
        "recall": report.recall, "reached": report.reached,
        "hops_median": report.hops.0, "hops_90": report.hops.1,
        "milliseconds_median": report.milliseconds.0, "milliseconds_90": report.milliseconds.1,
        "events": report.events, "events_per_second": report.events_per_second,
        "bytes_per_peer": report.bytes_per_peer, "trace_hash": report.trace_hash,
    })
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn peers(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (2..=PEERS_MAX).contains(count));
    count.ok_or_else(|| format!("a number from 2 to {PEERS_MAX}"))
}

fn shape(text: &str) -> Result<Shape, String> {
    Shape::ALL.into_iter().find(|shape| shape.name() == text).ok_or_else(|| "no such shape".to_owned())
}

fn vice(text: &str) -> Result<Vice, String> {
    Vice::ALL.into_iter().find(|vice| vice.name() == text).ok_or_else(|| "no such vice".to_owned())
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off".to_owned()),
    }
}

fn latency(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (start, end) = text.split_once("..").unwrap_or((text, text));
    match (start.parse(), end.parse()) {
        (Ok(start), Ok(end)) if 1 <= start && start <= end && end <= 60_000 => Ok(start..=end),
        _ => Err("milliseconds from 1 to 60000, as 10..100".to_owned()),
    }
}
