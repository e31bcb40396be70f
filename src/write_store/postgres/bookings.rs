//! Stored bookings with their seats.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Json, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{Booking, BookingId, ShowtimeId, UserId};
use crate::write_store::booking_body::{Columns, Reader};
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{BodyText, from_booking_status, from_int8, from_timestamptz, to_limit};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

/// Types of a [`BookingRow`].
pub(super) type BookingColumns = (SqlUuid, SqlUuid, Text, SmallInt, Timestamptz, BigInt, Json);

/// Id, showtime, user, status, expires at, version, body.
pub(super) type BookingRow = (Uuid, Uuid, String, i16, PgTimestamp, i64, BodyText);

statement! {
    /// Bookings by id.
    BookingsById -> BookingColumns:
    "SELECT id, showtime_id, user_id, status, expires_at, version, body FROM bookings \
     WHERE id = ANY (" {ids: Vec<Uuid> as Array<SqlUuid>} ")"
}

statement! {
    /// Every booking of a showtime, ended ones too.
    AllBookings -> BookingColumns:
    "SELECT id, showtime_id, user_id, status, expires_at, version, body FROM bookings \
     WHERE showtime_id = " {showtime_id: Uuid as SqlUuid} ""
}

statement! {
    /// Live blocks of a showtime. The conditions are part of the text: as parameters they would hide the partial index from a kept plan.
    LiveBlocks -> BookingColumns:
    "SELECT id, showtime_id, user_id, status, expires_at, version, body FROM bookings \
     WHERE status = 0 AND user_id = '' AND showtime_id = " {showtime_id: Uuid as SqlUuid} " AND id > " {after: Uuid as SqlUuid} " \
     ORDER BY id LIMIT " {limit: i64 as BigInt} ""
}

statement! {
    /// A customer's live bookings of a showtime.
    LiveOfCustomer -> BookingColumns:
    "SELECT id, showtime_id, user_id, status, expires_at, version, body FROM bookings \
     WHERE status IN (0, 1) AND showtime_id = " {showtime_id: Uuid as SqlUuid} " AND user_id = " {user: String as Text} ""
}

/// See [`crate::write_store::Journal::live_bookings`].
pub(super) struct LiveBookings {
    pub(super) showtime_id: ShowtimeId,
    pub(super) user: UserId,
}

impl Call for LiveBookings {
    type Answer = Vec<Booking>;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<Booking>, Failure> {
        let (showtime_id, user) = (self.showtime_id.0, self.user.as_str().to_owned());
        to_bookings(LiveOfCustomer { showtime_id, user }.load(connection).await?)
    }
}

/// See [`crate::write_store::Journal::blocks`].
pub(super) struct Blocks {
    pub(super) showtime_id: ShowtimeId,
    pub(super) after: Option<BookingId>,
    pub(super) limit: usize,
}

impl Call for Blocks {
    type Answer = Vec<Booking>;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<Booking>, Failure> {
        let after = self.after.map_or_else(Uuid::nil, |id| id.0);
        let (showtime_id, limit) = (self.showtime_id.0, to_limit(self.limit));
        to_bookings(LiveBlocks { showtime_id, after, limit }.load(connection).await?)
    }
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
    let mut reader = Reader::default();
    rows.into_iter().map(|row| to_booking(row, &mut reader)).collect()
}

/// The row as the domain has it.
pub(super) fn to_booking(row: BookingRow, reader: &mut Reader) -> Result<Booking, Failure> {
    let (id, showtime_id, user_id, status, expires_at, version, BodyText(body)) = row;
    let columns = Columns {
        id,
        showtime_id,
        user_id,
        status: from_booking_status(status)?,
        expires_at: from_timestamptz(expires_at),
        version: from_int8(version)?,
        body: &body,
    };
    reader.read(columns).map_err(Failure::Corrupt)
}
