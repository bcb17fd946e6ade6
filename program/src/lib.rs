//! What ioe-server, ioe-client and mactella-peer do alike as processes and at a terminal: options and
//! their environment variables, logs, a daemon's life, the console and its two-form commands, the state
//! folder, files of secrets, confinement, signals, the output that scripts read, and exit codes.
//!
//! This crate knows no message of the protocol and no file of the share: it depends on neither `wire` nor
//! `shared-folder`, which Cargo proves.
//!
//! The modules stand in reading order, and each uses only modules below it.

pub mod daemon;
pub mod command_line;
pub mod access_log;
pub mod logging;
mod log_flood;
mod error_output;
pub mod prompt;
pub mod terminal;
pub mod console_input;
pub mod input_line;
pub mod ready;
pub mod status;
pub mod confinement;
pub mod secret_file;
pub mod bars;
pub mod process_id;
pub mod state_folder;
pub mod stop;
pub mod system_limits;
pub mod output;
pub mod results;
pub mod exit;
pub mod typed;
pub mod quantity;
pub mod escape;
