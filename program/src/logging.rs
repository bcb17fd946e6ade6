//! Logs on standard error: which lines, and what they look like.
//!
//! It must not know what is logged, and no line that it writes has a line end inside.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use env_logger::fmt::Formatter;
use env_logger::fmt::style::{AnsiColor, Style};
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};
use serde::Serialize;

use crate::error_output::{ErrorOutput, LossLine};
use crate::escape::for_log;
use crate::log_flood::Bounded;

/// Most lines fit.
const LINE_BYTES_USUAL: usize = 256;
/// That of the logger for this level.
const INFO_STYLE: Style = AnsiColor::Green.on_default();
/// Whether the log of this process has colours.
static HAS_COLOURS: AtomicBool = AtomicBool::new(false);

/// The target of access lines, for `RUST_LOG`: one for each request, however many there are.
pub(crate) const ACCESS_TARGET: &str = "access";

/// What the line editor logs under.
const LINE_EDITOR: &str = "rustyline";

/// Which log lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verbosity {
    /// The level without any option: `Warn` for a client, `Info` for a daemon.
    pub usual: LevelFilter,
    /// How often `--verbose` was given; each time is one level more.
    pub verbose: u8,
    /// Whether `--quiet` was given: errors only.
    pub quiet: bool,
}

/// What a log line looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Time, level and message, with colours on a terminal.
    #[default]
    Text,
    /// One JSON object a line, with `time`, `level`, `program` and `message`.
    Json,
}

/// An error with what caused it, as one text: `the state folder cannot be used: Permission denied`.
#[derive(Debug, Clone, Copy)]
pub struct WithCauses<'a>(pub &'a dyn Error);

impl fmt::Display for WithCauses<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut causes = std::iter::successors(self.0.source(), |cause| Error::source(*cause));
        causes.try_for_each(|cause| write!(formatter, ": {cause}"))
    }
}

/// Starts writing a console's logs to standard error, whose reader is waited for. `RUST_LOG` chooses the lines where
/// neither `--verbose` nor `--quiet` does, and `NO_COLOR` is honoured. A closed standard error is no error, and only
/// the first call counts.
pub fn start_logging(verbosity: Verbosity, program: &'static str, format: LogFormat) {
    let mut builder = Builder::new();
    builder.target(Target::Stderr);
    start(builder, verbosity, program, format);
}

/// [`start_logging`] for a daemon: its lines are lost where nobody reads them, and nothing waits for them. The next
/// that gets out follows one that tells how many were lost.
pub fn start_daemon_logging(verbosity: Verbosity, program: &'static str, format: LogFormat) {
    let mut builder = Builder::new();
    let output = ErrorOutput::telling_losses_with(loss_line(program, format));
    // Through a writer of ours the logger does not see whether there is a terminal.
    let colours = AutoStream::choice(&io::stderr());
    HAS_COLOURS.store(colours != ColorChoice::Never, Ordering::Relaxed);
    builder.write_style(colours.into()).target(Target::Pipe(Box::new(output)));
    start(builder, verbosity, program, format);
}

fn start(mut builder: Builder, verbosity: Verbosity, program: &'static str, format: LogFormat) {
    builder.filter_level(verbosity.level());
    // It would log each key that is pressed, and what is typed may be secret.
    builder.filter_module(LINE_EDITOR, verbosity.level().min(LevelFilter::Warn));
    if let Some(filters) = verbosity.environment_filters() {
        builder.parse_filters(&filters);
    }
    match format {
        LogFormat::Text => builder.format(text_line),
        LogFormat::Json => builder.format(move |out, record| json_line(out, record, program)),
    };
    let logger = builder.build();
    let filter = logger.filter();
    if log::set_boxed_logger(Box::new(Bounded::new(logger, ACCESS_TARGET))).is_ok() {
        log::set_max_level(filter);
    }
}

impl Verbosity {
    /// The level that the options ask for.
    pub fn level(self) -> LevelFilter {
        if self.quiet {
            return LevelFilter::Error;
        }
        let above_usual = LevelFilter::iter().skip_while(|level| *level < self.usual);
        above_usual.take(usize::from(self.verbose).saturating_add(1)).last().unwrap_or(LevelFilter::Trace)
    }

    /// `RUST_LOG`, where no option overrides it.
    fn environment_filters(self) -> Option<String> {
        let is_chosen = self.quiet || self.verbose > 0;
        std::env::var("RUST_LOG").ok().filter(|filters| !is_chosen && !filters.is_empty())
    }
}

/// Writes a line of a daemon's log at the level info, past the logger: there is one for each request, and the logger would take
/// more time than the rest of a small one. Looks as the logger's own lines do. A closed or full standard error is no error.
pub(crate) fn write_text_event(write: impl FnOnce(&mut String) -> fmt::Result) {
    let style = if HAS_COLOURS.load(Ordering::Relaxed) { INFO_STYLE } else { Style::new() };
    let time = humantime::format_rfc3339_millis(SystemTime::now());
    let mut line = String::with_capacity(LINE_BYTES_USUAL);
    let written = write!(line, "{time} {style}INFO {style:#} ").and_then(|()| write(&mut line));
    if written.is_ok() {
        line.push('\n');
        // One write is one line.
        let _ = ErrorOutput.write_all(line.as_bytes());
    }
}

/// As [`write_text_event`], as JSON: `event` with its own `time`, `level`, `program` and `message`.
pub(crate) fn write_json_event(event: &impl Serialize) {
    let mut line = Vec::with_capacity(LINE_BYTES_USUAL);
    if serde_json::to_writer(&mut line, event).is_ok() {
        line.push(b'\n');
        let _ = ErrorOutput.write_all(&line);
    }
}

/// What a line about lost lines looks like.
fn loss_line(program: &'static str, format: LogFormat) -> LossLine {
    Box::new(move |time, count| {
        let message = format!("{count} log lines were lost: standard error did not take them");
        match format {
            LogFormat::Text => format!("{} WARN  {message}\n", humantime::format_rfc3339_millis(time)),
            LogFormat::Json => {
                let fields = json_fields(time, Level::Warn, program, &message);
                format!("{}\n", serde_json::Value::Object(fields))
            }
        }
    })
}

fn json_fields(
    time: SystemTime,
    level: Level,
    program: &str,
    message: &str,
) -> serde_json::Map<String, serde_json::Value> {
    let mut line = serde_json::Map::new();
    line.insert("time".to_owned(), humantime::format_rfc3339_millis(time).to_string().into());
    line.insert("level".to_owned(), level_name(level).into());
    line.insert("program".to_owned(), program.into());
    line.insert("message".to_owned(), for_log(message).into());
    line
}

fn text_line(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let time = out.timestamp_millis();
    let style = out.default_level_style(record.level());
    let message = record.args().to_string();
    writeln!(out, "{time} {style}{:<5}{style:#} {}", record.level(), for_log(&message))
}

fn json_line(out: &mut Formatter, record: &Record<'_>, program: &str) -> io::Result<()> {
    let time = out.timestamp_millis().to_string();
    let message = record.args().to_string();
    let line = serde_json::json!({
        "time": time, "level": level_name(record.level()), "program": program, "message": for_log(&message),
    });
    writeln!(out, "{line}")
}

fn level_name(level: Level) -> String {
    level.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(usual: LevelFilter, verbose: u8, quiet: bool) -> LevelFilter {
        Verbosity { usual, verbose, quiet }.level()
    }

    #[test]
    fn each_verbose_is_one_level_more_and_quiet_wins() {
        assert_eq!(level(LevelFilter::Warn, 0, false), LevelFilter::Warn);
        assert_eq!(level(LevelFilter::Warn, 1, false), LevelFilter::Info);
        assert_eq!(level(LevelFilter::Info, 1, false), LevelFilter::Debug);
        assert_eq!(level(LevelFilter::Info, 200, false), LevelFilter::Trace);
        assert_eq!(level(LevelFilter::Info, 2, true), LevelFilter::Error);
    }

    #[test]
    fn lost_lines_are_told_of_in_the_format_of_the_log() {
        let line = |format| loss_line("a-program", format)(SystemTime::UNIX_EPOCH, 7);
        let text = "7 log lines were lost: standard error did not take them";
        assert_eq!(line(LogFormat::Text), format!("1970-01-01T00:00:00.000Z WARN  {text}\n"));
        let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json)).unwrap();
        let time = "1970-01-01T00:00:00.000Z";
        let fields =
            serde_json::json!({"time": time, "level": "warn", "program": "a-program", "message": text});
        assert_eq!(json, fields);
    }

    #[test]
    fn an_error_names_its_causes_in_order() {
        let error = crate::stop::StopError::Event(io::Error::other("none left"));
        let text = WithCauses(&error).to_string();
        assert_eq!(text, "no event descriptor for the stop signal: none left");
    }
}
