//! What the live feed of a node has done since it started.

use crate::telemetry::metrics::{Counter, Histogram, Registry, seconds};

/// One value for each node.
pub(super) struct Counters {
    /// Events taken into feeds.
    pub(super) events: Counter,
    /// Time from an event's decision until it was taken into its feed, in seconds.
    pub(super) lag: Histogram,
    /// Reads of the journal because of a gap.
    pub(super) refetches: Counter,
    /// Reads of the journal for clients that catch up.
    pub(super) catch_ups: Counter,
    /// Snapshots made.
    pub(super) snapshots: Counter,
    /// Clients given up because their connection took nothing.
    pub(super) stalled: Counter,
    /// Clients dropped because they sent nothing for too long, in the handshake too.
    pub(super) silent: Counter,
    /// Clients dropped for what they sent: garbage, too long or too much.
    pub(super) misbehaved: Counter,
    /// SignalR clients that were told that they have joined nothing.
    pub(super) reminded: Counter,
    /// Times that the hub actor was started again.
    pub(super) restarts: Counter,
}

impl Counters {
    /// New ones, told from now on.
    pub(super) fn registered(registry: &Registry) -> Self {
        let counter = |name, help| {
            let counter = Counter::default();
            registry.add(name, help, Counter::clone(&counter));
            counter
        };
        let lag = seconds();
        registry.add("live_lag_seconds", "Time from an event's decision until it was taken into its feed", lag.clone());
        Self {
            events: counter("live_events", "Events taken into feeds"),
            lag,
            refetches: counter("live_refetches", "Reads of the journal because of a gap"),
            catch_ups: counter("live_catch_ups", "Reads of the journal for clients that catch up"),
            snapshots: counter("live_snapshots", "Snapshots made"),
            stalled: counter("live_sessions_stalled", "Clients given up because their connection took nothing"),
            silent: counter("live_sessions_silent", "Clients dropped because they sent nothing for too long"),
            misbehaved: counter("live_sessions_misbehaved", "Clients dropped for what they sent"),
            reminded: counter("live_sessions_reminded", "SignalR clients that were told that they have joined nothing"),
            restarts: counter("live_restarts", "Times that the hub was started again"),
        }
    }
}
