//! Confirmations: a payment in time makes a hold a sale; a late one takes the seats again, or is to be returned.

use crate::domain::decide::accepted;
use crate::domain::open_blocks::taken_out;
use crate::domain::{
    BlockSeats, Booking, BookingStatus, ConflictReason, Decision, Event, PaymentReference, RefusedPayment, Rejection,
    SeatId, SeatStatus, Showtime, TakenSeat, Timestamp,
};

impl Showtime {
    /// A payment that came before the deadline counts, however late it is decided. One that came later takes the seats again if nobody
    /// else has one of them and the customer may still have so many. Neither asks whether the sale is still open.
    ///
    /// A holder who cancelled has given the seats up, and a cancelled showtime sells nothing: those bookings are not brought back.
    pub(super) fn decide_confirm(
        &self,
        booking: &Booking,
        reference: &PaymentReference,
        (asked_at, now): (Timestamp, Timestamp),
    ) -> Result<Decision, Rejection> {
        self.check_not_cancelled(booking)?;
        let has_ended = match booking.status {
            BookingStatus::Confirmed if booking.payment_reference.as_ref() == Some(reference) => {
                return Ok(Decision::AlreadyDone);
            }
            BookingStatus::Confirmed => return Err(Rejection::PaidOtherwise),
            BookingStatus::Cancelled => return Err(Rejection::BookingNotPending { status: booking.status }),
            BookingStatus::Pending => false,
            BookingStatus::Expired => true,
        };
        let refused = booking.refused_payment.as_ref();
        if refused.is_some_and(|refused| refused.names(reference)) {
            return Err(self.payment_too_late(booking));
        }
        if let Some(reason) = &self.listing().cancelled {
            return Err(Rejection::ShowtimeCancelled { reason: reason.clone() });
        }
        let in_its_blocks = if has_ended { self.in_its_blocks(booking, now) } else { Vec::new() };
        if has_ended && let Some(taken) = self.in_the_way_of(booking, &in_its_blocks) {
            // No booking needs so many payments. A client that sends ever new references leaves no more traces; who really took the money knows
            // from the answer that it bought nothing.
            if refused.is_some_and(|refused| refused.earlier.len() + 1 >= RefusedPayment::MOST) {
                return Err(Rejection::TooManyLatePayments { expired_at: booking.expires_at });
            }
            let refusal = self.too_late(booking, &taken);
            let event = Event::PaymentRefused { booking_id: booking.id, taken, refund: reference.clone() };
            return Ok(Decision::Refused(event, refusal));
        }
        let is_late = has_ended || booking.expires_at <= asked_at;
        let confirmed = Event::BookingConfirmed {
            booking_id: booking.id,
            seat_ids: booking.seat_ids.clone(),
            payment_reference: reference.clone(),
            late_for: is_late.then(|| booking.user_id.clone()),
        };
        Ok(accepted(taken_out(&in_its_blocks).chain([confirmed])))
    }

    /// The answer to a payment that was refused before. It names the seats that were in the way of the booking's last refused payment.
    pub fn payment_too_late(&self, booking: &Booking) -> Rejection {
        self.too_late(booking, booking.refused_payment.as_ref().map_or(&[], |refused| &refused.taken))
    }

    fn too_late(&self, booking: &Booking, taken: &[TakenSeat]) -> Rejection {
        let conflict = |taken: &TakenSeat| {
            ConflictReason::of(taken.status).map(|reason| self.facts().conflict(taken.seat_id, reason))
        };
        let conflicts = taken.iter().filter_map(conflict).collect();
        Rejection::PaymentTooLate { expired_at: booking.expires_at, conflicts }
    }

    /// Why the seats of a booking that has ended cannot be taken again: those that are not free, or none of them if the customer may not
    /// have so many any more. `None` if they can. What went back to the blocks that it was from is free for it.
    fn in_the_way_of(&self, booking: &Booking, in_its_blocks: &[BlockSeats]) -> Option<Vec<TakenSeat>> {
        let is_its_own = |seat: &SeatId| in_its_blocks.iter().any(|block| block.seat_ids.contains(seat));
        // A seat that was left out since is nobody's.
        let status_of = |seat: SeatId| self.seat(seat.index()).map_or(SeatStatus::Sold, |(status, _)| status);
        let seats = booking.seat_ids.iter().copied().filter(|seat| !is_its_own(seat));
        let seats = seats.map(|seat_id| TakenSeat { seat_id, status: status_of(seat_id) });
        let taken: Vec<TakenSeat> = seats.filter(|seat| seat.status != SeatStatus::Available).collect();
        let places = u32::try_from(booking.seat_ids.len()).unwrap_or(u32::MAX);
        (!taken.is_empty() || self.check_customer(&booking.user_id, places).is_err()).then_some(taken)
    }
}
