//! A long mixed load with faults: clients against one server through proxies that cut and stall, kills of all of
//! them, and a mesh with churn; at the end everything that was acknowledged must be there, and nothing else.
//!
//! It must not know the protocol: it believes what the clients say, and looks at the files.

mod load;
mod meshed;
mod ledger;
mod planted;
mod vitals;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::content::Dice;
use crate::patience::{eventually_true, pause};
use crate::server::{Server, ServerSetup};
use ledger::{Ledger, judge};
use load::Worker;
use planted::Planted;
use vitals::Vitals;

const CLIENT_COUNT: usize = 5;
/// A server is killed after at most so many milliseconds.
const SERVER_LIFE_MAX: usize = 8000;
/// The part of the run in which the server is killed; in the rest it must not grow.
const KILLING_PART: f64 = 0.6;

/// How a run is to be.
#[derive(Debug)]
pub struct Options {
    /// Where the programs under test are.
    pub programs: PathBuf,
    /// How long.
    pub time: Duration,
    /// What all chance follows from; the order of what happens in different processes does not.
    pub seed: u64,
}

/// What was done, and what was wrong.
#[derive(Debug)]
pub struct Report {
    /// Counts of operations, faults and bytes.
    pub counts: BTreeMap<String, u64>,
    /// Sentences, none when all is well.
    pub failures: Vec<String>,
}

/// What all threads write into.
struct Shared {
    programs: PathBuf,
    seed: u64,
    counts: Mutex<BTreeMap<String, u64>>,
    failures: Mutex<Vec<String>>,
}

/// Does it all.
///
/// # Panics
/// When the server does not start at all.
pub fn run(options: Options) -> Report {
    let shared = Shared {
        programs: options.programs,
        seed: options.seed,
        counts: Mutex::default(),
        failures: Mutex::default(),
    };
    let deadline = Instant::now() + options.time;
    thread::scope(|scope| {
        scope.spawn(|| shared.gather("the mesh", || meshed::churn_until(deadline, &shared)));
        shared.gather("the server", || load_server(options.time, &shared));
    });
    Report { counts: shared.counts.into_inner().unwrap(), failures: shared.failures.into_inner().unwrap() }
}

fn load_server(time: Duration, shared: &Shared) {
    let setup = ServerSetup::new(shared.program("ioe-server-under-test"));
    let planted = Planted::put(&setup.scratch.share());
    let mut server = setup.start();
    let (deadline, killing_end) = (Instant::now() + time, Instant::now() + time.mul_f64(KILLING_PART));
    let address = server.address();
    let mut at_start = Vitals::of(server.process());
    let mut ledgers: Vec<Ledger> = Vec::new();
    let work = |number| {
        let mut ledger = None;
        let act = || ledger = Some(Worker::new(number, shared, address).work_until(deadline));
        shared.gather("a client", act);
        ledger
    };
    let work = &work;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CLIENT_COUNT).map(|number| scope.spawn(move || work(number))).collect();
        let mut dice = shared.dice("server");
        while Instant::now() < killing_end {
            shared.pause(Duration::from_millis(500 + dice.below(SERVER_LIFE_MAX) as u64));
            server.kill();
            shared.pause(Duration::from_millis(dice.below(1000) as u64));
            server.start_again_there();
            at_start = Vitals::of(server.process());
            shared.add("server killed", 1);
        }
        ledgers.extend(workers.into_iter().filter_map(|worker| worker.join().unwrap()));
    });
    server.wait_until_alone();
    assert_eq!(ledgers.len(), CLIENT_COUNT, "a client's ledger is lost, so the share cannot be judged");
    planted.judge(shared);
    look_at_the_end(&server, &at_start, &ledgers, shared);
}

fn look_at_the_end(server: &Server, at_start: &Vitals, ledgers: &[Ledger], shared: &Shared) {
    let (wrong, byte_count) = judge(&server.scratch().share(), ledgers);
    shared.failures.lock().unwrap().extend(wrong);
    shared.add("bytes in the share at the end", byte_count);
    let count = |count: fn(&Ledger) -> usize| ledgers.iter().map(count).sum::<usize>() as u64;
    shared.add("acknowledged files at the end", count(|ledger| ledger.settled.len()));
    shared.add("answers that never came", count(|ledger| ledger.doubts.len()));
    shared.add("partials at the end", server.scratch().partials().len() as u64);
    server.scratch().assert_outside_is_unchanged();
    eventually_true(&format!("the server is near {at_start:?} again"), || {
        Vitals::of(server.process()).is_near(at_start)
    });
}

impl Shared {
    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Dice of its own for each part of the run.
    fn dice(&self, whose: &str) -> Dice {
        Dice::new(&format!("soak {} {whose}", self.seed))
    }

    fn pause(&self, time: Duration) {
        self.add("milliseconds paused", u64::try_from(time.as_millis()).unwrap());
        pause(time);
    }

    fn add(&self, what: impl Into<String>, count: u64) {
        *self.counts.lock().unwrap().entry(what.into()).or_default() += count;
    }

    fn expect(&self, holds: bool, failure: impl FnOnce() -> String) {
        if !holds {
            self.failures.lock().unwrap().push(failure());
        }
    }

    /// Runs it; a panic in it is a failure among others.
    fn gather(&self, what: &str, act: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(act)) {
            self.failures.lock().unwrap().push(format!("{what}: {}", text_of(panic.as_ref())));
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
