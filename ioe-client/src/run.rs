//! The program from its command line to its exit code.
//!
//! Must not know what a command does.

use crate::cli::Options;
use crate::client::{Client, Step};
use crate::config::{Config, Source};
use crate::console;
use crate::failure::{Code, Failure, exit_status};
use crate::interrupt::Interrupt;
use crate::render::Report;
use crate::trust::Trust;
use clap::CommandFactory as _;
use log::LevelFilter;
use program::command_line::{generate, with_environment};
use program::exit::ExitStatus;
use program::input_line::{BoundedLines, InputLine};
use program::logging::{LogFormat, start_logging};
use program::output::Output;
use program::process_id::ProcessId;
use program::state_folder::StateFolder;
use program::system_limits;
use shared_folder::catalogue::Remembered;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::rc::Rc;
use wire::net::Address;

const NAME: &str = "ioe-client";
const PREFIX: &str = "IOE";

/// Runs the program.
pub(crate) fn run() -> ExitStatus {
    let options = Options::from_command_line(PREFIX);
    if let Some(what) = options.common.generate {
        let command = with_environment(Options::command(), PREFIX);
        let made = generate(command, what, &mut io::stdout());
        return if made.is_ok() { ExitStatus::Done } else { ExitStatus::Failed };
    }
    start_logging(options.common.verbosity(LevelFilter::Warn), NAME, LogFormat::Text);
    let state = options.common.shared_state_folder(NAME);
    match Config::from_options(options) {
        Ok(config) => run_configured(config, state),
        Err(failure) => {
            log::error!("{}", failure.message);
            exit_status(failure.code)
        }
    }
}

fn run_configured(config: Config, state: StateFolder) -> ExitStatus {
    let interrupt = Interrupt::default();
    if let Err(error) = system_limits::outlive_file_size() {
        log::warn!("a file-size limit ends the program at once: {error}");
    }
    if let Err(error) = interrupt.install() {
        log::warn!("signals end the program at once: {error}");
    }
    let process_id = match ProcessId::kept_in(&state) {
        Ok(id) => id,
        Err(error) => {
            log::error!("no random bytes for a process id: {error}");
            return ExitStatus::Failed;
        }
    };
    let (report, state) = (Report::new(Output::stdout(), config.style), Rc::new(state));
    let trust = Trust::new(Rc::clone(&state), config.plaintext);
    if let Some(address) = &config.forgotten {
        return forget(address, &trust, &report);
    }
    let kept = (process_id.as_str(), Remembered::kept_in(state.path()));
    let mut client = Client::new(config, report, kept, trust, interrupt.clone());
    run_client(&mut client, &state, &interrupt)
}

fn run_client(client: &mut Client, state: &StateFolder, interrupt: &Interrupt) -> ExitStatus {
    let (first, source) = (client.config.first.clone(), client.config.source.clone());
    if let Some(first) = first
        && let Err(code) = client.connect_first(&first)
    {
        client.report.flush();
        return exit_status(code);
    }
    let mut session = Run { client, first_failure: None };
    session.run_source(&source, state, interrupt);
    let first_failure = session.first_failure;
    client.disconnect();
    client.report.flush();
    client.report.tell_lost_results();
    match first_failure {
        Some(code) => exit_status(code),
        None if client.report.has_lost_results() => ExitStatus::Failed,
        None => ExitStatus::Done,
    }
}

/// Forgets whose key answers at an address, which is all that the program does then.
fn forget(address: &Address, trust: &Trust, report: &Report) -> ExitStatus {
    let forgotten = match trust.forget(address) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::local(format!("no key of {address} is known"))),
        Err(failure) => Err(failure),
    };
    match &forgotten {
        Ok(()) => report.forgotten(&address.to_string()),
        Err(failure) => report.failure("forget_key", None, failure),
    }
    report.flush();
    forgotten.map_or_else(|failure| exit_status(failure.code), |()| ExitStatus::Done)
}

/// Whether the next command is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Continue,
    Stop,
}

/// Commands, one after the other, and the first failure among them.
pub(crate) struct Run<'a> {
    pub(crate) client: &'a mut Client,
    first_failure: Option<Code>,
}

impl Run<'_> {
    fn run_source(&mut self, source: &Source, state: &StateFolder, interrupt: &Interrupt) {
        match source {
            Source::Console => console::run(self, state, interrupt),
            Source::Input => self.input(),
            Source::Given { commands, script } => {
                for command in commands {
                    if self.line(command, false) == Next::Stop {
                        return;
                    }
                }
                if let Some(script) = script {
                    self.script(script);
                }
            }
        }
    }

    /// Runs a line; in a console, a failure is no reason to stop.
    pub(crate) fn line(&mut self, line: &str, in_console: bool) -> Next {
        let step = self.client.run_line(line);
        if let Step::Failed(code) = step {
            self.first_failure.get_or_insert(code);
        }
        match step {
            _ if self.client.report.is_closed() => Next::Stop,
            Step::Done => Next::Continue,
            Step::Quit => Next::Stop,
            Step::Failed(_) if in_console => Next::Continue,
            Step::Failed(Code::Interrupted) => Next::Stop,
            Step::Failed(_) if self.client.config.keep_going => Next::Continue,
            Step::Failed(_) => Next::Stop,
        }
    }

    fn script(&mut self, script: &Path) {
        if script == Path::new("-") {
            return self.input();
        }
        match File::open(script) {
            Ok(file) => self.lines(BufReader::new(file)),
            Err(error) => {
                let failure = Failure::of_local(&error);
                let path = script.to_string_lossy();
                self.first_failure.get_or_insert(self.client.failed("script", Some(&path), &failure));
            }
        }
    }

    fn input(&mut self) {
        self.client.input_holds_commands = true;
        self.lines(io::stdin().lock());
    }

    fn lines(&mut self, reader: impl BufRead) {
        for read in BoundedLines::new(reader) {
            let next = match read {
                Ok(line) => self.input_line(line),
                Err(error) => self.unreadable(&Failure::of_local(&error)),
            };
            if next == Next::Stop {
                return;
            }
        }
    }

    fn input_line(&mut self, line: InputLine) -> Next {
        match line {
            Ok(line) if line.starts_with('#') => Next::Continue,
            Ok(line) => self.line(&line, false),
            Err(error) => self.unreadable(&Failure::usage(error.to_string())),
        }
    }

    fn unreadable(&mut self, failure: &Failure) -> Next {
        let code = self.client.failed("script", None, failure);
        self.first_failure.get_or_insert(code);
        if self.client.config.keep_going && code == Code::Usage { Next::Continue } else { Next::Stop }
    }
}
