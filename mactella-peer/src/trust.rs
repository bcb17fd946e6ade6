//! Who this peer is to others and whom it trusts: its key, its private network, and where it speaks plain text.
//!
//! Must not know what is said over a connection, nor where keys are kept.

use crate::overlay::PeerId;
use thiserror::Error;
use wire::connection::{Acceptor, Connection, Identity, Membership, Offer};
use wire::key::PublicKey;
use wire::net::{Door, Expected, PlainFrom, PlainTo, Security};
use wire::network::{NetworkKey, NetworkProof, Prover};

/// What everybody is told who is in no private network with this peer, whatever is wrong: nothing can be learned from it.
pub(crate) const NO_MEMBER: &str = "this peer talks to the members of its private network alone";

/// The peer's key cannot be used for TLS.
#[derive(Debug, Error)]
#[error("TLS cannot be spoken with this peer's key: {0}")]
pub(crate) struct Unusable(String);

/// With whom plain text is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    /// With this machine.
    Loopback,
    /// With everybody.
    Anywhere,
}

/// What protects every connection of this peer.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    key: PublicKey,
    offer: Offer,
    acceptor: Acceptor,
    plain: Plain,
    membership: Option<Membership>,
}

impl Trust {
    /// Of the peer with that key, and in that private network; members of one speak no plain text.
    pub(crate) fn new(
        identity: &Identity,
        plain: Plain,
        network: Option<NetworkKey>,
    ) -> Result<Self, Unusable> {
        let unusable = |error: &dyn std::error::Error| Unusable(error.to_string());
        let key = identity.public();
        Ok(Self {
            key,
            offer: Offer::of(identity).map_err(|error| unusable(&error))?,
            acceptor: Acceptor::of(identity).map_err(|error| unusable(&error))?,
            plain,
            membership: network.map(|network| Membership::new(network, key)),
        })
    }

    /// This peer's own key.
    pub(crate) fn key(&self) -> PublicKey {
        self.key
    }

    /// What this peer calls itself: the same in plain text and in TLS, and after every start.
    pub(crate) fn process_id(&self) -> String {
        PeerId::of(self.key).to_string()
    }

    pub(crate) fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// How another end is dialled, of which perhaps a key is known. The neighbours of a mesh are strangers: where none is
    /// known, whatever key answers will do.
    pub(crate) fn towards(&self, key: Option<PublicKey>) -> Security {
        let plain = match (&self.membership, self.plain) {
            (Some(_), _) => PlainTo::Nowhere,
            (None, Plain::Loopback) => PlainTo::Loopback,
            (None, Plain::Anywhere) => PlainTo::Anywhere,
        };
        let expected = key.map_or(Expected::Anything, Expected::Key);
        Security { offer: Some(self.offer.clone()), expected, plain }
    }

    /// How others are let in.
    pub(crate) fn door(&self) -> Door {
        let plain = match (&self.membership, self.plain) {
            (Some(_), _) => PlainFrom::Nowhere,
            (None, Plain::Loopback) => PlainFrom::Loopback,
            (None, Plain::Anywhere) => PlainFrom::Anywhere,
        };
        let door = Door::new(self.acceptor.clone(), plain);
        // In the same words as behind the door.
        if self.membership.is_some() { door.telling(NO_MEMBER) } else { door }
    }

    /// Whether somebody who dialled may be told anything, having shown this proof.
    pub(crate) fn admits(&self, connection: &Connection, proof: Option<NetworkProof>) -> bool {
        self.membership().is_none_or(|member| member.is_proven(connection, Prover::Dialler, proof))
    }

    /// What shows whoever dialled that this peer is in the network.
    pub(crate) fn proof(&self, connection: &Connection) -> Option<NetworkProof> {
        self.membership().and_then(|member| member.prove(connection, Prover::Listener))
    }
}

/// Who is at the other end: by the key that it has proven, whatever it says; in plain text, who it says that it is.
pub(crate) fn peer_of(connection: &Connection, process_id: &str) -> PeerId {
    match connection.peer_key() {
        Some(key) => PeerId::of(key),
        // The wire has checked its digits.
        None => PeerId(u128::from_str_radix(process_id, 16).unwrap_or_default()),
    }
}
