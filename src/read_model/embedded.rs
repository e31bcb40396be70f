//! Read model in memory, for one process: filled from the write store when it starts.

mod nodes;
mod refusals;

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use crate::domain::{Applied, EventRun, Place, ShowtimeId, ShowtimeSummary, ShowtimeView, Stamp, Timestamp};
use crate::read_model::refusals::{Refusal, Refusals, RequestId};
use crate::read_model::{PageStart, ReadError, ReadModel};

pub use nodes::EmbeddedNodes;

/// See the module's documentation. Readers share the view that they were given; a write makes a copy only if one still does.
#[derive(Default, Debug)]
pub struct EmbeddedReadModel {
    showtimes: RwLock<Showtimes>,
    refusals: refusals::Kept,
}

#[derive(Default, Debug)]
struct Showtimes {
    views: HashMap<ShowtimeId, Arc<ShowtimeView>>,
    /// The order of the list.
    order: BTreeSet<(Timestamp, ShowtimeId)>,
}

impl Showtimes {
    fn place(&self, id: ShowtimeId) -> Option<Place> {
        self.views.get(&id).map(|view| view.place())
    }

    fn apply(&mut self, run: &EventRun) -> Applied {
        let id = run.showtime_id();
        if let Some(view) = self.views.get_mut(&id) {
            let view = Arc::make_mut(view);
            let before = view.listing.start_time;
            let applied = view.apply(run);
            if before != view.listing.start_time {
                self.order.remove(&(before, id));
                self.order.insert((view.listing.start_time, id));
            }
            return applied;
        }
        let first = run.events().first().filter(|_first| run.goes_on(0, Stamp::default()));
        let Some(mut view) = first.and_then(|first| ShowtimeView::scheduled(id, first)) else {
            return Applied::Gap { have: 0 };
        };
        let applied = view.apply(run);
        self.insert(Arc::new(view));
        applied
    }

    fn insert(&mut self, view: Arc<ShowtimeView>) {
        self.order.insert((view.listing.start_time, view.id));
        self.views.insert(view.id, view);
    }

    fn remove(&mut self, id: ShowtimeId) {
        if let Some(view) = self.views.remove(&id) {
            self.order.remove(&(view.listing.start_time, id));
        }
    }
}

impl EmbeddedReadModel {
    /// An empty read model.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Showtimes> {
        self.showtimes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Showtimes> {
        self.showtimes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ReadModel for EmbeddedReadModel {
    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        Ok(self.read().views.get(&id).cloned())
    }

    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
        Ok(self.read().place(id))
    }

    async fn places(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, Place)>, ReadError> {
        let showtimes = self.read();
        Ok(ids.into_iter().filter_map(|id| Some((id, showtimes.place(id)?))).collect())
    }

    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        let views: Vec<Arc<ShowtimeView>> = {
            let showtimes = self.read();
            let after = start.map_or(Bound::Unbounded, Bound::Excluded);
            let page = showtimes.order.range((after, Bound::Unbounded)).take(limit);
            page.filter_map(|(_, id)| showtimes.views.get(id).cloned()).collect()
        };
        // Counting seats takes time with large houses: not under the lock.
        Ok(views.iter().map(|view| view.summary()).collect())
    }

    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
        Ok(self.write().apply(run))
    }

    async fn replace(
        &self,
        id: ShowtimeId,
        over: Option<Place>,
        with: Option<Arc<ShowtimeView>>,
    ) -> Result<bool, ReadError> {
        let mut showtimes = self.write();
        if showtimes.place(id) != over {
            return Ok(false);
        }
        showtimes.remove(id);
        if let Some(view) = with {
            showtimes.insert(view);
        }
        Ok(true)
    }

    async fn ping(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[async_trait]
impl Refusals for EmbeddedReadModel {
    async fn keep(&self, refusals: &[Arc<Refusal>]) -> Result<(), ReadError> {
        self.refusals.keep(refusals);
        Ok(())
    }

    async fn find(&self, id: RequestId, since: Timestamp) -> Result<Vec<Refusal>, ReadError> {
        Ok(self.refusals.find(id, since))
    }
}
