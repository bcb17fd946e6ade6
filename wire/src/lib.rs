//! What two ioe or MacTella processes say to each other, and how they connect.
//!
//! The normative text is `PROTOCOL.md` beside this crate. Modules stand in reading order: each one uses only
//! modules declared below it. Everything below `connection` is pure: no socket, file, thread, clock or random
//! source; bytes go in, values come out.

pub mod net;
pub mod connection;
pub mod message;
pub mod codec;
pub mod line;
pub mod bucket;
pub mod timestamp;
pub mod path;
pub mod digest;
pub mod network;
pub mod key;
pub mod invitation;
pub mod error_code;
pub mod limits;

#[cfg(test)]
mod protocol_document_tests;
