//! Reserving: what a new booking has to keep to, and the events that make it.

use crate::domain::command::NewHold;
use crate::domain::decide::accepted;
use crate::domain::open_blocks::{OpenBlocks, taken_out};
use crate::domain::{
    Buyer, Decision, Event, HoldPolicy, Rejection, SeatId, SeatSelection, Showtime, Terms, Timestamp, UserId,
};

impl Showtime {
    /// A reservation of these seats, which are free or of an open block, whoever has chosen them, on terms that allow it.
    pub(super) fn decide_reservation(
        &self,
        NewHold { booking_id, user_id, asked_at, buyer }: &NewHold<'_>,
        (seats, open): (&SeatSelection, &OpenBlocks),
        now: Timestamp,
        policy: &HoldPolicy,
    ) -> Result<Decision, Rejection> {
        let asked_at = *asked_at;
        let expires_at = match buyer.payment {
            Some(_) => policy.first_deadline(asked_at),
            None => self.first_deadline(seats.as_slice(), user_id, (asked_at, now), policy)?,
        };
        let price = self.price(seats, buyer.is_operator)?;
        let from_blocks = open.blocks_of(seats.as_slice());
        let taken_out: Vec<Event> = taken_out(&from_blocks).collect();
        let reserved = Event::SeatsReserved {
            booking_id: *booking_id,
            seat_ids: seats.as_slice().to_vec(),
            user_id: UserId::clone(user_id),
            expires_at,
            price,
            from_blocks,
        };
        let sold = buyer.payment.clone().map(|payment_reference| {
            let seat_ids = seats.as_slice().to_vec();
            Event::BookingConfirmed { booking_id: *booking_id, seat_ids, payment_reference, late_for: None }
        });
        Ok(accepted(taken_out.into_iter().chain([reserved]).chain(sold)))
    }

    /// The first deadline of a new hold: earlier for who has held one of its seats until a moment before.
    fn first_deadline(
        &self,
        seats: &[SeatId],
        user: &UserId,
        (asked_at, now): (Timestamp, Timestamp),
        policy: &HoldPolicy,
    ) -> Result<Timestamp, Rejection> {
        let since = self.held_since(seats, user, asked_at, policy);
        let expires_at = policy.first_deadline(asked_at).min(since + policy.max_total);
        if expires_at > now {
            return Ok(expires_at);
        }
        if since < asked_at {
            let end = self.last_end(seats.iter().map(|seat_id| seat_id.index())).unwrap_or(since);
            return Err(Rejection::HeldTooLong { until: end + policy.break_between_holds() });
        }
        Err(Rejection::HoldExpired { expired_at: expires_at })
    }

    /// Whether the terms allow a customer so many places more, asked for at this time. The door sells before the sale begins and after it has
    /// ended, to latecomers, too; the limits hold there as well.
    pub(super) fn check_terms(
        &self,
        wanted: u32,
        user: &UserId,
        (asked_at, buyer): (Timestamp, &Buyer),
    ) -> Result<(), Rejection> {
        match (&buyer.payment, &self.listing().cancelled) {
            (Some(_), Some(reason)) => return Err(Rejection::ShowtimeCancelled { reason: reason.clone() }),
            (Some(_), None) => {}
            (None, _) => self.listing().check_on_sale(asked_at)?,
        }
        let Terms { places_per_booking, .. } = self.listing().terms;
        if let Some(most) = places_per_booking.filter(|most| wanted > *most) {
            return Err(Rejection::TooManyPlaces { wanted, most });
        }
        if !buyer.is_operator
            && let Some((holds, until)) = self.wait_of(user, asked_at)
        {
            let wait = until.since(asked_at);
            return Err(Rejection::HoldsWithoutSale { holds, until, wait });
        }
        self.check_customer(user, wanted)
    }
}
