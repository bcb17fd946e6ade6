//! The program from its command line to its exit code: a peer, or a console of one.
//!
//! Must not know what a command does.

use crate::cli::{self, Action, Options};
use crate::config::StartError;
use crate::{attach, config, daemon, new_network};
use log::LevelFilter;
use program::command_line::generate;
use program::exit::ExitStatus;
use program::logging::{LogFormat, WithCauses, start_daemon_logging, start_logging};
use program::output::Output;
use program::system_limits;
use std::path::Path;

pub(crate) fn run() -> ExitStatus {
    let options = cli::parse();
    if let Some(what) = options.common.generate {
        let written = generate(cli::command(), what, &mut std::io::stdout());
        return if written.is_ok() { ExitStatus::Done } else { ExitStatus::Failed };
    }
    if let Some(Action::NewNetwork { file }) = &options.action {
        return make_network(file, &options);
    }
    match &options.attach {
        Some(path) => {
            start_logging(options.common.verbosity(LevelFilter::Warn), cli::NAME, LogFormat::Text);
            attach::run(path, &options, &options.common.shared_state_folder(cli::NAME))
        }
        None => serve(&options),
    }
}

fn make_network(file: &Path, options: &Options) -> ExitStatus {
    start_logging(options.common.verbosity(LevelFilter::Warn), cli::NAME, LogFormat::Text);
    match new_network::make(file) {
        Ok(text) => {
            let output = Output::stdout();
            text.lines().for_each(|line| output.line(line));
            output.flush();
            ExitStatus::Done
        }
        Err(error) => {
            log::error!("{}", WithCauses(&error));
            ExitStatus::Failed
        }
    }
}

fn serve(options: &Options) -> ExitStatus {
    start_daemon_logging(options.common.verbosity(LevelFilter::Info), cli::NAME, options.log_format);
    match run_daemon(options) {
        Ok(status) => status,
        Err(error) => {
            log::error!("{}", WithCauses(&error));
            ExitStatus::Failed
        }
    }
}

fn run_daemon(options: &Options) -> Result<ExitStatus, StartError> {
    // Before anything is written: the digest database, too, may meet the limit.
    system_limits::outlive_file_size()?;
    config::configure(options).and_then(daemon::run)
}
