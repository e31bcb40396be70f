//! Existence: whether the write store knows a showtime. Asked by many for ids that nobody knows, it must not cost commits anything.
//!
//! All who ask at once share one call on one connection. An unknown id is remembered for a moment, so that asking again costs
//! nothing; a showtime that another node creates is hidden no longer than that, one that this node creates not at all.
//!
//! Reservations ask as well before they open a showtime's actor. So one for a showtime that another node has just created is refused
//! as unknown for at most that moment, and only if somebody asked this node for its id before it existed. The server makes ids up,
//! so nobody knows one that early.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::coalesce::Flights;
use crate::domain::ShowtimeId;
use crate::write_store::{Journal, StoreError};

/// Longest time for which an id counts as unknown without being looked for again.
const REMEMBERED: Duration = Duration::from_secs(1);
/// Most unknown ids that are remembered. Beyond it, those that are asked for less often are looked for each time.
const MOST_REMEMBERED: u64 = 10_000;
/// Most ids in one call; who comes later is in the next one.
const MOST_ASKED: usize = 1_000;

/// The sequences of those showtimes among these that exist: [`Journal::heads`].
type Heads = dyn Fn(Vec<ShowtimeId>) -> BoxFuture<'static, Result<Vec<(ShowtimeId, u64)>, StoreError>> + Send + Sync;
type Asked = Result<Arc<HashMap<ShowtimeId, bool>>, Arc<StoreError>>;

/// See the module's documentation.
pub(crate) struct Existence {
    heads: Arc<Heads>,
    calls: Flights<(), Asked>,
    /// What the next call asks for.
    wanted: Arc<Mutex<Vec<ShowtimeId>>>,
    /// Ids that no showtime had, and until when that counts. (moka's own clock does not pause in tests.)
    unknown: Cache<ShowtimeId, Instant>,
}

impl Existence {
    pub(crate) fn of(journal: Arc<dyn Journal>) -> Self {
        let heads = move |ids| {
            let journal = Arc::clone(&journal);
            async move { journal.heads(ids).await }.boxed()
        };
        Self::new(Arc::new(heads))
    }

    fn new(heads: Arc<Heads>) -> Self {
        Self { heads, calls: Flights::default(), wanted: Arc::default(), unknown: Cache::new(MOST_REMEMBERED) }
    }

    /// True if no showtime had this id a moment ago.
    pub(crate) fn is_unknown(&self, id: ShowtimeId) -> bool {
        self.unknown.get(&id).is_some_and(|until| Instant::now() < until)
    }

    /// Remembers that no showtime has this id.
    pub(crate) fn note_unknown(&self, id: ShowtimeId) {
        self.unknown.insert(id, Instant::now() + REMEMBERED);
    }

    /// A showtime was created here.
    pub(crate) fn note_created(&self, id: ShowtimeId) {
        self.unknown.invalidate(&id);
    }

    /// True if the write store knows the showtime.
    pub(crate) async fn ask(&self, id: ShowtimeId) -> Result<bool, Arc<StoreError>> {
        if self.is_unknown(id) {
            return Ok(false);
        }
        loop {
            lock(&self.wanted).push(id);
            // The call may have left before the id was noted, or have been full: then it is in the next one.
            if let Some(exists) = self.call().await?.get(&id) {
                return Ok(*exists);
            }
        }
    }

    async fn call(&self) -> Asked {
        let (heads, wanted, unknown) = (Arc::clone(&self.heads), Arc::clone(&self.wanted), self.unknown.clone());
        let call = move || {
            async move {
                let asked = {
                    let mut wanted = lock(&wanted);
                    let count = wanted.len().min(MOST_ASKED);
                    let asked: HashSet<_> = wanted.drain(..count).collect();
                    // A crowd in front of one showtime must not fill the next calls.
                    wanted.retain(|id| !asked.contains(id));
                    asked
                };
                let mut answer: HashMap<_, _> = asked.into_iter().map(|id| (id, false)).collect();
                for (id, _sequence) in heads(answer.keys().copied().collect()).await.map_err(Arc::new)? {
                    answer.insert(id, true);
                }
                let until = Instant::now() + REMEMBERED;
                answer.iter().filter(|(_, exists)| !**exists).for_each(|(id, _)| unknown.insert(*id, until));
                Ok(Arc::new(answer))
            }
            .boxed()
        };
        self.calls.join_next((), call).await
    }
}

fn lock(wanted: &Mutex<Vec<ShowtimeId>>) -> MutexGuard<'_, Vec<ShowtimeId>> {
    // A list that is consistent after every statement, so a panic elsewhere leaves it usable.
    wanted.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;

    fn id(id: u128) -> ShowtimeId {
        ShowtimeId(Uuid::from_u128(id))
    }

    /// Showtimes below 10 exist; the number of ids in each call is noted, and a call takes a while.
    fn existence() -> (Existence, Arc<Mutex<Vec<usize>>>) {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&calls);
        let heads = move |ids: Vec<ShowtimeId>| {
            noted.lock().unwrap().push(ids.len());
            async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(ids.into_iter().filter(|id| id.0.as_u128() < 10).map(|id| (id, 1)).collect())
            }
            .boxed()
        };
        (Existence::new(Arc::new(heads)), calls)
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_asks_for_many_ids_costs_few_calls() {
        let (existence, calls) = existence();
        let all = join_all((0..2_500).map(|number| existence.ask(id(number)))).await;
        for (number, exists) in all.into_iter().enumerate() {
            assert_eq!(exists.unwrap(), number < 10);
        }
        let calls = calls.lock().unwrap().clone();
        assert!(calls.len() <= 5 && calls.iter().all(|ids| *ids <= MOST_ASKED), "{calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_in_front_of_one_showtime_does_not_delay_others() {
        let (existence, calls) = existence();
        let crowd = join_all((0..5_000).map(|_| existence.ask(id(5)))).await;
        assert!(crowd.into_iter().all(|exists| exists.unwrap()));
        assert!(lock(&existence.wanted).is_empty());
        let before = calls.lock().unwrap().len();
        assert!(existence.ask(id(6)).await.unwrap());
        assert_eq!(calls.lock().unwrap().len(), before + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_id_is_remembered_for_a_moment_unless_it_is_created_here() {
        let (existence, calls) = existence();
        let ask = async || existence.ask(id(77)).await.unwrap();
        assert!(!ask().await && !ask().await && existence.is_unknown(id(77)));
        assert_eq!(calls.lock().unwrap().len(), 1);
        existence.note_created(id(77));
        assert!(!existence.is_unknown(id(77)));
        ask().await;
        assert_eq!(calls.lock().unwrap().len(), 2);
        tokio::time::advance(REMEMBERED).await;
        assert!(!existence.is_unknown(id(77)));
        for number in 0..50_000 {
            existence.note_unknown(id(number));
        }
        existence.unknown.run_pending_tasks();
        assert!(existence.unknown.entry_count() <= MOST_REMEMBERED);
    }
}
