//! The client between two commands: its connection, where it stands, what it writes to.
//!
//! Must not know where commands come from.

use crate::command::{Command, Resumption, Understood, understand};
use crate::commands;
use crate::config::Config;
use crate::failure::{Code, Failure, not_connected};
use crate::here::Here;
use crate::interrupt::Interrupt;
use crate::render::Report;
use shared_folder::remote::{Cancel, Dialer, Remote};
use wire::message::Hello;
use wire::net::{Address, PlainTo, Security};

/// What the other end sees this program as.
const AGENT: &str = concat!("ioe-client/", env!("CARGO_PKG_VERSION"));

/// One client.
pub(crate) struct Client {
    pub(crate) config: Config,
    pub(crate) report: Report,
    pub(crate) here: Here,
    pub(crate) underway: Underway,
    /// Standard input gives the commands, so that it can give no upload.
    pub(crate) input_holds_commands: bool,
    remote: Option<Remote>,
    hello: Hello,
    interrupt: Interrupt,
}

/// What is known of the command that runs.
#[derive(Debug, Default)]
pub(crate) struct Underway {
    /// Files were about to be transferred: some of their bytes may have arrived.
    pub(crate) has_begun: bool,
    /// The command that goes on with it, where repeating the line would do something else.
    pub(crate) continuation: Option<String>,
    /// Names at the other end that are none here.
    pub(crate) untakeable_count: u64,
}

/// What a line led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing, or all was done.
    Done,
    /// It failed, and that was reported.
    Failed(Code),
    /// The program is to be left.
    Quit,
}

impl Client {
    /// A client without a connection; `process_id` tells other ends that it is the same one again.
    pub(crate) fn new(config: Config, report: Report, process_id: &str, interrupt: Interrupt) -> Self {
        let hello = Hello::of_client(AGENT, process_id);
        let (here, underway) = (Here::default(), Underway::default());
        Self { config, report, here, underway, input_holds_commands: false, remote: None, hello, interrupt }
    }

    /// Carries out one line.
    pub(crate) fn run_line(&mut self, line: &str) -> Step {
        let Some(Understood { name, command }) = understand(line) else { return Step::Done };
        self.underway = Underway::default();
        let outcome = match command {
            Ok(Command::Quit) => return Step::Quit,
            Ok(command) => self.run_command(&command).map_err(|code| (code, command.resumption())),
            Err(failure) => Err((self.failed(&name, None, &failure), Resumption::None)),
        };
        self.report.flush();
        match outcome {
            Ok(()) => Step::Done,
            Err((code, resumption)) => {
                self.tell_how_to_continue(line, resumption, code);
                Step::Failed(code)
            }
        }
    }

    /// Connects to the first server; its absence is reported.
    pub(crate) fn connect_first(&mut self, address: &Address) -> Result<(), Code> {
        self.under_interrupt(|client, cancel| match client.connect(address, cancel) {
            Ok(()) => Ok(()),
            Err(failure) => Err(client.failed("connect", None, &failure)),
        })
    }

    /// Makes a connection and forgets the one before.
    pub(crate) fn connect(&mut self, address: &Address, cancel: &Cancel) -> Result<(), Failure> {
        let plain = if self.config.plaintext { PlainTo::Anywhere } else { PlainTo::Loopback };
        let dialer = Dialer::new(address.clone(), self.hello.clone(), self.config.timeout)
            .with_security(Security::plain(plain));
        let mut remote = Remote::new(dialer, cancel.clone());
        remote.session()?;
        // The dialer has resolved it: where that fails now, it is as good as elsewhere.
        if self.config.plaintext && address.is_beyond_loopback().unwrap_or(true) {
            self.report.note(format_args!("warning: everyone on the way to {address} can read along"));
        }
        self.disconnect();
        self.remote = Some(remote);
        self.here = Here::default();
        Ok(())
    }

    /// Ends the session in order, if there is one.
    pub(crate) fn disconnect(&mut self) {
        if let Some(mut remote) = self.remote.take()
            && let Err(error) = remote.bye()
        {
            log::debug!("the session did not end in order: {error}");
        }
        self.here = Here::default();
    }

    /// The other end.
    pub(crate) fn remote(&mut self) -> Result<&mut Remote, Failure> {
        self.remote.as_mut().ok_or_else(not_connected)
    }

    /// The parts that a command needs at once.
    pub(crate) fn parts(&mut self) -> (Option<&mut Remote>, &Report, &Here) {
        (self.remote.as_mut(), &self.report, &self.here)
    }

    /// The other end's address, where one is connected.
    pub(crate) fn address(&self) -> Option<&Address> {
        self.remote.as_ref().map(|remote| remote.dialer().address())
    }

    /// How the other end is reached, where one is connected.
    pub(crate) fn dialer(&self) -> Option<&Dialer> {
        self.remote.as_ref().map(Remote::dialer)
    }

    /// Reports a failure.
    pub(crate) fn failed(&self, command: &str, path: Option<&str>, failure: &Failure) -> Code {
        // The last word about an interruption comes when the command has ended.
        if failure.code != Code::Interrupted {
            self.report.failure(command, path, failure);
        }
        failure.code
    }

    fn run_command(&mut self, command: &Command) -> Result<(), Code> {
        self.under_interrupt(|client, cancel| {
            if let Some(remote) = &mut client.remote {
                remote.set_cancel(cancel);
            }
            commands::run(client, command, cancel)
        })
    }

    fn under_interrupt(
        &mut self,
        act: impl FnOnce(&mut Self, &Cancel) -> Result<(), Code>,
    ) -> Result<(), Code> {
        let cancel = match self.interrupt.begin() {
            Ok(cancel) => cancel,
            Err(error) => return Err(self.failed("client", None, &Failure::of_local(&error))),
        };
        let outcome = act(self, &cancel);
        self.interrupt.end();
        if cancel.is_cancelled() { Err(Code::Interrupted) } else { outcome }
    }

    fn tell_how_to_continue(&self, line: &str, resumption: Resumption, code: Code) {
        let word = match code {
            Code::Interrupted => "interrupted",
            Code::ConnectionLost => "connection lost",
            // It was lost before, and could not be made again.
            Code::ConnectionFailed if self.underway.has_begun => "connection lost",
            _ => return,
        };
        match resumption {
            Resumption::None if code == Code::Interrupted => self.report.note(word),
            Resumption::None => {}
            Resumption::Feed => {
                self.report.note(format_args!("{word}; to try again, standard input has to be fed again"));
            }
            Resumption::Repeat => {
                let typed = self.how_to_type(self.underway.continuation.as_deref().unwrap_or(line.trim()));
                self.report.note(format_args!("{word}; what has arrived is kept. To continue: {typed}"));
            }
        }
    }

    /// The line as it can be typed again: in a console the line itself, elsewhere the whole command.
    fn how_to_type(&self, line: &str) -> String {
        if self.config.source == crate::config::Source::Console {
            return line.to_owned();
        }
        let mut words = vec!["ioe-client".to_owned()];
        words.extend(self.address().map(ToString::to_string));
        words.extend(self.config.repeated.iter().map(|word| shell_word(word)));
        if let Some(folder) = self.here.folder() {
            words.extend([
                "--cmd".to_owned(),
                shell_quoted(&format!("CD {}", program::typed::quote(folder.as_str()))),
            ]);
        }
        words.extend(["--cmd".to_owned(), shell_quoted(line)]);
        words.join(" ")
    }
}

/// One word for a POSIX shell, quoted only where it must be.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { shell_quoted(text) }
}

/// The text in quotes for a POSIX shell.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        assert_eq!(shell_quoted("READ a b"), "'READ a b'");
        assert_eq!([shell_word("a/b"), shell_word("a b")], ["a/b", "'a b'"]);
        assert_eq!(shell_quoted("READ don't"), r"'READ don'\''t'");
    }
}
