//! Batches of different showtimes as the arrays of one call of the SQL function `commit_batches`.

use std::collections::HashSet;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use uuid::Uuid;

use crate::domain::{BookingId, SeatIndex};
use crate::write_store::postgres::column::{JsonText, to_int8, to_seat, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;
use crate::write_store::{Batch, NewBooking, NewKey};

statement! {
    /// The whole commit: one statement, so one round trip with its own BEGIN and COMMIT. Parameters as in the migration. The answer
    /// is each batch's first sequence.
    #[derive(Default)]
    CommitBatches -> Array<BigInt>:
    "SELECT commit_batches("
    {showtimes: Vec<Uuid> as Array<diesel::sql_types::Uuid>} ","
    {fences: Vec<i64> as Array<BigInt>} ","
    {recorded_at: Vec<PgTimestamp> as Array<Timestamptz>} ","
    {traceparents: Vec<Option<String>> as Array<Nullable<Text>>} ","
    {event_counts: Vec<i32> as Array<Integer>} ","
    {event_batches: Vec<i32> as Array<Integer>} ","
    {event_positions: Vec<i32> as Array<Integer>} ","
    {event_kinds: Vec<&'static str> as Array<Text>} ","
    {event_payloads: Vec<JsonText> as Array<Jsonb>} ","
    {seat_batches: Vec<i32> as Array<Integer>} ","
    {seats: Vec<i32> as Array<Integer>} ","
    {seat_versions: Vec<i64> as Array<BigInt>} ","
    {seat_statuses: Vec<i16> as Array<SmallInt>} ","
    {seat_bookings: Vec<Option<Uuid>> as Array<Nullable<diesel::sql_types::Uuid>>} ","
    {seat_events: Vec<i32> as Array<Integer>} ","
    {released_batches: Vec<i32> as Array<Integer>} ","
    {released_seats: Vec<i32> as Array<Integer>} ","
    {released_bookings: Vec<Uuid> as Array<diesel::sql_types::Uuid>} ","
    {changed_batches: Vec<i32> as Array<Integer>} ","
    {changed_ids: Vec<Uuid> as Array<diesel::sql_types::Uuid>} ","
    {changed_versions: Vec<i64> as Array<BigInt>} ","
    {changed_statuses: Vec<i16> as Array<SmallInt>} ","
    {changed_expires_at: Vec<PgTimestamp> as Array<Timestamptz>} ","
    {changed_payments: Vec<Option<String>> as Array<Nullable<Text>>} ","
    {changed_events: Vec<i32> as Array<Integer>} ","
    {new_batches: Vec<i32> as Array<Integer>} ","
    {new_ids: Vec<Uuid> as Array<diesel::sql_types::Uuid>} ","
    {new_users: Vec<String> as Array<Text>} ","
    {new_tokens: Vec<[u8; 32]> as Array<Binary>} ","
    {new_statuses: Vec<i16> as Array<SmallInt>} ","
    {new_reserved_at: Vec<PgTimestamp> as Array<Timestamptz>} ","
    {new_expires_at: Vec<PgTimestamp> as Array<Timestamptz>} ","
    {new_payments: Vec<Option<String>> as Array<Nullable<Text>>} ","
    {new_events: Vec<i32> as Array<Integer>} ","
    {place_batches: Vec<i32> as Array<Integer>} ","
    {place_bookings: Vec<Uuid> as Array<diesel::sql_types::Uuid>} ","
    {place_positions: Vec<i16> as Array<SmallInt>} ","
    {place_seats: Vec<i32> as Array<Integer>} ","
    {place_live: Vec<bool> as Array<Bool>} ","
    {key_batches: Vec<i32> as Array<Integer>} ","
    {key_hashes: Vec<[u8; 32]> as Array<Binary>} ","
    {key_fingerprints: Vec<[u8; 32]> as Array<Binary>} ","
    {key_answers: Vec<JsonText> as Array<Jsonb>} ","
    {key_nonces: Vec<[u8; 16]> as Array<Binary>} ","
    {key_recorded_at: Vec<PgTimestamp> as Array<Timestamptz>} ","
    {key_events: Vec<i32> as Array<Integer>} ")"
}

impl CommitBatches {
    /// Lays the batches out; they are of different showtimes, ascending. Fails for one that breaks its own contract.
    pub(super) fn of<'a>(batches: impl IntoIterator<Item = &'a Batch>) -> Result<Self, Failure> {
        let mut call = Self::default();
        for (number, batch) in (1..).zip(batches) {
            call.put(number, batch)?;
        }
        Ok(call)
    }

    fn put(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        if batch.events.is_empty() {
            return Err(Failure::Corrupt("a batch has no event".to_owned()));
        }
        self.showtimes.push(batch.showtime_id.0);
        self.fences.push(to_int8(batch.fence)?);
        self.recorded_at.push(to_timestamptz(batch.recorded_at));
        self.traceparents.push(batch.traceparent.clone());
        self.put_events(number, batch)?;
        self.put_seats(number, batch)?;
        self.put_releases(number, batch)?;
        self.put_booking_changes(number, batch)?;
        self.put_new_bookings(number, batch)?;
        self.put_keys(number, batch)
    }

    fn put_events(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        let mut count = 0;
        for event in &batch.events {
            self.event_batches.push(number);
            self.event_positions.push(count);
            self.event_kinds.push(event.kind().as_str());
            self.event_payloads.push(JsonText::of(event)?);
            count += 1;
        }
        self.event_counts.push(count);
        Ok(())
    }

    fn put_seats(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        for change in &batch.seats {
            self.seat_batches.push(number);
            self.seats.push(to_seat(change.seat)?);
            self.seat_versions.push(to_int8(change.expected_version)?);
            self.seat_statuses.push(change.status.code().into());
            self.seat_bookings.push(change.booking_id.map(|id| id.0));
            self.seat_events.push(event_position(batch, change.event)?);
        }
        Ok(())
    }

    fn put_releases(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        for (seat, booking) in &batch.releases {
            self.released_batches.push(number);
            self.released_seats.push(to_seat(*seat)?);
            self.released_bookings.push(booking.0);
        }
        Ok(())
    }

    fn put_booking_changes(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        for change in &batch.booking_changes {
            self.changed_batches.push(number);
            self.changed_ids.push(change.booking_id.0);
            self.changed_versions.push(to_int8(change.expected_version)?);
            self.changed_statuses.push(change.status.code().into());
            self.changed_expires_at.push(to_timestamptz(change.expires_at));
            self.changed_payments.push(change.payment_reference.as_ref().map(|payment| payment.as_str().to_owned()));
            self.changed_events.push(event_position(batch, change.event)?);
        }
        Ok(())
    }

    /// The bookings and their seats. A seat is live if the batch claims it for its booking; each claim must be of a new booking.
    fn put_new_bookings(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        let mut unmet: HashSet<&(SeatIndex, BookingId)> = batch.claims.iter().collect();
        let repeated = unmet.len() != batch.claims.len();
        for NewBooking { booking, event } in &batch.new_bookings {
            self.new_batches.push(number);
            self.new_ids.push(booking.id.0);
            self.new_users.push(booking.user_id.as_str().to_owned());
            self.new_tokens.push(booking.token.0);
            self.new_statuses.push(booking.status.code().into());
            self.new_reserved_at.push(to_timestamptz(booking.reserved_at));
            self.new_expires_at.push(to_timestamptz(booking.expires_at));
            self.new_payments.push(booking.payment_reference.as_ref().map(|payment| payment.as_str().to_owned()));
            self.new_events.push(event_position(batch, *event)?);
            for (position, seat_id) in (0_i16..).zip(&booking.seat_ids) {
                let seat = seat_id.index();
                self.place_batches.push(number);
                self.place_bookings.push(booking.id.0);
                self.place_positions.push(position);
                self.place_seats.push(to_seat(seat)?);
                self.place_live.push(unmet.remove(&(seat, booking.id)));
            }
        }
        if repeated || !unmet.is_empty() {
            return Err(Failure::Corrupt(
                "a batch claims seats twice or for bookings that it does not create".to_owned(),
            ));
        }
        Ok(())
    }

    fn put_keys(&mut self, number: i32, batch: &Batch) -> Result<(), Failure> {
        for NewKey { record, event } in &batch.idempotency {
            self.key_batches.push(number);
            self.key_hashes.push(record.key_hash);
            self.key_fingerprints.push(record.fingerprint);
            self.key_answers.push(JsonText::of(&record.answer)?);
            self.key_nonces.push(record.nonce);
            self.key_recorded_at.push(to_timestamptz(record.recorded_at));
            self.key_events.push(event_position(batch, *event)?);
        }
        Ok(())
    }
}

/// The position checked against the batch's events, so that no version can point past the journal's end.
fn event_position(batch: &Batch, position: usize) -> Result<i32, Failure> {
    i32::try_from(position)
        .ok()
        .filter(|_fits| position < batch.events.len())
        .ok_or_else(|| Failure::Corrupt(format!("a change names event {position} of {}", batch.events.len())))
}
