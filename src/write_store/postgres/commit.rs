//! Commits and what their outcome is: done, refused, certainly not done, or unknown.

use std::sync::Arc;
use std::time::Duration;

use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::write_store::postgres::access::{Access, discard};
use crate::write_store::postgres::batch::CommitBatch;
use crate::write_store::postgres::column::from_int8;
use crate::write_store::postgres::failure::{Failure, Meaning, store_error};
use crate::write_store::postgres::ping::is_answering;
use crate::write_store::postgres::schedule::ScheduleShowtime;
use crate::write_store::{Batch, CommitError, Committed, NewShowtime};

/// Commits a batch in one round trip (two on a connection's first).
pub(super) async fn commit(access: &Access, within: Duration, batch: Arc<Batch>) -> Result<Committed, CommitError> {
    let writer = access.clone();
    let outcome = access.runtime().spawn(async move {
        let call = CommitBatch::of(&batch).map_err(store_error)?;
        let first_sequence = write(&writer, within, call).await?;
        Ok(Committed { first_sequence })
    });
    settled(outcome.await)
}

/// Creates a showtime in one round trip (two on a connection's first).
pub(super) async fn schedule(access: &Access, within: Duration, new: NewShowtime) -> Result<(), CommitError> {
    let writer = access.clone();
    let outcome = access.runtime().spawn(async move {
        let call = ScheduleShowtime::of(&new).map_err(store_error)?;
        write(&writer, within, call).await.map(|_sequence| ())
    });
    settled(outcome.await)
}

/// A task that ended without a result may have ended between sending and hearing.
fn settled<T>(outcome: Result<Result<T, CommitError>, tokio::task::JoinError>) -> Result<T, CommitError> {
    outcome.unwrap_or_else(|error| Err(CommitError::Unknown { reason: format!("the commit's task ended: {error}") }))
}

/// Runs one writing statement in autocommit.
///
/// **Invariant:** success is only reported after `ReadyForQuery`, which the server sends after its commit is durable; the row with
/// the answer comes before that. So the whole result is awaited, never its first row alone.
async fn write<S>(access: &Access, within: Duration, statement: S) -> Result<u64, CommitError>
where
    S: Query<SqlType = BigInt> + QueryFragment<diesel::pg::Pg> + QueryId + Send + 'static,
{
    let mut connection = access.connection().await?;
    let Ok(result) = tokio::time::timeout(within, statement.load::<i64>(&mut connection)).await else {
        access.abandon(connection);
        return Err(unknown(format!("no answer from PostgreSQL within {} ms", within.as_millis())));
    };
    let error = match result {
        Ok(rows) => return only_sequence(&rows),
        Err(error) => error,
    };
    match Meaning::of(&error) {
        Meaning::Refused => Err(refusal(error)),
        Meaning::Unclear if is_answering(&mut connection, access.ping_timeout()).await => Err(refusal(error)),
        Meaning::Unclear | Meaning::Disconnected => {
            discard(connection);
            Err(unknown(format!("the connection was lost: {error}")))
        }
        Meaning::Bug => Err(unknown(format!("the answer could not be read: {error}"))),
    }
}

/// The statement has been committed: an answer that makes no sense is still no refusal.
fn only_sequence(rows: &[i64]) -> Result<u64, CommitError> {
    match rows {
        [sequence] => from_int8(*sequence).map_err(|failure| unknown(failure.to_string())),
        _ => Err(unknown(format!("{} rows where one belongs", rows.len()))),
    }
}

/// What the server's refusal means. The statement is rolled back.
fn refusal(error: DieselError) -> CommitError {
    if let DieselError::DatabaseError(kind, information) = &error {
        let constraint = information.constraint_name().unwrap_or_default();
        let broken_key = if matches!(kind, DatabaseErrorKind::UniqueViolation) { constraint } else { "" };
        match (constraint, broken_key) {
            ("turnstile_fenced", _) => return CommitError::Fenced,
            (_, "idempotency_pkey") => return CommitError::DuplicateKey,
            ("turnstile_conflict", _)
            | (_, "booking_seats_live" | "booking_seats_pkey" | "bookings_pkey" | "showtimes_pkey") => {
                return CommitError::Conflict;
            }
            _ => {}
        }
        // The driver hides 40P01. All writers lock in one order, so none is expected; from a server that speaks another
        // language it is `Unavailable`, which is true as well.
        let deadlock = information.message() == "deadlock detected";
        if deadlock || matches!(kind, DatabaseErrorKind::SerializationFailure) {
            return CommitError::Conflict;
        }
    }
    CommitError::Store(store_error(Failure::Database(error)))
}

fn unknown(reason: String) -> CommitError {
    CommitError::Unknown { reason }
}
