//! One log line for each request, as text or as JSON. Must not know what a request does.

use crate::cli::NAME;
use program::escape::for_log;
use program::logging::write_event;
use serde_json::Value;
use shared_folder::serve::{Observe, Outcome, RequestRecord};

/// The target of access lines, for `RUST_LOG`.
const TARGET: &str = "access";

/// Writes access lines to standard error, where the log goes.
pub(crate) struct AccessLog {
    json: bool,
}

impl AccessLog {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }
}

impl Observe for AccessLog {
    fn request(&self, record: &RequestRecord<'_>) {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return;
        }
        if self.json {
            write_event(NAME, "request", &fields(record));
        } else {
            log::info!(target: TARGET, "{}", text_line(record));
        }
    }
}

fn text_line(record: &RequestRecord<'_>) -> String {
    format!(
        "session={} address={} command={} path=\"{}\" bytes={} duration={:.6} outcome={}",
        record.session,
        record.address,
        record.command,
        for_log(record.path).replace('"', "\\\""),
        record.byte_count,
        record.duration.as_secs_f64(),
        outcome(record.outcome),
    )
}

fn fields(record: &RequestRecord<'_>) -> [(&'static str, Value); 7] {
    [
        ("session", record.session.into()),
        ("address", record.address.to_string().into()),
        ("command", record.command.into()),
        ("path", for_log(record.path).into()),
        ("bytes", record.byte_count.into()),
        ("duration", record.duration.as_secs_f64().into()),
        ("outcome", outcome(record.outcome).into()),
    ]
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "ok",
        Outcome::Refused(code) => code.as_str(),
        Outcome::Lost => "lost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use wire::error_code::ErrorCode;

    fn record(path: &str) -> RequestRecord<'_> {
        RequestRecord {
            session: 7,
            address: "127.0.0.1:9".parse().unwrap(),
            command: "read",
            path,
            byte_count: 5,
            duration: Duration::from_millis(1500),
            outcome: Outcome::Refused(ErrorCode::NotFound),
        }
    }

    #[test]
    fn a_text_line_has_every_field_and_no_name_can_forge_another() {
        let line = text_line(&record("a\" outcome=ok\n\u{1b}[2J"));
        assert!(line.starts_with("session=7 address=127.0.0.1:9 command=read path=\"a\\\" outcome=ok"));
        assert!(line.ends_with("bytes=5 duration=1.500000 outcome=not_found"));
        assert!(!line.contains(['\n', '\u{1b}']));
    }

    #[test]
    fn the_fields_of_a_json_line_are_those_of_the_text() {
        let fields = fields(&record("a\n\"b\""));
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["session", "address", "command", "path", "bytes", "duration", "outcome"]);
        assert_eq!((&fields[3].1, &fields[6].1), (&"a\\n\"b\"".into(), &"not_found".into()));
    }
}
