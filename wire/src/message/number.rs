//! Numbers that every JSON reader keeps exactly. Must not know what they count.

use crate::limits::BYTE_COUNT_MAX;
use serde::{Deserialize, Deserializer, Serialize, de};

/// A number of bytes, from 0 to 2^53 - 1; anything else does not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct ByteCount(u64);

impl ByteCount {
    /// Clamps to what can stand on the wire.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(if bytes > BYTE_COUNT_MAX { BYTE_COUNT_MAX } else { bytes })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for ByteCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if number > BYTE_COUNT_MAX {
            return Err(de::Error::invalid_value(
                de::Unexpected::Unsigned(number),
                &"a number from 0 to 9007199254740991",
            ));
        }
        Ok(Self(number))
    }
}
