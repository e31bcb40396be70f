//! Settings of the seat lock on Valkey.

/// Bounds of the connection to Valkey.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Longest time that one call may take, in milliseconds; past it the caller goes on without the lock.
    pub response_timeout_milliseconds: u64,
    /// Longest time for making a connection to one host, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// Longest pause between two attempts to connect, in milliseconds. The first pause is 50 ms, each next one twice as long.
    pub reconnect_longest_pause_milliseconds: u64,
    /// Time between two checks of an idle connection, in milliseconds.
    pub probe_interval_milliseconds: u64,
    /// Most locks that one script call touches; more are sent in several calls, never splitting a claim.
    pub max_keys_per_call: usize,
    /// Most calls that may wait for the one under way; more fail at once.
    pub max_waiting_calls: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            response_timeout_milliseconds: 500,
            connect_timeout_milliseconds: 1_000,
            reconnect_longest_pause_milliseconds: 1_000,
            probe_interval_milliseconds: 2_000,
            max_keys_per_call: 5_000,
            max_waiting_calls: 20_000,
        }
    }
}
