//! Batches: all that one commit changes in one showtime, and what the commit has made.

use std::sync::Arc;

use crate::domain::{
    Booking, BookingId, Event, Listing, PaymentReference, SeatIndex, SeatMap, SeatStatus, ShowtimeId, Stamp, Timestamp,
};
use crate::write_store::StoreError;

/// A seat's net change in one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatChange {
    /// Which seat.
    pub seat: SeatIndex,
    /// The version it must have, else [`Conflict`](crate::write_store::CommitError::Conflict).
    pub expected_version: u64,
    /// Its status afterwards.
    pub status: SeatStatus,
    /// The live booking that has it afterwards; `None` if available. A seat names one booking, so it has one at most (I1).
    pub booking_id: Option<BookingId>,
    /// Position in [`Batch::events`] of the last event about it; that event's sequence becomes its version.
    pub event: usize,
}

/// A booking's net change in one batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingChange {
    /// The booking as it is after the whole batch. Its `version` is ignored: the sequence of `event` becomes its version.
    pub booking: Booking,
    /// The version it must have, else [`Conflict`](crate::write_store::CommitError::Conflict); `None` if the batch creates it.
    pub expected_version: Option<u64>,
    /// Position in [`Batch::events`] of the last event about it.
    pub event: usize,
}

/// What is remembered of a request with an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyRecord {
    /// SHA-256 over who asked what with which key.
    pub key_hash: [u8; 32],
    /// SHA-256 over the request's meaning: another meaning under the same key is refused.
    pub fingerprint: [u8; 32],
    /// The answer, as JSON, without secrets.
    pub answer: serde_json::Value,
    /// Random bytes from which, with the client's key, a secret in the answer is made again. Never shown.
    pub nonce: [u8; 16],
    /// When it was recorded; kept at least [`IDEMPOTENCY_KEPT`].
    pub recorded_at: Timestamp,
    /// Sequence of the event that the answer tells of. Set by the store on [`commit`](crate::write_store::Ledger::commit), from [`NewKey::event`].
    pub sequence: u64,
}

/// An idempotency key that a batch records. `record.sequence` is ignored: it becomes the sequence of `event`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewKey {
    /// What to remember.
    pub record: IdempotencyRecord,
    /// Position in [`Batch::events`] of the event that the answer tells of.
    pub event: usize,
}

/// How long an idempotency key is remembered.
pub const IDEMPOTENCY_KEPT: std::time::Duration = std::time::Duration::from_hours(24);

/// All that one commit changes in one showtime. A payment that one of its events confirms a booking with, or refuses, is used up by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// The showtime.
    pub showtime_id: ShowtimeId,
    /// The fence that [`load`](crate::write_store::Journal::load) returned.
    pub fence: u64,
    /// The stamp of the showtime's last event, if a decision rests on all that has happened in the showtime: then it must still be that, else
    /// [`Conflict`](crate::write_store::CommitError::Conflict). Without it, others may have changed other seats.
    pub follows: Option<Stamp>,
    /// When it was decided; becomes `recorded_at` of every event.
    pub recorded_at: Timestamp,
    /// The events in order; at least one.
    pub events: Vec<Event>,
    /// The listing afterwards, if one of the events changes it. The commit then raises the fence by one: whoever else owns the showtime
    /// loads it again before the next commit, and decides on the new listing.
    pub listing: Option<Arc<Listing>>,
    /// Net changes of seats, each seat once, ascending (so that two writers lock rows in one order).
    pub seats: Vec<SeatChange>,
    /// Net changes of bookings, each booking once.
    pub bookings: Vec<BookingChange>,
    /// Idempotency keys to remember with their answers.
    pub idempotency: Vec<NewKey>,
    /// W3C `traceparent` of the work that caused it, carried to the broker.
    pub traceparent: Option<String>,
}

impl Batch {
    /// Refuses a batch that breaks its contract, whatever is stored: without an event, with a position past the last event, or with a
    /// live booking whose seats it does not give to it. Only a bug makes one.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let corrupt = |what: String| Err(StoreError::Corrupt(format!("a batch {what}")));
        let events = self.events.len();
        if events == 0 {
            return corrupt("has no event".to_owned());
        }
        let positions = self.seats.iter().map(|change| change.event);
        let positions = positions.chain(self.bookings.iter().map(|change| change.event));
        let mut positions = positions.chain(self.idempotency.iter().map(|key| key.event));
        if let Some(event) = positions.find(|event| *event >= events) {
            return corrupt(format!("names event {event} of {events}"));
        }
        if !self.seats.is_sorted_by(|one, next| one.seat < next.seat) {
            return corrupt("changes a seat twice, or not in order".to_owned());
        }
        for BookingChange { booking, .. } in self.bookings.iter().filter(|change| change.booking.status.is_live()) {
            // What becomes of a block's other seats is no matter of its events.
            if booking.block.is_some() {
                continue;
            }
            for seat in booking.seat_ids.iter().map(|seat| seat.index()) {
                let change = self.seats.binary_search_by_key(&seat, |change| change.seat);
                let change = change.ok().and_then(|position| self.seats.get(position));
                if change.and_then(|change| change.booking_id) != Some(booking.id) {
                    return corrupt(format!("does not give seat {seat} to booking {}", booking.id));
                }
            }
        }
        Ok(())
    }

    /// The showtime's rows afterwards, if one of the events sets them. It changes the listing, too.
    pub(crate) fn rows(&self) -> Option<&SeatMap> {
        self.events.iter().rev().find_map(Event::rows)
    }

    /// The showtime's fence after the commit.
    pub(crate) fn fence_afterwards(&self) -> u64 {
        self.fence + u64::from(self.listing.is_some())
    }

    /// The payments that the batch uses up, each with the booking that it was for. One that is to be returned must not pay for another.
    pub(crate) fn payments(&self) -> impl Iterator<Item = (&PaymentReference, BookingId)> {
        self.events.iter().filter_map(|event| match event {
            Event::BookingConfirmed { booking_id, payment_reference, .. }
            | Event::PaymentRefused { booking_id, refund: payment_reference, .. } => {
                Some((payment_reference, *booking_id))
            }
            Event::ShowtimeScheduled { .. }
            | Event::ShowtimeChanged { .. }
            | Event::ShowtimeCancelled { .. }
            | Event::SeatsReserved { .. }
            | Event::SeatsBlocked { .. }
            | Event::HoldExtended { .. }
            | Event::BookingCancelled { .. }
            | Event::SeatsReleased { .. }
            | Event::BookingChanged { .. }
            | Event::HoldExpired { .. } => None,
        })
    }
}

/// What a commit has made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Sequence of the batch's first event. If it is not one more than the owner's sequence, others wrote in between
    /// (on other seats): read the journal from there.
    pub first_sequence: u64,
    /// Stamp of the event before it. If it is not that of the owner's last event, the owner has seen another history.
    pub follows: Stamp,
    /// Stamp of the batch's last event.
    pub stamp: Stamp,
    /// The fence that the owner's next batch names.
    pub fence: u64,
}
