//! Time zone: the clocks at a venue, and the times that they show. The rules of all zones are part of the program.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{self, AmbiguousOffset, Offset};
use serde::{Deserialize, Serialize, Serializer};

use crate::domain::{Timestamp, TimestampError};

/// The time zone of a venue by its name in the IANA database, such as `Europe/Berlin`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZone(String);

/// A name that is no [`TimeZone`]. Reads after the name of the field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("is not the name of a time zone in the IANA database, such as Europe/Berlin")]
pub struct UnknownTimeZone;

/// A time as a client gives it: a point in time, or what the clocks at the venue show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GivenTime {
    /// With an offset from UTC.
    At(Timestamp),
    /// Without one.
    Local(DateTime),
}

/// Why a local time is no point in time. Reads after the name of the field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LocalTimeError {
    /// Nobody knows at which place.
    #[error("{local} has no offset from UTC: add one, as in {local}+01:00, or tell the timeZone of the venue")]
    NoZone {
        /// The time.
        local: DateTime,
    },
    /// The clocks are put forward over it.
    #[error(
        "{local} does not exist in {zone}, where clocks go from {before} to {after}: give it with one of these offsets"
    )]
    Skipped {
        /// The time.
        local: DateTime,
        /// The zone.
        zone: String,
        /// The offset before the change.
        before: UtcOffset,
        /// The offset after it.
        after: UtcOffset,
    },
    /// The clocks are put back over it.
    #[error("{local} exists twice in {zone}, first at {before}, then at {after}: give it with one of these offsets")]
    Repeated {
        /// The time.
        local: DateTime,
        /// The zone.
        zone: String,
        /// The offset of the first one.
        before: UtcOffset,
        /// The offset of the second one.
        after: UtcOffset,
    },
    /// In UTC it is outside the years that are taken.
    #[error("{local} is outside the years 0000 to 9999 in UTC")]
    OutOfRange {
        /// The time.
        local: DateTime,
    },
    /// A zone that is stored, and not in this program's database.
    #[error("{zone} is not in this server's IANA database: give the offset from UTC")]
    UnknownZone {
        /// The zone.
        zone: String,
    },
}

/// An offset from UTC, as RFC 3339 writes it: in whole minutes. Those of before there were zones had seconds, which are cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UtcOffset {
    minutes: i32,
}

impl TimeZone {
    /// A zone by its name. Case does not matter; it is kept as the database writes it.
    ///
    /// # Errors
    /// No zone has this name.
    pub fn parse(name: impl AsRef<str>) -> Result<Self, UnknownTimeZone> {
        let zone = tz::TimeZone::get(name.as_ref()).map_err(|_unknown| UnknownTimeZone)?;
        zone.iana_name().map(|name| Self(name.to_owned())).ok_or(UnknownTimeZone)
    }

    /// What the clocks there show at a point in time, with their offset, in RFC 3339. `None` outside the years 0000 to 9999, and for a zone
    /// that this program does not know any more.
    pub fn local(&self, time: Timestamp) -> Option<String> {
        let rules = tz::TimeZone::get(&self.0).ok()?;
        let offset = UtcOffset::of(rules.to_offset(jiff::Timestamp::from_millisecond(time.as_millis()).ok()?));
        let shown = time.as_millis() + i64::from(offset.minutes) * 60_000;
        let clock = Timestamp::from_millis(shown);
        let is_shown = clock.as_millis() == shown;
        is_shown.then(|| format!("{}{offset}", clock.to_string().trim_end_matches('Z')))
    }

    fn point(&self, local: DateTime) -> Result<Timestamp, LocalTimeError> {
        let zone = || self.0.clone();
        let rules = tz::TimeZone::get(&self.0).map_err(|_unknown| LocalTimeError::UnknownZone { zone: zone() })?;
        let offset = match rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, after } => {
                let (before, after) = (UtcOffset::of(before), UtcOffset::of(after));
                return Err(LocalTimeError::Skipped { local, zone: zone(), before, after });
            }
            AmbiguousOffset::Fold { before, after } => {
                let (before, after) = (UtcOffset::of(before), UtcOffset::of(after));
                return Err(LocalTimeError::Repeated { local, zone: zone(), before, after });
            }
        };
        let nanoseconds = offset.to_timestamp(local).ok().map(|point| point.as_nanosecond().div_euclid(1_000_000));
        let milliseconds = nanoseconds.and_then(|milliseconds| i64::try_from(milliseconds).ok());
        let point = milliseconds.filter(|point| Timestamp::from_millis(*point).as_millis() == *point);
        point.map(Timestamp::from_millis).ok_or(LocalTimeError::OutOfRange { local })
    }
}

impl GivenTime {
    /// Reads RFC 3339, with its offset or without; without it, also without seconds: `2026-12-24T20:00`.
    ///
    /// # Errors
    /// It is no date and time.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TimestampError> {
        let text = text.as_ref();
        if is_local(text) {
            text.parse().map(Self::Local).map_err(|_error| TimestampError::NotInCalendar)
        } else {
            Timestamp::parse(text).map(Self::At)
        }
    }

    /// The point in time, for a venue in this zone.
    ///
    /// # Errors
    /// A local time without a zone, or one that its zone does not have, or has twice.
    pub fn at(self, zone: Option<&TimeZone>) -> Result<Timestamp, LocalTimeError> {
        match (self, zone) {
            (Self::At(time), _) => Ok(time),
            (Self::Local(local), Some(zone)) => zone.point(local),
            (Self::Local(local), None) => Err(LocalTimeError::NoZone { local }),
        }
    }
}

/// As it was given.
impl Serialize for GivenTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(time) => time.serialize(serializer),
            Self::Local(local) => serializer.collect_str(local),
        }
    }
}

impl UtcOffset {
    fn of(offset: Offset) -> Self {
        Self { minutes: offset.seconds() / 60 }
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, minutes) = (if self.minutes < 0 { '-' } else { '+' }, self.minutes.abs());
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// `2026-12-24T20:00`, with seconds and their fraction or without. Whether the calendar has it is another question.
fn is_local(text: &str) -> bool {
    let fits = text.bytes().enumerate().all(|(place, byte)| match place {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.',
        _ => byte.is_ascii_digit(),
    });
    fits && matches!(text.len(), 16 | 19 | 21..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::parse(name).unwrap()
    }

    /// The point in time that a text names at a venue in Berlin, or what is wrong with it.
    fn berlin(text: &str) -> String {
        let given = GivenTime::parse(text).unwrap();
        given.at(Some(&zone("Europe/Berlin"))).map_or_else(|error| error.to_string(), |time| time.to_string())
    }

    #[test]
    fn a_local_time_is_read_by_the_venues_clocks() {
        assert_eq!(berlin("2026-12-24T20:00"), "2026-12-24T19:00:00Z");
        assert_eq!(berlin("2026-07-01T20:00:30"), "2026-07-01T18:00:30Z");
        assert_eq!(berlin("2026-07-01T20:00:30.1239"), "2026-07-01T18:00:30.123Z");
        assert_eq!(berlin("1969-12-31T23:59:59.9999"), "1969-12-31T22:59:59.999Z");
        // What has an offset does not ask the zone.
        assert_eq!(berlin("2026-12-24T20:00:00-05:00"), "2026-12-25T01:00:00Z");
        assert_eq!(berlin("2026-03-29T02:30:00Z"), "2026-03-29T02:30:00Z");
    }

    #[test]
    fn a_time_that_the_clocks_skip_or_show_twice_is_refused_with_both_offsets() {
        assert_eq!(
            berlin("2026-03-29T02:30"),
            "2026-03-29T02:30:00 does not exist in Europe/Berlin, where clocks go from +01:00 to +02:00: give it with one of these offsets"
        );
        assert_eq!(
            berlin("2026-10-25T02:30"),
            "2026-10-25T02:30:00 exists twice in Europe/Berlin, first at +02:00, then at +01:00: give it with one of these offsets"
        );
        // To the second: the hour that is skipped is open at its end, and so is the one that is there twice.
        assert_eq!(berlin("2026-03-29T01:59:59"), "2026-03-29T00:59:59Z");
        assert_eq!(berlin("2026-03-29T03:00"), "2026-03-29T01:00:00Z");
        assert!(berlin("2026-03-29T02:00").contains("does not exist"));
        assert_eq!(berlin("2026-10-25T01:59:59"), "2026-10-24T23:59:59Z");
        assert_eq!(berlin("2026-10-25T03:00"), "2026-10-25T02:00:00Z");
        assert!(berlin("2026-10-25T02:59:59").contains("exists twice"));
        // A day that the clocks skipped: Samoa crossed the date line.
        let apia = GivenTime::parse("2011-12-30T12:00").unwrap().at(Some(&zone("Pacific/Apia"))).unwrap_err();
        assert!(apia.to_string().contains("from -10:00 to +14:00"), "{apia}");
    }

    #[test]
    fn without_a_zone_a_local_time_is_refused() {
        let given = |text| GivenTime::parse(text).unwrap().at(None);
        assert_eq!(
            given("2026-12-24T20:00").unwrap_err().to_string(),
            "2026-12-24T20:00:00 has no offset from UTC: add one, as in 2026-12-24T20:00:00+01:00, or tell the timeZone of the venue"
        );
        assert_eq!(given("2026-12-24T20:00:00+01:00").unwrap().to_string(), "2026-12-24T19:00:00Z");
    }

    #[test]
    fn what_is_no_date_and_time_is_refused() {
        for text in [
            "",
            "2026-12-24",
            "2026-12-24T20",
            "2026-12-24T20:00:",
            "2026-12-24T20:00:00.",
            "2026-12-24 20:00",
            "2026-12-24T2000",
            "2026-02-30T20:00",
            "2026-12-24T24:00",
            "2026-12-24T20:60",
            "2026-12-24T20:00[Europe/Berlin]",
            "-002026-12-24T20:00",
            "2026-12-24T20:00é",
            "２026-12-24T20:00",
        ] {
            assert!(GivenTime::parse(text).is_err(), "{text}");
        }
        let beyond = GivenTime::parse("9999-12-31T23:59").unwrap().at(Some(&zone("America/New_York")));
        assert!(beyond.unwrap_err().to_string().contains("outside the years"));
    }

    #[test]
    fn the_venues_clocks_are_shown_with_their_offset() {
        let shown = |name: &str, time: &str| zone(name).local(Timestamp::parse(time).unwrap());
        for (name, time, local) in [
            ("Europe/Berlin", "2026-12-24T19:00:00Z", "2026-12-24T20:00:00+01:00"),
            ("Europe/Berlin", "2026-07-01T18:00:00.5Z", "2026-07-01T20:00:00.5+02:00"),
            ("Europe/London", "2026-12-24T19:00:00Z", "2026-12-24T19:00:00+00:00"),
            ("America/St_Johns", "2026-12-24T02:00:00Z", "2026-12-23T22:30:00-03:30"),
            ("Asia/Kathmandu", "2026-12-24T02:00:00Z", "2026-12-24T07:45:00+05:45"),
            ("UTC", "2026-12-24T02:00:00Z", "2026-12-24T02:00:00+00:00"),
            // Local mean time was 53 minutes and 28 seconds ahead: the point in time stays the same.
            ("Europe/Berlin", "1850-01-01T00:00:00Z", "1850-01-01T00:53:00+00:53"),
        ] {
            assert_eq!(shown(name, time).as_deref(), Some(local));
            assert_eq!(Timestamp::parse(local).unwrap(), Timestamp::parse(time).unwrap());
        }
        assert_eq!(zone("Asia/Tokyo").local(Timestamp::MAX), None);
        assert_eq!(TimeZone("Mars/Olympus".to_owned()).local(Timestamp::MIN), None);
    }

    #[test]
    fn zones_are_known_by_their_names() {
        assert_eq!(zone("europe/berlin"), zone("Europe/Berlin"));
        let long = "x".repeat(10_000);
        for name in ["", "Berlin", "CEST", "+01:00", "Europe/Berlin ", "../etc/passwd", "Europe\u{200B}/Berlin", &long]
        {
            assert_eq!(TimeZone::parse(name), Err(UnknownTimeZone), "{name}");
        }
    }
}
