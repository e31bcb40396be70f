//! Domain values as columns, and back.

use std::io::Write;

use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Json, Jsonb};

use crate::domain::{BookingStatus, Event, SeatIndex, SeatStatus, Stamp, Timestamp};
use crate::write_store::postgres::failure::Failure;

/// 2000-01-01T00:00:00Z, PostgreSQL's epoch, in milliseconds since 1970.
const EPOCH_MILLISECONDS: i64 = 946_684_800_000;
/// First byte of a binary `jsonb`: the format's version.
const JSONB_VERSION: u8 = 1;

/// A point in time as `timestamptz`. Nothing is lost: [`Timestamp`] is held within years that both know.
pub(super) fn to_timestamptz(point: Timestamp) -> PgTimestamp {
    PgTimestamp(point.as_millis().saturating_sub(EPOCH_MILLISECONDS).saturating_mul(1000))
}

/// The reverse of [`to_timestamptz`]; what is finer than a millisecond is cut off.
pub(super) fn from_timestamptz(column: PgTimestamp) -> Timestamp {
    Timestamp::from_millis(column.0.div_euclid(1000).saturating_add(EPOCH_MILLISECONDS))
}

/// A sequence, version or fence as `int8`.
pub(super) fn to_int8(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(|_range| Failure::Corrupt(format!("{number} does not fit into int8")))
}

/// The reverse of [`to_int8`].
pub(super) fn from_int8(column: i64) -> Result<u64, Failure> {
    u64::try_from(column).map_err(|_sign| Failure::Corrupt(format!("{column} is no sequence")))
}

/// A number or a position of what one batch has, as `int4`.
pub(super) fn to_count(number: usize) -> Result<i32, Failure> {
    i32::try_from(number).map_err(|_range| Failure::Corrupt(format!("{number} does not fit into int4")))
}

/// A stamp, read: its bits as they are.
pub(super) fn from_stamp(column: i64) -> Stamp {
    Stamp(column.cast_unsigned())
}

/// A seat's index as `int4`.
pub(super) fn to_seat(seat: SeatIndex) -> Result<i32, Failure> {
    i32::try_from(seat).map_err(|_range| Failure::Corrupt(format!("seat {seat} does not fit into int4")))
}

/// A version or a number of seats, read from `int4`.
pub(super) fn from_int4(column: i32) -> Result<u32, Failure> {
    u32::try_from(column).map_err(|_sign| Failure::Corrupt(format!("{column} is negative")))
}

/// A count or limit as `int8`; what does not fit is as good as unlimited.
pub(super) fn to_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// `seats.status`, read.
pub(super) fn from_seat_status(column: i16) -> Result<SeatStatus, Failure> {
    u8::try_from(column)
        .ok()
        .and_then(SeatStatus::from_code)
        .ok_or_else(|| Failure::Corrupt(format!("{column} is no status of a seat")))
}

/// `bookings.status`, read.
pub(super) fn from_booking_status(column: i16) -> Result<BookingStatus, Failure> {
    u8::try_from(column)
        .ok()
        .and_then(BookingStatus::from_code)
        .ok_or_else(|| Failure::Corrupt(format!("{column} is no status of a booking")))
}

/// Bytes of a fixed length, read.
pub(super) fn from_bytea<const LENGTH: usize>(column: &[u8]) -> Result<[u8; LENGTH], Failure> {
    <[u8; LENGTH]>::try_from(column)
        .map_err(|_length| Failure::Corrupt(format!("{} bytes are stored where {LENGTH} belong", column.len())))
}

/// JSON text on its way into a `json` or `jsonb` column: serialized once, without a tree of values in between.
#[derive(Debug)]
pub(super) struct JsonText(Vec<u8>);

impl JsonText {
    pub(super) fn of(value: &(impl serde::Serialize + ?Sized)) -> Result<Self, Failure> {
        serde_json::to_vec(value)
            .map(Self)
            .map_err(|error| Failure::Corrupt(format!("not representable as JSON: {error}")))
    }

    /// Text that is JSON already.
    pub(super) fn written(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl ToSql<Json, Pg> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

impl ToSql<Jsonb, Pg> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

/// `journal.events`, read without a tree of values in between.
#[derive(Debug, FromSqlRow)]
pub(super) struct Events(pub(super) Vec<Event>);

impl FromSql<Json, Pg> for Events {
    fn from_sql(column: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_slice(column.as_bytes())?))
    }
}

/// A `json` column as its text.
#[derive(Debug, FromSqlRow)]
pub(super) struct BodyText(pub(super) String);

impl FromSql<Json, Pg> for BodyText {
    fn from_sql(column: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(column.as_bytes())?.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_survive() {
        for milliseconds in [Timestamp::MIN.as_millis(), -1, 0, EPOCH_MILLISECONDS - 1, Timestamp::MAX.as_millis()] {
            let point = Timestamp::from_millis(milliseconds);
            assert_eq!(from_timestamptz(to_timestamptz(point)), point);
        }
        assert_eq!(to_timestamptz(Timestamp::from_millis(EPOCH_MILLISECONDS)).0, 0);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(to_int8(u64::MAX).is_err());
        assert!(from_int8(-1).is_err());
        assert!(to_seat(u32::MAX).is_err());
        assert!(from_seat_status(3).is_err());
        assert!(from_booking_status(-1).is_err());
        assert!(from_bytea::<32>(&[0; 31]).is_err());
    }
}
