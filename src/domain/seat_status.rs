//! Seat status: what a seat is to the public.

use serde::{Deserialize, Serialize};

/// What a seat is to the public.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum SeatStatus {
    /// Free to be reserved.
    Available = 0,
    /// Held by a pending booking.
    Reserved = 1,
    /// Part of a confirmed booking.
    Sold = 2,
}

impl SeatStatus {
    /// The number that stores keep: 0 available, 1 reserved, 2 sold.
    pub fn code(self) -> u8 {
        match self {
            Self::Available => 0,
            Self::Reserved => 1,
            Self::Sold => 2,
        }
    }

    /// The reverse of [`SeatStatus::code`].
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Available),
            1 => Some(Self::Reserved),
            2 => Some(Self::Sold),
            _ => None,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Reserved => "Reserved",
            Self::Sold => "Sold",
        }
    }
}
