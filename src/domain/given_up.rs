//! Seats given up: who held each seat last, since when, and when that ended. So a user who gives seats up and takes them again at once goes
//! on with the old hold's time, instead of starting a new one.

use std::collections::HashMap;

use crate::domain::{Booking, BookingId, SeatIndex, Timestamp, UserId};

/// The last hold of each seat that ended without a sale. At most one entry per seat.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct GivenUp {
    seats: HashMap<SeatIndex, Ended>,
    /// What entries were before, in order, until it is certain that they stay.
    changes: Vec<(SeatIndex, Option<Ended>)>,
}

/// The end of a hold.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Ended {
    booking_id: BookingId,
    at: Timestamp,
    /// Who held it, and since when; `None` if another node's booking ended, which the store tells of.
    holder: Option<(UserId, Timestamp)>,
}

impl GivenUp {
    /// A hold on these seats ended at `at`. A booking that was paid was a sale: its end is nobody's hold given up, and whoever held the seats
    /// before it had left them to others.
    pub(super) fn note(
        &mut self,
        seats: impl Iterator<Item = SeatIndex>,
        booking_id: BookingId,
        at: Timestamp,
        booking: Option<&Booking>,
    ) {
        if booking.is_some_and(|booking| booking.payment_reference.is_some()) {
            for seat in seats {
                if let Some(before) = self.seats.remove(&seat) {
                    self.changes.push((seat, Some(before)));
                }
            }
            return;
        }
        let holder = booking.map(|booking| (booking.user_id.clone(), booking.reserved_at));
        for seat in seats {
            let before = self.seats.insert(seat, Ended { booking_id, at, holder: holder.clone() });
            self.changes.push((seat, before));
        }
    }

    /// Since when the user has held one of these seats without a break, if a hold of the same user ended after `broken_before`.
    /// `recalled` finds bookings whose holder is not noted here.
    pub(super) fn held_since<'a>(
        &self,
        seats: impl Iterator<Item = SeatIndex>,
        user: &UserId,
        broken_before: Timestamp,
        recalled: impl Fn(BookingId) -> Option<&'a Booking>,
    ) -> Option<Timestamp> {
        let since = |seat| {
            let ended = self.seats.get(&seat).filter(|ended| ended.at > broken_before)?;
            match &ended.holder {
                Some((holder, since)) => (holder == user).then_some(*since),
                None => recalled(ended.booking_id)
                    .filter(|booking| booking.user_id == *user && booking.payment_reference.is_none())
                    .map(|booking| booking.reserved_at),
            }
        };
        seats.filter_map(since).min()
    }

    /// When the last of the user's holds on these seats ended.
    pub(super) fn last_end(&self, seats: impl Iterator<Item = SeatIndex>) -> Option<Timestamp> {
        seats.filter_map(|seat| self.seats.get(&seat).map(|ended| ended.at)).max()
    }

    /// The booking of a hold on this seat that ended after `broken_before` and whose holder is not noted.
    pub(super) fn unknown_holder(&self, seat: SeatIndex, broken_before: Timestamp) -> Option<BookingId> {
        let ended = self.seats.get(&seat)?;
        (ended.holder.is_none() && ended.at > broken_before).then_some(ended.booking_id)
    }

    /// How many changes are not certain to stay.
    pub(super) fn mark(&self) -> usize {
        self.changes.len()
    }

    /// Takes changes back until `mark`, the last first.
    pub(super) fn revert_to(&mut self, mark: usize) {
        while self.changes.len() > mark {
            match self.changes.pop() {
                Some((seat, Some(before))) => {
                    self.seats.insert(seat, before);
                }
                Some((seat, None)) => {
                    self.seats.remove(&seat);
                }
                None => return,
            }
        }
    }

    /// What was noted stays.
    pub(super) fn settle(&mut self) {
        self.changes.clear();
    }
}
