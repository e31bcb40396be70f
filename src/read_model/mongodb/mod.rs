//! Read model on MongoDB (6 or newer, standalone or replica set; no transactions).
//!
//! A showtime is one document, its head; of a house with more than 4,096 seats also one for each 4,096 of them, the chunks. `protocol`
//! says how they are written and read, and why no reader sees half an event. `generations` says how a rebuilt copy takes the place of the live one.
//! Everything is majority-written, journaled and majority-read on the primary; `updates` lets writes of different showtimes share commands.

mod chunk;
mod documents;
mod failure;
mod generations;
mod head;
#[cfg(test)]
mod interleaving_tests;
mod memory;
mod protocol;
mod settings;
mod showtime_documents;
mod updates;

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::doc;
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Database};

use crate::domain::{EventRun, ShowtimeId};
use crate::read_model::{Applied, Generation, PageStart, Place, ReadError, ReadModel, ShowtimeSummary, ShowtimeView};

use documents::{SummaryDocument, head_id};
use failure::unavailable;
use generations::{Generations, Known, heads_collection};
use memory::Memory;
use protocol::{Documents as _, Remembered, Written};
use showtime_documents::ShowtimeDocuments;
use updates::Updates;

pub use settings::Settings;

/// Database if the URL names none.
const DEFAULT_DATABASE: &str = "turnstile";
/// Attempts of an operation while generations change under it.
const ATTEMPTS: u32 = 4;

/// See the module's documentation. Cloning is cheap; all clones share one pool of connections.
#[derive(Clone)]
pub struct MongoReadModel {
    store: Arc<Store>,
    /// Operations run here: they go on when the caller is gone, since the driver closes the connection of a dropped operation.
    runtime: tokio::runtime::Handle,
}

struct Store {
    database: Database,
    updates: Arc<Updates>,
    generations: Generations,
    memory: Memory,
    settings: Settings,
}

impl MongoReadModel {
    /// For the server at `url` (`mongodb://host:port/database`). Nothing is sent yet: a server that is down is no error.
    /// To be called on the multi-thread runtime, which will own the connections.
    ///
    /// # Errors
    /// The URL is malformed (or, with `mongodb+srv`, cannot be resolved).
    pub async fn connect(url: &str, settings: &Settings) -> Result<Self, ReadError> {
        let mut options = ClientOptions::parse(url).await.map_err(unavailable)?;
        options.server_selection_timeout =
            Some(std::time::Duration::from_millis(settings.server_selection_timeout_milliseconds));
        options.connect_timeout = Some(std::time::Duration::from_millis(settings.connect_timeout_milliseconds));
        options.max_pool_size = Some(settings.max_connections);
        options.app_name.get_or_insert_with(|| "turnstile".to_owned());
        let name = options.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        let client = Client::with_options(options).map_err(unavailable)?;
        let write_concern = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .w_timeout(settings.operation_timeout())
            .build();
        let options = DatabaseOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(write_concern)
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let database = client.database_with_options(&name, options);
        let generations = Generations::new(database.clone(), settings.clone());
        let memory = Memory::new(settings.max_remembered_chunks);
        let updates = Updates::new(database.clone(), settings.operation_timeout());
        let store = Arc::new(Store { database, updates, generations, memory, settings: settings.clone() });
        Ok(Self { store, runtime: tokio::runtime::Handle::current() })
    }

    /// Runs one operation within its time, whether or not the caller still waits.
    async fn bounded<T, F>(&self, operation: impl FnOnce(Arc<Store>) -> F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>> + Send + 'static,
    {
        let limit = self.store.settings.operation_timeout();
        let bounded = tokio::time::timeout(limit, operation(Arc::clone(&self.store)));
        match self.runtime.spawn(bounded).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_elapsed)) => Err(unavailable(format!("no answer within {limit:?}"))),
            Err(panicked) => Err(unavailable(panicked)),
        }
    }

    /// Runs a change of generations, which waits for other nodes, whether or not the caller still waits.
    async fn detached<T, F>(&self, operation: impl FnOnce(Arc<Store>) -> F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>> + Send + 'static,
    {
        self.runtime.spawn(operation(Arc::clone(&self.store))).await.map_err(unavailable)?
    }
}

impl Store {
    fn documents(&self, id: ShowtimeId, generation: u64, known: &Known) -> ShowtimeDocuments<'_> {
        let max_time = self.settings.operation_timeout();
        ShowtimeDocuments {
            database: &self.database,
            updates: &self.updates,
            generation,
            known: known.newest,
            id,
            max_time,
        }
    }

    /// True if the live generation may have been another one while an operation with this knowledge was under way.
    fn is_outdated(&self, known: &Known) -> bool {
        known.asked.elapsed() >= self.settings.generations_in_use()
    }

    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        let mut known = self.generations.known().await?;
        for _ in 0..ATTEMPTS {
            let found = protocol::read(&self.documents(id, known.live, &known), id).await;
            if let Ok(Some(view)) = &found
                && !self.is_outdated(&known)
            {
                return Ok(Some(Arc::new(view.clone())));
            }
            // Not found where it was looked for: true only if that was the place to look.
            let now = self.generations.fresh().await?;
            if now.live == known.live && now.incarnation == known.incarnation {
                return Ok(found?.map(Arc::new));
            }
            known = now;
        }
        Err(unavailable("generations change too fast"))
    }

    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
        let mut known = self.generations.known().await?;
        for _ in 0..ATTEMPTS {
            let found = self.generations.place(known.live, head_id(id)).await?;
            if found.is_some() && !self.is_outdated(&known) {
                return Ok(found);
            }
            let now = self.generations.fresh().await?;
            if now.live == known.live && now.incarnation == known.incarnation {
                return Ok(found);
            }
            known = now;
        }
        Err(unavailable("generations change too fast"))
    }

    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        let mut known = self.generations.known().await?;
        for _ in 0..ATTEMPTS {
            let page = self.page(known.live, start, limit).await?;
            if !page.is_empty() && !self.is_outdated(&known) {
                return Ok(page);
            }
            let now = self.generations.fresh().await?;
            if now.live == known.live && now.incarnation == known.incarnation {
                return Ok(page);
            }
            known = now;
        }
        Err(unavailable("generations change too fast"))
    }

    async fn page(&self, generation: u64, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        let filter = start.map_or_else(
            || doc! {},
            |(time, id)| {
                let time = mongodb::bson::DateTime::from_millis(time.as_millis());
                let after = doc! { "$or": [{ "startTime": { "$gt": time } }, { "_id": { "$gt": head_id(id) } }] };
                doc! { "$and": [{ "startTime": { "$gte": time } }, after] }
            },
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let heads = self.database.collection::<SummaryDocument>(&heads_collection(generation));
        let find = heads
            .find(filter)
            .projection(doc! { "chunkSequences": 0, "statuses": 0, "rows": 0 })
            .sort(doc! { "startTime": 1, "_id": 1 });
        let find = find.limit(limit).max_time(self.settings.operation_timeout());
        let mut found = find.await.map_err(unavailable)?;
        let mut page = Vec::new();
        while let Some(summary) = found.try_next().await.map_err(unavailable)? {
            page.push(summary.decode()?);
        }
        Ok(page)
    }

    /// Applies a run to every generation, the newest first.
    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
        // A new showtime has no head that could be fenced: its writer must know.
        let mut known =
            if run.first_sequence() == 1 { self.generations.fresh().await? } else { self.generations.known().await? };
        for _ in 0..ATTEMPTS {
            let applied = self.apply_everywhere(&known, run).await?;
            match applied {
                Some(Applied::UpTo(sequence)) => return Ok(Applied::UpTo(sequence)),
                Some(Applied::Gap { .. }) | None => {}
            }
            let now = self.generations.fresh().await?;
            if let Some(gap) = applied
                && (now.live, now.incarnation) == (known.live, known.incarnation)
            {
                return Ok(gap);
            }
            known = now;
        }
        Err(unavailable("generations change too fast"))
    }

    /// As [`ReadModel::apply`]; `None` if this node must learn of a newer generation first.
    async fn apply_everywhere(&self, known: &Known, run: &EventRun) -> Result<Option<Applied>, ReadError> {
        let (mut live, mut built) = (None, Vec::new());
        for generation in known.written() {
            match self.apply_in(generation, known, run).await? {
                Written::Fenced => return Ok(None),
                Written::Applied(applied) if generation == known.live => live = Some(applied),
                Written::Applied(applied) if known.building.contains(&generation) => built.push(applied),
                Written::Applied(_) => {}
            }
        }
        Ok(live.map(|live| built.into_iter().fold(live, Applied::or_of_built)))
    }

    /// Applies a run to one generation, in parts if it is long.
    async fn apply_in(&self, generation: u64, known: &Known, run: &EventRun) -> Result<Written, ReadError> {
        let key = (generation, run.showtime_id());
        let mut memory = self.memory.take(key);
        let written = self.apply_parts(generation, known, run, &mut memory).await;
        self.memory.put(key, memory);
        written
    }

    async fn apply_parts(
        &self,
        generation: u64,
        known: &Known,
        run: &EventRun,
        memory: &mut Option<Remembered>,
    ) -> Result<Written, ReadError> {
        let documents = self.documents(run.showtime_id(), generation, known);
        let most = self.settings.max_events_per_write.max(1);
        if run.events().len() <= most {
            return protocol::apply(&documents, run, known.newest, memory).await;
        }
        let mut written = Written::Applied(Applied::Gap { have: 0 });
        for part in run.events().chunks(most) {
            let part = EventRun::new(run.showtime_id(), part.to_vec()).ok_or_else(|| unavailable("a run has a gap"))?;
            written = protocol::apply(&documents, &part, known.newest, memory).await?;
            if !matches!(written, Written::Applied(Applied::UpTo(_))) {
                break;
            }
        }
        Ok(written)
    }

    async fn apply_to(&self, generation: u64, run: &EventRun) -> Result<Applied, ReadError> {
        let mut known = self.generations.known().await?;
        for _ in 0..ATTEMPTS {
            if known.written().contains(&generation)
                && let Written::Applied(applied) = self.apply_in(generation, &known, run).await?
            {
                return Ok(applied);
            }
            known = self.generations.fresh().await?;
            if !known.written().contains(&generation) {
                break;
            }
        }
        Err(unavailable(format!("there is no generation {generation}")))
    }

    async fn forget(&self, id: ShowtimeId, sequence: u64) -> Result<(), ReadError> {
        let known = self.generations.fresh().await?;
        for generation in known.written() {
            drop(self.memory.take((generation, id)));
            self.documents(id, generation, &known).remove(Some(sequence)).await?;
        }
        Ok(())
    }

    async fn heads(&self, generation: u64, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, u64)>, ReadError> {
        let ids: Vec<_> = ids.into_iter().map(head_id).collect();
        self.generations.sequences(generation, doc! { "_id": { "$in": ids } }, None).await
    }
}

#[async_trait]
impl ReadModel for MongoReadModel {
    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        self.bounded(|store| async move { store.showtime(id).await }).await
    }

    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
        self.bounded(|store| async move { store.place(id).await }).await
    }

    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        self.bounded(move |store| async move { store.list(start, limit).await }).await
    }

    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
        let run = run.clone();
        self.bounded(|store| async move { store.apply(&run).await }).await
    }

    async fn forget(&self, id: ShowtimeId, sequence: u64) -> Result<(), ReadError> {
        self.bounded(move |store| async move { store.forget(id, sequence).await }).await
    }

    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, u64)>, ReadError> {
        self.bounded(|store| async move {
            let live = store.generations.known().await?.live;
            store.heads(live, ids).await
        })
        .await
    }

    async fn begin_rebuild(&self) -> Result<Generation, ReadError> {
        self.detached(|store| async move { store.generations.begin().await }).await.map(Generation)
    }

    async fn apply_to(&self, generation: Generation, run: &EventRun) -> Result<Applied, ReadError> {
        let run = run.clone();
        self.bounded(move |store| async move { store.apply_to(generation.0, &run).await }).await
    }

    async fn heads_in(
        &self,
        generation: Generation,
        ids: Vec<ShowtimeId>,
    ) -> Result<Vec<(ShowtimeId, u64)>, ReadError> {
        self.bounded(move |store| async move { store.heads(generation.0, ids).await }).await
    }

    async fn publish_rebuild(&self, generation: Generation) -> Result<(), ReadError> {
        self.detached(move |store| async move { store.generations.publish(generation.0).await }).await
    }

    async fn abandon_rebuild(&self, generation: Generation) -> Result<(), ReadError> {
        self.detached(move |store| async move { store.generations.abandon(generation.0).await }).await
    }

    async fn ping(&self) -> Result<(), ReadError> {
        self.bounded(|store| async move { store.generations.ping().await }).await
    }
}
