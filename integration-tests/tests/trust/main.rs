//! Who may do what: the real server with guests that were really invited, each request by hand-written bytes over TLS, and
//! the whole share looked at afterwards.
//!
//! It must not know the programs' code, nor their codec.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod matrix;
mod hidden;
mod changes;
mod public;
mod drop_box;
mod expected;
mod requests;
mod rules;
mod tree;
mod line;
mod guests;
