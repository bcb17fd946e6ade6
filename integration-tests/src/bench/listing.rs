//! A long folder, listed by those that list without moving anything.
//!
//! It must not know how anybody is told to.

use std::fs::{self, File};

use super::Bench;
use super::contenders::{self, RSYNC};
use super::files::TREE;
use super::rounds;
use super::table::{Table, Unit, as_f64};
use crate::systems::ground::Ground;

/// What each name begins with; then comes its number.
const PREFIX: &str = "entry-";
/// How many digits the number has.
const DIGITS: usize = 7;

/// Lists a folder of empty files.
pub(crate) fn run(bench: &Bench) -> Table {
    let count = bench.sizes.entry_count;
    let mut places = rounds::open(bench, contenders::of_listings(), |ground| fill(ground, count));
    rounds::play(bench, &mut places, |place, sizes| {
        let trial = place.run(sizes);
        assert_is_whole(&trial.output, count);
        (as_f64(count as u64) / trial.seconds, trial)
    });
    let unit = Unit {
        name: "entries/s",
        cpu_divisor: 1.0,
        cpu_names: ["client CPU s", "server CPU s"],
        has_first_line: true,
    };
    let title = format!("listing: a folder of {count} entries");
    Table::of_rows("listing", title, &unit, &rounds::rows(places, RSYNC))
}

fn fill(ground: &Ground, count: usize) {
    let folder = ground.share().join(TREE);
    fs::create_dir(&folder).unwrap();
    for index in 0..count {
        File::create(folder.join(format!("{PREFIX}{index:0DIGITS$}"))).unwrap();
    }
}

/// Fails unless each name is on a line.
fn assert_is_whole(listing: &[u8], count: usize) {
    let mut is_there = vec![false; count];
    for line in listing.split(|byte| *byte == b'\n') {
        let line = str::from_utf8(line).expect("a listing is text");
        let Some((_, rest)) = line.split_once(PREFIX) else { continue };
        let index: usize = rest[..DIGITS].parse().unwrap();
        is_there[index] = true;
    }
    let missing = is_there.iter().filter(|there| !**there).count();
    assert_eq!(missing, 0, "names are missing in the listing");
}
