//! Settling: what is created once, by an id of its own, is tried until its outcome is known.

use std::time::Duration;

use tokio::time::Instant;

use crate::write_store::{CommitError, StoreError};

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Creates something, and tries again after an unknown outcome: it carries its id, so it cannot be there twice. `is_there` looks whether an
/// earlier try has created it.
///
/// # Errors
/// What the store refuses; [`CommitError::Unknown`] if nothing was settled within `limit`.
pub(crate) async fn settled(
    limit: Duration,
    create: impl AsyncFn() -> Result<(), CommitError>,
    is_there: impl AsyncFn() -> Result<bool, StoreError>,
) -> Result<(), CommitError> {
    let end = Instant::now() + limit;
    let mut is_unknown = false;
    loop {
        match create().await {
            Ok(()) => return Ok(()),
            Err(CommitError::Unknown { reason }) => {
                tracing::warn!(reason, "the outcome of a creation is unknown; it is tried again");
                is_unknown = true;
            }
            // Once an outcome is unknown, a certain failure of a later try settles nothing.
            Err(CommitError::Store(_)) if is_unknown => {}
            Err(error @ (CommitError::Conflict | CommitError::DuplicateKey)) if is_unknown => match is_there().await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(error),
                Err(_unavailable) => {}
            },
            Err(error) => return Err(error),
        }
        if Instant::now() >= end {
            return Err(CommitError::Unknown { reason: "it could not be looked up in time".to_owned() });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn unknown() -> Result<(), CommitError> {
        Err(CommitError::Unknown { reason: "cut".to_owned() })
    }

    fn away() -> StoreError {
        StoreError::Unavailable { reason: "away".to_owned(), source: None }
    }

    /// What becomes of a creation whose tries have these outcomes, and whose looks these.
    async fn outcome(
        tries: Vec<Result<(), CommitError>>,
        looks: Vec<Result<bool, StoreError>>,
    ) -> Result<(), CommitError> {
        let (tries, looks) = (Mutex::new(tries.into_iter()), Mutex::new(looks.into_iter()));
        let next = async || tries.lock().unwrap().next().unwrap_or_else(unknown);
        settled(Duration::from_secs(5), next, async || looks.lock().unwrap().next().unwrap()).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_outcome_is_settled_by_trying_again() {
        assert!(outcome(vec![Ok(())], vec![]).await.is_ok());
        assert!(outcome(vec![unknown(), Err(CommitError::Store(away())), Ok(())], vec![]).await.is_ok());
        // Its own first try had been carried out.
        let twice = vec![unknown(), Err(CommitError::Conflict), Err(CommitError::Conflict)];
        assert!(outcome(twice, vec![Err(away()), Ok(true)]).await.is_ok());
        let another = outcome(vec![unknown(), Err(CommitError::DuplicateKey)], vec![Ok(false)]).await;
        assert!(matches!(another, Err(CommitError::DuplicateKey)), "{another:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_refusal_stands_and_the_tries_end() {
        for refused in [CommitError::Conflict, CommitError::DuplicateKey, CommitError::Store(away())] {
            let told = refused.to_string();
            assert_eq!(outcome(vec![Err(refused)], vec![]).await.unwrap_err().to_string(), told);
        }
        let started = Instant::now();
        let never = outcome(vec![], vec![]).await;
        assert!(matches!(never, Err(CommitError::Unknown { .. })), "{never:?}");
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }
}
