//! The outbox: one row for each commit that the broker has not confirmed.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{EventRun, RecordedEvent, ShowtimeId, Timestamp};
use crate::write_store::sqlite::columns::{count, hex_id, json, number, showtime_id};
use crate::write_store::sqlite::failure::{corrupt, failed_to};
use crate::write_store::sqlite::journal::recorded;
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{CommitError, OutboxEntry, StoreError};

statement!(
    InsertRow -> () = "
        INSERT INTO outbox (showtime_id, first_sequence, last_sequence, traceparent) VALUES (?, ?, ?, ?)"
);

statement!(
    /// One row for each journal row of each outbox row: one, or for outbox rows of earlier versions one for each event. CROSS JOIN
    /// keeps the order: the few rows first, then their journal rows.
    UnconfirmedRows -> (BigInt, Binary, Nullable<Text>, BigInt, BigInt, BigInt, BigInt, Text) = "
        SELECT o.position, o.showtime_id, o.traceparent, j.first_sequence, j.recorded_at, j.follows, j.stamp, j.events
        FROM (
            SELECT * FROM outbox WHERE showtime_id NOT IN (SELECT unhex(value) FROM json_each(?))
            ORDER BY position LIMIT ?
        ) AS o
        CROSS JOIN journal AS j
            ON j.showtime_id = o.showtime_id AND j.last_sequence BETWEEN o.first_sequence AND o.last_sequence
        ORDER BY o.position, j.last_sequence"
);

type UnconfirmedRow = (i64, Vec<u8>, Option<String>, i64, i64, i64, i64, String);

statement!(DeleteRows -> () = "DELETE FROM outbox WHERE position IN (SELECT value FROM json_each(?))");

statement!(Depth -> BigInt = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)");

/// Appends a row for the events from `first` to `last`.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    (first, last): (u64, u64),
    traceparent: Option<&str>,
) -> Result<(), CommitError> {
    let binds = [Bind::Blob(id.0.as_bytes()), number(first), number(last), Bind::OptionalText(traceparent)];
    InsertRow.with(&binds).execute(connection).map_err(failed_to::<CommitError>("fill the outbox"))?;
    Ok(())
}

/// The first `limit` rows that are not of the showtimes in `except`, with their events.
pub(super) fn unconfirmed(
    connection: &mut SqliteConnection,
    limit: usize,
    except: &[ShowtimeId],
) -> Result<Vec<OutboxEntry>, StoreError> {
    let except = json(&except.iter().map(|id| hex_id(id.0)).collect::<Vec<_>>())?;
    let rows: Vec<UnconfirmedRow> = UnconfirmedRows
        .with(&[Bind::Text(&except), count(limit)])
        .load(connection)
        .map_err(failed_to::<StoreError>("read the outbox"))?;

    let mut entries = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while let Some((position, showtime, traceparent, first, recorded_at, follows, stamp, stored)) = rows.next() {
        let mut events: Vec<RecordedEvent> = recorded((first, recorded_at, follows, stamp, stored))?.collect();
        while let Some((.., first, recorded_at, follows, stamp, stored)) = rows.next_if(|row| row.0 == position) {
            events.extend(recorded((first, recorded_at, follows, stamp, stored))?);
        }
        let run = EventRun::new(showtime_id(&showtime)?, events)
            .ok_or_else(|| corrupt(format!("the events of outbox row {position} have a gap")))?;
        entries.push(OutboxEntry { position, run, traceparent });
    }
    Ok(entries)
}

/// Deletes exactly these rows.
pub(super) fn confirmed(connection: &mut SqliteConnection, positions: &[i64]) -> Result<(), StoreError> {
    let positions = json(positions)?;
    DeleteRows
        .with(&[Bind::Text(&positions)])
        .execute(connection)
        .map_err(failed_to::<StoreError>("empty the outbox"))?;
    Ok(())
}

/// Number of rows, counted up to `limit`.
pub(super) fn depth(connection: &mut SqliteConnection, limit: usize) -> Result<usize, StoreError> {
    let depth: i64 =
        Depth.with(&[count(limit)]).get_result(connection).map_err(failed_to::<StoreError>("count the outbox"))?;
    usize::try_from(depth).map_err(corrupt)
}

statement!(
    /// The time of the first row's first event.
    Oldest -> BigInt = "
        SELECT j.recorded_at FROM (SELECT * FROM outbox ORDER BY position LIMIT 1) AS o
        CROSS JOIN journal AS j ON j.showtime_id = o.showtime_id AND j.last_sequence >= o.first_sequence
        ORDER BY j.last_sequence LIMIT 1"
);

/// When the events of the first row were decided.
pub(super) fn oldest(connection: &mut SqliteConnection) -> Result<Option<Timestamp>, StoreError> {
    let times: Vec<i64> =
        Oldest.with(&[]).load(connection).map_err(failed_to::<StoreError>("look at the first row of the outbox"))?;
    Ok(times.first().copied().map(Timestamp::from_millis))
}
