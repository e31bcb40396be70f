//! Commits and what their outcome is: done, refused, certainly not done, or unknown.

use std::future::Future;
use std::time::Duration;

use diesel::pg::Pg;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Array, BigInt};
use diesel_async::RunQueryDsl;

use crate::write_store::postgres::access::{Access, discard};
use crate::write_store::postgres::batch::CommitBatches;
use crate::write_store::postgres::call::Share;
use crate::write_store::postgres::column::{from_int8, from_stamp};
use crate::write_store::postgres::failure::{Failure, Meaning, store_error};
use crate::write_store::postgres::ping::is_answering;
use crate::write_store::postgres::proof::Doubt;
use crate::write_store::postgres::schedule::ScheduleShowtime;
use crate::write_store::{Batch, CommitError, Committed, NewShowtime, StoreError};

/// How a writing statement came to nothing.
pub(super) enum Trouble {
    /// The server refused it and rolled it back.
    Refused {
        /// Why.
        error: CommitError,
        /// The batches to blame, counted from 0; none if the server did not say.
        blamed: Vec<usize>,
    },
    /// Certainly not carried out, for a reason that has nothing to do with the batches: no connection, or one that takes no writes.
    NotDone(StoreError),
    /// It was never sent: a batch breaks its contract.
    Unfit(StoreError),
    /// It may have been carried out.
    Unknown(String),
}

impl Trouble {
    fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }
}

impl From<Trouble> for CommitError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused { error, .. } => error,
            Trouble::NotDone(error) | Trouble::Unfit(error) => Self::Store(error),
            Trouble::Unknown(reason) => Self::Unknown { reason },
        }
    }
}

/// Commits batches of different showtimes, ascending, in one round trip (two on a connection's first). Answers what became of each, in
/// their order.
pub(super) async fn commit(access: &Access, within: Duration, batches: &[&Batch]) -> Result<Vec<Committed>, Trouble> {
    let call = CommitBatches::of(batches).map_err(Trouble::Unfit)?;
    let stamps = call.stamps.clone();
    let too_long = async {
        tokio::time::sleep(within).await;
        format!("no answer from PostgreSQL within {} ms", within.as_millis())
    };
    let answer = write(access, too_long, call).await?;
    // Committed: an answer that makes no sense is still no refusal.
    let Some((firsts, follows)) = answer.split_at_checked(stamps.len()).filter(|(_, rest)| rest.len() == stamps.len())
    else {
        return Err(Trouble::unknown(format!("{} numbers were answered for {} batches", answer.len(), stamps.len())));
    };
    let read = |(((first, follows), stamp), batch): (((&i64, &i64), i64), &&Batch)| {
        let (follows, stamp, fence) = (from_stamp(*follows), from_stamp(stamp), batch.fence_afterwards());
        Ok(Committed { first_sequence: from_int8(*first)?, follows, stamp, fence })
    };
    let committed = firsts.iter().zip(follows).zip(stamps).zip(batches).map(read);
    committed.collect::<Result<_, Failure>>().map_err(|failure| Trouble::unknown(failure.to_string()))
}

/// Creates a showtime in one round trip (two on a connection's first).
pub(super) async fn schedule(access: &Access, new: NewShowtime) -> Result<(), CommitError> {
    record(access, move || ScheduleShowtime::of(&new).map_err(store_error)).await
}

/// Carries out a statement that records something new, in one round trip (two on a connection's first), whatever becomes of the caller.
pub(super) async fn record<S>(
    access: &Access,
    statement: impl FnOnce() -> Result<S, StoreError> + Send + 'static,
) -> Result<(), CommitError>
where
    S: Query<SqlType = Array<BigInt>> + QueryFragment<Pg> + QueryId + Send + 'static,
{
    let writer = access.clone();
    let outcome = access.runtime().spawn(async move {
        let call = statement()?;
        let _first = write(&writer, writer.hopeless(), call).await?;
        Ok(())
    });
    // A task that ended without a result may have ended between sending and hearing.
    outcome
        .await
        .unwrap_or_else(|error| Err(CommitError::Unknown { reason: format!("the commit's task ended: {error}") }))
}

/// Runs one writing statement in autocommit, until `given_up` says why its answer is not waited for. The answer is one row, a list of
/// numbers.
///
/// **Invariant:** success is only reported after `ReadyForQuery`, which the server sends after its commit is durable; the row with
/// the answer comes before that. So the whole result is awaited, never its first row alone.
async fn write<S>(access: &Access, given_up: impl Future<Output = String>, statement: S) -> Result<Vec<i64>, Trouble>
where
    S: Query<SqlType = Array<BigInt>> + QueryFragment<Pg> + QueryId + Send + 'static,
{
    access.dispel_doubt().await.map_err(Trouble::NotDone)?;
    let mut connection = access.connection(Share::Commands).await.map_err(Trouble::NotDone)?;
    let result = tokio::select! {
        biased;
        result = statement.load::<Vec<i64>>(&mut connection) => result,
        reason = given_up => {
            // Only the socket is closed. The server is not asked to stop: a commit that waits for a standby and is stopped is committed
            // without it. The session keeps the showtime's row until it has come to an end, and a load with the fence waits for that.
            discard(connection);
            access.forget_idle();
            access.proofs().suspect(Doubt::Unanswered, &reason);
            return Err(Trouble::unknown(reason));
        }
    };
    let error = match result {
        Ok(rows) => {
            access.proofs().trust();
            return only_row(rows);
        }
        Err(error) => error,
    };
    match Meaning::of(&error) {
        Meaning::Refused | Meaning::LockedOut => Err(refused(error)),
        Meaning::ReadOnly => {
            discard(connection);
            access.forget_idle();
            Err(Trouble::NotDone(store_error(Failure::Database(error))))
        }
        Meaning::Unclear if is_answering(&mut connection, access.ping_timeout()).await => {
            discard(connection);
            access.proofs().suspect(Doubt::Refused, &error.to_string());
            Err(refused(error))
        }
        Meaning::Unclear | Meaning::Disconnected => {
            discard(connection);
            access.forget_idle();
            Err(Trouble::unknown(format!("the connection was lost: {error}")))
        }
        Meaning::Bug => {
            discard(connection);
            Err(Trouble::unknown(format!("the answer could not be read: {error}")))
        }
    }
}

/// The statement has been committed: an answer that makes no sense is still no refusal.
fn only_row(rows: Vec<Vec<i64>>) -> Result<Vec<i64>, Trouble> {
    let count = rows.len();
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        _ => Err(Trouble::unknown(format!("{count} rows where one belongs"))),
    }
}

/// A refusal, and the batches that its detail lists, counted there from 1.
fn refused(error: DieselError) -> Trouble {
    let mut blamed = Vec::new();
    if let DieselError::DatabaseError(_, information) = &error
        && information.constraint_name().is_some_and(|name| name.starts_with("turnstile_"))
    {
        let numbers = information.details().unwrap_or_default().split(',');
        blamed.extend(numbers.filter_map(|number| number.parse::<usize>().ok()?.checked_sub(1)));
    }
    Trouble::Refused { error: refusal(error), blamed }
}

/// What the server's refusal means. The statement is rolled back.
fn refusal(error: DieselError) -> CommitError {
    if let DieselError::DatabaseError(kind, information) = &error {
        let constraint = information.constraint_name().unwrap_or_default();
        let broken_key = if matches!(kind, DatabaseErrorKind::UniqueViolation) { constraint } else { "" };
        match (constraint, broken_key) {
            ("turnstile_fenced", _) => return CommitError::Fenced,
            ("turnstile_payment", _) => return CommitError::PaymentUsed,
            (_, "idempotency_pkey") => return CommitError::DuplicateKey,
            ("turnstile_conflict" | "auditoriums_follows", _)
            | (_, "bookings_pkey" | "showtimes_pkey" | "auditoriums_pkey") => return CommitError::Conflict,
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
