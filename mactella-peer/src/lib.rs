//! A peer of the mesh: a daemon around a pure overlay, and the console that attaches to it.
//!
//! A library only so that the simulation can drive the [`overlay`]; the program is [`main`]. Modules stand in reading
//! order: each one uses only modules declared below it. Only `cli`, `attach`, `console` and `render` show anything.

mod run;
mod attach;
mod daemon;
mod config;
mod access_log;
mod new_network;
mod cli;
mod control;
mod console;
mod commands;
mod peer;
mod own_files;
mod render;
mod running;
mod command;
mod failure;
mod protocol;
mod network;
mod trust;
mod destination;
pub mod overlay;

use std::process::ExitCode;

/// Runs the program: a peer, or with `--attach` a console of one.
#[must_use]
pub fn main() -> ExitCode {
    run::run().into()
}
