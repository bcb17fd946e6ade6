//! The promises of the programs, each with tests named after it: `written` means safe; nothing outside the
//! share; a broken transfer continues; one bad session hurts no other; a drained stop loses nothing. That
//! `received` means verified is the client's promise and stands in tests/client.
//!
//! It must not know the programs' code, nor their codec.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod written_means_safe;
mod killed_server;
mod one_name;
mod pairs;
mod bad_neighbours;
mod many_clients;
mod scarcity;
mod ten_thousand;
mod log_lines;
mod stuck_log;
mod benchmarks;
mod faults;
mod stopping;
mod console;
mod starting;
mod confinement;
mod options;
mod limited_rates;
mod upload_slots;
mod rules;
