//! What the box office works with.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::box_office::settings::Settings;
use crate::domain::Clock;
use crate::seat_lock::SeatLock;
use crate::telemetry::Counters;
use crate::write_store::Ledger;

/// See the module's documentation.
pub struct Dependencies {
    /// The truth.
    pub ledger: Arc<dyn Ledger>,
    /// The gatekeeper.
    pub seat_lock: Arc<dyn SeatLock>,
    /// The time.
    pub clock: Clock,
    /// The multi-thread runtime on which batches run.
    pub runtime: tokio::runtime::Handle,
    /// Woken after each commit, so that its events leave at once.
    pub wake_relay: Arc<Notify>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Bounds and times.
    pub settings: Settings,
}
