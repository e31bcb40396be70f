//! Read model on MongoDB (6 or newer, standalone or replica set; no transactions): one document a showtime; one a refusal; and one a node.
//!
//! A write names the sequence and stamp that its document must have, so any number of nodes may write. Everything is majority-written,
//! journaled and majority-read on the primary. Writes of different showtimes share commands.

mod collection;
mod document;
mod failure;
mod nodes;
mod refusals;
mod runs;
mod settings;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mongodb::Client;
use mongodb::bson::{DateTime, doc};
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, FindOptions, ReadConcern, ReadPreference, SelectionCriteria,
    WriteConcern,
};

use crate::coalesce::Loads;
use crate::domain::{Applied, EventRun, Place, ShowtimeId, ShowtimeSummary, ShowtimeView, Timestamp};
use crate::read_model::nodes::{HeardNode, Node, NodeHealth, NodeId, Nodes};
use crate::read_model::refusals::{Refusal, Refusals, RequestId};
use crate::read_model::{PageStart, ReadError, ReadModel};

use collection::{Showtimes, statement};
use document::{stored_id, whole};
use failure::unavailable;
use nodes::AnnouncedNodes;
use refusals::KeptRefusals;
use runs::Runs;

pub use settings::Settings;

/// Database if the URL names none.
const DEFAULT_DATABASE: &str = "turnstile";

/// See the module's documentation. Cheap to clone; all clones share one pool of connections.
#[derive(Clone)]
pub struct MongoReadModel {
    showtimes: Showtimes,
    runs: Arc<Loads<Runs>>,
    refusals: KeptRefusals,
    nodes: AnnouncedNodes,
    operation_timeout: Duration,
    /// Operations run here: they go on when the caller is gone, since the driver closes the connection of a dropped operation.
    runtime: tokio::runtime::Handle,
}

impl MongoReadModel {
    /// For the server at `url` (`mongodb://host:port/database`). Nothing is sent yet: a server that is down is no error.
    /// To be called on the multi-thread runtime, which will own the connections.
    ///
    /// # Errors
    /// The URL is malformed (or, with `mongodb+srv`, cannot be resolved).
    pub async fn connect(url: &str, settings: &Settings) -> Result<Self, ReadError> {
        let mut options = ClientOptions::parse(url).await.map_err(unavailable)?;
        options.server_selection_timeout = Some(Duration::from_millis(settings.server_selection_timeout_milliseconds));
        options.connect_timeout = Some(Duration::from_millis(settings.connect_timeout_milliseconds));
        options.max_pool_size = Some(settings.max_connections);
        options.app_name.get_or_insert_with(|| "turnstile".to_owned());
        let name = options.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        let client = Client::with_options(options).map_err(unavailable)?;
        let operation_timeout = settings.operation_timeout();
        let write_concern =
            WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(operation_timeout).build();
        let options = DatabaseOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(write_concern)
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let database = client.database_with_options(&name, options);
        let refusals = KeptRefusals::of(&database, operation_timeout);
        let nodes = AnnouncedNodes::of(&database, operation_timeout);
        let showtimes = Showtimes::of(database, operation_timeout);
        let runtime = tokio::runtime::Handle::current();
        let runs = Loads::new(Runs(showtimes.clone()), runtime.clone(), 1, settings.max_waiting_runs);
        Ok(Self { showtimes, runs, refusals, nodes, operation_timeout, runtime })
    }

    /// Runs one operation within its time, whether or not the caller still waits.
    async fn bounded<T, F>(&self, operation: impl FnOnce(Self) -> F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>> + Send + 'static,
    {
        let limit = self.operation_timeout;
        let bounded = tokio::time::timeout(limit, operation(self.clone()));
        match self.runtime.spawn(bounded).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_elapsed)) => Err(unavailable(format!("no answer within {limit:?}"))),
            Err(panicked) => Err(unavailable(panicked)),
        }
    }
}

#[async_trait]
impl ReadModel for MongoReadModel {
    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        let view =
            self.bounded(move |model| async move { model.showtimes.find_one(id, doc! {}, document::view).await });
        Ok(view.await?.map(Arc::new))
    }

    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
        let fields = doc! { "sequence": 1, "stamp": 1 };
        self.bounded(move |model| async move { model.showtimes.find_one(id, fields, document::place).await }).await
    }

    async fn places(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, Place)>, ReadError> {
        let fields = doc! { "sequence": 1, "stamp": 1 };
        self.bounded(move |model| async move {
            model.showtimes.find(ids, fields, |found| Ok((document::id(found)?, document::place(found)?))).await
        })
        .await
    }

    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        // For MongoDB, 0 is no limit.
        let Some(limit) = i64::try_from(limit).ok().filter(|limit| *limit > 0) else { return Ok(Vec::new()) };
        let filter = start.map_or_else(
            || doc! {},
            |(time, id)| {
                let time = DateTime::from_millis(time.as_millis());
                let after = doc! { "$or": [{ "startTime": { "$gt": time } }, { "_id": { "$gt": stored_id(id) } }] };
                doc! { "$and": [{ "startTime": { "$gte": time } }, after] }
            },
        );
        let options = FindOptions::builder()
            .projection(doc! { "statuses": 0, "rows": 0 })
            .sort(doc! { "startTime": 1, "_id": 1 })
            .limit(limit)
            .build();
        self.bounded(move |model| async move { model.showtimes.select(filter, options, document::summary).await }).await
    }

    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
        let run = run.clone();
        self.bounded(move |model| async move { model.runs.call(run).await.map_err(unavailable)? }).await
    }

    async fn replace(
        &self,
        id: ShowtimeId,
        over: Option<Place>,
        with: Option<Arc<ShowtimeView>>,
    ) -> Result<bool, ReadError> {
        self.bounded(move |model| async move {
            match (over, with) {
                (over, Some(view)) => {
                    if over.is_none() {
                        model.showtimes.prepare().await?;
                    }
                    model.showtimes.update(vec![statement(id, over, whole(&view)?)?]).await
                }
                (Some(over), None) => model.showtimes.remove(id, over).await,
                (None, None) => Ok(model.showtimes.find_one(id, doc! { "_id": 1 }, document::id).await?.is_none()),
            }
        })
        .await
    }

    async fn ping(&self) -> Result<(), ReadError> {
        self.bounded(|model| async move { model.showtimes.ping().await }).await
    }
}

#[async_trait]
impl Refusals for MongoReadModel {
    async fn keep(&self, refusals: &[Arc<Refusal>]) -> Result<(), ReadError> {
        let refusals = refusals.to_vec();
        self.bounded(|model| async move { model.refusals.insert(&refusals).await }).await
    }

    async fn find(&self, id: RequestId, since: Timestamp) -> Result<Vec<Refusal>, ReadError> {
        self.bounded(move |model| async move { model.refusals.select(id, since).await }).await
    }
}

#[async_trait]
impl Nodes for MongoReadModel {
    async fn announce(&self, node: &Node, health: &NodeHealth) -> Result<(), ReadError> {
        let (node, health) = (node.clone(), health.clone());
        self.bounded(|model| async move { model.nodes.replace(&node, &health).await }).await
    }

    async fn withdraw(&self, id: NodeId) -> Result<(), ReadError> {
        self.bounded(move |model| async move { model.nodes.remove(id).await }).await
    }

    async fn heard(&self) -> Result<Vec<HeardNode>, ReadError> {
        self.bounded(|model| async move { model.nodes.select().await }).await
    }
}
