//! `--attach`: a console of a running peer. It sends lines and prints what comes back; the peer does everything else.
//!
//! Must not know any command.

mod connection;
mod bar;
mod interrupt;

use crate::cli::Options;
use crate::command::names;
use crate::failure::{Code, exit_status};
use connection::{Attached, Ended, Lost, Terms};
use interrupt::Interrupt;
use program::escape::for_log;
use program::exit::ExitStatus;
use program::input_line::BoundedLines;
use program::logging::WithCauses;
use program::output::Output;
use program::prompt::{Complete, Prompt, PromptLine};
use program::results::{ErrorObject, FailureLine, json_line};
use program::state_folder::StateFolder;
use std::io::{self, BufRead, IsTerminal as _, Write as _};
use std::path::Path;

const WELCOME: &str = "HELP lists the commands, BYE leaves, QUIT stops the peer.";

/// Talks to the peer behind `path` until there is no more to say.
pub(crate) fn run(path: &Path, options: &Options, state: &StateFolder) -> ExitStatus {
    let console = Console {
        output: Output::stdout(),
        terms: Terms {
            json: options.json,
            columns: !options.json && io::stdout().is_terminal(),
            progress: io::stderr().is_terminal() && !options.common.quiet,
            wait: options.wait,
        },
        keep_going: options.keep_going,
        first_failure: None,
        is_over: false,
    };
    let interrupt = Interrupt::default();
    if let Err(error) = interrupt.install() {
        log::warn!("signals end the program at once: {error}");
    }
    console.run(path, &options.cmd, (state, &interrupt))
}

struct Console {
    output: Output,
    terms: Terms,
    keep_going: bool,
    first_failure: Option<u8>,
    is_over: bool,
}

impl Console {
    fn run(
        mut self,
        path: &Path,
        commands: &[String],
        (state, interrupt): (&StateFolder, &Interrupt),
    ) -> ExitStatus {
        let attached = Attached::open(path).inspect(|attached| interrupt.set_peer(attached.canceller()));
        match attached {
            Err(error) => self.lost(path, &error),
            Ok(mut attached) => {
                if let Err(error) = self.run_all(&mut attached, commands, (state, interrupt)) {
                    self.lost(path, &error);
                }
            }
        }
        self.output.flush();
        self.exit_status()
    }

    fn run_all(
        &mut self,
        attached: &mut Attached,
        commands: &[String],
        (state, interrupt): (&StateFolder, &Interrupt),
    ) -> Result<(), Lost> {
        if !commands.is_empty() {
            for command in commands {
                self.script_line(attached, command, interrupt)?;
            }
            return Ok(());
        }
        if io::stdin().is_terminal() {
            self.prompt(attached, (state, interrupt))
        } else {
            self.input(attached, interrupt)
        }
    }

    /// Runs a line, unless one before has ended the program.
    fn script_line(
        &mut self,
        attached: &mut Attached,
        line: &str,
        interrupt: &Interrupt,
    ) -> Result<(), Lost> {
        if self.is_over {
            return Ok(());
        }
        let ended = self.line(attached, line, interrupt)?;
        let is_interrupted = ended.exit_code == ExitStatus::Interrupted.code();
        self.is_over |= ended.exit_code != 0 && (is_interrupted || !self.keep_going);
        Ok(())
    }

    fn line(&mut self, attached: &mut Attached, line: &str, interrupt: &Interrupt) -> Result<Ended, Lost> {
        interrupt.begin();
        let ended = attached.run(line, self.terms, &self.output);
        interrupt.end();
        self.output.flush();
        let ended = ended?;
        if ended.exit_code != 0 {
            self.first_failure.get_or_insert(ended.exit_code);
        }
        self.is_over |= ended.leave || self.output.is_closed();
        Ok(ended)
    }

    fn input(&mut self, attached: &mut Attached, interrupt: &Interrupt) -> Result<(), Lost> {
        let lines: Box<dyn BufRead> = Box::new(io::stdin().lock());
        for read in BoundedLines::new(lines) {
            match read {
                Ok(Ok(line)) if line.starts_with('#') => {}
                Ok(Ok(line)) => self.script_line(attached, &line, interrupt)?,
                Ok(Err(error)) => self.unreadable(Code::Usage, &error.to_string()),
                Err(error) => {
                    self.unreadable(Code::LocalFile, &error.to_string());
                    self.is_over = true;
                }
            }
            if self.is_over {
                break;
            }
        }
        Ok(())
    }

    fn prompt(
        &mut self,
        attached: &mut Attached,
        (state, interrupt): (&StateFolder, &Interrupt),
    ) -> Result<(), Lost> {
        let mut prompt = match Prompt::open(state, Box::new(Words)) {
            Ok(prompt) => prompt,
            Err(error) => {
                self.unreadable(Code::LocalFile, &WithCauses(&error).to_string());
                return Ok(());
            }
        };
        interrupt.set_terminal(prompt.terminal());
        remark(WELCOME);
        let text = format!("mactella {}> ", attached.address());
        while !self.is_over {
            match prompt.read_line(&text) {
                // A failure was told, and the next line is asked for.
                PromptLine::Line(line) => drop(self.line(attached, &line, interrupt)?),
                PromptLine::Interrupted => {}
                PromptLine::End => break,
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, code: Code, message: &str) {
        self.fail("console", None, (code, message));
        self.is_over |= !self.keep_going;
    }

    fn lost(&mut self, path: &Path, error: &Lost) {
        let code = match error {
            Lost::Absent { .. } | Lost::Busy => Code::ConnectionFailed,
            Lost::Ended | Lost::Unreadable(_) | Lost::Unsent(_) => Code::ConnectionLost,
        };
        self.fail("attach", Some(&path.to_string_lossy()), (code, &WithCauses(error).to_string()));
    }

    fn fail(&mut self, command: &str, path: Option<&str>, (code, message): (Code, &str)) {
        self.first_failure.get_or_insert(exit_status(code).code());
        self.output.flush();
        if self.terms.json {
            let line = FailureLine { command, path, error: ErrorObject { code: code.as_str(), message } };
            self.output.line(json_line(&line));
        } else {
            remark(&for_log(message));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        let lost = self.output.failure().filter(|kind| *kind != io::ErrorKind::BrokenPipe);
        if let Some(kind) = lost {
            remark(&format!("results could not be written to standard output: {kind}"));
        }
        match self.first_failure {
            Some(code) => status_of(code),
            None if lost.is_some() => ExitStatus::Failed,
            None => ExitStatus::Done,
        }
    }
}

/// Writes to standard error, whose closing is nobody's loss.
fn remark(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn status_of(code: u8) -> ExitStatus {
    use ExitStatus::{ConnectionLost, DigestMismatch, Done, Failed, Interrupted, KeyMismatch, Usage};
    let known = [Done, Failed, Usage, ConnectionLost, DigestMismatch, KeyMismatch, Interrupted];
    known.into_iter().find(|status| status.code() == code).unwrap_or(Failed)
}

/// Completes the words of commands, of which the program knows no more.
struct Words;

impl Complete for Words {
    fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let typed = line.get(..cursor).unwrap_or_default();
        let word = typed.trim_start();
        if word.contains([' ', ',', '\t']) {
            return (cursor, Vec::new());
        }
        let start = word.to_uppercase();
        let found = names().filter(|name| name.starts_with(&start)).map(|name| name + " ");
        (typed.len() - word.len(), found.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_commands_are_completed_in_any_case_and_nothing_else() {
        assert_eq!(Words.complete(" se", 3), (1, vec!["SEARCH ".to_owned()]));
        assert_eq!(Words.complete("re", 2), (0, vec!["RESET ".to_owned()]));
        assert_eq!(Words.complete("GET s", 5), (5, Vec::new()));
        assert_eq!(Words.complete("x", 1), (0, Vec::new()));
    }

    #[test]
    fn every_exit_code_of_a_peer_is_one_of_ours() {
        for code in [0, 1, 2, 3, 4, 5, 130] {
            assert_eq!(status_of(code).code(), code);
        }
        assert_eq!(status_of(77).code(), 1);
    }
}
