//! Limits of the projector.

use std::time::Duration;

/// Limits of the projector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Most deliveries received and not settled yet, and most showtimes that wait to be refilled. Past it the projector takes no more.
    pub max_unsettled: usize,
    /// Most showtimes written at the same time.
    pub max_showtimes_at_once: usize,
    /// Most events of one showtime that are merged from several deliveries (a single delivery may be longer).
    pub max_events_at_once: usize,
    /// A busy showtime's next write comes after a rest four times as long as the last write took, but at most so many milliseconds.
    pub max_rest_milliseconds: u64,
    /// Events of the journal read at once.
    pub journal_page: usize,
    /// Wait before the second attempt when a store does not answer, in milliseconds; doubled with each further one.
    pub retry_first_milliseconds: u64,
    /// Longest wait between two attempts, in milliseconds.
    pub retry_most_milliseconds: u64,
    /// Failed attempts after which a message is dead, if the store that failed answers a ping.
    pub attempts_before_dead: u32,
    /// Time between two sweeps for showtimes that are behind, in milliseconds.
    pub sweep_every_milliseconds: u64,
    /// Showtimes compared at once in a sweep.
    pub sweep_page: usize,
    /// Pause between two pages of a sweep, in milliseconds.
    pub sweep_pause_milliseconds: u64,
    /// How long the broker may take before a showtime counts as behind, in milliseconds.
    pub sweep_grace_milliseconds: u64,
    /// Wait before the work is started anew after it broke, in milliseconds.
    pub restart_delay_milliseconds: u64,
    /// How long [`Projector::stop`](super::Projector::stop) waits for writes under way, in milliseconds.
    pub stop_timeout_milliseconds: u64,
    /// Showtimes that a rebuild fills at the same time.
    pub rebuild_showtimes_at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_unsettled: 1_000,
            max_showtimes_at_once: 32,
            max_events_at_once: 2_000,
            max_rest_milliseconds: 100,
            journal_page: 500,
            retry_first_milliseconds: 100,
            retry_most_milliseconds: 2_000,
            attempts_before_dead: 60,
            sweep_every_milliseconds: 5_000,
            sweep_page: 1_000,
            sweep_pause_milliseconds: 20,
            sweep_grace_milliseconds: 500,
            restart_delay_milliseconds: 500,
            stop_timeout_milliseconds: 10_000,
            rebuild_showtimes_at_once: 8,
        }
    }
}

impl Settings {
    /// The wait before attempt `attempt` + 1, counted from 1.
    pub(super) fn retry_delay(&self, attempt: u32) -> Duration {
        let doubled = self
            .retry_first_milliseconds
            .saturating_mul(1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX));
        Duration::from_millis(doubled.min(self.retry_most_milliseconds))
    }
}
