//! The simulated mesh held against what is computed without it: breadth-first searches, sums over a graph, and
//! invariants that broken peers must violate.
//!
//! It must not know the product's code but through `integration_tests::simulation`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod oracles;
mod scenarios;
mod broken_peers;
mod playing;
