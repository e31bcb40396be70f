//! Bookings: who holds which seats, until when, and where that stands.

use crate::domain::{
    BookingId, CancelReason, PaymentReference, Price, RefusedPayment, SeatId, ShowtimeId, Timestamp, TokenHash, UserId,
};

/// Where a booking stands in its life: pending, then one of the other three. A confirmed one is cancelled with its showtime, or when it is
/// refunded; an expired one is
/// confirmed by a late payment if its seats are still free.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum BookingStatus {
    /// Holds its seats until the deadline.
    Pending = 0,
    /// Paid; its seats are sold.
    Confirmed = 1,
    /// Given up by its holder, refunded as a whole, or cancelled with its showtime.
    Cancelled = 2,
    /// Ended by its deadline.
    Expired = 3,
}

impl BookingStatus {
    /// The number that stores keep: 0 pending, 1 confirmed, 2 cancelled, 3 expired.
    pub fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Confirmed => 1,
            Self::Cancelled => 2,
            Self::Expired => 3,
        }
    }

    /// The reverse of [`BookingStatus::code`].
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Pending),
            1 => Some(Self::Confirmed),
            2 => Some(Self::Cancelled),
            3 => Some(Self::Expired),
            _ => None,
        }
    }

    /// Seconds left at `now` of a hold until its deadline; `None` for what is no hold any more.
    pub fn seconds_left(self, deadline: Timestamp, now: Timestamp) -> Option<f64> {
        (self == Self::Pending).then(|| deadline.since(now).as_secs_f64())
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Confirmed => "Confirmed",
            Self::Cancelled => "Cancelled",
            Self::Expired => "Expired",
        }
    }

    /// A live booking owns its seats: pending or confirmed.
    pub fn is_live(self) -> bool {
        match self {
            Self::Pending | Self::Confirmed => true,
            Self::Cancelled | Self::Expired => false,
        }
    }
}

/// A booking as the write model keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// Its showtime.
    pub showtime_id: ShowtimeId,
    /// Its seats, in the client's order.
    pub seat_ids: Vec<SeatId>,
    /// Who booked.
    pub user_id: UserId,
    /// Hash of the holder's token.
    pub token: TokenHash,
    /// Where it stands.
    pub status: BookingStatus,
    /// When the seats were reserved.
    pub reserved_at: Timestamp,
    /// The hold's deadline.
    pub expires_at: Timestamp,
    /// What its seats cost, each in its place; none if the showtime had no prices.
    pub price: Option<Price>,
    /// The payment, once confirmed.
    pub payment_reference: Option<PaymentReference>,
    /// Why it was cancelled, if its showtime was, or if it was refunded for a reason.
    pub cancel_reason: Option<CancelReason>,
    /// The seats that were refunded while it kept others.
    pub refunded: Vec<SeatId>,
    /// The last payment that came too late for it and is to be returned.
    pub refused_payment: Option<RefusedPayment>,
    /// Sequence of the last event about it; its version for optimistic concurrency.
    pub version: u64,
}
