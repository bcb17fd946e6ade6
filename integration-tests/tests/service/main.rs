//! The file service by hand-written bytes: every request, answered as PROTOCOL.md says.
//!
//! It must not know the programs' code, nor their codec.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod opening;
mod listing;
mod listed_things;
mod kinds;
mod searching;
mod stat;
mod reading;
mod large_sizes;
mod unhashed;
mod pieces;
mod writing;
mod writing_large;
mod bases;
mod broken_uploads;
mod renaming;
mod deleting;
mod pipelining;
mod access_log;
