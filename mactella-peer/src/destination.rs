//! Another peer as a user names it: `HOST:PORT`, or `ioe://HOST:PORT/#KEY` where it is known whose key must answer.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use thiserror::Error;
use wire::key::PublicKey;
use wire::net::{Address, AddressError, Locator, LocatorError};

/// Where to dial, and perhaps who must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) address: Address,
    pub(crate) key: Option<PublicKey>,
}

/// Why a text names no peer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DestinationError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Locator(#[from] LocatorError),
    #[error("the line is an invitation to an ioe-server: peers take none")]
    Invitation,
}

impl Destination {
    /// Its socket address, where it is named by a number.
    pub(crate) fn number(&self) -> Option<SocketAddr> {
        self.address.to_string().parse().ok()
    }
}

impl From<Address> for Destination {
    fn from(address: Address) -> Self {
        Self { address, key: None }
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        if !Locator::is_meant(text) {
            return Ok(text.parse::<Address>()?.into());
        }
        let Locator { address, key, invitation } = text.parse()?;
        match invitation {
            Some(_) => Err(DestinationError::Invitation),
            None => Ok(Self { address, key: Some(key) }),
        }
    }
}

/// As it is read.
impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => Locator { address: self.address.clone(), key, invitation: None }.fmt(formatter),
            None => self.address.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_by_an_address_and_perhaps_a_key() {
        let key = "0123456789abcdef".repeat(4);
        for text in ["host:5".to_owned(), format!("ioe://127.0.0.1:5/#{key}")] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        let invitation = format!("ioe://host:5/#{key}.{}", "f".repeat(32));
        assert_eq!(invitation.parse::<Destination>(), Err(DestinationError::Invitation));
        let cut = format!("ioe://host:5/#{}", &key[1..]);
        assert!(matches!(cut.parse::<Destination>(), Err(DestinationError::Locator(_))));
        assert!(matches!("host".parse::<Destination>(), Err(DestinationError::Address(_))));
    }
}
