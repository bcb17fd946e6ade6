//! What the serving end answers.

use super::number::optional_numbers;
use super::payload::{End, Failed, Section, Sent};
use super::text::short;
use super::{ByteCount, Entry, Range, message_set, message_types};
use crate::codec::{only_map, only_map_option, only_map_vec, only_maps};
use crate::digest::Digest;
use crate::error_code::ErrorCode;
use crate::limits::RANGES_MAX;
use serde::{Deserialize, Serialize};

use super::hello::Welcome;

/// The answer is no; the session goes on, unless the line has no id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub code: ErrorCode,
    /// The same for a person; no local path, no text of an operating system.
    #[serde(deserialize_with = "short")]
    pub message: String,
    /// With `unsupported_version`: the versions spoken here.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_numbers")]
    pub versions: Option<Vec<u64>>,
}

/// The end that serves is still at work; counts as progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Working {
    /// Bytes done.
    pub done: ByteCount,
    /// Bytes in all.
    pub of: ByteCount,
    /// The place at which the request waits for others to end, from 1 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<ByteCount>,
}

/// Some of the entries of a listing or search; more follow until `listed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// In the folder's own order.
    #[serde(deserialize_with = "only_map_vec")]
    pub entries: Vec<Entry>,
}

/// The listing or search is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Entries sent.
    pub entry_count: ByteCount,
    /// Names that cannot stand on the wire: not UTF-8, or with control characters.
    #[serde(default)]
    pub unnameable_count: ByteCount,
    /// Things that are not served: devices, sockets, FIFOs, links that lead nowhere or outside, what could not be read.
    #[serde(default)]
    pub left_out_count: ByteCount,
}

/// The answer to STAT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The file or folder.
    #[serde(deserialize_with = "only_map")]
    pub entry: Entry,
    /// Its digest, where it is known or was waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Of a file that is still arriving, what is there: whole pieces, in order; none means the whole file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "only_maps::<_, _, RANGES_MAX>"
    )]
    pub have: Option<Vec<Range>>,
}

/// The answer to READ begins; sections follow, then `end` or `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The file with its whole length.
    #[serde(deserialize_with = "only_map")]
    pub entry: Entry,
    /// How many bytes the sections will have together.
    pub byte_count: ByteCount,
    /// What will be sent, sorted and merged; none means the whole file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "only_maps::<_, _, RANGES_MAX>"
    )]
    pub ranges: Option<Vec<Range>>,
    /// The digest of the whole file, where it is known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<Digest>,
}

/// The answer to `pieces`: a payload of 32 bytes for each piece follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceList {
    /// The file's length, in bytes.
    pub byte_count: ByteCount,
    /// The file's digest.
    pub digest: Digest,
    /// The number of values.
    pub piece_count: ByteCount,
}

/// A large WRITE may send now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ready {
    /// What is there already; its piece values follow as a payload.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "only_map_option")]
    pub base: Option<Base>,
}

/// A base: bytes that the serving end holds and takes wherever no section is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// How many bytes of it there are.
    pub byte_count: ByteCount,
    /// The number of piece values in the payload that follows.
    pub piece_count: ByteCount,
}

/// The file is safe: verified, synced, renamed, its folder synced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its length.
    pub byte_count: ByteCount,
    /// Its digest.
    pub digest: Digest,
}

/// The answer to RENAME.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {}

/// The answer to DELETE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {}

/// The answer to MKDIR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {}

/// The answer to HELP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topics {
    /// One for each request that is answered here.
    #[serde(deserialize_with = "only_map_vec")]
    pub topics: Vec<Topic>,
}

/// One request in the answer to HELP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Its type.
    pub name: String,
    /// What it does.
    pub text: String,
}

/// The last line of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {}

message_types! {
    Refused = "refused", Working = "working", Entries = "entries", Listed = "listed", Found = "found",
    Reading = "reading", PieceList = "piece_list", Ready = "ready", Written = "written", Renamed = "renamed",
    Deleted = "deleted", Made = "made", Topics = "topics", Goodbye = "goodbye",
}

message_set! {
    /// Every line that the serving end may send.
    Reply {
        Welcome(Welcome) = "welcome",
        Refused(Refused) = "refused",
        Working(Working) = "working",
        Entries(Entries) = "entries",
        Listed(Listed) = "listed",
        Found(Found) = "found",
        Reading(Reading) = "reading",
        PieceList(PieceList) = "piece_list",
        Section(Section) = "section",
        End(End) = "end",
        Sent(Sent) = "sent",
        Failed(Failed) = "failed",
        Ready(Ready) = "ready",
        Written(Written) = "written",
        Renamed(Renamed) = "renamed",
        Deleted(Deleted) = "deleted",
        Made(Made) = "made",
        Topics(Topics) = "topics",
        Goodbye(Goodbye) = "goodbye",
    }
}
