//! Decisions about one booking: what a command about it comes to, given where the booking stands and when the command came.

use crate::domain::{
    Booking, BookingStatus, Credential, Event, HoldPolicy, PaymentReference, Rejection, SeatSelection, Timestamp,
    TokenHash,
};

/// What `decide` answers when a command is not refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The command is accepted; this event makes it so.
    Accepted(Event),
    /// The command was carried out before; there is nothing to record.
    AlreadyDone,
}

impl Credential {
    /// Whether it lets its bearer act on a booking, given the hash of the booking's hold token.
    ///
    /// # Errors
    /// [`Rejection::NotHolder`].
    pub fn check(&self, token: &TokenHash) -> Result<(), Rejection> {
        match self {
            Self::Operator => Ok(()),
            Self::Holder(shown) if token.matches(shown) => Ok(()),
            Self::Holder(_) => Err(Rejection::NotHolder),
        }
    }
}

/// A reservation repeated with its booking's id: done before, if it is the same in all parts.
pub(super) fn already_reserved(
    booking: &Booking,
    seats: &SeatSelection,
    token: &TokenHash,
) -> Result<Decision, Rejection> {
    if booking.seat_ids == seats.as_slice() && booking.token.matches(token) {
        Ok(Decision::AlreadyDone)
    } else {
        Err(Rejection::NotHolder)
    }
}

/// A payment that arrived before the deadline counts, however late it is decided, as long as nobody has ended the hold.
pub(super) fn decide_confirm(
    booking: &Booking,
    reference: &PaymentReference,
    asked_at: Timestamp,
) -> Result<Decision, Rejection> {
    match booking.status {
        BookingStatus::Confirmed if booking.payment_reference.as_ref() == Some(reference) => Ok(Decision::AlreadyDone),
        BookingStatus::Confirmed => Err(Rejection::PaidOtherwise),
        BookingStatus::Cancelled => Err(Rejection::BookingNotPending { status: booking.status }),
        BookingStatus::Expired => Err(Rejection::HoldExpired { expired_at: booking.expires_at }),
        BookingStatus::Pending if booking.expires_at <= asked_at => {
            Err(Rejection::HoldExpired { expired_at: booking.expires_at })
        }
        BookingStatus::Pending => Ok(Decision::Accepted(Event::BookingConfirmed {
            booking_id: booking.id,
            seat_ids: booking.seat_ids.clone(),
            payment_reference: reference.clone(),
        })),
    }
}

pub(super) fn decide_cancel(booking: &Booking, now: Timestamp) -> Result<Decision, Rejection> {
    match booking.status {
        BookingStatus::Cancelled => Ok(Decision::AlreadyDone),
        BookingStatus::Confirmed => Err(Rejection::BookingNotPending { status: booking.status }),
        BookingStatus::Expired => Err(Rejection::HoldExpired { expired_at: booking.expires_at }),
        BookingStatus::Pending if booking.expires_at <= now => {
            Err(Rejection::HoldExpired { expired_at: booking.expires_at })
        }
        BookingStatus::Pending => Ok(Decision::Accepted(Event::BookingCancelled {
            booking_id: booking.id,
            seat_ids: booking.seat_ids.clone(),
        })),
    }
}

pub(super) fn decide_extend(
    booking: &Booking,
    asked_at: Timestamp,
    policy: &HoldPolicy,
) -> Result<Decision, Rejection> {
    match booking.status {
        BookingStatus::Confirmed | BookingStatus::Cancelled => {
            Err(Rejection::BookingNotPending { status: booking.status })
        }
        BookingStatus::Expired => Err(Rejection::HoldExpired { expired_at: booking.expires_at }),
        BookingStatus::Pending if booking.expires_at <= asked_at => {
            Err(Rejection::HoldExpired { expired_at: booking.expires_at })
        }
        BookingStatus::Pending => {
            let expires_at = policy.extended_deadline(booking.reserved_at, asked_at);
            if expires_at <= booking.expires_at {
                let limit = booking.reserved_at + policy.max_total;
                // Tried again, or asked again within the same millisecond: the hold already lasts that long.
                return if expires_at < limit {
                    Ok(Decision::AlreadyDone)
                } else {
                    Err(Rejection::ExtensionExhausted { limit })
                };
            }
            Ok(Decision::Accepted(Event::HoldExtended {
                booking_id: booking.id,
                seat_ids: booking.seat_ids.clone(),
                expires_at,
            }))
        }
    }
}
