//! Plan shelf: the plans of auditoriums as they were answered lately, so that many readers of a large one share its bytes.
//!
//! **Invariant:** however many ask, few plans are being read and written at a time, and what is kept has a bound in bytes.

use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::Semaphore;

use crate::domain::{AuditoriumId, Timestamp};
use crate::http::problem::{Code, Problem};

/// Bytes of plans that are kept.
const KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// Plans that are made at a time.
const MADE_AT_ONCE: usize = 2;
/// Longest wait for the turn to have one made.
const MOST_WAIT: Duration = Duration::from_secs(10);

/// A version of an auditorium in a format. The time tells it from a version of a lost history, should the write store have been restored.
pub(crate) type PlanKey = (AuditoriumId, u32, Timestamp, &'static str);

/// See the module's documentation.
pub(crate) struct PlanShelf {
    kept: Cache<PlanKey, Bytes>,
    turns: Semaphore,
}

impl PlanShelf {
    pub(crate) fn new() -> Self {
        let weigher = |_key: &PlanKey, plan: &Bytes| u32::try_from(plan.len()).unwrap_or(u32::MAX);
        Self {
            kept: Cache::builder().max_capacity(KEPT_BYTES).weigher(weigher).build(),
            turns: Semaphore::new(MADE_AT_ONCE),
        }
    }

    /// The plan from the shelf, or as it is made; `None` if there is none.
    ///
    /// # Errors
    /// It could not be made, or too many others are being made.
    pub(crate) async fn get(
        &self,
        key: PlanKey,
        make: impl AsyncFnOnce() -> Result<Option<Bytes>, Problem>,
    ) -> Result<Option<Bytes>, Problem> {
        if let Some(kept) = self.kept.get(&key) {
            return Ok(Some(kept));
        }
        let busy = || Problem::new(Code::Overloaded, "other plans of auditoriums are being read");
        let turn = tokio::time::timeout(MOST_WAIT, self.turns.acquire()).await.map_err(|_elapsed| busy())?;
        let _turn = turn.map_err(|_closed| busy())?;
        // Another one has had it made meanwhile.
        if let Some(kept) = self.kept.get(&key) {
            return Ok(Some(kept));
        }
        let plan = make().await?;
        if let Some(plan) = &plan {
            self.kept.insert(key, plan.clone());
            // Left alone, moka makes room only after up to 64 changes.
            self.kept.run_pending_tasks();
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use uuid::Uuid;

    use super::*;

    fn key(version: u32) -> PlanKey {
        (AuditoriumId(Uuid::from_u128(1)), version, Timestamp::from_millis(0), "csv")
    }

    #[tokio::test]
    async fn a_plan_is_made_once_for_all_who_ask() {
        let (shelf, made) = (PlanShelf::new(), AtomicUsize::new(0));
        let ask = |version| {
            shelf.get(key(version), async || {
                made.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(Some(Bytes::from(vec![b'x'; 1_000])))
            })
        };
        let first = ask(1).await.unwrap().unwrap();
        assert_eq!(ask(1).await.unwrap().unwrap().as_ptr(), first.as_ptr());
        ask(2).await.unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_is_not_there_or_fails_is_not_kept() {
        let shelf = PlanShelf::new();
        assert!(shelf.get(key(1), async || Ok(None)).await.unwrap().is_none());
        assert!(shelf.get(key(1), async || Err(Problem::bug("x"))).await.is_err());
        assert!(shelf.get(key(1), async || Ok(Some(Bytes::new()))).await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn few_are_made_at_a_time_and_the_wait_is_bounded() {
        let shelf = PlanShelf::new();
        let _all = shelf.turns.acquire_many(2).await.unwrap();
        let refused = shelf.get(key(1), async || Ok(None)).await;
        assert_eq!(refused.err().unwrap().code(), Code::Overloaded);
    }
}
