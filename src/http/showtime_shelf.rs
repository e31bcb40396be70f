//! Showtime shelf: encoded showtimes, each at its newest sequence, made once and shared by everybody who asks for them.
//!
//! **Invariant:** an answer is never staler than its [`ShowtimeSource`] was when the request arrived. The sequence is asked for every
//! request (together with others that wait, see [`Flights`]); only the bodies for that sequence come from memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::coalesce::Flights;
use crate::domain::ShowtimeId;
use crate::domain::ShowtimeSummary;
use crate::http::encoded_showtime::{EncodedShowtime, Form, Layout};
use crate::http::representation::{Body, Coding, Representation};
use crate::http::showtime_source::{Origin, ShowtimeSource};
use crate::read_model::{PageStart, ReadError};
use crate::telemetry::metrics::{Counter, EncodeLabelSet, Family, Registry};

/// Above this many bytes a body is made off the HTTP workers, which would stand still for milliseconds.
const BYTES_MADE_INLINE: usize = 64 * 1024;
/// For how long a showtime that does not change is not read again: a restored write store may have another history with the same
/// sequence.
const KEPT_FOR: Duration = Duration::from_secs(5);

type Looked = Result<(Option<u64>, Origin), Arc<ReadError>>;
type Listed = Result<Arc<Vec<ShowtimeSummary>>, Arc<ReadError>>;
type Loaded = Result<Option<Arc<EncodedShowtime>>, Arc<ReadError>>;

/// See the module's documentation. Bounded by number and by bytes; the least recently used go first.
pub(super) struct ShowtimeShelf {
    source: Arc<ShowtimeSource>,
    looks: Flights<ShowtimeId, Looked>,
    loads: Flights<ShowtimeId, Loaded>,
    lists: Flights<(PageStart, usize), Listed>,
    contents: Arc<Mutex<Contents>>,
    made: Made,
}

/// A body, and the showtime that it is of.
pub(super) struct Shown {
    pub(super) encoded: Arc<EncodedShowtime>,
    pub(super) body: Body,
}

/// How many bodies were made, by coding.
type Made = Family<InCoding, Counter>;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct InCoding {
    coding: &'static str,
}

/// What stands on the shelf.
struct Contents {
    kept: HashMap<ShowtimeId, Kept>,
    bytes: usize,
    /// Counts uses, to tell which was used last.
    uses: u64,
    most_showtimes: usize,
    most_bytes: usize,
}

struct Kept {
    encoded: Arc<EncodedShowtime>,
    /// As they were counted last.
    bytes: usize,
    used: u64,
}

impl ShowtimeShelf {
    pub(super) fn new(source: Arc<ShowtimeSource>, most_showtimes: usize, most_bytes: usize) -> Self {
        let contents = Contents { kept: HashMap::new(), bytes: 0, uses: 0, most_showtimes, most_bytes };
        let contents = Arc::new(Mutex::new(contents));
        let (looks, loads, lists) = (Flights::default(), Flights::default(), Flights::default());
        Self { source, looks, loads, lists, contents, made: Made::default() }
    }

    /// Up to `limit` showtimes after `start`, as of now or later.
    pub(super) async fn list(&self, start: PageStart, limit: usize) -> Listed {
        let source = Arc::clone(&self.source);
        let list = move || async move { source.list(start, limit).await.map(Arc::new).map_err(Arc::new) }.boxed();
        self.lists.join_next((start, limit), list).await
    }

    /// The sequence of a showtime in its source, as of now or later, and which source that is; `None` if it is unknown there.
    pub(super) async fn sequence(&self, id: ShowtimeId) -> Looked {
        let source = Arc::clone(&self.source);
        let look = move || async move { source.sequence(id).await.map_err(Arc::new) }.boxed();
        self.looks.join_next(id, look).await
    }

    /// The showtime at `sequence`, where its source stood after `asked`, or later. What was made before and is further has been taken
    /// back: the write store was restored to an earlier moment, and its views follow.
    pub(super) async fn at_least(&self, id: ShowtimeId, sequence: u64, asked: Instant) -> Loaded {
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
    pub(super) fn kept(&self, id: ShowtimeId, sequence: u64) -> Option<Arc<EncodedShowtime>> {
        lock(&self.contents).recall(id, sequence)
    }

    /// The body of `found`, or of a later sequence if one has come while it was waited for.
    pub(super) async fn shown(
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
        let (contents, counts) = (Arc::clone(&self.contents), Made::clone(&self.made));
        let is_long = wanted.likely_bytes() > BYTES_MADE_INLINE;
        // Once begun it comes to its end and is kept, whoever still waits for it.
        let make = move || {
            let body = wanted.make(coding, &|coding| note(&counts, coding, 1));
            lock(&contents).count_again(id);
            body
        };
        if !is_long {
            return Ok(make());
        }
        tokio::task::spawn_blocking(make).await.map_err(|error| ReadError { reason: error.to_string() })
    }

    async fn load(&self, id: ShowtimeId) -> Loaded {
        let (source, contents) = (Arc::clone(&self.source), Arc::clone(&self.contents));
        let load = move || {
            async move {
                let Some(view) = source.showtime(id).await.map_err(Arc::new)? else {
                    return Ok(None);
                };
                let earlier = lock(&contents).recall(id, 0).map(|kept| Arc::clone(kept.layout()));
                let loaded = Arc::new(EncodedShowtime::of(&view, earlier));
                lock(&contents).keep(id, &loaded);
                Ok(Some(loaded))
            }
            .boxed()
        };
        self.loads.join_running(id, load).await
    }

    /// From now on the bodies that are made are told.
    pub(super) fn register(&self, registry: &Registry) {
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

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    // A panic elsewhere leaves at most a count that is off by a body.
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Contents {
    fn recall(&mut self, id: ShowtimeId, sequence: u64) -> Option<Arc<EncodedShowtime>> {
        self.uses += 1;
        let kept = self.kept.get_mut(&id)?;
        if kept.encoded.sequence < sequence {
            return None;
        }
        kept.used = self.uses;
        Some(Arc::clone(&kept.encoded))
    }

    fn keep(&mut self, id: ShowtimeId, loaded: &Arc<EncodedShowtime>) {
        if self.kept.get(&id).is_some_and(|kept| kept.encoded.made_at > loaded.made_at) {
            return;
        }
        self.uses += 1;
        let new = Kept { encoded: Arc::clone(loaded), bytes: 0, used: self.uses };
        if let Some(old) = self.kept.insert(id, new) {
            self.bytes -= old.bytes;
        }
        self.count_again(id);
    }

    /// A body was made: counts it, and makes room.
    fn count_again(&mut self, id: ShowtimeId) {
        let Some(kept) = self.kept.get_mut(&id) else {
            return;
        };
        let bytes = kept.encoded.bytes();
        self.bytes = self.bytes - kept.bytes + bytes;
        kept.bytes = bytes;
        if bytes > self.most_bytes {
            // It would drive out all others, and then itself.
            self.remove(id);
        }
        while self.kept.len() > self.most_showtimes || self.bytes > self.most_bytes {
            let Some(oldest) = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| *id) else {
                return;
            };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, id: ShowtimeId) {
        if let Some(old) = self.kept.remove(&id) {
            self.bytes -= old.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;
    use crate::domain::ShowtimeView;
    use crate::domain::{Row, SeatMap, SeatStatus, Stamp, Timestamp};
    use crate::read_model::embedded::EmbeddedReadModel;

    /// Long enough to be made off the workers.
    const SEATS: u32 = 2_000;

    fn id(id: u128) -> ShowtimeId {
        ShowtimeId(Uuid::from_u128(id))
    }

    fn encoded(number: u128, sequence: u64) -> Arc<EncodedShowtime> {
        let rows = vec![Row { row: "A".to_owned(), seats: SEATS }];
        let view = ShowtimeView {
            id: id(number),
            movie_title: "M".to_owned(),
            start_time: Timestamp::from_millis(1_000),
            sequence,
            stamp: Stamp::default(),
            seat_map: SeatMap::new(rows).unwrap(),
            statuses: vec![SeatStatus::Available; usize::try_from(SEATS).unwrap()],
        };
        Arc::new(EncodedShowtime::of(&view, None))
    }

    fn shelf(most_showtimes: usize, most_bytes: usize) -> ShowtimeShelf {
        let source = ShowtimeSource::new(Arc::new(EmbeddedReadModel::new()), None, Arc::new(|_, _| {}));
        ShowtimeShelf::new(Arc::new(source), most_showtimes, most_bytes)
    }

    fn sum(shelf: &ShowtimeShelf) -> (usize, usize) {
        let contents = lock(&shelf.contents);
        (contents.bytes, contents.kept.values().map(|kept| kept.encoded.bytes()).sum())
    }

    #[tokio::test]
    async fn a_crowd_has_one_body_encoded_and_compressed() {
        let shelf = shelf(3, usize::MAX);
        let found = encoded(1, 7);
        lock(&shelf.contents).keep(id(1), &found);
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
        let shelf = shelf(3, usize::MAX);
        let found = encoded(1, 7);
        let making = found.layout().press.lock().await;
        let mut waiting = Box::pin(shelf.shown(id(1), Arc::clone(&found), (Form::Whole, Coding::Gzip)));
        assert!((&mut waiting).now_or_never().is_none());
        lock(&shelf.contents).keep(id(1), &encoded(1, 9));
        drop(making);
        assert_eq!(waiting.await.unwrap().encoded.sequence, 9);
    }

    #[tokio::test]
    async fn a_body_that_nobody_waits_for_any_more_is_kept() {
        let shelf = shelf(3, usize::MAX);
        let found = encoded(1, 7);
        lock(&shelf.contents).keep(id(1), &found);
        let mut left = Box::pin(shelf.shown(id(1), Arc::clone(&found), (Form::Whole, Coding::Gzip)));
        assert!((&mut left).now_or_never().is_none());
        drop(left);
        shelf.shown(id(1), found, (Form::Whole, Coding::Gzip)).await.unwrap();
        assert_eq!(shelf.made.get_or_create(&InCoding { coding: "gzip" }).get(), 1);
        assert_eq!(sum(&shelf).0, sum(&shelf).1);
    }

    #[tokio::test]
    async fn the_newest_and_the_recently_used_are_kept_within_the_bounds() {
        let whole = encoded(1, 1).form(Form::Whole).make(Coding::Identity, &|_| ()).bytes.len();
        let shelf = shelf(3, whole * 2 + whole / 2);
        let keep = async |number, sequence| {
            let new = encoded(number, sequence);
            lock(&shelf.contents).keep(id(number), &new);
            shelf.shown(id(number), new, (Form::Whole, Coding::Identity)).await.unwrap();
            assert_eq!(sum(&shelf).0, sum(&shelf).1);
        };
        let earlier = encoded(1, 6);
        keep(1, 7).await;
        lock(&shelf.contents).keep(id(1), &earlier);
        assert_eq!(lock(&shelf.contents).kept[&id(1)].encoded.sequence, 7);
        keep(2, 7).await;
        keep(1, 8).await;
        keep(3, 7).await;
        assert!(shelf.kept(id(2), 0).is_none(), "the least recently used goes");
        assert!(shelf.kept(id(1), 8).is_some() && shelf.kept(id(1), 9).is_none());
        lock(&shelf.contents).most_showtimes = 1;
        keep(4, 7).await;
        assert_eq!(lock(&shelf.contents).kept.keys().collect::<Vec<_>>(), [&id(4)]);
        lock(&shelf.contents).most_bytes = whole / 2;
        keep(5, 7).await;
        assert_eq!(sum(&shelf), (0, 0), "what is too long is not kept");
    }
}
