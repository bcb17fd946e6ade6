//! What two neighbours say to each other over a link: floods, and results on their way home.
//!
//! The four messages descend from Gnutella's Query, QueryHit, Ping and Pong
//! (<https://rfc-gnutella.sourceforge.net/developer/stable/>). Must not know how they are routed.

use super::reply::Refused;
use super::{ByteCount, message_set, message_types};
use crate::codec::only_map_vec;
use crate::digest::Digest;
use crate::key::PublicKey;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Names one search or discover everywhere: 128 random bits, on the wire 32 hex digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FloodId(pub u128);

/// The text is no flood's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id of 32 hex digits in lower case")]
pub struct NoFloodId;

/// Asks for files with all these words in their path, or with this content: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSearch {
    /// The search's name.
    pub search_id: FloodId,
    /// Links that it may still cross, this one included; at least 1.
    pub ttl: u8,
    /// Links that it had crossed before this one.
    pub hops: u8,
    /// The words, as they were typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The digest of the wanted file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Files of one peer that a search found, on their way to who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The search.
    pub search_id: FloodId,
    /// Links that the result had crossed before this one: 0 says that the sender has the files itself.
    pub hops: u8,
    /// Where the files can be had; written by the owner's neighbour, so none where `hops` is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The key that its owner has proven to its neighbour, who writes it beside the address; none where they speak plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The files.
    #[serde(deserialize_with = "only_map_vec")]
    pub files: Vec<FileResult>,
}

/// One file that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileResult {
    /// Its path in its owner's share, as text: whoever receives it checks it before it becomes a path.
    pub path: String,
    /// Its length.
    pub byte_count: ByteCount,
    /// Its digest; none while its owner has not hashed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether it is still arriving at its owner, who has some of its pieces.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// Asks every peer within reach to say that it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discover {
    /// The discover's name.
    pub discover_id: FloodId,
    /// As in a search.
    pub ttl: u8,
    /// As in a search.
    pub hops: u8,
}

/// One peer that a discover found, on its way to who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoverResult {
    /// The discover.
    pub discover_id: FloodId,
    /// As in a search's result.
    pub hops: u8,
    /// As in a search's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// As in a search's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
}

/// Keeps the way open where something on it forgets silent connections; it asks for no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {}

message_types! {
    LinkSearch = "search", SearchResult = "search_result", Discover = "discover",
    DiscoverResult = "discover_result", Ping = "ping",
}

message_set! {
    /// Every line of a link, in both directions.
    LinkMessage {
        Search(LinkSearch) = "search",
        SearchResult(SearchResult) = "search_result",
        Discover(Discover) = "discover",
        DiscoverResult(DiscoverResult) = "discover_result",
        Ping(Ping) = "ping",
        Refused(Refused) = "refused",
    }
}

impl fmt::Display for FloodId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for FloodId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for FloodId {
    type Err = NoFloodId;

    fn from_str(text: &str) -> Result<Self, NoFloodId> {
        let is_digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 32 || !is_digits {
            return Err(NoFloodId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NoFloodId)
    }
}

impl Serialize for FloodId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FloodId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn an_id_is_32_hex_digits_in_lower_case_and_nothing_else() {
        let id = FloodId(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in
            ["", "0", &"0".repeat(33), &"A".repeat(32), &"g".repeat(32), &format!("+{}", "0".repeat(31))]
        {
            assert_eq!(text.parse::<FloodId>(), Err(NoFloodId));
        }
    }

    #[test]
    fn a_result_carries_an_address_only_where_its_text_is_one() {
        let line = |address: &str| {
            format!(
                r#"{{"v":1,"type":"discover_result","discover_id":"{}","hops":1,"address":"{address}"}}"#,
                FloodId(7)
            )
        };
        for good in ["127.0.0.1:5", "[::1]:65535"] {
            assert!(codec::decode::<LinkMessage>(line(good).as_bytes()).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1", "host:5", "127.0.0.1:65536", "::1:5", "127.0.0.1:5\\u0000"] {
            assert!(codec::decode::<LinkMessage>(line(bad).as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ttl_that_is_no_small_number_is_no_message() {
        for ttl in ["256", "-1", "1.5", "\"7\"", "1e1"] {
            let id = FloodId(7);
            let line = format!(r#"{{"v":1,"type":"discover","discover_id":"{id}","ttl":{ttl},"hops":0}}"#);
            assert!(codec::decode::<LinkMessage>(line.as_bytes()).is_err(), "{ttl}");
        }
    }
}
