//! The journal: every event of every showtime, for good.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{Event, RecordedEvent, ShowtimeId, Timestamp};
use crate::write_store::sqlite::columns::{count, json, number, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, StoreError};

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

/// A stored event.
pub(super) fn recorded(sequence: i64, recorded_at: i64, payload: &str) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent {
        sequence: unsigned(sequence)?,
        recorded_at: Timestamp::from_millis(recorded_at),
        event: serde_json::from_str(payload)
            .map_err(|error| corrupt(format!("event {sequence} is malformed: {error}")))?,
    })
}
