//! Records versions of auditoriums, and settles what has become of one before it is told.

use std::sync::Arc;
use std::time::Duration;

use crate::http::AppState;
use crate::http::problem::{Code, Problem};
use crate::write_store::{CommitError, NewAuditorium, StoreError, settled};

/// Longest time to settle an unknown outcome.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// How a version was not recorded.
pub(super) enum NotRecorded {
    /// There is such a version already, or another one before it.
    Conflict,
    /// The request's idempotency key is known.
    KnownKey,
    /// Anything else.
    Failed(Problem),
}

/// Records a version.
pub(super) async fn record(state: &AppState, new: NewAuditorium) -> Result<(), NotRecorded> {
    let new = Arc::new(new);
    let create = async || state.auditoriums.record_auditorium(Arc::clone(&new)).await;
    let outcome = settled(SETTLED_WITHIN, create, async || is_stored(state, &new).await).await;
    outcome.map_err(|error| match error {
        CommitError::Conflict => NotRecorded::Conflict,
        CommitError::DuplicateKey => NotRecorded::KnownKey,
        CommitError::Store(error) => NotRecorded::Failed(Arc::new(error).into()),
        CommitError::Unknown { .. } => {
            let detail = "it is not known yet whether the plan was stored; look at the auditorium's version, or repeat it with the same idempotency key";
            NotRecorded::Failed(Problem::new(Code::OutcomeUnknown, detail))
        }
        CommitError::Fenced | CommitError::PaymentUsed => NotRecorded::Failed(Problem::bug(error)),
    })
}

async fn is_stored(state: &AppState, new: &NewAuditorium) -> Result<bool, StoreError> {
    let head = &new.stored.head;
    Ok(state.auditoriums.auditorium(head.id, Some(head.version)).await?.is_some_and(|stored| stored == new.stored))
}
