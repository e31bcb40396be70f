//! Bookings that are to be ended.

use std::collections::HashSet;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Json, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{CancelReason, Timestamp};
use crate::write_store::DueBooking;
use crate::write_store::booking_body::Reader;
use crate::write_store::postgres::bookings::to_booking;
use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::column::{BodyText, from_int8, to_limit, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// Pending holds by deadline, then live bookings of cancelled showtimes, each with its showtime's fence. The status is part of the text:
    /// as a parameter it would hide the partial index from a kept plan.
    BookingsToEnd -> (SqlUuid, SqlUuid, Text, SmallInt, Timestamptz, BigInt, Json, BigInt, Nullable<Text>):
    "WITH p AS NOT MATERIALIZED (SELECT " {before: PgTimestamp as Timestamptz} " AS before, " {limit: i64 as BigInt} " AS count) \
     (SELECT b.id, b.showtime_id, b.user_id, b.status, b.expires_at, b.version, b.body, \
     (SELECT t.fence FROM showtimes t WHERE t.id = b.showtime_id), NULL::text \
     FROM bookings b WHERE b.status = 0 AND b.expires_at <= (SELECT before FROM p) \
     ORDER BY b.expires_at LIMIT (SELECT count FROM p)) \
     UNION ALL SELECT c.* FROM p CROSS JOIN LATERAL bookings_of_cancelled(p.count) c"
}

/// As [`crate::write_store::postgres::bookings::BookingRow`], then the fence and why the showtime was cancelled.
type DueRow = (Uuid, Uuid, String, i16, PgTimestamp, i64, BodyText, i64, Option<String>);

/// See [`crate::write_store::Ledger::due`].
pub(super) struct Due {
    pub(super) before: Timestamp,
    pub(super) limit: usize,
}

impl Call for Due {
    type Answer = Vec<DueBooking>;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        let mut rows: Vec<DueRow> =
            BookingsToEnd { before: to_timestamptz(self.before), limit: to_limit(self.limit) }.load(connection).await?;
        // A hold that is due, and whose showtime is cancelled, comes twice.
        let mut seen = HashSet::with_capacity(rows.len());
        rows.retain(|row| seen.insert(row.0));
        rows.truncate(self.limit);
        let mut reader = Reader::default();
        let booking = |(id, showtime, user, status, expires, version, body, fence, reason): DueRow| {
            let booking = to_booking((id, showtime, user, status, expires, version, body), &mut reader)?;
            Ok(DueBooking { booking, fence: from_int8(fence)?, cancelled: reason.map(CancelReason::stored) })
        };
        rows.into_iter().map(booking).collect()
    }
}
