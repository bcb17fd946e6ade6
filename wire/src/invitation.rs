//! What an invitation proves itself by: a secret of 128 random bits that works once.
//!
//! Must not know where secrets are kept, nor what they allow.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 16;

/// The secret half of an invitation: 32 hex digits as text. It is shown nowhere by mistake.
#[derive(Clone, Copy)]
pub struct Secret([u8; SECRET_BYTES]);

/// What is kept of a secret: it tells the secret again, and nobody can make the secret of it.
#[derive(Debug, Clone, Copy)]
pub struct SecretHash(blake3::Hash);

/// A text is no secret, or no hash of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the secret of an invitation is 32 hex digits")]
pub struct NoSecret;

/// Separates these hashes from all others.
const HASH_CONTEXT: &str = "ioe 2026-11 invitation secret";

impl Secret {
    /// A secret of these random bytes.
    #[must_use]
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(random)
    }

    /// What may be kept of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(blake3::Hash::from_bytes(blake3::derive_key(HASH_CONTEXT, &self.0)))
    }

    /// The secret as it stands in an invitation: for its reader alone.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }
}

/// In constant time, whatever the first difference is.
impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for SecretHash {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Two secrets are compared by their hashes, in constant time.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Secret {}

impl FromStr for Secret {
    type Err = NoSecret;

    fn from_str(text: &str) -> Result<Self, NoSecret> {
        if text.len() != 2 * SECRET_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NoSecret);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| NoSecret)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.reveal())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// 64 hex digits.
impl fmt::Display for SecretHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_hex())
    }
}

impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(text).map(Self).map_err(|_| de::Error::custom("a hash is 64 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_32_hex_digits_and_nothing_else() {
        let secret = Secret::new([0xab; SECRET_BYTES]);
        let text = secret.reveal();
        assert_eq!((text.as_str(), text.parse()), ("ab".repeat(16).as_str(), Ok(secret)));
        for wrong in ["", &text[1..], &format!("{text}0"), &format!("+{}", &text[1..]), &"g".repeat(32)] {
            assert_eq!(wrong.parse::<Secret>(), Err(NoSecret), "{wrong}");
        }
    }

    #[test]
    fn a_hash_tells_its_secret_from_others_and_does_not_show_it() {
        let (one, other) = (Secret::new([1; SECRET_BYTES]), Secret::new([2; SECRET_BYTES]));
        assert!(one.hash() == one.hash() && one.hash() != other.hash());
        let shown = format!("{one:?} {:?}", one.hash());
        assert!(!shown.contains(&one.reveal()), "{shown}");
    }
}
