//! What is meant by what was typed. Must not know how it was typed.

use crate::cli::{JOBS, Options, ProgressWhen, TIMEOUT};
use crate::destination::Destination;
use crate::failure::Failure;
use crate::render::Style;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::connection::RateLimit;
use wire::net::{Address, Locator};

/// Whom the program connects to before its first command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum First {
    /// Whoever was named.
    Destination(Destination),
    /// Whom the line in this file names.
    LineIn(PathBuf),
}

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
    pub(crate) first: Option<First>,
    /// Whose key is to be forgotten, which is all that is to be done.
    pub(crate) forgotten: Option<Address>,
    pub(crate) source: Source,
    /// Who else is asked for large files.
    pub(crate) others: Vec<Destination>,
    /// Results say who brought how much, for others were named.
    pub(crate) tells_sources: bool,
    pub(crate) keep_going: bool,
    pub(crate) dir: PathBuf,
    pub(crate) jobs: usize,
    pub(crate) timeout: Duration,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) plaintext: bool,
    /// A person is there who can say whether a key is the right one.
    pub(crate) may_ask: bool,
    pub(crate) style: Style,
    /// The options that say where keys are kept.
    pub(crate) state_options: Vec<String>,
    /// The options that a command line which goes on with a transfer needs too.
    pub(crate) repeated: Vec<String>,
}

impl Config {
    /// Reads the options, and looks at what the standard streams are.
    pub(crate) fn from_options(options: Options) -> Result<Self, Failure> {
        let (state_options, repeated) = (state_options(&options), repeated(&options));
        let first = first(&options)?;
        let forgotten = options.forget_key.as_deref().map(Destination::parse_with_usual_port).transpose()?;
        let others: Vec<_> = options.source.iter().map(|text| other(text)).collect::<Result<_, _>>()?;
        let is_person_there = io::stdin().is_terminal() && io::stderr().is_terminal();
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
            first,
            forgotten: forgotten.map(|destination| destination.address),
            source,
            tells_sources: !others.is_empty(),
            others,
            keep_going: options.keep_going,
            dir: options.dir,
            jobs: usize::from(options.jobs),
            timeout: options.timeout,
            rate_limit: options.limit_rate.map(RateLimit::new),
            plaintext: options.plaintext,
            may_ask: is_person_there && !options.json,
            style: Style { is_json: options.json, has_bars },
            state_options,
            repeated,
        })
    }
}

fn first(options: &Options) -> Result<Option<First>, Failure> {
    match (&options.address, &options.invitation) {
        (Some(text), _) => Destination::parse_with_usual_port(text).map(First::Destination).map(Some),
        (None, Some(path)) if path.to_str().is_some_and(Locator::is_meant) => {
            // Its secret must not be told as the name of a file that is missing.
            Err(Failure::usage(
                "--invitation takes a file with the line in it; the line itself is given as ADDRESS",
            ))
        }
        (None, Some(path)) => Ok(Some(First::LineIn(path.clone()))),
        (None, None) => Ok(None),
    }
}

/// Nobody enrols in passing: an invitation would be presented again with each file.
fn other(text: &str) -> Result<Destination, Failure> {
    let other = Destination::parse_with_usual_port(text)?;
    match other.invitation {
        None => Ok(other),
        Some(_) => {
            Err(Failure::usage("--source takes no invitation: connect with it once, then give the address"))
        }
    }
}

fn state_options(options: &Options) -> Vec<String> {
    let folder = options.common.state_dir.iter();
    folder.flat_map(|folder| ["--state-dir".to_owned(), folder.to_string_lossy().into_owned()]).collect()
}

fn repeated(options: &Options) -> Vec<String> {
    let mut words = Vec::new();
    if options.plaintext {
        words.push("--plaintext".to_owned());
    }
    if options.dir != Path::new(".") {
        words.extend(["--dir".to_owned(), options.dir.to_string_lossy().into_owned()]);
    }
    words.extend(options.source.iter().flat_map(|source| ["--source".to_owned(), source.clone()]));
    words.extend(state_options(options));
    if options.jobs != JOBS {
        words.extend(["--jobs".to_owned(), options.jobs.to_string()]);
    }
    if let Some(rate) = options.limit_rate {
        words.extend(["--limit-rate".to_owned(), rate.to_string()]);
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
    fn a_line_that_is_given_as_a_file_is_not_shown() {
        let typed = ["ioe-client", "--invitation", "ioe://host:1/#ab.0123456789abcdef"];
        let error = first(&clap::Parser::parse_from(typed)).unwrap_err();
        assert!(!error.message.contains("0123456789abcdef"), "{}", error.message);
    }

    #[test]
    fn a_source_takes_no_invitation_and_does_not_show_it() {
        let error = other("ioe://host:1/#ab.0123456789abcdef").unwrap_err();
        assert!(!error.message.contains("0123456789abcdef"), "{}", error.message);
        assert_eq!(other("host").unwrap().address.to_string(), "host:10000");
    }

    #[test]
    fn what_differs_from_the_usual_is_repeated() {
        let typed = [
            "ioe-client",
            "--plaintext",
            "--dir",
            "a b",
            "--timeout",
            "250ms",
            "--jobs",
            "2",
            "--limit-rate",
            "1MiB",
        ];
        let options: Options = clap::Parser::parse_from(typed);
        let words =
            ["--plaintext", "--dir", "a b", "--jobs", "2", "--limit-rate", "1048576", "--timeout", "250ms"];
        assert_eq!(repeated(&options), words);
        let options: Options = clap::Parser::parse_from(["ioe-client", "a", "--source", "b"]);
        assert_eq!(repeated(&options), ["--source", "b"]);
        let options: Options = clap::Parser::parse_from(["ioe-client"]);
        assert_eq!(repeated(&options), [""; 0]);
    }
}
