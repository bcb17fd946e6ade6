//! What each command does. Failures are shown where they happen; what comes back is their code.
//!
//! Must not know who gives commands, nor how results are shown.

mod get;
mod search;
mod list;
mod help;

use crate::command::{Command, Understood, shown, understand};
use crate::destination::Destination;
use crate::failure::{Code, Failure, stopping};
use crate::peer::Peer;
use crate::render::{Report, ShownStatus};
use crate::running::{Interruption, Place};
use program::status::connections;
use program::typed::{Typed, TypedError};
use shared_folder::remote::{Unwatched, Watch};
use std::time::Duration;

/// One command on its way.
pub(crate) struct Order<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) report: &'a Report<'a>,
    /// How long results are waited for.
    pub(crate) wait: Duration,
    pub(crate) interruption: &'a Interruption,
    /// None where the peer takes no commands: whoever gives one holds its place until the answer is on its way.
    pub(crate) place: Option<&'a Place<'a>>,
}

/// What follows from a command for whoever gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// All was done.
    Done,
    /// It failed, and that was shown.
    Failed(Code),
    /// The console is to be left.
    Leave,
    /// The peer is to drain and stop.
    Quit,
    /// The peer is to stop at once.
    ForceQuit,
}

type Outcome = Result<(), Code>;

impl Order<'_> {
    /// Carries out a line that was taken apart; a blank one is done.
    pub(crate) fn run(&self, typed: Result<Option<Typed>, TypedError>) -> Step {
        let Understood { name, command } = match typed {
            Ok(None) => return Step::Done,
            Ok(Some(typed)) => understand(&typed),
            Err(error) => {
                let command = Err(Failure::usage(error.to_string()));
                Understood { name: "console".to_owned(), command }
            }
        };
        let step = match command {
            Ok(Command::Bye) => Step::Leave,
            Ok(Command::Quit) => self.quit(),
            Ok(Command::ForceQuit) => Step::ForceQuit,
            Ok(command) => self.run_command(&name, &command).map_or_else(Step::Failed, |()| Step::Done),
            Err(failure) => Step::Failed(self.failed(&name, None, &failure)),
        };
        self.report.flush();
        step
    }

    /// Shows a failure.
    fn failed(&self, command: &str, path: Option<&str>, failure: &Failure) -> Code {
        match failure.code {
            // No result for a script: whoever interrupted knows.
            Code::Interrupted => self.report.note(&failure.message),
            _ => self.report.failure(command, path, failure),
        }
        failure.code
    }

    fn run_command(&self, name: &str, command: &Command) -> Outcome {
        // These look at the peer and change nothing: they work during a stop, too.
        match command {
            Command::Status => return self.status(),
            Command::Help => return help::run(self),
            _ => {}
        }
        let Some(place) = self.place else { return Err(self.failed(name, None, &stopping())) };
        place.progress().name(label(name, command));
        match command {
            Command::ListOwn => list::own(self),
            Command::ListRemote(destination) => list::remote(self, destination),
            Command::Search { wanted, ttl } => search::search(self, wanted, *ttl),
            Command::Discover { ttl } => search::discover(self, *ttl),
            Command::Get { path, destination, replace } => get::from_peer(self, path, destination, *replace),
            Command::GetBest { wanted, replace } => get::best(self, wanted, *replace),
            Command::Connect(destination) => self.connect(destination),
            Command::Peers => self.peers(),
            Command::Reset => self.reset(),
            Command::Status | Command::Help | Command::Bye | Command::Quit | Command::ForceQuit => Ok(()),
        }
    }

    fn connect(&self, destination: &Destination) -> Outcome {
        let text = destination.to_string();
        match self.peer.mesh().connect(destination, self.interruption.ended()) {
            Ok(connected) => {
                self.report.connected(&text, connected.was_linked);
                Ok(())
            }
            Err(_) if self.interruption.is_interrupted() => {
                Err(self.failed("connect", None, &Failure::interrupted()))
            }
            Err(error) => Err(self.failed("connect", None, &error.into())),
        }
    }

    fn peers(&self) -> Outcome {
        let peers = self.peer.mesh().peers();
        if peers.is_empty() {
            self.report.say("the peer list is empty");
        }
        peers.iter().for_each(|peer| self.report.peer(peer));
        Ok(())
    }

    fn reset(&self) -> Outcome {
        self.report.reset(self.peer.mesh().reset());
        Ok(())
    }

    fn status(&self) -> Outcome {
        self.report.status(&ShownStatus {
            address: self.peer.service.address(),
            key: self.peer.trust.key(),
            is_private: self.peer.trust.membership().is_some(),
            network: self.peer.mesh().status(),
            library: self.peer.library.status(),
            sessions: self.peer.service.sessions(),
            commands: self.peer.running.others(self.place),
            confinement: self.peer.confined.to_string(),
        });
        Ok(())
    }

    fn quit(&self) -> Step {
        let sessions = self.peer.service.sessions();
        let busy = sessions.iter().filter(|session| session.running.is_some()).count();
        let waiting = connections(busy + self.peer.running.others(self.place).len());
        self.report.say(&format!("stopping: waiting for {waiting} with a running request"));
        Step::Quit
    }

    /// Commands that run beside this one.
    /// Says how long the file is that this command gets.
    fn will_get(&self, byte_count: u64) {
        self.place.into_iter().for_each(|place| place.progress().will_get(byte_count));
    }

    /// Who sees how far it is.
    fn watch(&self) -> &dyn Watch {
        self.place.map_or(&Unwatched, |place| place.progress())
    }
}

/// What a command does, for those who see it run.
fn label(name: &str, command: &Command) -> String {
    let about = match command {
        Command::Get { path, .. } => path.clone(),
        Command::GetBest { wanted, .. } | Command::Search { wanted, .. } => shown(wanted),
        Command::ListRemote(destination) | Command::Connect(destination) => destination.to_string(),
        _ => String::new(),
    };
    format!("{name} {about}").trim_end().to_owned()
}
