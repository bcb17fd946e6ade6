//! The real ioe-client, as scripts drive it: every command, what it prints, how it exits, and what it does
//! when a connection, a server or a local file is bad. That `received` means verified, and that a broken
//! transfer continues, is shown here.
//!
//! It must not know the programs' code, nor their codec.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod commands;
mod two_forms;
mod plain_output;
mod million;
mod exit_codes;
mod keys;
mod known_digests;
mod enrolling;
mod enrolled;
mod scripts;
mod console;
mod transfers;
mod trees;
mod streams;
mod local_files;
mod flipping_folders;
mod resuming;
mod differences;
mod updates;
mod unchanged;
mod renamed;
mod damaged_partials;
mod cuts;
mod many_sources;
mod unhashed;
mod broken_connections;
mod changing_files;
mod hostile_answers;
mod endless_answers;
mod hostile_names;
mod escaping;
mod every_answer;
