//! Channels: blocks whose seats are sold to whoever shows a key, until the block ends. What a booking has from such a block goes back to it.

use std::collections::{BTreeMap, HashMap};

use crate::domain::{
    Block, BlockRejection, BlockSeats, Booking, BookingId, Event, Rejection, SeatId, SeatIndex, Showtime, Timestamp,
    TokenHash,
};

/// The seats that a key opens, each with its block.
#[derive(Default)]
pub(super) struct Channel(HashMap<SeatIndex, BookingId>);

impl Channel {
    pub(super) fn has(&self, seat: SeatIndex) -> bool {
        self.0.contains_key(&seat)
    }

    /// Which of these seats come from which block.
    pub(super) fn blocks_of(&self, seats: &[SeatId]) -> Vec<BlockSeats> {
        let mut blocks: BTreeMap<BookingId, Vec<SeatId>> = BTreeMap::new();
        for seat in seats {
            if let Some(block) = self.0.get(&seat.index()) {
                blocks.entry(*block).or_default().push(*seat);
            }
        }
        blocks.into_iter().map(|(id, seat_ids)| BlockSeats { id, seat_ids }).collect()
    }
}

impl Showtime {
    /// The seats that a key opens; none without a key.
    ///
    /// # Errors
    /// [`BlockRejection::WrongKey`], which tells nothing of any seat.
    pub(super) fn channel(&self, key: Option<&TokenHash>, now: Timestamp) -> Result<Channel, Rejection> {
        let Some(key) = key else { return Ok(Channel::default()) };
        let mut blocks = self.bookings().filter(|booking| booking.opens_to(key) && booking.expires_at > now).peekable();
        if blocks.peek().is_none() {
            return Err(BlockRejection::WrongKey.into());
        }
        let seats = blocks.flat_map(|block| block.seat_ids.iter().map(|seat| (seat.index(), block.id)));
        Ok(Channel(seats.collect()))
    }

    /// What becomes of seats that a booking gives back: those of a channel's block, while that is live, are its own again.
    pub(super) fn returned(&self, booking: &Booking, seats: &[SeatId], now: Timestamp) -> Vec<Event> {
        let back = |BlockSeats { id, seat_ids }: &BlockSeats| {
            let (block, until) = self.live_block(*id, now)?;
            let seat_ids: Vec<SeatId> = seat_ids.iter().copied().filter(|seat| seats.contains(seat)).collect();
            let block = block.clone();
            (!seat_ids.is_empty()).then_some(Event::SeatsBlocked { booking_id: *id, seat_ids, block, until })
        };
        booking.from_blocks.iter().filter_map(back).collect()
    }

    /// Which of a booking's seats its channel's block has, since the booking gave them back.
    pub(super) fn in_its_blocks(&self, booking: &Booking, now: Timestamp) -> Vec<BlockSeats> {
        let again = |BlockSeats { id, seat_ids }: &BlockSeats| {
            let has = &self.live_block(*id, now).and_then(|_| self.booking(*id))?.seat_ids;
            let seat_ids: Vec<SeatId> = seat_ids.iter().copied().filter(|seat| has.contains(seat)).collect();
            (!seat_ids.is_empty()).then_some(BlockSeats { id: *id, seat_ids })
        };
        booking.from_blocks.iter().filter_map(again).collect()
    }

    /// What a block is for, and until when, if it is not over.
    fn live_block(&self, id: BookingId, now: Timestamp) -> Option<(&Block, Option<Timestamp>)> {
        let booking = self.booking(id).filter(|booking| booking.is_live_block() && booking.expires_at > now)?;
        let is_on = self.listing().cancelled.is_none();
        let until = (booking.expires_at < Timestamp::MAX).then_some(booking.expires_at);
        booking.block.as_ref().filter(|_| is_on).map(|block| (block, until))
    }
}

impl Booking {
    /// Whether it is a live block of the channel that has this key.
    fn opens_to(&self, key: &TokenHash) -> bool {
        self.is_live_block()
            && self.block.as_ref().is_some_and(|block| block.channel.is_some())
            && self.token.matches(key)
    }
}

/// The events that take seats out of their blocks, before their next booking has them.
pub(super) fn taken_out(blocks: &[BlockSeats]) -> impl Iterator<Item = Event> {
    blocks.iter().map(|BlockSeats { id, seat_ids }| {
        let (booking_id, seat_ids, reason, refund) = (*id, seat_ids.clone(), None, None);
        Event::SeatsReleased { booking_id, seat_ids, reason, refund }
    })
}
