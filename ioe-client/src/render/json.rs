//! Results as JSON, one object a line, for programs: their text is safe on a terminal all the same.
//!
//! Must not know which command asks.

use program::escape::is_hidden;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io;

/// One entry of a listing or a search, or the answer to STAT.
#[derive(Serialize)]
pub(super) struct EntryLine<'a> {
    pub(super) command: &'static str,
    pub(super) path: &'a str,
    pub(super) kind: &'static str,
    pub(super) byte_count: u64,
    pub(super) modified: String,
    pub(super) executable: bool,
}

/// An entry with its digest.
#[derive(Serialize)]
pub(super) struct StatLine<'a> {
    #[serde(flatten)]
    pub(super) entry: EntryLine<'a>,
    pub(super) digest: Option<String>,
}

/// A file that was read or written.
#[derive(Serialize)]
pub(super) struct TransferLine<'a> {
    pub(super) command: &'static str,
    pub(super) path: &'a str,
    pub(super) local: &'a str,
    pub(super) byte_count: u64,
    pub(super) digest: String,
    pub(super) resumed_from: u64,
    pub(super) seconds: f64,
}

/// Something that was renamed, deleted or made.
#[derive(Serialize)]
pub(super) struct ChangeLine<'a> {
    pub(super) command: &'static str,
    pub(super) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<&'a str>,
}

/// A new connection.
#[derive(Serialize)]
pub(super) struct ConnectLine<'a> {
    pub(super) command: &'static str,
    pub(super) address: &'a str,
}

/// A command, in the answer to HELP.
#[derive(Serialize)]
pub(super) struct TopicLine<'a> {
    pub(super) command: &'static str,
    pub(super) usage: &'a str,
    pub(super) text: &'a str,
    pub(super) example: &'a str,
}

/// Something that failed.
#[derive(Serialize)]
pub(super) struct FailureLine<'a> {
    pub(super) command: &'a str,
    pub(super) path: Option<&'a str>,
    pub(super) error: ErrorObject<'a>,
}

/// Why.
#[derive(Serialize)]
pub(super) struct ErrorObject<'a> {
    pub(super) code: &'static str,
    pub(super) message: &'a str,
}

/// The JSON text of a line, without its end.
pub(super) fn text<T: Serialize>(line: &T) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Escaping);
    match line.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(error) => {
            log::error!("a result cannot be written as JSON: {error}");
            String::new()
        }
    }
}

/// Compact JSON that also spells out what JSON allows raw but a terminal would obey.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if !fragment.contains(is_hidden) {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if is_hidden(character) {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                write!(writer, "{character}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out_and_reads_back() {
        let path = "a\u{1b}[31m\u{9b}\u{202e}gpj\u{e0001}é\"\\\n🎵";
        let line = text(&ChangeLine { command: "delete", path, to: None });
        assert!(!line.contains(is_hidden), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["path"], path);
    }

    #[test]
    fn fields_stand_in_the_order_of_the_contract() {
        let error = ErrorObject { code: "not_found", message: "no" };
        let line = text(&FailureLine { command: "read", path: Some("x"), error });
        assert_eq!(line, r#"{"command":"read","path":"x","error":{"code":"not_found","message":"no"}}"#);
    }
}
