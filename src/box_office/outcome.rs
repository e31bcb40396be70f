//! What the box office answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Block, Booking, BookingId, BookingStatus, HoldToken, Listing, Money, PaymentReference, Price, SeatId, ShowtimeId,
    Timestamp,
};

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
    /// What its seats cost.
    pub price: Option<Box<Price>>,
    /// How much more it costs than before, if this command was an exchange of a booking with a price; unknown if the command may have been carried
    /// out in an attempt before. Of a replayed exchange what the first answer told.
    pub difference: Option<Box<Money>>,
    /// How much of its payment is to be returned, if this command has refunded a booking with a price.
    pub refund_amount: Option<Box<Money>>,
    /// The payment, once confirmed.
    pub payment_reference: Option<PaymentReference>,
    /// What it is for, if it is a block.
    pub block: Option<Box<Block>>,
    /// Sequence of the event that made it so.
    pub sequence: u64,
    /// An earlier request with the same idempotency key did it; this tells what has become of the booking since.
    pub replayed: bool,
    /// It was so before the command, which has changed nothing.
    pub done_before: bool,
    /// Why it has these seats, if they were chosen for it by this very command.
    pub choice: Option<Box<str>>,
}

impl Outcome {
    /// The booking as it is.
    pub(super) fn of(booking: &Booking) -> Self {
        Self {
            booking_id: booking.id,
            showtime_id: booking.showtime_id,
            seat_ids: booking.seat_ids.clone(),
            status: booking.status,
            expires_at: booking.expires_at,
            price: booking.price.clone().map(Box::new),
            difference: None,
            refund_amount: None,
            payment_reference: booking.payment_reference.clone(),
            block: booking.block.clone().map(Box::new),
            sequence: booking.version,
            replayed: false,
            done_before: false,
            choice: None,
        }
    }
}

/// What a command has made of a showtime's listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The listing as it is.
    pub listing: Arc<Listing>,
    /// A sequence at which the showtime has this listing.
    pub sequence: u64,
    /// An earlier request with the same idempotency key did it; this tells what has become of the listing since.
    pub replayed: bool,
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
