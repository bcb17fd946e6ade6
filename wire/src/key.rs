//! The public half of a key: who a process is to all others (RFC 8032). Pure data: whether somebody has the secret half is
//! for a handshake to show.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Bytes of a public key.
pub const PUBLIC_KEY_BYTES: usize = 32;

/// An Ed25519 key: 64 hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; PUBLIC_KEY_BYTES]);

/// A text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key is 64 hex digits")]
pub struct NoPublicKey;

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

impl FromStr for PublicKey {
    type Err = NoPublicKey;

    fn from_str(text: &str) -> Result<Self, NoPublicKey> {
        let digits = text.as_bytes();
        if digits.len() != 2 * PUBLIC_KEY_BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(NoPublicKey);
        }
        let mut key = [0; PUBLIC_KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let pair = core::str::from_utf8(pair).map_err(|_| NoPublicKey)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NoPublicKey)?;
        }
        Ok(Self(key))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_64_hex_digits_and_nothing_else() {
        let key = PublicKey(core::array::from_fn(|place| u8::try_from(place * 7).unwrap()));
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(text.to_uppercase().parse(), Ok(key));
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
}
