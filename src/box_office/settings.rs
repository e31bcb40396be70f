//! The box office's settings.

use std::time::Duration;

use crate::domain::HoldPolicy;

/// The box office's bounds and times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Seconds from a reservation, or an extension, to the hold's deadline. Set from the top level.
    pub hold_seconds: u64,
    /// Seconds from a reservation to the last deadline that extensions can reach. Set from the top level.
    pub hold_total_seconds: u64,
    /// Milliseconds for which a seat lock counts although its booking is not in the store: time enough to commit. After that it is
    /// taken over by whoever wants the seat.
    pub lease_milliseconds: u64,
    /// Commands that may wait for one showtime; one more is refused with 503.
    pub max_queued: usize,
    /// Commands in one batch, and so in one commit.
    pub max_batch: usize,
    /// Showtimes with an actor at one time; for one more, one that was not used for long makes room.
    pub max_open_showtimes: usize,
    /// Threads on which showtime actors live.
    pub arbiters: usize,
    /// Seconds without a command or a pending hold after which a showtime's actor ends.
    pub idle_seconds: u64,
    /// Milliseconds that a command may wait in the queue before it is refused.
    pub queue_milliseconds: u64,
    /// Milliseconds from the start of a batch for which an unknown outcome is looked up before the client is told so.
    pub settle_milliseconds: u64,
    /// Milliseconds between looks for holds that are due although no actor has ended them.
    pub sweep_milliseconds: u64,
    /// Seconds in one step of its work after which a showtime is reported as stuck. Longer than a call to PostgreSQL waits for a
    /// connection and an answer before it fails.
    pub stuck_seconds: u64,
    /// Seconds to wait before trying again, as told to refused clients.
    pub retry_after_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hold_seconds: 600,
            hold_total_seconds: 1_800,
            lease_milliseconds: 5_000,
            max_queued: 4_096,
            max_batch: 256,
            max_open_showtimes: 20_000,
            arbiters: 2,
            idle_seconds: 60,
            queue_milliseconds: 10_000,
            settle_milliseconds: 2_600,
            sweep_milliseconds: 100,
            stuck_seconds: 20,
            retry_after_seconds: 1,
        }
    }
}

impl Settings {
    pub(super) fn policy(&self) -> HoldPolicy {
        HoldPolicy {
            hold: Duration::from_secs(self.hold_seconds),
            max_total: Duration::from_secs(self.hold_total_seconds.max(self.hold_seconds)),
        }
    }

    pub(super) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_milliseconds)
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    pub(super) fn queue_timeout(&self) -> Duration {
        Duration::from_millis(self.queue_milliseconds)
    }

    pub(super) fn settle_timeout(&self) -> Duration {
        Duration::from_millis(self.settle_milliseconds)
    }

    pub(super) fn stuck_after(&self) -> Duration {
        Duration::from_secs(self.stuck_seconds)
    }

    pub(super) fn retry_after(&self) -> Duration {
        Duration::from_secs(self.retry_after_seconds)
    }

    /// Nobody waits longer for an answer: the queue, one settled outcome and the calls in between.
    pub(super) fn answer_timeout(&self) -> Duration {
        self.queue_timeout() + self.settle_timeout() + Duration::from_secs(10)
    }
}
