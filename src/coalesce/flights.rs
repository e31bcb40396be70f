//! Coalescing: calls shared by everybody who waits for the same answer, so that a crowd costs one call.
//!
//! **Invariant:** [`Flights::join_next`] never gives an answer from a call that started before the caller asked. So a shared
//! look is never staler than an own one would have been.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

/// How often a flight lets the thread take up what has arrived before it starts.
const BOARDING_ROUNDS: u32 = 2;

type Call<T> = BoxFuture<'static, T>;

/// Calls under way, by what they ask for. Cheap to clone. Holds a call only as long as somebody waits for it.
#[derive(Clone)]
pub struct Flights<K, T: Clone> {
    table: Arc<Mutex<Table<K, T>>>,
}

struct Table<K, T: Clone> {
    slots: HashMap<K, Slot<T>>,
    /// Number of the last flight.
    last: u64,
}

struct Slot<T: Clone> {
    /// Has started.
    running: Option<Flight<T>>,
    /// Starts when the running one has landed and those who are here have come aboard; until then it can be joined.
    waiting: Option<Flight<T>>,
}

#[derive(Clone)]
struct Flight<T: Clone> {
    number: u64,
    /// Weak: callers own the call, so one that nobody waits for any more ends.
    call: WeakShared<Call<T>>,
}

impl<T: Clone> Flight<T> {
    fn joined(&self) -> Option<Shared<Call<T>>> {
        self.call.upgrade()
    }
}

/// No call is under way.
impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self { table: Arc::new(Mutex::new(Table { slots: HashMap::new(), last: 0 })) }
    }
}

impl<K, T> Flights<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The answer of the call under way, or of one that `start` makes. It may have started before the caller asked.
    pub fn join_running(&self, key: K, start: impl FnOnce() -> Call<T>) -> Shared<Call<T>> {
        let mut table = self.lock();
        let running = table.slots.get(&key).and_then(|slot| slot.running.as_ref()).and_then(Flight::joined);
        running.unwrap_or_else(|| self.take_off(&mut table, key, start()))
    }

    /// The answer of a call that starts now or later, shared with everybody who asks before it starts.
    pub fn join_next<F>(&self, key: K, start: F) -> Shared<Call<T>>
    where
        F: FnOnce() -> Call<T> + Send + 'static,
    {
        let mut table = self.lock();
        let slot = table.slots.get(&key);
        if let Some(waiting) = slot.and_then(|slot| slot.waiting.as_ref()).and_then(Flight::joined) {
            return waiting;
        }
        let running = slot.and_then(|slot| slot.running.as_ref()).and_then(Flight::joined);
        let number = table.number();
        let flights = self.clone();
        let call = async move {
            if let Some(running) = running {
                running.await;
            }
            // Of a crowd, many arrive together: they all come along, instead of waiting for the flight of the first. (A task of
            // its own, because whoever joins polls this one, and a second poll would end the wait.)
            for _ in 0..BOARDING_ROUNDS {
                drop(tokio::spawn(tokio::task::yield_now()).await);
            }
            flights.promote(key, number);
            let answer = start().await;
            flights.land(key, number);
            answer
        };
        let call = call.boxed().shared();
        if let Some(weak) = call.downgrade() {
            let slot = table.slots.entry(key).or_insert(Slot { running: None, waiting: None });
            slot.waiting = Some(Flight { number, call: weak });
        }
        table.sweep();
        call
    }

    fn take_off(&self, table: &mut Table<K, T>, key: K, call: Call<T>) -> Shared<Call<T>> {
        let number = table.number();
        let flights = self.clone();
        let call = async move {
            let answer = call.await;
            flights.land(key, number);
            answer
        };
        let call = call.boxed().shared();
        if let Some(weak) = call.downgrade() {
            let slot = table.slots.entry(key).or_insert(Slot { running: None, waiting: None });
            slot.running = Some(Flight { number, call: weak });
        }
        table.sweep();
        call
    }

    /// The waiting flight has started.
    fn promote(&self, key: K, number: u64) {
        let mut table = self.lock();
        let slot = table.slots.entry(key).or_insert(Slot { running: None, waiting: None });
        if slot.waiting.as_ref().is_some_and(|waiting| waiting.number == number) {
            slot.running = slot.waiting.take();
        }
    }

    fn land(&self, key: K, number: u64) {
        let mut table = self.lock();
        if let Some(slot) = table.slots.get_mut(&key) {
            if slot.running.as_ref().is_some_and(|running| running.number == number) {
                slot.running = None;
            }
            // A waiting flight that everybody has left will never start.
            if slot.running.is_none() && slot.waiting.as_ref().is_none_or(|waiting| waiting.joined().is_none()) {
                table.slots.remove(&key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table<K, T>> {
        // The table is consistent after every statement, so a panic elsewhere leaves it usable.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, T: Clone> Table<K, T> {
    /// Above this many slots, those that everybody has left are cleared away at each new flight.
    const SWEPT_ABOVE: usize = 1_024;

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Calls that were left by all their callers never land; their slots go here.
    fn sweep(&mut self) {
        if self.slots.len() > Self::SWEPT_ABOVE {
            let alive = |flight: &Option<Flight<T>>| flight.as_ref().is_some_and(|flight| flight.joined().is_some());
            self.slots.retain(|_, slot| alive(&slot.running) || alive(&slot.waiting));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// A source whose calls wait for a permit, then answer with the number at which they started.
    struct Source {
        started: AtomicU64,
        permits: Semaphore,
    }

    impl Source {
        fn new() -> Arc<Self> {
            Arc::new(Self { started: AtomicU64::new(0), permits: Semaphore::new(0) })
        }

        fn call(self: &Arc<Self>) -> impl FnOnce() -> Call<u64> + Send + 'static {
            let source = Arc::clone(self);
            move || {
                async move {
                    let number = source.started.fetch_add(1, Ordering::SeqCst) + 1;
                    source.permits.acquire().await.unwrap().forget();
                    number
                }
                .boxed()
            }
        }
    }

    /// Polls until the call waits for its permit, or for the one before it.
    async fn begin<T: Clone>(call: &mut Shared<Call<T>>) {
        for _ in 0..20 {
            assert!(call.now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_crowd_shares_the_next_call_and_never_one_that_had_started() {
        let (flights, source) = (Flights::default(), Source::new());
        let mut first = flights.join_next(7, source.call());
        begin(&mut first).await;
        let mut late: Vec<_> = (0..100).map(|_| flights.join_next(7, source.call())).collect();
        for call in &mut late {
            begin(call).await;
        }
        assert_eq!(source.started.load(Ordering::SeqCst), 1);
        source.permits.add_permits(1);
        assert_eq!(first.await, 1);
        for call in &mut late {
            begin(call).await;
        }
        let mut later = flights.join_next(7, source.call());
        begin(&mut later).await;
        source.permits.add_permits(1);
        for call in late {
            assert_eq!(call.await, 2);
        }
        source.permits.add_permits(1);
        assert_eq!(later.await, 3);
        assert!(flights.lock().slots.is_empty());
    }

    #[tokio::test]
    async fn those_who_arrive_together_share_even_the_first_call() {
        let (flights, source) = (Flights::default(), Source::new());
        source.permits.add_permits(100);
        let crowd = (0..50).map(|_| {
            let (flights, source) = (flights.clone(), Arc::clone(&source));
            tokio::spawn(async move { flights.join_next(7, source.call()).await })
        });
        for asked in crowd.collect::<Vec<_>>() {
            assert_eq!(asked.await.unwrap(), 1);
        }
        assert_eq!(flights.join_next(7, source.call()).await, 2);
    }

    #[tokio::test]
    async fn a_call_left_by_everybody_is_replaced() {
        let (flights, source) = (Flights::default(), Source::new());
        let mut left = flights.join_next(7, source.call());
        begin(&mut left).await;
        let mut also_left = flights.join_next(7, source.call());
        begin(&mut also_left).await;
        drop((left, also_left));
        source.permits.add_permits(1);
        assert_eq!(flights.join_next(7, source.call()).await, 2);
        assert!(flights.lock().slots.is_empty());
    }

    #[tokio::test]
    async fn a_running_call_is_joined_where_its_start_does_not_matter() {
        let (flights, source) = (Flights::default(), Source::new());
        let mut first = flights.join_running(7, source.call());
        begin(&mut first).await;
        let second = flights.join_running(7, source.call());
        source.permits.add_permits(1);
        assert_eq!((first.await, second.await), (1, 1));
        source.permits.add_permits(1);
        assert_eq!(flights.join_running(7, source.call()).await, 2);
    }
}
