//! Commit lanes: batches of different showtimes that wait at the same moment travel in one statement, so that many lukewarm
//! showtimes share round trips and flushes of the log as the commands of one hot showtime do.
//!
//! A batch that finds a free lane leaves at once; what comes while all lanes are under way is the next one's load. Each lane uses one
//! connection at a time. A load is committed whole or not at all: of a refused one, the batches to blame are answered and the others
//! go again without them. If none is named, for one because somebody holds on to a showtime's row, each goes alone, beside the lanes.
//! A load that takes long, as a batch may that is alone from the start, is left to come in beside its lane: it holds up no other
//! showtime's.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use crate::write_store::postgres::Settings;
use crate::write_store::postgres::access::Access;
use crate::write_store::postgres::commit::{Trouble, commit};
use crate::write_store::postgres::failure::unavailable_because;
use crate::write_store::postgres::recent::Recent;
use crate::write_store::{Batch, CommitError, Committed};

/// How long a lane waits for its load before the next one leaves.
const PATIENCE: Duration = Duration::from_millis(100);

/// See the module's documentation.
pub(super) struct Lanes {
    access: Access,
    settings: Settings,
    state: Mutex<State>,
    recent: Arc<Recent>,
    /// Places beside the lanes, for batches that go alone and loads that take long.
    asides: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Lanes under way.
    running: usize,
}

/// A batch and where its outcome goes.
struct Waiting {
    batch: Arc<Batch>,
    outcome: oneshot::Sender<Result<Committed, CommitError>>,
}

/// One lane under way. Dropped before it found nothing to do, which only a panic does, another takes its place.
struct Lane {
    lanes: Arc<Lanes>,
    is_done: bool,
}

impl Lanes {
    /// Uses connections of `access`.
    pub(super) fn new(access: Access, settings: Settings, recent: Arc<Recent>) -> Arc<Self> {
        // A connection of the pool is left for everything else.
        let asides = settings.pool_size.saturating_sub(settings.commit_lanes + 1).max(1);
        Arc::new(Self { access, settings, state: Mutex::default(), recent, asides: Arc::new(Semaphore::new(asides)) })
    }

    /// Commits a batch. The caller may go away: what has left is carried out.
    pub(super) async fn commit(self: &Arc<Self>, batch: Arc<Batch>) -> Result<Committed, CommitError> {
        let (outcome, answer) = oneshot::channel();
        let needs_lane = {
            let mut state = self.state();
            state.waiting.push_back(Waiting { batch, outcome });
            let has_free = state.running < self.settings.commit_lanes.max(1);
            state.running += usize::from(has_free);
            has_free
        };
        if needs_lane {
            self.start_lane();
        }
        // A lane that ended without a word may have ended between sending and hearing.
        answer
            .await
            .unwrap_or_else(|_dropped| Err(CommitError::Unknown { reason: "the commit's task ended".to_owned() }))
    }

    fn start_lane(self: &Arc<Self>) {
        let lane = Lane { lanes: Arc::clone(self), is_done: false };
        self.access.runtime().spawn(lane.run());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next load, in order of arrival; a showtime's second batch waits for the first.
    fn take_load(state: &mut State, settings: &Settings) -> Vec<Waiting> {
        let mut showtimes = HashSet::new();
        let (mut load, mut events) = (Vec::new(), 0_usize);
        let mut passed_over = VecDeque::new();
        while load.len() < settings.max_batches_per_commit.max(1) {
            let Some(next) = state.waiting.pop_front() else { break };
            events = events.saturating_add(next.batch.events.len());
            if !load.is_empty() && events > settings.max_events_per_commit {
                passed_over.push_back(next);
                break;
            }
            if showtimes.insert(next.batch.showtime_id) {
                load.push(next);
            } else {
                passed_over.push_back(next);
            }
        }
        for next in passed_over.into_iter().rev() {
            state.waiting.push_front(next);
        }
        load.sort_unstable_by_key(|waiting| waiting.batch.showtime_id);
        load
    }

    /// Carries a load out; every batch is answered.
    async fn carry(self: &Arc<Self>, mut load: Vec<Waiting>) {
        while !load.is_empty() {
            let batches: Vec<&Batch> = load.iter().map(|waiting| &*waiting.batch).collect();
            match commit(&self.access, self.settings.commit_timeout(), &batches).await {
                Ok(committed) => {
                    for (waiting, committed) in load.into_iter().zip(committed) {
                        self.landed(waiting, committed);
                    }
                    return;
                }
                Err(trouble) => load = self.after(trouble, load),
            }
        }
    }

    /// Answers the batches that trouble is about and returns those that may go again.
    fn after(self: &Arc<Self>, trouble: Trouble, load: Vec<Waiting>) -> Vec<Waiting> {
        let mut load = load;
        match (trouble, load.len()) {
            (trouble, 1) => {
                let error = CommitError::from(trouble);
                if let Some(only) = load.pop() {
                    only.answer(Err(error));
                }
                Vec::new()
            }
            (Trouble::Refused { error, blamed }, _) if blamed.iter().any(|position| *position < load.len()) => {
                let mut left = Vec::with_capacity(load.len());
                for (position, waiting) in load.into_iter().enumerate() {
                    if blamed.contains(&position) {
                        waiting.answer(Err(same_refusal(&error)));
                    } else {
                        left.push(waiting);
                    }
                }
                left
            }
            (Trouble::Unknown(reason), _) => {
                for waiting in load {
                    waiting.answer(Err(CommitError::Unknown { reason: reason.clone() }));
                }
                Vec::new()
            }
            (Trouble::NotDone(error), _) => {
                let reason = error.to_string();
                for waiting in load {
                    waiting.answer(Err(CommitError::Store(unavailable_because(reason.clone()))));
                }
                Vec::new()
            }
            // Nobody is named: each finds out alone.
            (Trouble::Refused { .. } | Trouble::Unfit(_), _) => {
                for waiting in load {
                    let lanes = Arc::clone(self);
                    // The batch's showtime waits for the outcome, so there is at most one such task for each.
                    self.access.runtime().spawn(async move { lanes.carry_aside(waiting).await });
                }
                Vec::new()
            }
        }
    }

    async fn carry_aside(&self, waiting: Waiting) {
        // Never closed, so that the permit is always given.
        let _permit = self.asides.acquire().await;
        let alone = commit(&self.access, self.settings.commit_timeout(), &[&*waiting.batch]).await;
        match alone {
            Ok(committed) => {
                if let Some(committed) = committed.first() {
                    self.landed(waiting, *committed);
                }
            }
            Err(trouble) => waiting.answer(Err(trouble.into())),
        }
    }

    /// Answers a batch whose statement was carried out.
    fn landed(&self, waiting: Waiting, committed: Committed) {
        self.recent.keep(committed, Arc::clone(&waiting.batch));
        waiting.answer(Ok(committed));
    }
}

/// The refusal of a load as each of the blamed batches gets it.
fn same_refusal(error: &CommitError) -> CommitError {
    match error {
        CommitError::Conflict => CommitError::Conflict,
        CommitError::Fenced => CommitError::Fenced,
        CommitError::DuplicateKey => CommitError::DuplicateKey,
        CommitError::PaymentUsed => CommitError::PaymentUsed,
        CommitError::Unknown { reason } => CommitError::Unknown { reason: reason.clone() },
        CommitError::Store(error) => CommitError::Store(unavailable_because(error.to_string())),
    }
}

impl Waiting {
    fn answer(self, outcome: Result<Committed, CommitError>) {
        if self.outcome.send(outcome).is_err() {
            tracing::debug!(showtime.id = %self.batch.showtime_id, "nobody waited for a commit's outcome");
        }
    }
}

impl Lane {
    async fn run(mut self) {
        loop {
            let load = {
                let mut state = self.lanes.state();
                let load = Lanes::take_load(&mut state, &self.lanes.settings);
                if load.is_empty() {
                    state.running -= 1;
                    self.is_done = true;
                    return;
                }
                load
            };
            self.carry(load).await;
        }
    }

    /// Carries a load, or leaves it to a place beside the lanes when it takes long and there is one.
    async fn carry(&self, load: Vec<Waiting>) {
        let runtime = self.lanes.access.runtime();
        let lanes = Arc::clone(&self.lanes);
        let mut carrying = runtime.spawn(async move { lanes.carry(load).await });
        let asides = Arc::clone(&self.lanes.asides);
        let place = async move {
            tokio::time::sleep(PATIENCE).await;
            asides.acquire_owned().await
        };
        tokio::select! {
            // Lost by a panic, its batches are answered that their outcome is unknown.
            _ended = &mut carrying => {}
            place = place => {
                runtime.spawn(async move {
                    let _ended = carrying.await;
                    drop(place);
                });
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lanes.start_lane();
        } else if !self.is_done {
            // The runtime ends.
            self.lanes.state().running -= 1;
        }
    }
}
