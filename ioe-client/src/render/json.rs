//! The results that only this program has, as they stand in JSON; `program::results` has the others.
//!
//! Must not know which command asks.

use program::results::EntryLine;
use serde::Serialize;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sources: Option<Vec<SourceObject>>,
}

/// A file that would be read or written.
#[derive(Serialize)]
pub(super) struct RehearsalLine<'a> {
    pub(super) command: &'static str,
    pub(super) path: &'a str,
    pub(super) local: &'a str,
    pub(super) byte_count: u64,
    pub(super) resumed_from: u64,
    pub(super) dry_run: bool,
}

/// How much of a file one end brought.
#[derive(Serialize)]
pub(super) struct SourceObject {
    pub(super) address: String,
    pub(super) byte_count: u64,
}

/// Something that was renamed, deleted or made.
#[derive(Serialize)]
pub(super) struct ChangeLine<'a> {
    pub(super) command: &'static str,
    pub(super) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<&'a str>,
}

/// A new connection, or an address whose key was forgotten.
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
