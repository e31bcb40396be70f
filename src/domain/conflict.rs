//! Conflicts: seats that could not be taken, and why.

use crate::domain::{SeatId, SeatPlace, SeatStatus};

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
    /// Why a seat with this status cannot be taken; `None` if it can.
    pub fn of(status: SeatStatus) -> Option<Self> {
        match status {
            SeatStatus::Available => None,
            SeatStatus::Reserved => Some(Self::Reserved),
            SeatStatus::Sold => Some(Self::Sold),
        }
    }

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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatConflict {
    /// The seat.
    pub seat_id: SeatId,
    /// The seat for people.
    pub place: SeatPlace,
    /// Why it is not free.
    pub reason: ConflictReason,
}
