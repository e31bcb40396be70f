//! Showtime looks: the sequences of showtimes in their [`ShowtimeSource`], each remembered for a moment.
//!
//! **Invariant:** a request for a showtime gets a look that began at most [`RECENT`] before the request arrived, or one that began
//! later. While the read model is away, [`LOOK_LASTS`] takes its place.
//!
//! **Invariant:** as long as a look lasts, no look with a lower sequence replaces it. So no reader sees an older view than an earlier
//! reader on this node. After a restore of the write store, the lower sequence shows when that time is over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::coalesce::Flights;
use crate::domain::{ShowtimeId, ShowtimeSummary};
use crate::http::caching::showtime_source::{Look, Origin, ShowtimeSource};
use crate::read_model::{PageStart, ReadError};

/// For how long the read model is not asked again for a showtime's sequence.
const RECENT: Duration = Duration::from_millis(25);
/// For how long the write store is not asked again for a showtime's sequence.
const LOOK_LASTS: Duration = Duration::from_millis(100);
/// Most looks that are remembered; the least recently used go first.
const MOST_LOOKS: u64 = 10_000;

type Looked = Result<Option<Look>, Arc<ReadError>>;
type Listed = Result<Arc<Vec<ShowtimeSummary>>, Arc<ReadError>>;

/// See the module's documentation.
pub(crate) struct ShowtimeLooks {
    source: Arc<ShowtimeSource>,
    /// Unknown showtimes are not in it: `existence` remembers them. The time is in the look, since moka's clock does not pause in tests.
    remembered: Cache<ShowtimeId, Look>,
    /// Calls that a remembered look can answer, if one has come by the time they start.
    recent: Flights<ShowtimeId, Looked>,
    /// Calls that always ask the source.
    current: Flights<ShowtimeId, Looked>,
    lists: Flights<(PageStart, usize), Listed>,
}

impl ShowtimeLooks {
    pub(crate) fn new(source: Arc<ShowtimeSource>) -> Arc<Self> {
        let remembered = Cache::builder().max_capacity(MOST_LOOKS).eviction_policy(EvictionPolicy::lru()).build();
        let (recent, current, lists) = (Flights::default(), Flights::default(), Flights::default());
        Arc::new(Self { source, remembered, recent, current, lists })
    }

    /// The showtime's sequence at most a moment ago; `None` if it is unknown now.
    pub(crate) async fn recent(self: &Arc<Self>, id: ShowtimeId) -> Looked {
        if let Some(look) = self.remembered(id) {
            return Ok(Some(look));
        }
        let looks = Arc::clone(self);
        let call = move || {
            async move {
                match looks.remembered(id) {
                    Some(look) => Ok(Some(look)),
                    None => looks.look(id).await,
                }
            }
            .boxed()
        };
        self.recent.join_next(id, call).await
    }

    /// The showtime's sequence: [`Self::recent`] if that is at least `wanted`, else as of now or later.
    pub(crate) async fn reaching(self: &Arc<Self>, id: ShowtimeId, wanted: u64) -> Looked {
        let arrived = Instant::now();
        let recent = self.recent(id).await?;
        let Some(look) = recent.filter(|look| look.sequence < wanted && look.asked < arrived) else {
            return Ok(recent);
        };
        match look.origin {
            Origin::ReadModel => {
                let looks = Arc::clone(self);
                self.current.join_next(id, move || async move { looks.look(id).await }.boxed()).await
            }
            Origin::WriteStore => {
                tokio::time::sleep_until(look.asked + LOOK_LASTS).await;
                self.recent(id).await
            }
        }
    }

    /// Up to `limit` showtimes after `start`, as of now or later.
    pub(crate) async fn list(self: &Arc<Self>, start: PageStart, limit: usize) -> Listed {
        let looks = Arc::clone(self);
        let call = move || {
            async move {
                let asked = Instant::now();
                let page = looks.source.list(start, limit).await.map_err(Arc::new)?;
                for ShowtimeSummary { id, sequence, .. } in &page {
                    looks.remember(*id, Look { sequence: *sequence, origin: Origin::ReadModel, asked });
                }
                Ok(Arc::new(page))
            }
            .boxed()
        };
        self.lists.join_next((start, limit), call).await
    }

    async fn look(&self, id: ShowtimeId) -> Looked {
        let look = self.source.look(id).await.map_err(Arc::new)?;
        Ok(look.map(|look| self.remember(id, look)))
    }

    fn remembered(&self, id: ShowtimeId) -> Option<Look> {
        self.remembered.get(&id).filter(lasts)
    }

    /// Returns the look that is remembered from now on.
    fn remember(&self, id: ShowtimeId, new: Look) -> Look {
        let further = |old: Look| lasts(&old) && old.sequence > new.sequence;
        let entry = self.remembered.entry(id).and_upsert_with(|old| match old.map(moka::Entry::into_value) {
            Some(old) if further(old) => old,
            Some(_) | None => new,
        });
        entry.into_value()
    }
}

fn lasts(look: &Look) -> bool {
    let longest = match look.origin {
        Origin::ReadModel => RECENT,
        Origin::WriteStore => LOOK_LASTS,
    };
    look.asked.elapsed() < longest
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Applied, EventRun, Listing, Place, Row, SeatMap, SeatStatus, ShowtimeView, Stamp, Timestamp};
    use crate::http::caching::showtime_shelf::ShowtimeShelf;
    use crate::read_model::ReadModel;
    use crate::read_model::embedded::EmbeddedReadModel;

    const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));

    /// Notes the calls of readers. An answer takes a while, and is of when the call began.
    #[derive(Default)]
    struct Counted {
        inner: EmbeddedReadModel,
        calls: Mutex<Vec<&'static str>>,
        takes: Mutex<Duration>,
        is_away: AtomicBool,
    }

    impl Counted {
        async fn answer<T>(&self, call: &'static str, answer: Result<T, ReadError>) -> Result<T, ReadError> {
            self.calls.lock().unwrap().push(call);
            let takes = *self.takes.lock().unwrap();
            tokio::time::sleep(takes).await;
            if self.is_away.load(Ordering::Relaxed) {
                return Err(ReadError { reason: "by the test".to_owned() });
            }
            answer
        }
    }

    #[async_trait]
    impl ReadModel for Counted {
        async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
            self.answer("showtime", self.inner.showtime(id).await).await
        }

        async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
            self.answer("place", self.inner.place(id).await).await
        }

        async fn places(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, Place)>, ReadError> {
            self.inner.places(ids).await
        }

        async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
            self.answer("list", self.inner.list(start, limit).await).await
        }

        async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
            self.inner.apply(run).await
        }

        async fn replace(
            &self,
            id: ShowtimeId,
            over: Option<Place>,
            with: Option<Arc<ShowtimeView>>,
        ) -> Result<bool, ReadError> {
            self.inner.replace(id, over, with).await
        }

        async fn ping(&self) -> Result<(), ReadError> {
            self.inner.ping().await
        }
    }

    /// Readers of one showtime, and the read model behind them.
    struct House {
        model: Arc<Counted>,
        looks: Arc<ShowtimeLooks>,
        shelf: ShowtimeShelf,
    }

    impl House {
        async fn at(sequence: u64) -> Self {
            let model = Arc::new(Counted::default());
            let source = Arc::new(ShowtimeSource::new(model.clone(), None, Arc::new(|_, _| {})));
            let shelf = ShowtimeShelf::new(Arc::clone(&source), 10, 1_000_000);
            let house = Self { model, looks: ShowtimeLooks::new(source), shelf };
            house.moves_to(sequence).await;
            house
        }

        /// The read model shows this sequence from now on.
        async fn moves_to(&self, sequence: u64) {
            let view = ShowtimeView {
                id: ID,
                listing: Arc::new(Listing::new("M", Timestamp::MAX)),
                sequence,
                stamp: Stamp::default(),
                seat_map: Arc::new(SeatMap::new(vec![Row::numbered("A", 1)]).unwrap()),
                statuses: vec![SeatStatus::Available],
            };
            let over = self.model.inner.place(ID).await.unwrap();
            assert!(self.model.inner.replace(ID, over, Some(Arc::new(view))).await.unwrap());
        }

        /// The sequence that a reader is shown.
        async fn reads(&self, wanted: u64) -> u64 {
            let look = self.looks.reaching(ID, wanted).await.unwrap().unwrap();
            self.shelf.at_least(ID, look).await.unwrap().unwrap().sequence
        }

        /// The calls to the read model since this was asked last.
        fn calls(&self) -> Vec<&'static str> {
            std::mem::take(&mut *self.model.calls.lock().unwrap())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_reader_within_25_ms_costs_no_call_and_a_later_crowd_costs_one() {
        let house = House::at(1).await;
        assert_eq!((house.reads(0).await, house.calls()), (1, vec!["place", "showtime"]));
        tokio::time::advance(Duration::from_millis(24)).await;
        assert_eq!((house.reads(0).await, house.reads(1).await, house.calls()), (1, 1, vec![]));
        tokio::time::advance(Duration::from_millis(1)).await;
        // Half of the crowd comes while the call for the other half is under way.
        *house.model.takes.lock().unwrap() = Duration::from_millis(5);
        let reads = |late| {
            let house = &house;
            async move {
                tokio::time::sleep(Duration::from_millis(late)).await;
                house.reads(0).await
            }
        };
        let crowd = join_all((0..100).map(|number| reads(3 * (number % 2)))).await;
        assert_eq!((crowd, house.calls()), (vec![1; 100], vec!["place"]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_sequence_shows_after_25_ms_or_at_once_to_who_wants_it() {
        let house = House::at(1).await;
        house.reads(0).await;
        tokio::time::advance(Duration::from_millis(10)).await;
        house.moves_to(2).await;
        assert_eq!(house.reads(0).await, 1);
        tokio::time::advance(Duration::from_millis(15)).await;
        assert_eq!(house.reads(0).await, 2);
        tokio::time::advance(Duration::from_millis(1)).await;
        house.moves_to(3).await;
        assert_eq!((house.reads(2).await, house.reads(3).await), (2, 3));
        assert_eq!(house.reads(0).await, 3, "no reader sees less than an earlier one");
        house.calls();
        assert_eq!(house.looks.reaching(ID, 9).await.unwrap().unwrap().sequence, 3, "as of now");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(house.looks.reaching(ID, 9).await.unwrap().unwrap().sequence, 3, "as of now");
        assert_eq!(house.calls(), ["place"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_took_long_is_as_old_as_its_beginning() {
        let house = House::at(1).await;
        *house.model.takes.lock().unwrap() = Duration::from_millis(30);
        let slow = house.looks.recent(ID);
        let (slow, ()) = tokio::join!(slow, async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            house.moves_to(2).await;
        });
        assert_eq!(slow.unwrap().unwrap().sequence, 1);
        assert_eq!(house.looks.recent(ID).await.unwrap().unwrap().sequence, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slower_look_does_not_hide_what_an_earlier_reader_saw() {
        let house = House::at(1).await;
        *house.model.takes.lock().unwrap() = Duration::from_millis(10);
        let looks = &house.looks;
        let (slow, ()) = tokio::join!(looks.recent(ID), async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            house.moves_to(2).await;
            *house.model.takes.lock().unwrap() = Duration::ZERO;
            assert_eq!(looks.list(None, 1).await.unwrap()[0].sequence, 2);
        });
        assert_eq!(slow.unwrap().unwrap().sequence, 2);
        assert_eq!(house.reads(0).await, 2);
        // Of a write store that was restored to an earlier moment, the lower sequence shows all the same.
        house.moves_to(1).await;
        tokio::time::advance(RECENT).await;
        assert_eq!(house.reads(0).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_showtimes_and_failures_are_not_remembered() {
        let house = House::at(1).await;
        let unknown = ShowtimeId(Uuid::from_u128(8));
        for _ in 0..2 {
            assert_eq!(house.looks.recent(unknown).await.unwrap(), None);
        }
        house.model.is_away.store(true, Ordering::Relaxed);
        assert!(house.looks.recent(ID).await.is_err());
        assert_eq!(house.calls(), ["place"; 3]);
        house.model.is_away.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(house.looks.recent(ID).await.unwrap().unwrap().sequence, 1);
    }
}
