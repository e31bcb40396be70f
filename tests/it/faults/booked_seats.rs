//! Exchanges and late payments whose commits get lost, and locks that an exchange has left behind.

use std::sync::atomic::Ordering;

use turnstile::box_office::{BoxOfficeError, RequestContext};
use turnstile::domain::{Credential, EventKind, PaymentReference, Rejection, SeatExchange, SeatId, Timestamp};
use turnstile::seat_lock::{Claim, Claimed, SeatLock as _};

use crate::faults::unlucky_office::Office;
use crate::faults::unlucky_store::{Fate, On};

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_whose_commit_was_not_heard_is_made_once() {
    for fate in [Fate::LandsUnheard, Fate::VanishesUnheard] {
        let office = Office::open().await;
        let held = office.reserve_all(&[0, 1]).await.unwrap();
        office.store.plan(&[(On::Commit, fate)]);
        let seat = |index| SeatId::new(office.showtime, index);
        let exchange = SeatExchange { add: vec![seat(2)], remove: vec![seat(0)], ..SeatExchange::default() };
        let (id, holder) = (held.outcome.booking_id, Credential::Holder(held.hold_token.hash()));
        let outcome = office.office.change_seats(id, holder, exchange, RequestContext::default()).await.unwrap();
        assert_eq!((outcome.seat_ids, outcome.sequence), (vec![seat(1), seat(2)], 4));
        assert_eq!(office.store.below().audit(office.showtime).await.unwrap().unwrap().sequence, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_payment_whose_refusal_was_not_heard_is_to_be_returned_once() {
    for fate in [Fate::LandsUnheard, Fate::VanishesUnheard] {
        let office = Office::open().await;
        let held = office.reserve(0).await.unwrap();
        office.millis.fetch_add(10_000, Ordering::SeqCst);
        // The board still shows the hold; a batch ends it.
        office.reserve(1).await.unwrap();
        office.reserve(0).await.unwrap();
        office.store.plan(&[(On::Commit, fate)]);
        let (id, holder) = (held.outcome.booking_id, Credential::Holder(held.hold_token.hash()));
        let late = PaymentReference::parse("late").unwrap();
        let refused = office.office.confirm(id, holder, late, RequestContext::default()).await;
        assert!(matches!(refused, Err(BoxOfficeError::Rejected(Rejection::PaymentTooLate { .. }))), "{refused:?}");
        assert!(office.store.is_done());
        let journal = office.store.below().journal(office.showtime, 0, 100).await.unwrap();
        let told = journal.iter().filter(|recorded| recorded.event.kind() == EventKind::PaymentRefused);
        assert_eq!(told.count(), 1);
    }
}

/// The lock's owner is a live booking, but does not have the seat: it has given it back, or its node died before it had it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_an_exchange_has_left_is_taken_over() {
    let office = Office::open().await;
    let held = office.reserve(0).await.unwrap();
    let left = Claim { booking_id: held.outcome.booking_id, seats: vec![2] };
    let deadline = Timestamp::from_millis(office.millis.load(Ordering::SeqCst) + 10_000);
    assert_eq!(office.lock.claim(office.showtime, vec![(left, deadline)]).await.unwrap(), [Claimed::Granted]);
    office.reserve(2).await.unwrap();
}

/// Whom the lock refuses an exchange may still pay for what he has, also in the same batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_in_the_way_of_an_exchange_is_in_the_way_of_nothing_else() {
    let office = Office::open().await;
    let held = office.reserve(0).await.unwrap();
    let elsewhere = Claim { booking_id: turnstile::domain::BookingId(uuid::Uuid::new_v4()), seats: vec![2] };
    let deadline = Timestamp::from_millis(office.millis.load(Ordering::SeqCst) + 10_000);
    assert_eq!(office.lock.claim(office.showtime, vec![(elsewhere, deadline)]).await.unwrap(), [Claimed::Granted]);
    let (id, holder) = (held.outcome.booking_id, Credential::Holder(held.hold_token.hash()));
    office.store.plan(&[(On::Commit, Fate::LandsLate)]);
    let first = office.reserve(5);
    let both = async {
        office.until_struck().await;
        let exchange = SeatExchange { add: vec![SeatId::new(office.showtime, 2)], ..SeatExchange::default() };
        let pay = PaymentReference::parse("pay").unwrap();
        tokio::join!(
            office.office.change_seats(id, holder, exchange, RequestContext::default()),
            office.office.confirm(id, holder, pay, RequestContext::default())
        )
    };
    let (first, (exchanged, paid)) = tokio::join!(first, both);
    first.unwrap();
    assert!(matches!(exchanged, Err(BoxOfficeError::Rejected(Rejection::SeatsTaken { .. }))), "{exchanged:?}");
    paid.unwrap();
}
