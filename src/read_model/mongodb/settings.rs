//! Limits of the MongoDB read model.

use std::time::Duration;

/// Limits of the MongoDB read model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How long to look for a primary before an operation fails, in milliseconds.
    pub server_selection_timeout_milliseconds: u64,
    /// How long a new connection may take, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// How long one call may take, waiting for a connection included, in milliseconds.
    pub operation_timeout_milliseconds: u64,
    /// Most connections to one MongoDB server.
    pub max_connections: u32,
    /// Most runs that wait to be applied. Past it a run is refused, and the projector tries again.
    pub max_waiting_runs: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_selection_timeout_milliseconds: 2_000,
            connect_timeout_milliseconds: 2_000,
            operation_timeout_milliseconds: 5_000,
            max_connections: 32,
            max_waiting_runs: 10_000,
        }
    }
}

impl Settings {
    pub(super) fn operation_timeout(&self) -> Duration {
        Duration::from_millis(self.operation_timeout_milliseconds)
    }
}
