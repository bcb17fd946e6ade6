//! What commands are answered. Must not know who asks.

use std::net::SocketAddr;
use thiserror::Error;
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::key::PublicKey;

/// One file of one holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// As its holder says it: to be checked before it becomes a path.
    pub(crate) path: String,
    pub(crate) byte_count: u64,
    pub(crate) digest: Option<Digest>,
    pub(crate) address: SocketAddr,
    /// Whose key must answer there, where the search told.
    pub(crate) key: Option<PublicKey>,
    pub(crate) hops: u8,
    /// Whether it is still arriving at its holder.
    pub(crate) is_partial: bool,
}

/// One peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundPeer {
    pub(crate) address: SocketAddr,
    pub(crate) key: Option<PublicKey>,
    pub(crate) hops: u8,
    /// Whether it is new in the peer list.
    pub(crate) added: bool,
}

/// Why nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum AskError {
    #[error("no link to any other peer: CONNECT to one first")]
    NoLinks,
    #[error("this peer is stopping")]
    Stopping,
    #[error("the system gives no random number for an id")]
    NoId,
}

/// A link to the peer that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connected {
    /// Whether it stood already.
    pub(crate) was_linked: bool,
}

/// Why there is no link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Unreachable(String),
    #[error("{why}")]
    Refused { code: ErrorCode, why: String },
    #[error("{0}")]
    OtherKey(String),
    #[error("that is this very peer")]
    Itself,
    #[error("this peer is stopping")]
    Stopping,
}
