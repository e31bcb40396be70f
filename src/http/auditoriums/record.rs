//! Records versions of auditoriums, and settles what has become of one before it is told.

use std::sync::Arc;
use std::time::Duration;

use crate::http::AppState;
use crate::http::problem::{Code, Problem};
use crate::write_store::{CommitError, NewAuditorium, StoreError};

/// How often an unknown outcome is asked for.
const TRIES: u32 = 20;
/// Time between two of these.
const PAUSE: Duration = Duration::from_millis(250);

/// How a version was not recorded.
pub(super) enum NotRecorded {
    /// There is such a version already, or another one before it.
    Conflict,
    /// The request's idempotency key is known.
    KnownKey,
    /// Anything else.
    Failed(Problem),
}

/// Records a version. After an unknown outcome it is recorded again: it carries its id and version, so it cannot be there twice.
pub(super) async fn record(state: &AppState, new: NewAuditorium) -> Result<(), NotRecorded> {
    let new = Arc::new(new);
    let mut is_unknown = false;
    for _try in 0..TRIES {
        let refusal = match state.auditoriums.record_auditorium(Arc::clone(&new)).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Unknown { reason }) => {
                tracing::warn!(reason, "it is not known whether an auditorium was recorded; it is recorded again");
                is_unknown = true;
                None
            }
            Err(CommitError::Store(_)) if is_unknown => None,
            Err(CommitError::Store(error)) => return Err(NotRecorded::Failed(Arc::new(error).into())),
            Err(CommitError::Conflict) => Some(NotRecorded::Conflict),
            Err(CommitError::DuplicateKey) => Some(NotRecorded::KnownKey),
            Err(error @ (CommitError::Fenced | CommitError::PaymentUsed)) => {
                Some(NotRecorded::Failed(Problem::bug(error)))
            }
        };
        match refusal {
            None => tokio::time::sleep(PAUSE).await,
            Some(refusal) if !is_unknown => return Err(refusal),
            Some(refusal) => match is_stored(state, &new).await {
                // Its own first try had been carried out after all.
                Ok(true) => return Ok(()),
                Ok(false) => return Err(refusal),
                Err(_unavailable) => tokio::time::sleep(PAUSE).await,
            },
        }
    }
    let detail = "it is not known yet whether the plan was stored; look at the auditorium's version, or repeat it with the same idempotency key";
    Err(NotRecorded::Failed(Problem::new(Code::OutcomeUnknown, detail)))
}

async fn is_stored(state: &AppState, new: &NewAuditorium) -> Result<bool, StoreError> {
    let head = &new.stored.head;
    Ok(state.auditoriums.auditorium(head.id, Some(head.version)).await?.is_some_and(|stored| stored == new.stored))
}
