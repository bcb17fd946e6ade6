//! What is meant by what was typed. Must not know how it was typed.

use crate::cli::{JOBS, Options, ProgressWhen, TIMEOUT};
use crate::render::Style;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;
use wire::net::{Address, AddressError};

/// Where a server listens unless it is told otherwise.
const PORT: u16 = 10_000;

/// Where commands come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command line, and a script after it.
    Given { commands: Vec<String>, script: Option<PathBuf> },
    /// A person at a terminal.
    Console,
    /// Lines of standard input.
    Input,
}

/// What the program is to do.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) address: Option<Address>,
    pub(crate) source: Source,
    pub(crate) keep_going: bool,
    pub(crate) dir: PathBuf,
    pub(crate) jobs: usize,
    pub(crate) timeout: Duration,
    pub(crate) plaintext: bool,
    pub(crate) style: Style,
    /// The options that a command line which goes on with a transfer needs too.
    pub(crate) repeated: Vec<String>,
}

/// Why the options make no sense.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The address is none.
    #[error("'{text}' is no address: {source}")]
    Address {
        /// As typed.
        text: String,
        /// What is wrong.
        source: AddressError,
    },
}

impl Config {
    /// Reads the options, and looks at what the standard streams are.
    pub(crate) fn from_options(options: Options) -> Result<Self, ConfigError> {
        let repeated = repeated(&options);
        let address = options.address.map(|text| match with_port(&text).parse() {
            Ok(address) => Ok(address),
            Err(source) => Err(ConfigError::Address { text, source }),
        });
        let has_bars = match options.progress {
            ProgressWhen::Auto => io::stderr().is_terminal() && !options.common.quiet,
            ProgressWhen::Always => true,
            ProgressWhen::Never => false,
        };
        let source = if !options.cmd.is_empty() || options.script.is_some() {
            Source::Given { commands: options.cmd, script: options.script }
        } else if io::stdin().is_terminal() {
            Source::Console
        } else {
            Source::Input
        };
        Ok(Self {
            address: address.transpose()?,
            source,
            keep_going: options.keep_going,
            dir: options.dir,
            jobs: usize::from(options.jobs),
            timeout: options.timeout,
            plaintext: options.plaintext,
            style: Style { is_json: options.json, has_bars },
            repeated,
        })
    }
}

/// The address with the usual port, where it has none.
fn with_port(text: &str) -> String {
    let is_bare = !text.is_empty() && (!text.contains(':') || (text.starts_with('[') && text.ends_with(']')));
    if is_bare { format!("{text}:{PORT}") } else { text.to_owned() }
}

fn repeated(options: &Options) -> Vec<String> {
    let mut words = Vec::new();
    if options.plaintext {
        words.push("--plaintext".to_owned());
    }
    if options.dir != Path::new(".") {
        words.extend(["--dir".to_owned(), options.dir.to_string_lossy().into_owned()]);
    }
    if let Some(folder) = &options.common.state_dir {
        words.extend(["--state-dir".to_owned(), folder.to_string_lossy().into_owned()]);
    }
    if options.jobs != JOBS {
        words.extend(["--jobs".to_owned(), options.jobs.to_string()]);
    }
    if options.timeout != TIMEOUT {
        words.extend(["--timeout".to_owned(), typed_duration(options.timeout)]);
    }
    words
}

/// The duration as an option takes it.
fn typed_duration(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_means_the_usual_one() {
        for (typed, meant) in [("host", "host:10000"), ("[::1]", "[::1]:10000"), ("host:5", "host:5")] {
            assert_eq!(with_port(typed), meant);
        }
        // What is no address becomes none by it.
        for text in ["", "::1", "host:"] {
            assert_eq!(with_port(text), text);
        }
    }

    #[test]
    fn what_differs_from_the_usual_is_repeated() {
        let typed = ["ioe-client", "--plaintext", "--dir", "a b", "--timeout", "250ms", "--jobs", "2"];
        let options: Options = clap::Parser::parse_from(typed);
        assert_eq!(repeated(&options), ["--plaintext", "--dir", "a b", "--jobs", "2", "--timeout", "250ms"]);
        let options: Options = clap::Parser::parse_from(["ioe-client"]);
        assert_eq!(repeated(&options), [""; 0]);
    }
}
