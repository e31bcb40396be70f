//! Changes of a booking's seats: some are refunded, others taken.
//!
//! What a booking gives back is one event, and what it has then is another one of the same commit: so each event sets one status, and the
//! last one about a live booking names all of its seats.

use crate::domain::decide::accepted;
use crate::domain::open_blocks::taken_out;
use crate::domain::{
    AreaPlaces, BlockSeats, Booking, BookingStatus, CancelReason, Credential, Decision, Event, HoldPolicy, Money,
    Price, Rejection, SeatExchange, SeatId, SeatSelection, Showtime, Timestamp,
};

/// What an exchange comes to in areas.
#[derive(Default)]
struct AreaChanges<'a> {
    /// Places that are given back.
    released: Vec<SeatId>,
    /// Places that stay, at another tariff.
    repriced: Vec<(SeatId, Option<&'a str>)>,
    /// Places to take besides.
    more: Vec<AreaPlaces>,
}

/// What an event tells of a change besides the seats.
#[derive(Default)]
struct Change {
    price: Option<Price>,
    difference: Option<Money>,
    held_since: Option<Timestamp>,
    from_blocks: Vec<BlockSeats>,
}

impl Showtime {
    /// A booking that is refunded as a whole is cancelled: that is where its life ends, whoever ended it, and the event names the payment.
    /// Seats that were refunded before stay so.
    pub(super) fn decide_refund(
        &self,
        booking: &Booking,
        (seats, reason): (&[SeatId], Option<&CancelReason>),
        now: Timestamp,
    ) -> Result<Decision, Rejection> {
        let Some(payment) = booking.payment_reference.clone() else {
            return Err(Rejection::BookingNotConfirmed { status: booking.status });
        };
        self.check_known(seats)?;
        self.check_in_booking(seats, |seat| booking.seat_ids.contains(seat) || booking.refunded.contains(seat))?;
        let is_meant = |seat: &SeatId| seats.is_empty() || seats.contains(seat);
        let (released, kept): (Vec<SeatId>, Vec<SeatId>) = booking.seat_ids.iter().copied().partition(is_meant);
        if booking.status != BookingStatus::Confirmed || released.is_empty() {
            return Ok(Decision::AlreadyDone);
        }
        let (booking_id, reason) = (booking.id, reason.cloned());
        let returned = self.returned(booking, &released, now);
        let (refund, refund_amount) = (Some(payment), booking.cost_of(&released));
        if kept.is_empty() {
            let seat_ids = released;
            let cancelled = Event::BookingCancelled { booking_id, seat_ids, reason, refund, refund_amount };
            return Ok(accepted([cancelled].into_iter().chain(returned)));
        }
        let released = Event::SeatsReleased { booking_id, seat_ids: released, reason, refund, refund_amount };
        let price = self.changed_price(booking, (&kept, &SeatSelection::none()), true)?;
        let change = Change { price, ..Change::default() };
        Ok(accepted([released, changed(booking, kept, change)].into_iter().chain(returned)))
    }

    /// The exchange says what the booking is to have in the end: if a live booking has it already, the exchange was made before, and stays made
    /// when the booking is confirmed or its deadline passes. A booking that has ended has no seats.
    pub(super) fn is_exchanged(&self, booking: &Booking, exchange: &SeatExchange) -> Result<bool, Rejection> {
        let SeatExchange { add, remove, areas, .. } = exchange;
        self.check_known(add)?;
        self.check_known(remove)?;
        let mut has_places = true;
        for wanted in areas {
            has_places &= count(&self.counted(booking, exchange, wanted)?) == wanted.quantity();
        }
        let has = |seat: &SeatId| booking.seat_ids.contains(seat);
        let has_tariffs = exchange.repriced(booking).is_empty();
        Ok(booking.status.is_live() && add.iter().all(has) && !remove.iter().any(has) && has_places && has_tariffs)
    }

    /// The places of the booking that the exchange counts for an area: those that it does not name, at the tariff that is meant.
    fn counted(
        &self,
        booking: &Booking,
        exchange: &SeatExchange,
        wanted: &AreaPlaces,
    ) -> Result<Vec<SeatId>, Rejection> {
        let places = self.places_of_area(wanted)?;
        let tariff_at = |position: usize| Some(booking.price.as_ref()?.places.get(position)?.tariff.as_str());
        let is_meant = |(position, seat): &(usize, SeatId)| {
            let is_named = exchange.add.contains(seat) || exchange.remove.contains(seat);
            let is_at = wanted.tariff().is_none_or(|tariff| tariff_at(*position) == Some(tariff));
            places.contains(&self.position(*seat)) && !is_named && is_at
        };
        let seats = booking.seat_ids.iter().copied().enumerate().filter(is_meant);
        Ok(seats.map(|(_, seat)| seat).collect())
    }

    fn position(&self, seat: SeatId) -> u32 {
        self.facts().seat_map.position(seat.index())
    }

    /// What an exchange comes to in areas. The last places are given back. A place that is given back at one tariff, while another one of its area
    /// is wanted at another tariff, stays and changes its tariff: a full area has no other.
    fn area_changes<'a>(&self, booking: &Booking, exchange: &'a SeatExchange) -> Result<AreaChanges<'a>, Rejection> {
        let (mut changes, mut missing) = (AreaChanges::default(), Vec::new());
        for wanted in &exchange.areas {
            let mut had = self.counted(booking, exchange, wanted)?;
            missing.push((wanted, wanted.quantity().saturating_sub(count(&had))));
            had.drain(..usize::try_from(wanted.quantity()).unwrap_or(usize::MAX).min(had.len()));
            changes.released.extend(had);
        }
        for (wanted, mut missing) in missing {
            let places = self.places_of_area(wanted)?;
            let is_there = |seat: &SeatId| places.contains(&self.position(*seat));
            while missing > 0
                && let Some(spare) = changes.released.iter().position(is_there)
            {
                changes.repriced.push((changes.released.remove(spare), wanted.tariff()));
                missing -= 1;
            }
            if missing > 0 {
                changes.more.push(wanted.with_quantity(missing));
            }
        }
        Ok(changes)
    }

    /// An exchange that was not made before. Operators may exchange seats when the sale is over; the limits hold for them, too. A booking that
    /// has more places than a new limit keeps them.
    pub(super) fn decide_exchange(
        &self,
        booking: &Booking,
        exchange: &SeatExchange,
        (credential, asked_at, now): (&Credential, Timestamp, Timestamp),
        policy: &HoldPolicy,
    ) -> Result<Decision, Rejection> {
        let has = |seat: &SeatId| booking.seat_ids.contains(seat);
        self.check_in_booking(&exchange.remove, has)?;
        let is_operator = matches!(credential, Credential::Operator);
        let open = self.open_blocks(exchange.access, is_operator, now)?;
        let AreaChanges { released, repriced, more } = self.area_changes(booking, exchange)?;
        let is_released = |seat: &SeatId| exchange.remove.contains(seat) || released.contains(seat);
        let (released, mut seat_ids): (Vec<SeatId>, Vec<SeatId>) =
            booking.seat_ids.iter().copied().partition(is_released);
        let mut taken = SeatSelection::none();
        for seat in exchange.add.iter().copied().filter(|seat| !has(seat)) {
            taken.add(vec![seat], exchange.tariff_of(seat));
        }
        let wanted = more.iter().fold(count(&seat_ids) + taken.len(), |sum, more| sum.saturating_add(more.quantity()));
        if wanted == 0 {
            return Err(Rejection::NoSeatLeft);
        }
        let mut held_since = None;
        if wanted > count(&seat_ids) {
            if let Credential::Holder(_) = credential {
                self.listing().check_on_sale(asked_at)?;
            }
            self.check_growth(booking, wanted)?;
            self.check_free(taken.as_slice(), &open)?;
            self.choose_places(&more, &open, &mut taken)?;
            held_since = self.check_held(booking, taken.as_slice(), asked_at, policy)?;
        }
        let from_blocks = open.blocks_of(taken.as_slice());
        seat_ids.extend(taken.as_slice());
        for (seat, tariff) in repriced.into_iter().chain(exchange.repriced(booking)) {
            taken.add(vec![seat], tariff);
        }
        if let Credential::Holder(_) = credential {
            self.check_orphans(&open, &booking.seat_ids, &seat_ids)?;
        }
        let (booking_id, reason, refund, refund_amount) = (booking.id, None, None, None);
        let event = |seat_ids| Event::SeatsReleased { booking_id, seat_ids, reason, refund, refund_amount };
        let returned = self.returned(booking, &released, now);
        let price = self.changed_price(booking, (&seat_ids, &taken), is_operator)?;
        let released = (!released.is_empty()).then(|| event(released));
        let taken_out: Vec<Event> = taken_out(&from_blocks).collect();
        let difference = price.as_ref().zip(booking.price.as_ref()).map(|(now, before)| now.more_than(before));
        let changed = changed(booking, seat_ids, Change { price, difference, held_since, from_blocks });
        Ok(accepted(taken_out.into_iter().chain(released).chain([changed]).chain(returned)))
    }

    /// Whether the terms allow a booking so many places in all.
    fn check_growth(&self, booking: &Booking, wanted: u32) -> Result<(), Rejection> {
        let growth = wanted.saturating_sub(count(&booking.seat_ids));
        if growth == 0 {
            return Ok(());
        }
        let most_of_all = u32::try_from(SeatSelection::MAX_SEATS).unwrap_or(u32::MAX);
        let most = self.listing().terms.places_per_booking.unwrap_or(most_of_all).min(most_of_all);
        if wanted > most {
            return Err(Rejection::TooManyPlaces { wanted, most });
        }
        self.check_customer(&booking.user_id, growth)
    }

    /// Since when the user of a hold has held the seats that it takes, if he gave them up a moment before. Refused if it would keep them longer
    /// than a hold may live.
    fn check_held(
        &self,
        booking: &Booking,
        taken: &[SeatId],
        asked_at: Timestamp,
        policy: &HoldPolicy,
    ) -> Result<Option<Timestamp>, Rejection> {
        let since = self.held_since(taken, &booking.user_id, asked_at, policy);
        let is_hold = booking.status == BookingStatus::Pending && since < asked_at;
        if is_hold && booking.expires_at > since + policy.max_total {
            let end = self.last_end(taken.iter().map(|seat| seat.index())).unwrap_or(since);
            return Err(Rejection::HeldTooLong { until: end + policy.break_between_holds() });
        }
        Ok((is_hold && since < booking.reserved_at).then_some(since))
    }

    /// Names the seats that the showtime does not have and never had. What was done with a seat stays done when the seat is left out.
    pub(super) fn check_known(&self, seats: &[SeatId]) -> Result<(), Rejection> {
        let count = self.facts().seat_map.seat_count();
        let is_known = |seat: &SeatId| seat.index_under(self.seat_prefix()).is_some_and(|index| index < count);
        let seat_ids: Vec<SeatId> = seats.iter().copied().filter(|seat| !is_known(seat)).collect();
        if seat_ids.is_empty() { Ok(()) } else { Err(Rejection::UnknownSeats { seat_ids }) }
    }

    /// Names the seats that are none of the booking's.
    fn check_in_booking(&self, seats: &[SeatId], is_in: impl Fn(&SeatId) -> bool) -> Result<(), Rejection> {
        let others: Vec<SeatId> = seats.iter().copied().filter(|seat| !is_in(seat)).collect();
        if others.is_empty() {
            return Ok(());
        }
        let places = others.iter().map(|seat| self.facts().seat_map.printed(seat.index())).collect();
        Err(Rejection::SeatsNotInBooking { seat_ids: others, places })
    }
}

/// What a booking has then.
fn changed(booking: &Booking, seat_ids: Vec<SeatId>, change: Change) -> Event {
    let confirmed = booking.status == BookingStatus::Confirmed;
    let Change { price, difference, held_since, from_blocks } = change;
    Event::BookingChanged { booking_id: booking.id, seat_ids, confirmed, price, difference, held_since, from_blocks }
}

fn count(seats: &[SeatId]) -> u32 {
    u32::try_from(seats.len()).unwrap_or(u32::MAX)
}
