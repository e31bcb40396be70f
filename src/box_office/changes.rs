//! Changes: brings a booking's confirmation, cancellation, refund, extension or change of seats to the actor of its showtime, and a showtime's own changes; shows bookings.
//!
//! Who asks is checked before the actor is: an answer recorded under an idempotency key is for the booking's holder only.

use std::sync::Arc;

use tokio::time::Instant;

use crate::box_office::arrivals::Arrival;
use crate::box_office::request::{KeyedRequest, Request, RequestContext};
use crate::box_office::{BoxOffice, BoxOfficeError, Listed, Outcome};
use crate::domain::{
    Booking, BookingId, CancelReason, Command, Credential, ListingChange, PaymentReference, Rejection, SeatExchange,
    SeatId, ShowtimeId,
};

impl BoxOffice {
    /// Turns a hold into a sale.
    pub async fn confirm(
        &self,
        booking_id: BookingId,
        credential: Credential,
        payment_reference: PaymentReference,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        let arrival = self.arrival(booking_id);
        let asked_at = arrival.asked_at;
        let command = Command::ConfirmBooking { booking_id, credential, payment_reference, asked_at };
        self.change((command, booking_id), credential, context, Some(arrival)).await
    }

    /// Gives a hold up.
    pub async fn cancel(
        &self,
        booking_id: BookingId,
        credential: Credential,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        self.change((Command::CancelBooking { booking_id, credential }, booking_id), credential, context, None).await
    }

    /// Gives seats of a confirmed booking back (all of them, if `seats` is empty); their payment is to be returned. For operators, whom the
    /// caller has authenticated.
    pub async fn refund(
        &self,
        booking_id: BookingId,
        seats: Vec<SeatId>,
        reason: Option<CancelReason>,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        let command = Command::RefundBooking { booking_id, seats, reason };
        self.change((command, booking_id), Credential::Operator, context, None).await
    }

    /// Takes seats for a booking and gives others of it back, in one step.
    pub async fn change_seats(
        &self,
        booking_id: BookingId,
        credential: Credential,
        exchange: SeatExchange,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        let arrival = self.arrival(booking_id);
        let command = Command::ChangeSeats { booking_id, credential, exchange, asked_at: arrival.asked_at };
        self.change((command, booking_id), credential, context, Some(arrival)).await
    }

    /// Moves a hold's deadline, within the policy's bound.
    pub async fn extend(
        &self,
        booking_id: BookingId,
        credential: Credential,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        let arrival = self.arrival(booking_id);
        let command = Command::ExtendHold { booking_id, credential, asked_at: arrival.asked_at };
        self.change((command, booking_id), credential, context, Some(arrival)).await
    }

    /// Changes the showtime's listing. For operators, whom the caller has authenticated.
    pub async fn change_showtime(
        &self,
        id: ShowtimeId,
        change: ListingChange,
        context: RequestContext,
    ) -> Result<Listed, BoxOfficeError> {
        self.change_listing(id, Command::ChangeShowtime { change }, context).await
    }

    /// Cancels the showtime for good; its live bookings are ended soon after. For operators, whom the caller has authenticated.
    pub async fn cancel_showtime(
        &self,
        id: ShowtimeId,
        reason: CancelReason,
        context: RequestContext,
    ) -> Result<Listed, BoxOfficeError> {
        self.change_listing(id, Command::CancelShowtime { reason }, context).await
    }

    async fn change_listing(
        &self,
        id: ShowtimeId,
        command: Command,
        context: RequestContext,
    ) -> Result<Listed, BoxOfficeError> {
        let arrived = Instant::now();
        let keyed = context.key.and_then(|key| KeyedRequest::for_command(&key, id, &command, rand::random()));
        let traceparent = context.traceparent;
        let request = Request { command, key: keyed, traceparent, repeated: false, _arrival: None, arrived };
        self.submit(id, request).await?.told.listing()
    }

    /// A booking, shown to its holder or an operator.
    ///
    /// # Errors
    /// [`Rejection::UnknownBooking`], [`Rejection::NotHolder`].
    pub async fn booking(&self, booking_id: BookingId, credential: Credential) -> Result<Booking, BoxOfficeError> {
        let found = self.deps().ledger.booking(booking_id).await;
        let booking = shown_to(credential, found.map_err(|error| self.unavailable(&error))?)?;
        self.directory().note_told(booking.showtime_id, booking.version);
        Ok(booking)
    }

    /// The booking that a payment has confirmed, or came too late for. For operators, whom the caller has authenticated.
    pub async fn paid(&self, reference: PaymentReference) -> Result<Option<Booking>, BoxOfficeError> {
        let found = self.deps().ledger.paid(reference).await;
        match found.map_err(|error| self.unavailable(&error))? {
            Some(id) => self.booking(id, Credential::Operator).await.map(Some),
            None => Ok(None),
        }
    }

    fn arrival(&self, booking_id: BookingId) -> Arc<Arrival> {
        Arc::new(self.directory().arrivals().note(booking_id, &self.deps().clock))
    }

    async fn change(
        &self,
        (command, booking_id): (Command, BookingId),
        credential: Credential,
        context: RequestContext,
        arrival: Option<Arc<Arrival>>,
    ) -> Result<Outcome, BoxOfficeError> {
        let arrived = Instant::now();
        let showtime_id = self.showtime_of(booking_id, credential).await?;
        let nonce: [u8; 16] = rand::random();
        let keyed = context.key.and_then(|key| KeyedRequest::for_command(&key, showtime_id, &command, nonce));
        let traceparent = context.traceparent;
        let request = Request { command, key: keyed, traceparent, repeated: false, _arrival: arrival, arrived };
        self.submit(showtime_id, request).await?.told.booking()
    }

    /// The showtime of a booking, for its holder or an operator. A pending booking of a showtime that is open on this node is found without
    /// the store.
    async fn showtime_of(&self, id: BookingId, credential: Credential) -> Result<ShowtimeId, BoxOfficeError> {
        if let Some((showtime_id, token)) = self.directory().hold(id) {
            credential.check(&token)?;
            return Ok(showtime_id);
        }
        let found = self.deps().ledger.bookings(vec![id]).await;
        let found = found.map_err(|error| self.unavailable(&error))?.into_iter().next();
        Ok(shown_to(credential, found)?.showtime_id)
    }
}

/// A booking of a customer's, for its holder or an operator.
fn shown_to(credential: Credential, found: Option<Booking>) -> Result<Booking, Rejection> {
    let booking = found.filter(|booking| booking.block.is_none()).ok_or(Rejection::UnknownBooking)?;
    credential.check(&booking.token).map(|()| booking)
}
