//! Customers: how many places each customer has in the live bookings of one showtime. Kept only where a limit needs it.

use std::collections::HashMap;

use crate::domain::{Booking, BookingId, Event, SeatId, UserId};

/// See the module's documentation.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Customers {
    /// Each live booking's customer and number of places.
    bookings: HashMap<BookingId, (UserId, u32)>,
    /// The sum for each customer who has a place.
    places: HashMap<UserId, u32>,
}

impl Customers {
    /// Places in the customer's live bookings.
    pub fn places(&self, user: &UserId) -> u32 {
        self.places.get(user).copied().unwrap_or(0)
    }

    /// Applies an event; a second time it changes nothing.
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::SeatsReserved { booking_id, seat_ids, user_id, .. }
            | Event::BookingConfirmed { booking_id, seat_ids, late_for: Some(user_id), .. } => {
                self.note(*booking_id, user_id, places(seat_ids));
            }
            // A live booking is counted, so its customer is known.
            Event::BookingChanged { booking_id, seat_ids, .. } => {
                if let Some((user_id, _)) = self.bookings.get(booking_id).cloned() {
                    self.note(*booking_id, &user_id, places(seat_ids));
                }
            }
            Event::BookingCancelled { booking_id, .. } | Event::HoldExpired { booking_id, .. } => {
                self.forget(*booking_id);
            }
            Event::ShowtimeScheduled { .. }
            | Event::ShowtimeChanged { .. }
            | Event::ShowtimeCancelled { .. }
            | Event::SeatsBlocked { .. }
            | Event::HoldExtended { .. }
            | Event::BookingConfirmed { late_for: None, .. }
            | Event::PaymentRefused { .. }
            | Event::SeatsReleased { .. } => {}
        }
    }

    /// Puts a booking back to what it was (`None`: unknown), when a commit failed.
    pub(super) fn restore(&mut self, id: BookingId, before: Option<&Booking>) {
        match before.filter(|booking| booking.status.is_live() && booking.block.is_none()) {
            Some(booking) => self.note(id, &booking.user_id, places(&booking.seat_ids)),
            None => self.forget(id),
        }
    }

    /// The booking is live. Noting it a second time changes nothing.
    fn note(&mut self, id: BookingId, user: &UserId, places: u32) {
        self.forget(id);
        *self.places.entry(user.clone()).or_default() += places;
        self.bookings.insert(id, (user.clone(), places));
    }

    /// The booking has ended, or was never made.
    fn forget(&mut self, id: BookingId) {
        let Some((user, places)) = self.bookings.remove(&id) else { return };
        if let Some(sum) = self.places.get_mut(&user) {
            *sum = sum.saturating_sub(places);
            if *sum == 0 {
                self.places.remove(&user);
            }
        }
    }
}

/// How many places these seats are.
fn places(seats: &[SeatId]) -> u32 {
    u32::try_from(seats.len()).unwrap_or(u32::MAX)
}

impl FromIterator<(BookingId, UserId, u32)> for Customers {
    fn from_iter<I: IntoIterator<Item = (BookingId, UserId, u32)>>(live: I) -> Self {
        let mut customers = Self::default();
        for (id, user, places) in live {
            customers.note(id, &user, places);
        }
        customers
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn places_are_counted_for_each_customer_and_each_booking_once() {
        let [ada, bob] = ["ada", "bob"].map(|name| UserId::parse(name).unwrap());
        let id = |number| BookingId(Uuid::from_u128(number));
        let mut customers: Customers =
            [(id(1), ada.clone(), 2), (id(2), ada.clone(), 3), (id(3), bob.clone(), 1)].into_iter().collect();
        customers.note(id(2), &ada, 3);
        assert_eq!((customers.places(&ada), customers.places(&bob)), (5, 1));
        customers.forget(id(1));
        customers.forget(id(1));
        customers.forget(id(3));
        assert_eq!((customers.places(&ada), customers.places(&bob)), (3, 0));
        customers.forget(id(2));
        assert_eq!(customers, Customers::default());
    }
}
