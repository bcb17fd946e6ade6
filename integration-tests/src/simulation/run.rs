//! One simulation from its options to its figures, or to what went wrong and the command that shows it again.
//!
//! The only place of the simulator that looks at a clock and at the process: to tell how fast it was.

use super::graph::Graph;
use super::network::Network;
use super::options::Options;
use super::plan;
use super::report::Report;
use crate::content::Dice;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, when and where.
    pub fault: String,
    /// What shows it again.
    pub command: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\nTo see it again:\n    {}", self.fault, self.command)
    }
}

/// Simulates.
pub fn run(options: &Options) -> Result<Report, Failure> {
    let result = catch_unwind(AssertUnwindSafe(|| simulate(options)));
    let result = result.unwrap_or_else(|_| Err("something panicked; see above".to_owned()));
    result.map_err(|fault| Failure { fault, command: options.command() })
}

fn simulate(options: &Options) -> Result<Report, String> {
    let memory_before = resident_bytes();
    let graph = Graph::new(
        options.shape,
        options.peers,
        options.degree,
        &mut Dice::new(&format!("graph {}", options.seed)),
    );
    let mut network = Network::new(options, graph);
    network.start()?;
    let end = plan::prepare(&mut network, options);
    let started = Instant::now();
    network.run_until(end)?;
    let seconds = started.elapsed().as_secs_f64();
    network.check_end()?;
    let memory = resident_bytes().saturating_sub(memory_before);
    Ok(Report {
        events_per_second: network.events() as f64 / seconds.max(1e-9),
        bytes_per_peer: memory / options.peers.max(1) as u64,
        ..Report::new(options, &network)
    })
}

/// What this process holds in memory, as Linux tells it; 0 elsewhere.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
