//! The client between two commands: its connection, where it stands, what it writes to.
//!
//! Must not know where commands come from.

use crate::command::{Command, Resumption, Understood, understand};
use crate::commands;
use crate::config::{Config, First, Source};
use crate::destination::Destination;
use crate::failure::{Code, Failure, not_connected};
use crate::here::Here;
use crate::interrupt::Interrupt;
use crate::one_line;
use crate::render::Report;
use crate::trust::{Trust, explained, grouped};
use shared_folder::catalogue::Remembered;
use shared_folder::remote::{Cancel, Dialer, Remote, RemoteError};
use std::path::Path;
use wire::key::PublicKey;
use wire::message::Hello;
use wire::net::{Address, DialError, Expected, Locator, Security};

/// What the other end sees this program as.
const AGENT: &str = concat!("ioe-client/", env!("CARGO_PKG_VERSION"));

/// One client.
pub(crate) struct Client {
    pub(crate) config: Config,
    pub(crate) report: Report,
    pub(crate) here: Here,
    pub(crate) underway: Underway,
    /// What is known of large files here without hashing them.
    pub(crate) digests: Remembered,
    /// Standard input gives the commands, so that it can give no upload.
    pub(crate) input_holds_commands: bool,
    remote: Option<Remote>,
    /// The other end as a command line names it.
    named: String,
    trust: Trust,
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
    pub(crate) fn new(
        config: Config,
        report: Report,
        (process_id, digests): (&str, Remembered),
        trust: Trust,
        interrupt: Interrupt,
    ) -> Self {
        Self {
            config,
            report,
            here: Here::default(),
            underway: Underway::default(),
            digests,
            input_holds_commands: false,
            remote: None,
            named: String::new(),
            trust,
            hello: Hello::of_client(AGENT, process_id),
            interrupt,
        }
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
    pub(crate) fn connect_first(&mut self, first: &First) -> Result<(), Code> {
        self.under_interrupt(|client, cancel| {
            let destination = match first {
                First::Destination(destination) => Ok(destination.clone()),
                First::LineIn(path) => line_in(path, cancel),
            };
            let connected = destination.and_then(|destination| client.connect_to_any(&destination, cancel));
            connected.map_err(|failure| client.failed("connect", None, &failure))
        })
    }

    /// Where it cannot be reached and nothing but READs follows, the first of the other sources that can be stands in for it.
    fn connect_to_any(&mut self, first: &Destination, cancel: &Cancel) -> Result<(), Failure> {
        let Err(failure) = self.connect(first, cancel) else { return Ok(()) };
        if failure.code != Code::ConnectionFailed || !self.only_reads() {
            return Err(failure);
        }
        for (place, other) in self.config.others.clone().iter().enumerate() {
            match self.connect(other, cancel) {
                Ok(()) => {
                    self.report.note(format_args!("{}: {other} stands in for {first}", failure.message));
                    self.config.others.remove(place);
                    return Ok(());
                }
                Err(failure) => self.report.note(format_args!("not from {other}: {}", failure.message)),
            }
        }
        Err(failure)
    }

    fn only_reads(&self) -> bool {
        let is_read = |line: &String| {
            let understood = understand(line).map(|understood| understood.command);
            matches!(understood, Some(Ok(Command::Read { .. })))
        };
        matches!(&self.config.source, Source::Given { commands, script: None } if commands.iter().all(is_read))
    }

    /// Makes a connection and forgets the one before.
    pub(crate) fn connect(&mut self, destination: &Destination, cancel: &Cancel) -> Result<(), Failure> {
        let address = &destination.address;
        let mut security = self.trust.security(destination)?;
        let opened = match self.open(destination, &security, cancel) {
            Err(RemoteError::Dial(DialError::UnknownKey { found, .. })) if self.config.may_ask => {
                self.ask_about(address, found, cancel)?;
                security.expected = Expected::Key(found);
                self.open(destination, &security, cancel)
            }
            opened => opened,
        };
        let remote = opened.map_err(|error| explained(error.into(), address))?;
        // The dialer has resolved it: where that fails now, it is as good as elsewhere.
        if security.offer.is_none() && self.config.plaintext && address.is_beyond_loopback().unwrap_or(true) {
            self.report.note(format_args!("warning: everyone on the way to {address} can read along"));
        }
        let named = match security.expected {
            Expected::Key(key) => self.remember(destination, key)?,
            _ => address.to_string(),
        };
        self.disconnect();
        (self.remote, self.named) = (Some(remote), named);
        Ok(())
    }

    /// Opens a session, the only one that presents an invitation.
    fn open(
        &self,
        destination: &Destination,
        security: &Security,
        cancel: &Cancel,
    ) -> Result<Remote, RemoteError> {
        let hello = Hello { invitation: destination.invitation, ..self.hello.clone() };
        let dialer = Dialer::new(destination.address.clone(), hello, self.config.timeout);
        let dialer = dialer.with_rate_limit(self.config.rate_limit.clone());
        let mut remote = Remote::new(dialer.with_security(security.clone()), cancel.clone());
        remote.session()?;
        remote.forget_invitation();
        Ok(remote)
    }

    /// Asks the person whether it is the right key; anything but `yes` is no.
    fn ask_about(&self, address: &Address, found: PublicKey, cancel: &Cancel) -> Result<(), Failure> {
        self.report.note(format_args!("{address} is not known here. Its key is"));
        grouped(found).lines().for_each(|line| self.report.note(line));
        self.report.ask("Is that the key that the server's owner told you? (yes or no) ");
        match one_line::of_stdin(cancel) {
            Ok(answer) if answer == "yes" => Ok(()),
            Ok(_) => {
                let message = format!("the key of {address} is not trusted; nothing was told to it");
                Err(Failure::new(Code::UnknownKey, message))
            }
            Err(_) if cancel.is_cancelled() => Err(Failure::interrupted()),
            Err(error) => Err(Failure::of_local(&error)),
        }
    }

    /// Remembers the key that has answered, and says what a person gains by it; gives how a command line names it.
    fn remember(&self, destination: &Destination, key: PublicKey) -> Result<String, Failure> {
        let address = &destination.address;
        let line = || Locator { address: address.clone(), key, invitation: None }.to_string();
        let is_new = match self.trust.learn(address, key) {
            Err(failure) if failure.code != Code::KeyMismatch => {
                self.report.note(format_args!(
                    "warning: the key of {address} is not remembered: {}",
                    failure.message
                ));
                return Ok(line());
            }
            learned => learned?,
        };
        let options = self.config.state_options.iter().map(|word| format!("{} ", shell_word(word)));
        let next = format!("from now on: ioe-client {}{address}", options.collect::<String>());
        if destination.invitation.is_some() {
            self.report.note(format_args!("enrolled at {address}; {next}"));
        } else if is_new {
            self.report.note(format_args!("the key of {address} is remembered; {next}"));
        }
        Ok(address.to_string())
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

    /// Who else may be asked for large files; whoever cannot be asked at all is named.
    pub(crate) fn others(&mut self) -> Vec<Dialer> {
        let mut dialers = Vec::new();
        for other in &self.config.others {
            match self.trust.security(other) {
                Ok(security) => {
                    let (address, hello) = (other.address.clone(), self.hello.clone());
                    let dialer = Dialer::new(address, hello, self.config.timeout).with_security(security);
                    dialers.push(dialer.with_rate_limit(self.config.rate_limit.clone()));
                }
                Err(failure) => self.report.note(format_args!("not from {other}: {}", failure.message)),
            }
        }
        dialers
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
        if self.config.source == Source::Console {
            return line.to_owned();
        }
        let mut words = vec!["ioe-client".to_owned()];
        words.extend(self.address().map(|_| shell_word(&self.named)));
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

/// Whom the line in a file names.
fn line_in(path: &Path, cancel: &Cancel) -> Result<Destination, Failure> {
    match one_line::first_of(path, cancel) {
        Ok(line) => Destination::of_line(&line),
        Err(_) if cancel.is_cancelled() => Err(Failure::interrupted()),
        Err(error) => Err(Failure::local(format!("{} gives no line: {error}", path.display()))),
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
