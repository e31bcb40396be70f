//! Stored bookings with their seats.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{Booking, BookingId, PaymentReference, SeatId, ShowtimeId, TokenHash, UserId};
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{from_booking_status, from_bytea, from_int8, from_seat, from_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

/// Types of a [`BookingRow`].
pub(super) type BookingColumns =
    (SqlUuid, SqlUuid, Text, Binary, SmallInt, Timestamptz, Timestamptz, Nullable<Text>, BigInt, Array<Integer>);

/// Id, showtime, user, token's hash, status, reserved at, expires at, payment, version, seats in the client's order.
pub(super) type BookingRow =
    (Uuid, Uuid, String, Vec<u8>, i16, PgTimestamp, PgTimestamp, Option<String>, i64, Vec<i32>);

statement! {
    /// Bookings by id.
    BookingsById -> BookingColumns:
    "SELECT b.id, b.showtime_id, b.user_id, b.token_hash, b.status, b.reserved_at, b.expires_at, b.payment_reference, b.version, \
     ARRAY(SELECT p.seat FROM booking_seats p WHERE p.booking_id = b.id ORDER BY p.position) \
     FROM bookings b WHERE b.id = ANY (" {ids: Vec<Uuid> as Array<SqlUuid>} ")"
}

statement! {
    /// Every booking of a showtime, ended ones too.
    AllBookings -> BookingColumns:
    "SELECT b.id, b.showtime_id, b.user_id, b.token_hash, b.status, b.reserved_at, b.expires_at, b.payment_reference, b.version, \
     ARRAY(SELECT p.seat FROM booking_seats p WHERE p.booking_id = b.id ORDER BY p.position) \
     FROM bookings b WHERE b.showtime_id = " {showtime_id: Uuid as SqlUuid} ""
}

/// Bookings by id, unknown ones left out.
pub(super) struct BookingsByIds {
    pub(super) ids: Vec<BookingId>,
    pub(super) share: Share,
}

impl Call for BookingsByIds {
    type Answer = Vec<Booking>;

    fn share(&self) -> Share {
        self.share
    }

    fn is_told(&self, bookings: &Vec<Booking>) -> bool {
        !bookings.is_empty()
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<Booking>, Failure> {
        let rows = BookingsById { ids: self.ids.iter().map(|id| id.0).collect() }.load(connection).await?;
        to_bookings(rows)
    }
}

/// The rows as the domain has them.
pub(super) fn to_bookings(rows: Vec<BookingRow>) -> Result<Vec<Booking>, Failure> {
    rows.into_iter().map(to_booking).collect()
}

/// The row as the domain has it.
pub(super) fn to_booking(row: BookingRow) -> Result<Booking, Failure> {
    let (id, showtime, user, token, status, reserved_at, expires_at, payment, version, seats) = row;
    let showtime_id = ShowtimeId(showtime);
    let prefix = SeatId::prefix(showtime_id);
    let seat_ids = seats
        .into_iter()
        .map(|seat| from_seat(seat).map(|index| SeatId::with_prefix(prefix, index)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Booking {
        id: BookingId(id),
        showtime_id,
        seat_ids,
        user_id: UserId::stored(user),
        token: TokenHash(from_bytea(&token)?),
        status: from_booking_status(status)?,
        reserved_at: from_timestamptz(reserved_at),
        expires_at: from_timestamptz(expires_at),
        payment_reference: payment.map(PaymentReference::stored),
        version: from_int8(version)?,
    })
}
