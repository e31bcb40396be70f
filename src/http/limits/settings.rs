//! Settings of the limits.

use serde::Deserialize;

/// What one client may do, and how much there may be in all. 0 switches a limit off.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Requests per second and client address, in the long run.
    pub address_requests: u32,
    /// Requests of one client address at once.
    pub address_burst: u32,
    /// Requests per second that show the same bearer token, in the long run.
    pub token_requests: u32,
    /// Requests at once that show the same bearer token.
    pub token_burst: u32,
    /// Open connections of one client address. Those of trusted proxies are not counted.
    pub address_connections: u32,
    /// Open WebSockets of one client address.
    pub address_sockets: u32,
    /// Showtimes that there may be in all; no further one is created. A node counts them once a minute and adds what it creates itself, so
    /// several nodes can pass the limit by what they create within that minute.
    pub total_showtimes: u64,
    /// Seats that all showtimes may have together; as `total_showtimes`.
    pub total_seats: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address_requests: 1_000,
            address_burst: 10_000,
            token_requests: 100,
            token_burst: 1_000,
            address_connections: 10_000,
            address_sockets: 5_000,
            total_showtimes: 10_000_000,
            total_seats: 1_000_000_000,
        }
    }
}
