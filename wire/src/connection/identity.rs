//! Who a process is: an Ed25519 key that it makes once, whose public half is its name (RFC 8032, RFC 8410).
//!
//! Must not know where keys are kept.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// Bytes of a public key.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// What stands before an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The public half of a key: 64 hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; PUBLIC_KEY_BYTES]);

/// A text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key is 64 hex digits")]
pub struct NoPublicKey;

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
        let random = ring::rand::SystemRandom::new();
        let kept = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| NoIdentity)?;
        Ok((Self::from_pkcs8(kept.as_ref())?, kept.as_ref().to_vec()))
    }

    /// The key in the form in which it is kept.
    ///
    /// # Errors
    /// When it is none, or damaged.
    pub fn from_pkcs8(kept: &[u8]) -> Result<Self, NoIdentity> {
        let pair = Ed25519KeyPair::from_pkcs8(kept).map_err(|_| NoIdentity)?;
        let public = PublicKey(pair.public_key().as_ref().try_into().map_err(|_| NoIdentity)?);
        let signing = any_eddsa_type(&PrivatePkcs8KeyDer::from(kept)).map_err(|_| NoIdentity)?;
        let certified = CertifiedKey::new(vec![CertificateDer::from(public.to_spki())], signing);
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
        let shown = vec![CertificateDer::from(other.public.to_spki())];
        Self {
            certified: Arc::new(CertifiedKey::new(shown, Arc::clone(&self.certified.key))),
            ..self.clone()
        }
    }
}

impl PublicKey {
    pub(super) fn from_spki(spki: &[u8]) -> Option<Self> {
        Some(Self(spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()?))
    }

    fn to_spki(self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({self})")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identity({}, and a secret)", self.public)
    }
}

impl FromStr for PublicKey {
    type Err = NoPublicKey;

    fn from_str(text: &str) -> Result<Self, NoPublicKey> {
        let digits = text.as_bytes();
        if digits.len() != 2 * PUBLIC_KEY_BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(NoPublicKey);
        }
        let mut key = [0; PUBLIC_KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NoPublicKey)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NoPublicKey)?;
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_kept_is_the_same_and_two_are_different() {
        let (one, kept) = Identity::generate().unwrap();
        assert_eq!(Identity::from_pkcs8(&kept).unwrap().public(), one.public());
        assert_ne!(Identity::generate().unwrap().0.public(), one.public());
    }

    #[test]
    fn a_damaged_key_is_none() {
        let (_, kept) = Identity::generate().unwrap();
        for end in [0, 1, kept.len() / 2, kept.len() - 1] {
            assert_eq!(Identity::from_pkcs8(&kept[..end]).err(), Some(NoIdentity), "{end} bytes");
        }
    }

    #[test]
    fn a_public_key_is_64_hex_digits_and_nothing_else() {
        let (identity, _) = Identity::generate().unwrap();
        let text = identity.public().to_string();
        assert_eq!(text.parse(), Ok(identity.public()));
        assert_eq!(text.to_uppercase().parse(), Ok(identity.public()));
        for wrong in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.replacen(char::is_alphanumeric, "g", 1),
            &format!("+{}", &text[1..]),
        ] {
            assert_eq!(wrong.parse::<PublicKey>(), Err(NoPublicKey), "{wrong}");
        }
    }

    #[test]
    fn no_secret_is_shown_by_mistake() {
        let (identity, _) = Identity::generate().unwrap();
        assert_eq!(format!("{identity:?}"), format!("Identity({}, and a secret)", identity.public()));
    }
}
