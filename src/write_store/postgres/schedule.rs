//! A new showtime as one statement; the server makes its seats.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Json, Jsonb, Nullable, Timestamptz, Uuid as SqlUuid};
use rand::random;
use uuid::Uuid;

use crate::write_store::NewShowtime;
use crate::write_store::postgres::column::{JsonText, to_int8, to_seat, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// All of it or nothing, in one round trip; answers the sequence 1. The key's parameters are null for a request without a key. A known
    /// key is told before a taken id: the same request repeated finds both.
    ScheduleShowtime -> Array<BigInt>:
    "WITH p AS NOT MATERIALIZED (SELECT "
        {id: Uuid as SqlUuid} " AS id, "
        {listing: JsonText as Json} " AS listing, "
        {rows: JsonText as Jsonb} " AS rows, "
        {seat_count: i32 as Integer} " AS seat_count, "
        {recorded_at: PgTimestamp as Timestamptz} " AS recorded_at, "
        {stamp: i64 as BigInt} " AS stamp, "
        {events: JsonText as Json} " AS events, "
        {key_hash: Option<[u8; 32]> as Nullable<Binary>} " AS key_hash, "
        {key_fingerprint: Option<[u8; 32]> as Nullable<Binary>} " AS fingerprint, "
        {key_answer: Option<JsonText> as Nullable<Jsonb>} " AS answer, "
        {key_nonce: Option<[u8; 16]> as Nullable<Binary>} " AS nonce, "
        {key_recorded_at: Option<PgTimestamp> as Nullable<Timestamptz>} " AS key_recorded_at, "
        {key_sequence: Option<i64> as Nullable<BigInt>} " AS key_sequence),
    known AS (
        INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
        SELECT key_hash, fingerprint, answer, nonce, key_recorded_at, key_sequence FROM p WHERE key_hash IS NOT NULL
        RETURNING 1
    ),
    scheduled AS (
        INSERT INTO showtimes (id, listing, rows, seat_count, created_at, sequence, fence, follows, stamp)
        SELECT id, listing, rows, seat_count, recorded_at, 1, 0, 0, stamp FROM p
        WHERE (SELECT count(*) FROM known) IS NOT NULL
        RETURNING id
    ),
    seated AS (
        INSERT INTO seats (showtime_id, seat, status, version)
        SELECT scheduled.id, seat, 0, 1 FROM scheduled, p, generate_series(0, p.seat_count - 1) AS seat
    ),
    written AS (
        INSERT INTO journal (showtime_id, last_sequence, first_sequence, recorded_at, follows, stamp, events)
        SELECT scheduled.id, 1, 1, recorded_at, 0, stamp, events FROM scheduled, p
    ),
    sent AS (INSERT INTO outbox (showtime_id, first_sequence, last_sequence) SELECT id, 1, 1 FROM scheduled)
    SELECT ARRAY[1::int8] FROM scheduled"
}

impl ScheduleShowtime {
    /// Lays the showtime out with its first event.
    pub(super) fn of(new: &NewShowtime) -> Result<Self, Failure> {
        let key = new.idempotency.as_ref();
        Ok(Self {
            id: new.id.0,
            listing: JsonText::of(&new.listing)?,
            rows: JsonText::of(&new.seat_map)?,
            seat_count: to_seat(new.seat_map.seat_count())?,
            recorded_at: to_timestamptz(new.recorded_at),
            stamp: random(),
            events: JsonText::of(&[new.event()])?,
            key_hash: key.map(|record| record.key_hash),
            key_fingerprint: key.map(|record| record.fingerprint),
            key_answer: key.map(|record| JsonText::of(&record.answer)).transpose()?,
            key_nonce: key.map(|record| record.nonce),
            key_recorded_at: key.map(|record| to_timestamptz(record.recorded_at)),
            key_sequence: key.map(|record| to_int8(record.sequence)).transpose()?,
        })
    }
}
