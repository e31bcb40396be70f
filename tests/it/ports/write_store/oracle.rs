//! The oracle: what the write model must be, folded from the journal by rules of its own, and whether anything has changed at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use turnstile::domain::{
    Booking, BookingId, BookingStatus, Event, Listing, RecordedEvent, RefusedPayment, SeatId, SeatIndex, SeatStatus,
    Showtime, ShowtimeFacts, ShowtimeId, Stored,
};
use turnstile::write_store::{Audit, OutboxEntry, WriteStore};

/// Everything that a commit to one showtime could change, idempotency keys apart.
#[derive(PartialEq, Debug)]
pub struct Picture {
    audit: Audit,
    journal: Vec<RecordedEvent>,
    outbox: Vec<OutboxEntry>,
    fence: u64,
}

/// Takes a picture, to be compared with a later one.
pub async fn picture(store: &Arc<dyn WriteStore>, id: ShowtimeId) -> Picture {
    let mut outbox = store.outbox(100_000, vec![]).await.unwrap();
    outbox.retain(|entry| entry.run.showtime_id() == id);
    Picture {
        audit: store.audit(id).await.unwrap().unwrap(),
        journal: store.journal(id, 0, 1_000_000).await.unwrap(),
        outbox,
        fence: store.load(id).await.unwrap().unwrap().fence,
    }
}

/// The seats that are held or sold, ascending, each with the booking that has it.
pub fn holders(audit: &Audit) -> Vec<(SeatIndex, BookingId)> {
    (0..).zip(&audit.seats).filter_map(|(seat, (_, _, holder))| Some((seat, (*holder)?))).collect()
}

/// **The check of every test:** journal, seats, bookings, load and outbox of the showtime agree with each other.
pub async fn check(store: &Arc<dyn WriteStore>, id: ShowtimeId) -> Audit {
    let Picture { audit, journal, outbox, fence } = picture(store, id).await;

    let sequences: Vec<u64> = journal.iter().map(|recorded| recorded.sequence).collect();
    assert_eq!(sequences, (1..=audit.sequence).collect::<Vec<_>>(), "the journal has no gap and ends at the head");

    let (seats, bookings) = fold(&journal);
    assert_eq!(audit.seats, seats, "seats agree with the journal");
    let stored: BTreeMap<BookingId, &Booking> = audit.bookings.iter().map(|booking| (booking.id, booking)).collect();
    assert_eq!(stored.len(), audit.bookings.len(), "each booking is audited once");
    assert_eq!(stored.keys().collect::<Vec<_>>(), bookings.keys().collect::<Vec<_>>(), "the journal's bookings");
    for (booking_id, folded) in &bookings {
        // The journal has no token: that is the one thing taken from the store itself.
        let expected = Booking { showtime_id: id, token: stored[booking_id].token, ..folded.clone() };
        assert_eq!(*stored[booking_id], expected, "the booking agrees with the journal");
    }

    let mut live: Vec<_> = bookings
        .values()
        .filter(|booking| booking.status.is_live())
        .flat_map(|booking| booking.seat_ids.iter().map(|seat| (seat.index(), booking.id)))
        .collect();
    live.sort_unstable();
    assert_eq!(holders(&audit), live, "each seat of a live booking names it");

    let seats = audit.seats.iter().map(|(status, version, _)| (*status, *version)).collect();
    let pending = audit.bookings.iter().filter(|booking| booking.status == BookingStatus::Pending).cloned().collect();
    let loaded = store.load(id).await.unwrap().unwrap();
    let Event::ShowtimeScheduled { rows, .. } = &journal[0].event else { panic!("the first event") };
    let facts = ShowtimeFacts { id, seat_map: Arc::new(rows.clone()) };
    let listing = journal.iter().skip(1).fold(Listing::scheduled(&journal[0].event).unwrap(), |listing, recorded| {
        listing.after(&recorded.event).unwrap_or(listing)
    });
    assert_eq!(audit.listing, listing);
    let live = audit.bookings.iter().filter(|booking| booking.status.is_live() && booking.block.is_none());
    let live =
        live.map(|booking| (booking.id, booking.user_id.clone(), u32::try_from(booking.seat_ids.len()).unwrap()));
    let customers = listing.terms.places_per_customer.map(|_| live.collect());
    let stored = Stored { listing: Arc::new(listing), sequence: audit.sequence, seats, pending, customers };
    assert_eq!(loaded.showtime, Showtime::restore(facts, stored), "an owner loads the same");
    assert_eq!(loaded.fence, fence);

    for entry in &outbox {
        let from = usize::try_from(entry.run.first_sequence()).unwrap() - 1;
        assert_eq!(entry.run.events(), &journal[from..from + entry.run.events().len()], "outbox and journal agree");
    }
    audit
}

type Seat = (SeatStatus, u64, Option<BookingId>);

fn fold(journal: &[RecordedEvent]) -> (Vec<Seat>, BTreeMap<BookingId, Booking>) {
    let mut seats: Vec<Seat> = Vec::new();
    let mut bookings: BTreeMap<BookingId, Booking> = BTreeMap::new();
    for RecordedEvent { sequence, recorded_at, event, .. } in journal {
        match event {
            Event::ShowtimeScheduled { rows, .. } => {
                seats = vec![(SeatStatus::Available, *sequence, None); usize::try_from(rows.seat_count()).unwrap()];
            }
            Event::ShowtimeChanged { .. } | Event::ShowtimeCancelled { .. } => {}
            Event::SeatsReserved { booking_id, seat_ids, user_id, expires_at, price, from_blocks } => {
                take(&mut seats, seat_ids, (SeatStatus::Reserved, *sequence, Some(*booking_id)));
                let booking = Booking {
                    id: *booking_id,
                    showtime_id: ShowtimeId(uuid::Uuid::nil()),
                    seat_ids: seat_ids.clone(),
                    user_id: user_id.clone(),
                    token: turnstile::domain::TokenHash([0; 32]),
                    status: BookingStatus::Pending,
                    reserved_at: *recorded_at,
                    expires_at: *expires_at,
                    payment_reference: None,
                    cancel_reason: None,
                    refunded: Vec::new(),
                    refused_payment: None,
                    block: None,
                    from_blocks: from_blocks.clone(),
                    version: *sequence,
                    price: price.clone(),
                };
                assert_eq!(bookings.insert(*booking_id, booking), None, "a booking is reserved once");
            }
            Event::SeatsBlocked { booking_id, seat_ids, block, until } => {
                take(&mut seats, seat_ids, (SeatStatus::Reserved, *sequence, Some(*booking_id)));
                let booking = bookings.entry(*booking_id).or_insert_with(|| Booking {
                    id: *booking_id,
                    showtime_id: ShowtimeId(uuid::Uuid::nil()),
                    seat_ids: Vec::new(),
                    user_id: turnstile::domain::UserId::house(),
                    token: turnstile::domain::TokenHash([0; 32]),
                    status: BookingStatus::Pending,
                    reserved_at: *recorded_at,
                    expires_at: until.unwrap_or(turnstile::domain::Timestamp::MAX),
                    payment_reference: None,
                    cancel_reason: None,
                    refunded: Vec::new(),
                    refused_payment: None,
                    block: Some(block.clone()),
                    from_blocks: Vec::new(),
                    version: *sequence,
                    price: None,
                });
                booking.seat_ids.extend(seat_ids);
                booking.version = *sequence;
            }
            Event::HoldExtended { booking_id, seat_ids, expires_at } => {
                take(&mut seats, seat_ids, (SeatStatus::Reserved, *sequence, Some(*booking_id)));
                let booking = change(&mut bookings, *booking_id, *sequence, BookingStatus::Pending);
                booking.expires_at = *expires_at;
            }
            Event::BookingConfirmed { booking_id, seat_ids, payment_reference, late_for } => {
                take(&mut seats, seat_ids, (SeatStatus::Sold, *sequence, Some(*booking_id)));
                let booking = bookings.get_mut(booking_id).expect("only a reserved booking is confirmed");
                if let Some(user) = late_for {
                    assert_eq!(*user, booking.user_id, "the seats go back to who had them");
                    booking.status = BookingStatus::Pending;
                }
                let booking = change(&mut bookings, *booking_id, *sequence, BookingStatus::Confirmed);
                booking.payment_reference = Some(payment_reference.clone());
            }
            Event::PaymentRefused { booking_id, taken, refund } => {
                let booking = bookings.get_mut(booking_id).expect("a payment is for a booking");
                assert_eq!(booking.status, BookingStatus::Expired, "only a late payment is refused");
                let before = booking.refused_payment.take();
                let earlier = before.map(|before| [before.earlier, vec![before.refund]].concat()).unwrap_or_default();
                booking.refused_payment =
                    Some(RefusedPayment { refund: refund.clone(), taken: taken.clone(), earlier });
                booking.version = *sequence;
            }
            Event::BookingCancelled { booking_id, seat_ids, reason, refund, .. } => {
                take(&mut seats, seat_ids, (SeatStatus::Available, *sequence, None));
                let booking = change(&mut bookings, *booking_id, *sequence, BookingStatus::Cancelled);
                booking.cancel_reason.clone_from(reason);
                assert_eq!(*refund, booking.payment_reference, "what was paid is to be returned");
            }
            Event::SeatsReleased { booking_id, seat_ids, refund, .. } => {
                take(&mut seats, seat_ids, (SeatStatus::Available, *sequence, None));
                let booking = bookings.get_mut(booking_id).expect("only a live booking gives seats back");
                booking.seat_ids.retain(|seat| !seat_ids.contains(seat));
                booking.version = *sequence;
                if refund.is_some() {
                    assert_eq!(*refund, booking.payment_reference, "what was paid is to be returned");
                    booking.refunded.extend(seat_ids);
                }
            }
            Event::BookingChanged { booking_id, seat_ids, confirmed, price, held_since, .. } => {
                let status = if *confirmed { SeatStatus::Sold } else { SeatStatus::Reserved };
                take(&mut seats, seat_ids, (status, *sequence, Some(*booking_id)));
                let booking = bookings.get_mut(booking_id).expect("only a live booking changes");
                assert_eq!(booking.status == BookingStatus::Confirmed, *confirmed);
                booking.seat_ids.clone_from(seat_ids);
                booking.price.clone_from(price);
                booking.reserved_at = held_since.map_or(booking.reserved_at, |since| since.min(booking.reserved_at));
                booking.version = *sequence;
            }
            Event::HoldExpired { booking_id, seat_ids } => {
                take(&mut seats, seat_ids, (SeatStatus::Available, *sequence, None));
                change(&mut bookings, *booking_id, *sequence, BookingStatus::Expired);
            }
        }
    }
    (seats, bookings)
}

/// Sets seats, and checks that free seats were taken, or the booking's own.
fn take(seats: &mut [Seat], seat_ids: &[SeatId], after: Seat) {
    for seat_id in seat_ids {
        let seat = &mut seats[usize::try_from(seat_id.index()).unwrap()];
        let (before, _, holder) = *seat;
        let reserving = after.0 != SeatStatus::Available && holder != after.2;
        assert!(!reserving || before == SeatStatus::Available, "seat {seat_id} was reserved while {before:?}");
        *seat = after;
    }
}

fn change(
    bookings: &mut BTreeMap<BookingId, Booking>,
    id: BookingId,
    sequence: u64,
    status: BookingStatus,
) -> &mut Booking {
    let booking = bookings.get_mut(&id).expect("only a reserved booking changes");
    let is_ended_with_its_showtime = booking.status == BookingStatus::Confirmed && status == BookingStatus::Cancelled;
    assert!(booking.status == BookingStatus::Pending || is_ended_with_its_showtime, "only a pending booking changes");
    booking.status = status;
    booking.version = sequence;
    booking
}
