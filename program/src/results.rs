//! What consoles answer for scripts and people: entries and failures, as JSON (one object a line) and as text.
//! Either is safe on a terminal, whatever the names in it.
//!
//! It must not know which command asks, nor where entries come from.

use std::fmt;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::escape::{Escaped, for_log, for_terminal, is_hidden};
use crate::quantity;

/// One entry of a listing or a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryLine<'a> {
    /// The command, in lower case.
    pub command: &'a str,
    /// From the share's root on; not escaped.
    pub path: &'a str,
    /// The kind's word.
    pub kind: &'a str,
    /// What people see of it is a slash and no size.
    #[serde(skip)]
    pub is_folder: bool,
    /// Bytes; 0 for a folder.
    pub byte_count: u64,
    /// When it was last changed, as `2026-11-20T12:00:00Z`.
    pub modified: String,
    /// Whether its owner may run it.
    pub executable: bool,
}

/// Something that failed; displayed, it is a line for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FailureLine<'a> {
    /// The command, in lower case.
    pub command: &'a str,
    /// What it was about, if anything; not escaped.
    pub path: Option<&'a str>,
    /// Why.
    pub error: ErrorObject<'a>,
}

/// Why something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ErrorObject<'a> {
    /// For scripts.
    pub code: &'a str,
    /// For people; not escaped.
    pub message: &'a str,
}

impl EntryLine<'_> {
    /// For a terminal, the path shown as `name`: kind, size, time, path.
    pub fn columns(&self, name: &str) -> String {
        let (size, slash) =
            if self.is_folder { ("-".to_owned(), "/") } else { (quantity::size(self.byte_count), "") };
        let time = short_time(&self.modified);
        format!("{:<8}  {size:>10}  {time}  {}{slash}", self.kind, for_terminal(name))
    }

    /// For programs that read plain text, the path shown as `name`: kind, path, bytes and time, separated by
    /// tabs, which no name contains.
    pub fn fields(&self, name: &str) -> String {
        format!("{}\t{}\t{}\t{}", self.kind, for_terminal(name), self.byte_count, self.modified)
    }
}

impl fmt::Display for FailureLine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorObject { code, message } = self.error;
        formatter.write_str(&self.command.to_uppercase())?;
        if let Some(path) = self.path.filter(|path| !path.is_empty()) {
            write!(formatter, " {}", Escaped(path))?;
        }
        write!(formatter, ": {} ({code})", for_log(message))
    }
}

/// By which a listing for people is sorted: folders first, then by name without regard to case.
pub fn listing_key(name: &str, is_folder: bool) -> impl Ord + use<> {
    (!is_folder, name.to_lowercase(), name.to_owned())
}

/// The JSON text of a result, without a line end.
pub fn json_line<T: Serialize>(result: &T) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Escaping);
    match result.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(error) => {
            log::error!("a result cannot be written as JSON: {error}");
            String::new()
        }
    }
}

/// `2026-11-20T12:00:00Z` as `2026-11-20 12:00`.
fn short_time(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((minutes, _)) => minutes.replacen('T', " ", 1),
        None => text.to_owned(),
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

    fn entry(kind: &str) -> EntryLine<'_> {
        EntryLine {
            command: "list",
            path: "x",
            kind,
            is_folder: kind == "folder",
            byte_count: 1536,
            modified: "2026-11-20T12:00:00Z".to_owned(),
            executable: false,
        }
    }

    #[test]
    fn columns_are_readable_and_names_are_escaped() {
        let line = entry("music").columns("a\u{1b}b");
        assert_eq!(line, "music        1.5 KiB  2026-11-20 12:00  a\\u{1b}b");
        assert_eq!(entry("folder").columns("d"), "folder             -  2026-11-20 12:00  d/");
    }

    #[test]
    fn fields_are_separated_by_tabs_that_no_name_contains() {
        assert_eq!(entry("text").fields("a\tb"), "text\ta\\tb\t1536\t2026-11-20T12:00:00Z");
    }

    #[test]
    fn folders_come_first_and_case_does_not_count() {
        let mut names = [("b", false), ("A", false), ("a", false), ("z", true)];
        names.sort_by_cached_key(|(name, is_folder)| listing_key(name, *is_folder));
        assert_eq!(names.map(|(name, _)| name), ["z", "A", "a", "b"]);
    }

    #[test]
    fn fields_of_json_stand_in_the_order_of_the_contract() {
        assert_eq!(
            json_line(&entry("text")),
            r#"{"command":"list","path":"x","kind":"text","byte_count":1536,"modified":"2026-11-20T12:00:00Z","executable":false}"#
        );
        let error = ErrorObject { code: "not_found", message: "no" };
        let line = json_line(&FailureLine { command: "read", path: Some("x"), error });
        assert_eq!(line, r#"{"command":"read","path":"x","error":{"code":"not_found","message":"no"}}"#);
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out_and_reads_back() {
        let path = "a\u{1b}[31m\u{9b}\u{202e}gpj\u{e0001}é\"\\\n🎵";
        let line = json_line(&EntryLine { path, ..entry("text") });
        assert!(!line.contains(is_hidden), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["path"], path);
    }

    #[test]
    fn a_failure_is_one_line_for_people() {
        let error = ErrorObject { code: "not_found", message: "there is\nno such file" };
        let failure = |path| FailureLine { command: "read", path, error }.to_string();
        assert_eq!(failure(Some("a\u{1b}b")), "READ a\\u{1b}b: there is\\nno such file (not_found)");
        assert_eq!(failure(Some("")), failure(None));
        assert_eq!(failure(None), "READ: there is\\nno such file (not_found)");
    }
}
