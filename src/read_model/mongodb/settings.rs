//! Limits of the MongoDB read model.

use std::time::Duration;

/// Limits of the MongoDB read model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How long to look for a primary before an operation fails, in milliseconds.
    pub server_selection_timeout_milliseconds: u64,
    /// How long a new connection may take, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// How long one read or one applied run may take, attempts and waiting for a connection included, in milliseconds.
    pub operation_timeout_milliseconds: u64,
    /// Most connections to one MongoDB server.
    pub max_connections: u32,
    /// How long a node goes by what it has read about generations, in milliseconds. A rebuild waits longer than that before it
    /// drops the copy that readers have left.
    pub generations_cached_milliseconds: u64,
    /// Most events of one showtime in one write; longer runs are applied in parts.
    pub max_events_per_write: usize,
    /// Most chunks of seats (about 4 KB each) remembered since they were written, so that the next write need not read them.
    pub max_remembered_chunks: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_selection_timeout_milliseconds: 2_000,
            connect_timeout_milliseconds: 2_000,
            operation_timeout_milliseconds: 5_000,
            max_connections: 32,
            generations_cached_milliseconds: 1_000,
            max_events_per_write: 500,
            max_remembered_chunks: 8_192,
        }
    }
}

impl Settings {
    pub(super) fn operation_timeout(&self) -> Duration {
        Duration::from_millis(self.operation_timeout_milliseconds)
    }

    pub(super) fn generations_cached(&self) -> Duration {
        Duration::from_millis(self.generations_cached_milliseconds)
    }

    /// How old the knowledge about generations behind an answer can be at most: it was fresh when the operation began.
    pub(super) fn generations_in_use(&self) -> Duration {
        self.generations_cached() + self.operation_timeout()
    }
}
