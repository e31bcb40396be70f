//! Decisions: what a command comes to, given how its showtime, its booking or the listing stands and when the command came.

use crate::domain::command::NewHold;
use crate::domain::open_blocks::OpenBlocks;
use crate::domain::{
    Booking, BookingId, BookingStatus, CancelReason, Command, ConflictReason, Credential, Event, HoldPolicy, Listing,
    ListingChange, Rejection, SeatId, SeatSelection, Showtime, Timestamp, TokenHash, UserId,
};

/// What `decide` answers when a command is not refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The command is accepted; this event makes it so.
    Accepted(Event),
    /// The same, of several events in this order and in one commit.
    AcceptedAll(Vec<Event>),
    /// The command was carried out before; there is nothing to record.
    AlreadyDone,
    /// The command is refused, and this event records what others must know of it.
    Refused(Event, Rejection),
}

impl Credential {
    /// Whether it lets its bearer act on a booking, given the hash of the booking's hold token.
    ///
    /// # Errors
    /// [`Rejection::NotHolder`].
    pub fn check(&self, token: &TokenHash) -> Result<(), Rejection> {
        match self {
            Self::Operator => Ok(()),
            Self::Holder(shown) if token.matches(shown) => Ok(()),
            Self::Holder(_) => Err(Rejection::NotHolder),
        }
    }
}

impl Showtime {
    /// Decides a command on this state. Pure: the same state, command and time give the same answer. `policy` is the server's; the showtime's
    /// terms may say otherwise.
    ///
    /// # Errors
    /// The [`Rejection`] says why nothing will change.
    pub fn decide(&self, command: &Command, now: Timestamp, policy: &HoldPolicy) -> Result<Decision, Rejection> {
        let policy = &policy.on(&self.listing().terms);
        match command {
            Command::ReserveSeats { booking_id, seats, user_id, token, asked_at, buyer } => {
                if let Some(booking) = self.booking(*booking_id) {
                    return already_reserved(booking, seats, token);
                }
                self.check_terms(seats.len(), user_id, (*asked_at, buyer))?;
                let open = self.open_blocks(buyer.access, buyer.is_operator, now)?;
                self.check_free(seats.as_slice(), &open)?;
                // Who sells at the door sees the house.
                if buyer.payment.is_none() {
                    self.check_orphans(&open, &[], seats.as_slice())?;
                }
                let new = NewHold { booking_id: *booking_id, user_id, asked_at: *asked_at, buyer };
                self.decide_reservation(&new, (seats, &open), now, policy)
            }
            Command::ReserveChosen { booking_id, choice, user_id, token, asked_at, buyer } => {
                if let Some(booking) = self.booking(*booking_id) {
                    return if booking.token.matches(token) {
                        Ok(Decision::AlreadyDone)
                    } else {
                        Err(Rejection::NotHolder)
                    };
                }
                self.check_terms(choice.quantity(), user_id, (*asked_at, buyer))?;
                let open = self.open_blocks(buyer.access, buyer.is_operator, now)?;
                let new = NewHold { booking_id: *booking_id, user_id, asked_at: *asked_at, buyer };
                let seats = self.choose(&new, choice, &open)?;
                self.decide_reservation(&new, (&seats, &open), now, policy)
            }
            Command::BlockSeats { new } => self.decide_block(new, now),
            Command::UnblockSeats { booking_id, seats } => self.decide_unblock(*booking_id, seats),
            Command::ConfirmBooking { booking_id, credential, payment_reference, asked_at } => {
                let booking = self.owned(*booking_id, credential)?;
                self.decide_confirm(booking, payment_reference, (*asked_at, now))
            }
            Command::CancelBooking { booking_id, credential } => {
                self.decide_cancel(self.owned(*booking_id, credential)?, now)
            }
            Command::RefundBooking { booking_id, seats, reason } => {
                let booking = self.owned(*booking_id, &Credential::Operator)?;
                self.decide_refund(booking, (seats, reason.as_ref()), now)
            }
            Command::ChangeSeats { booking_id, credential, exchange, asked_at } => {
                let booking = self.owned(*booking_id, credential)?;
                self.check_not_cancelled(booking)?;
                if self.is_exchanged(booking, exchange)? {
                    return Ok(Decision::AlreadyDone);
                }
                check_changeable(booking, credential, *asked_at)?;
                self.decide_exchange(booking, exchange, (credential, *asked_at, now), policy)
            }
            Command::ExtendHold { booking_id, credential, asked_at } => {
                let booking = self.owned(*booking_id, credential)?;
                self.check_not_cancelled(booking)?;
                decide_extend(booking, *asked_at, policy)
            }
            Command::ExpireHold { booking_id } => {
                let booking = self.booking(*booking_id).ok_or(Rejection::UnknownBooking)?;
                Ok(self.decide_end(booking, now))
            }
            Command::ChangeShowtime { change } => self.decide_change(change),
            Command::CancelShowtime { reason } => Ok(decide_cancel_showtime(self.listing(), reason)),
        }
    }

    fn decide_cancel(&self, booking: &Booking, now: Timestamp) -> Result<Decision, Rejection> {
        match booking.status {
            BookingStatus::Cancelled => Ok(Decision::AlreadyDone),
            BookingStatus::Confirmed => Err(Rejection::BookingNotPending { status: booking.status }),
            BookingStatus::Expired => Err(Rejection::HoldExpired { expired_at: booking.expires_at }),
            BookingStatus::Pending if booking.expires_at <= now => {
                Err(Rejection::HoldExpired { expired_at: booking.expires_at })
            }
            BookingStatus::Pending => {
                let (booking_id, seat_ids) = (booking.id, booking.seat_ids.clone());
                let returned = self.returned(booking, &seat_ids, now);
                let cancelled =
                    Event::BookingCancelled { booking_id, seat_ids, reason: None, refund: None, refund_amount: None };
                Ok(accepted([cancelled].into_iter().chain(returned)))
            }
        }
    }

    /// What a clock may end.
    fn decide_end(&self, booking: &Booking, now: Timestamp) -> Decision {
        let (booking_id, seat_ids) = (booking.id, booking.seat_ids.clone());
        match &self.listing().cancelled {
            Some(reason) if booking.status.is_live() => {
                let (reason, refund) = (Some(reason.clone()), booking.payment_reference.clone());
                let refund_amount = refund.as_ref().and_then(|_payment| booking.cost_of(&seat_ids));
                Decision::Accepted(Event::BookingCancelled { booking_id, seat_ids, reason, refund, refund_amount })
            }
            None if booking.status == BookingStatus::Pending && booking.expires_at <= now => {
                let returned = self.returned(booking, &seat_ids, now);
                accepted([Event::HoldExpired { booking_id, seat_ids }].into_iter().chain(returned))
            }
            Some(_) | None => Decision::AlreadyDone,
        }
    }

    /// A cancelled showtime's bookings are over, though the event that ends this one may be still to come.
    pub(super) fn check_not_cancelled(&self, booking: &Booking) -> Result<(), Rejection> {
        match &self.listing().cancelled {
            Some(reason) if booking.status.is_live() => Err(Rejection::ShowtimeCancelled { reason: reason.clone() }),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a customer may have so many places more.
    pub(super) fn check_customer(&self, user: &UserId, wanted: u32) -> Result<(), Rejection> {
        let held = self.places_of(user);
        match self.listing().terms.places_per_customer {
            Some(most) if held.saturating_add(wanted) > most => Err(Rejection::CustomerLimit { held, wanted, most }),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether all of these seats are free, or of a block that is open to the request.
    pub(super) fn check_free(&self, seats: &[SeatId], open: &OpenBlocks) -> Result<(), Rejection> {
        let mut unknown = Vec::new();
        let mut conflicts = Vec::new();
        for seat_id in seats.iter().copied() {
            let known = seat_id.index_under(self.seat_prefix()).and_then(|index| self.seat(index));
            match known.map(|(status, _)| ConflictReason::of(status)) {
                None => unknown.push(seat_id),
                Some(None) => {}
                Some(Some(_)) if open.has(seat_id.index()) => {}
                Some(Some(reason)) => conflicts.push(self.facts().conflict(seat_id, reason)),
            }
        }
        if !unknown.is_empty() {
            return Err(Rejection::UnknownSeats { seat_ids: unknown });
        }
        if !conflicts.is_empty() {
            return Err(Rejection::SeatsTaken { conflicts });
        }
        Ok(())
    }

    /// A change that changes nothing was made before.
    fn decide_change(&self, change: &ListingChange) -> Result<Decision, Rejection> {
        let listing = self.listing();
        if let Some(reason) = &listing.cancelled {
            return Err(Rejection::ShowtimeCancelled { reason: reason.clone() });
        }
        let changed = listing.changed(change)?;
        if changed == **listing {
            return Ok(Decision::AlreadyDone);
        }
        let house = change.house.as_ref().filter(|house| listing.terms.auditorium != Some(house.version));
        let rows = house.map(|house| self.moved_to(house)).transpose()?;
        changed.check_categories(rows.as_ref().unwrap_or(&self.facts().seat_map))?;
        let Listing { movie_title, start_time, terms, cancelled: _ } = changed;
        Ok(Decision::Accepted(Event::ShowtimeChanged { movie_title, start_time, terms, rows }))
    }

    /// A booking of a customer's, for who may act on it.
    fn owned(&self, id: BookingId, credential: &Credential) -> Result<&Booking, Rejection> {
        let booking = self.booking(id).filter(|booking| booking.block.is_none()).ok_or(Rejection::UnknownBooking)?;
        credential.check(&booking.token).map(|()| booking)
    }
}

/// Whether somebody may change the seats of a booking: its holder while it is pending, an operator also once it is confirmed.
fn check_changeable(booking: &Booking, credential: &Credential, asked_at: Timestamp) -> Result<(), Rejection> {
    match (booking.status, credential) {
        (BookingStatus::Pending, _) if booking.expires_at > asked_at => Ok(()),
        (BookingStatus::Pending | BookingStatus::Expired, _) => {
            Err(Rejection::HoldExpired { expired_at: booking.expires_at })
        }
        (BookingStatus::Confirmed, Credential::Operator) => Ok(()),
        (BookingStatus::Confirmed | BookingStatus::Cancelled, _) => {
            Err(Rejection::BookingNotPending { status: booking.status })
        }
    }
}

/// A reservation repeated with its booking's id: done before, if it is the same in all parts.
fn already_reserved(booking: &Booking, seats: &SeatSelection, token: &TokenHash) -> Result<Decision, Rejection> {
    if booking.seat_ids == seats.as_slice() && booking.token.matches(token) {
        Ok(Decision::AlreadyDone)
    } else {
        Err(Rejection::NotHolder)
    }
}

/// Events in this order, of one commit.
pub(super) fn accepted(events: impl IntoIterator<Item = Event>) -> Decision {
    let mut events: Vec<Event> = events.into_iter().collect();
    match (events.len(), events.pop()) {
        (1, Some(only)) => Decision::Accepted(only),
        (_, last) => Decision::AcceptedAll(events.into_iter().chain(last).collect()),
    }
}

fn decide_extend(booking: &Booking, asked_at: Timestamp, policy: &HoldPolicy) -> Result<Decision, Rejection> {
    match booking.status {
        BookingStatus::Confirmed | BookingStatus::Cancelled => {
            Err(Rejection::BookingNotPending { status: booking.status })
        }
        BookingStatus::Expired => Err(Rejection::HoldExpired { expired_at: booking.expires_at }),
        BookingStatus::Pending if booking.expires_at <= asked_at => {
            Err(Rejection::HoldExpired { expired_at: booking.expires_at })
        }
        BookingStatus::Pending => {
            let expires_at = policy.extended_deadline(booking.reserved_at, asked_at);
            if expires_at <= booking.expires_at {
                let limit = booking.reserved_at + policy.max_total;
                // Tried again, or asked again within the same millisecond: the hold already lasts that long.
                return if expires_at < limit {
                    Ok(Decision::AlreadyDone)
                } else {
                    Err(Rejection::ExtensionExhausted { limit })
                };
            }
            Ok(Decision::Accepted(Event::HoldExtended {
                booking_id: booking.id,
                seat_ids: booking.seat_ids.clone(),
                expires_at,
            }))
        }
    }
}

/// The first reason stands: a showtime that is cancelled a second time keeps it.
fn decide_cancel_showtime(listing: &Listing, reason: &CancelReason) -> Decision {
    match &listing.cancelled {
        Some(_) => Decision::AlreadyDone,
        None => Decision::Accepted(Event::ShowtimeCancelled { reason: reason.clone() }),
    }
}
