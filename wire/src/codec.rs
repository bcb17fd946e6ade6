//! Control lines to messages and back: the only place that knows the messages' JSON text.
//!
//! A line is read in two steps: a small head (`v`, `type`, `id`), then exactly the struct that the type names.
//! Must not know where lines come from.

mod strict;

pub(crate) use strict::{only_map, only_map_option, only_map_vec, only_maps};

use crate::limits::{BYTE_COUNT_MAX, LINE_BYTES_MAX, PROTOCOL_VERSION};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

/// A message that may stand on a line of its own.
pub trait Message: Serialize + DeserializeOwned {
    /// The value of `type`.
    const TYPE: &'static str;
}

/// A closed set of messages that may stand at one place of a conversation.
pub trait MessageSet: Sized {
    /// The `type` of each member.
    const TYPES: &'static [&'static str];

    /// Decodes the body of a line whose head has this type; `None` where the type is no member.
    fn decode_body(type_name: &str, line: &str) -> Option<Body<Self>>;

    /// The `type` of this message.
    fn type_name(&self) -> &'static str;

    /// Appends this message as a line.
    fn encode_body(&self, id: Option<u64>, line: &mut Vec<u8>);
}

/// A decoded body, or what is wrong with it.
pub type Body<T> = Result<T, serde_json::Error>;

/// A line that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<Set> {
    /// The request it belongs to.
    pub id: Option<u64>,
    /// What it says.
    pub message: Set,
}

/// Why a line is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// No message of the protocol; answered with `bad_message`, then the connection closes.
    #[error("{reason}")]
    BadMessage {
        /// The request it belongs to, if that much could be read.
        id: Option<u64>,
        /// What is wrong, and at which column.
        reason: String,
    },
    /// Another major version; answered with the versions spoken, then the connection closes.
    #[error("protocol version {version} is not spoken here")]
    UnsupportedVersion {
        /// The version of the line.
        version: u64,
    },
    /// A type that may not stand here or does not exist; refused, and the session goes on.
    #[error("the type {type_name:?} is unknown here")]
    UnknownType {
        /// The request it belongs to.
        id: Option<u64>,
        /// Its type.
        type_name: String,
    },
}

/// Reads one line, without its line feed, as a message of the set `Set`.
///
/// # Errors
/// See [`DecodeError`]. Nothing is allocated from a number in the line.
pub fn decode<Set: MessageSet>(line: &[u8]) -> Result<Decoded<Set>, DecodeError> {
    let bad = |id, reason: String| DecodeError::BadMessage { id, reason };
    let text = strict::check(line).map_err(|reason| bad(None, reason.to_owned()))?;
    let head: Head<'_> = serde_json::from_str(text).map_err(|error| bad(None, describe(&error)))?;
    if head.v > BYTE_COUNT_MAX || head.id.is_some_and(|id| id > BYTE_COUNT_MAX) {
        return Err(bad(None, "the version or the id is larger than 9007199254740991".to_owned()));
    }
    if head.v != PROTOCOL_VERSION {
        return Err(DecodeError::UnsupportedVersion { version: head.v });
    }
    match Set::decode_body(&head.type_name, text) {
        Some(Ok(message)) => Ok(Decoded { id: head.id, message }),
        Some(Err(error)) => Err(bad(head.id, describe(&error))),
        None => Err(DecodeError::UnknownType { id: head.id, type_name: short(&head.type_name) }),
    }
}

/// What a line that does not begin with `{` comes to, before the rest of it has arrived.
#[must_use]
pub fn no_object() -> DecodeError {
    DecodeError::BadMessage { id: None, reason: strict::NO_OBJECT.to_owned() }
}

/// Appends `message` as one line with its line feed.
pub fn encode<M: Message>(id: Option<u64>, message: &M, line: &mut Vec<u8>) {
    encode_as(M::TYPE, id, message, line);
}

/// The length of `value` as JSON text, in bytes: what it adds to a line.
#[must_use]
pub fn encoded_len<T: Serialize>(value: &T) -> usize {
    let mut counter = Counter(0);
    // Writing to a counter cannot fail, and our values have no maps with odd keys.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

pub(crate) fn encode_as<T: Serialize>(type_name: &str, id: Option<u64>, body: &T, line: &mut Vec<u8>) {
    let start = line.len();
    // As above: a Vec takes everything, and every body is a struct of plain fields.
    let _ = serde_json::to_writer(&mut *line, &Line { v: PROTOCOL_VERSION, type_name, id, body });
    line.push(b'\n');
    debug_assert!(line.len() - start <= LINE_BYTES_MAX, "a {type_name} line is too long for its reader");
}

pub(crate) fn decode_body<T: DeserializeOwned>(line: &str) -> Body<T> {
    serde_json::from_str(line)
}

#[derive(Deserialize)]
struct Head<'a> {
    v: u64,
    #[serde(rename = "type", borrow)]
    type_name: std::borrow::Cow<'a, str>,
    #[serde(default)]
    id: Option<u64>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    v: u64,
    #[serde(rename = "type")]
    type_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(flatten)]
    body: &'a T,
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn describe(error: &serde_json::Error) -> String {
    short(&error.to_string())
}

/// What the other end sent goes back to it only in small portions.
fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests;
