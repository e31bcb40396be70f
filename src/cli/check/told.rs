//! What the journal says about bookings, folded event by event.
//!
//! It does not use the fold of the domain, which has made what is stored: a mistake there is to be found here.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{
    Block, BlockSeats, Booking, BookingId, BookingStatus, Event, PaymentReference, Price, RecordedEvent, SeatId,
    SeatIndex, Timestamp, UserId,
};

/// A booking, as far as it is compared.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Told {
    seats: Vec<SeatIndex>,
    user: UserId,
    status: BookingStatus,
    expires_at: Timestamp,
    version: u64,
    price: Option<Price>,
    payment: Option<PaymentReference>,
    block: Option<Block>,
    /// Seats that it has from blocks, each with its block.
    pub(super) from_blocks: BTreeSet<(BookingId, SeatIndex)>,
}

impl Told {
    /// The same of a stored booking.
    pub(super) fn stored(booking: &Booking) -> Self {
        Self {
            seats: indices(&booking.seat_ids),
            user: booking.user_id.clone(),
            status: booking.status,
            expires_at: booking.expires_at,
            version: booking.version,
            price: booking.price.clone(),
            payment: booking.payment_reference.clone(),
            block: booking.block.clone(),
            from_blocks: each_with_block(&booking.from_blocks),
        }
    }

    /// Whether it is a block, live or not.
    pub(super) fn is_block(&self) -> bool {
        self.block.is_some()
    }

    /// Whether it is a block that holds back seats at this time.
    pub(super) fn is_live_block(&self, at: Timestamp) -> bool {
        self.block.is_some() && self.status == BookingStatus::Pending && self.expires_at > at
    }
}

/// Each seat with the block that it comes from.
pub(super) fn each_with_block(blocks: &[BlockSeats]) -> BTreeSet<(BookingId, SeatIndex)> {
    blocks.iter().flat_map(|block| block.seat_ids.iter().map(|seat| (block.id, seat.index()))).collect()
}

/// Follows the next event.
pub(super) fn tell(told: &mut HashMap<BookingId, Told>, recorded: &RecordedEvent) {
    let Some(booking_id) = recorded.event.booking_id() else { return };
    if let Some(made) = made_by(&recorded.event) {
        told.entry(booking_id).or_insert(made);
    }
    let Some(booking) = told.get_mut(&booking_id) else { return };
    booking.version = recorded.sequence;
    match &recorded.event {
        Event::HoldExtended { expires_at, .. } => booking.expires_at = *expires_at,
        Event::BookingConfirmed { payment_reference, .. } => {
            booking.status = BookingStatus::Confirmed;
            booking.payment = Some(payment_reference.clone());
        }
        Event::BookingCancelled { .. } => booking.status = BookingStatus::Cancelled,
        Event::BookingChanged { seat_ids, price, from_blocks, .. } => {
            booking.seats = indices(seat_ids);
            booking.price.clone_from(price);
            booking.from_blocks.retain(|(_, seat)| booking.seats.contains(seat));
            booking.from_blocks.extend(each_with_block(from_blocks));
        }
        Event::HoldExpired { .. } => booking.status = BookingStatus::Expired,
        Event::SeatsReserved { seat_ids, .. } | Event::SeatsBlocked { seat_ids, .. } => {
            booking.seats.extend(indices(seat_ids));
        }
        Event::SeatsReleased { seat_ids, .. } => {
            let released = indices(seat_ids);
            booking.seats.retain(|seat| !released.contains(seat));
            booking.from_blocks.retain(|(_, seat)| !released.contains(seat));
        }
        Event::ShowtimeScheduled { .. }
        | Event::ShowtimeChanged { .. }
        | Event::ShowtimeCancelled { .. }
        | Event::PaymentRefused { .. } => {}
    }
}

/// The booking that an event makes, without its seats, if there is none yet.
fn made_by(event: &Event) -> Option<Told> {
    let made = |user, expires_at| Told {
        seats: Vec::new(),
        user,
        status: BookingStatus::Pending,
        expires_at,
        version: 0,
        price: None,
        payment: None,
        block: None,
        from_blocks: BTreeSet::new(),
    };
    match event {
        Event::SeatsReserved { user_id, expires_at, price, from_blocks, .. } => {
            let from_blocks = each_with_block(from_blocks);
            Some(Told { price: price.clone(), from_blocks, ..made(user_id.clone(), *expires_at) })
        }
        Event::SeatsBlocked { until, block, .. } => {
            let until = until.unwrap_or(Timestamp::MAX);
            Some(Told { block: Some(block.clone()), ..made(UserId::house(), until) })
        }
        Event::ShowtimeScheduled { .. }
        | Event::ShowtimeChanged { .. }
        | Event::ShowtimeCancelled { .. }
        | Event::HoldExtended { .. }
        | Event::BookingConfirmed { .. }
        | Event::PaymentRefused { .. }
        | Event::BookingCancelled { .. }
        | Event::SeatsReleased { .. }
        | Event::BookingChanged { .. }
        | Event::HoldExpired { .. } => None,
    }
}

fn indices(seats: &[SeatId]) -> Vec<SeatIndex> {
    seats.iter().map(|seat| seat.index()).collect()
}
