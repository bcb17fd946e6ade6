//! The results that only this program has, as they stand in JSON; `program::results` has the others.
//!
//! Must not know which command asks.

use serde::Serialize;

/// One file of one holder.
#[derive(Serialize)]
pub(super) struct SearchLine<'a> {
    pub(super) command: &'static str,
    pub(super) path: &'a str,
    pub(super) byte_count: u64,
    pub(super) digest: Option<String>,
    pub(super) address: String,
    pub(super) key: Option<String>,
    pub(super) hops: u8,
    /// There only where it is so: the file is still arriving at its holder.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) partial: bool,
}

/// One peer that answered.
#[derive(Serialize)]
pub(super) struct DiscoverLine {
    pub(super) command: &'static str,
    pub(super) address: String,
    pub(super) key: Option<String>,
    pub(super) hops: u8,
    pub(super) added: bool,
}

/// A file that was fetched.
#[derive(Serialize)]
pub(super) struct GetLine<'a> {
    pub(super) command: &'static str,
    pub(super) path: &'a str,
    pub(super) local: &'a str,
    pub(super) byte_count: u64,
    pub(super) digest: String,
    pub(super) resumed_from: u64,
    pub(super) seconds: f64,
    pub(super) sources: Vec<SourceObject<'a>>,
}

/// Who gave how many bytes of it.
#[derive(Serialize)]
pub(super) struct SourceObject<'a> {
    pub(super) address: &'a str,
    pub(super) byte_count: u64,
}

/// One line of the peer list.
#[derive(Serialize)]
pub(super) struct PeerLine<'a> {
    pub(super) command: &'static str,
    pub(super) address: String,
    pub(super) name: &'a str,
    pub(super) linked: bool,
    pub(super) known: bool,
    pub(super) learned: bool,
    pub(super) reached: bool,
}

/// A command that is about an address and nothing else.
#[derive(Serialize)]
pub(super) struct AddressLine<'a> {
    pub(super) command: &'static str,
    pub(super) address: &'a str,
}

/// How much was forgotten.
#[derive(Serialize)]
pub(super) struct ResetLine {
    pub(super) command: &'static str,
    pub(super) forgotten: usize,
}

/// A command, in the answer to HELP.
#[derive(Serialize)]
pub(super) struct TopicLine<'a> {
    pub(super) command: &'static str,
    pub(super) usage: &'a str,
    pub(super) text: &'a str,
    pub(super) example: &'a str,
}

/// The answer to STATUS.
#[derive(Serialize)]
pub(super) struct StatusLine<'a> {
    pub(super) command: &'static str,
    pub(super) address: String,
    pub(super) key: String,
    pub(super) private: bool,
    pub(super) links: usize,
    pub(super) messages_sent: u64,
    pub(super) messages_received: u64,
    pub(super) searches_seen: u64,
    pub(super) discovers_seen: u64,
    pub(super) duplicates_dropped: u64,
    pub(super) over_budget_dropped: u64,
    pub(super) held_back: u64,
    pub(super) spent_dropped: u64,
    pub(super) unasked_dropped: u64,
    pub(super) surplus_dropped: u64,
    pub(super) malformed_dropped: u64,
    pub(super) queue_full_dropped: u64,
    pub(super) files: usize,
    pub(super) hashed: usize,
    pub(super) left_out: u64,
    pub(super) scanning: bool,
    pub(super) connections: usize,
    pub(super) transfers: usize,
    pub(super) commands: usize,
    pub(super) running: Vec<RunningObject<'a>>,
    pub(super) confinement: &'a str,
    pub(super) neighbours: Vec<NeighbourObject>,
}

/// One command that runs.
#[derive(Serialize)]
pub(super) struct RunningObject<'a> {
    pub(super) what: &'a str,
    pub(super) seconds: f64,
    pub(super) byte_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) queue: Option<u64>,
}

/// One link.
#[derive(Serialize)]
pub(super) struct NeighbourObject {
    pub(super) address: String,
    pub(super) peer: String,
    pub(super) tls: bool,
    pub(super) dialled: bool,
    pub(super) seconds: f64,
    pub(super) waiting: usize,
}
