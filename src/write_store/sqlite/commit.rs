//! Commits: one batch, in a constant number of statements, all of it or (by its savepoint) nothing.

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::write_store::sqlite::columns::{count, number, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::sqlite::{bookings, idempotency, journal, outbox, payments, seats};
use crate::write_store::{Batch, CommitError, Committed};

statement!(
    /// Draws the sequences of a batch, unless the fence was raised.
    Advance -> BigInt = "UPDATE showtimes SET sequence = sequence + ? WHERE id = ? AND fence = ? RETURNING sequence"
);

/// Applies the batch to the open transaction.
///
/// The order tells the caller the most useful refusal: taken over before known key before conflict. A request repeated on
/// another node finds its key known and its seats taken, by itself, and has to hear of the key.
pub(super) fn commit(connection: &mut SqliteConnection, batch: &Batch) -> Result<Committed, CommitError> {
    if batch.events.is_empty() {
        return Err(corrupt("a batch has no event").into());
    }
    let first_sequence = advance(connection, batch)?;
    idempotency::record(connection, batch, first_sequence)?;
    seats::change(connection, batch, first_sequence)?;
    bookings::change(connection, batch, first_sequence)?;
    bookings::release(connection, batch)?;
    bookings::insert(connection, batch, first_sequence)?;
    payments::record(connection, batch)?;
    journal::append(connection, batch, first_sequence)?;
    outbox::append(connection, batch, first_sequence)?;
    Ok(Committed { first_sequence })
}

/// The sequence of the batch's first event. A showtime that is not there is `Fenced` too: the caller loads, and learns it.
fn advance(connection: &mut SqliteConnection, batch: &Batch) -> Result<u64, CommitError> {
    let binds = [count(batch.events.len()), Bind::Blob(batch.showtime_id.0.as_bytes()), number(batch.fence)];
    let last: Vec<i64> =
        Advance.with(&binds).load(connection).map_err(failed_to::<CommitError>("draw the sequences"))?;
    let last = unsigned(last.first().copied().ok_or(CommitError::Fenced)?)?;
    let events = u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
    Ok(last.saturating_sub(events).saturating_add(1))
}
