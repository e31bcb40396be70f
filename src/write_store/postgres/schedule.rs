//! A new showtime as one call of the SQL function `schedule_showtime`, which makes the seats on the server.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz};
use uuid::Uuid;

use crate::domain::Event;
use crate::write_store::NewShowtime;
use crate::write_store::postgres::column::{JsonText, to_int8, to_seat, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// All of it or nothing, in one round trip. Parameters as in the migration.
    ScheduleShowtime -> Array<BigInt>:
    "SELECT schedule_showtime("
    {id: Uuid as diesel::sql_types::Uuid} ","
    {movie_title: String as Text} ","
    {start_time: PgTimestamp as Timestamptz} ","
    {rows: JsonText as Jsonb} ","
    {seat_count: i32 as Integer} ","
    {recorded_at: PgTimestamp as Timestamptz} ","
    {event_kind: &'static str as Text} ","
    {event_payload: JsonText as Jsonb} ","
    {key_hash: Option<[u8; 32]> as Nullable<Binary>} ","
    {key_fingerprint: Option<[u8; 32]> as Nullable<Binary>} ","
    {key_answer: Option<JsonText> as Nullable<Jsonb>} ","
    {key_nonce: Option<[u8; 16]> as Nullable<Binary>} ","
    {key_recorded_at: Option<PgTimestamp> as Nullable<Timestamptz>} ","
    {key_sequence: Option<i64> as Nullable<BigInt>} ")"
}

impl ScheduleShowtime {
    /// Lays the showtime out with its first event.
    pub(super) fn of(new: &NewShowtime) -> Result<Self, Failure> {
        let event = Event::ShowtimeScheduled {
            movie_title: new.movie_title.clone(),
            start_time: new.start_time,
            rows: new.seat_map.clone(),
        };
        let key = new.idempotency.as_ref();
        Ok(Self {
            id: new.id.0,
            movie_title: new.movie_title.clone(),
            start_time: to_timestamptz(new.start_time),
            rows: JsonText::of(&new.seat_map)?,
            seat_count: to_seat(new.seat_map.seat_count())?,
            recorded_at: to_timestamptz(new.recorded_at),
            event_kind: event.kind().as_str(),
            event_payload: JsonText::of(&event)?,
            key_hash: key.map(|record| record.key_hash),
            key_fingerprint: key.map(|record| record.fingerprint),
            key_answer: key.map(|record| JsonText::of(&record.answer)).transpose()?,
            key_nonce: key.map(|record| record.nonce),
            key_recorded_at: key.map(|record| to_timestamptz(record.recorded_at)),
            key_sequence: key.map(|record| to_int8(record.sequence)).transpose()?,
        })
    }
}
