//! One showtime's whole write model in one snapshot, for `turnstile check`.

use diesel::sql_types::{Array, BigInt, Integer, Json, Jsonb, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{BookingId, ShowtimeId};
use crate::write_store::Audit;
use crate::write_store::postgres::bookings::{AllBookings, to_bookings};
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{BodyText, from_int8, from_seat_status};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::load::{check_seats, to_listing, to_seat_map};
use crate::write_store::postgres::statement::statement;

/// Rows, listing, sequence, number of seats, the last seat's index, and each seat's status, version and booking in order of index.
type SeatsRow =
    (serde_json::Value, BodyText, i64, i32, Option<i32>, Option<Vec<i16>>, Option<Vec<i64>>, Option<Vec<Option<Uuid>>>);

statement! {
    /// A showtime with its seats as three arrays.
    AuditSeats -> (
        Jsonb, Json, BigInt, Integer, Nullable<Integer>, Nullable<Array<SmallInt>>, Nullable<Array<BigInt>>,
        Nullable<Array<Nullable<SqlUuid>>>
    ):
    "SELECT t.rows, t.listing, t.sequence, t.seat_count, s.last, s.statuses, s.versions, s.holders \
     FROM showtimes t CROSS JOIN LATERAL \
     (SELECT max(o.seat) AS last, array_agg(o.status) AS statuses, array_agg(o.version) AS versions, \
     array_agg(o.booking_id) AS holders \
     FROM (SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = t.id ORDER BY seat) o) s \
     WHERE t.id = " {id: Uuid as SqlUuid} ""
}

/// See [`crate::write_store::WriteStore::audit`].
pub(super) struct AuditShowtime(pub(super) ShowtimeId);

impl Call for AuditShowtime {
    type Answer = Option<Audit>;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Option<Audit>, Failure> {
        let id = self.0;
        connection
            .build_transaction()
            .repeatable_read()
            .read_only()
            .run(async |connection| read(connection, id).await)
            .await
    }
}

async fn read(connection: &mut AsyncPgConnection, id: ShowtimeId) -> Result<Option<Audit>, Failure> {
    let rows: Vec<SeatsRow> = AuditSeats { id: id.0 }.load(connection).await?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let (rows, listing, sequence, seat_count, last_seat, statuses, versions, holders) = row;
    let seats = statuses
        .unwrap_or_default()
        .into_iter()
        .zip(versions.unwrap_or_default())
        .zip(holders.unwrap_or_default())
        .map(|((status, version), holder)| Ok((from_seat_status(status)?, from_int8(version)?, holder.map(BookingId))))
        .collect::<Result<Vec<_>, Failure>>()?;
    check_seats(id, seat_count, last_seat, seats.len())?;
    let bookings = to_bookings(AllBookings { showtime_id: id.0 }.load(connection).await?)?;
    let (sequence, listing, seat_map) = (from_int8(sequence)?, to_listing(id, &listing)?, to_seat_map(id, rows)?);
    Ok(Some(Audit { sequence, listing, seat_map, seats, bookings }))
}
