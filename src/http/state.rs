//! What all handlers share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::box_office::BoxOffice;
use crate::domain::{Clock, ShowtimeId};
use crate::event_bus::EventBus;
use crate::http::caching::existence::Existence;
use crate::http::caching::plan_shelf::PlanShelf;
use crate::http::caching::sequence_waits::SequenceWaits;
use crate::http::caching::showtime_looks::ShowtimeLooks;
use crate::http::caching::showtime_shelf::ShowtimeShelf;
use crate::http::caching::showtime_source::ShowtimeSource;
use crate::http::health::Health;
use crate::http::limits::{Limits, TotalLimits};
use crate::http::metrics::Metrics;
use crate::http::problem::Problem;
use crate::http::refusal_recorder::RefusalRecorder;
use crate::http::request::stream::Intake;
use crate::http::settings::Settings;
use crate::live::LiveHub;
use crate::read_model::ReadModel;
use crate::read_model::nodes::Nodes;
use crate::telemetry::metrics::Registry;
use crate::write_store::{Auditoriums, Journal};

/// What the handlers work with.
pub struct Services {
    /// Takes commands.
    pub box_office: BoxOffice,
    /// What clients read.
    pub read_model: Arc<dyn ReadModel>,
    /// The truth; asked whether a showtime exists, how many there are, and for its seats while the read model is away.
    pub journal: Arc<dyn Journal>,
    /// Keeps the auditoriums.
    pub auditoriums: Arc<dyn Auditoriums>,
    /// Keeps the dead letters.
    pub event_bus: Arc<dyn EventBus>,
    /// Keeps why commands were refused.
    pub refusals: Arc<RefusalRecorder>,
    /// Knows the nodes of the box office.
    pub nodes: Arc<dyn Nodes>,
    /// Told of a showtime that the truth knows and the read model lacks.
    pub note_missing: Arc<dyn Fn(ShowtimeId) + Send + Sync>,
    /// Serves the sockets.
    pub live: LiveHub,
    /// What `/readyz` tells.
    pub health: Health,
    /// For how long a deadline is away.
    pub clock: Clock,
    /// What `/metrics` tells.
    pub metrics: Registry,
}

/// Previews, alternatives and operators' seat maps that are made at once.
const MOST_SHOWTIMES_SEEN: usize = 16;
/// Long reads under way at once.
const MOST_LONG_READS: usize = 8;

/// Everything that handlers share, one per process.
pub struct AppState {
    pub(super) box_office: BoxOffice,
    pub(super) live: LiveHub,
    pub(super) health: Health,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) looks: Arc<ShowtimeLooks>,
    pub(super) showtimes: ShowtimeShelf,
    pub(super) existence: Existence,
    /// The truth, for who asks how it came about.
    pub(super) journal: Arc<dyn Journal>,
    pub(super) auditoriums: Arc<dyn Auditoriums>,
    pub(super) event_bus: Arc<dyn EventBus>,
    pub(super) plans: PlanShelf,
    pub(super) refusals: Arc<RefusalRecorder>,
    pub(super) nodes: Arc<dyn Nodes>,
    pub(super) note_missing: Arc<dyn Fn(ShowtimeId) + Send + Sync>,
    pub(super) sequence_waits: SequenceWaits,
    /// Takes in bodies that may be large.
    pub(super) intake: Intake,
    /// Places for previews, alternatives and operators' seat maps, each of which reads a whole showtime.
    pub(super) showtimes_seen: Semaphore,
    /// Places for filtered lists and stories, each of which may read thousands of showtimes or events.
    pub(super) long_reads: Semaphore,
    /// The place for a holder who looks for his own bookings: anybody may ask, so it takes one connection at most.
    pub(super) own_bookings: Semaphore,
    pub(super) limits: Limits,
    pub(super) totals: TotalLimits,
    pub(super) settings: Settings,
}

impl AppState {
    /// The state of a server.
    pub fn new(services: Services, settings: Settings) -> Self {
        let (read_model, journal) = (Arc::clone(&services.read_model), Arc::clone(&services.journal));
        let source = Arc::new(ShowtimeSource::new(read_model, Some(journal), services.box_office.note_told()));
        let showtimes = ShowtimeShelf::new(Arc::clone(&source), settings.cached_showtimes, settings.cached_bytes);
        let interval = Duration::from_millis(settings.min_sequence_poll_milliseconds);
        let waits = SequenceWaits::new(services.read_model, interval, settings.min_sequence_waiters);
        showtimes.register(&services.metrics);
        source.register(&services.metrics);
        Self {
            box_office: services.box_office,
            live: services.live,
            health: services.health,
            clock: services.clock,
            metrics: Metrics::new(services.metrics),
            looks: ShowtimeLooks::new(source),
            showtimes,
            existence: Existence::of(Arc::clone(&services.journal)),
            journal: Arc::clone(&services.journal),
            auditoriums: services.auditoriums,
            event_bus: services.event_bus,
            plans: PlanShelf::new(),
            refusals: services.refusals,
            nodes: services.nodes,
            note_missing: services.note_missing,
            sequence_waits: waits,
            intake: Intake {
                places: Arc::new(Semaphore::new(settings.large_bodies)),
                body_timeout: settings.body_timeout(),
            },
            showtimes_seen: Semaphore::new(MOST_SHOWTIMES_SEEN),
            long_reads: Semaphore::new(MOST_LONG_READS),
            own_bookings: Semaphore::new(1),
            limits: Limits::new(&settings.limits, settings.trusted_proxies.clone()),
            totals: TotalLimits::of(services.journal, &settings.limits),
            settings,
        }
    }

    /// True if the read model or the write store knows the showtime.
    pub(super) async fn exists(&self, id: ShowtimeId) -> Result<bool, Problem> {
        if let Ok(Some(_)) = self.looks.recent(id).await {
            return Ok(true);
        }
        Ok(self.existence.ask(id).await?)
    }
}
