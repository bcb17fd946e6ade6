//! Measures ioe beside the systems that people use to move files, and prints tables.

use integration_tests::bench::{Bench, Sizes, WORKLOADS, run_part};
use integration_tests::systems::{Rights, isolate};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Measures ioe beside the systems that people use to move files: the same files, in turns, compared byte for byte.
#[derive(Parser)]
#[command(bin_name = "scripts/bench.sh")]
struct Options {
    /// Less of everything: below three minutes
    #[arg(long)]
    quick: bool,
    /// Hardly anything, to see that all runs
    #[arg(long, hide = true, conflicts_with = "quick")]
    tiny: bool,
    /// Write a JSON object for each row there, one a line; - is standard output, without the tables
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Measure this alone; repeatable
    #[arg(long, value_name = "WORKLOAD", value_parser = clap::builder::PossibleValuesParser::new(WORKLOADS.iter().map(|(name, _)| *name)))]
    only: Vec<String>,
    /// How often everything is measured [default: 5, quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Where the files are, on the disk that is to be measured
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    folder: PathBuf,
    /// Without anybody else's programs
    #[arg(long, hide = true)]
    alone: bool,
    /// The program runs as root in a mount namespace of its own
    #[arg(long, hide = true)]
    isolated: bool,
}

fn main() -> io::Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some(done) = run_part(&words) {
        return done.map(|()| ExitCode::SUCCESS);
    }
    measure(&Options::parse())
}

fn measure(options: &Options) -> io::Result<ExitCode> {
    raise_descriptors();
    let rights = if options.isolated { Rights::Mounts } else { Rights::Usual };
    if options.isolated {
        isolate();
    }
    fs::create_dir_all(&options.folder)?;
    let _ = tempfile::env::override_temp_dir(&options.folder);
    // The programs under test are built into the folder that this one was built into.
    let mut programs = env::current_exe()?;
    programs.pop();
    let mut bench = Bench::new(programs, rights, sizes(options));
    bench.is_alone = options.alone;
    let is_text = options.json.as_deref() != Some("-");
    let mut lines = String::new();
    for (name, run) in WORKLOADS.iter().filter(|(name, _)| is_wanted(options, name)) {
        writeln!(io::stderr(), "{name}")?;
        let table = run(&bench);
        lines.push_str(&table.json());
        let text = if is_text { table.markdown() } else { table.json() };
        io::stdout().write_all(text.as_bytes())?;
    }
    for note in bench.notes() {
        if is_text { writeln!(io::stdout(), "- {note}")? } else { writeln!(io::stderr(), "{note}")? }
    }
    if let Some(file) = options.json.as_ref().filter(|_| is_text) {
        fs::write(file, lines)?;
    }
    Ok(if bench.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn is_wanted(options: &Options, name: &str) -> bool {
    options.only.is_empty() || options.only.iter().any(|wanted| wanted == name)
}

fn sizes(options: &Options) -> Sizes {
    let mut sizes = match (options.quick, options.tiny) {
        (true, _) => Sizes::quick(),
        (_, true) => Sizes::tiny(),
        _ => Sizes::full(),
    };
    if let Some(rounds) = options.rounds {
        sizes.rounds = rounds.into();
    }
    sizes
}

/// Lets this program and those that it starts have as many descriptors as they may.
fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
