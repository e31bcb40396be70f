//! Events: what happened in a showtime, in the words that the journal, the broker and the clients use.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Block, BlockSeats, BookingId, CancelReason, Money, PaymentReference, Price, SeatId, SeatMap, SeatStatus,
    ShowtimeId, TakenSeat, Terms, Timestamp, UserId,
};

/// Called before a node tells anybody how a showtime stands after the event with this sequence, so that it never contradicts itself.
pub type NoteTold = Arc<dyn Fn(ShowtimeId, u64) + Send + Sync>;

/// An accepted change of one showtime.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// The showtime was created, all seats available. Always the first event, sequence 1.
    ShowtimeScheduled {
        /// What is shown.
        movie_title: String,
        /// When it starts.
        start_time: Timestamp,
        /// Its rows.
        rows: SeatMap,
        /// On which terms it is sold.
        #[serde(default, skip_serializing_if = "Terms::are_default")]
        terms: Terms,
    },
    /// An operator changed the listing; this is all of it as it is now. Bookings stay as they are.
    ShowtimeChanged {
        /// What is shown.
        movie_title: String,
        /// When it starts.
        start_time: Timestamp,
        /// On which terms it is sold.
        #[serde(default, skip_serializing_if = "Terms::are_default")]
        terms: Terms,
        /// Its rows, if it was moved to another version of its auditorium; then those of the seats that the version does not have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<SeatMap>,
    },
    /// The showtime will not take place. Nothing is sold any more; each live booking is ended by an event of its own.
    ShowtimeCancelled {
        /// Why, for people.
        reason: CancelReason,
    },
    /// A booking now holds these seats.
    SeatsReserved {
        /// The new booking.
        booking_id: BookingId,
        /// Its seats.
        seat_ids: Vec<SeatId>,
        /// Who booked.
        user_id: UserId,
        /// The hold's deadline.
        expires_at: Timestamp,
        /// What they cost, if the showtime has prices.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Price>,
        /// Which of them were a block's: they go back to it while it lives.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from_blocks: Vec<BlockSeats>,
    },
    /// The house holds these seats back. A block that is there already has them besides those that it had.
    SeatsBlocked {
        /// The block: a booking of the house.
        booking_id: BookingId,
        /// The seats.
        seat_ids: Vec<SeatId>,
        /// What it is for.
        block: Block,
        /// When it ends, if it does so by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The hold's deadline moved.
    HoldExtended {
        /// The booking.
        booking_id: BookingId,
        /// Its seats.
        seat_ids: Vec<SeatId>,
        /// The new deadline.
        expires_at: Timestamp,
    },
    /// The booking was paid; its seats are sold. If its hold had ended before, they are taken again, all in this one step.
    BookingConfirmed {
        /// The booking.
        booking_id: BookingId,
        /// Its seats.
        seat_ids: Vec<SeatId>,
        /// What the payment provider calls the payment.
        payment_reference: PaymentReference,
        /// If the payment came after the deadline: who booked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late_for: Option<UserId>,
    },
    /// A payment came after the deadline, and the seats could not be taken again: it is to be returned. The booking stays expired.
    PaymentRefused {
        /// The booking that it was for.
        booking_id: BookingId,
        /// Its seats that others have; none if the customer may not have so many places any more.
        taken: Vec<TakenSeat>,
        /// The payment to be returned.
        refund: PaymentReference,
    },
    /// The holder gave the seats back, an operator refunded them, or the showtime was cancelled.
    BookingCancelled {
        /// The booking.
        booking_id: BookingId,
        /// Its seats, available again.
        seat_ids: Vec<SeatId>,
        /// Why the showtime was cancelled, or the booking refunded; none if the holder gave the seats back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<CancelReason>,
        /// The payment of which the part for these seats is to be returned, if the booking was confirmed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund: Option<PaymentReference>,
        /// What they cost: how much of the payment is to be returned. None if nothing is, or if the booking has no price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund_amount: Option<Money>,
    },
    /// Some seats of a booking were given back; it keeps the others. A [`Event::BookingChanged`] follows in the same commit, unless it is a
    /// block.
    SeatsReleased {
        /// The booking.
        booking_id: BookingId,
        /// The seats, available again.
        seat_ids: Vec<SeatId>,
        /// Why they were refunded, if an operator said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<CancelReason>,
        /// The payment of which their part is to be returned; none if nothing is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund: Option<PaymentReference>,
        /// What they cost: how much of the payment is to be returned. None if nothing is, or if the booking has no price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund_amount: Option<Money>,
    },
    /// A live booking has other seats than before; these are all of them as it is now.
    BookingChanged {
        /// The booking.
        booking_id: BookingId,
        /// Its seats.
        seat_ids: Vec<SeatId>,
        /// Whether it is confirmed: then they are sold, else held.
        confirmed: bool,
        /// What they cost, if the booking was made with prices.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Price>,
        /// How much more they cost than what it had before the exchange; negative: less. None after a refund, which tells its amount itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        difference: Option<Money>,
        /// If its user had held one of the seats taken, and gave it up a moment before: since when. The hold's total time counts from then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held_since: Option<Timestamp>,
        /// Which of the seats that it took just now were a block's: they go back to it while it lives.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from_blocks: Vec<BlockSeats>,
    },
    /// The deadline passed before a confirmation.
    HoldExpired {
        /// The booking.
        booking_id: BookingId,
        /// Its seats, available again.
        seat_ids: Vec<SeatId>,
    },
}

/// The name of an event's type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// [`Event::ShowtimeScheduled`]
    ShowtimeScheduled,
    /// [`Event::ShowtimeChanged`]
    ShowtimeChanged,
    /// [`Event::ShowtimeCancelled`]
    ShowtimeCancelled,
    /// [`Event::SeatsReserved`]
    SeatsReserved,
    /// [`Event::SeatsBlocked`]
    SeatsBlocked,
    /// [`Event::HoldExtended`]
    HoldExtended,
    /// [`Event::BookingConfirmed`]
    BookingConfirmed,
    /// [`Event::PaymentRefused`]
    PaymentRefused,
    /// [`Event::BookingCancelled`]
    BookingCancelled,
    /// [`Event::SeatsReleased`]
    SeatsReleased,
    /// [`Event::BookingChanged`]
    BookingChanged,
    /// [`Event::HoldExpired`]
    HoldExpired,
}

impl EventKind {
    /// The name as stores and messages carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShowtimeScheduled => "ShowtimeScheduled",
            Self::ShowtimeChanged => "ShowtimeChanged",
            Self::ShowtimeCancelled => "ShowtimeCancelled",
            Self::SeatsReserved => "SeatsReserved",
            Self::SeatsBlocked => "SeatsBlocked",
            Self::HoldExtended => "HoldExtended",
            Self::BookingConfirmed => "BookingConfirmed",
            Self::PaymentRefused => "PaymentRefused",
            Self::BookingCancelled => "BookingCancelled",
            Self::SeatsReleased => "SeatsReleased",
            Self::BookingChanged => "BookingChanged",
            Self::HoldExpired => "HoldExpired",
        }
    }
}

/// What an event means for the public view: these seats now have this status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatsStatus<'a> {
    /// The seats.
    pub seat_ids: &'a [SeatId],
    /// Their status after the event.
    pub status: SeatStatus,
}

impl Event {
    /// The type's name.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::ShowtimeScheduled { .. } => EventKind::ShowtimeScheduled,
            Self::ShowtimeChanged { .. } => EventKind::ShowtimeChanged,
            Self::ShowtimeCancelled { .. } => EventKind::ShowtimeCancelled,
            Self::SeatsReserved { .. } => EventKind::SeatsReserved,
            Self::SeatsBlocked { .. } => EventKind::SeatsBlocked,
            Self::HoldExtended { .. } => EventKind::HoldExtended,
            Self::BookingConfirmed { .. } => EventKind::BookingConfirmed,
            Self::PaymentRefused { .. } => EventKind::PaymentRefused,
            Self::BookingCancelled { .. } => EventKind::BookingCancelled,
            Self::SeatsReleased { .. } => EventKind::SeatsReleased,
            Self::BookingChanged { .. } => EventKind::BookingChanged,
            Self::HoldExpired { .. } => EventKind::HoldExpired,
        }
    }

    /// The seats it is about and their status afterwards. Setting the status again changes nothing.
    /// Events about the whole showtime, or about a payment that is to be returned, name no seats; after [`Event::ShowtimeScheduled`] all are
    /// available.
    pub fn seats_status(&self) -> SeatsStatus<'_> {
        match self {
            Self::ShowtimeScheduled { .. }
            | Self::ShowtimeChanged { .. }
            | Self::ShowtimeCancelled { .. }
            | Self::PaymentRefused { .. } => SeatsStatus { seat_ids: &[], status: SeatStatus::Available },
            Self::SeatsReserved { seat_ids, .. }
            | Self::SeatsBlocked { seat_ids, .. }
            | Self::HoldExtended { seat_ids, .. }
            | Self::BookingChanged { seat_ids, confirmed: false, .. } => {
                SeatsStatus { seat_ids, status: SeatStatus::Reserved }
            }
            Self::BookingConfirmed { seat_ids, .. } | Self::BookingChanged { seat_ids, confirmed: true, .. } => {
                SeatsStatus { seat_ids, status: SeatStatus::Sold }
            }
            Self::BookingCancelled { seat_ids, .. }
            | Self::SeatsReleased { seat_ids, .. }
            | Self::HoldExpired { seat_ids, .. } => SeatsStatus { seat_ids, status: SeatStatus::Available },
        }
    }

    /// The booking it is about; none for events about the whole showtime.
    pub fn booking_id(&self) -> Option<BookingId> {
        match self {
            Self::ShowtimeScheduled { .. } | Self::ShowtimeChanged { .. } | Self::ShowtimeCancelled { .. } => None,
            Self::SeatsReserved { booking_id, .. }
            | Self::SeatsBlocked { booking_id, .. }
            | Self::HoldExtended { booking_id, .. }
            | Self::BookingConfirmed { booking_id, .. }
            | Self::PaymentRefused { booking_id, .. }
            | Self::BookingCancelled { booking_id, .. }
            | Self::SeatsReleased { booking_id, .. }
            | Self::BookingChanged { booking_id, .. }
            | Self::HoldExpired { booking_id, .. } => Some(*booking_id),
        }
    }

    /// The seats that its booking gives back, sold or not.
    pub fn given_up_seats(&self) -> Option<&[SeatId]> {
        match self {
            Self::BookingCancelled { seat_ids, .. }
            | Self::SeatsReleased { seat_ids, .. }
            | Self::HoldExpired { seat_ids, .. } => Some(seat_ids),
            Self::ShowtimeScheduled { .. }
            | Self::ShowtimeChanged { .. }
            | Self::ShowtimeCancelled { .. }
            | Self::SeatsReserved { .. }
            | Self::SeatsBlocked { .. }
            | Self::HoldExtended { .. }
            | Self::BookingConfirmed { .. }
            | Self::PaymentRefused { .. }
            | Self::BookingChanged { .. } => None,
        }
    }

    /// How much more its booking costs than before an exchange.
    pub fn difference(&self) -> Option<&Money> {
        if let Self::BookingChanged { difference, .. } = self { difference.as_ref() } else { None }
    }

    /// How much of a payment is to be returned.
    pub fn refund_amount(&self) -> Option<&Money> {
        if let Self::BookingCancelled { refund_amount, .. } | Self::SeatsReleased { refund_amount, .. } = self {
            refund_amount.as_ref()
        } else {
            None
        }
    }

    /// The rows that the showtime has from then on, if the event sets them.
    pub fn rows(&self) -> Option<&SeatMap> {
        match self {
            Self::ShowtimeScheduled { rows, .. } => Some(rows),
            Self::ShowtimeChanged { rows, .. } => rows.as_ref(),
            Self::ShowtimeCancelled { .. }
            | Self::SeatsReserved { .. }
            | Self::SeatsBlocked { .. }
            | Self::HoldExtended { .. }
            | Self::BookingConfirmed { .. }
            | Self::PaymentRefused { .. }
            | Self::BookingCancelled { .. }
            | Self::SeatsReleased { .. }
            | Self::BookingChanged { .. }
            | Self::HoldExpired { .. } => None,
        }
    }

    /// Whether it may give a customer more places than the booking had before.
    pub fn takes_places(&self) -> bool {
        match self {
            Self::SeatsReserved { .. }
            | Self::BookingConfirmed { late_for: Some(_), .. }
            | Self::BookingChanged { .. } => true,
            Self::ShowtimeScheduled { .. }
            | Self::ShowtimeChanged { .. }
            | Self::ShowtimeCancelled { .. }
            | Self::SeatsBlocked { .. }
            | Self::HoldExtended { .. }
            | Self::BookingConfirmed { late_for: None, .. }
            | Self::PaymentRefused { .. }
            | Self::BookingCancelled { .. }
            | Self::SeatsReleased { .. }
            | Self::HoldExpired { .. } => false,
        }
    }
}
