//! Stamps of the journal's events: what a view or a cache holds is compared with the journal by them.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{BookingId, ShowtimeId, Stamp};
use crate::write_store::Head;
use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::column::{from_int8, from_timestamptz, to_int8};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// The events at these places, without their payloads. A showtime's first event has no booking, and may have 200,000 rows of seats:
    /// its payload is not looked at. The subquery reaches the journal by its key, whatever the planner believes.
    EventsAt -> (SqlUuid, BigInt, Timestamptz, Text, Nullable<SqlUuid>):
    "SELECT p.showtime_id, p.sequence, e.recorded_at, e.kind, e.booking_id \
     FROM unnest(" {showtimes: Vec<Uuid> as Array<SqlUuid>} ", " {sequences: Vec<i64> as Array<BigInt>}
    ") AS p (showtime_id, sequence) CROSS JOIN LATERAL \
     (SELECT v.recorded_at, v.kind, CASE WHEN v.sequence > 1 THEN (v.payload ->> 'bookingId')::uuid END AS booking_id \
     FROM events v WHERE v.showtime_id = p.showtime_id AND v.sequence = p.sequence OFFSET 0) e"
}

/// See [`crate::write_store::WriteStore::stamps`].
pub(super) struct Stamps(pub(super) Vec<Head>);

impl Call for Stamps {
    type Answer = Vec<(Head, Stamp)>;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let events = EventsAt {
            showtimes: self.0.iter().map(|(id, _)| id.0).collect(),
            sequences: self.0.iter().map(|(_, sequence)| to_int8(*sequence)).collect::<Result<_, _>>()?,
        };
        let rows: Vec<(Uuid, i64, PgTimestamp, String, Option<Uuid>)> = events.load(connection).await?;
        rows.into_iter()
            .map(|(id, sequence, recorded_at, kind, booking)| {
                let stamp = Stamp::of(from_timestamptz(recorded_at), &kind, booking.map(BookingId));
                Ok(((ShowtimeId(id), from_int8(sequence)?), stamp))
            })
            .collect()
    }
}
