//! The lines around the raw bytes of a payload.

use super::text::short;
use super::{ByteCount, message_set, message_types};
use crate::digest::Digest;
use crate::error_code::ErrorCode;
use serde::{Deserialize, Serialize};

/// Announces raw bytes: exactly `byte_count` of them follow the line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Where they belong in the file, in bytes.
    pub offset: ByteCount,
    /// How many they are; the section lies within one piece.
    pub byte_count: ByteCount,
}

/// The payload is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// In a WRITE the length of the whole file, in an answer the number of bytes sent.
    pub byte_count: ByteCount,
    /// In a WRITE the digest of the whole file, in an answer of exactly the bytes sent.
    pub digest: Digest,
    /// In an answer to READ: the digest of the whole file, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<Digest>,
}

/// The payload is complete, and was not hashed: whoever asked for that knows the pieces of the version that it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The number of bytes sent.
    pub byte_count: ByteCount,
    /// The digest of the whole file.
    pub file_digest: Digest,
}

/// The serving end cannot complete the payload it began; what it sent is void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub code: ErrorCode,
    /// The same for a person.
    #[serde(deserialize_with = "short")]
    pub message: String,
}

/// The writer gives up its WRITE; the target keeps what it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abort {
    /// Why.
    pub code: ErrorCode,
    /// The same for a person.
    #[serde(deserialize_with = "short")]
    pub message: String,
}

message_types! { Section = "section", End = "end", Sent = "sent", Failed = "failed", Abort = "abort" }

message_set! {
    /// What a writer may send from `write` to the end of its payload.
    Upload {
        Section(Section) = "section",
        End(End) = "end",
        Abort(Abort) = "abort",
    }
}
