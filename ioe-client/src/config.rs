//! What is meant by what was typed. Must not know how it was typed.

use crate::cli::{Options, ProgressWhen};
use crate::render::Style;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;
use wire::net::{Address, AddressError};

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
        let address = options.address.map(|text| match text.parse() {
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
        })
    }
}
