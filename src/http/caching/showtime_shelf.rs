//! Showtime shelf: encoded showtimes, each at its newest sequence, made once and shared by everybody who asks for them.
//!
//! **Invariant:** an answer is never older than the [`Look`] that it was asked for. How old that is, `showtime_looks` bounds.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::coalesce::Flights;
use crate::domain::{ShowtimeId, ShowtimeView};
use crate::http::caching::encoded_showtime::{EncodedShowtime, Form, Layout};
use crate::http::caching::representation::{Body, Coding, Representation};
use crate::http::caching::showtime_source::{Look, ShowtimeSource};
use crate::read_model::ReadError;
use crate::telemetry::metrics::{Counter, EncodeLabelSet, Family, Registry};

/// Above this many bytes a body is made off the HTTP workers, which would stand still for milliseconds.
const BYTES_MADE_INLINE: usize = 64 * 1024;
/// For how long a showtime that does not change is not read again: a restored write store may have another history with the same
/// sequence.
const KEPT_FOR: Duration = Duration::from_secs(5);

type Loaded = Result<Option<Arc<EncodedShowtime>>, Arc<ReadError>>;

/// See the module's documentation. Bounded by number and by bytes; the least recently used go first.
pub(crate) struct ShowtimeShelf {
    source: Arc<ShowtimeSource>,
    loads: Flights<ShowtimeId, Loaded>,
    views: Flights<ShowtimeId, Result<Option<Arc<ShowtimeView>>, Arc<ReadError>>>,
    contents: Contents,
    made: Made,
}

/// A body, and the showtime that it is of.
pub(crate) struct Shown {
    pub(crate) encoded: Arc<EncodedShowtime>,
    pub(crate) body: Body,
}

/// How many bodies were made, by coding.
type Made = Family<InCoding, Counter>;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct InCoding {
    coding: &'static str,
}

/// What stands on the shelf. Cheap to clone.
#[derive(Clone)]
struct Contents {
    kept: Cache<ShowtimeId, Arc<EncodedShowtime>>,
    most_bytes: usize,
}

impl ShowtimeShelf {
    pub(crate) fn new(source: Arc<ShowtimeSource>, most_showtimes: usize, most_bytes: usize) -> Self {
        let contents = Contents::new(most_showtimes, most_bytes);
        Self { source, loads: Flights::default(), views: Flights::default(), contents, made: Made::default() }
    }

    /// The showtime as its source had it when `look` was asked for, or later. What was made before and is further has been taken
    /// back: the write store was restored to an earlier moment, and its views follow.
    pub(crate) async fn at_least(&self, id: ShowtimeId, look: Look) -> Loaded {
        let Look { sequence, asked, .. } = look;
        let fits = |found: &EncodedShowtime| {
            let is_there = found.sequence == sequence && found.made_at.elapsed() <= KEPT_FOR;
            is_there || (found.sequence >= sequence && found.made_at >= asked)
        };
        // A load under way may have started too early; the next one has not. If even that shows less, the read model was emptied meanwhile.
        for last_try in [false, true] {
            if let Some(kept) = self.kept(id, sequence).filter(|kept| fits(kept)) {
                return Ok(Some(kept));
            }
            match self.load(id).await? {
                Some(loaded) if last_try || fits(&loaded) => return Ok(Some(loaded)),
                None if last_try => return Ok(None),
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    /// The showtime if it is there at `sequence` or later.
    fn kept(&self, id: ShowtimeId, sequence: u64) -> Option<Arc<EncodedShowtime>> {
        self.contents.recall(id, sequence)
    }

    /// The body of `found`, or of a later sequence if one has come while it was waited for.
    pub(crate) async fn shown(
        &self,
        id: ShowtimeId,
        found: Arc<EncodedShowtime>,
        (form, coding): (Form, Coding),
    ) -> Result<Shown, ReadError> {
        if let Some(body) = found.form(form).ready(coding) {
            return Ok(Shown { encoded: found, body });
        }
        let layout: Arc<Layout> = Arc::clone(found.layout());
        let _making = layout.press.lock().await;
        let encoded = self.kept(id, found.sequence).unwrap_or(found);
        let wanted = Arc::clone(encoded.form(form));
        let body = match wanted.ready(coding) {
            Some(ready) => ready,
            None => self.make(id, wanted, coding).await?,
        };
        Ok(Shown { encoded, body })
    }

    async fn make(&self, id: ShowtimeId, wanted: Arc<Representation>, coding: Coding) -> Result<Body, ReadError> {
        let (contents, counts) = (Contents::clone(&self.contents), Made::clone(&self.made));
        let is_long = wanted.likely_bytes() > BYTES_MADE_INLINE;
        // Once begun it comes to its end and is kept, whoever still waits for it.
        let make = move || {
            let body = wanted.make(coding, &|coding| note(&counts, coding, 1));
            contents.weigh_again(id);
            body
        };
        if !is_long {
            return Ok(make());
        }
        tokio::task::spawn_blocking(make).await.map_err(|error| ReadError { reason: error.to_string() })
    }

    /// The showtime with all its seats as its source has it; who asks while it is being read shares what comes.
    pub(crate) async fn view(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, Arc<ReadError>> {
        let source = Arc::clone(&self.source);
        let load = move || async move { source.showtime(id).await.map_err(Arc::new) }.boxed();
        self.views.join_running(id, load).await
    }

    async fn load(&self, id: ShowtimeId) -> Loaded {
        let (source, contents) = (Arc::clone(&self.source), Contents::clone(&self.contents));
        let load = move || {
            async move {
                let Some(view) = source.showtime(id).await.map_err(Arc::new)? else {
                    return Ok(None);
                };
                let earlier = contents.recall(id, 0).map(|kept| Arc::clone(kept.layout()));
                let loaded = Arc::new(EncodedShowtime::of(&view, earlier));
                contents.keep(id, &loaded);
                Ok(Some(loaded))
            }
            .boxed()
        };
        self.loads.join_running(id, load).await
    }

    /// From now on the bodies that are made are told.
    pub(crate) fn register(&self, registry: &Registry) {
        let help = "Bodies of showtimes that were encoded (identity) and compressed (gzip)";
        registry.add("showtime_bodies_made", help, Made::clone(&self.made));
        note(&self.made, Coding::Identity, 0);
        note(&self.made, Coding::Gzip, 0);
    }
}

fn note(made: &Made, coding: Coding, bodies: u64) {
    let coding = match coding {
        Coding::Identity => "identity",
        Coding::Gzip => "gzip",
    };
    made.get_or_create(&InCoding { coding }).inc_by(bodies);
}

impl Contents {
    /// moka bounds one weight only. As each showtime weighs at least its share of the bytes, that bounds the number, too.
    fn new(most_showtimes: usize, most_bytes: usize) -> Self {
        let share = most_bytes.div_ceil(most_showtimes.max(1));
        let weigh = move |encoded: &EncodedShowtime| u32::try_from(encoded.bytes().max(share)).unwrap_or(u32::MAX);
        let kept = Cache::builder()
            .max_capacity(u64::try_from(most_bytes).unwrap_or(u64::MAX))
            .weigher(move |_id, encoded: &Arc<EncodedShowtime>| weigh(encoded))
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { kept, most_bytes }
    }

    fn recall(&self, id: ShowtimeId, sequence: u64) -> Option<Arc<EncodedShowtime>> {
        self.kept.get(&id).filter(|kept| kept.sequence >= sequence)
    }

    fn keep(&self, id: ShowtimeId, loaded: &Arc<EncodedShowtime>) {
        let newer = |kept: &Arc<EncodedShowtime>| kept.made_at > loaded.made_at;
        self.put(id, |kept| Some(kept.filter(newer).unwrap_or_else(|| Arc::clone(loaded))));
    }

    /// A body was made.
    fn weigh_again(&self, id: ShowtimeId) {
        self.put(id, |kept| kept);
    }

    fn put(&self, id: ShowtimeId, choose: impl FnOnce(Option<Arc<EncodedShowtime>>) -> Option<Arc<EncodedShowtime>>) {
        // moka weighs what is put, and runs these closures for one showtime one after the other.
        self.kept.entry(id).and_compute_with(|kept| match choose(kept.map(moka::Entry::into_value)) {
            // One that is too long would drive out all others, and then itself.
            Some(encoded) if encoded.bytes() > self.most_bytes => Op::Remove,
            Some(encoded) => Op::Put(encoded),
            None => Op::Nop,
        });
        // Left alone, moka makes room and drops replaced bodies only after up to 64 changes.
        self.kept.run_pending_tasks();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Listing, Row, SeatMap, SeatStatus, Stamp, Timestamp};
    use crate::read_model::embedded::EmbeddedReadModel;

    /// Long enough to be made off the workers.
    const SEATS: u32 = 2_000;

    fn id(id: u128) -> ShowtimeId {
        ShowtimeId(Uuid::from_u128(id))
    }

    fn encoded(number: u128, sequence: u64) -> Arc<EncodedShowtime> {
        let rows = vec![Row::numbered("A", SEATS)];
        let view = ShowtimeView {
            id: id(number),
            listing: Arc::new(Listing::new("M", Timestamp::from_millis(1_000))),
            sequence,
            stamp: Stamp::default(),
            seat_map: Arc::new(SeatMap::new(rows).unwrap()),
            statuses: vec![SeatStatus::Available; usize::try_from(SEATS).unwrap()],
        };
        Arc::new(EncodedShowtime::of(&view, None))
    }

    fn shelf(most_showtimes: usize, most_bytes: usize) -> ShowtimeShelf {
        let source = ShowtimeSource::new(Arc::new(EmbeddedReadModel::new()), None, Arc::new(|_, _| {}));
        ShowtimeShelf::new(Arc::new(source), most_showtimes, most_bytes)
    }

    fn sum(shelf: &ShowtimeShelf) -> (usize, usize) {
        let kept = &shelf.contents.kept;
        (usize::try_from(kept.weighted_size()).unwrap(), kept.iter().map(|(_, kept)| kept.bytes()).sum())
    }

    #[tokio::test]
    async fn a_crowd_has_one_body_encoded_and_compressed() {
        let shelf = shelf(3, 300_000);
        let found = encoded(1, 7);
        shelf.contents.keep(id(1), &found);
        let crowd = |coding| {
            let ask = || shelf.shown(id(1), Arc::clone(&found), (Form::Whole, coding));
            join_all((0..100).map(move |_| ask()))
        };
        let packed = crowd(Coding::Gzip).await;
        let first = &packed[0].as_ref().unwrap().body;
        assert!(packed.iter().all(|shown| shown.as_ref().unwrap().body.bytes.as_ptr() == first.bytes.as_ptr()));
        let counts = || ["identity", "gzip"].map(|coding| shelf.made.get_or_create(&InCoding { coding }).get());
        assert_eq!(counts(), [1, 1]);
        let plain = crowd(Coding::Identity).await;
        assert_eq!(counts(), [2, 1]);
        let plain = &plain[99].as_ref().unwrap().body;
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&first.bytes[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!((first.coding, plain.coding, &unpacked[..]), (Coding::Gzip, Coding::Identity, &plain.bytes[..]));
        assert!(first.bytes.len() < plain.bytes.len() / 8);
        let (counted, real) = sum(&shelf);
        assert!(counted == real && counted > first.bytes.len() + plain.bytes.len(), "{counted} of {real}");
    }

    #[tokio::test]
    async fn who_waits_for_a_body_is_shown_the_newest_that_has_come() {
        let shelf = shelf(3, 300_000);
        let found = encoded(1, 7);
        let making = found.layout().press.lock().await;
        let mut waiting = Box::pin(shelf.shown(id(1), Arc::clone(&found), (Form::Whole, Coding::Gzip)));
        assert!((&mut waiting).now_or_never().is_none());
        shelf.contents.keep(id(1), &encoded(1, 9));
        drop(making);
        assert_eq!(waiting.await.unwrap().encoded.sequence, 9);
    }

    #[tokio::test]
    async fn a_body_that_nobody_waits_for_any_more_is_kept() {
        let shelf = shelf(3, 300_000);
        let found = encoded(1, 7);
        shelf.contents.keep(id(1), &found);
        let mut left = Box::pin(shelf.shown(id(1), Arc::clone(&found), (Form::Whole, Coding::Gzip)));
        assert!((&mut left).now_or_never().is_none());
        drop(left);
        shelf.shown(id(1), found, (Form::Whole, Coding::Gzip)).await.unwrap();
        assert_eq!(shelf.made.get_or_create(&InCoding { coding: "gzip" }).get(), 1);
    }

    #[tokio::test]
    async fn the_newest_and_the_recently_used_are_kept_within_the_bounds() {
        let whole = encoded(1, 1).form(Form::Whole).make(Coding::Identity, &|_| ()).bytes.len();
        let shelf = shelf(3, whole * 2 + whole / 2);
        let keep = async |shelf: &ShowtimeShelf, number, sequence| {
            let new = encoded(number, sequence);
            shelf.contents.keep(id(number), &new);
            shelf.shown(id(number), new, (Form::Whole, Coding::Identity)).await.unwrap();
            assert_eq!(sum(shelf).0, sum(shelf).1);
        };
        let earlier = encoded(1, 6);
        keep(&shelf, 1, 7).await;
        shelf.contents.keep(id(1), &earlier);
        assert_eq!(shelf.kept(id(1), 0).unwrap().sequence, 7);
        keep(&shelf, 2, 7).await;
        keep(&shelf, 1, 8).await;
        keep(&shelf, 3, 7).await;
        assert!(shelf.kept(id(2), 0).is_none(), "the least recently used goes");
        assert!(shelf.kept(id(1), 8).is_some() && shelf.kept(id(1), 9).is_none());
    }

    #[tokio::test]
    async fn the_number_is_bounded_and_what_is_too_long_drives_nothing_out() {
        let whole = encoded(1, 1).form(Form::Whole).make(Coding::Identity, &|_| ()).bytes.len();
        let shelf = shelf(2, whole / 2 * 2);
        for number in 1..=3 {
            shelf.contents.keep(id(number), &encoded(number, 7));
        }
        let kept = || [1, 2, 3].map(|number| shelf.kept(id(number), 0).is_some());
        assert_eq!(kept(), [false, true, true], "short ones, of which there is room for more");
        let found = shelf.kept(id(3), 0).unwrap();
        shelf.shown(id(3), found, (Form::Whole, Coding::Identity)).await.unwrap();
        assert_eq!(kept(), [false, true, false]);
    }
}
