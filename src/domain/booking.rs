//! Bookings: who holds which seats, until when, and where that stands.

use crate::domain::{
    Block, BlockSeats, BookingId, CancelReason, Event, Money, PaymentReference, Price, RefusedPayment, SeatId,
    ShowtimeId, Timestamp, TokenHash, UserId,
};

/// Where a booking stands: pending, then one of the others. A confirmed one is cancelled with its showtime or by a refund. An expired one is
/// confirmed by a late payment, if its seats are free.
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
    /// What it is for, if the house holds its seats back. Its user is [`UserId::house`], and nobody has its token.
    pub block: Option<Block>,
    /// Which of its seats it has, or had last, from blocks: a channel's, or one that an operator sold out of.
    pub from_blocks: Vec<BlockSeats>,
    /// Sequence of the last event about it; its version for optimistic concurrency.
    pub version: u64,
}

/// What an event makes anew of a booking.
struct Made<'a> {
    id: BookingId,
    seat_ids: &'a [SeatId],
    user_id: UserId,
    expires_at: Timestamp,
    price: Option<Price>,
    block: Option<Block>,
    from_blocks: &'a [BlockSeats],
}

impl Booking {
    /// Whether it is a block that is not over.
    pub fn is_live_block(&self) -> bool {
        self.block.is_some() && self.status == BookingStatus::Pending
    }

    /// What these of its seats cost; nothing if it was made without prices.
    pub fn cost_of(&self, seats: &[SeatId]) -> Option<Money> {
        let price = self.price.as_ref()?;
        let places = self.seat_ids.iter().zip(&price.places).filter(|(seat, _)| seats.contains(seat));
        Some(Money::of(&price.currency, places.map(|(_, place)| u64::from(place.amount)).sum()))
    }

    /// The booking that an event makes, with its sequence and the time of the commit; `None` if it makes none.
    pub(super) fn made_by(
        event: &Event,
        showtime_id: ShowtimeId,
        token: TokenHash,
        (version, reserved_at): (u64, Timestamp),
    ) -> Option<Self> {
        let made = match event {
            Event::SeatsReserved { booking_id, seat_ids, user_id, expires_at, price, from_blocks } => Made {
                id: *booking_id,
                seat_ids,
                user_id: user_id.clone(),
                expires_at: *expires_at,
                price: price.clone(),
                block: None,
                from_blocks,
            },
            Event::SeatsBlocked { booking_id, seat_ids, block, until } => Made {
                id: *booking_id,
                seat_ids,
                user_id: UserId::house(),
                expires_at: until.unwrap_or(Timestamp::MAX),
                price: None,
                block: Some(block.clone()),
                from_blocks: &[],
            },
            Event::ShowtimeScheduled { .. }
            | Event::ShowtimeChanged { .. }
            | Event::ShowtimeCancelled { .. }
            | Event::HoldExtended { .. }
            | Event::BookingConfirmed { .. }
            | Event::PaymentRefused { .. }
            | Event::BookingCancelled { .. }
            | Event::SeatsReleased { .. }
            | Event::BookingChanged { .. }
            | Event::HoldExpired { .. } => return None,
        };
        Some(Self {
            id: made.id,
            showtime_id,
            seat_ids: made.seat_ids.to_vec(),
            user_id: made.user_id,
            token,
            status: BookingStatus::Pending,
            reserved_at,
            expires_at: made.expires_at,
            price: made.price,
            payment_reference: None,
            cancel_reason: None,
            refunded: Vec::new(),
            refused_payment: None,
            block: made.block,
            from_blocks: made.from_blocks.to_vec(),
            version,
        })
    }

    /// Applies an event about it. Applying a run of events a second time, in order, gives the same booking.
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::HoldExtended { expires_at, .. } => self.expires_at = *expires_at,
            Event::BookingConfirmed { payment_reference, .. } => {
                self.status = BookingStatus::Confirmed;
                self.payment_reference = Some(payment_reference.clone());
            }
            Event::PaymentRefused { taken, refund, .. } => {
                let before = self.refused_payment.take();
                self.refused_payment = Some(RefusedPayment::after(before, refund.clone(), taken.clone()));
            }
            Event::BookingCancelled { reason, .. } => {
                self.status = BookingStatus::Cancelled;
                self.cancel_reason.clone_from(reason);
            }
            Event::SeatsReleased { seat_ids, refund, .. } => {
                self.seat_ids.retain(|seat| !seat_ids.contains(seat));
                self.keep_from_blocks(|seat| !seat_ids.contains(seat));
                if refund.is_some() {
                    self.refunded.retain(|seat| !seat_ids.contains(seat));
                    self.refunded.extend(seat_ids);
                }
            }
            Event::BookingChanged { seat_ids, price, held_since, from_blocks, .. } => {
                self.reserved_at = held_since.unwrap_or(self.reserved_at).min(self.reserved_at);
                self.seat_ids.clone_from(seat_ids);
                self.price.clone_from(price);
                self.refunded.retain(|seat| !seat_ids.contains(seat));
                self.keep_from_blocks(|seat| seat_ids.contains(seat));
                self.take_from_blocks(from_blocks);
            }
            Event::HoldExpired { .. } => self.status = BookingStatus::Expired,
            Event::SeatsBlocked { seat_ids, .. } => {
                let new: Vec<SeatId> = seat_ids.iter().copied().filter(|seat| !self.seat_ids.contains(seat)).collect();
                self.seat_ids.extend(new);
            }
            Event::SeatsReserved { .. }
            | Event::ShowtimeScheduled { .. }
            | Event::ShowtimeChanged { .. }
            | Event::ShowtimeCancelled { .. } => {}
        }
    }

    fn keep_from_blocks(&mut self, keeps: impl Fn(&SeatId) -> bool) {
        for block in &mut self.from_blocks {
            block.seat_ids.retain(&keeps);
        }
        self.from_blocks.retain(|block| !block.seat_ids.is_empty());
    }

    fn take_from_blocks(&mut self, taken: &[BlockSeats]) {
        for BlockSeats { id, seat_ids } in taken {
            self.keep_from_blocks(|seat| !seat_ids.contains(seat));
            match self.from_blocks.iter_mut().find(|block| block.id == *id) {
                Some(block) => block.seat_ids.extend(seat_ids),
                None => self.from_blocks.push(BlockSeats { id: *id, seat_ids: seat_ids.clone() }),
            }
        }
    }
}
