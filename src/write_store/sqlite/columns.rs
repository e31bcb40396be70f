//! Columns: how the domain's values are written to SQLite and read back.

use serde::Serialize;
use uuid::Uuid;

use crate::domain::{BookingId, ShowtimeId};
use crate::write_store::StoreError;
use crate::write_store::sqlite::failure::corrupt;
use crate::write_store::sqlite::statement::Bind;

/// Many rows as one JSON text, for `json_each`.
pub(super) fn json(rows: &(impl Serialize + ?Sized)) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| corrupt(format!("a value has no JSON form: {error}")))
}

/// Bytes as they stand in JSON; SQL reads them with `unhex`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// A UUID as it stands in JSON.
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

/// A stored sequence, version or fence.
pub(super) fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_negative| corrupt(format!("{value} is negative")))
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
