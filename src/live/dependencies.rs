//! What the live feed works with.

use std::sync::Arc;

use crate::domain::{Clock, NoteTold};
use crate::event_bus::EventBus;
use crate::live::settings::Settings;
use crate::read_model::ReadModel;
use crate::telemetry::metrics::Registry;
use crate::write_store::Journal;

/// See the module's documentation.
pub struct Dependencies {
    /// For the journal and the showtimes' last sequences.
    pub journal: Arc<dyn Journal>,
    /// For events as they happen.
    pub event_bus: Arc<dyn EventBus>,
    /// For snapshots.
    pub read_model: Arc<dyn ReadModel>,
    /// Called with all that clients will be told.
    pub note_told: NoteTold,
    /// For the expiry of connection tokens and the age of events.
    pub clock: Clock,
    /// Where calls of the ports run.
    pub runtime: tokio::runtime::Handle,
    /// Where it is told what the feed has done.
    pub metrics: Registry,
    /// Bounds.
    pub settings: Settings,
    /// From [`crate::write_store::WriteStore::cluster_secret`], for connection tokens valid on every node.
    pub cluster_secret: [u8; 32],
    /// Origins, such as `https://box.example`, whose pages may open WebSockets here, besides the server's own.
    pub allowed_origins: Vec<String>,
}
