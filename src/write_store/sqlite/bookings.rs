//! Bookings and the seats they claim.

use std::collections::HashSet;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{
    Booking, BookingId, BookingStatus, PaymentReference, SeatId, SeatIndex, ShowtimeId, Timestamp, TokenHash, UserId,
};
use crate::write_store::sqlite::columns::{
    booking_id, count, fixed, hex, hex_id, json, number, showtime_id, status, unsigned,
};
use crate::write_store::sqlite::failure::{corrupt, failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, BookingChange, CommitError, DueHold, NewBooking, StoreError};

statement!(
    /// Rows: id, expected version, status, deadline, payment or null, position of the event.
    ChangeBookings -> () = "
        WITH change (id, showtime_id, expected_version, status, expires_at, payment_reference, version) AS MATERIALIZED (
            SELECT unhex(value ->> 0), ?, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ? + (value ->> 5)
            FROM json_each(?)
        )
        UPDATE bookings SET status = change.status, expires_at = change.expires_at,
            payment_reference = change.payment_reference, version = change.version
        FROM change
        WHERE bookings.id = change.id AND bookings.showtime_id = change.showtime_id
            AND bookings.version = change.expected_version"
);

statement!(
    /// Rows: seat, booking.
    ReleaseSeats -> () = "
        WITH released (showtime_id, seat, booking_id) AS MATERIALIZED (
            SELECT ?, value ->> 0, unhex(value ->> 1) FROM json_each(?)
        )
        UPDATE booking_seats SET live = 0
        FROM released
        WHERE booking_seats.live = 1 AND booking_seats.showtime_id = released.showtime_id
            AND booking_seats.seat = released.seat AND booking_seats.booking_id = released.booking_id"
);

statement!(
    /// Rows: id, user, token, status, reserved, deadline, payment or null, position of the event.
    InsertBookings -> () = "
        INSERT INTO bookings
            (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version)
        SELECT unhex(value ->> 0), ?, value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5,
            value ->> 6, ? + (value ->> 7)
        FROM json_each(?)"
);

statement!(
    /// Rows: booking, position, seat, live (1 or 0).
    InsertBookingSeats -> () = "
        INSERT INTO booking_seats (booking_id, position, showtime_id, seat, live)
        SELECT unhex(value ->> 0), value ->> 1, ?, value ->> 2, value ->> 3 FROM json_each(?)"
);

/// What [`BookingRow`] reads.
macro_rules! booking_columns {
    () => {
        "b.id, b.showtime_id, b.user_id, b.token_hash, b.status, b.reserved_at, b.expires_at, b.payment_reference,
            b.version,
            (SELECT json_group_array(s.seat ORDER BY s.position) FROM booking_seats AS s WHERE s.booking_id = b.id)"
    };
}

type BookingColumns = (Binary, Binary, Text, Binary, BigInt, BigInt, BigInt, Nullable<Text>, BigInt, Text);
type BookingRow = (Vec<u8>, Vec<u8>, String, Vec<u8>, i64, i64, i64, Option<String>, i64, String);

statement!(
    BookingsWithIds -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings AS b WHERE b.id IN (SELECT unhex(value) FROM json_each(?))")
);

statement!(
    BookingsOfShowtime -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings AS b WHERE b.showtime_id = ? ORDER BY b.id")
);

statement!(
    PendingOfShowtime -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings AS b WHERE b.showtime_id = ? AND b.status = 0")
);

statement!(
    DueHolds -> BookingColumns = concat!(
        "SELECT ", booking_columns!(), " FROM bookings AS b WHERE b.status = 0 AND b.expires_at <= ?
            ORDER BY b.expires_at, b.id LIMIT ?")
);

statement!(FenceOf -> BigInt = "SELECT fence FROM showtimes WHERE id = ?");

statement!(
    LiveClaims -> (BigInt, Binary) = "
        SELECT seat, booking_id FROM booking_seats WHERE showtime_id = ? AND live = 1 ORDER BY seat, booking_id"
);

/// Changes the batch's stored bookings; a conflict if any is not there at its expected version.
pub(super) fn change(connection: &mut SqliteConnection, batch: &Batch, first: u64) -> Result<(), CommitError> {
    if batch.booking_changes.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = batch
        .booking_changes
        .iter()
        .map(|BookingChange { booking_id, expected_version, status, expires_at, payment_reference, event }| {
            let (id, deadline) = (hex_id(booking_id.0), expires_at.as_millis());
            (id, expected_version, status.code(), deadline, payment_reference, event)
        })
        .collect();
    let (rows, showtime) = (json(&rows)?, batch.showtime_id.0);
    let binds = [Bind::Blob(showtime.as_bytes()), number(first), Bind::Text(&rows)];
    let changed =
        ChangeBookings.with(&binds).execute(connection).map_err(failed_to::<CommitError>("change the bookings"))?;
    if changed == batch.booking_changes.len() { Ok(()) } else { Err(CommitError::Conflict) }
}

/// Ends the claims that the batch releases; a conflict if any is not live.
pub(super) fn release(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), CommitError> {
    if batch.releases.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = batch.releases.iter().map(|(seat, booking)| (seat, hex_id(booking.0))).collect();
    let (rows, showtime) = (json(&rows)?, batch.showtime_id.0);
    let binds = [Bind::Blob(showtime.as_bytes()), Bind::Text(&rows)];
    let released =
        ReleaseSeats.with(&binds).execute(connection).map_err(failed_to::<CommitError>("release the seats"))?;
    if released == batch.releases.len() { Ok(()) } else { Err(CommitError::Conflict) }
}

/// Adds the batch's new bookings with their seats; a conflict if an id is taken, or a seat is claimed already.
pub(super) fn insert(connection: &mut SqliteConnection, batch: &Batch, first: u64) -> Result<(), CommitError> {
    if batch.new_bookings.is_empty() && batch.claims.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = batch
        .new_bookings
        .iter()
        .map(|NewBooking { booking, event }| {
            let Booking { id, user_id, token, status, reserved_at, expires_at, payment_reference, .. } = booking;
            let (reserved_at, expires_at) = (reserved_at.as_millis(), expires_at.as_millis());
            let (id, token) = (hex_id(id.0), hex(&token.0));
            (id, user_id, token, status.code(), reserved_at, expires_at, payment_reference, event)
        })
        .collect();
    let (rows, showtime) = (json(&rows)?, batch.showtime_id.0);
    let binds = [Bind::Blob(showtime.as_bytes()), number(first), Bind::Text(&rows)];
    InsertBookings
        .with(&binds)
        .execute(connection)
        .map_err(refused_or_failed_to("add the bookings", CommitError::Conflict))?;

    let rows = json(&booking_seats(batch)?)?;
    let binds = [Bind::Blob(showtime.as_bytes()), Bind::Text(&rows)];
    InsertBookingSeats
        .with(&binds)
        .execute(connection)
        .map_err(refused_or_failed_to("claim the seats", CommitError::Conflict))?;
    Ok(())
}

/// A row for [`InsertBookingSeats`].
type BookingSeat = (String, usize, SeatIndex, u8);

/// The seats of the new bookings, live where the batch claims them. Every claim must be one of them.
fn booking_seats(batch: &Batch) -> Result<Vec<BookingSeat>, StoreError> {
    let mut claims: HashSet<(SeatIndex, BookingId)> = batch.claims.iter().copied().collect();
    let mut rows = Vec::new();
    for NewBooking { booking, .. } in &batch.new_bookings {
        let id = hex_id(booking.id.0);
        for (position, seat) in booking.seat_ids.iter().map(|seat| seat.index()).enumerate() {
            let live = claims.remove(&(seat, booking.id));
            rows.push((id.clone(), position, seat, u8::from(live)));
        }
    }
    match claims.into_iter().next() {
        None => Ok(rows),
        Some((seat, booking)) => Err(corrupt(format!(
            "seat {seat} is claimed for booking {booking}, which is not a new booking with that seat"
        ))),
    }
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

/// The pending bookings of a showtime.
pub(super) fn pending(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Vec<Booking>, StoreError> {
    let rows = PendingOfShowtime.with(&[Bind::Blob(id.0.as_bytes())]).load(connection);
    read(rows.map_err(failed_to::<StoreError>("read the holds"))?)
}

/// Pending holds with a deadline at or before `before`, earliest first.
pub(super) fn due(
    connection: &mut SqliteConnection,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<DueHold>, StoreError> {
    let binds = [Bind::Integer(before.as_millis()), count(limit)];
    let rows = DueHolds.with(&binds).load(connection).map_err(failed_to::<StoreError>("find due holds"))?;
    let with_fence = |booking: Booking| {
        let fences: Vec<i64> = FenceOf
            .with(&[Bind::Blob(booking.showtime_id.0.as_bytes())])
            .load(connection)
            .map_err(failed_to::<StoreError>("read a fence"))?;
        let fence = fences.first().ok_or_else(|| corrupt("a hold's showtime is missing"))?;
        Ok(DueHold { fence: unsigned(*fence)?, booking })
    };
    read(rows)?.into_iter().map(with_fence).collect()
}

/// The live claims of a showtime, ascending.
pub(super) fn claims(
    connection: &mut SqliteConnection,
    id: ShowtimeId,
) -> Result<Vec<(SeatIndex, BookingId)>, StoreError> {
    let rows: Vec<(i64, Vec<u8>)> = LiveClaims
        .with(&[Bind::Blob(id.0.as_bytes())])
        .load(connection)
        .map_err(failed_to::<StoreError>("read the claims"))?;
    rows.iter()
        .map(|(seat, booking)| Ok((SeatIndex::try_from(*seat).map_err(corrupt)?, booking_id(booking)?)))
        .collect()
}

fn read(rows: Vec<BookingRow>) -> Result<Vec<Booking>, StoreError> {
    // Bookings of one showtime mostly come together: one hash for all.
    let mut prefix = None;
    rows.into_iter()
        .map(|(id, showtime, user, token, code, reserved_at, expires_at, payment, version, seats)| {
            let showtime_id = showtime_id(&showtime)?;
            let prefix = match prefix {
                Some((of, prefix)) if of == showtime_id => prefix,
                _ => prefix.insert((showtime_id, SeatId::prefix(showtime_id))).1,
            };
            let seats: Vec<SeatIndex> = serde_json::from_str(&seats).map_err(corrupt)?;
            Ok(Booking {
                id: booking_id(&id)?,
                showtime_id,
                seat_ids: seats.into_iter().map(|index| SeatId::with_prefix(prefix, index)).collect(),
                user_id: UserId::stored(user),
                token: TokenHash(fixed(token)?),
                status: status(code, BookingStatus::from_code)?,
                reserved_at: Timestamp::from_millis(reserved_at),
                expires_at: Timestamp::from_millis(expires_at),
                payment_reference: payment.map(PaymentReference::stored),
                version: unsigned(version)?,
            })
        })
        .collect()
}
