//! Seats: one row each, changed only at the version that the owner expects.

use std::ops::Range;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::sqlite::SqliteConnection;

use crate::domain::{BookingId, SeatStatus, ShowtimeId};
use crate::write_store::sqlite::columns::{at, booking_id, number, status, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, SeatChange, StoreError};

statement!(
    /// Seats from an index up to a count, which is above it.
    InsertSeats -> () = "
        WITH RECURSIVE numbers (seat) AS (SELECT ? UNION ALL SELECT seat + 1 FROM numbers WHERE seat + 1 < ?)
        INSERT INTO seats (showtime_id, seat, status, version, booking_id) SELECT ?, seat, 0, 1, NULL FROM numbers"
);

statement!(
    /// An owner that knows the seat's version knows its booking. Should a bug make it wrong about that, the seat is still not taken
    /// from a booking that the batch does not change. Those that it changes have been stored before, with versions of the batch.
    ChangeSeat -> () = "
        UPDATE seats SET status = ?, booking_id = ?, version = ?
        WHERE showtime_id = ? AND seat = ? AND version = ? AND (
            booking_id IS NULL
            OR EXISTS (
                SELECT 1 FROM bookings
                WHERE bookings.id = seats.booking_id AND bookings.showtime_id = seats.showtime_id AND bookings.version >= ?
            )
        )"
);

statement!(
    SeatStatuses -> (BigInt, BigInt, BigInt) = "
        SELECT seat, status, version FROM seats WHERE showtime_id = ? ORDER BY seat"
);

statement!(
    WholeSeats -> (BigInt, BigInt, BigInt, Nullable<Binary>) = "
        SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = ? ORDER BY seat"
);

/// Adds seats, all free, at version 1.
pub(super) fn insert(connection: &mut SqliteConnection, id: ShowtimeId, seats: Range<i64>) -> Result<(), CommitError> {
    if seats.is_empty() {
        return Ok(());
    }
    let binds = [Bind::Integer(seats.start), Bind::Integer(seats.end), Bind::Blob(id.0.as_bytes())];
    InsertSeats
        .with(&binds)
        .execute(connection)
        .map_err(refused_or_failed_to("add the seats", CommitError::Conflict))?;
    Ok(())
}

/// Changes the batch's seats, after its bookings; a conflict if any is not there at its expected version, or has a booking that the
/// batch does not change.
pub(super) fn change(connection: &mut SqliteConnection, batch: &Batch, first: u64) -> Result<(), CommitError> {
    let showtime = Bind::Blob(batch.showtime_id.0.as_bytes());
    for SeatChange { seat, expected_version, status, booking_id, event } in &batch.seats {
        let binds = [
            Bind::Integer(i64::from(status.code())),
            Bind::OptionalBlob(booking_id.as_ref().map(|id| &id.0.as_bytes()[..])),
            number(at(first, *event)),
            showtime,
            Bind::Integer(i64::from(*seat)),
            number(*expected_version),
            number(first),
        ];
        let changed = ChangeSeat.with(&binds).execute(connection).map_err(failed_to::<CommitError>("change a seat"))?;
        if changed != 1 {
            return Err(CommitError::Conflict);
        }
    }
    Ok(())
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
