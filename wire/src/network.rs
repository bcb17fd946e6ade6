//! A private network of peers: one key that all of them have, and proofs that somebody has it which nobody can use again.
//!
//! Pure: what a connection is bound by comes in as arguments.

use crate::key::PublicKey;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Bytes of a network's key.
pub const NETWORK_KEY_BYTES: usize = 32;
/// For the value that a TLS connection exports for its proofs (RFC 5705).
pub const EXPORT_LABEL: &[u8] = b"EXPORTER-mactella-network";

/// The key of a network: 64 hex digits as text. It is shown nowhere by mistake.
#[derive(Clone)]
pub struct NetworkKey([u8; NETWORK_KEY_BYTES]);

/// A text is no key of a network, or no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("64 hex digits are needed")]
pub struct NotNetworkKey;

/// Which end of a connection proves something: so that no proof can be sent back to whoever gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prover {
    /// The end that dialled.
    Dialler = 0,
    /// The end that was dialled.
    Listener = 1,
}

/// What a proof is about: one end of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Proven<'a> {
    /// What the connection exports under [`EXPORT_LABEL`].
    pub exported: &'a [u8],
    /// Which end proves.
    pub prover: Prover,
    /// Its key.
    pub key: PublicKey,
    /// The key of the other end.
    pub other: PublicKey,
}

/// Shows that one end of one connection has the network's key: 64 hex digits.
#[derive(Debug, Clone, Copy)]
pub struct NetworkProof(blake3::Hash);

impl NetworkKey {
    /// A key of these random bytes.
    #[must_use]
    pub fn new(random: [u8; NETWORK_KEY_BYTES]) -> Self {
        Self(random)
    }

    /// The key as its file has it: for the members of the network alone.
    #[must_use]
    pub fn reveal(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// The proof of that end: a keyed hash over the connection, the prover's role and both keys, so that it can be neither
    /// reflected, replayed nor relayed.
    #[must_use]
    pub fn proof(&self, proven: &Proven<'_>) -> NetworkProof {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(proven.exported).update(&[proven.prover as u8]);
        hasher.update(&proven.key.0).update(&proven.other.0);
        NetworkProof(hasher.finalize())
    }
}

/// In constant time.
impl PartialEq for NetworkProof {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for NetworkProof {}

impl fmt::Debug for NetworkKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NetworkKey(…)")
    }
}

impl FromStr for NetworkKey {
    type Err = NotNetworkKey;

    fn from_str(text: &str) -> Result<Self, NotNetworkKey> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|_| NotNetworkKey)
    }
}

impl Serialize for NetworkProof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_hex())
    }
}

impl<'de> Deserialize<'de> for NetworkProof {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(text).map(Self).map_err(|_| de::Error::custom(NotNetworkKey))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_key_is_64_hex_digits_and_is_not_shown_by_mistake() {
        let key = NetworkKey::new([0xcd; NETWORK_KEY_BYTES]);
        assert_eq!(key.reveal(), "cd".repeat(32));
        assert_eq!(key.reveal().parse::<NetworkKey>().unwrap().reveal(), key.reveal());
        assert!(!format!("{key:?}").contains("cd"));
        for wrong in ["", "cd", &"cd".repeat(33), &"xy".repeat(32)] {
            assert_eq!(wrong.parse::<NetworkKey>().err(), Some(NotNetworkKey), "{wrong}");
        }
    }

    #[test]
    fn a_proof_is_good_for_one_end_of_one_connection_in_one_network() {
        let network = NetworkKey::new([1; NETWORK_KEY_BYTES]);
        let (one, other) = (PublicKey([2; 32]), PublicKey([3; 32]));
        let proven = Proven { exported: &[4; 32], prover: Prover::Dialler, key: one, other };
        let proof = network.proof(&proven);
        assert_eq!(proof, network.proof(&proven));
        let foreign = NetworkKey::new([9; NETWORK_KEY_BYTES]).proof(&proven);
        let reflected = network.proof(&Proven { prover: Prover::Listener, key: other, other: one, ..proven });
        let of_other_role = network.proof(&Proven { prover: Prover::Listener, ..proven });
        let replayed = network.proof(&Proven { exported: &[5; 32], ..proven });
        let relayed = network.proof(&Proven { other: PublicKey([7; 32]), ..proven });
        let taken = network.proof(&Proven { key: PublicKey([7; 32]), ..proven });
        for other in [foreign, reflected, of_other_role, replayed, relayed, taken] {
            assert_ne!(proof, other);
        }
    }
}
