//! The terminal's modes, kept from before a line editor changed them, so that a program which is stopped
//! in the middle of a line leaves a terminal that shows what is typed.
//!
//! It must not know the line editor, except that it switches bracketed paste on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Ends bracketed paste and the line in which the cursor was left.
const LEAVE_LINE: &[u8] = b"\x1b[?2004l\r\n";

/// The modes at one moment; clones are the same.
#[derive(Debug, Clone)]
pub struct TerminalModes {
    saved: Arc<Saved>,
}

#[derive(Debug)]
struct Saved {
    terminal: File,
    modes: Termios,
}

impl TerminalModes {
    /// Keeps the modes of the process's terminal, or of standard input if that is another one; `None`
    /// without any terminal.
    pub fn save() -> Option<Self> {
        let own = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let terminal = match own {
            Ok(terminal) => terminal,
            Err(_) => File::from(io::stdin().as_fd().try_clone_to_owned().ok()?),
        };
        let modes = tcgetattr(&terminal).ok()?;
        Some(Self { saved: Arc::new(Saved { terminal, modes }) })
    }

    /// Sets the kept modes, if others are set now; from any thread, and as often as wanted. A program that
    /// stops on a signal calls it before [`std::process::exit`], because a line editor cannot be
    /// cancelled.
    pub fn restore(&self) {
        let Saved { terminal, modes } = &*self.saved;
        let is_changed = tcgetattr(terminal).is_ok_and(|now| now.local_modes != modes.local_modes);
        if is_changed && tcsetattr(terminal, OptionalActions::Now, modes).is_ok() {
            // A terminal that takes no bytes any more needs none.
            let _ = (&*terminal).write_all(LEAVE_LINE);
        }
    }
}
