//! One log line for each request that a daemon has answered, as text or as JSON.
//!
//! It must not know what a request does.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::escape::for_log;
use crate::logging::{ACCESS_TARGET, write_json_event, write_text_event};
use crate::quantity;

/// Writes access lines to standard error, where the log goes.
#[derive(Debug, Clone, Copy)]
pub struct AccessLog {
    program: &'static str,
    is_json: bool,
}

/// One request, after its end.
#[derive(Debug, Clone, Copy)]
pub struct AnsweredRequest<'a> {
    /// The session's number.
    pub session: u64,
    /// The other end.
    pub address: SocketAddr,
    /// Whose session it is, where that is known; not escaped.
    pub who: Option<&'a str>,
    /// The request's type.
    pub command: &'a str,
    /// What it was about; not escaped. Empty where it names nothing.
    pub path: &'a str,
    /// Payload bytes, in either direction.
    pub byte_count: u64,
    /// From the request to its last answer.
    pub duration: Duration,
    /// How it ended, in one word.
    pub outcome: &'a str,
}

impl AccessLog {
    /// A log of the program with that name.
    pub fn new(program: &'static str, is_json: bool) -> Self {
        Self { program, is_json }
    }

    /// Writes the line, where the log takes informing ones.
    pub fn write(&self, request: &AnsweredRequest<'_>) {
        if !log::log_enabled!(target: ACCESS_TARGET, log::Level::Info) {
            return;
        }
        if self.is_json {
            write_json_event(&JsonLine::of(self.program, request));
        } else {
            write_text_event(|line| write_fields(line, request));
        }
    }
}

fn write_fields(line: &mut String, request: &AnsweredRequest<'_>) -> fmt::Result {
    let AnsweredRequest { session, address, command, byte_count, outcome, .. } = request;
    let (who, path, duration) = (who(request), in_quotes(request.path), request.duration);
    // Whole microseconds: to write a fraction takes longer than all the rest.
    let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
    write!(line, "session={session} address={address} who={who} command={command} path=\"{path}\" ")?;
    write!(line, "bytes={byte_count} duration={seconds}.{micros:06} outcome={outcome}")
}

/// A name has no spaces, and a dash is nobody's.
fn who<'a>(request: &AnsweredRequest<'a>) -> Cow<'a, str> {
    for_log(request.who.unwrap_or("-"))
}

fn in_quotes(path: &str) -> Cow<'_, str> {
    match for_log(path) {
        plain if !plain.contains('"') => plain,
        quoted => quoted.replace('"', "\\\"").into(),
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    level: &'static str,
    program: &'static str,
    message: &'static str,
    session: u64,
    address: SocketAddr,
    who: Option<Cow<'a, str>>,
    command: &'a str,
    path: Cow<'a, str>,
    bytes: u64,
    /// In seconds.
    duration: f64,
    outcome: &'a str,
}

impl<'a> JsonLine<'a> {
    fn of(program: &'static str, request: &AnsweredRequest<'a>) -> Self {
        Self {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            level: "info",
            program,
            message: "request",
            session: request.session,
            address: request.address,
            who: request.who.map(for_log),
            command: request.command,
            path: for_log(request.path),
            bytes: request.byte_count,
            duration: quantity::seconds(request.duration),
            outcome: request.outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> AnsweredRequest<'_> {
        AnsweredRequest {
            session: 7,
            address: "127.0.0.1:9".parse().unwrap(),
            who: Some("an\u{1b}na"),
            command: "read",
            path,
            byte_count: 5,
            duration: Duration::from_millis(1500),
            outcome: "not_found",
        }
    }

    fn text_line(request: &AnsweredRequest<'_>) -> String {
        let mut line = String::new();
        write_fields(&mut line, request).unwrap();
        line
    }

    #[test]
    fn a_text_line_has_every_field_and_no_name_can_forge_another() {
        let line = text_line(&request("a\" outcome=ok\n\u{1b}[2J"));
        assert!(line.starts_with(
            "session=7 address=127.0.0.1:9 who=an\\u{1b}na command=read path=\"a\\\" outcome=ok"
        ));
        assert!(line.ends_with("bytes=5 duration=1.500000 outcome=not_found"));
        assert!(!line.contains(['\n', '\u{1b}']));
        assert!(text_line(&AnsweredRequest { who: None, ..request("a") }).contains(" who=- "));
    }

    #[test]
    fn the_fields_of_a_json_line_are_those_of_the_text() {
        let line = serde_json::to_value(JsonLine::of("a-program", &request("a\n\"b\""))).unwrap();
        let own = serde_json::json!({
            "level": "info", "program": "a-program", "message": "request", "session": 7,
            "address": "127.0.0.1:9", "who": "an\\u{1b}na", "command": "read", "path": "a\\n\"b\"", "bytes": 5,
            "duration": 1.5, "outcome": "not_found", "time": line["time"],
        });
        assert_eq!(line, own);
    }
}
