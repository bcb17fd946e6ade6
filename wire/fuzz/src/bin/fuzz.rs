//! Runs one target: `fuzz TARGET SECONDS [--seed N]`, or `fuzz TARGET --repeat FILE`.
//!
//! Inputs follow from the seed, and from what earlier inputs came to. An input that panics, here or in a thread of the
//! server, and one that does not end are written to `findings`, with the command that repeats it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to a terminal")]

use fuzz::chance::Chance;
use fuzz::mutate::Mutator;
use fuzz::seeds;
use fuzz::targets::{Seen, TARGETS, Target};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Inputs that are kept because they came to something new.
const CORPUS_MAX: usize = 4096;
/// The longest time for one input.
const INPUT_TIME_MAX: Duration = Duration::from_secs(60);
const SEED: u64 = 1;

/// Panics in any thread: a server catches those of its sessions, and they are findings all the same.
static PANICS: AtomicU64 = AtomicU64::new(0);
static RUNNING: Mutex<Option<(Instant, Vec<u8>)>> = Mutex::new(None);

struct Wanted {
    target: Target,
    work: Work,
}

enum Work {
    Search { time: Duration, seed: u64 },
    Repeat(PathBuf),
}

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let Some(wanted) = parse(&typed) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("fuzz TARGET SECONDS [--seed N] | fuzz TARGET --repeat FILE\ntargets: {}", names.join(" "));
        return ExitCode::from(2);
    };
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(panic);
    }));
    match wanted.work {
        Work::Search { time, seed } => search(&wanted, time, seed),
        Work::Repeat(ref file) => repeat(&wanted, file),
    }
}

fn parse(typed: &[String]) -> Option<Wanted> {
    let words: Vec<&str> = typed.iter().map(String::as_str).collect();
    let (name, work) = match words[..] {
        [name, "--repeat", file] => (name, Work::Repeat(file.into())),
        [name, seconds] => {
            (name, Work::Search { time: Duration::from_secs(seconds.parse().ok()?), seed: SEED })
        }
        [name, seconds, "--seed", seed] => (
            name,
            Work::Search { time: Duration::from_secs(seconds.parse().ok()?), seed: seed.parse().ok()? },
        ),
        _ => return None,
    };
    let target = TARGETS.iter().find(|target| target.name == name)?;
    Some(Wanted { target: *target, work })
}

fn repeat(wanted: &Wanted, file: &Path) -> ExitCode {
    match std::fs::read(file) {
        Ok(bytes) if run(wanted, &bytes).is_some() => {
            println!("{}: nothing is wrong with it", wanted.target.name);
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::from(2)
        }
    }
}

fn search(wanted: &Wanted, time: Duration, seed: u64) -> ExitCode {
    let mut corpus = match seeds::of(wanted.target.name) {
        Ok(corpus) => corpus,
        Err(error) => {
            eprintln!("seeds: {error}");
            return ExitCode::from(2);
        }
    };
    watch(wanted.target.name);
    let mut mutator = Mutator::new(Chance::new(seed), &corpus, wanted.target.form);
    let (begun, mut executions, mut seen) = (Instant::now(), 0_u64, HashSet::new());
    let mut fresh = corpus.clone();
    while begun.elapsed() < time {
        let input = fresh.pop().unwrap_or_else(|| mutator.next(&corpus));
        executions += 1;
        let Some(outcome) = run(wanted, &input) else {
            report(wanted.target.name, &input);
            println!("{}: a finding after {executions} executions, seed {seed}", wanted.target.name);
            return ExitCode::FAILURE;
        };
        if seen.insert(outcome) && corpus.len() < CORPUS_MAX {
            corpus.push(input);
        }
    }
    let rate = executions / begun.elapsed().as_secs().max(1);
    println!(
        "{}: {executions} executions, {rate} a second, {} outcomes, seed {seed}: nothing found",
        wanted.target.name,
        seen.len()
    );
    ExitCode::SUCCESS
}

/// What the input came to; none where something panicked.
fn run(wanted: &Wanted, input: &[u8]) -> Option<Seen> {
    set_running(Some((Instant::now(), input.to_vec())));
    let before = PANICS.load(Ordering::SeqCst);
    let outcome = catch_unwind(AssertUnwindSafe(|| (wanted.target.run)(input)));
    set_running(None);
    outcome.ok().filter(|_| PANICS.load(Ordering::SeqCst) == before)
}

fn set_running(input: Option<(Instant, Vec<u8>)>) {
    *RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = input;
}

/// Ends the program when an input does not end; nothing else could.
fn watch(name: &'static str) {
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            let running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            if let Some((since, input)) = running
                && since.elapsed() > INPUT_TIME_MAX
            {
                report(name, &input);
                println!("{name}: an input that does not end");
                std::process::exit(1);
            }
        }
    });
}

fn report(name: &str, input: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings");
    let file = format!("{name}-{:016x}", Seen::of(input).0);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(&file), input));
    match written {
        Ok(()) => println!(
            "{name}: repeat it with\n  cargo run --release --manifest-path wire/fuzz/Cargo.toml -- {name} --repeat wire/fuzz/findings/{file}"
        ),
        Err(error) => println!("{name}: the finding could not be written: {error}\n{}", input.escape_ascii()),
    }
}
