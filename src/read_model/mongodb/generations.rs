//! Generations: whole copies of the read model side by side, and how all nodes come to know which one is read and which are written.
//!
//! One document says which generation is live, which are being built and which are retiring (no longer live, perhaps still
//! read by a node that has not heard). Nodes go by what they read for at most [`Settings::generations_cached_milliseconds`].
//!
//! **Why a switch never goes back.** A newer generation always has the higher number, and writers write the highest number
//! first. When a generation is begun, the live heads are *fenced* with its number: a writer that does not know it can no
//! longer move them. So a head of the live generation that was once compared and found reached by the new one stays so.
//! Publishing fences, compares every head, and only then moves the pointer. The old generation is written until every reader's
//! knowledge of it has run out, then it is dropped.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Collection, Database, IndexModel};
use tokio::time::Instant;

use crate::domain::ShowtimeId;
use crate::read_model::{Place, ReadError};

use super::documents::{GenerationsDocument, SequenceDocument, head_id, integer, number};
use super::failure::{is_duplicate_key, unavailable};
use super::settings::Settings;

/// Attempts to change the generations document while others change it.
const ATTEMPTS: u32 = 16;

/// What a node knows about generations.
#[derive(Debug)]
pub(super) struct Known {
    /// Made with the document: a database that was emptied gets another one.
    pub(super) incarnation: ObjectId,
    /// The generation that is read.
    pub(super) live: u64,
    /// Generations that are being built.
    pub(super) building: Vec<u64>,
    /// Generations that some node may still read.
    pub(super) retiring: Vec<u64>,
    /// The highest number given so far.
    pub(super) newest: u64,
    /// When it was asked for.
    pub(super) asked: Instant,
}

impl Known {
    /// The generations to write, in the order to write them.
    pub(super) fn written(&self) -> Vec<u64> {
        let mut written: Vec<u64> = self.building.iter().chain(&self.retiring).copied().chain([self.live]).collect();
        written.sort_unstable_by(|a, b| b.cmp(a));
        written.dedup();
        written
    }
}

/// The document about generations, and what this node remembers of it.
pub(super) struct Generations {
    database: Database,
    settings: Settings,
    remembered: Mutex<Option<Arc<Known>>>,
    /// Held while asking, so that of many readers whose knowledge has run out only one asks.
    asking: tokio::sync::Mutex<()>,
}

impl Generations {
    /// Nothing is asked yet.
    pub(super) fn new(database: Database, settings: Settings) -> Self {
        Self { database, settings, remembered: Mutex::new(None), asking: tokio::sync::Mutex::new(()) }
    }

    /// What was known not long ago.
    pub(super) async fn known(&self) -> Result<Arc<Known>, ReadError> {
        let now = Instant::now();
        let earliest = now.checked_sub(self.settings.generations_cached()).unwrap_or(now);
        self.known_since(earliest).await
    }

    /// What is known now.
    pub(super) async fn fresh(&self) -> Result<Arc<Known>, ReadError> {
        self.known_since(Instant::now()).await
    }

    /// What was asked at `earliest` or later.
    async fn known_since(&self, earliest: Instant) -> Result<Arc<Known>, ReadError> {
        if let Some(known) = self.remembered(earliest) {
            return Ok(known);
        }
        let _asking = self.asking.lock().await;
        if let Some(known) = self.remembered(earliest) {
            return Ok(known);
        }
        let known = Arc::new(self.ask().await?);
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }

    fn remembered(&self, earliest: Instant) -> Option<Arc<Known>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.clone().filter(|known| known.asked >= earliest)
    }

    async fn ask(&self) -> Result<Known, ReadError> {
        let asked = Instant::now();
        let documents = self.documents::<GenerationsDocument>();
        let filter = doc! { "_id": "generations" };
        let found = documents.find_one(filter.clone()).max_time(self.settings.operation_timeout());
        let found = if let Some(found) = found.await.map_err(unavailable)? {
            found
        } else {
            self.make().await?;
            let made = documents.find_one(filter).max_time(self.settings.operation_timeout());
            made.await.map_err(unavailable)?.ok_or_else(|| unavailable("the database is being emptied"))?
        };
        let numbers = |stored: Vec<i64>| stored.into_iter().map(number).collect::<Result<Vec<u64>, _>>();
        Ok(Known {
            incarnation: found.incarnation,
            live: number(found.live)?,
            building: numbers(found.building)?,
            retiring: numbers(found.retiring)?,
            newest: number::<u64>(found.next)?.saturating_sub(1),
            asked,
        })
    }

    /// An empty database begins with generation 1. Nodes may do this at the same time: one document wins.
    async fn make(&self) -> Result<(), ReadError> {
        let none: Vec<i64> = Vec::new();
        let first = doc! {
            "incarnation": ObjectId::new(), "live": 1_i64, "building": &none, "retiring": &none, "next": 2_i64,
        };
        let filter = doc! { "_id": "generations" };
        let made = self.documents::<Document>().update_one(filter, doc! { "$setOnInsert": first }).upsert(true).await;
        // The loser of the race may be told of the duplicate instead of the winner's document: it is there either way.
        if let Err(error) = made
            && !is_duplicate_key(&error)
        {
            return Err(unavailable(error));
        }
        self.prepare(1).await
    }

    /// Makes the index of the list.
    async fn prepare(&self, generation: u64) -> Result<(), ReadError> {
        let index = IndexModel::builder().keys(doc! { "startTime": 1, "_id": 1 }).build();
        self.heads(generation).create_index(index).await.map_err(unavailable)?;
        Ok(())
    }

    /// See [`crate::read_model::ReadModel::begin_rebuild`].
    pub(super) async fn begin(&self) -> Result<u64, ReadError> {
        let (known, generation) = self.reserve_number().await?;
        // Leftovers of a database that was emptied under a writer.
        self.drop_collections(generation).await?;
        self.prepare(generation).await?;
        let push = doc! { "$push": { "building": integer(generation)? } };
        if !self.change(doc! { "incarnation": known.incarnation }, push).await? {
            return Err(unavailable("the database was emptied at the same time"));
        }
        self.fence(known.live, generation).await?;
        self.fresh().await?;
        Ok(generation)
    }

    async fn reserve_number(&self) -> Result<(Arc<Known>, u64), ReadError> {
        for _ in 0..ATTEMPTS {
            let known = self.fresh().await?;
            let generation = known.newest + 1;
            let seen = doc! { "incarnation": known.incarnation, "next": integer(generation)? };
            if self.change(seen, doc! { "$set": { "next": integer(generation + 1)? } }).await? {
                return Ok((known, generation));
            }
        }
        Err(unavailable("too many rebuilds begin at the same time"))
    }

    /// See [`crate::read_model::ReadModel::publish_rebuild`].
    pub(super) async fn publish(&self, generation: u64) -> Result<(), ReadError> {
        // Whoever creates showtimes without knowing of this generation (a fence holds only heads that exist) has ended by then.
        tokio::time::sleep(self.settings.generations_in_use()).await;
        let known = self.fresh().await?;
        if known.live == generation {
            return Ok(());
        }
        if !known.building.contains(&generation) || generation < known.live {
            return Err(unavailable(format!("generation {generation} is not being built (any more)")));
        }
        self.fence_all(known.live, generation).await?;
        let behind = self.behind(known.live, generation).await?;
        if behind > 0 {
            return Err(unavailable(format!("generation {generation} is still behind in {behind} showtimes")));
        }
        let leaving: Vec<u64> = known.written().into_iter().filter(|other| *other != generation).collect();
        let seen = doc! {
            "incarnation": known.incarnation, "live": integer(known.live)?, "building": integer(generation)?,
        };
        let retiring = leaving.iter().map(|other| integer(*other)).collect::<Result<Vec<_>, _>>()?;
        let none: Vec<i64> = Vec::new();
        let now = doc! { "live": integer(generation)?, "building": none, "retiring": &retiring };
        if !self.change(seen, doc! { "$set": now }).await? {
            return Err(unavailable("another rebuild was published at the same time"));
        }
        self.retire(&known, leaving, &retiring).await
    }

    /// Drops generations once nobody reads and nobody writes them.
    async fn retire(&self, known: &Known, leaving: Vec<u64>, stored: &[i64]) -> Result<(), ReadError> {
        tokio::time::sleep(self.settings.generations_in_use()).await;
        let pull = doc! { "$pull": { "retiring": { "$in": stored } } };
        self.change(doc! { "incarnation": known.incarnation }, pull).await?;
        tokio::time::sleep(self.settings.generations_cached()).await;
        for generation in leaving {
            self.drop_collections(generation).await?;
        }
        self.fresh().await?;
        Ok(())
    }

    /// See [`crate::read_model::ReadModel::abandon_rebuild`].
    pub(super) async fn abandon(&self, generation: u64) -> Result<(), ReadError> {
        let known = self.fresh().await?;
        if known.live == generation {
            return Err(unavailable(format!("generation {generation} is live")));
        }
        let pull = doc! { "$pull": { "building": integer(generation)? } };
        self.change(doc! { "incarnation": known.incarnation }, pull).await?;
        tokio::time::sleep(self.settings.generations_cached()).await;
        self.drop_collections(generation).await?;
        self.fresh().await?;
        Ok(())
    }

    /// Shuts writers that do not know of `newest` out of the heads of `generation`; returns how many heads were open to them.
    async fn fence(&self, generation: u64, newest: u64) -> Result<u64, ReadError> {
        let newest = integer(newest)?;
        let open = doc! { "fence": { "$lt": newest } };
        let fenced = self.heads(generation).update_many(open, doc! { "$set": { "fence": newest } }).await;
        Ok(fenced.map_err(unavailable)?.modified_count)
    }

    /// Fences until no head is left open.
    async fn fence_all(&self, generation: u64, newest: u64) -> Result<(), ReadError> {
        for _ in 0..ATTEMPTS {
            if self.fence(generation, newest).await? == 0 {
                return Ok(());
            }
        }
        Err(unavailable("nodes go on creating showtimes without knowing of the new generation"))
    }

    /// The number of showtimes that `new` has not brought as far as `live`. The live head is read first: writers write it last.
    async fn behind(&self, live: u64, new: u64) -> Result<usize, ReadError> {
        let mut behind = 0;
        let mut after: Option<ShowtimeId> = None;
        loop {
            let filter = after.map_or_else(|| doc! {}, |after| doc! { "_id": { "$gt": head_id(after) } });
            let page = self.sequences(live, filter, Some(COMPARED_AT_ONCE)).await?;
            let Some((last, _)) = page.last() else {
                return Ok(behind);
            };
            after = Some(*last);
            let ids: Vec<_> = page.iter().map(|(id, _)| head_id(*id)).collect();
            let reached = self.sequences(new, doc! { "_id": { "$in": ids } }, None).await?;
            let reached: std::collections::HashMap<_, _> = reached.into_iter().collect();
            behind += page.iter().filter(|(id, head)| reached.get(id).is_none_or(|reached| reached < head)).count();
        }
    }

    /// The ids and sequences of the heads that match, ascending by id.
    pub(super) async fn sequences(
        &self,
        generation: u64,
        filter: Document,
        limit: Option<i64>,
    ) -> Result<Vec<(ShowtimeId, u64)>, ReadError> {
        let heads = self.database.collection::<SequenceDocument>(&heads_collection(generation));
        let find = heads.find(filter).projection(doc! { "sequence": 1 }).sort(doc! { "_id": 1 });
        let find = find.limit(limit.unwrap_or(0)).max_time(self.settings.operation_timeout());
        let mut found = find.await.map_err(unavailable)?;
        let mut sequences = Vec::new();
        while let Some(head) = found.try_next().await.map_err(unavailable)? {
            sequences.push(head.decode()?);
        }
        Ok(sequences)
    }

    /// Where one showtime stands. Asked for with every read, so in the form that the server answers without planning: the id
    /// alone, no sort.
    pub(super) async fn place(&self, generation: u64, id: Bson) -> Result<Option<Place>, ReadError> {
        let heads = self.database.collection::<SequenceDocument>(&heads_collection(generation));
        let find = heads.find_one(doc! { "_id": id }).projection(doc! { "sequence": 1, "stamp": 1 });
        let found = find.max_time(self.settings.operation_timeout()).await.map_err(unavailable)?;
        found.map(|head| head.place()).transpose()
    }

    /// Writes to the document about nothing, durably.
    pub(super) async fn ping(&self) -> Result<(), ReadError> {
        let touch = doc! { "$currentDate": { "at": true } };
        let ping = self.documents::<Document>().update_one(doc! { "_id": "ping" }, touch).upsert(true).await;
        match ping {
            Ok(_) => Ok(()),
            Err(error) if is_duplicate_key(&error) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Changes the generations document if it is still as it was seen; true if it was.
    async fn change(&self, mut seen: Document, change: Document) -> Result<bool, ReadError> {
        seen.insert("_id", "generations");
        let changed = self.documents::<Document>().update_one(seen, change).await.map_err(unavailable)?;
        Ok(changed.matched_count == 1)
    }

    async fn drop_collections(&self, generation: u64) -> Result<(), ReadError> {
        // Heads first: a reader then finds no showtime and asks again which generation is live.
        for name in [heads_collection(generation), seats_collection(generation)] {
            self.database.collection::<Document>(&name).drop().await.map_err(unavailable)?;
        }
        Ok(())
    }

    fn documents<T: Send + Sync>(&self) -> Collection<T> {
        self.database.collection("meta")
    }

    fn heads(&self, generation: u64) -> Collection<Document> {
        self.database.collection(&heads_collection(generation))
    }
}

/// Heads compared in one query.
const COMPARED_AT_ONCE: i64 = 5_000;

/// Where a generation's heads are.
pub(super) fn heads_collection(generation: u64) -> String {
    format!("showtimes_g{generation}")
}

/// Where a generation's chunks of seats are.
pub(super) fn seats_collection(generation: u64) -> String {
    format!("seats_g{generation}")
}
