//! Commit lanes: batches of different showtimes that wait at the same moment travel in one statement, so that many lukewarm
//! showtimes share round trips and flushes of the log as the commands of one hot showtime do.
//!
//! A batch that finds a free lane leaves at once; what comes while all lanes are under way is the next one's load. Each lane uses one
//! connection at a time. A load is committed whole or not at all: of a refused one, the batches to blame are answered and the others
//! go again without them. If none is named, for one because somebody holds on to a showtime's row, each goes alone, beside the lanes.
//! A load that takes long, as a batch may that is alone from the start, is left to come in beside its lane: it holds up no other
//! showtime's.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::coalesce::{Carrier, Loads, NoAnswer, Waiting};
use crate::write_store::postgres::Settings;
use crate::write_store::postgres::access::Access;
use crate::write_store::postgres::commit::{Trouble, commit};
use crate::write_store::postgres::failure::unavailable_because;
use crate::write_store::postgres::recent::Recent;
use crate::write_store::{Batch, CommitError, Committed};

/// How long a lane waits for its load before the next one leaves.
const PATIENCE: Duration = Duration::from_millis(100);
/// Most batches that wait. A showtime has one on its way at most.
const MOST_WAITING: usize = 100_000;

/// See the module's documentation.
pub(super) struct Lanes(Arc<Loads<Commits>>);

impl Lanes {
    /// Uses connections of `access`.
    pub(super) fn new(access: Access, settings: Settings, recent: Arc<Recent>) -> Self {
        // A connection of the pool is left for everything else.
        let asides = settings.pool_size.saturating_sub(settings.commit_lanes + 1).max(1);
        let (runtime, lanes) = (access.runtime().clone(), settings.commit_lanes);
        let commits = Commits { access, settings, recent, asides: Arc::new(Semaphore::new(asides)) };
        Self(Loads::new(commits, runtime, lanes, MOST_WAITING))
    }

    /// Commits a batch. The caller may go away: what has left is carried out.
    pub(super) async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, CommitError> {
        self.0.call(batch).await.unwrap_or_else(|error| match error {
            NoAnswer::Full => Err(CommitError::Store(unavailable_because("too many commits wait".to_owned()))),
            // The task may have ended between sending and hearing.
            NoAnswer::Lost => Err(CommitError::Unknown { reason: "the commit's task ended".to_owned() }),
        })
    }
}

/// Commits loads of batches.
struct Commits {
    access: Access,
    settings: Settings,
    recent: Arc<Recent>,
    /// Places beside the lanes, for batches that go alone and loads that take long.
    asides: Arc<Semaphore>,
}

impl Carrier for Commits {
    type Item = Arc<Batch>;
    type Answer = Result<Committed, CommitError>;

    /// The next load, in order of arrival; a showtime's second batch waits for the first.
    fn load(&self, waiting: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
        let mut showtimes = HashSet::new();
        let (mut load, mut events) = (Vec::new(), 0_usize);
        let mut passed_over = VecDeque::new();
        while load.len() < self.settings.max_batches_per_commit.max(1) {
            let Some(next) = waiting.pop_front() else { break };
            events = events.saturating_add(next.item.events.len());
            if !load.is_empty() && events > self.settings.max_events_per_commit {
                passed_over.push_back(next);
                break;
            }
            if showtimes.insert(next.item.showtime_id) {
                load.push(next);
            } else {
                passed_over.push_back(next);
            }
        }
        for next in passed_over.into_iter().rev() {
            waiting.push_front(next);
        }
        load.sort_unstable_by_key(|waiting: &Waiting<Self>| waiting.item.showtime_id);
        load
    }

    /// Carries a load, or leaves it to a place beside the lanes when it takes long and there is one.
    async fn carry(self: Arc<Self>, load: Vec<Waiting<Self>>) {
        let runtime = self.access.runtime();
        let commits = Arc::clone(&self);
        let mut carrying = runtime.spawn(async move { commits.commit(load).await });
        let asides = Arc::clone(&self.asides);
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

impl Commits {
    /// Carries a load out; every batch is answered.
    async fn commit(self: &Arc<Self>, mut load: Vec<Waiting<Self>>) {
        while !load.is_empty() {
            let batches: Vec<&Batch> = load.iter().map(|waiting| &*waiting.item).collect();
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
    fn after(self: &Arc<Self>, trouble: Trouble, load: Vec<Waiting<Self>>) -> Vec<Waiting<Self>> {
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
                    let commits = Arc::clone(self);
                    // The batch's showtime waits for the outcome, so there is at most one such task for each.
                    self.access.runtime().spawn(async move { commits.carry_aside(waiting).await });
                }
                Vec::new()
            }
        }
    }

    async fn carry_aside(&self, waiting: Waiting<Self>) {
        // Never closed, so that the permit is always given.
        let _permit = self.asides.acquire().await;
        let alone = commit(&self.access, self.settings.commit_timeout(), &[&*waiting.item]).await;
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
    fn landed(&self, waiting: Waiting<Self>, committed: Committed) {
        self.recent.keep(committed, Arc::clone(&waiting.item));
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
