//! Channels: blocks whose seats are sold to whoever shows a key, until the block ends. What a booking has from such a block goes back to it.

use std::collections::BTreeMap;

use crate::domain::{
    Block, BlockRejection, BlockSeats, Booking, BookingId, Event, Rejection, SeatId, SeatIndex, SeatMap, Showtime,
    Timestamp, TokenHash,
};

/// The seats that a key opens, each with its block. A channel may have most of a house, and is made for each reservation that shows a key: so it is
/// no map.
#[derive(Default)]
pub(super) struct Channel {
    blocks: Vec<BookingId>,
    /// For each seat of the house the place of its block in `blocks`, counted from 1; 0: it is in none. Empty without a key.
    places: Vec<u16>,
}

impl Channel {
    fn of<'a>(blocks: impl Iterator<Item = &'a Booking>, house: &SeatMap) -> Self {
        let mut channel = Self { blocks: Vec::new(), places: vec![0; as_place(house.seat_count())] };
        // There are few blocks: `Showtime::MOST_BLOCKS`.
        for (block, number) in blocks.zip(1_u16..) {
            channel.blocks.push(block.id);
            for seat in &block.seat_ids {
                if let Some(place) = channel.places.get_mut(as_place(seat.index())) {
                    *place = number;
                }
            }
        }
        channel
    }

    pub(super) fn has(&self, seat: SeatIndex) -> bool {
        self.block_of(seat).is_some()
    }

    fn block_of(&self, seat: SeatIndex) -> Option<BookingId> {
        let place = self.places.get(as_place(seat))?.checked_sub(1)?;
        self.blocks.get(usize::from(place)).copied()
    }

    /// Which of these seats come from which block.
    pub(super) fn blocks_of(&self, seats: &[SeatId]) -> Vec<BlockSeats> {
        let mut blocks: BTreeMap<BookingId, Vec<SeatId>> = BTreeMap::new();
        for seat in seats {
            if let Some(block) = self.block_of(seat.index()) {
                blocks.entry(block).or_default().push(*seat);
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
        Ok(Channel::of(blocks, &self.facts().seat_map))
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

fn as_place(seat: SeatIndex) -> usize {
    usize::try_from(seat).unwrap_or(usize::MAX)
}

/// The events that take seats out of their blocks, before their next booking has them.
pub(super) fn taken_out(blocks: &[BlockSeats]) -> impl Iterator<Item = Event> {
    blocks.iter().map(|BlockSeats { id, seat_ids }| {
        let (booking_id, seat_ids, reason, refund) = (*id, seat_ids.clone(), None, None);
        Event::SeatsReleased { booking_id, seat_ids, reason, refund, refund_amount: None }
    })
}
