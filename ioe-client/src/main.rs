//! Console and scripts for moving files to and from an ioe server or a MacTella peer.
//!
//! Modules stand in reading order. Only `cli`, `console` and `render` show anything.

mod run;
mod console;
mod completion;
mod client;
mod commands;
mod trust;
mod known_keys;
mod transfers;
mod local;
mod interrupt;
mod one_line;
mod config;
mod cli;
mod render;
mod command;
mod destination;
mod failure;
mod pattern;
mod here;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run().into()
}
