//! The options that all three programs have, and how any option is also an environment variable.
//!
//! It must not know what a program does, and it reads the command line only through clap.

mod environment;
mod generate;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, Parser};
use log::LevelFilter;

pub use environment::with_environment;
pub use generate::{Generate, generate};

use crate::logging::Verbosity;
use crate::state_folder::{self, StateFolder, StateFolderError};

/// The options that all three programs have: `#[command(flatten)] common: CommonOptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct CommonOptions {
    /// Keep what outlives the program here [default: a folder below the XDG state folder]
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,

    /// Log more; may be repeated
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Log errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Write shell completions or a manual page to standard output, and end
    #[arg(long, value_name = "WHAT")]
    pub generate: Option<Generate>,
}

impl CommonOptions {
    /// Which log lines are wanted, where `usual` are those without any option.
    pub fn verbosity(&self, usual: LevelFilter) -> Verbosity {
        Verbosity { usual, verbose: self.verbose, quiet: self.quiet }
    }

    /// A daemon's state folder, locked: the one that was named, else the program's default.
    pub fn locked_state_folder(&self, program: &str) -> Result<StateFolder, StateFolderError> {
        StateFolder::open_locked(&self.state_path(program)?)
    }

    /// A client's state folder, which may turn out not to be writable.
    pub fn shared_state_folder(&self, program: &str) -> StateFolder {
        self.state_path(program)
            .map_or_else(|_| StateFolder::nowhere(program), |path| StateFolder::open_shared(&path))
    }

    fn state_path(&self, program: &str) -> Result<PathBuf, StateFolderError> {
        self.state_dir.as_deref().map(Path::to_owned).map_or_else(|| state_folder::default_path(program), Ok)
    }
}

/// Reads the process's command line and the environment variables that start with `prefix`. Ends the
/// process as clap does: 0 after `--help` and `--version`, even if nobody reads them, and 2 for wrong
/// usage.
pub fn parse<P: Parser>(prefix: &str) -> P {
    try_parse_from(prefix, std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Like [`parse`], from any arguments (the first is the program's name) and without ending anything.
pub fn try_parse_from<P: Parser>(
    prefix: &str,
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<P, clap::Error> {
    let mut command = with_environment(P::command(), prefix);
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    P::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}
