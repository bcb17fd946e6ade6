//! Confinement: a daemon gives up, before it hears its first stranger, all that it does not need: files elsewhere,
//! other ports, signals to others, rights of the programs that it could start. Whoever takes it over gets no more.
//!
//! It must not know what is served, nor which folders a daemon needs. It is done once, for good, before any thread
//! starts; what is open already stays open.

#[cfg(target_os = "linux")]
#[path = "confinement/landlock.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "confinement/elsewhere.rs"]
mod system;
mod grant;

use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use grant::{Grant, Right};
use rustix::fs::{Mode, OFlags, open};
use thiserror::Error;

/// The first interface of Landlock that keeps all that is asked for here: files, TCP and signals.
/// <https://docs.kernel.org/userspace-api/landlock.html> says which has what.
const WHOLE_FROM: u32 = 6;
/// What Landlock keeps, from which of its interfaces on, and since which Linux.
const PARTS: [(u32, &str, &str); 3] =
    [(2, "files", "5.19"), (4, "TCP", "6.7"), (WHOLE_FROM, "signals", "6.12")];

/// What a process needs from now on.
#[derive(Debug, Default)]
pub struct Confinement<'a> {
    grants: Vec<Grant<'a>>,
    /// What could not be opened, first of all.
    problem: Option<ConfinementError>,
    connects: bool,
}

/// How far a process is confined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    outcome: Outcome,
    /// Threads that ran already, and go on as they were.
    others: usize,
}

/// Why a process is not confined as it should be.
#[derive(Debug, Error)]
pub enum ConfinementError {
    /// What is to be used cannot be opened.
    #[error("{} cannot be opened, which the confined process needs", path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// All was required and less was had.
    #[error(
        "--require-confinement is given, but {0}: use Linux 6.12 or newer with Landlock enabled (lsm=landlock,... among \
         the kernel's parameters), or start without --require-confinement"
    )]
    Incomplete(Confined),
}

/// What the system did.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// Landlock keeps what its interface of this number can.
    Landlock(u32),
    /// Nothing is kept, and why.
    Nothing(String),
}

impl<'a> Confinement<'a> {
    /// Nothing at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// And everything in this open folder, whatever its name is by then.
    #[must_use]
    pub fn may_change_in(mut self, folder: BorrowedFd<'a>) -> Self {
        self.grants.push(Grant::borrowed(folder, Right::Change));
        self
    }

    /// And everything in this folder, which must be there.
    #[must_use]
    pub fn may_change(self, folder: &Path) -> Self {
        self.with_path(folder, Right::Change)
    }

    /// And to remove files in this folder, which must be there, and nothing else in it.
    #[must_use]
    pub fn may_remove_from(self, folder: &Path) -> Self {
        self.with_path(folder, Right::Remove)
    }

    /// And to read this file, or all below this folder; what is not there is not needed.
    #[must_use]
    pub fn may_read(mut self, path: &Path) -> Self {
        if let Ok(opened) = opened(path) {
            self.grants.push(Grant::owned(opened, Right::Read));
        }
        self
    }

    /// And to connect to others over TCP.
    #[must_use]
    pub fn may_connect(mut self) -> Self {
        self.connects = true;
        self
    }

    /// From here on this thread, and those that it starts, can do no more than that, as far as the system keeps it.
    /// What it does not keep is no error, as most of it still helps: [`Confined`] says it.
    ///
    /// # Errors
    /// When a folder that is needed cannot be opened; then nothing is confined.
    pub fn enter(self) -> Result<Confined, ConfinementError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let others = threads().saturating_sub(1);
        if others > 0 {
            log::error!("a bug in this program: it is confined although threads run already: {others}");
        }
        Ok(Confined { outcome: system::restrict(&self.grants, self.connects), others })
    }

    fn with_path(mut self, path: &Path, right: Right) -> Self {
        match opened(path) {
            Ok(opened) => self.grants.push(Grant::owned(opened, right)),
            Err(source) => {
                self.problem.get_or_insert(ConfinementError::Unusable { path: path.to_owned(), source });
            }
        }
        self
    }
}

impl Confined {
    /// Whether all is kept that was asked for.
    pub fn is_whole(&self) -> bool {
        self.others == 0 && matches!(self.outcome, Outcome::Landlock(WHOLE_FROM..))
    }

    /// Nothing, where all is kept or not all is required.
    ///
    /// # Errors
    /// When all is `required` and less is kept.
    pub fn check(self, required: bool) -> Result<Self, ConfinementError> {
        if required && !self.is_whole() { Err(ConfinementError::Incomplete(self)) } else { Ok(self) }
    }

    /// Says it in the log: as a warning where not all is kept.
    pub fn tell(&self) {
        let level = if self.is_whole() { log::Level::Info } else { log::Level::Warn };
        log::log!(level, "{self}");
    }
}

impl fmt::Display for Confined {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Nothing(why) => write!(formatter, "not confined: {why}")?,
            Outcome::Landlock(interface) => {
                let part = if *interface < WHOLE_FROM { " in part" } else { "" };
                write!(formatter, "confined{part} by Landlock (ABI {interface})")?;
                let (kept, missing): (Vec<_>, Vec<_>) =
                    PARTS.iter().partition(|(from, ..)| from <= interface);
                let kept: Vec<_> = kept.iter().map(|(_, what, _)| *what).collect();
                write!(formatter, ": {}", kept.join(", "))?;
                missing
                    .iter()
                    .try_for_each(|(_, what, linux)| write!(formatter, "; not {what} (Linux {linux})"))?;
            }
        }
        if self.others > 0 {
            write!(formatter, "; threads that ran before are not: {}", self.others)
        } else {
            Ok(())
        }
    }
}

/// A handle that serves as a name and for nothing else.
fn opened(path: &Path) -> io::Result<OwnedFd> {
    let kind = if cfg!(target_os = "linux") { OFlags::PATH } else { OFlags::RDONLY };
    Ok(open(path, kind | OFlags::CLOEXEC, Mode::empty())?)
}

/// How many threads this process has; one where the system does not say.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

#[cfg(test)]
mod tests;
