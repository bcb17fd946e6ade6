//! Who a process is: an Ed25519 key that it makes once, whose public half is its name (RFC 8032, RFC 8410).
//!
//! Must not know where keys are kept.

use crate::key::PublicKey;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::crypto::aws_lc_rs::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::io;
use std::sync::Arc;
use thiserror::Error;

/// What stands before an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it is no Ed25519 key in the form of PKCS #8")]
pub struct NoIdentity;

/// The key of this process.
#[derive(Clone)]
pub struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    public: PublicKey,
}

impl Identity {
    /// Makes a key; gives also the form in which it is kept (PKCS #8, version 2), which is secret.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<(Self, Vec<u8>), NoIdentity> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let kept = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| NoIdentity)?;
        Ok((Self::from_pkcs8(kept.as_ref())?, kept.as_ref().to_vec()))
    }

    /// Makes a key in the form in which it is kept, for whoever keeps it before it is used.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate_kept() -> io::Result<Vec<u8>> {
        Self::generate().map(|(_, kept)| kept).map_err(io::Error::other)
    }

    /// The key in the form in which it is kept.
    ///
    /// # Errors
    /// When it is none, or damaged.
    pub fn from_pkcs8(kept: &[u8]) -> Result<Self, NoIdentity> {
        let pair = Ed25519KeyPair::from_pkcs8(kept).map_err(|_| NoIdentity)?;
        let public = PublicKey(pair.public_key().as_ref().try_into().map_err(|_| NoIdentity)?);
        let signing = any_eddsa_type(&PrivatePkcs8KeyDer::from(kept)).map_err(|_| NoIdentity)?;
        let certified = CertifiedKey::new(vec![CertificateDer::from(spki_of(public))], signing);
        Ok(Self { certified: Arc::new(certified), public })
    }

    /// Its name.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }
}

#[cfg(test)]
impl Identity {
    /// A liar: signs with its own key, and shows that of another.
    pub(super) fn showing(&self, other: &Self) -> Self {
        let shown = vec![CertificateDer::from(spki_of(other.public))];
        Self {
            certified: Arc::new(CertifiedKey::new(shown, Arc::clone(&self.certified.key))),
            ..self.clone()
        }
    }
}

/// The key in a SubjectPublicKeyInfo, if that is an Ed25519 key.
pub(super) fn key_of_spki(spki: &[u8]) -> Option<PublicKey> {
    Some(PublicKey(spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()?))
}

fn spki_of(key: PublicKey) -> Vec<u8> {
    [&SPKI_PREFIX[..], &key.0].concat()
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identity({}, and a secret)", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_kept_is_the_same_and_two_are_different() {
        let (one, kept) = Identity::generate().unwrap();
        assert_eq!(Identity::from_pkcs8(&kept).unwrap().public(), one.public());
        let other = Identity::from_pkcs8(&Identity::generate_kept().unwrap()).unwrap();
        assert_ne!(other.public(), one.public());
    }

    #[test]
    fn a_key_is_the_same_whichever_library_made_it() {
        const KEPT: &str = "3051020101300506032b6570042204205c4ff129557eec14aab1c8faa5e5dabd389d2fede4f661c96f28719128af1fc9\
                            8121005122a9ca2094f5d585d9cc5e095d23309782759af0438d45cee1b5b3cfa19896";
        let kept: Vec<u8> =
            (0..KEPT.len()).step_by(2).map(|at| u8::from_str_radix(&KEPT[at..at + 2], 16).unwrap()).collect();
        assert_eq!(Identity::from_pkcs8(&kept).unwrap().public().0, kept[kept.len() - 32..]);
    }

    #[test]
    fn a_damaged_key_is_none() {
        let (_, kept) = Identity::generate().unwrap();
        for end in [0, 1, kept.len() / 2, kept.len() - 1] {
            assert_eq!(Identity::from_pkcs8(&kept[..end]).err(), Some(NoIdentity), "{end} bytes");
        }
    }

    #[test]
    fn no_secret_is_shown_by_mistake() {
        let (identity, _) = Identity::generate().unwrap();
        assert_eq!(format!("{identity:?}"), format!("Identity({}, and a secret)", identity.public()));
    }
}
