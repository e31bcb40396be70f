//! Open blocks: a channel's are sold to whoever shows its key, and an operator sells out of any block that he names, until the block ends. What a
//! booking has from a block goes back to it.

use std::collections::BTreeMap;

use crate::domain::{
    BlockAccess, BlockRejection, BlockSeats, Booking, BookingId, Event, Rejection, SeatId, SeatIndex, SeatMap,
    Showtime, Timestamp, TokenHash,
};

/// The seats that are open to a request besides the free ones, each with its block. A block may have most of a house, and this is made for each
/// request that opens one: so it is no map.
#[derive(Default)]
pub(super) struct OpenBlocks {
    blocks: Vec<BookingId>,
    /// For each seat of the house the place of its block in `blocks`, counted from 1; 0: it is in none. Empty if no block is open.
    places: Vec<u16>,
}

impl OpenBlocks {
    fn of<'a>(blocks: impl Iterator<Item = &'a Booking>, house: &SeatMap) -> Self {
        let mut open = Self { blocks: Vec::new(), places: vec![0; as_place(house.seat_count())] };
        // There are few blocks: `Showtime::MOST_BLOCKS`.
        for (block, number) in blocks.zip(1_u16..) {
            open.blocks.push(block.id);
            for seat in &block.seat_ids {
                if let Some(place) = open.places.get_mut(as_place(seat.index())) {
                    *place = number;
                }
            }
        }
        open
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
    /// The blocks that a request opens; none without access.
    ///
    /// # Errors
    /// [`BlockRejection::WrongKey`], which tells nothing of any seat, and [`BlockRejection::Unknown`].
    pub(super) fn open_blocks(
        &self,
        access: Option<BlockAccess>,
        is_operator: bool,
        now: Timestamp,
    ) -> Result<OpenBlocks, Rejection> {
        let house = &self.facts().seat_map;
        match access {
            None => Ok(OpenBlocks::default()),
            Some(BlockAccess::ChannelKey(key)) => {
                let is_open = |booking: &&Booking| booking.opens_to(&key) && booking.expires_at > now;
                let mut blocks = self.bookings().filter(is_open).peekable();
                if blocks.peek().is_none() {
                    return Err(BlockRejection::WrongKey.into());
                }
                Ok(OpenBlocks::of(blocks, house))
            }
            Some(BlockAccess::Block(id)) => {
                let block = self.live_block(id, now).filter(|_block| is_operator).ok_or(BlockRejection::Unknown)?;
                Ok(OpenBlocks::of([block].into_iter(), house))
            }
        }
    }

    /// What becomes of seats that a booking gives back: those from a block, while that is live, are its own again.
    pub(super) fn returned(&self, booking: &Booking, seats: &[SeatId], now: Timestamp) -> Vec<Event> {
        let back = |BlockSeats { id, seat_ids }: &BlockSeats| {
            let live = self.live_block(*id, now)?;
            let (block, until) = (live.block.clone()?, (live.expires_at < Timestamp::MAX).then_some(live.expires_at));
            let seat_ids: Vec<SeatId> = seat_ids.iter().copied().filter(|seat| seats.contains(seat)).collect();
            (!seat_ids.is_empty()).then_some(Event::SeatsBlocked { booking_id: *id, seat_ids, block, until })
        };
        booking.from_blocks.iter().filter_map(back).collect()
    }

    /// Which of a booking's seats their block has again, since the booking gave them back.
    pub(super) fn in_its_blocks(&self, booking: &Booking, now: Timestamp) -> Vec<BlockSeats> {
        let again = |BlockSeats { id, seat_ids }: &BlockSeats| {
            let has = &self.live_block(*id, now)?.seat_ids;
            let seat_ids: Vec<SeatId> = seat_ids.iter().copied().filter(|seat| has.contains(seat)).collect();
            (!seat_ids.is_empty()).then_some(BlockSeats { id: *id, seat_ids })
        };
        booking.from_blocks.iter().filter_map(again).collect()
    }

    /// A block that is not over.
    fn live_block(&self, id: BookingId, now: Timestamp) -> Option<&Booking> {
        let is_on = self.listing().cancelled.is_none();
        self.booking(id).filter(|booking| is_on && booking.is_live_block() && booking.expires_at > now)
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
