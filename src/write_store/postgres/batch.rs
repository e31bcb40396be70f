//! Batches of different showtimes as one statement, which is one transaction.
//!
//! All its parts see the database as it was when it began; what they write is joined by what they return. `taken` comes first, since
//! every other part reads from it: from then on the showtimes' rows are locked. A row that another commit has changed while this one
//! waited for a lock is looked at again as it is now, and does not have the version that is expected.
//!
//! There is one way only to each row, because a plan is made once per connection, maybe while the tables are nearly empty, and must not
//! read whole showtimes when those have grown: every condition that an index can serve is a join with the arrays' rows (`OFFSET 0` keeps
//! the planner from seeing through them), the session's settings leave nested loops as the only join, and a condition that would make
//! another index look good is written so that no index serves it (`IS NOT DISTINCT FROM`).

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Json, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use rand::random;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::{Listing, SeatMap};
use crate::write_store::booking_body::body;
use crate::write_store::postgres::column::{JsonText, to_count, to_int8, to_seat, to_timestamptz};
use crate::write_store::postgres::failure::{Failure, store_error};
use crate::write_store::postgres::statement::statement;
use crate::write_store::{Batch, BookingChange, NewKey, StoreError};

statement! {
    /// The whole commit. The first paragraph of parameters has one element for each batch, ascending by showtime, so that two commits never
    /// wait for each other in a circle. In the others `batches` says, from 1, which of them an element belongs to, and `events` is a
    /// position among its batch's events: the sequence of that event becomes the version. The answer is each batch's first sequence, and
    /// then for each the stamp of the event before it.
    ///
    /// Of several refusals that apply the first is told of: fenced, known key, conflict, payment used.
    #[derive(Default)]
    CommitBatches -> Array<BigInt>:
    "/* turnstile: commit */ WITH p AS NOT MATERIALIZED (SELECT "
        {showtimes: Vec<Uuid> as Array<SqlUuid>} " AS showtimes, "
        {fences: Vec<i64> as Array<BigInt>} " AS fences, "
        {follows: Vec<Option<i64>> as Array<Nullable<BigInt>>} " AS follows, "
        {stamps: Vec<i64> as Array<BigInt>} " AS stamps, "
        {recorded_at: Vec<PgTimestamp> as Array<Timestamptz>} " AS recorded_at, "
        {event_counts: Vec<i32> as Array<Integer>} " AS event_counts, "
        {events: Vec<JsonText> as Array<Json>} " AS events, "
        {traceparents: Vec<Option<String>> as Array<Nullable<Text>>} " AS traceparents, "
        {listings: Vec<Option<JsonText>> as Array<Nullable<Json>>} " AS listings, "

        {seat_batches: Vec<i32> as Array<Integer>} " AS seat_batches, "
        {seats: Vec<i32> as Array<Integer>} " AS seats, "
        {seat_versions: Vec<i64> as Array<BigInt>} " AS seat_versions, "
        {seat_statuses: Vec<i16> as Array<SmallInt>} " AS seat_statuses, "
        {seat_bookings: Vec<Option<Uuid>> as Array<Nullable<SqlUuid>>} " AS seat_bookings, "
        {seat_events: Vec<i32> as Array<Integer>} " AS seat_events, "

        {booking_batches: Vec<i32> as Array<Integer>} " AS booking_batches, "
        {bookings: Vec<Uuid> as Array<SqlUuid>} " AS bookings, "
        {booking_versions: Vec<Option<i64>> as Array<Nullable<BigInt>>} " AS booking_versions, "
        {booking_statuses: Vec<i16> as Array<SmallInt>} " AS booking_statuses, "
        {booking_deadlines: Vec<PgTimestamp> as Array<Timestamptz>} " AS booking_deadlines, "
        {booking_users: Vec<String> as Array<Text>} " AS booking_users, "
        {booking_bodies: Vec<JsonText> as Array<Json>} " AS booking_bodies, "
        {booking_events: Vec<i32> as Array<Integer>} " AS booking_events, "

        {payments: Vec<String> as Array<Text>} " AS payments, "
        {payment_bookings: Vec<Uuid> as Array<SqlUuid>} " AS payment_bookings, "

        {key_batches: Vec<i32> as Array<Integer>} " AS key_batches, "
        {key_hashes: Vec<[u8; 32]> as Array<Binary>} " AS key_hashes, "
        {key_fingerprints: Vec<[u8; 32]> as Array<Binary>} " AS key_fingerprints, "
        {key_answers: Vec<JsonText> as Array<Jsonb>} " AS key_answers, "
        {key_nonces: Vec<[u8; 16]> as Array<Binary>} " AS key_nonces, "
        {key_recorded_at: Vec<PgTimestamp> as Array<Timestamptz>} " AS key_recorded_at, "
        {key_events: Vec<i32> as Array<Integer>} " AS key_events),

    taken AS (
        UPDATE showtimes t SET sequence = t.sequence + u.events, follows = t.stamp, stamp = u.stamp,
            fence = t.fence + CASE WHEN u.listing IS NULL THEN 0 ELSE 1 END, listing = coalesce(u.listing -> 'listing', t.listing),
            rows = coalesce((u.listing -> 'rows')::jsonb, t.rows),
            seat_count = CASE WHEN u.listing ->> 'seats' IS NULL THEN t.seat_count
                ELSE add_seats(t.id, t.seat_count, (u.listing ->> 'seats')::int4) END,
            ending = t.ending OR u.listing -> 'listing' ->> 'cancelled' IS NOT NULL
        FROM (
            SELECT u.*
            FROM p, unnest(p.showtimes, p.fences, p.follows, p.event_counts, p.stamps, p.listings)
                WITH ORDINALITY AS u (id, fence, follows, events, stamp, listing, batch)
            -- A commit for many does not wait long for one: it fails, and each is tried alone.
            WHERE (SELECT CASE WHEN cardinality(p.showtimes) > 1 THEN set_config('lock_timeout', '100ms', true) END FROM p)
                IS DISTINCT FROM ''
            OFFSET 0
        ) u
        WHERE t.id = u.id AND t.fence = u.fence
        RETURNING u.batch::int4, t.sequence - u.events + 1 AS first, t.follows, u.follows <> t.follows AS overtaken
    ),
    head AS (
        SELECT CASE WHEN count(*) = (SELECT cardinality(p.showtimes) FROM p) THEN array_agg(taken.first ORDER BY taken.batch)
            ELSE refuse_commit('TS002', 'turnstile_fenced', (
                SELECT array_agg(batch) FROM p, generate_series(1, cardinality(p.showtimes)) AS batch
            ), array_agg(taken.batch)) END AS first,
            array_agg(taken.follows ORDER BY taken.batch) AS follows,
            array_agg(taken.batch) FILTER (WHERE taken.overtaken) AS overtaken
        FROM taken
    ),

    -- Looked at before the seats: a request repeated on another node has to hear that it was answered, not that it lost a race with itself.
    known AS (
        INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
        SELECT u.key_hash, u.fingerprint, u.answer, u.nonce, u.recorded_at, head.first[u.batch] + u.event
        FROM head, p,
            unnest(p.key_batches, p.key_hashes, p.key_fingerprints, p.key_answers, p.key_nonces, p.key_recorded_at, p.key_events)
                AS u (batch, key_hash, fingerprint, answer, nonce, recorded_at, event)
        RETURNING 1
    ),

    -- A seat's row names the one live booking that has it. The version tells that nobody else has changed the seat. Whatever the version,
    -- only a free seat is taken, or one of a booking that this commit names.
    seated AS (
        UPDATE seats s SET status = u.status, version = u.becomes, booking_id = u.booking
        FROM (
            SELECT u.*, p.showtimes[u.batch] AS showtime, p.bookings, head.first[u.batch] + u.event AS becomes
            FROM head, p,
                unnest(p.seat_batches, p.seats, p.seat_versions, p.seat_statuses, p.seat_bookings, p.seat_events)
                    AS u (batch, seat, version, status, booking, event)
            OFFSET 0
        ) u
        WHERE s.showtime_id = u.showtime AND s.seat = u.seat AND s.version = u.version
            AND (s.booking_id IS NULL OR s.booking_id = ANY (u.bookings))
        RETURNING u.batch
    ),
    booked AS (
        SELECT u.*, p.showtimes[u.batch] AS showtime, head.first[u.batch] + u.event AS becomes
        FROM head, p,
            unnest(p.booking_batches, p.bookings, p.booking_versions, p.booking_statuses, p.booking_deadlines, p.booking_users,
                p.booking_bodies, p.booking_events)
                AS u (batch, id, version, status, deadline, user_id, body, event)
    ),
    changed AS (
        UPDATE bookings b SET status = u.status, expires_at = u.deadline, version = u.becomes, body = u.body
        FROM (SELECT * FROM booked WHERE version IS NOT NULL OFFSET 0) u
        WHERE b.id = u.id AND b.version = u.version AND b.showtime_id IS NOT DISTINCT FROM u.showtime
        RETURNING u.batch
    ),
    created AS (
        INSERT INTO bookings (id, showtime_id, expires_at, version, status, user_id, body)
        SELECT id, showtime, deadline, becomes, status, user_id, body FROM booked WHERE version IS NULL
    ),
    paid AS (
        INSERT INTO payments (reference, booking_id)
        SELECT u.reference, u.booking
        FROM p, unnest(p.payments, p.payment_bookings) AS u (reference, booking)
        ON CONFLICT (reference) DO NOTHING
        RETURNING 1
    ),

    written AS (
        INSERT INTO journal (showtime_id, last_sequence, first_sequence, recorded_at, follows, stamp, events)
        SELECT u.showtime, head.first[u.batch] + u.events - 1, head.first[u.batch], u.recorded_at, head.follows[u.batch], u.stamp, u.run
        FROM head, p,
            unnest(p.showtimes, p.event_counts, p.recorded_at, p.stamps, p.events)
                WITH ORDINALITY AS u (showtime, events, recorded_at, stamp, run, batch)
    ),
    sent AS (
        INSERT INTO outbox (showtime_id, first_sequence, last_sequence, traceparent)
        SELECT u.showtime, head.first[u.batch], head.first[u.batch] + u.events - 1, u.traceparent
        FROM head, p,
            unnest(p.showtimes, p.event_counts, p.traceparents) WITH ORDINALITY AS u (showtime, events, traceparent, batch)
    )

    -- The parts are carried out in this order, since it is here that they are first read from; those that nothing reads from come last.
    SELECT CASE
        WHEN (SELECT count(*) FROM known) <> cardinality(p.key_hashes)
            OR (SELECT count(*) FROM seated) <> cardinality(p.seats)
            OR (SELECT count(*) FROM changed) <> cardinality(array_remove(p.booking_versions, NULL))
            OR head.overtaken IS NOT NULL
        THEN refuse_commit('TS001', 'turnstile_conflict',
            head.overtaken || p.seat_batches || ARRAY(SELECT batch FROM booked WHERE version IS NOT NULL),
            ARRAY(SELECT batch FROM seated UNION ALL SELECT batch FROM changed))
        WHEN (SELECT count(*) FROM paid) <> cardinality(p.payments) THEN refuse_commit('TS003', 'turnstile_payment', NULL, NULL)
        ELSE head.first || head.follows END
    FROM head, p"
}

/// What a commit changes of a showtime's own row besides its counters.
#[derive(Serialize)]
struct Listed<'a> {
    listing: &'a Listing,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<&'a SeatMap>,
    /// How many seats the rows have. Those that are added are not seen by the other parts of the statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
}

impl CommitBatches {
    /// Lays the batches out; they are of different showtimes, ascending. Fails for one that breaks its own contract.
    pub(super) fn of(batches: &[&Batch]) -> Result<Self, StoreError> {
        let mut call = Self::default();
        for (number, batch) in (1..).zip(batches) {
            batch.check()?;
            call.put(number, batch).map_err(store_error)?;
        }
        // In one order for all: two commits with the same keys, or payments, must not wait for each other.
        let mut keys: Vec<(i32, &NewKey)> = (1..)
            .zip(batches)
            .flat_map(|(number, batch)| batch.idempotency.iter().map(move |key| (number, key)))
            .collect();
        keys.sort_unstable_by_key(|(_, key)| key.record.key_hash);
        for (number, key) in keys {
            call.put_key(number, key).map_err(store_error)?;
        }
        let mut payments: Vec<_> = batches.iter().flat_map(|batch| batch.payments()).collect();
        payments.sort_unstable_by_key(|(reference, _)| reference.as_str());
        for (reference, booking) in payments {
            call.payments.push(reference.as_str().to_owned());
            call.payment_bookings.push(booking.0);
        }
        Ok(call)
    }

    fn put(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        self.showtimes.push(batch.showtime_id.0);
        self.fences.push(to_int8(batch.fence)?);
        self.follows.push(batch.follows.map(|stamp| stamp.0.cast_signed()));
        self.stamps.push(random());
        self.recorded_at.push(to_timestamptz(batch.recorded_at));
        self.event_counts.push(to_count(batch.events.len())?);
        self.events.push(JsonText::of(&batch.events)?);
        self.traceparents.push(batch.traceparent.clone());
        let seats = batch.rows().map(SeatMap::seat_count);
        let listed = batch.listing.as_deref().map(|listing| Listed { listing, rows: batch.rows(), seats });
        self.listings.push(listed.map(|listed| JsonText::of(&listed)).transpose()?);
        self.put_seats(number, batch)?;
        self.put_bookings(number, batch)
    }

    fn put_seats(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        for change in &batch.seats {
            self.seat_batches.push(number);
            self.seats.push(to_seat(change.seat)?);
            self.seat_versions.push(to_int8(change.expected_version)?);
            self.seat_statuses.push(change.status.code().into());
            self.seat_bookings.push(change.booking_id.map(|id| id.0));
            self.seat_events.push(to_count(change.event)?);
        }
        Ok(())
    }

    fn put_bookings(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        for BookingChange { booking, expected_version, event } in &batch.bookings {
            self.booking_batches.push(number);
            self.bookings.push(booking.id.0);
            self.booking_versions.push(expected_version.map(to_int8).transpose()?);
            self.booking_statuses.push(booking.status.code().into());
            self.booking_deadlines.push(to_timestamptz(booking.expires_at));
            self.booking_users.push(booking.user_id.as_str().to_owned());
            self.booking_bodies.push(JsonText::written(body(booking).map_err(Failure::Corrupt)?));
            self.booking_events.push(to_count(*event)?);
        }
        Ok(())
    }

    fn put_key(&mut self, number: i32, NewKey { record, event }: &NewKey) -> Result<(), Failure> {
        self.key_batches.push(number);
        self.key_hashes.push(record.key_hash);
        self.key_fingerprints.push(record.fingerprint);
        self.key_answers.push(JsonText::of(&record.answer)?);
        self.key_nonces.push(record.nonce);
        self.key_recorded_at.push(to_timestamptz(record.recorded_at));
        self.key_events.push(to_count(*event)?);
        Ok(())
    }
}
