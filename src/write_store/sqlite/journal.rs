//! The journal: every event of every showtime, for good.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{BookingId, Event, RecordedEvent, ShowtimeId, Stamp, Timestamp};
use crate::write_store::sqlite::columns::{count, hex_id, json, number, showtime_id, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, Head, StoreError};

statement!(
    /// Rows: events as JSON objects, whose `type` is their kind. An array's key is the position, from 0.
    InsertEvents -> () = "
        INSERT INTO events (showtime_id, sequence, recorded_at, kind, payload)
        SELECT ?, ? + key, ?, value ->> 'type', value FROM json_each(?)"
);

statement!(
    EventsAfter -> (BigInt, BigInt, Text) = "
        SELECT sequence, recorded_at, payload FROM events WHERE showtime_id = ? AND sequence > ?
        ORDER BY sequence LIMIT ?"
);

/// Appends a batch's events from sequence `first` on.
pub(super) fn append(connection: &mut SqliteConnection, batch: &Batch, first: u64) -> Result<(), CommitError> {
    insert(connection, batch.showtime_id, (first, batch.recorded_at), &batch.events)
}

/// Appends events, the first with this sequence, all with this time.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    (first, recorded_at): (u64, Timestamp),
    events: &[Event],
) -> Result<(), CommitError> {
    let rows = json(events)?;
    let binds = [Bind::Blob(id.0.as_bytes()), number(first), Bind::Integer(recorded_at.as_millis()), Bind::Text(&rows)];
    InsertEvents.with(&binds).execute(connection).map_err(failed_to::<CommitError>("record the events"))?;
    Ok(())
}

/// Up to `limit` events with a sequence above `after`, in order.
pub(super) fn page(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    after: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let binds = [Bind::Blob(id.0.as_bytes()), number(after), count(limit)];
    let rows: Vec<(i64, i64, String)> =
        EventsAfter.with(&binds).load(connection).map_err(failed_to::<StoreError>("read the journal"))?;
    rows.into_iter().map(|(sequence, recorded_at, payload)| recorded(sequence, recorded_at, &payload)).collect()
}

statement!(
    /// The events at places that are given as an array of [showtime, sequence].
    EventsAt -> (Binary, BigInt, BigInt, Text, Nullable<Text>) = "
        SELECT e.showtime_id, e.sequence, e.recorded_at, e.kind, e.payload ->> 'bookingId'
        FROM json_each(?) p CROSS JOIN events e
        ON e.showtime_id = unhex(p.value ->> 0) AND e.sequence = p.value ->> 1"
);

type EventAt = (Vec<u8>, i64, i64, String, Option<String>);

/// See [`crate::write_store::WriteStore::stamps`].
pub(super) fn stamps(connection: &mut SqliteConnection, places: &[Head]) -> Result<Vec<(Head, Stamp)>, StoreError> {
    let places = json(&places.iter().map(|(id, sequence)| (hex_id(id.0), sequence)).collect::<Vec<_>>())?;
    let rows: Vec<EventAt> =
        EventsAt.with(&[Bind::Text(&places)]).load(connection).map_err(failed_to::<StoreError>("read the stamps"))?;
    let stamp = |(id, sequence, recorded_at, kind, booking): EventAt| {
        let booking = booking.map(|text| uuid::Uuid::parse_str(&text).map(BookingId)).transpose().map_err(corrupt)?;
        let stamp = Stamp::of(Timestamp::from_millis(recorded_at), &kind, booking);
        Ok(((showtime_id(&id)?, unsigned(sequence)?), stamp))
    };
    rows.into_iter().map(stamp).collect()
}

/// A stored event.
pub(super) fn recorded(sequence: i64, recorded_at: i64, payload: &str) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent {
        sequence: unsigned(sequence)?,
        recorded_at: Timestamp::from_millis(recorded_at),
        event: serde_json::from_str(payload)
            .map_err(|error| corrupt(format!("event {sequence} is malformed: {error}")))?,
    })
}
