//! Promise 1 at every step: a server that really ends, without cleaning up, before or after each step to the disk, and
//! steps that fail. Whatever happens, there is the old file or the new one, whole; with `written` seen, the new one. And
//! listings that meet such errors, which must not pass for complete.
//!
//! The server is this test program again, as a process of its own that runs one ignored test and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod access;
mod groups;
mod harness;
mod listings;
mod renames;
mod system_calls;
mod uploads;
