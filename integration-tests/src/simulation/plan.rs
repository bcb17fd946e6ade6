//! What will happen to a network, drawn from its seed: who holds what, who searches when, what breaks.

use super::network::{Happening, Network};
use super::options::Options;
use crate::content::Dice;
use std::collections::BTreeSet;

/// Milliseconds before the first search: peers that dial each other are linked by then.
const FIRST: u64 = 5000;
/// Milliseconds after the last one, in which what broke may heal.
const LAST: u64 = 150_000;
/// Milliseconds that a crashed peer is away, and a network in two parts, at most.
const AWAY_MAX: usize = 20_000;

/// Puts files into the shares and plans everything that will happen; gives the moment at which it is over.
pub(super) fn prepare(network: &mut Network, options: &Options) -> u64 {
    let mut dice = Dice::new(&format!("plan {}", options.seed));
    let last_search = FIRST + options.pause * options.searches as u64;
    for number in 0..options.searches {
        let holders = put_copies(network, options, number, &mut dice);
        let origin = draw(&mut dice, options.peers, |peer| holders.contains(&peer));
        network.search_after(FIRST + options.pause * number as u64, origin, &wanted(number), options.ttl);
    }
    let mut moment = || dice.below(usize::try_from(last_search).unwrap()) as u64;
    let moments: Vec<u64> = (0..options.cuts + options.crashes + options.partitions + 2 * options.discovers)
        .map(|_| moment())
        .collect();
    let mut moments = moments.into_iter();
    moments.by_ref().take(options.cuts).for_each(|at| network.plan(at, Happening::Cut));
    for at in moments.by_ref().take(options.crashes) {
        let node = node(&mut dice, options.peers);
        network.plan(at, Happening::Crash { node });
        network.plan(at + 1 + dice.below(AWAY_MAX) as u64, Happening::Restart { node });
    }
    for at in moments.by_ref().take(options.partitions) {
        network.plan(at, Happening::Partition);
        network.plan(at + 1 + dice.below(AWAY_MAX) as u64, Happening::Heal);
    }
    for (place, at) in moments.enumerate() {
        let node = node(&mut dice, options.peers);
        let discover = Happening::Discover { node, ttl: options.ttl };
        network.plan(at, if place % 2 == 0 { discover } else { Happening::Hurry { node } });
    }
    last_search + LAST
}

/// What the search of that number looks for.
fn wanted(number: usize) -> String {
    format!("LIVE song {number}")
}

/// Puts what the search of that number looks for into some shares; tells whose.
fn put_copies(network: &mut Network, options: &Options, number: usize, dice: &mut Dice) -> BTreeSet<usize> {
    let mut holders = BTreeSet::new();
    // Somebody must be left who asks.
    while holders.len() < options.copies.min(options.peers.saturating_sub(1)) {
        let holder = draw(dice, options.peers, |peer| holders.contains(&peer));
        network.put(holder, &format!("music/of x{holder}/Song {number} (live).mp3"));
        holders.insert(holder);
    }
    holders
}

fn draw(dice: &mut Dice, peers: usize, is_taken: impl Fn(usize) -> bool) -> usize {
    let first = dice.below(peers);
    (first..peers).chain(0..first).find(|peer| !is_taken(*peer)).unwrap_or(first)
}

fn node(dice: &mut Dice, peers: usize) -> u32 {
    u32::try_from(dice.below(peers)).unwrap()
}
