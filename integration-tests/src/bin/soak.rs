//! Loads a server and a mesh with faults for some minutes, and says what it did and what was wrong.

use integration_tests::soak::{Options, run};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const USAGE: &str = "usage: scripts/soak MINUTES [SEED]";

fn main() -> io::Result<ExitCode> {
    let mut typed = std::env::args().skip(1);
    let minutes = typed.next().and_then(|text| text.parse::<f64>().ok());
    let minutes = minutes.filter(|minutes| (0.1..=10_000.0).contains(minutes));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs() % 1_000_000);
    let seed = typed.next().map_or(Ok(now), |text| text.parse());
    let (Some(minutes), Ok(seed), None) = (minutes, seed, typed.next()) else {
        writeln!(io::stderr(), "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    let mut out = io::stdout();
    writeln!(out, "soaking for {minutes} minutes, seed {seed}")?;
    // The programs under test are built into the folder that this one was built into.
    let mut programs = std::env::current_exe()?;
    programs.pop();
    let report = run(Options { programs, time: Duration::from_secs_f64(60.0 * minutes), seed });
    for (what, count) in &report.counts {
        writeln!(out, "{count:>14}  {what}")?;
    }
    for failure in &report.failures {
        writeln!(out, "WRONG: {failure}")?;
    }
    if report.failures.is_empty() {
        writeln!(out, "all is well, seed {seed}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{} things are wrong; again: scripts/soak {minutes} {seed}", report.failures.len())?;
    Ok(ExitCode::FAILURE)
}
