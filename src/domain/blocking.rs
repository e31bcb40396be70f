//! Blocking: what operators do with the places that the house holds back.

use crate::domain::open_blocks::OpenBlocks;
use crate::domain::{
    BlockRejection, BookingId, Decision, Event, GivenTime, ListingError, NewBlock, Rejection, SeatId, Showtime,
    Timestamp,
};

impl Showtime {
    /// Most live blocks of a showtime.
    pub const MOST_BLOCKS: u32 = 1_000;

    /// A house blocks before the sale begins and after it has ended, and as many seats as it likes: neither the sale window nor the limits of a
    /// customer are asked.
    pub(super) fn decide_block(&self, new: &NewBlock, now: Timestamp) -> Result<Decision, Rejection> {
        let NewBlock { booking_id, seats, block, until, token, asked_at: _ } = new;
        if let Some(known) = self.booking(*booking_id) {
            return if known.token.matches(token) { Ok(Decision::AlreadyDone) } else { Err(Rejection::NotHolder) };
        }
        if let Some(reason) = &self.listing().cancelled {
            return Err(Rejection::ShowtimeCancelled { reason: reason.clone() });
        }
        let point = |given: GivenTime| {
            let zone = self.listing().terms.time_zone.as_ref();
            given.at(zone).map_err(|error| ListingError::NoSuchTime { member: "until", error })
        };
        let until = until.map(point).transpose()?;
        if let Some(until) = until.filter(|until| *until <= now) {
            return Err(BlockRejection::Over { until }.into());
        }
        self.check_free(seats.as_slice(), &OpenBlocks::default())?;
        if self.bookings().filter(|booking| booking.is_live_block()).count() >= most_blocks() {
            return Err(BlockRejection::TooMany { most: Self::MOST_BLOCKS }.into());
        }
        Ok(Decision::Accepted(Event::SeatsBlocked {
            booking_id: *booking_id,
            seat_ids: seats.as_slice().to_vec(),
            block: block.clone(),
            until,
        }))
    }

    /// Gives seats of a block back to everybody: all if none is named. A block whose last seats are given back is over, but a channel's: seats
    /// that it has sold may come back to it. If the block has none of those named, that was done before.
    pub(super) fn decide_unblock(&self, id: BookingId, seats: &[SeatId]) -> Result<Decision, Rejection> {
        let (block, kind) = self
            .booking(id)
            .and_then(|booking| Some((booking, booking.block.as_ref()?)))
            .ok_or(BlockRejection::Unknown)?;
        self.check_known(seats)?;
        let is_meant = |seat: &SeatId| seats.is_empty() || seats.contains(seat);
        let (released, kept): (Vec<SeatId>, Vec<SeatId>) = block.seat_ids.iter().copied().partition(is_meant);
        if !block.is_live_block() || (released.is_empty() && !seats.is_empty()) {
            return Ok(Decision::AlreadyDone);
        }
        let others: Vec<SeatId> = seats.iter().copied().filter(|seat| !released.contains(seat)).collect();
        if !others.is_empty() {
            let places = others.iter().map(|seat| self.facts().seat_map.printed(seat.index())).collect();
            return Err(BlockRejection::SeatsNotInBlock { seat_ids: others, places }.into());
        }
        let (booking_id, seat_ids, reason, refund, refund_amount) = (id, released, None, None, None);
        let is_over = seats.is_empty() || (kept.is_empty() && kind.channel.is_none());
        Ok(Decision::Accepted(if is_over {
            Event::BookingCancelled { booking_id, seat_ids, reason, refund, refund_amount }
        } else {
            Event::SeatsReleased { booking_id, seat_ids, reason, refund, refund_amount }
        }))
    }
}

fn most_blocks() -> usize {
    usize::try_from(Showtime::MOST_BLOCKS).unwrap_or(usize::MAX)
}
