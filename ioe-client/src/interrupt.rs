//! Ctrl-C: ends the command that runs, or the program where none does.
//!
//! Must not know what a command does when it is cancelled.

use program::exit::ExitStatus;
use program::terminal::TerminalModes;
use shared_folder::remote::Cancel;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a signal would end; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    running: Option<Cancel>,
    terminal: Option<TerminalModes>,
}

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on. The first one while a command runs cancels it; any other
    /// ends the process at once, with the terminal as it was.
    pub(crate) fn install(&self) -> Result<(), ctrlc::Error> {
        let state = self.clone();
        ctrlc::set_handler(move || state.signal())
    }

    /// A command begins: a signal cancels it.
    pub(crate) fn begin(&self) -> io::Result<Cancel> {
        let cancel = Cancel::new()?;
        self.state().running = Some(cancel.clone());
        Ok(cancel)
    }

    /// The command is over.
    pub(crate) fn end(&self) {
        self.state().running = None;
    }

    /// The modes that the terminal has to get back.
    pub(crate) fn set_terminal(&self, terminal: Option<TerminalModes>) {
        self.state().terminal = terminal;
    }

    fn signal(&self) {
        let state = self.state();
        match &state.running {
            Some(cancel) if !cancel.is_cancelled() => cancel.cancel(),
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
