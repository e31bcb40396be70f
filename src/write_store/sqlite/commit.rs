//! Commits: one batch, all of it or (by its savepoint) nothing.

use std::sync::Arc;

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::domain::Stamp;
use crate::write_store::sqlite::columns::{bits, count, json, number, stamp, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to};
use crate::write_store::sqlite::journal::Row;
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::sqlite::{bookings, idempotency, journal, outbox, payments, seats};
use crate::write_store::{Batch, CommitError, Committed, StoreError, booking_body};

statement!(
    /// Draws the sequences of a batch, unless the fence was raised.
    Advance -> (BigInt, BigInt) = "
        UPDATE showtimes SET sequence = sequence + ?, follows = stamp, stamp = ? WHERE id = ? AND fence = ?
        RETURNING sequence, follows"
);

statement!(
    /// After [`Advance`]. Whoever else owns the showtime is to load it again. The answer is the number of seats.
    List -> BigInt = "
        UPDATE showtimes SET fence = fence + 1, listing = ?, rows = coalesce(?, rows), ending = ending OR ? WHERE id = ?
        RETURNING seat_count"
);

statement!(CountSeats -> () = "UPDATE showtimes SET seat_count = ? WHERE id = ?");

/// A batch with its texts. They are written before the batch is queued: the one thread that writes has no time for it.
pub(super) struct Prepared {
    batch: Arc<Batch>,
    /// The events as a JSON array.
    events: String,
    /// The new listing, if there is one.
    listing: Option<String>,
    /// The new rows, if there are any.
    rows: Option<String>,
    /// The body of each of the batch's bookings.
    bodies: Vec<String>,
}

impl Prepared {
    /// Refuses a batch that breaks its contract.
    pub(super) fn new(batch: Arc<Batch>) -> Result<Self, StoreError> {
        batch.check()?;
        let events = json(&batch.events)?;
        let listing = batch.listing.as_deref().map(json).transpose()?;
        let rows = batch.rows().map(json).transpose()?;
        let bodies = batch.bookings.iter().map(|change| booking_body::body(&change.booking));
        let bodies = bodies.collect::<Result<_, _>>().map_err(corrupt)?;
        Ok(Self { batch, events, listing, rows, bodies })
    }
}

/// Applies the batch to the open transaction.
///
/// The order tells the caller the most useful refusal: taken over before known key before conflict before used payment. A request
/// repeated on another node finds its key known and its seats taken, by itself, and has to hear of the key.
pub(super) fn commit(connection: &mut SqliteConnection, prepared: &Prepared) -> Result<Committed, CommitError> {
    let Prepared { batch, events, listing, rows, bodies } = prepared;
    let stamp = Stamp(rand::random());
    let (sequences, follows) = advance(connection, batch, stamp)?;
    if let Some(text) = listing {
        let is_cancelled = batch.listing.as_ref().is_some_and(|listing| listing.cancelled.is_some());
        let id = Bind::Blob(batch.showtime_id.0.as_bytes());
        let rows = Bind::OptionalText(rows.as_deref());
        let binds = [Bind::Text(text), rows, Bind::Integer(i64::from(is_cancelled)), id];
        let counts: Vec<i64> =
            List.with(&binds).load(connection).map_err(failed_to::<CommitError>("change the listing"))?;
        add_seats(connection, batch, counts.first().copied())?;
    }
    if batch.follows.is_some_and(|expected| expected != follows) {
        return Err(CommitError::Conflict);
    }
    let first_sequence = sequences.0;
    idempotency::record(connection, batch, first_sequence)?;
    bookings::record(connection, batch, bodies, first_sequence)?;
    // After the bookings: which ones the batch names is seen from their versions.
    seats::change(connection, batch, first_sequence)?;
    payments::record(connection, batch)?;
    let row = Row { sequences, recorded_at: batch.recorded_at, follows, stamp, events };
    journal::insert(connection, batch.showtime_id, &row)?;
    outbox::insert(connection, batch.showtime_id, sequences, batch.traceparent.as_deref())?;
    Ok(Committed { first_sequence, follows, stamp, fence: batch.fence_afterwards() })
}

/// A showtime that is moved to a house with more seats gets them.
fn add_seats(connection: &mut SqliteConnection, batch: &Batch, has: Option<i64>) -> Result<(), CommitError> {
    let (Some(has), Some(rows)) = (has, batch.rows()) else { return Ok(()) };
    let wants = i64::from(rows.seat_count());
    if wants <= has {
        return Ok(());
    }
    seats::insert(connection, batch.showtime_id, has..wants)?;
    let binds = [Bind::Integer(wants), Bind::Blob(batch.showtime_id.0.as_bytes())];
    CountSeats.with(&binds).execute(connection).map_err(failed_to::<CommitError>("count the seats"))?;
    Ok(())
}

/// The sequences of the batch's first and last event, and the stamp of the event before. A showtime that is not there is `Fenced`
/// too: the caller loads, and learns it.
fn advance(connection: &mut SqliteConnection, batch: &Batch, new: Stamp) -> Result<((u64, u64), Stamp), CommitError> {
    let id = batch.showtime_id.0;
    let binds = [count(batch.events.len()), bits(new), Bind::Blob(id.as_bytes()), number(batch.fence)];
    let rows: Vec<(i64, i64)> =
        Advance.with(&binds).load(connection).map_err(failed_to::<CommitError>("draw the sequences"))?;
    let (last, follows) = rows.first().copied().ok_or(CommitError::Fenced)?;
    let (last, events) = (unsigned(last)?, u64::try_from(batch.events.len()).unwrap_or(u64::MAX));
    Ok(((last.saturating_sub(events).saturating_add(1), last), stamp(follows)))
}
