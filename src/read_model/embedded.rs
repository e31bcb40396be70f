//! Read model in memory, for one process: refilled from the journal when it starts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use crate::domain::{EventRun, ShowtimeId, Stamp, Timestamp};
use crate::read_model::{Applied, Generation, PageStart, Place, ReadError, ReadModel, ShowtimeSummary, ShowtimeView};

/// See the module's documentation. Readers share the view that they were given; a write makes a copy only if one still does.
#[derive(Debug)]
pub struct EmbeddedReadModel {
    generations: RwLock<Generations>,
}

#[derive(Debug)]
struct Generations {
    live: u64,
    newest: u64,
    copies: BTreeMap<u64, Copy>,
}

/// One whole copy.
#[derive(Default, Debug)]
struct Copy {
    views: HashMap<ShowtimeId, Arc<ShowtimeView>>,
    /// The order of the list.
    order: BTreeSet<(Timestamp, ShowtimeId)>,
}

impl Copy {
    fn apply(&mut self, run: &EventRun) -> Applied {
        let id = run.showtime_id();
        if let Some(view) = self.views.get_mut(&id) {
            return Arc::make_mut(view).apply(run);
        }
        let first = run.events().first().filter(|_first| run.goes_on(0, Stamp::default()));
        let Some(mut view) = first.and_then(|first| ShowtimeView::scheduled(id, first)) else {
            return Applied::Gap { have: 0 };
        };
        let applied = view.apply(run);
        self.order.insert((view.start_time, id));
        self.views.insert(id, Arc::new(view));
        applied
    }

    fn heads(&self, ids: Vec<ShowtimeId>) -> Vec<(ShowtimeId, u64)> {
        ids.into_iter().filter_map(|id| Some((id, self.views.get(&id)?.sequence))).collect()
    }

    /// The number of showtimes that `other` has not brought as far as this one.
    fn ahead_of(&self, other: &Self) -> usize {
        let reached = |id| other.views.get(id).map_or(0, |view| view.sequence);
        self.views.iter().filter(|(id, view)| view.sequence > reached(id)).count()
    }
}

impl EmbeddedReadModel {
    /// An empty read model.
    pub fn new() -> Self {
        let copies = BTreeMap::from([(1, Copy::default())]);
        Self { generations: RwLock::new(Generations { live: 1, newest: 1, copies }) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Generations> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Generations> {
        self.generations.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EmbeddedReadModel {
    fn default() -> Self {
        Self::new()
    }
}

impl Generations {
    fn copy(&self, generation: u64) -> Result<&Copy, ReadError> {
        self.copies.get(&generation).ok_or_else(|| unknown(generation))
    }
}

fn unknown(generation: u64) -> ReadError {
    ReadError { reason: format!("there is no generation {generation}") }
}

#[async_trait]
impl ReadModel for EmbeddedReadModel {
    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        let generations = self.read();
        Ok(generations.copy(generations.live)?.views.get(&id).cloned())
    }

    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
        let generations = self.read();
        let view = generations.copy(generations.live)?.views.get(&id);
        Ok(view.map(|view| Place { sequence: view.sequence, stamp: view.stamp }))
    }

    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        let views: Vec<Arc<ShowtimeView>> = {
            let generations = self.read();
            let copy = generations.copy(generations.live)?;
            let after = start.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
            let page = copy.order.range((after, std::ops::Bound::Unbounded)).take(limit);
            page.filter_map(|(_, id)| copy.views.get(id).cloned()).collect()
        };
        // Counting seats takes time with large houses: not under the lock.
        Ok(views.iter().map(|view| view.summary()).collect())
    }

    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
        let mut generations = self.write();
        let live = generations.live;
        let applied = generations.copies.get_mut(&live).map(|copy| copy.apply(run)).ok_or_else(|| unknown(live))?;
        let built = generations.copies.iter_mut().filter(|(generation, _)| **generation != live);
        Ok(built.fold(applied, |applied, (_, copy)| applied.or_of_built(copy.apply(run))))
    }

    async fn forget(&self, id: ShowtimeId, sequence: u64) -> Result<(), ReadError> {
        for copy in self.write().copies.values_mut() {
            if copy.views.get(&id).is_some_and(|view| view.sequence == sequence)
                && let Some(view) = copy.views.remove(&id)
            {
                copy.order.remove(&(view.start_time, id));
            }
        }
        Ok(())
    }

    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, u64)>, ReadError> {
        let generations = self.read();
        Ok(generations.copy(generations.live)?.heads(ids))
    }

    async fn begin_rebuild(&self) -> Result<Generation, ReadError> {
        let mut generations = self.write();
        generations.newest += 1;
        let newest = generations.newest;
        generations.copies.insert(newest, Copy::default());
        Ok(Generation(newest))
    }

    async fn apply_to(&self, generation: Generation, run: &EventRun) -> Result<Applied, ReadError> {
        let mut generations = self.write();
        generations.copies.get_mut(&generation.0).map(|copy| copy.apply(run)).ok_or_else(|| unknown(generation.0))
    }

    async fn heads_in(
        &self,
        generation: Generation,
        ids: Vec<ShowtimeId>,
    ) -> Result<Vec<(ShowtimeId, u64)>, ReadError> {
        Ok(self.read().copy(generation.0)?.heads(ids))
    }

    async fn publish_rebuild(&self, generation: Generation) -> Result<(), ReadError> {
        let mut generations = self.write();
        let behind = generations.copy(generations.live)?.ahead_of(generations.copy(generation.0)?);
        if behind > 0 {
            let reason = format!("generation {} is still behind in {behind} showtimes", generation.0);
            return Err(ReadError { reason });
        }
        // Readers hold views, not copies: the others can go at once.
        generations.copies.retain(|other, _| *other == generation.0);
        generations.live = generation.0;
        Ok(())
    }

    async fn abandon_rebuild(&self, generation: Generation) -> Result<(), ReadError> {
        let mut generations = self.write();
        if generations.live == generation.0 {
            return Err(ReadError { reason: format!("generation {} is live", generation.0) });
        }
        generations.copies.remove(&generation.0);
        Ok(())
    }

    async fn ping(&self) -> Result<(), ReadError> {
        Ok(())
    }
}
