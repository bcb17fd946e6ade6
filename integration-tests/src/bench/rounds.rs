//! Everybody in turns, so that what else the machine does meets all alike.
//!
//! It must not know what is done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use super::Bench;
use super::site::{Contender, Site};
use super::sizes::Sizes;
use super::table::{Row, shown};
use super::trial::{self, Trial};
use crate::systems::ground::Ground;

/// A contender at work.
pub(crate) struct Place {
    contender: Contender,
    /// Where it works.
    pub site: Site,
    runs: Vec<(f64, Trial)>,
    has_failed: bool,
}

impl Place {
    /// Runs its client once.
    pub(crate) fn run(&mut self, sizes: &Sizes) -> Trial {
        self.make_ready();
        let command = (self.contender.client)(&self.site, sizes);
        trial::run(&mut self.site.in_local(command), &self.site.server)
    }

    /// Runs another client once.
    pub(crate) fn run_this(&mut self, command: Command) -> Trial {
        self.make_ready();
        trial::run(&mut self.site.in_local(command), &self.site.server)
    }

    /// Who it is.
    pub(crate) fn name(&self) -> &'static str {
        self.contender.name
    }

    fn make_ready(&mut self) {
        if self.contender.is_fresh {
            self.site.start_afresh();
        } else {
            self.site.wait_until_at_rest();
        }
    }
}

/// Starts the servers of all whose programs are installed.
pub(crate) fn open(bench: &Bench, contenders: Vec<Contender>, fill: impl Fn(&Ground)) -> Vec<Place> {
    let mut places = Vec::new();
    for contender in contenders {
        if !bench.has(contender.name, contender.needs) {
            continue;
        }
        let system = (contender.system)(&bench.programs);
        bench.note_version(contender.name, system.as_ref());
        let site = Site::open(system, &bench.programs, bench.rights, &fill);
        places.push(Place { contender, site, runs: Vec::new(), has_failed: false });
    }
    places
}

/// Lets each do it in each round; the first ones do not count. Who fails is out.
pub(crate) fn play(
    bench: &Bench,
    places: &mut [Place],
    mut once: impl FnMut(&mut Place, &Sizes) -> (f64, Trial),
) {
    let warm_up_rounds = bench.sizes.warm_up_rounds;
    for round in 0..warm_up_rounds + bench.sizes.rounds {
        for place in places.iter_mut().filter(|place| !place.has_failed) {
            let name = place.contender.name;
            match attempt(bench, name, || once(place, &bench.sizes)) {
                Some((rate, _)) if round < warm_up_rounds => {
                    bench.progress(&format!("{name}: {} (warm-up)", shown(rate)));
                }
                Some((rate, trial)) => {
                    bench.progress(&format!("{name}: {}", shown(rate)));
                    place.runs.push((rate, Trial { output: Vec::new(), ..trial }));
                }
                None => place.has_failed = true,
            }
        }
    }
}

/// What comes out, unless it fails, which is noted.
pub(crate) fn attempt<T>(bench: &Bench, name: &str, once: impl FnOnce() -> T) -> Option<T> {
    let outcome = catch_unwind(AssertUnwindSafe(once));
    if outcome.is_err() {
        bench.fail(format!("FAILED: {name}; what it said is above"));
    }
    outcome.ok()
}

/// What came out.
pub(crate) fn rows(places: Vec<Place>, reference: &str) -> Vec<Row> {
    let played = places.into_iter().filter(|place| !place.has_failed);
    played.map(|place| Row { runs: place.runs, ..Row::new(place.contender.name, reference) }).collect()
}
