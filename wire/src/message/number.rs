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

/// A number that counts no bytes: as text it has the same range.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    ByteCount::deserialize(deserializer).map(ByteCount::get)
}

/// Several of them.
pub(super) fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let counts = Vec::<ByteCount>::deserialize(deserializer)?;
    Ok(counts.into_iter().map(ByteCount::get).collect())
}

/// Several of them, or none at all.
pub(super) fn optional_numbers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<u64>>, D::Error> {
    let counts = Option::<Vec<ByteCount>>::deserialize(deserializer)?;
    Ok(counts.map(|counts| counts.into_iter().map(ByteCount::get).collect()))
}

#[cfg(test)]
mod tests {
    use crate::codec;
    use crate::message::{Reply, hello::Opening};

    #[test]
    fn a_number_that_counts_no_bytes_has_the_same_range() {
        let hello = |version: &str, offered: u64| {
            let id = "0".repeat(32);
            format!(
                r#"{{"v":{version},"type":"hello","agent":"a","versions":[{offered}],"role":"client","process_id":"{id}"}}"#
            )
        };
        let refused = |offered: u64| {
            format!(r#"{{"v":1,"type":"refused","code":"busy","message":"m","versions":[{offered}]}}"#)
        };
        let max = crate::limits::BYTE_COUNT_MAX;
        assert!(codec::decode::<Opening>(hello("1", max).as_bytes()).is_ok());
        assert!(codec::decode::<Reply>(refused(max).as_bytes()).is_ok());
        let lines = [hello("1", max + 1), hello(&(max + 1).to_string(), 1)];
        for line in lines {
            let error = codec::decode::<Opening>(line.as_bytes()).unwrap_err();
            assert!(matches!(error, codec::DecodeError::BadMessage { .. }), "{line}: {error}");
        }
        assert!(codec::decode::<Reply>(refused(max + 1).as_bytes()).is_err());
    }
}
