//! What the tests of the whole programs share: real processes on loopback ports, sessions spoken by hand,
//! neighbours too, whole meshes, a proxy that breaks connections, an imposter that plays a hostile server,
//! scratch folders with a canary outside the share, and `wire/PROTOCOL.md` as a text with tables.
//!
//! It must not know the product's codec, nor anything else of its crates: what the tests say and hear are
//! bytes, `serde_json` values and BLAKE3 digests, written from `wire/PROTOCOL.md` alone. The one exception is
//! `simulation`, which drives the real overlay in a network that exists only in memory.
//!
//! The modules stand in reading order, and each uses only modules below it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, and so do the tools of tests"
)]

pub mod faults;
pub mod bench;
pub mod soak;
pub mod simulation;
pub mod mesh;
pub mod peer;
pub mod lies;
pub mod liar;
pub mod client;
pub mod systems;
pub mod server;
pub mod flipper;
pub mod front;
pub mod imposter;
pub mod proxy;
pub mod upload;
pub mod neighbour;
pub mod mutation;
pub mod session;
pub mod stream;
pub mod tls;
pub mod by_hand;
pub mod document;
pub mod process;
pub mod privilege;
pub mod scratch;
pub mod nobody;
pub mod content;
pub mod patience;
