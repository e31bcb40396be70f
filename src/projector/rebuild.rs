//! Rebuild: fills a fresh copy of the read model from the journal, beside the live one, and lets it take over.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{Settings, strays};
use crate::domain::{EventRun, ShowtimeId};
use crate::read_model::{Applied, Generation, ReadError, ReadModel};
use crate::write_store::{Head, StoreError, WriteStore};

/// How far a rebuild is, told after every page of showtimes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RebuildProgress {
    /// The pass over all showtimes, from 1. The first does nearly everything, later ones what happened meanwhile.
    pub pass: u32,
    /// Showtimes looked at in this pass.
    pub showtimes: usize,
    /// Events written in all passes.
    pub events: usize,
}

/// What a rebuild has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RebuildReport {
    /// The copy that is now live.
    pub generation: Generation,
    /// Showtimes in it.
    pub showtimes: usize,
    /// Events written.
    pub events: usize,
    /// Passes over all showtimes.
    pub passes: u32,
}

impl fmt::Display for RebuildProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pass {}: {} showtimes, {} events written so far", self.pass, self.showtimes, self.events)
    }
}

impl fmt::Display for RebuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, showtimes, events, passes } = self;
        write!(f, "generation {} is live: {showtimes} showtimes, {events} events, in {passes} passes", generation.0)
    }
}

/// Why a rebuild was abandoned. The live copy is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The write store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The read model failed, or the copy could not be published.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A journal that does not begin with its first event, or has a gap.
    #[error("the journal of showtime {showtime} cannot be applied after sequence {after}")]
    Journal {
        /// The showtime.
        showtime: ShowtimeId,
        /// Last sequence that could.
        after: u64,
    },
    /// Asked to stop.
    #[error("the rebuild was stopped")]
    Stopped,
}

/// Attempts of one write to the copy.
const ATTEMPTS: u32 = 5;

/// The two sides that a rebuild brings together.
#[derive(Clone)]
pub struct Stores {
    /// Where the journal is.
    pub write_store: Arc<dyn WriteStore>,
    /// Where its fold goes.
    pub read_model: Arc<dyn ReadModel>,
}

/// Rebuilds the read model. `stop` abandons it. Projectors may run meanwhile.
pub async fn rebuild(
    stores: &Stores,
    settings: &Settings,
    stop: &CancellationToken,
    mut progress: impl FnMut(RebuildProgress) + Send,
) -> Result<RebuildReport, RebuildError> {
    let Stores { write_store, read_model } = stores;
    // A document that is ahead of the journal, or beside it, would never be reached by the new copy.
    strays::forget_strays::<RebuildError>(&**write_store, &**read_model, settings.sweep_page.max(1)).await?;
    let generation = read_model.begin_rebuild().await?;
    let filling = Filling { stores, settings, generation };
    let filled = stop.run_until_cancelled(filling.fill_and_publish(&mut progress)).await;
    let error = match filled {
        Some(Ok(report)) => return Ok(report),
        Some(Err(error)) => error,
        None => RebuildError::Stopped,
    };
    if let Err(abandoned) = stores.read_model.abandon_rebuild(generation).await {
        tracing::warn!(generation = generation.0, "the unfinished copy is left to the next rebuild: {abandoned}");
    }
    Err(error)
}

struct Filling<'a> {
    stores: &'a Stores,
    settings: &'a Settings,
    generation: Generation,
}

impl Filling<'_> {
    async fn fill_and_publish(
        &self,
        progress: &mut (impl FnMut(RebuildProgress) + Send),
    ) -> Result<RebuildReport, RebuildError> {
        let mut state = RebuildProgress::default();
        loop {
            state.pass += 1;
            state.showtimes = 0;
            self.pass(&mut state, progress).await?;
            // In the first pass most of the time goes by: what happened meanwhile is due before publishing is worth trying.
            if state.pass == 1 {
                continue;
            }
            match self.stores.read_model.publish_rebuild(self.generation).await {
                Ok(()) => {
                    let RebuildProgress { pass: passes, showtimes, events } = state;
                    return Ok(RebuildReport { generation: self.generation, showtimes, events, passes });
                }
                Err(error) if state.pass >= self.settings.rebuild_max_passes => return Err(error.into()),
                Err(error) => {
                    tracing::info!(pass = state.pass, "the copy cannot be published yet: {error}");
                    // Whoever applies events as they come needs a moment to close the gaps that this has left.
                    tokio::time::sleep(Duration::from_millis(self.settings.retry_first_milliseconds)).await;
                }
            }
        }
    }

    /// Brings every showtime to where its journal ends when it is looked at.
    async fn pass(
        &self,
        state: &mut RebuildProgress,
        progress: &mut (impl FnMut(RebuildProgress) + Send),
    ) -> Result<(), RebuildError> {
        let mut after = None;
        loop {
            let page = self.stores.write_store.heads_page(after, self.settings.sweep_page.max(1)).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            let count = page.len();
            state.events += self.fill_page(page).await?;
            state.showtimes += count;
            progress(*state);
        }
    }

    async fn fill_page(&self, page: Vec<Head>) -> Result<usize, RebuildError> {
        let ids = page.iter().map(|(id, _)| *id).collect();
        let reached = self.stores.read_model.heads_in(self.generation, ids).await?;
        let reached: HashMap<_, _> = reached.into_iter().collect();
        let behind = page.into_iter().filter_map(|(id, head)| {
            let have = reached.get(&id).copied().unwrap_or(0);
            (have < head).then(|| self.fill(id, have, head))
        });
        stream::iter(behind)
            .buffer_unordered(self.settings.rebuild_showtimes_at_once.max(1))
            .try_fold(0, async |sum, count| Ok(sum + count))
            .await
    }

    async fn fill(&self, id: ShowtimeId, mut have: u64, head: u64) -> Result<usize, RebuildError> {
        let mut written = 0;
        while have < head {
            let hopeless = RebuildError::Journal { showtime: id, after: have };
            let page = self.stores.write_store.journal(id, have, self.settings.journal_page.max(1)).await?;
            let count = page.len();
            let Some(run) = EventRun::new(id, page).filter(|run| run.first_sequence() == have + 1) else {
                return Err(hopeless);
            };
            have = match self.write(&run).await? {
                Applied::UpTo(reached) => reached,
                Applied::Gap { have: same } if same == have => return Err(hopeless),
                Applied::Gap { have } => have,
            };
            written += count;
        }
        Ok(written)
    }

    async fn write(&self, run: &EventRun) -> Result<Applied, ReadError> {
        for attempt in 1..ATTEMPTS {
            match self.stores.read_model.apply_to(self.generation, run).await {
                Ok(applied) => return Ok(applied),
                Err(error) => tracing::debug!(attempt, "will write to the copy again: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(self.settings.retry_first_milliseconds)).await;
        }
        self.stores.read_model.apply_to(self.generation, run).await
    }
}
