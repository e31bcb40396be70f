//! Columns: how the domain's values are written to SQLite and read back.

use serde::Serialize;
use uuid::Uuid;

use crate::domain::{BookingId, ShowtimeId, Stamp};
use crate::write_store::StoreError;
use crate::write_store::sqlite::failure::corrupt;
use crate::write_store::sqlite::statement::Bind;

/// Many rows as one JSON text, for `json_each`.
pub(super) fn json(rows: &(impl Serialize + ?Sized)) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| corrupt(format!("a value has no JSON form: {error}")))
}

/// A UUID as it stands in JSON; SQL reads it with `unhex`.
pub(super) fn hex_id(id: Uuid) -> String {
    id.simple().to_string()
}

/// A row limit, or any other count.
pub(super) fn count(limit: usize) -> Bind<'static> {
    Bind::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// A sequence, version or fence. One too great for SQLite is none that was ever stored, and finds nothing.
pub(super) fn number(value: u64) -> Bind<'static> {
    Bind::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The sequence of the event at this position of a batch whose first event has the sequence `first`.
pub(super) fn at(first: u64, event: usize) -> u64 {
    first.saturating_add(u64::try_from(event).unwrap_or(u64::MAX))
}

/// A stored sequence, version or fence.
pub(super) fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_negative| corrupt(format!("{value} is negative")))
}

/// A stored version, or a number of seats.
pub(super) fn small(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_range| corrupt(format!("{value} is out of range")))
}

/// A stored UUID.
pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(corrupt)
}

/// A stored booking's id.
pub(super) fn booking_id(bytes: &[u8]) -> Result<BookingId, StoreError> {
    uuid(bytes).map(BookingId)
}

/// A stored showtime's id.
pub(super) fn showtime_id(bytes: &[u8]) -> Result<ShowtimeId, StoreError> {
    uuid(bytes).map(ShowtimeId)
}

/// Stored bytes of a fixed length.
pub(super) fn fixed<const LENGTH: usize>(bytes: Vec<u8>) -> Result<[u8; LENGTH], StoreError> {
    bytes.try_into().map_err(|bytes: Vec<u8>| corrupt(format!("{} bytes instead of {LENGTH}", bytes.len())))
}

/// A stored status, by its code.
pub(super) fn status<S>(code: i64, from_code: impl FnOnce(u8) -> Option<S>) -> Result<S, StoreError> {
    u8::try_from(code).ok().and_then(from_code).ok_or_else(|| corrupt(format!("there is no status {code}")))
}

/// A stamp: its bits as they are.
pub(super) fn bits(stamp: Stamp) -> Bind<'static> {
    Bind::Integer(stamp.0.cast_signed())
}

/// A stored stamp.
pub(super) fn stamp(bits: i64) -> Stamp {
    Stamp(bits.cast_unsigned())
}
