//! Time as the domain sees it: a point in UTC, in whole milliseconds, written as RFC 3339.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01T00:00:00Z. Every store keeps milliseconds without loss.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Where actors and adapters get the time from; made by the composition root, turned by hand in tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why a text is no [`Timestamp`].
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// Not a date and time with an offset.
    #[error("not a date and time with an offset, such as 2026-12-24T20:00:00+01:00")]
    NotRfc3339,
    /// Written like a date and time, such as the 30th of February.
    #[error("not a date and time of the calendar")]
    NotInCalendar,
    /// Outside the years 0000 to 9999.
    #[error("outside the years 0000 to 9999")]
    OutOfRange,
}

impl Timestamp {
    /// First representable point, 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_167_219_200_000);
    /// Last representable point, 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since the epoch, held within [`Timestamp::MIN`] and [`Timestamp::MAX`].
    pub fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Milliseconds since the epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset, and with whole minutes, too: `2026-12-24T20:00+01:00`. What is finer than a millisecond is cut off.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let text = with_seconds(text);
        let parsed = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_error| TimestampError::NotRfc3339)?;
        let milliseconds = i64::try_from(parsed.unix_timestamp_nanos().div_euclid(1_000_000))
            .map_err(|_out| TimestampError::OutOfRange)?;
        let point = Self(milliseconds);
        if point < Self::MIN || point > Self::MAX {
            return Err(TimestampError::OutOfRange);
        }
        Ok(point)
    }

    /// Time from `earlier` to here; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// `2026-12-24T20:00+01:00` with the seconds that RFC 3339 asks for; every other text as it is.
fn with_seconds(text: &str) -> Cow<'_, str> {
    match text.split_at_checked("2026-12-24T20:00".len()) {
        Some((minutes, offset)) if offset.starts_with(['Z', 'z', '+', '-']) => format!("{minutes}:00{offset}").into(),
        Some(_) | None => text.into(),
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(milliseconds))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(milliseconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).map_err(|_range| fmt::Error)?;
        f.write_str(&point.format(&Rfc3339).map_err(|_format| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_milliseconds_agree() {
        let point = Timestamp::from_millis(1_795_392_000_123);
        assert_eq!(Timestamp::parse(&point.to_string()).unwrap(), point);
        assert_eq!(Timestamp::parse("1970-01-01T01:00:00.0019+01:00").unwrap().as_millis(), 1);
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00Z");
        let whole_minutes = Timestamp::parse("2026-12-24T20:00+01:00").unwrap();
        assert_eq!(whole_minutes.to_string(), "2026-12-24T19:00:00Z");
        assert_eq!(Timestamp::parse("2026-12-24T19:00Z").unwrap(), whole_minutes);
        for wrong in ["tomorrow", "2030-01-01", "2026-12-24T20", "2026-12-24T20:00+0100", "2026-12-24T20:00", ""] {
            let error = Timestamp::parse(wrong).unwrap_err().to_string();
            assert_eq!(error, "not a date and time with an offset, such as 2026-12-24T20:00:00+01:00", "{wrong}");
        }
    }
}
