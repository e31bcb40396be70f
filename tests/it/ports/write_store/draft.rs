//! Drafts: batches as an owner makes them, built change by change; and the showtimes and bookings they are about.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use turnstile::domain::{
    Booking, BookingId, BookingStatus, CancelReason, Event, Listing, PaymentReference, RefusedPayment, Row, SeatId,
    SeatIndex, SeatMap, SeatStatus, ShowtimeId, Stamp, TakenSeat, Timestamp, TokenHash, UserId,
};
use turnstile::write_store::{Batch, BookingChange, IdempotencyRecord, NewKey, NewShowtime, SeatChange, WriteStore};
use uuid::Uuid;

/// When the tests' stories begin: an odd millisecond, so that a lost fraction shows.
pub const START: i64 = 1_795_392_000_123;
/// How long a hold lives in the tests.
pub const HOLD: Duration = Duration::from_millis(600_001);

/// `milliseconds` after [`START`].
pub fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(START + milliseconds)
}

/// A showtime with a random id and one row of `seats`.
pub fn new_showtime(seats: u32) -> NewShowtime {
    NewShowtime {
        id: ShowtimeId(Uuid::new_v4()),
        listing: Listing::new("Bourne Identity", at(7_200_000)),
        seat_map: SeatMap::new(vec![Row::numbered("A", seats)]).unwrap(),
        recorded_at: at(0),
        idempotency: None,
    }
}

/// Schedules a showtime with one row of `seats`.
pub async fn scheduled(store: &Arc<dyn WriteStore>, seats: u32) -> ShowtimeId {
    let new = new_showtime(seats);
    let id = new.id;
    store.schedule(new).await.unwrap();
    id
}

/// A pending booking with a random id, not yet stored. `seats` in the client's order.
pub fn booking(showtime_id: ShowtimeId, seats: &[SeatIndex]) -> Booking {
    let id = BookingId(Uuid::now_v7());
    Booking {
        id,
        showtime_id,
        seat_ids: seats.iter().map(|index| SeatId::new(showtime_id, *index)).collect(),
        user_id: UserId::parse("ada").unwrap(),
        token: TokenHash(Sha256::digest(id.0.as_bytes()).into()),
        status: BookingStatus::Pending,
        reserved_at: at(10),
        expires_at: at(10) + HOLD,
        payment_reference: None,
        cancel_reason: None,
        refunded: Vec::new(),
        refused_payment: None,
        block: None,
        from_blocks: Vec::new(),
        version: 0,
        price: None,
    }
}

/// The record of an idempotency key.
pub fn key(name: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        key_hash: Sha256::digest(name).into(),
        fingerprint: Sha256::digest(format!("{name}, as asked")).into(),
        answer: serde_json::json!({"status": 201, "note": "naïve \"quoted\" \u{1F3AC}", "seats": [1, null, 1.5]}),
        nonce: *Uuid::new_v4().as_bytes(),
        recorded_at: at(10),
        sequence: 1,
    }
}

/// A batch in the making: net changes, as an owner sends them.
pub struct Draft {
    batch: Batch,
    seats: BTreeMap<SeatIndex, SeatChange>,
}

impl Draft {
    /// An empty batch of an owner with this fence.
    pub fn new(showtime_id: ShowtimeId, fence: u64) -> Self {
        let batch = Batch {
            showtime_id,
            fence,
            recorded_at: at(10),
            events: Vec::new(),
            follows: None,
            listing: None,
            seats: Vec::new(),
            bookings: Vec::new(),
            idempotency: Vec::new(),
            traceparent: None,
        };
        Self { batch, seats: BTreeMap::new() }
    }

    /// An empty batch of an owner that loads without raising the fence.
    pub async fn kept(store: &Arc<dyn WriteStore>, showtime_id: ShowtimeId) -> Self {
        Self::new(showtime_id, store.load(showtime_id).await.unwrap().unwrap().fence)
    }

    /// Reserves seats that have `version`, or were changed before in this draft.
    pub fn reserve(mut self, booking: &Booking, version: u64) -> Self {
        let event = self.event(Event::SeatsReserved {
            booking_id: booking.id,
            seat_ids: booking.seat_ids.clone(),
            user_id: booking.user_id.clone(),
            expires_at: booking.expires_at,
            price: None,
            from_blocks: Vec::new(),
        });
        self.seats(booking, version, SeatStatus::Reserved, event);
        self.batch.bookings.push(BookingChange { booking: booking.clone(), expected_version: None, event });
        self
    }

    /// Holds seats back that have `version`.
    pub fn block(mut self, block: &Booking, version: u64) -> Self {
        let event = self.blocked(block, block.seat_ids.clone());
        self.seats(block, version, SeatStatus::Reserved, event);
        self.batch.bookings.push(BookingChange { booking: block.clone(), expected_version: None, event });
        self
    }

    /// Gives the first seat of a stored block back to everybody, which has `version`.
    pub fn unblock_first(mut self, block: &Booking, version: u64) -> Self {
        let (released, kept) = block.seat_ids.split_at(1);
        let (booking_id, seat_ids, reason, refund) = (block.id, released.to_vec(), None, None);
        let event = self.event(Event::SeatsReleased { booking_id, seat_ids, reason, refund, refund_amount: None });
        let first = Booking { seat_ids: released.to_vec(), ..block.clone() };
        self.seats(&first, version, SeatStatus::Available, event);
        self.change(&Booking { seat_ids: kept.to_vec(), ..block.clone() }, event);
        self
    }

    /// A stored block has a seat of this version again, which was free.
    pub fn block_again(mut self, block: &Booking, seat: SeatIndex, version: u64) -> Self {
        let seat_ids = vec![SeatId::new(block.showtime_id, seat)];
        let event = self.blocked(block, seat_ids.clone());
        let one = Booking { seat_ids, ..block.clone() };
        self.seats(&one, version, SeatStatus::Reserved, event);
        self.change(&Booking { seat_ids: [block.seat_ids.clone(), one.seat_ids].concat(), ..block.clone() }, event);
        self
    }

    fn blocked(&mut self, block: &Booking, seat_ids: Vec<SeatId>) -> usize {
        let until = Some(block.expires_at);
        self.event(Event::SeatsBlocked { booking_id: block.id, seat_ids, block: block.block.clone().unwrap(), until })
    }

    /// Moves the deadline of a stored booking.
    pub fn extend(mut self, booking: &Booking, expires_at: Timestamp) -> Self {
        let (booking_id, seat_ids) = (booking.id, booking.seat_ids.clone());
        let event = self.event(Event::HoldExtended { booking_id, seat_ids, expires_at });
        self.seats(booking, booking.version, SeatStatus::Reserved, event);
        self.change(&Booking { expires_at, ..booking.clone() }, event);
        self
    }

    /// Sells the seats of a booking, stored or of this draft; an expired one's are taken again.
    pub fn confirm(mut self, booking: &Booking, payment: &str) -> Self {
        let payment_reference = PaymentReference::parse(payment).unwrap();
        let late_for = (booking.status == BookingStatus::Expired).then(|| booking.user_id.clone());
        let event = self.event(Event::BookingConfirmed {
            booking_id: booking.id,
            seat_ids: booking.seat_ids.clone(),
            payment_reference: payment_reference.clone(),
            late_for,
        });
        self.seats(booking, booking.version, SeatStatus::Sold, event);
        let payment_reference = Some(payment_reference);
        self.change(&Booking { status: BookingStatus::Confirmed, payment_reference, ..booking.clone() }, event);
        self
    }

    /// Refuses a late payment for a stored booking: another booking has its first seat.
    pub fn refuse(mut self, booking: &Booking, payment: &str) -> Self {
        let refund = PaymentReference::parse(payment).unwrap();
        let taken = vec![TakenSeat { seat_id: booking.seat_ids[0], status: SeatStatus::Sold }];
        let event = Event::PaymentRefused { booking_id: booking.id, taken: taken.clone(), refund: refund.clone() };
        let event = self.event(event);
        self.change(
            &Booking {
                refused_payment: Some(RefusedPayment { refund, taken, earlier: Vec::new() }),
                ..booking.clone()
            },
            event,
        );
        self
    }

    /// Gives up a booking, stored or of this draft.
    pub fn cancel(self, booking: &Booking) -> Self {
        self.cancel_for(booking, None)
    }

    /// Ends a booking, for the reason for which its showtime was cancelled.
    pub fn cancel_for(mut self, booking: &Booking, reason: Option<CancelReason>) -> Self {
        let (booking_id, seat_ids) = (booking.id, booking.seat_ids.clone());
        let refund = booking.payment_reference.clone();
        let (cancel_reason, refund_amount) = (reason.clone(), None);
        let event = self.event(Event::BookingCancelled { booking_id, seat_ids, reason, refund, refund_amount });
        self.seats(booking, booking.version, SeatStatus::Available, event);
        let status = BookingStatus::Cancelled;
        self.change(&Booking { status, cancel_reason, ..booking.clone() }, event);
        self
    }

    /// Gives a stored booking other seats, those that it does not have yet at `version`. What a paid one gives back is refunded.
    pub fn exchange(mut self, booking: &Booking, seats: &[SeatIndex], version: u64) -> Self {
        let seat_ids: Vec<SeatId> = seats.iter().map(|seat| SeatId::new(booking.showtime_id, *seat)).collect();
        let of = |seat_ids: Vec<SeatId>| Booking { seat_ids, ..booking.clone() };
        let (kept, released): (Vec<SeatId>, Vec<SeatId>) =
            booking.seat_ids.iter().partition(|seat| seat_ids.contains(seat));
        let taken = seat_ids.iter().copied().filter(|seat| !kept.contains(seat)).collect();
        let (booking_id, reason, refund) = (booking.id, None, booking.payment_reference.clone());
        let refunded = if refund.is_some() { released.clone() } else { Vec::new() };
        let (gone, refund_amount) = (released.clone(), None);
        let event = self.event(Event::SeatsReleased { booking_id, seat_ids: gone, reason, refund, refund_amount });
        self.seats(&of(released), booking.version, SeatStatus::Available, event);
        let confirmed = booking.status == BookingStatus::Confirmed;
        let status = if confirmed { SeatStatus::Sold } else { SeatStatus::Reserved };
        let event = self.event(Event::BookingChanged {
            booking_id,
            seat_ids: seat_ids.clone(),
            confirmed,
            price: None,
            difference: None,
            held_since: None,
            from_blocks: vec![],
        });
        self.seats(&of(kept), booking.version, status, event);
        self.seats(&of(taken), version, status, event);
        self.change(&Booking { seat_ids, refunded, ..booking.clone() }, event);
        self
    }

    /// Gives the showtime, which has this listing, another one.
    pub fn list(mut self, before: &Listing, event: Event) -> Self {
        self.batch.listing = Some(Arc::new(before.after(&event).unwrap()));
        self.event(event);
        self
    }

    /// Ends a stored booking whose deadline has passed.
    pub fn expire(mut self, booking: &Booking) -> Self {
        let (booking_id, seat_ids) = (booking.id, booking.seat_ids.clone());
        let event = self.event(Event::HoldExpired { booking_id, seat_ids });
        self.seats(booking, booking.version, SeatStatus::Available, event);
        self.change(&Booking { status: BookingStatus::Expired, ..booking.clone() }, event);
        self
    }

    /// Records an idempotency key whose answer tells of the last event so far.
    pub fn key(mut self, record: IdempotencyRecord) -> Self {
        let event = self.batch.events.len() - 1;
        self.batch.idempotency.push(NewKey { record: IdempotencyRecord { sequence: 987_654, ..record }, event });
        self
    }

    /// Names the stamp that the showtime's last event must have.
    pub fn follows(mut self, stamp: Stamp) -> Self {
        self.batch.follows = Some(stamp);
        self
    }

    /// Sets the trace context.
    pub fn trace(mut self, traceparent: &str) -> Self {
        self.batch.traceparent = Some(traceparent.to_owned());
        self
    }

    /// The batch, with its seats in ascending order.
    pub fn done(mut self) -> Arc<Batch> {
        self.batch.seats = self.seats.into_values().collect();
        Arc::new(self.batch)
    }

    fn event(&mut self, event: Event) -> usize {
        self.batch.events.push(event);
        self.batch.events.len() - 1
    }

    fn seats(&mut self, booking: &Booking, version: u64, status: SeatStatus, event: usize) {
        let booking_id = (status != SeatStatus::Available).then_some(booking.id);
        for seat in booking.seat_ids.iter().map(|id| id.index()) {
            let expected_version = self.seats.get(&seat).map_or(version, |earlier| earlier.expected_version);
            self.seats.insert(seat, SeatChange { seat, expected_version, status, booking_id, event });
        }
    }

    /// Records what becomes of a booking: a later change of one booking replaces the earlier.
    fn change(&mut self, after: &Booking, event: usize) {
        let booking = after.clone();
        match self.batch.bookings.iter_mut().find(|change| change.booking.id == after.id) {
            Some(earlier) => *earlier = BookingChange { booking, event, ..earlier.clone() },
            None => {
                let expected_version = Some(after.version);
                self.batch.bookings.push(BookingChange { booking, expected_version, event });
            }
        }
    }
}

/// Reserves `seats`, all at `version`, and returns the booking as stored.
pub async fn reserved(store: &Arc<dyn WriteStore>, id: ShowtimeId, seats: &[SeatIndex], version: u64) -> Booking {
    let new = booking(id, seats);
    let committed = store.commit(Draft::kept(store, id).await.reserve(&new, version).done()).await.unwrap();
    Booking { version: committed.first_sequence, ..new }
}

/// The booking as it is stored.
pub async fn stored(store: &Arc<dyn WriteStore>, id: BookingId) -> Booking {
    let found = store.bookings(vec![id]).await.unwrap();
    assert_eq!(found.len(), 1, "booking {id} is stored once");
    found.into_iter().next().unwrap()
}
