//! The journal: every event of every showtime, for good, in one row for each commit.

use diesel::RunQueryDsl;
use diesel::connection::DefaultLoadingMode;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{self, Event, RecordedEvent, ShowtimeId, Stamp, Timestamp};
use crate::write_store::sqlite::columns::{bits, count, hex_id, json, number, showtime_id, stamp, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{CommitError, Head, StoreError};

statement!(
    InsertRow -> () = "
        INSERT INTO journal (showtime_id, last_sequence, first_sequence, recorded_at, follows, stamp, events)
        VALUES (?, ?, ?, ?, ?, ?, ?)"
);

statement!(
    RowsAfter -> (BigInt, BigInt, BigInt, BigInt, Text) = "
        SELECT first_sequence, recorded_at, follows, stamp, events FROM journal WHERE showtime_id = ? AND last_sequence > ?
        ORDER BY last_sequence"
);

/// A commit, as the journal has it.
pub(super) struct Row<'a> {
    /// The first and the last.
    pub(super) sequences: (u64, u64),
    pub(super) recorded_at: Timestamp,
    /// The stamp of the event before.
    pub(super) follows: Stamp,
    /// The stamp of the last event.
    pub(super) stamp: Stamp,
    /// As a JSON array.
    pub(super) events: &'a str,
}

statement!(ChangedSince -> Binary = "SELECT DISTINCT showtime_id FROM journal WHERE recorded_at >= ? LIMIT ?");

/// Appends a row.
pub(super) fn insert(connection: &mut SqliteConnection, id: ShowtimeId, row: &Row<'_>) -> Result<(), CommitError> {
    let Row { sequences: (first, last), recorded_at, follows, stamp, events } = *row;
    let binds = [
        Bind::Blob(id.0.as_bytes()),
        number(last),
        number(first),
        Bind::Integer(recorded_at.as_millis()),
        bits(follows),
        bits(stamp),
        Bind::Text(events),
    ];
    InsertRow.with(&binds).execute(connection).map_err(failed_to::<CommitError>("record the events"))?;
    Ok(())
}

/// Up to `limit` events with a sequence above `after`, in order.
pub(super) fn page(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    after: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let binds = [Bind::Blob(id.0.as_bytes()), number(after)];
    let failed = || failed_to::<StoreError>("read the journal");
    let mut rows = RowsAfter.with(&binds).load_iter::<StoredRow, DefaultLoadingMode>(connection).map_err(failed())?;
    let mut page = Vec::new();
    // Each row is read from the file when it is asked for, so nothing past the limit is.
    while page.len() < limit
        && let Some(row) = rows.next()
    {
        page.extend(recorded(row.map_err(failed())?)?.filter(|event| event.sequence > after));
    }
    page.truncate(limit);
    Ok(page)
}

/// Up to `limit` showtimes with a commit that was decided at or after `since`.
pub(super) fn changed(
    connection: &mut SqliteConnection,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<ShowtimeId>, StoreError> {
    let rows = ChangedSince.with(&[Bind::Integer(since.as_millis()), count(limit)]).load::<Vec<u8>>(connection);
    let rows = rows.map_err(failed_to::<StoreError>("find the showtimes that have changed"))?;
    rows.iter().map(|id| showtime_id(id)).collect()
}

statement!(
    /// The commits at places that are given as an array of [showtime, sequence]: sequence asked for, last sequence, last stamp.
    CommitsAt -> (Binary, BigInt, BigInt, BigInt) = "
        SELECT j.showtime_id, p.sequence, j.last_sequence, j.stamp
        FROM (SELECT unhex(value ->> 0) AS showtime_id, value ->> 1 AS sequence FROM json_each(?)) AS p
        CROSS JOIN journal AS j
        ON j.showtime_id = p.showtime_id AND j.last_sequence = (
            SELECT min(last_sequence) FROM journal WHERE showtime_id = p.showtime_id AND last_sequence >= p.sequence
        )
        WHERE j.first_sequence <= p.sequence"
);

/// See [`crate::write_store::Journal::stamps`].
pub(super) fn stamps(connection: &mut SqliteConnection, places: &[Head]) -> Result<Vec<(Head, Stamp)>, StoreError> {
    let places = json(&places.iter().map(|(id, sequence)| (hex_id(id.0), sequence)).collect::<Vec<_>>())?;
    let rows: Vec<(Vec<u8>, i64, i64, i64)> =
        CommitsAt.with(&[Bind::Text(&places)]).load(connection).map_err(failed_to::<StoreError>("read the stamps"))?;
    let stamp_at = |(id, sequence, last, last_stamp): (Vec<u8>, i64, i64, i64)| {
        let (sequence, last) = (unsigned(sequence)?, unsigned(last)?);
        Ok(((showtime_id(&id)?, sequence), stamp(last_stamp).before(last.saturating_sub(sequence))))
    };
    rows.into_iter().map(stamp_at).collect()
}

/// First sequence, time, the stamp that it follows, its last stamp, events.
pub(super) type StoredRow = (i64, i64, i64, i64, String);

/// The events of a stored row.
pub(super) fn recorded(row: StoredRow) -> Result<impl Iterator<Item = RecordedEvent>, StoreError> {
    let (first, recorded_at, follows, last_stamp, events) = row;
    let (first, recorded_at) = (unsigned(first)?, Timestamp::from_millis(recorded_at));
    let events: Vec<Event> = serde_json::from_str(&events)
        .map_err(|error| corrupt(format!("the events from {first} on are malformed: {error}")))?;
    Ok(domain::recorded((first, recorded_at), (stamp(follows), stamp(last_stamp)), events))
}
