//! One log line for each request that a daemon has answered, as text or as JSON.
//!
//! It must not know what a request does.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::escape::for_log;
use crate::logging::{ACCESS_TARGET, write_event};

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
            write_event(self.program, "request", &fields(request));
        } else {
            log::info!(target: ACCESS_TARGET, "{}", text_line(request));
        }
    }
}

fn text_line(request: &AnsweredRequest<'_>) -> String {
    format!(
        "session={} address={} who={} command={} path=\"{}\" bytes={} duration={:.6} outcome={}",
        request.session,
        request.address,
        who(request),
        request.command,
        for_log(request.path).replace('"', "\\\""),
        request.byte_count,
        request.duration.as_secs_f64(),
        request.outcome,
    )
}

/// A name has no spaces, and a dash is nobody's.
fn who<'a>(request: &AnsweredRequest<'a>) -> Cow<'a, str> {
    for_log(request.who.unwrap_or("-"))
}

fn fields(request: &AnsweredRequest<'_>) -> [(&'static str, Value); 8] {
    [
        ("session", request.session.into()),
        ("address", request.address.to_string().into()),
        ("who", request.who.map(for_log).into()),
        ("command", request.command.into()),
        ("path", for_log(request.path).into()),
        ("bytes", request.byte_count.into()),
        ("duration", request.duration.as_secs_f64().into()),
        ("outcome", request.outcome.into()),
    ]
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
        let fields = fields(&request("a\n\"b\""));
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["session", "address", "who", "command", "path", "bytes", "duration", "outcome"]);
        assert_eq!((&fields[4].1, &fields[7].1), (&"a\\n\"b\"".into(), &"not_found".into()));
    }
}
