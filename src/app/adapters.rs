//! From settings to adapters: which ones a profile uses, and what has to be done before they can be used.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::app::clock::StoreClock;
use crate::app::demo;
use crate::config::{Profile, Settings};
use crate::domain::Clock;
use crate::event_bus::EventBus;
use crate::event_bus::in_process::InProcessBus;
use crate::event_bus::rabbitmq::RabbitBus;
use crate::http::Reason;
use crate::projector::{self, Stores};
use crate::read_model::ReadModel;
use crate::read_model::embedded::{EmbeddedNodes, EmbeddedReadModel};
use crate::read_model::mongodb::MongoReadModel;
use crate::read_model::nodes::Nodes;
use crate::read_model::refusals::Refusals;
use crate::seat_lock::SeatLock;
use crate::seat_lock::in_process::InProcessLock;
use crate::seat_lock::valkey::ValkeyLock;
use crate::write_store::postgres::{self, PostgresStore};
use crate::write_store::sqlite::SqliteStore;
use crate::write_store::{CommitError, StoreError, WriteStore};

/// Time between two tries of a start to reach PostgreSQL.
const START_PAUSE: Duration = Duration::from_millis(500);

/// Everything that a server works with.
pub struct Adapters {
    /// The truth.
    pub write_store: Arc<dyn WriteStore>,
    /// The gatekeeper.
    pub seat_lock: Arc<dyn SeatLock>,
    /// The way of the events.
    pub event_bus: Arc<dyn EventBus>,
    /// What clients read.
    pub read_model: Arc<dyn ReadModel>,
    /// Why commands were refused; kept beside what clients read.
    pub refusals: Arc<dyn Refusals>,
    /// The nodes of the box office; kept there, too.
    pub nodes: Arc<dyn Nodes>,
    /// Key of tokens that are valid on every node.
    pub cluster_secret: [u8; 32],
    /// The write store's time.
    pub(super) clock: StoreClock,
    /// What `/readyz` calls them.
    pub names: Names,
}

/// The names of the dependencies.
#[derive(Clone, Copy)]
pub struct Names {
    /// `postgresql` or `sqlite`.
    pub write_store: &'static str,
    /// `valkey` or `seatLock`.
    pub seat_lock: &'static str,
    /// `rabbitmq` or `eventBus`.
    pub event_bus: &'static str,
    /// `mongodb` or `readModel`.
    pub read_model: &'static str,
}

impl Adapters {
    /// Connects a server's adapters, brings the schema up to date, seeds the demo if it is to be, and fills a read model that lives in
    /// memory. Goes on trying while PostgreSQL is away, and tells `waits_for` why.
    pub async fn start(settings: &Settings, waits_for: &Reason) -> anyhow::Result<Self> {
        let embedded = matches!(settings.profile()?, Profile::Embedded { .. });
        let mut told = String::new();
        loop {
            match Self::connect(settings).await {
                // Nobody but this process has the embedded store: what is wrong with it does not pass.
                Err(error) if !embedded && is_passing(&error) => {
                    let reason = format!("{error:#}");
                    if reason != told {
                        tracing::warn!(reason, "the start waits for PostgreSQL");
                        waits_for.tell(&reason);
                        told = reason;
                    }
                    tokio::time::sleep(START_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn connect(settings: &Settings) -> anyhow::Result<Self> {
        if let Profile::Real(stack) = settings.profile()? {
            let applied = postgres::migrate(&stack.postgres_url)
                .await
                .context("the write store's schema cannot be brought up to date")?;
            tracing::info!("{applied} migrations applied");
        }
        let BothSides { stores, refusals, nodes } = connect_both_sides(settings).await?;
        fill(&stores, settings).await?;
        let Stores { write_store, read_model } = stores;
        let cluster_secret = write_store.cluster_secret().await?;
        let store_clock = StoreClock::start(write_store.as_ref()).await?;
        let clock = store_clock.clock();
        let nodes = nodes.unwrap_or_else(|| Arc::new(EmbeddedNodes::new(clock.clone())));
        let (seat_lock, event_bus, names): (Arc<dyn SeatLock>, Arc<dyn EventBus>, Names) = match settings.profile()? {
            Profile::Embedded { .. } => (
                Arc::new(InProcessLock::new(clock.clone())),
                Arc::new(InProcessBus::new(&settings.in_process_bus)),
                Names { write_store: "sqlite", seat_lock: "seatLock", event_bus: "eventBus", read_model: "readModel" },
            ),
            Profile::Real(stack) => (
                Arc::new(ValkeyLock::connect(&stack.valkey_url, &settings.valkey, clock.clone()).await?),
                connect_bus(settings, clock.clone()).await?,
                Names { write_store: "postgresql", seat_lock: "valkey", event_bus: "rabbitmq", read_model: "mongodb" },
            ),
        };
        let embedded = matches!(settings.profile()?, Profile::Embedded { .. });
        if settings.seed_demo.unwrap_or(embedded) && demo::seed(write_store.as_ref(), clock()).await? {
            tracing::info!(showtime.id = %demo::SHOWTIME_ID, "the demo showtime was created");
        }
        let clock = store_clock;
        Ok(Self { write_store, seat_lock, event_bus, read_model, refusals, nodes, cluster_secret, clock, names })
    }
}

/// Connects both sides of the data, without changing a schema.
pub async fn connect_stores(settings: &Settings) -> anyhow::Result<Stores> {
    Ok(connect_both_sides(settings).await?.stores)
}

/// Both sides of the data, and what is kept beside the read model.
struct BothSides {
    stores: Stores,
    refusals: Arc<dyn Refusals>,
    /// `None` on the embedded profile: its only node is this one.
    nodes: Option<Arc<dyn Nodes>>,
}

/// As [`connect_stores`], with what is kept beside the read model.
async fn connect_both_sides(settings: &Settings) -> anyhow::Result<BothSides> {
    Ok(match settings.profile()? {
        Profile::Embedded { data_dir } => {
            let write_store = Arc::new(SqliteStore::open(&data_dir, &settings.sqlite)?);
            let read_model = Arc::new(EmbeddedReadModel::new());
            let stores = Stores { write_store, read_model: Arc::<EmbeddedReadModel>::clone(&read_model) };
            BothSides { stores, refusals: read_model, nodes: None }
        }
        Profile::Real(stack) => {
            let write_store = Arc::new(PostgresStore::connect(&stack.postgres_url, &settings.postgres).await?);
            let read_model = Arc::new(MongoReadModel::connect(&stack.mongodb_url, &settings.mongodb).await?);
            let stores = Stores { write_store, read_model: Arc::<MongoReadModel>::clone(&read_model) };
            BothSides { stores, refusals: Arc::<MongoReadModel>::clone(&read_model), nodes: Some(read_model) }
        }
    })
}

/// For those who only look: a folder without data is a wrong name, not a new house.
pub fn require_data(data_dir: &Path) -> anyhow::Result<()> {
    let there = SqliteStore::is_in(data_dir);
    anyhow::ensure!(there, "there is no data in {}; another folder is named with --data-dir", data_dir.display());
    Ok(())
}

/// Like [`connect_stores`], with a read model that shows something: one that lives in memory is filled from the journal first.
pub async fn connect_filled_stores(settings: &Settings) -> anyhow::Result<Stores> {
    let stores = connect_stores(settings).await?;
    fill(&stores, settings).await?;
    Ok(stores)
}

async fn fill(stores: &Stores, settings: &Settings) -> anyhow::Result<()> {
    if matches!(settings.profile()?, Profile::Embedded { .. }) {
        projector::rebuild(stores, &settings.projector, &CancellationToken::new(), drop).await?;
    }
    Ok(())
}

/// The event bus of the real stack.
///
/// # Errors
/// The embedded profile's bus lives inside its server; and a URL that is none.
pub async fn connect_bus(settings: &Settings, clock: Clock) -> anyhow::Result<Arc<dyn EventBus>> {
    match settings.profile()? {
        Profile::Real(stack) => {
            Ok(Arc::new(RabbitBus::connect(&stack.rabbitmq_url, &settings.namespace, &settings.rabbitmq, clock).await?))
        }
        Profile::Embedded { .. } => anyhow::bail!("the embedded profile's bus lives inside its server"),
    }
}

/// Brings the schema up to date; returns how many migrations were applied. Several nodes may do so at once.
pub async fn migrate(settings: &Settings) -> anyhow::Result<usize> {
    match settings.profile()? {
        Profile::Real(stack) => Ok(postgres::migrate(&stack.postgres_url).await?),
        // Opening the file migrates it.
        Profile::Embedded { data_dir } => {
            SqliteStore::open(&data_dir, &settings.sqlite)?;
            Ok(0)
        }
    }
}

/// True for what may be over in a moment.
fn is_passing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref(), Some(StoreError::Unavailable { .. }))
            || matches!(
                cause.downcast_ref(),
                Some(CommitError::Unknown { .. } | CommitError::Store(StoreError::Unavailable { .. }))
            )
    })
}
