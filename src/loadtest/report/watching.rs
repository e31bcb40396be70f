//! Watching: what the WebSocket clients of the scenario `watch` saw, and how much later than the 201.

use serde::Serialize;

use crate::loadtest::latencies::{Latencies, Quantiles};
use crate::loadtest::watcher::Watched;

/// See the module's documentation.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Watching {
    /// WebSocket clients.
    pub watchers: usize,
    /// Connections that were made; more than the clients if some were lost.
    pub connections: u64,
    /// Deltas that all clients together saw.
    pub deltas: u64,
    /// Times that a client was brought forward by a snapshot.
    pub snapshots: u64,
    /// Clients that had not seen the last change when their time was over.
    pub behind: usize,
    /// Clients without a connection at the end.
    pub disconnected: usize,
    /// From the arrival of a 201 at its client to the arrival of its delta at a watcher; 0 where the delta was first.
    pub accepted_to_seen: Quantiles,
}

impl Watching {
    pub(super) fn of(watched: &[Watched]) -> Self {
        let mut seen: Option<Latencies> = None;
        for one in watched {
            match &mut seen {
                Some(seen) => seen.absorb(&one.seen),
                None => seen = Some(one.seen.clone()),
            }
        }
        Self {
            watchers: watched.len(),
            connections: watched.iter().map(|one| one.connections).sum(),
            deltas: watched.iter().map(|one| one.feed.deltas).sum(),
            snapshots: watched.iter().map(|one| one.feed.snapshots).sum(),
            behind: watched.iter().filter(|one| !one.arrived).count(),
            disconnected: watched.iter().filter(|one| !one.connected).count(),
            accepted_to_seen: seen.map(|seen| seen.quantiles()).unwrap_or_default(),
        }
    }
}
