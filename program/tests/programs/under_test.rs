//! The smallest program made of this crate, started by tests/process.rs to see what a process does with
//! its environment, signals, terminal and closed pipes.
//!
//! It must not know what the tests expect.

#[cfg(target_os = "linux")]
mod confined;

use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, CommandFactory, Parser, ValueEnum};
use log::LevelFilter;
use program::command_line::{self, CommonOptions, generate, with_environment};
use program::console_input::{ConsoleEvent, ConsoleInput};
use program::exit::ExitStatus;
use program::logging::{LogFormat, WithCauses, start_logging};
use program::output::Output;
use program::prompt::{Complete, Prompt, PromptLine};
use program::quantity;
use program::ready::announce;
use program::stop::{Stop, StopSignals};

const NAME: &str = "program-under-test";
const PREFIX: &str = "UNDER_TEST";

/// A program for tests.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// What to do
    #[arg(value_enum)]
    role: Option<Role>,
    /// A flag
    #[arg(long)]
    read_only: bool,
    /// A repeatable option
    #[arg(short, long, action = ArgAction::Append)]
    peer: Vec<String>,
    /// A repeatable option with a delimiter
    #[arg(long, value_delimiter = ',')]
    kinds: Vec<String>,
    /// A duration
    #[arg(long, value_parser = quantity::duration, default_value = "30s")]
    drain_timeout: Duration,
    /// A size
    #[arg(long, value_parser = quantity::byte_count)]
    max_file_size: Option<u64>,
    /// The look of the log
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[cfg(target_os = "linux")]
    #[command(flatten)]
    tried: confined::Tried,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    ShowOptions,
    EndlessLines,
    WaitForStop,
    EchoConsole,
    Log,
    Prompt,
    Lock,
    #[cfg(target_os = "linux")]
    Confined,
}

fn main() -> ExitCode {
    let options: Options = command_line::parse(PREFIX);
    let output = Output::stdout();
    if let Some(what) = options.common.generate {
        let command = with_environment(Options::command(), PREFIX);
        let made = generate(command, what, &mut std::io::stdout());
        return if made.is_ok() { ExitStatus::Done } else { ExitStatus::Failed }.into();
    }
    start_logging(options.common.verbosity(LevelFilter::Warn), NAME, options.log_format);
    let status = match options.role.unwrap_or(Role::ShowOptions) {
        Role::ShowOptions => show(&options, &output),
        Role::EndlessLines => endless_lines(&output),
        Role::WaitForStop => wait_for_stop(&output),
        Role::EchoConsole => echo_console(&output),
        Role::Log => log_lines(),
        Role::Prompt => prompt(&options, &output),
        Role::Lock => lock(&options, &output),
        #[cfg(target_os = "linux")]
        Role::Confined => confined::try_all(&options.tried, &output),
    };
    output.flush();
    status.into()
}

fn show(options: &Options, output: &Output) -> ExitStatus {
    let Options { common, read_only, peer, kinds, drain_timeout, max_file_size, .. } = options;
    output.line(format_args!("read_only={read_only} verbose={} quiet={}", common.verbose, common.quiet));
    output.line(format_args!("peer={peer:?} kinds={kinds:?}"));
    output.line(format_args!("drain_timeout={drain_timeout:?} max_file_size={max_file_size:?}"));
    ExitStatus::Done
}

fn endless_lines(output: &Output) -> ExitStatus {
    while !output.is_closed() {
        output.line("a line");
    }
    if output.failure() == Some(std::io::ErrorKind::BrokenPipe) {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    }
}

fn wait_for_stop(output: &Output) -> ExitStatus {
    let Ok(signals) = StopSignals::install() else { return ExitStatus::Failed };
    announce(output, &([127, 0, 0, 1], 10_000).into());
    for stop in signals.receiver() {
        output.line(format_args!("{stop:?}"));
        output.flush();
        if stop == Stop::Force {
            break;
        }
    }
    ExitStatus::Interrupted
}

fn echo_console(output: &Output) -> ExitStatus {
    let Ok(console) = ConsoleInput::from_stdin() else { return ExitStatus::Failed };
    while let Ok(event) = console.receiver().recv() {
        match event {
            ConsoleEvent::Line(Ok(line)) if line == "QUIT" => break,
            ConsoleEvent::Line(line) => output.line(format_args!("{line:?}")),
            ConsoleEvent::End => {
                output.line("End");
                break;
            }
        }
        output.flush();
    }
    ExitStatus::Done
}

fn log_lines() -> ExitStatus {
    log::error!("an error\nof two lines");
    log::warn!("a warning");
    log::info!("some information");
    log::debug!("a detail");
    ExitStatus::Done
}

struct NoCompletion;

impl Complete for NoCompletion {
    fn complete(&self, _: &str, cursor: usize) -> (usize, Vec<String>) {
        (cursor, vec!["completed".to_owned()])
    }
}

/// Reads lines until the end; a signal restores the terminal and ends the process, as in ioe-client.
fn prompt(options: &Options, output: &Output) -> ExitStatus {
    let state = options.common.shared_state_folder(NAME);
    let Ok(signals) = StopSignals::install() else { return ExitStatus::Failed };
    let Ok(mut prompt) = Prompt::open(&state, Box::new(NoCompletion)) else { return ExitStatus::Failed };
    let terminal = prompt.terminal();
    let stopped = signals.receiver().clone();
    std::thread::spawn(move || {
        let _ = stopped.recv();
        if let Some(terminal) = terminal {
            terminal.restore();
        }
        std::process::exit(ExitStatus::Interrupted.code().into());
    });
    loop {
        let line = prompt.read_line("test> ");
        output.line(format_args!("{line:?}"));
        output.flush();
        if line == PromptLine::End {
            return ExitStatus::Done;
        }
    }
}

fn lock(options: &Options, output: &Output) -> ExitStatus {
    match options.common.locked_state_folder(NAME) {
        Ok(folder) => {
            output.line(folder.path().display());
            ExitStatus::Done
        }
        Err(error) => {
            log::error!("{}", WithCauses(&error));
            ExitStatus::Failed
        }
    }
}
