//! Rejections: why a command is refused. Expected outcomes, not errors; each states a fact.

use crate::domain::{BookingStatus, SeatId, Timestamp};

/// Why a seat could not be taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConflictReason {
    /// Another booking holds it.
    Reserved,
    /// Another booking has bought it.
    Sold,
    /// Another reservation, not yet decided, has locked it.
    Locked,
}

impl ConflictReason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "Reserved",
            Self::Sold => "Sold",
            Self::Locked => "Locked",
        }
    }
}

/// A seat that could not be taken, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatConflict {
    /// The seat.
    pub seat_id: SeatId,
    /// Why it is not free.
    pub reason: ConflictReason,
}

/// Why a command was refused. A refused command changed nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    /// No showtime has this id.
    #[error("there is no showtime with this id")]
    UnknownShowtime,
    /// At least one seat is taken; all that are, are named.
    #[error("{} of the seats cannot be taken", conflicts.len())]
    SeatsTaken {
        /// The seats in the way.
        conflicts: Vec<SeatConflict>,
    },
    /// Ids that name no seat of the showtime.
    #[error("{} of the seats do not exist in this showtime", seat_ids.len())]
    UnknownSeats {
        /// The ids.
        seat_ids: Vec<SeatId>,
    },
    /// No booking of the showtime has this id.
    #[error("there is no booking with this id")]
    UnknownBooking,
    /// The hold token is not this booking's.
    #[error("the hold token does not belong to this booking")]
    NotHolder,
    /// The hold's deadline has passed.
    #[error("the hold expired at {expired_at}")]
    HoldExpired {
        /// The deadline.
        expired_at: Timestamp,
    },
    /// The booking is confirmed or cancelled, and the command needs a pending one.
    #[error("the booking is {}", status.as_str())]
    BookingNotPending {
        /// What the booking is.
        status: BookingStatus,
    },
    /// The booking is confirmed with another payment.
    #[error("the booking is confirmed with another payment reference")]
    PaidOtherwise,
    /// Extensions have reached the hold's longest total time.
    #[error("the hold cannot be extended past {limit}")]
    ExtensionExhausted {
        /// The last possible deadline.
        limit: Timestamp,
    },
    /// The idempotency key was used before, for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
}
