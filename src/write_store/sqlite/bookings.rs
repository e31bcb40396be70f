//! Bookings: one row each, for good.

use std::collections::HashSet;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{Booking, BookingId, BookingStatus, CancelReason, Customers, ShowtimeId, Timestamp, UserId};
use crate::write_store::booking_body::{Columns, Reader};
use crate::write_store::sqlite::columns::{at, booking_id, count, hex_id, json, number, status, unsigned, uuid};
use crate::write_store::sqlite::failure::{corrupt, failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, DueBooking, StoreError};

statement!(
    ChangeBooking -> () = "
        UPDATE bookings SET status = ?, expires_at = ?, version = ?, body = ?
        WHERE id = ? AND showtime_id = ? AND version = ?"
);

statement!(
    InsertBooking -> () = "
        INSERT INTO bookings (status, expires_at, version, body, id, showtime_id, user_id) VALUES (?, ?, ?, ?, ?, ?, ?)"
);

/// What [`BookingRow`] reads.
macro_rules! booking_columns {
    () => {
        "id, showtime_id, user_id, status, expires_at, version, body"
    };
}

type BookingColumns = (Binary, Binary, Text, BigInt, BigInt, BigInt, Text);
type BookingRow = (Vec<u8>, Vec<u8>, String, i64, i64, i64, String);

statement!(
    BookingsWithIds -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings WHERE id IN (SELECT unhex(value) FROM json_each(?))")
);

statement!(
    BookingsOfShowtime -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings WHERE showtime_id = ? ORDER BY id")
);

statement!(
    /// A pending booking has its seats, as a confirmed one has; the reserved ones lead to the pending. A block may have none.
    PendingOfShowtime -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings
            WHERE id IN (SELECT booking_id FROM seats WHERE showtime_id = ? AND status = 1
                UNION SELECT b.id FROM bookings b WHERE b.showtime_id = ? AND b.status = 0 AND b.user_id = '')")
);

statement!(
    LiveBlocks -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings
            WHERE status = 0 AND user_id = '' AND showtime_id = ? AND id > ? ORDER BY id LIMIT ?")
);

statement!(
    LiveOfShowtime -> (Binary, Text, BigInt) = "
        SELECT id, user_id, json_array_length(body, '$.seats') FROM bookings WHERE showtime_id = ? AND status IN (0, 1) AND user_id <> ''"
);

statement!(
    LiveOfCustomer -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings WHERE showtime_id = ? AND user_id = ? AND status IN (0, 1)")
);

statement!(
    DueHolds -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings WHERE status = 0 AND expires_at <= ?
            ORDER BY expires_at, id LIMIT ?")
);

statement!(
    /// Live bookings of cancelled showtimes.
    OfCancelled -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings
            WHERE showtime_id IN (SELECT id FROM showtimes WHERE ending = 1) AND status IN (0, 1) LIMIT ?")
);

statement!(AnyEnding -> BigInt = "SELECT count(*) FROM (SELECT 1 FROM showtimes WHERE ending = 1 LIMIT 1)");

statement!(
    /// Nothing is left to be ended in these showtimes.
    NoteAllEnded -> () = "
        UPDATE showtimes SET ending = 0
        WHERE ending = 1 AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.showtime_id = showtimes.id AND b.status IN (0, 1))"
);

statement!(
    FenceOf -> (BigInt, Nullable<Text>) = "SELECT fence, listing ->> 'cancelled' FROM showtimes WHERE id = ?"
);

/// Stores the batch's bookings, each with its body, as they are after it; a conflict if one is not there at its expected version, or a new one's id is
/// taken.
pub(super) fn record(
    connection: &mut SqliteConnection,
    batch: &Batch,
    bodies: &[String],
    first: u64,
) -> Result<(), CommitError> {
    let showtime = Bind::Blob(batch.showtime_id.0.as_bytes());
    for (change, body) in batch.bookings.iter().zip(bodies) {
        let Booking { id, user_id, status, expires_at, .. } = &change.booking;
        let (status, expires_at) = (Bind::Integer(i64::from(status.code())), Bind::Integer(expires_at.as_millis()));
        let (version, body, id) = (number(at(first, change.event)), Bind::Text(body), Bind::Blob(id.0.as_bytes()));
        let stored = match change.expected_version {
            Some(expected) => ChangeBooking
                .with(&[status, expires_at, version, body, id, showtime, number(expected)])
                .execute(connection)
                .map_err(failed_to::<CommitError>("change a booking"))?,
            None => InsertBooking
                .with(&[status, expires_at, version, body, id, showtime, Bind::Text(user_id.as_str())])
                .execute(connection)
                .map_err(refused_or_failed_to("add a booking", CommitError::Conflict))?,
        };
        if stored != 1 {
            return Err(CommitError::Conflict);
        }
    }
    Ok(())
}

/// The bookings with these ids.
pub(super) fn with_ids(connection: &mut SqliteConnection, ids: &[BookingId]) -> Result<Vec<Booking>, StoreError> {
    let ids = json(&ids.iter().map(|id| hex_id(id.0)).collect::<Vec<_>>())?;
    let rows = BookingsWithIds.with(&[Bind::Text(&ids)]).load(connection);
    read(rows.map_err(failed_to::<StoreError>("find bookings"))?)
}

/// Every booking of a showtime.
pub(super) fn of_showtime(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Vec<Booking>, StoreError> {
    let rows = BookingsOfShowtime.with(&[Bind::Blob(id.0.as_bytes())]).load(connection);
    read(rows.map_err(failed_to::<StoreError>("read the bookings"))?)
}

/// The customers of a showtime's live bookings.
pub(super) fn customers(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Customers, StoreError> {
    let rows: Vec<(Vec<u8>, String, i64)> = LiveOfShowtime
        .with(&[Bind::Blob(id.0.as_bytes())])
        .load(connection)
        .map_err(failed_to::<StoreError>("read the customers"))?;
    let live = |(id, user, places): (Vec<u8>, String, i64)| {
        Ok((booking_id(&id)?, UserId::stored(user), u32::try_from(places).map_err(corrupt)?))
    };
    rows.into_iter().map(live).collect()
}

/// The pending bookings of a showtime.
pub(super) fn pending(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Vec<Booking>, StoreError> {
    let showtime = Bind::Blob(id.0.as_bytes());
    let rows = PendingOfShowtime.with(&[showtime, showtime]).load(connection);
    read(rows.map_err(failed_to::<StoreError>("read the holds"))?)
}

/// A customer's live bookings of a showtime.
pub(super) fn live_of(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    user: &UserId,
) -> Result<Vec<Booking>, StoreError> {
    let rows = LiveOfCustomer.with(&[Bind::Blob(id.0.as_bytes()), Bind::Text(user.as_str())]).load(connection);
    read(rows.map_err(failed_to::<StoreError>("read a customer's bookings"))?)
}

/// Live blocks of a showtime with an id above `after`, ascending.
pub(super) fn blocks(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
    after: Option<BookingId>,
    limit: usize,
) -> Result<Vec<Booking>, StoreError> {
    // Every id is above the empty blob.
    let after = after.as_ref().map_or(&[][..], |id| id.0.as_bytes());
    let rows = LiveBlocks.with(&[Bind::Blob(id.0.as_bytes()), Bind::Blob(after), count(limit)]).load(connection);
    read(rows.map_err(failed_to::<StoreError>("read the blocks"))?)
}

/// Pending holds with a deadline at or before `before`, earliest first, then live bookings of cancelled showtimes; and whether there is a cancelled showtime
/// to look for and none of its bookings is live.
pub(super) fn due(
    connection: &mut SqliteConnection,
    before: Timestamp,
    limit: usize,
) -> Result<(Vec<DueBooking>, bool), StoreError> {
    let binds = [Bind::Integer(before.as_millis()), count(limit)];
    let mut rows: Vec<BookingRow> =
        DueHolds.with(&binds).load(connection).map_err(failed_to::<StoreError>("find due holds"))?;
    let of_cancelled = OfCancelled.with(&[count(limit)]).load(connection);
    let of_cancelled: Vec<BookingRow> =
        of_cancelled.map_err(failed_to::<StoreError>("find bookings of cancelled showtimes"))?;
    let ending: i64 =
        AnyEnding.with(&[]).get_result(connection).map_err(failed_to::<StoreError>("find cancelled showtimes"))?;
    let all_ended = of_cancelled.is_empty() && ending > 0;
    rows.extend(of_cancelled);
    // A hold that is due, and whose showtime is cancelled, comes twice.
    let mut seen = HashSet::with_capacity(rows.len());
    rows.retain(|row| seen.insert(row.0.clone()));
    rows.truncate(limit);
    let with_fence = |booking: Booking| {
        let found: Vec<(i64, Option<String>)> = FenceOf
            .with(&[Bind::Blob(booking.showtime_id.0.as_bytes())])
            .load(connection)
            .map_err(failed_to::<StoreError>("read a fence"))?;
        let (fence, reason) = found.into_iter().next().ok_or_else(|| corrupt("a booking's showtime is missing"))?;
        Ok(DueBooking { fence: unsigned(fence)?, cancelled: reason.map(CancelReason::stored), booking })
    };
    let due = read(rows)?.into_iter().map(with_fence).collect::<Result<_, StoreError>>()?;
    Ok((due, all_ended))
}

/// Notes of cancelled showtimes without live bookings that nothing is left to be ended there.
pub(super) fn note_all_ended(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let noted = NoteAllEnded.with(&[]).execute(connection);
    noted.map(|_| ()).map_err(failed_to::<StoreError>("note that a showtime's bookings have ended"))
}

fn read(rows: Vec<BookingRow>) -> Result<Vec<Booking>, StoreError> {
    let mut reader = Reader::default();
    rows.into_iter()
        .map(|(id, showtime_id, user_id, code, expires_at, version, body)| {
            let columns = Columns {
                id: uuid(&id)?,
                showtime_id: uuid(&showtime_id)?,
                user_id,
                status: status(code, BookingStatus::from_code)?,
                expires_at: Timestamp::from_millis(expires_at),
                version: unsigned(version)?,
                body: &body,
            };
            reader.read(columns).map_err(corrupt)
        })
        .collect()
}
