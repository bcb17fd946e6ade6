//! Durations and sizes as a person types and reads them: value parsers for clap, and short texts for
//! progress and summaries.
//!
//! It must not know which option or transfer a quantity belongs to.

use std::num::NonZeroU64;
use std::time::Duration;

use bytesize::{ByteSize, Unit};
use thiserror::Error;

/// The longest duration that an option takes, in a year of 365 days: adding a much longer one to the
/// clock could overflow, and no wait of ours is meant to be that long.
pub const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The slowest rate that an option takes, in bytes per second: where less moves, the other end's patience ends before
/// a connection's buffers show any progress.
pub const RATE_MIN: u64 = 16 * 1024;

/// Why a text is no duration or size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not a number with a unit of time.
    #[error("a duration is a number with a unit, such as 250ms, 30s or 5m")]
    NotADuration,
    /// Longer than [`DURATION_MAX`].
    #[error("a duration is at most 365 days")]
    DurationTooLong,
    /// Zero, where something has to last.
    #[error("this duration has to be longer than zero")]
    DurationZero,
    /// Not a number with a unit of size.
    #[error("a size is a number of bytes or a number with a unit, such as 64KiB, 10MiB or 2GB")]
    NotASize,
    /// More bytes than 64 bits count.
    #[error("a size is less than 16 EiB")]
    SizeTooLarge,
    /// Less than [`RATE_MIN`].
    #[error("a rate is at least 16KiB per second")]
    RateTooSlow,
}

/// Reads `250ms`, `30s`, `5m`, `1h 30m`; for `#[arg(value_parser = quantity::duration)]`.
pub fn duration(text: &str) -> Result<Duration, QuantityError> {
    let duration = humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::NumberOverflow => QuantityError::DurationTooLong,
        _ => QuantityError::NotADuration,
    })?;
    if duration > DURATION_MAX { Err(QuantityError::DurationTooLong) } else { Ok(duration) }
}

/// As people write it: `2 days`, `1 h 30 m`.
pub fn duration_text(duration: Duration) -> String {
    let mut text = String::new();
    for character in humantime::format_duration(duration).to_string().chars() {
        if character.is_alphabetic() && text.ends_with(|last: char| last.is_ascii_digit()) {
            text.push(' ');
        }
        text.push(character);
    }
    text
}

/// Like [`duration`], but zero is refused: for time limits, which the operating system takes as "never"
/// when they are zero.
pub fn positive_duration(text: &str) -> Result<Duration, QuantityError> {
    match duration(text)? {
        Duration::ZERO => Err(QuantityError::DurationZero),
        positive => Ok(positive),
    }
}

/// Reads `64KiB`, `10MiB`, `2GB`, `1.5GiB`, or a plain number of bytes; units in any case, `k` and `kb`
/// are thousands and `Ki` and `KiB` are 1024.
pub fn byte_count(text: &str) -> Result<u64, QuantityError> {
    let unit_start = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_start);
    let unit = match unit.trim_start() {
        "" => Unit::Byte,
        unit => unit.parse().map_err(|_| QuantityError::NotASize)?,
    };
    if number.contains('.') { fractional(text, number, unit) } else { whole(number, unit) }
}

/// Reads `10MiB` or `10MiB/s`: bytes per second.
pub fn transfer_rate(text: &str) -> Result<NonZeroU64, QuantityError> {
    let rate = byte_count(text.strip_suffix("/s").unwrap_or(text))?;
    NonZeroU64::new(rate).filter(|rate| rate.get() >= RATE_MIN).ok_or(QuantityError::RateTooSlow)
}

/// A size for people: `1.5 MiB`.
pub fn size(byte_count: u64) -> String {
    // By whole numbers: there may be one of these for each small file, and a real one takes ten times as long to print.
    let power = byte_count.checked_ilog2().unwrap_or(0) / 10;
    let Some(prefix) = power.checked_sub(1).and_then(|index| "KMGTPE".get(index as usize..=index as usize))
    else {
        return format!("{byte_count} B");
    };
    let (all, unit) = (u128::from(byte_count) * 10, 1 << (10 * power));
    let (tenths, rest) = (all / unit, all % unit);
    // A half goes to the even one.
    let tenths = tenths + u128::from(2 * rest > unit - tenths % 2);
    format!("{}.{} {prefix}iB", tenths / 10, tenths % 10)
}

/// A speed for people: `1.5 MiB/s`.
pub fn rate(bytes_per_second: u64) -> String {
    format!("{}/s", size(bytes_per_second))
}

/// The average speed, in bytes a second, of a transfer that took `elapsed`; 0 where no time has passed.
pub fn bytes_per_second(byte_count: u64, elapsed: Duration) -> u64 {
    let nanoseconds = u128::from(byte_count).saturating_mul(1_000_000_000);
    nanoseconds.checked_div(elapsed.as_nanos()).map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

/// A duration for a JSON line: seconds, to the microsecond.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

/// How long the rest of a transfer will take, for people: `9s`, `2m05s`, `1h02m`, `3d04h`, and `?` while
/// nothing moves.
pub fn time_left(byte_count: u64, bytes_per_second: u64) -> String {
    match byte_count.checked_div(bytes_per_second) {
        None => "?".to_owned(),
        Some(s @ 0..60) => format!("{s}s"),
        Some(s @ 60..3600) => format!("{}m{:02}s", s / 60, s % 60),
        Some(s @ 3600..86_400) => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        Some(s) => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

fn whole(number: &str, unit: Unit) -> Result<u64, QuantityError> {
    if number.is_empty() {
        return Err(QuantityError::NotASize);
    }
    // Only digits are left, so the one way to fail is to be too large.
    let count: u64 = number.parse().map_err(|_| QuantityError::SizeTooLarge)?;
    count.checked_mul(1u64 * unit).ok_or(QuantityError::SizeTooLarge)
}

/// bytesize silently stops at the largest number: a size past it is refused before.
fn fractional(text: &str, number: &str, unit: Unit) -> Result<u64, QuantityError> {
    let count: f64 = number.parse().map_err(|_| QuantityError::NotASize)?;
    if count * unit >= 2f64.powi(64) {
        return Err(QuantityError::SizeTooLarge);
    }
    text.parse::<ByteSize>().map(|size| size.as_u64()).map_err(|_| QuantityError::NotASize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_of_the_contract_are_read() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(positive_duration("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn a_duration_of_a_json_line_is_told_to_the_microsecond() {
        assert_eq!(seconds(Duration::from_nanos(1_234_567_891)).to_string(), "1.234568");
        assert_eq!(seconds(Duration::from_secs(3)).to_string(), "3");
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "30", "soon", "-5s", "5 parsecs"] {
            assert_eq!(duration(text), Err(QuantityError::NotADuration), "{text}");
        }
        assert_eq!(positive_duration("0s"), Err(QuantityError::DurationZero));
    }

    #[test]
    fn a_duration_may_have_its_bound_and_no_more() {
        assert_eq!(duration("365days"), Ok(DURATION_MAX));
        assert_eq!(duration("365days 1ns"), Err(QuantityError::DurationTooLong));
        assert_eq!(duration("99999999999999999999s"), Err(QuantityError::DurationTooLong));
    }

    #[test]
    fn sizes_of_the_contract_are_read() {
        assert_eq!(byte_count("64KiB"), Ok(65_536));
        assert_eq!(byte_count("10MiB"), Ok(10 << 20));
        assert_eq!(byte_count("2GB"), Ok(2_000_000_000));
        assert_eq!(byte_count("17"), Ok(17));
        assert_eq!(byte_count("1.5 kib"), Ok(1536));
        assert_eq!(byte_count("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_size_or_too_large_is_refused() {
        for text in ["", "KiB", "-1", "1e3", "1.2.3MB", "ten", "5 furlongs"] {
            assert_eq!(byte_count(text), Err(QuantityError::NotASize), "{text}");
        }
        for text in ["18446744073709551616", "16EiB", "99999999.9EB"] {
            assert_eq!(byte_count(text), Err(QuantityError::SizeTooLarge), "{text}");
        }
    }

    #[test]
    fn rates_are_read_and_those_that_end_anybodys_patience_refused() {
        assert_eq!(transfer_rate("10MiB").map(NonZeroU64::get), Ok(10 << 20));
        assert_eq!(transfer_rate("16KiB/s").map(NonZeroU64::get), Ok(RATE_MIN));
        for text in ["0", "16383", "1KiB/s"] {
            assert_eq!(transfer_rate(text), Err(QuantityError::RateTooSlow), "{text}");
        }
        assert_eq!(transfer_rate("fast"), Err(QuantityError::NotASize));
    }

    #[test]
    fn people_read_short_texts() {
        assert_eq!(size(0), "0 B");
        assert_eq!([1, 1023, 1024].map(size), ["1 B", "1023 B", "1.0 KiB"]);
        assert_eq!([1536, 4096, 1 << 20, 5 << 29].map(size), ["1.5 KiB", "4.0 KiB", "1.0 MiB", "2.5 GiB"]);
        // A half goes to the even one.
        assert_eq!(
            [1279, 1280, 1281, 1382, 1792].map(size),
            ["1.2 KiB", "1.2 KiB", "1.3 KiB", "1.3 KiB", "1.8 KiB"]
        );
        assert_eq!([(1 << 40) - 1, u64::MAX].map(size), ["1024.0 GiB", "16.0 EiB"]);
        assert_eq!(rate(bytes_per_second(10 << 20, Duration::from_secs(4))), "2.5 MiB/s");
        assert_eq!(bytes_per_second(1, Duration::ZERO), 0);
        let left = [(5, 0), (59, 1), (125, 1), (3720, 1), (273_600, 1), (0, 7)];
        assert_eq!(
            left.map(|(bytes, speed)| time_left(bytes, speed)),
            ["?", "59s", "2m05s", "1h02m", "3d04h", "0s"]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9.]{0,30} ?(.{0,3}|[kmgtpe]i?b?)") {
            let _ = (duration(&text), byte_count(&text));
        }
    }
}
