//! `ioe://HOST:PORT/#KEY`, and with a secret behind it an invitation: `ioe://HOST:PORT/#KEY.INVITE`. Who has such a line knows
//! whom it talks to from the first byte.
//!
//! Must not know what an invitation allows.

use super::{Address, AddressError};
use crate::invitation::{NoSecret, Secret};
use crate::key::{NoPublicKey, PublicKey};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What such lines begin with, in any case.
const SCHEME: &str = "ioe://";

/// Where somebody is, and whose key answers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// Where.
    pub address: Address,
    /// Who.
    pub key: PublicKey,
    /// What enrols its reader, once.
    pub invitation: Option<Secret>,
}

/// Why a line is none of these. No secret is in the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LocatorError {
    /// Its parts do not stand where they should.
    #[error("a line is ioe://HOST:PORT/#KEY, or with an invitation ioe://HOST:PORT/#KEY.INVITE")]
    Form,
    /// The address in it is none.
    #[error("the address in the line: {0}")]
    Address(#[from] AddressError),
    /// The key in it is none.
    #[error("the key in the line is cut or damaged: {0}")]
    Key(#[from] NoPublicKey),
    /// The secret in it is none.
    #[error("the invitation in the line is cut or damaged: {0}")]
    Invitation(#[from] NoSecret),
}

impl Locator {
    /// Whether a text is meant as one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let text = text.trim_start();
        text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
    }
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        // What a paste brings with it.
        let text = text.trim();
        let rest = text.get(SCHEME.len()..).filter(|_| Self::is_meant(text)).ok_or(LocatorError::Form)?;
        let (address, fragment) = rest.split_once('#').ok_or(LocatorError::Form)?;
        let address = address.strip_suffix('/').unwrap_or(address).parse()?;
        let (key, invitation) = match fragment.split_once('.') {
            Some((key, invitation)) => (key, Some(invitation)),
            None => (fragment, None),
        };
        Ok(Self { address, key: key.parse()?, invitation: invitation.map(str::parse).transpose()? })
    }
}

/// As it is handed on: with its secret, if it has one.
impl fmt::Display for Locator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}/#{}", self.address, self.key)?;
        match &self.invitation {
            Some(secret) => write!(formatter, ".{}", secret.reveal()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> String {
        "0123456789abcdef".repeat(4)
    }

    #[test]
    fn lines_are_read_and_written_alike() {
        let secret = "f".repeat(32);
        for line in [
            format!("ioe://127.0.0.1:10000/#{}", key()),
            format!("ioe://[::1]:1/#{}.{secret}", key()),
            format!("ioe://files.example:65535/#{}", key()),
        ] {
            assert_eq!(line.parse::<Locator>().unwrap().to_string(), line);
        }
        let pasted = format!("\n  ioe://host:1/#{} \n", key());
        assert!(Locator::is_meant(&pasted) && pasted.parse::<Locator>().is_ok());
        let bare = format!("IOE://host:1#{}", key());
        assert_eq!(bare.parse::<Locator>().unwrap().to_string(), format!("ioe://host:1/#{}", key()));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_without_its_secret() {
        let secret = "0123456789abcdef0123456789abcde";
        let error = format!("ioe://host:1/#{}.{secret}", key()).parse::<Locator>().unwrap_err();
        assert!(matches!(error, LocatorError::Invitation(_)) && !error.to_string().contains(secret));
        let cut = format!("ioe://host:1/#{}", &key()[1..]);
        assert!(matches!(cut.parse::<Locator>(), Err(LocatorError::Key(_))));
        let portless = format!("ioe://host/#{}", key());
        assert!(matches!(portless.parse::<Locator>(), Err(LocatorError::Address(_))));
        for form in ["", "ioe://", "ioe://host:1", "host:1", "ioé://host:1/#"] {
            assert_eq!(form.parse::<Locator>(), Err(LocatorError::Form), "{form}");
        }
    }
}
