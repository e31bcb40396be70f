//! Holds whose deadline has passed.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Json, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::write_store::DueHold;
use crate::write_store::booking_body::Reader;
use crate::write_store::postgres::bookings::to_booking;
use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::column::{BodyText, from_int8, to_limit, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// Pending holds by deadline, each with its showtime's fence. The status is part of the text: as a parameter it would hide the partial
    /// index from a kept plan.
    HoldsByDeadline -> (SqlUuid, SqlUuid, Text, SmallInt, Timestamptz, BigInt, Json, BigInt):
    "SELECT b.id, b.showtime_id, b.user_id, b.status, b.expires_at, b.version, b.body, \
     (SELECT t.fence FROM showtimes t WHERE t.id = b.showtime_id) \
     FROM bookings b WHERE b.status = 0 AND b.expires_at <= " {before: PgTimestamp as Timestamptz}
    " ORDER BY b.expires_at LIMIT " {limit: i64 as BigInt} ""
}

/// As [`crate::write_store::postgres::bookings::BookingRow`], then the fence.
type DueRow = (Uuid, Uuid, String, i16, PgTimestamp, i64, BodyText, i64);

/// See [`crate::write_store::Ledger::due_holds`].
pub(super) struct DueHolds {
    pub(super) before: Timestamp,
    pub(super) limit: usize,
}

impl Call for DueHolds {
    type Answer = Vec<DueHold>;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        let rows: Vec<DueRow> = HoldsByDeadline { before: to_timestamptz(self.before), limit: to_limit(self.limit) }
            .load(connection)
            .await?;
        let mut reader = Reader::default();
        let hold = |(id, showtime, user, status, expires, version, body, fence): DueRow| {
            let booking = to_booking((id, showtime, user, status, expires, version, body), &mut reader)?;
            Ok(DueHold { booking, fence: from_int8(fence)? })
        };
        rows.into_iter().map(hold).collect()
    }
}
