//! The way of a confirmation, a cancellation or an extension to its showtime: past the store if this node has the booking, else by a look-up.

use std::collections::HashMap;

use turnstile::box_office::{BoxOffice, BoxOfficeError, IdempotencyKey, RequestContext, Reserved, Wanted};
use turnstile::domain::{
    BookingId, BookingStatus, Credential, HoldToken, Listing, PaymentReference, Rejection, SeatId, SeatSelection,
    ShowtimeId, Timestamp, UserId,
};
use uuid::Uuid;

use crate::faults::unlucky_office::{Office, seat_map};
use crate::faults::unlucky_store::{Fate, On};
use crate::ports::write_store::draft::{Draft, booking};

const LOOK_UP_FAILS: [(On, Fate); 1] = [(On::Bookings, Fate::Fails)];
const LOOK_UP: [(On, Fate); 1] = [(On::Bookings, Fate::Fine)];

fn holder(held: &Reserved) -> Credential {
    Credential::Holder(held.hold_token.hash())
}

fn stranger() -> Credential {
    Credential::Holder(HoldToken::from_bytes([9; 32]).hash())
}

fn keyed(key: &str) -> RequestContext {
    RequestContext { key: IdempotencyKey::parse(key), ..RequestContext::default() }
}

async fn reserve(office: &BoxOffice, showtime: ShowtimeId, seat: u32) -> Reserved {
    let seats = SeatSelection::new(showtime, vec![SeatId::new(showtime, seat)]).unwrap();
    office
        .reserve(showtime, Wanted::Seats(seats), UserId::parse("u").unwrap(), RequestContext::default())
        .await
        .unwrap()
}

async fn confirm(office: &BoxOffice, booking: BookingId, credential: Credential) -> Result<BookingStatus, Rejection> {
    let reference = PaymentReference::parse(booking.to_string()).unwrap();
    match office.confirm(booking, credential, reference, RequestContext::default()).await {
        Ok(outcome) => Ok(outcome.status),
        Err(BoxOfficeError::Rejected(rejection)) => Err(rejection),
        Err(error) => panic!("{error:?}"),
    }
}

/// Two showtimes whose ids have the same mark.
fn twins() -> (ShowtimeId, ShowtimeId) {
    let mut seen = HashMap::new();
    for number in 1.. {
        let id = ShowtimeId(Uuid::from_u128(number));
        let mark = BookingId::new(id, Uuid::nil()).0;
        if let Some(twin) = seen.insert(mark, id) {
            return (twin, id);
        }
    }
    unreachable!("there are only a million marks")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_booking_of_an_open_showtime_is_changed_without_a_look_up() {
    let mut office = Office::open().await;
    let mut held = Vec::new();
    for seat in 0..3 {
        held.push(office.reserve(seat).await.unwrap());
    }
    office.store.plan(&LOOK_UP_FAILS);
    let [first, second, third] = held.as_slice() else { panic!("three were reserved") };
    let (id, none) = (|held: &Reserved| held.outcome.booking_id, RequestContext::default);
    office.millis.fetch_add(1_000, std::sync::atomic::Ordering::SeqCst);
    let extended = office.office.extend(id(first), holder(first), none()).await.unwrap();
    assert!(extended.expires_at > first.outcome.expires_at);
    assert_eq!(confirm(&office.office, id(first), holder(first)).await, Ok(BookingStatus::Confirmed));
    let cancelled = office.office.cancel(id(second), Credential::Operator, none()).await.unwrap();
    assert_eq!(cancelled.status, BookingStatus::Cancelled);
    // A node that has loaded the showtime knows its pending bookings, whichever node made them.
    let other = office.another_node().await;
    reserve(&other, office.showtime, 7).await;
    assert_eq!(confirm(&other, id(third), stranger()).await, Err(Rejection::NotHolder));
    assert_eq!(confirm(&other, id(third), holder(third)).await, Ok(BookingStatus::Confirmed));
    assert_eq!(office.store.fates_left(), 1, "a booking was looked up");
    // Ended ones are looked up, and answered as before.
    office.store.forgive();
    assert_eq!(confirm(&other, id(third), holder(third)).await, Ok(BookingStatus::Confirmed));
    let again = office.office.cancel(id(second), holder(second), none()).await.unwrap();
    assert_eq!((again.status, again.sequence), (BookingStatus::Cancelled, cancelled.sequence));
    let refused = confirm(&office.office, id(second), holder(second)).await;
    assert_eq!(refused, Err(Rejection::BookingNotPending { status: BookingStatus::Cancelled }));
}

/// Also with the idempotency key of an answer that the holder got.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_alike_with_and_without_a_look_up() {
    let mut office = Office::open().await;
    let held = office.reserve(0).await.unwrap();
    let booking_id = held.outcome.booking_id;
    office.millis.fetch_add(1_000, std::sync::atomic::Ordering::SeqCst);
    let extended = office.office.extend(booking_id, holder(&held), keyed("key")).await.unwrap();
    let closed = office.another_node().await;
    for (node, looks_up) in [(&office.office, 1), (&closed, 0)] {
        office.store.plan(&LOOK_UP);
        let refused = node.extend(booking_id, stranger(), keyed("key")).await;
        assert!(matches!(refused, Err(BoxOfficeError::Rejected(Rejection::NotHolder))), "{refused:?}");
        assert_eq!(office.store.fates_left(), looks_up);
        office.store.forgive();
        assert_eq!(confirm(node, booking_id, stranger()).await, Err(Rejection::NotHolder));
        let unknown = BookingId::new(office.showtime, Uuid::now_v7());
        assert_eq!(confirm(node, unknown, Credential::Operator).await, Err(Rejection::UnknownBooking));
        let again = node.extend(booking_id, holder(&held), keyed("key")).await.unwrap();
        assert!(again.replayed && again.expires_at == extended.expires_at, "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_with_the_same_mark_is_not_taken_for_the_bookings_own() {
    let mut office = Office::open().await;
    let (one, twin) = twins();
    for id in [one, twin] {
        assert!(office.office.schedule_as(id, Listing::new("M", Timestamp::MAX), seat_map()).await.unwrap());
    }
    let (of_one, of_twin) = (reserve(&office.office, one, 0).await, reserve(&office.office, twin, 0).await);
    let second = reserve(&office.office, twin, 1).await;
    office.store.plan(&LOOK_UP_FAILS);
    for (held, showtime) in [(&of_one, one), (&of_twin, twin)] {
        let extended = office.office.cancel(held.outcome.booking_id, holder(held), RequestContext::default()).await;
        assert_eq!(extended.unwrap().showtime_id, showtime);
    }
    assert_eq!(office.store.fates_left(), 1, "both are open here");
    office.store.forgive();
    // On a node where only the other showtime is open.
    let other = office.another_node().await;
    reserve(&other, one, 1).await;
    assert!(other.is_open(one) && !other.is_open(twin));
    office.store.plan(&LOOK_UP);
    assert_eq!(confirm(&other, second.outcome.booking_id, stranger()).await, Err(Rejection::NotHolder));
    assert!(office.store.is_done(), "it was not looked up");
    assert_eq!(confirm(&other, second.outcome.booking_id, holder(&second)).await, Ok(BookingStatus::Confirmed));
}

/// As earlier versions made them.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_id_has_no_mark_is_looked_up() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    let mut old = booking(office.showtime, &[1]);
    let marked = BookingId::new(office.showtime, old.id.0);
    old.id = BookingId(Uuid::from_u128(marked.0.as_u128() ^ 1));
    let store = office.store.below();
    let fence = store.load(office.showtime).await.unwrap().unwrap().fence;
    store.commit(Draft::new(office.showtime, fence).reserve(&old, 1).done()).await.unwrap();
    assert_eq!(confirm(&office.office, old.id, stranger()).await, Err(Rejection::NotHolder));
    office.store.plan(&LOOK_UP);
    assert_eq!(confirm(&office.office, old.id, Credential::Holder(old.token)).await, Ok(BookingStatus::Confirmed));
    assert!(office.store.is_done(), "it was not looked up");
}
