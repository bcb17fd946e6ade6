//! Console and scripts for moving files to and from an ioe server or a MacTella peer.
//!
//! Modules stand in reading order. Only `cli`, `console` and `render` show anything.

mod run;
mod console;
mod completion;
mod client;
mod commands;
mod transfers;
mod local;
mod interrupt;
mod config;
mod cli;
mod render;
mod command;
mod failure;
mod pattern;
mod here;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run().into()
}
