//! Ctrl-C: cancels the command that runs, or ends the program where none does.
//!
//! Must not know what a command does when it is cancelled.

use super::connection::cancel;
use program::exit::ExitStatus;
use program::terminal::TerminalModes;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a signal would end; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Interrupt(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    peer: Option<Arc<UnixStream>>,
    terminal: Option<TerminalModes>,
    is_running: bool,
}

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on. The first one while a command runs cancels it; any other
    /// ends the process at once, with the terminal as it was.
    pub(super) fn install(&self) -> Result<(), ctrlc::Error> {
        let state = self.clone();
        ctrlc::set_handler(move || state.signal())
    }

    /// Where a cancellation goes.
    pub(super) fn set_peer(&self, peer: Arc<UnixStream>) {
        self.state().peer = Some(peer);
    }

    /// The modes that the terminal has to get back.
    pub(super) fn set_terminal(&self, terminal: Option<TerminalModes>) {
        self.state().terminal = terminal;
    }

    /// A command begins: a signal cancels it.
    pub(super) fn begin(&self) {
        self.state().is_running = true;
    }

    /// The command is over.
    pub(super) fn end(&self) {
        self.state().is_running = false;
    }

    fn signal(&self) {
        let mut state = self.state();
        match &state.peer {
            Some(peer) if state.is_running => {
                cancel(peer);
                state.is_running = false;
            }
            _ => {
                if let Some(terminal) = &state.terminal {
                    terminal.restore();
                }
                std::process::exit(i32::from(ExitStatus::Interrupted.code()));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
