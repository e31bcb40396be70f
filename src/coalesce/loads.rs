//! Loads: items that wait while a call is under way travel together in the next call.
//!
//! A bounded number of calls, the lanes, are under way at once. An item that finds a free lane leaves at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Carries items, many in one call.
pub trait Carrier: Send + Sync + 'static {
    /// What is carried.
    type Item: Send;
    /// What each item is answered.
    type Answer: Send;

    /// Takes the next load out of the items that wait, oldest first. Takes at least one of them.
    fn load(&self, waiting: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>>;

    /// Carries a load and answers every item. A panic drops the items that are left: their callers are told that the answer is lost.
    fn carry(self: Arc<Self>, load: Vec<Waiting<Self>>) -> impl Future<Output = ()> + Send;
}

/// An item, and where its answer goes.
pub struct Waiting<C: Carrier + ?Sized> {
    /// The item.
    pub item: C::Item,
    reply: oneshot::Sender<C::Answer>,
}

impl<C: Carrier> Waiting<C> {
    /// Answers the caller, who may be gone.
    pub fn answer(self, answer: C::Answer) {
        if self.reply.send(answer).is_err() {
            tracing::debug!("nobody waited for the answer of a shared call");
        }
    }
}

/// See the module's documentation.
pub struct Loads<C: Carrier> {
    carrier: Arc<C>,
    runtime: Handle,
    /// Most calls under way at once.
    lanes: usize,
    /// Most items that wait.
    most_waiting: usize,
    state: Mutex<State<C>>,
}

struct State<C: Carrier> {
    waiting: VecDeque<Waiting<C>>,
    /// Lanes under way.
    running: usize,
}

/// A running lane. If it panics, `Drop` starts a replacement, so that the number of lanes stays right.
struct Lane<C: Carrier> {
    loads: Arc<Loads<C>>,
    is_done: bool,
}

/// Why an item has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The item was not taken: too many wait.
    #[error("too many calls wait")]
    Full,
    /// The item may have been carried or not.
    #[error("the call's task ended")]
    Lost,
}

impl<C: Carrier> Loads<C> {
    /// At most `lanes` calls at once, as tasks on this runtime; at most `most_waiting` items wait for one.
    pub fn new(carrier: C, runtime: Handle, lanes: usize, most_waiting: usize) -> Arc<Self> {
        let state = State { waiting: VecDeque::new(), running: 0 };
        Arc::new(Self {
            carrier: Arc::new(carrier),
            runtime,
            lanes: lanes.max(1),
            most_waiting,
            state: Mutex::new(state),
        })
    }

    /// Who carries.
    pub fn carrier(&self) -> &Arc<C> {
        &self.carrier
    }

    /// Carries an item. If the caller goes away, the item is carried all the same.
    pub async fn call(self: &Arc<Self>, item: C::Item) -> Result<C::Answer, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        let needs_lane = {
            let mut state = self.state();
            if state.waiting.len() >= self.most_waiting {
                return Err(NoAnswer::Full);
            }
            state.waiting.push_back(Waiting { item, reply });
            let has_free = state.running < self.lanes;
            state.running += usize::from(has_free);
            has_free
        };
        if needs_lane {
            self.start_lane();
        }
        answer.await.map_err(|_dropped| NoAnswer::Lost)
    }

    fn start_lane(self: &Arc<Self>) {
        let lane = Lane { loads: Arc::clone(self), is_done: false };
        self.runtime.spawn(lane.run());
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Carrier> Lane<C> {
    async fn run(mut self) {
        while let Some(load) = self.next() {
            Arc::clone(&self.loads.carrier).carry(load).await;
        }
    }

    /// The next load; without one the lane is done.
    fn next(&mut self) -> Option<Vec<Waiting<C>>> {
        let mut state = self.loads.state();
        if state.waiting.is_empty() {
            state.running -= 1;
            self.is_done = true;
            return None;
        }
        Some(self.loads.carrier.load(&mut state.waiting))
    }
}

impl<C: Carrier> Drop for Lane<C> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        if std::thread::panicking() {
            self.loads.start_lane();
        } else {
            // The runtime ends: nobody will carry what waits.
            let mut state = self.loads.state();
            state.running -= 1;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    /// Carries up to three numbers in a call that waits for a permit; answers each with the load's size. The number 13 breaks it.
    struct Numbers {
        permits: Semaphore,
    }

    impl Carrier for Numbers {
        type Item = u32;
        type Answer = usize;

        fn load(&self, waiting: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
            let count = waiting.len().min(3);
            waiting.drain(..count).collect()
        }

        async fn carry(self: Arc<Self>, load: Vec<Waiting<Self>>) {
            self.permits.acquire().await.unwrap().forget();
            let size = load.len();
            for waiting in load {
                assert_ne!(waiting.item, 13, "the unlucky number");
                waiting.answer(size);
            }
        }
    }

    fn numbers(lanes: usize, most_waiting: usize) -> Arc<Loads<Numbers>> {
        Loads::new(Numbers { permits: Semaphore::new(0) }, Handle::current(), lanes, most_waiting)
    }

    async fn calls(
        loads: &Arc<Loads<Numbers>>,
        items: &[u32],
    ) -> Vec<tokio::task::JoinHandle<Result<usize, NoAnswer>>> {
        let mut calls = Vec::new();
        for item in items.iter().copied() {
            let loads = Arc::clone(loads);
            calls.push(tokio::spawn(async move { loads.call(item).await }));
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        }
        calls
    }

    #[tokio::test]
    async fn what_waits_is_the_next_load_and_more_is_refused() {
        let loads = numbers(1, 4);
        let calls = calls(&loads, &[1, 2, 3, 4, 5, 6]).await;
        loads.carrier().permits.add_permits(10);
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap());
        }
        assert_eq!(answers, [Ok(1), Ok(3), Ok(3), Ok(3), Ok(1), Err(NoAnswer::Full)]);
        assert_eq!(loads.call(7).await, Ok(1));
    }

    #[tokio::test]
    async fn a_panic_loses_its_load_and_no_lane() {
        let loads = numbers(1, 10);
        let calls = calls(&loads, &[1, 13, 2, 3, 4]).await;
        loads.carrier().permits.add_permits(10);
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap());
        }
        assert_eq!(answers, [Ok(1), Err(NoAnswer::Lost), Err(NoAnswer::Lost), Err(NoAnswer::Lost), Ok(1)]);
    }

    #[tokio::test]
    async fn lanes_carry_side_by_side() {
        let loads = numbers(2, 10);
        let calls = calls(&loads, &[1, 2, 3, 4]).await;
        loads.carrier().permits.add_permits(10);
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap());
        }
        assert_eq!(answers, [Ok(1), Ok(1), Ok(2), Ok(2)]);
    }
}
