//! One log line for each request, as text or as JSON. Must not know what a request does.

use program::escape::for_log;
use shared_folder::serve::{Observe, Outcome, RequestRecord};
use std::io::Write as _;

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
            // A closed or full standard error must not end a session.
            let _ = writeln!(std::io::stderr().lock(), "{}", json_line(record));
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

fn json_line(record: &RequestRecord<'_>) -> String {
    serde_json::json!({
        "session": record.session,
        "address": record.address.to_string(),
        "command": record.command,
        "path": for_log(record.path),
        "bytes": record.byte_count,
        "duration": record.duration.as_secs_f64(),
        "outcome": outcome(record.outcome),
    })
    .to_string()
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
    fn a_json_line_is_one_object() {
        let line = json_line(&record("a\n\"b\""));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["outcome"], "not_found");
        assert!(!line.contains('\n'));
    }
}
