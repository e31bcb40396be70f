//! Totals: how many showtimes and seats there may be in all, so that nobody with an operator's key creates them without end.
//!
//! The write store counts them when a showtime is created, at most once a minute: counting for each would make many creations slow.
//! In between, the node adds what it creates itself. So a node never passes a limit by what it creates one after the other.
//! Several nodes can: each learns only within a minute what the others have created.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::coalesce::Flights;
use crate::http::limits::settings::Settings;
use crate::http::problem::{Code, Problem};
use crate::write_store::{Journal, StoreError, Totals};

/// Longest use of a count, from when it was asked for.
const COUNT_KEPT: Duration = Duration::from_mins(1);

/// [`Journal::totals`].
type Count = dyn Fn() -> BoxFuture<'static, Result<Totals, StoreError>> + Send + Sync;

/// See the module's documentation.
pub(crate) struct TotalLimits {
    /// 0: no limit.
    most: Totals,
    count: Arc<Count>,
    calls: Flights<(), Result<(), Arc<StoreError>>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What the store counted last.
    counted: Totals,
    /// Until when that is used; `None` before the first count.
    kept_until: Option<Instant>,
    /// Created by this node since that count was asked for.
    created: Totals,
    /// Being created by this node.
    under_way: Totals,
}

impl TotalLimits {
    pub(crate) fn of(journal: Arc<dyn Journal>, settings: &Settings) -> Self {
        let count = move || {
            let journal = Arc::clone(&journal);
            async move { journal.totals().await }.boxed()
        };
        Self::new(Arc::new(count), Totals { showtimes: settings.total_showtimes, seats: settings.total_seats })
    }

    fn new(count: Arc<Count>, most: Totals) -> Self {
        Self { most, count, calls: Flights::default(), state: Arc::default() }
    }

    /// Lets a showtime with this number of seats be created, and counts it from now on.
    ///
    /// # Errors
    /// [`Code::QuotaExceeded`] if there would be more than a limit; [`Code::Unavailable`] if the store cannot count.
    pub(crate) async fn admit(&self, seats: u32) -> Result<Creation, Problem> {
        if self.most != Totals::default() && !lock(&self.state).is_recent() {
            self.count().await?;
        }
        let new = Totals { showtimes: 1, seats: seats.into() };
        let mut state = lock(&self.state);
        let present = state.present();
        let showtimes = ("showtimes", self.most.showtimes, present.showtimes, new.showtimes);
        let seats = ("seats", self.most.seats, present.seats, new.seats);
        for (name, most, present, more) in [showtimes, seats] {
            if most > 0 && present.saturating_add(more) > most {
                let detail = format!(
                    "there are {present} {name}, and {more} more would exceed the limit of {most} (setting limits.total_{name})"
                );
                return Err(Problem::new(Code::QuotaExceeded, detail).retry_after(state.time_to_count()));
            }
        }
        state.under_way = state.under_way.plus(new);
        Ok(Creation { state: Arc::clone(&self.state), new, is_withdrawn: false })
    }

    /// Has the store count; all who wait for it share one call.
    async fn count(&self) -> Result<(), Arc<StoreError>> {
        let (count, state) = (Arc::clone(&self.count), Arc::clone(&self.state));
        let call = move || {
            async move {
                let asked = Instant::now();
                // These are in the count. Those under way may be or not: counted twice for a minute is better than not at all.
                let included = lock(&state).created;
                let counted = count().await.map_err(Arc::new)?;
                let mut state = lock(&state);
                state.counted = counted;
                state.created = state.created.minus(included);
                state.kept_until = Some(asked + COUNT_KEPT);
                Ok(())
            }
            .boxed()
        };
        self.calls.join_running((), call).await
    }
}

impl State {
    fn is_recent(&self) -> bool {
        self.kept_until.is_some_and(|until| Instant::now() < until)
    }

    fn present(&self) -> Totals {
        self.counted.plus(self.created).plus(self.under_way)
    }

    fn time_to_count(&self) -> Duration {
        self.kept_until.map_or(COUNT_KEPT, |until| until.saturating_duration_since(Instant::now()))
    }
}

/// A showtime that may be created. Dropped, it counts as created: whoever asked for it may have gone before he heard the outcome.
pub(crate) struct Creation {
    state: Arc<Mutex<State>>,
    new: Totals,
    is_withdrawn: bool,
}

impl Creation {
    /// Nothing was created, so nothing is counted.
    pub(crate) fn withdraw(mut self) {
        self.is_withdrawn = true;
    }
}

impl Drop for Creation {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.under_way = state.under_way.minus(self.new);
        if !self.is_withdrawn {
            state.created = state.created.plus(self.new);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Numbers, of which a panic between two statements leaves none that is out of range.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// A store that others fill, too. A count waits for a permit, then answers with what the store had when it was asked.
    struct Store {
        holds: Mutex<Totals>,
        counts: Mutex<usize>,
        permits: Semaphore,
        is_down: Mutex<bool>,
    }

    impl Store {
        fn with(showtimes: u64, seats: u64) -> Arc<Self> {
            Arc::new(Self {
                holds: Mutex::new(Totals { showtimes, seats }),
                counts: Mutex::default(),
                permits: Semaphore::new(Semaphore::MAX_PERMITS),
                is_down: Mutex::default(),
            })
        }

        fn limits(self: &Arc<Self>, showtimes: u64, seats: u64) -> TotalLimits {
            let store = Arc::clone(self);
            let count = move || {
                let store = Arc::clone(&store);
                async move {
                    *store.counts.lock().unwrap() += 1;
                    let holds = *store.holds.lock().unwrap();
                    store.permits.acquire().await.unwrap().forget();
                    let is_down = *store.is_down.lock().unwrap();
                    if is_down { Err(StoreError::Corrupt("by the test".to_owned())) } else { Ok(holds) }
                }
                .boxed()
            };
            TotalLimits::new(Arc::new(count), Totals { showtimes, seats })
        }

        fn hold(&self, showtimes: u64, seats: u64) {
            *self.holds.lock().unwrap() = Totals { showtimes, seats };
        }

        fn counts(&self) -> usize {
            *self.counts.lock().unwrap()
        }
    }

    async fn refusal(limits: &TotalLimits, seats: u32) -> String {
        limits.admit(seats).await.map(|_creation| ()).unwrap_err().to_string()
    }

    #[tokio::test(start_paused = true)]
    async fn many_creations_cost_one_count_a_minute() {
        let store = Store::with(5, 50);
        let limits = store.limits(30_000, 0);
        for creation in join_all((0..10_000).map(|_| limits.admit(10))).await {
            drop(creation.unwrap());
        }
        for _ in 0..10_000 {
            limits.admit(10).await.unwrap();
        }
        assert_eq!(store.counts(), 1);
        assert_eq!(lock(&limits.state).present(), Totals { showtimes: 20_005, seats: 200_050 });
        tokio::time::advance(COUNT_KEPT).await;
        limits.admit(10).await.unwrap();
        limits.admit(10).await.unwrap();
        assert_eq!(store.counts(), 2);
        assert_eq!(lock(&limits.state).present(), Totals { showtimes: 7, seats: 70 }, "the store's word is the last");
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_is_reached_and_not_passed() {
        let limits = Store::with(8, 80).limits(10, 0);
        limits.admit(1_000).await.unwrap();
        let last = limits.admit(1).await.unwrap();
        let said = "quota-exceeded: there are 10 showtimes, and 1 more would exceed the limit of 10 (setting limits.total_showtimes)";
        assert_eq!(refusal(&limits, 1).await, said, "one that is being created counts");
        drop(last);
        assert_eq!(refusal(&limits, 1).await, said);

        let limits = Store::with(8, 80).limits(0, 100);
        limits.admit(15).await.unwrap();
        let said =
            "quota-exceeded: there are 95 seats, and 6 more would exceed the limit of 100 (setting limits.total_seats)";
        assert_eq!(refusal(&limits, 6).await, said);
        limits.admit(5).await.unwrap();
        assert!(limits.admit(1).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_create_and_remove_is_known_after_a_minute() {
        let store = Store::with(0, 0);
        let limits = store.limits(2, 0);
        limits.admit(1).await.unwrap();
        store.hold(2, 2);
        limits.admit(1).await.unwrap();
        tokio::time::advance(Duration::from_secs(53)).await;
        let refused = limits.admit(1).await.map(|_creation| ()).unwrap_err();
        let answer = refused.render("/api/showtimes", "test");
        assert_eq!(answer.headers().get("retry-after").unwrap(), "7", "when the store counts again");
        store.hold(1, 1);
        assert!(limits.admit(1).await.is_err());
        tokio::time::advance(Duration::from_secs(7)).await;
        limits.admit(1).await.unwrap();
        assert!(limits.admit(1).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_created_is_not_counted() {
        let limits = Store::with(0, 0).limits(1, 10);
        for _ in 0..3 {
            limits.admit(10).await.unwrap().withdraw();
        }
        limits.admit(10).await.unwrap();
        assert!(limits.admit(1).await.is_err());
    }

    /// A showtime that is being created while the store counts may be in the count or not.
    #[tokio::test(start_paused = true)]
    async fn a_creation_during_a_count_is_not_forgotten() {
        let store = Store::with(0, 0);
        let limits = store.limits(3, 0);
        limits.admit(1).await.unwrap();
        let (before, after) = (limits.admit(1).await.unwrap(), limits.admit(1).await.unwrap());
        store.hold(1, 1);
        tokio::time::advance(COUNT_KEPT).await;
        store.permits.forget_permits(Semaphore::MAX_PERMITS);
        let mut late = Box::pin(limits.admit(1));
        assert!(late.as_mut().now_or_never().is_none(), "it waits for the count");
        drop(before);
        store.permits.add_permits(1);
        assert!(late.await.is_err());
        drop(after);
        assert_eq!(
            lock(&limits.state).present().showtimes,
            3,
            "the first one, which is in the count, is not counted twice"
        );
        store.hold(2, 2);
        store.permits.add_permits(1);
        tokio::time::advance(COUNT_KEPT).await;
        limits.admit(1).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn limits_that_are_off_cost_no_count() {
        let store = Store::with(u64::MAX, u64::MAX);
        let limits = store.limits(0, 0);
        limits.admit(200_000).await.unwrap();
        limits.admit(200_000).await.unwrap();
        assert_eq!(store.counts(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_created_while_the_store_cannot_count() {
        let store = Store::with(0, 0);
        let limits = store.limits(1, 0);
        *store.is_down.lock().unwrap() = true;
        store.permits.forget_permits(Semaphore::MAX_PERMITS);
        let mut crowd = Box::pin(join_all((0..100).map(|_| limits.admit(1))));
        assert!(crowd.as_mut().now_or_never().is_none(), "all of them wait for the count");
        store.permits.add_permits(101);
        assert!(crowd.await.iter().all(Result::is_err));
        assert_eq!(store.counts(), 1, "they shared the failure");
        *store.is_down.lock().unwrap() = false;
        limits.admit(1).await.unwrap();
    }
}
