//! Holds whose deadline has passed.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::write_store::DueHold;
use crate::write_store::postgres::bookings::to_booking;
use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::column::{from_int8, to_limit, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

/// As [`crate::write_store::postgres::bookings::BookingRow`], then the showtime's fence.
type DueRow = (Uuid, Uuid, String, Vec<u8>, i16, PgTimestamp, PgTimestamp, Option<String>, i64, Vec<i32>, i64);

statement! {
    /// Pending holds by deadline. The status is part of the text: as a parameter it would hide the partial index from a kept plan.
    HoldsByDeadline -> (
        SqlUuid, SqlUuid, Text, Binary, SmallInt, Timestamptz, Timestamptz, Nullable<Text>, BigInt, Array<Integer>, BigInt
    ):
    "SELECT b.id, b.showtime_id, b.user_id, b.token_hash, b.status, b.reserved_at, b.expires_at, b.payment_reference, b.version, \
     ARRAY(SELECT p.seat FROM booking_seats p WHERE p.booking_id = b.id ORDER BY p.position), \
     (SELECT t.fence FROM showtimes t WHERE t.id = b.showtime_id) \
     FROM bookings b WHERE b.status = 0 AND b.expires_at <= " {before: PgTimestamp as Timestamptz}
    " ORDER BY b.expires_at LIMIT " {limit: i64 as BigInt} ""
}

/// See [`crate::write_store::WriteStore::due_holds`].
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
        let hold = |(id, showtime, user, token, status, reserved, expires, payment, version, seats, fence): DueRow| {
            let booking = to_booking((id, showtime, user, token, status, reserved, expires, payment, version, seats))?;
            Ok(DueHold { booking, fence: from_int8(fence)? })
        };
        rows.into_iter().map(hold).collect()
    }
}
