//! What was typed on the command line. Must not know what it means.

use crate::destination::without_secrets;
use clap::{Parser, ValueEnum};
use program::command_line::{self, CommonOptions};
use program::quantity;
use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// The most transfers at once: each has a connection of its own at the server.
pub(crate) const JOBS_MAX: u16 = 64;
/// The usual number of transfers at once.
pub(crate) const JOBS: u16 = 4;
/// The usual patience; the default value of the option says the same.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

const MORE: &str = "\
Commands are given as --cmd 'LIST', in a script, or in the console, where HELP
lists them, each with an example.

Examples:
  ioe-client localhost                            a console, at port 10000
  ioe-client [::1]:10000 --cmd 'LIST -r music'
  ioe-client localhost -c 'READ a.txt' -c 'WRITE \"my song.mp3\" music/'
  ioe-client localhost --json --script commands.txt
  ioe-client --invitation line.txt                enrols, and remembers whom at
  ioe-client one --source two -c 'READ film.mov'  each gives a part of it

Exit codes:
  0    all done
  1    an operation was refused or failed
  2    wrong usage, or an unknown command
  3    no connection, or the connection was lost
  4    the data did not match its digest
  5    the other end's key is not the known one, or nobody knows it
  130  interrupted";

/// Moves files to and from an ioe server or a MacTella peer, from a console or from scripts
#[derive(Debug, Parser)]
#[command(name = "ioe-client", version, after_help = MORE)]
pub(crate) struct Options {
    /// The server (or peer) to connect to first, as 127.0.0.1:10000; without a port, 10000 is meant. Or the ioe:// line
    /// that it prints, which says whose key answers there
    pub(crate) address: Option<String>,

    /// Connect to the server whose ioe:// line is the first line of this file; '-' is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "address")]
    pub(crate) invitation: Option<PathBuf>,

    /// Forget whose key answers at this address, and end
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["address", "invitation"])]
    pub(crate) forget_key: Option<String>,

    /// Run this command; repeatable, run in order, stops at the first that fails
    #[arg(short, long = "cmd", value_name = "COMMAND")]
    pub(crate) cmd: Vec<String>,

    /// Run the commands after one that fails too; the exit code is the first failure's
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Run the commands in this file, one a line; '#' at a line's start comments; '-' is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,

    /// Write each result as one JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,

    /// The local folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,

    /// Parallel transfers in one command
    #[arg(short, long, value_name = "N", default_value_t = JOBS, value_parser = clap::value_parser!(u16).range(1..=i64::from(JOBS_MAX)))]
    pub(crate) jobs: u16,

    /// The longest wait without progress; a lost connection is made again within it. A server that is busy for this client says so every 5s
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = quantity::positive_duration)]
    pub(crate) timeout: Duration,

    /// How fast contents move, in bytes per second, as 10MiB, of all transfers and in both directions together [default:
    /// unlimited]
    #[arg(long, value_name = "RATE", value_parser = quantity::transfer_rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,

    /// When to show progress bars
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub(crate) progress: ProgressWhen,

    /// Fetch large files of READ from this server, too, if it has the same content, as HOST:PORT or ioe:// line; repeatable
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source: Vec<String>,

    /// Speak plain text to other machines too, where no key is known: everyone on the way can read it
    #[arg(long)]
    pub(crate) plaintext: bool,

    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

impl Options {
    /// Reads the process's command line, and ends the process where that is wrong. An invitation in the wrong place is
    /// not shown again.
    pub(crate) fn from_command_line(prefix: &str) -> Self {
        command_line::try_parse_from(prefix, std::env::args_os()).unwrap_or_else(|error| {
            let text = error.render().to_string();
            let shown = without_secrets(&text);
            if shown == text {
                error.exit();
            }
            // A closed standard error is nobody's loss.
            let _ = write!(io::stderr(), "{shown}");
            std::process::exit(error.exit_code());
        })
    }
}

/// When progress bars are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressWhen {
    /// Where standard error is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
