//! Random networks with churn, partitions, slow links and liars: the invariants hold in all of them.
//!
//! What fails prints the one command that shows it again.

use integration_tests::simulation::{Options, Report, SCENARIOS, run};

/// Enough for each shape, each ttl and each size of the scenarios.
const SEEDS: u64 = 14;

fn report(options: &Options) -> Report {
    run(options).unwrap_or_else(|failure| panic!("{failure}"))
}

fn all_seeds_of(name: &str) {
    seeds_of(name, SEEDS);
}

fn seeds_of(name: &str, seeds: u64) {
    for seed in 0..seeds {
        let options = Options::scenario(name, seed).unwrap();
        assert_eq!(report(&options).searches > 0, options.searches > 0);
    }
}

#[test]
fn invariants_hold_where_links_differ() {
    all_seeds_of("calm");
}

#[test]
fn invariants_hold_and_all_are_linked_where_peers_dial_each_other() {
    all_seeds_of("dialled");
}

#[test]
fn invariants_hold_where_links_are_slow() {
    all_seeds_of("slow");
}

#[test]
fn invariants_hold_and_all_are_linked_again_after_crashes_and_broken_links() {
    all_seeds_of("churn");
}

#[test]
fn invariants_hold_and_all_are_linked_again_after_partitions() {
    all_seeds_of("partition");
}

#[test]
fn invariants_hold_among_liars() {
    all_seeds_of("liars");
}

#[test]
fn invariants_hold_among_those_who_flood() {
    // Each of these is a thousand searches a second.
    seeds_of("flooders", SEEDS / 2);
}

#[test]
fn invariants_hold_when_everything_happens_at_once() {
    all_seeds_of("everything");
}

#[test]
fn a_seed_gives_the_same_trace_again_and_another_seed_another() {
    for name in SCENARIOS {
        let hash = |seed| report(&Options::scenario(name, seed).unwrap()).trace_hash;
        assert_eq!(hash(1), hash(1), "{name}");
        assert_ne!(hash(1), hash(2), "{name}");
    }
}

#[test]
fn checking_changes_nothing() {
    let checked = Options::scenario("everything", 4).unwrap();
    let unchecked = Options { check: false, ..checked.clone() };
    assert_eq!(report(&checked).trace_hash, report(&unchecked).trace_hash);
}

#[test]
fn a_command_says_all_that_decides_a_simulation() {
    let small = Options { peers: 20, messages_per_second: Some(9), ..Options::default() };
    let command = small.command();
    for part in ["--peers 20", "--shape random", "--latency 10..100", "--messages-per-second 9", "--seed 1"] {
        assert!(command.contains(part), "{part} in {command}");
    }
    let command = Options::scenario("churn", 3).unwrap().command();
    assert!(command.ends_with("--bin simulate -- --scenario churn --seed 3"), "{command}");
}
