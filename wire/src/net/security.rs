//! How whoever dials protects a connection: where plain text is spoken, and whose key is expected elsewhere.
//!
//! There is no way back from TLS to plain text: what decides is known before anybody is dialled. Must not know where keys are kept.

use super::address::{Address, are_beyond_loopback};
use super::dial::{DialError, WrongKey};
use crate::connection::{Connection, Offer};
use crate::key::PublicKey;
use std::net::SocketAddr;
use std::time::Instant;

/// What is known of the other end before it is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It has this key; another one is an error.
    Key(PublicKey),
    /// Nothing: a key that nobody knows is an error that says which it is.
    Nothing,
    /// Whatever its key is: it proves itself in another way, or nothing is told to it that others may not know.
    Anything,
}

/// Where plain text is spoken, to ends of which no key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainTo {
    /// Nowhere.
    Nowhere,
    /// On this machine.
    Loopback,
    /// Everywhere: whoever is on the way can read and change what is said.
    Anywhere,
}

/// How one end is dialled.
#[derive(Debug, Clone)]
pub struct Security {
    /// Who dials; nobody without a key speaks TLS.
    pub offer: Option<Offer>,
    /// Who is expected.
    pub expected: Expected,
    /// Where plain text is spoken.
    pub plain: PlainTo,
}

impl Security {
    /// Of somebody without a key: plain text, on this machine alone.
    #[must_use]
    pub fn none() -> Self {
        Self::plain(PlainTo::Loopback)
    }

    /// Of somebody without a key, who speaks plain text there.
    #[must_use]
    pub fn plain(plain: PlainTo) -> Self {
        Self { offer: None, expected: Expected::Nothing, plain }
    }

    /// Whether plain text is spoken to all of these.
    pub(super) fn is_plain_to(&self, candidates: &[SocketAddr]) -> bool {
        match (self.expected, self.plain) {
            (Expected::Key(_), _) | (_, PlainTo::Nowhere) => false,
            (_, PlainTo::Anywhere) => true,
            (_, PlainTo::Loopback) => !are_beyond_loopback(candidates),
        }
    }

    /// Shakes hands with whoever was reached, and makes sure of who it is, before anything is told to it.
    pub(super) fn secure(
        &self,
        connection: &mut Connection,
        address: &Address,
        deadline: Instant,
    ) -> Result<(), DialError> {
        let address = || address.clone();
        let offer =
            self.offer.as_ref().ok_or_else(|| DialError::PlainBeyondLoopback { address: address() })?;
        let shaken = connection.offer_tls(offer, deadline);
        let found =
            shaken.map_err(|source| DialError::Handshake { address: address(), source: Box::new(source) })?;
        match self.expected {
            Expected::Anything => Ok(()),
            Expected::Key(expected) if expected == found => Ok(()),
            Expected::Key(expected) => {
                Err(DialError::WrongKey(Box::new(WrongKey { address: address(), expected, found })))
            }
            Expected::Nothing => Err(DialError::UnknownKey { address: address(), found }),
        }
    }
}
