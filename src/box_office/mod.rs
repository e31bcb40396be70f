//! The box office: takes commands, brings each to its showtime's actor, and gives back what became of it.
//!
//! A command goes from [`BoxOffice`] into the bounded queue of its showtime's actor. The actor lets one batch run at a time: lock,
//! decide, commit, answer. All that queued meanwhile is the next batch, so under contention one commit carries many bookings.
//!
//! **Invariant:** a command, once queued, is carried out or refused as a whole, whatever becomes of the client that asked and of the
//! actor that queued it: when an actor is lost, [`BoxOffice`] asks its successor again with the same booking id.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::domain::{
    Booking, BookingId, BookingStatus, Clock, HoldPolicy, HoldToken, Rejection, SeatId, ShowtimeId, Timestamp,
};
use crate::seat_lock::SeatLock;
use crate::telemetry::Counters;
use crate::write_store::WriteStore;

mod arrivals;
mod batch_run;
mod board;
mod expiry;
mod handle;
mod owned;
mod plan;
mod queue;
mod recall;
mod registry;
mod request;
mod scheduling;
mod seat_claims;
mod showtime_actor;
mod verdict;

pub use handle::BoxOffice;
pub use request::{IdempotencyKey, RequestContext};

/// The box office's bounds and times.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds from a reservation, or an extension, to the hold's deadline. Set from the top level.
    #[serde(skip)]
    pub hold_seconds: u64,
    /// Seconds from a reservation to the last deadline that extensions can reach. Set from the top level.
    #[serde(skip)]
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
    /// Milliseconds for which a seat that was seen free may be locked early, while the batch before is committed, without asking the
    /// store again. No refusal rests on it.
    pub freshness_milliseconds: u64,
    /// Seconds that a command may wait in the queue before it is refused.
    pub queue_seconds: u64,
    /// Milliseconds from the start of a batch for which an unknown outcome is looked up before the client is told so.
    pub settle_milliseconds: u64,
    /// Milliseconds between looks for holds that are due although no actor has ended them.
    pub sweep_milliseconds: u64,
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
            freshness_milliseconds: 500,
            queue_seconds: 10,
            settle_milliseconds: 2_600,
            sweep_milliseconds: 100,
            retry_after_seconds: 1,
        }
    }
}

impl Settings {
    fn policy(&self) -> HoldPolicy {
        HoldPolicy {
            hold: Duration::from_secs(self.hold_seconds),
            max_total: Duration::from_secs(self.hold_total_seconds.max(self.hold_seconds)),
        }
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_milliseconds)
    }

    fn freshness(&self) -> Duration {
        Duration::from_millis(self.freshness_milliseconds)
    }

    fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    fn queue_timeout(&self) -> Duration {
        Duration::from_secs(self.queue_seconds)
    }

    fn settle_timeout(&self) -> Duration {
        Duration::from_millis(self.settle_milliseconds)
    }

    fn retry_after(&self) -> Duration {
        Duration::from_secs(self.retry_after_seconds)
    }

    /// Nobody waits longer for an answer: the queue, one settled outcome and the calls in between.
    fn answer_timeout(&self) -> Duration {
        self.queue_timeout() + self.settle_timeout() + Duration::from_secs(10)
    }
}

/// What the box office works with.
pub struct Dependencies {
    /// The truth.
    pub write_store: Arc<dyn WriteStore>,
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

/// What a command has made of a booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The booking.
    pub booking_id: BookingId,
    /// Its showtime.
    pub showtime_id: ShowtimeId,
    /// Its seats, in the client's order.
    pub seat_ids: Vec<SeatId>,
    /// Where it stands.
    pub status: BookingStatus,
    /// The hold's deadline.
    pub expires_at: Timestamp,
    /// Sequence of the event that made it so.
    pub sequence: u64,
    /// An earlier request with the same idempotency key did it; this tells what has become of the booking since.
    pub replayed: bool,
}

impl Outcome {
    /// The booking as it is.
    fn of(booking: &Booking) -> Self {
        Self {
            booking_id: booking.id,
            showtime_id: booking.showtime_id,
            seat_ids: booking.seat_ids.clone(),
            status: booking.status,
            expires_at: booking.expires_at,
            sequence: booking.version,
            replayed: false,
        }
    }
}

/// An accepted reservation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserved {
    /// The booking.
    pub outcome: Outcome,
    /// The holder's secret; the same again for the same idempotency key.
    pub hold_token: HoldToken,
}

/// An accepted schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduled {
    /// The new showtime.
    pub showtime_id: ShowtimeId,
    /// Its sequence, 1.
    pub sequence: u64,
    /// An earlier request with the same idempotency key created it.
    #[serde(skip)]
    pub replayed: bool,
}

/// Why the box office did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BoxOfficeError {
    /// Refused by the rules; nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// More commands are waiting than a bound allows; nothing was changed.
    #[error("too many commands are waiting")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The write store cannot be reached; nothing was changed.
    #[error("the write store is unavailable")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// The server is shutting down; nothing was changed.
    #[error("the server is shutting down")]
    Draining,
    /// The outcome could not be settled in time; asking for the booking will tell.
    #[error("the outcome for booking {booking_id} is not known yet")]
    OutcomeUnknown {
        /// The booking to ask for.
        booking_id: BookingId,
    },
    /// Whether the showtime was created could not be settled in time.
    #[error("it is not known yet whether showtime {showtime_id} was created")]
    ScheduleUnknown {
        /// The showtime to ask for.
        showtime_id: ShowtimeId,
    },
    /// A bug, or stored data that contradicts itself. Told to the log, not to the client.
    #[error("the box office failed: {0}")]
    Bug(String),
}

impl BoxOfficeError {
    /// True for those that promise that nothing was changed because nothing was tried.
    fn claims_no_change(&self) -> bool {
        match self {
            Self::Overloaded { .. } | Self::Unavailable { .. } | Self::Draining => true,
            Self::Rejected(_) | Self::OutcomeUnknown { .. } | Self::ScheduleUnknown { .. } | Self::Bug(_) => false,
        }
    }
}
