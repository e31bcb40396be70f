//! What the projector works with.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::domain::Clock;
use crate::event_bus::EventBus;
use crate::projector::settings::Settings;
use crate::read_model::ReadModel;
use crate::telemetry::metrics::Histogram;
use crate::write_store::Journal;

/// See the module's documentation.
#[derive(Clone)]
pub struct Dependencies {
    /// Where the journal is.
    pub journal: Arc<dyn Journal>,
    /// For the age of events.
    pub clock: Clock,
    /// Time from an event's decision until it is in the read model, in seconds.
    pub lag: Histogram,
    /// Where events come from.
    pub event_bus: Arc<dyn EventBus>,
    /// Where they go.
    pub read_model: Arc<dyn ReadModel>,
    /// The multi-thread runtime, on which the work runs.
    pub runtime: Handle,
    /// Limits.
    pub settings: Settings,
}
