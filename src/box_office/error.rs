//! Why the box office did not do what was asked.

use std::time::Duration;

use crate::domain::{BookingId, Command, Rejection, ShowtimeId};

/// See the module's documentation.
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
    /// Whether the showtime was changed could not be settled in time. Asking again does no harm.
    #[error("it is not known yet whether showtime {showtime_id} was changed")]
    ChangeUnknown {
        /// The showtime to ask for.
        showtime_id: ShowtimeId,
    },
    /// A bug, or stored data that contradicts itself. Told to the log, not to the client.
    #[error("the box office failed: {0}")]
    Bug(String),
}

impl BoxOfficeError {
    /// The outcome of a command could not be settled in time.
    pub(super) fn unknown(command: &Command, showtime_id: ShowtimeId) -> Self {
        match command.booking_id() {
            Some(booking_id) => Self::OutcomeUnknown { booking_id },
            None => Self::ChangeUnknown { showtime_id },
        }
    }

    /// True for those that promise that nothing was changed because nothing was tried.
    pub(super) fn claims_no_change(&self) -> bool {
        match self {
            Self::Overloaded { .. } | Self::Unavailable { .. } | Self::Draining => true,
            Self::Rejected(_)
            | Self::OutcomeUnknown { .. }
            | Self::ScheduleUnknown { .. }
            | Self::ChangeUnknown { .. }
            | Self::Bug(_) => false,
        }
    }
}
