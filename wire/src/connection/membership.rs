//! Proofs over a connection that both of its ends belong to one private network.
//!
//! Must not know what members may do.

use super::Connection;
use crate::key::PublicKey;
use crate::network::{EXPORT_LABEL, NetworkKey, NetworkProof, Proven, Prover};

/// A member of a private network: the network's key and the member's own.
#[derive(Debug, Clone)]
pub struct Membership {
    network: NetworkKey,
    own: PublicKey,
}

impl Membership {
    /// Whoever has the key `own` is in that network.
    #[must_use]
    pub fn new(network: NetworkKey, own: PublicKey) -> Self {
        Self { network, own }
    }

    /// This end's proof, which is `prover` of the connection; none in plain text, where nothing can be proven.
    #[must_use]
    pub fn prove(&self, connection: &Connection, prover: Prover) -> Option<NetworkProof> {
        let other = connection.peer_key()?;
        self.proof(connection, Proven { exported: &[], prover, key: self.own, other })
    }

    /// Whether the other end, which is `prover`, has proven that it is in the network too.
    #[must_use]
    pub fn is_proven(&self, connection: &Connection, prover: Prover, proof: Option<NetworkProof>) -> bool {
        let wanted = connection
            .peer_key()
            .and_then(|key| self.proof(connection, Proven { exported: &[], prover, key, other: self.own }));
        wanted.is_some() && wanted == proof
    }

    fn proof(&self, connection: &Connection, proven: Proven<'_>) -> Option<NetworkProof> {
        let exported = connection.exported(EXPORT_LABEL)?;
        Some(self.network.proof(&Proven { exported: &exported, ..proven }))
    }
}
