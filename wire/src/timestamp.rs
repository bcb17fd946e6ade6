//! Moments on the wire: RFC 3339 text in UTC. Must not know any clock.

use jiff::Timestamp as Moment;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The first second of the year 0, the earliest that RFC 3339 can write.
const FIRST_SECOND: i64 = -62_167_219_200;

/// A file's time of last modification, to the nanosecond, years 0 to 9999; outside, it is clamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(Moment);

impl Timestamp {
    /// From seconds and nanoseconds since 1970-01-01T00:00:00Z, clamped to what can be written.
    #[must_use]
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        if seconds < FIRST_SECOND {
            return Self(Moment::new(FIRST_SECOND, 0).unwrap_or_default());
        }
        let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds.min(999_999_999));
        Self(Moment::from_nanosecond(total).unwrap_or(Moment::MAX))
    }

    /// Whole seconds since 1970, rounded down, and the nanoseconds after them (0 to 999,999,999).
    #[must_use]
    pub fn to_unix(self) -> (i64, u32) {
        let total = self.0.as_nanosecond();
        let seconds = i64::try_from(total.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
        (seconds, u32::try_from(total.rem_euclid(1_000_000_000)).unwrap_or(0))
    }

    /// Without the fraction of a second: what listings show.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        Self::from_unix(self.to_unix().0, 0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimestampText)
    }
}

struct TimestampText;

impl de::Visitor<'_> for TimestampText {
    type Value = Timestamp;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a time as in 2026-11-20T12:00:00Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        let clamped = |moment: Moment| {
            let (seconds, nanoseconds) = Timestamp(moment).to_unix();
            Timestamp::from_unix(seconds, nanoseconds)
        };
        let moment = text.parse().map(clamped).ok().or_else(|| past_the_last(text));
        moment.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// The last hours of the year 9999, which RFC 3339 can write and a `Moment` cannot hold.
fn past_the_last(text: &str) -> Option<Timestamp> {
    let named: DateTime = text.strip_suffix(['Z', 'z'])?.parse().ok()?;
    (named > Offset::UTC.to_datetime(Moment::MAX)).then_some(Timestamp(Moment::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn years_before_1970_and_after_2038_keep_their_nanoseconds() {
        for (seconds, nanoseconds) in [(-2_177_452_800, 1), (-1, 999_999_999), (4_300_000_000, 5), (0, 0)] {
            assert_eq!(Timestamp::from_unix(seconds, nanoseconds).to_unix(), (seconds, nanoseconds));
        }
    }

    #[test]
    fn moments_that_cannot_be_written_are_clamped() {
        assert_eq!(Timestamp::from_unix(i64::MAX, 0).0, Moment::MAX);
        assert_eq!(Timestamp::from_unix(i64::MIN, 7).to_string(), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn the_last_hours_that_can_be_written_are_taken_as_the_last_moment_and_what_is_no_time_is_not() {
        let read = |text: &str| serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).ok();
        for last in ["9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "9999-12-30T22:00:01.5z"] {
            assert_eq!(read(last), Some(Timestamp(Moment::MAX)), "{last}");
        }
        for none in
            ["2026-11-20Z", "2026-11-20T12:00:00", "9999-12-32T00:00:00Z", "10000-01-01T00:00:00Z", "Z"]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back_is_the_identity(seconds in any::<i64>(), nanoseconds in 0u32..1_000_000_000) {
            let moment = Timestamp::from_unix(seconds, nanoseconds);
            let text = serde_json::to_string(&moment).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), moment);
        }
    }
}
