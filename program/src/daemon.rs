//! A daemon's life after its start: waiting for whatever comes first, console lines, draining, stopping.
//!
//! It must not know what the daemon serves, nor any console word except those that stop it.

use std::time::Duration;

use crossbeam_channel::{Receiver, after, never, select};

use crate::console_input::{ConsoleEvent, ConsoleInput};
use crate::error_output::LogWriter;
use crate::escape::Escaped;
use crate::exit::ExitStatus;
use crate::input_line::InputLine;
use crate::output::Output;
use crate::status::connections;
use crate::stop::{Stop, StopHandle, StopSignals};
use crate::typed::{self, Typed};

/// What a daemon does beside waiting. Nothing here may block: signals are waited for by the same thread.
pub trait Work {
    /// Begins the drain; gives for how many connections with a running request it waits.
    fn drain(&self) -> usize;

    /// Gets one word when a drain has nothing left to wait for, and stays open until then.
    fn emptied(&self) -> &Receiver<()>;

    /// Cuts whatever still runs; gives how many connections that were.
    fn cut(&self) -> usize;

    /// Carries out a console line that stops nothing; false where the word is unknown, which the person is told.
    fn obey(&self, typed: &Typed, output: &Output) -> bool;

    /// Carries out QUIT: asks `stop` to drain. A daemon whose lines run on after [`obey`](Work::obey) has
    /// returned keeps the handle and asks when the lines before this one have ended.
    fn quit(&self, stop: &StopHandle) {
        stop.drain();
    }
}

/// A daemon that has started, with everything it waits for.
pub struct Daemon<'a, W: Work> {
    /// What it does.
    pub work: &'a W,
    /// How it is stopped.
    pub signals: StopSignals,
    /// Where lines are typed, if anywhere.
    pub console: Option<ConsoleInput>,
    /// Where the answers to those lines go.
    pub output: Output,
}

impl<W: Work> Daemon<'_, W> {
    /// Runs until it is stopped: `Done` after a drain, `Failed` where it was forced or the drain took longer than
    /// `drain_timeout`.
    pub fn run(self, drain_timeout: Duration) -> ExitStatus {
        let _writer = LogWriter::start();
        let nothing = never::<ConsoleEvent>();
        let lines = self.console.as_ref().map_or(&nothing, ConsoleInput::receiver);
        let mut deadline = never();
        loop {
            select! {
                recv(self.signals.receiver()) -> stop => match stop {
                    Ok(Stop::Drain) => {
                        self.drain();
                        deadline = after(drain_timeout);
                    }
                    _ => return self.cut("stopping at once"),
                },
                recv(self.work.emptied()) -> _ => {
                    log::info!("stopped");
                    return ExitStatus::Done;
                }
                recv(deadline) -> _ => return self.cut("the drain timeout has passed"),
                recv(lines) -> event => if let Ok(ConsoleEvent::Line(line)) = event {
                    self.obey(line);
                },
            }
        }
    }

    fn obey(&self, line: InputLine) {
        let read = line.map_err(|error| error.to_string());
        match read.and_then(|line| typed::parse(&line).map_err(|error| error.to_string())) {
            Ok(Some(typed)) => self.obey_word(&typed),
            Ok(None) => {}
            Err(error) => self.output.line(error),
        }
        self.output.flush();
    }

    fn obey_word(&self, typed: &Typed) {
        let stop = self.signals.handle();
        match typed.word.to_ascii_uppercase().as_str() {
            "QUIT" | "EXIT" => self.work.quit(stop),
            "FORCEQUIT" => stop.force(),
            _ if self.work.obey(typed, &self.output) => {}
            _ => self.output.line(format_args!("command not recognized: {}", Escaped(&typed.word))),
        }
    }

    fn drain(&self) {
        let waiting = format!("waiting for {} with a running request", connections(self.work.drain()));
        if self.console.is_some() {
            self.output.line(&waiting);
            self.output.flush();
        } else {
            log::info!("stopping: {waiting}");
        }
    }

    /// A stop without a whole drain has failed, even where nobody was left to be cut.
    fn cut(&self, why: &str) -> ExitStatus {
        // Not among the arguments below, which are not evaluated where the log wants no warnings.
        let count = self.work.cut();
        log::warn!("{why}: {} cut", connections(count));
        ExitStatus::Failed
    }
}

#[cfg(test)]
mod tests;
