//! Generated trees and generated conversations: the served folder does what a plain model of it predicts, answer by
//! answer and name by name, and nothing outside is read or changed.
//!
//! `PROPTEST_CASES=2000` plays longer, `PROPTEST_RNG_SEED=5` plays others; a failure prints its seed and the shortest
//! conversation that shows it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod world;
mod talk;
mod generated;
mod predictions;
mod disk;
mod model;

use generated::{Steps, Tree, conversation, tree};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use world::World;

const CASES: u32 = 200;
const SEED: u64 = 1;

#[test]
fn whatever_is_asked_of_whatever_tree_the_share_is_what_the_model_says() {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let seed = config.rng_seed;
    let outcome = TestRunner::new(config).run(&(tree(), conversation()), |(tree, steps)| play(tree, &steps));
    if let Err(failure) = outcome {
        panic!("{seed:?}: {failure}");
    }
}

fn play(tree: Tree, steps: &Steps) -> Result<(), TestCaseError> {
    let mut world = World::new(tree);
    for (number, step) in steps.0.iter().enumerate() {
        world.step(step).map_err(|what| TestCaseError::fail(format!("step {number}: {what}")))?;
    }
    world.end().map_err(TestCaseError::fail)
}
