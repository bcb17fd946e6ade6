//! ioe-server: a daemon that serves a folder. What was typed becomes a configuration, and that a daemon.

mod daemon;
mod manage;
mod console;
mod access_log;
mod config;
mod reach;
mod place;
mod render;
mod cli;
mod invited;

use clap::CommandFactory as _;
use cli::Options;
use config::StartError;
use log::LevelFilter;
use program::command_line::{generate, parse, with_environment};
use program::exit::ExitStatus;
use program::logging::{WithCauses, start_daemon_logging, start_logging};
use program::system_limits;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options: Options = parse(cli::ENVIRONMENT_PREFIX);
    if let Some(what) = options.common.generate {
        let command = with_environment(Options::command(), cli::ENVIRONMENT_PREFIX);
        let written = generate(command, what, &mut std::io::stdout());
        return if written.is_ok() { ExitStatus::Done } else { ExitStatus::Failed }.into();
    }
    if let Some(manage) = &options.manage {
        start_logging(options.common.verbosity(LevelFilter::Info), cli::NAME, options.log_format);
        return ended(manage::run(&options, manage));
    }
    start_daemon_logging(options.common.verbosity(LevelFilter::Info), cli::NAME, options.log_format);
    ended(serve(&options))
}

fn ended(outcome: Result<ExitStatus, StartError>) -> ExitCode {
    match outcome {
        Ok(status) => status.into(),
        Err(error) => {
            log::error!("{}", WithCauses(&error));
            ExitStatus::Failed.into()
        }
    }
}

fn serve(options: &Options) -> Result<ExitStatus, StartError> {
    // Before anything is written: the digest database, too, may meet the limit.
    system_limits::outlive_file_size()?;
    config::configure(options).and_then(daemon::run)
}
