//! How a connection opens: `hello` and `welcome`.

use super::number::{number, numbers};
use super::{message_set, message_types};
use crate::codec::only_map;
use crate::invitation::Secret;
use crate::network::NetworkProof;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// What the end that speaks wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Opens a session of requests.
    Client,
    /// Answers sessions; changes files when it may.
    Server,
    /// Opens a link to a neighbour, and answers sessions that only read.
    Peer,
}

/// The first line of whoever dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Program and version, for logs.
    pub agent: String,
    /// The major versions spoken, most wanted first.
    #[serde(deserialize_with = "numbers")]
    pub versions: Vec<u64>,
    /// `client` for a session, `peer` for a link.
    pub role: Role,
    /// 32 hex digits that tell this program from others: who continues its own upload is known by it.
    pub process_id: String,
    /// Of a peer: the port where it listens. Others reach it there, at the number that its neighbour sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Of a peer: where others reach it, if that differs. Believed only when it was dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise: Option<SocketAddr>,
    /// The secret of an invitation, which enrols the key of whoever speaks. Said over TLS alone, and only to the key that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Secret>,
    /// Shows that whoever speaks is in a private network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_proof: Option<NetworkProof>,
}

/// The answer to `hello` of whoever listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version picked of those offered; every later line carries it.
    #[serde(deserialize_with = "number")]
    pub version: u64,
    /// Program and version, for logs.
    pub agent: String,
    /// `server` or `peer`.
    pub role: Role,
    /// 32 hex digits that tell this program from others.
    pub process_id: String,
    /// What this end offers beyond reading: names from `PROTOCOL.md`; unknown ones are ignored.
    pub features: Vec<String>,
    /// The limits of this end.
    #[serde(deserialize_with = "only_map")]
    pub limits: SessionLimits,
    /// Of a peer: where others reach it, if not where it was dialled. Believed only when it was dialled there too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise: Option<SocketAddr>,
    /// Shows that this end is in the private network, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_proof: Option<NetworkProof>,
}

/// The maxima that whoever sends to this end keeps to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLimits {
    /// One control line with its line feed, in bytes.
    #[serde(deserialize_with = "number")]
    pub line_bytes_max: u64,
    /// One section, in bytes.
    #[serde(deserialize_with = "number")]
    pub section_bytes_max: u64,
    /// A WRITE that need not wait for `ready`, in bytes.
    #[serde(deserialize_with = "number")]
    pub small_write_bytes_max: u64,
    /// Requests that are sent before the answers of earlier ones are complete.
    #[serde(deserialize_with = "number")]
    pub requests_in_flight_max: u64,
}

message_types! { Hello = "hello", Welcome = "welcome" }

message_set! {
    /// What may stand on the first line of whoever dialled.
    Opening { Hello(Hello) = "hello" }
}
