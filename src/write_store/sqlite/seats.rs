//! Seats: one row each, changed only at the version that the owner expects.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::sqlite::SqliteConnection;

use crate::domain::{BookingId, SeatStatus, ShowtimeId};
use crate::write_store::sqlite::columns::{booking_id, hex_id, json, number, status, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, SeatChange, StoreError};

statement!(
    /// The seats of a new showtime: 0 up to the count.
    InsertSeats -> () = "
        WITH RECURSIVE numbers (seat) AS (SELECT 0 UNION ALL SELECT seat + 1 FROM numbers WHERE seat + 1 < ?)
        INSERT INTO seats (showtime_id, seat, status, version, booking_id) SELECT ?, seat, 0, 1, NULL FROM numbers"
);

statement!(
    /// Rows: seat, expected version, status, booking or null, position of the event.
    ///
    /// The showtime stands among the materialized rows so that SQLite has to read them first and to find each seat by its
    /// whole key. Knowing the showtime beforehand it would read all of its seats, to save the reading of a few rows.
    ChangeSeats -> () = "
        WITH change (showtime_id, seat, expected_version, status, booking_id, version) AS MATERIALIZED (
            SELECT ?, value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3), ? + (value ->> 4) FROM json_each(?)
        )
        UPDATE seats SET status = change.status, booking_id = change.booking_id, version = change.version
        FROM change
        WHERE seats.showtime_id = change.showtime_id AND seats.seat = change.seat
            AND seats.version = change.expected_version"
);

statement!(
    SeatStatuses -> (BigInt, BigInt, BigInt) = "
        SELECT seat, status, version FROM seats WHERE showtime_id = ? ORDER BY seat"
);

statement!(
    WholeSeats -> (BigInt, BigInt, BigInt, Nullable<Binary>) = "
        SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = ? ORDER BY seat"
);

/// Adds the seats of a new showtime, all free, at version 1.
pub(super) fn insert(connection: &mut SqliteConnection, id: ShowtimeId, seats: u32) -> Result<(), CommitError> {
    let binds = [Bind::Integer(i64::from(seats)), Bind::Blob(id.0.as_bytes())];
    InsertSeats
        .with(&binds)
        .execute(connection)
        .map_err(refused_or_failed_to("add the seats", CommitError::Conflict))?;
    Ok(())
}

/// Changes the batch's seats; a conflict if any is not there at its expected version.
pub(super) fn change(connection: &mut SqliteConnection, batch: &Batch, first: u64) -> Result<(), CommitError> {
    if batch.seats.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = batch
        .seats
        .iter()
        .map(|SeatChange { seat, expected_version, status, booking_id, event }| {
            (seat, expected_version, status.code(), booking_id.map(|id| hex_id(id.0)), event)
        })
        .collect();
    let (rows, id) = (json(&rows)?, batch.showtime_id.0);
    let binds = [Bind::Blob(id.as_bytes()), number(first), Bind::Text(&rows)];
    let changed = ChangeSeats.with(&binds).execute(connection).map_err(failed_to::<CommitError>("change the seats"))?;
    if changed == batch.seats.len() { Ok(()) } else { Err(CommitError::Conflict) }
}

/// Status and version of every seat, in order of index; there must be `seats` of them.
pub(super) fn statuses(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    seats: i64,
) -> Result<Vec<(SeatStatus, u64)>, StoreError> {
    let rows: Vec<(i64, i64, i64)> = SeatStatuses
        .with(&[Bind::Blob(id.0.as_bytes())])
        .load(connection)
        .map_err(failed_to::<StoreError>("read the seats"))?;
    complete(id, seats, rows.iter().map(|row| row.0))?;
    rows.into_iter().map(|(_, code, version)| Ok((status(code, SeatStatus::from_code)?, unsigned(version)?))).collect()
}

/// A seat with the booking that has it.
type WholeSeat = (SeatStatus, u64, Option<BookingId>);

/// As [`statuses`], with the booking of each seat.
pub(super) fn whole(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    seats: i64,
) -> Result<Vec<WholeSeat>, StoreError> {
    let rows: Vec<(i64, i64, i64, Option<Vec<u8>>)> = WholeSeats
        .with(&[Bind::Blob(id.0.as_bytes())])
        .load(connection)
        .map_err(failed_to::<StoreError>("read the seats"))?;
    complete(id, seats, rows.iter().map(|row| row.0))?;
    rows.into_iter()
        .map(|(_, code, version, holder)| {
            let holder = holder.map(|bytes| booking_id(&bytes)).transpose()?;
            Ok((status(code, SeatStatus::from_code)?, unsigned(version)?, holder))
        })
        .collect()
}

fn complete(id: ShowtimeId, seats: i64, stored: impl Iterator<Item = i64>) -> Result<(), StoreError> {
    if stored.eq(0..seats) { Ok(()) } else { Err(corrupt(format!("the seats of showtime {id} are not 0 to {seats}"))) }
}
