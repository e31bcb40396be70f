//! Outcomes that get lost between the write store and the client, one by one: what is answered must be true whatever fails next (I2).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use turnstile::box_office::{BoxOfficeError, RequestContext};
use turnstile::domain::{
    BookingId, BookingStatus, Credential, EventKind, Listing, PaymentReference, Rejection, Timestamp,
};
use turnstile::seat_lock::{Claim, Claimed, SeatLock as _};
use uuid::Uuid;

use crate::faults::unlucky_office::{Office, seat_map};
use crate::faults::unlucky_store::{Fate, On};
use crate::ports::write_store::draft::Draft;

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_landed_unheard_is_answered_as_granted() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    office.reserve_under(1, &[(On::Commit, Fate::LandsUnheard)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_vanished_unheard_is_made_again() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    let fates = [(On::Commit, Fate::VanishesUnheard), (On::Load, Fate::Fails), (On::Load, Fate::Fails)];
    office.reserve_under(1, &fates).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_landed_is_not_denied_because_its_booking_cannot_be_read() {
    let office = Office::open().await;
    let held = office.reserve(0).await.unwrap();
    let booking_id = held.outcome.booking_id;
    let holder = Credential::Holder(held.hold_token.hash());
    // An ended booking is not loaded with its showtime.
    office.store.plan(&[(On::Commit, Fate::LandsUnheard), (On::Bookings, Fate::Fails)]);
    let answer = office.office.cancel(booking_id, holder, RequestContext::default()).await;
    assert!(office.store.is_done(), "not every planned fate has struck");
    assert!(matches!(answer, Ok(_) | Err(BoxOfficeError::OutcomeUnknown { .. })), "{answer:?}");
    let again = office.office.cancel(booking_id, holder, RequestContext::default()).await.unwrap();
    assert_eq!((again.status, again.sequence), (BookingStatus::Cancelled, 3));
}

/// The second attempt has something else to commit: a hold that became due meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_landed_is_not_denied_because_the_next_one_fails() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    office.millis.fetch_add(9_000, Ordering::SeqCst);
    // The first pauses between attempts to load are 20, 40, 80, 160, 320 ms.
    office.store.plan(&[(On::Commit, Fate::LandsUnheard), (On::Commit, Fate::Fails)]);
    office.store.plan(&[(On::Load, Fate::Fails); 5]);
    // Time passes while the outcome is looked up.
    let (millis, store) = (Arc::clone(&office.millis), Arc::clone(&office.store));
    let turn = tokio::spawn(async move {
        while store.fates_left() > 5 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        millis.fetch_add(2_000, Ordering::SeqCst);
    });
    let answer = office.reserve_under(1, &[]).await;
    turn.await.unwrap();
    assert!(matches!(answer, Ok(_) | Err(BoxOfficeError::OutcomeUnknown { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_cannot_be_settled_is_not_called_refused() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    office.store.plan(&[(On::Commit, Fate::LandsUnheard)]);
    // More than fit into two seconds of pauses of up to half a second.
    office.store.plan(&[(On::Load, Fate::Fails); 100]);
    let answer = office.reserve_and_compare(1).await;
    assert!((1..100).contains(&office.store.fates_left()), "its outcome was looked up again and again");
    assert!(matches!(answer, Ok(_) | Err(BoxOfficeError::OutcomeUnknown { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_dies_after_its_commit_leaves_one_booking() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    office.reserve_under(1, &[(On::Commit, Fate::LandsAndPanics)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_asked_again_is_not_denied_because_the_store_has_gone() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    let answer = office.reserve_under(1, &[(On::Commit, Fate::LandsAndPanics), (On::Load, Fate::Fails)]).await;
    assert!(matches!(answer, Ok(_) | Err(BoxOfficeError::OutcomeUnknown { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certain_failure_is_a_refusal() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    let answer = office.reserve_under(1, &[(On::Commit, Fate::Fails)]).await;
    assert!(matches!(answer, Err(BoxOfficeError::Unavailable { .. })), "{answer:?}");
    office.reserve_under(1, &[]).await.unwrap();
    // A client that tries again at once gets a try of its own, even before the actor has noticed the failure.
    office.store.plan(&[(On::Commit, Fate::Fails); 1_000]);
    for _ in 0..1_000 {
        office.reserve(2).await.unwrap_err();
    }
    assert_eq!(office.store.fates_left(), 0, "some were refused without a try");
}

/// Two attempts that say nothing and one that certainly fails: the first may have landed, so it is looked up.
#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_landed_unheard_is_answered_as_created() {
    for fates in [
        vec![(On::Schedule, Fate::LandsUnheard)],
        vec![(On::Schedule, Fate::VanishesUnheard)],
        vec![(On::Schedule, Fate::LandsUnheard), (On::Schedule, Fate::Fails)],
        vec![(On::Schedule, Fate::VanishesUnheard), (On::Schedule, Fate::Fails), (On::Schedule, Fate::Fails)],
    ] {
        let office = Office::open().await;
        office.store.plan(&fates);
        let scheduled = office.office.schedule(Listing::new("N", Timestamp::from_millis(0)), seat_map(), None).await;
        let id = scheduled.unwrap_or_else(|error| panic!("{fates:?}: {error}")).showtime_id;
        assert!(office.store.is_done());
        let heads = office.store.below().heads_page(None, 10).await.unwrap();
        assert_eq!(heads.len(), 2, "created once");
        assert!(heads.contains(&(id, 1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_from_the_board_asks_for_the_head_only_and_ends_with_the_hold() {
    let office = Office::open().await;
    let held = office.reserve(0).await.unwrap();
    let failing = [On::Commit, On::Load, On::Bookings, On::Journal].map(|on| (on, Fate::Fails));
    office.store.plan(&failing);
    for _ in 0..1_000 {
        let refused = office.reserve(0).await;
        assert!(matches!(refused, Err(BoxOfficeError::Rejected(Rejection::SeatsTaken { .. }))), "{refused:?}");
    }
    assert_eq!(office.store.fates_left(), failing.len(), "the store was asked");
    office.store.forgive();

    let holder = Credential::Holder(held.hold_token.hash());
    office.office.cancel(held.outcome.booking_id, holder, RequestContext::default()).await.unwrap();
    // Whoever is told that the seat is free finds it free.
    let again = office.reserve(0).await.unwrap();
    // A hold that ends by its deadline frees the seat here too.
    let deadline = again.outcome.expires_at.as_millis();
    office.millis.store(deadline, Ordering::SeqCst);
    // Another seat's command is what moves this clock's holds along.
    office.reserve(1).await.unwrap();
    office.reserve(0).await.unwrap();
}

/// What is accepted on old knowledge is checked by its commit; only who is refused must be told what is true now.
#[tokio::test(flavor = "multi_thread")]
async fn only_refusals_ask_the_journal() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    office.store.plan(&[(On::Heads, Fate::Fails), (On::Journal, Fate::Fails)]);
    office.reserve(1).await.unwrap();
    assert_eq!(office.store.fates_left(), 2, "the store was asked for a reservation that nothing was in the way of");
    // A moment later the board is not known to be current, so the actor decides; it cannot find out either.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let refused = office.reserve(1).await;
    assert!(matches!(refused, Err(BoxOfficeError::Unavailable { .. })), "{refused:?}");
    assert!(office.store.is_done());
    let refused = office.reserve(1).await;
    assert!(matches!(refused, Err(BoxOfficeError::Rejected(Rejection::SeatsTaken { .. }))), "{refused:?}");
}

/// Somebody else may have written between a commit and its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_answered_late_does_not_make_old_knowledge_new() {
    let office = Office::open().await;
    office.store.plan(&[(On::Commit, Fate::LandsLate), (On::Heads, Fate::Fails), (On::Journal, Fate::Fails)]);
    office.reserve(0).await.unwrap();
    let refused = office.reserve(0).await;
    assert!(matches!(refused, Err(BoxOfficeError::Unavailable { .. })), "{refused:?}");
}

/// The deadline passes while the payment waits behind a commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_came_in_time_is_not_beaten_by_the_expiry() {
    let office = Office::open().await;
    let held = office.reserve(0).await.unwrap();
    let holder = Credential::Holder(held.hold_token.hash());
    office.millis.fetch_add(9_200, Ordering::SeqCst);
    office.store.plan(&[(On::Commit, Fate::LandsLate)]);
    let pay = async {
        office.until_struck().await;
        let reference = PaymentReference::parse("payment").unwrap();
        let paid = office.office.confirm(held.outcome.booking_id, holder, reference, RequestContext::default());
        let turn = async {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            office.millis.fetch_add(900, Ordering::SeqCst);
        };
        tokio::join!(paid, turn).0
    };
    let (other, paid) = tokio::join!(office.reserve(1), pay);
    other.unwrap();
    assert_eq!(paid.unwrap().status, BookingStatus::Confirmed);
    // One that comes after the deadline takes the seats again, since nobody else has them.
    let held = office.reserve(2).await.unwrap();
    let holder = Credential::Holder(held.hold_token.hash());
    office.millis.store(held.outcome.expires_at.as_millis(), Ordering::SeqCst);
    let reference = PaymentReference::parse("late").unwrap();
    let late = office.office.confirm(held.outcome.booking_id, holder, reference, RequestContext::default()).await;
    assert_eq!(late.unwrap().status, BookingStatus::Confirmed);
    let journal = office.store.below().journal(office.showtime, 0, 100).await.unwrap();
    let kinds: Vec<_> = journal.iter().map(|recorded| recorded.event.kind()).collect();
    assert!(kinds.ends_with(&[EventKind::HoldExpired, EventKind::BookingConfirmed]), "{kinds:?}");
}

/// Whom the seat lock refuses is in nobody's way: the batch is decided again without it.
#[tokio::test(flavor = "multi_thread")]
async fn whom_the_lock_refuses_keeps_no_seat_from_those_behind() {
    let office = Office::open().await;
    office.reserve(9).await.unwrap();
    let elsewhere = Claim { booking_id: BookingId(Uuid::new_v4()), seats: vec![2] };
    let soon = Timestamp::from_millis(office.millis.load(Ordering::SeqCst) + 10_000);
    assert_eq!(office.lock.claim(office.showtime, vec![(elsewhere, soon)]).await.unwrap(), [Claimed::Granted]);
    office.store.plan(&[(On::Commit, Fate::LandsLate)]);
    let behind = async |seats: &'static [u32], after| {
        office.until_struck().await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        office.reserve_all(seats).await
    };
    let (first, refused, granted) = tokio::join!(office.reserve(0), behind(&[1, 2], 20), behind(&[1, 3], 40));
    first.unwrap();
    let Err(BoxOfficeError::Rejected(Rejection::SeatsTaken { conflicts })) = refused else { panic!("{refused:?}") };
    assert_eq!(conflicts.iter().map(|conflict| conflict.seat_id.index()).collect::<Vec<_>>(), [2]);
    granted.unwrap();
}

/// The store was restored, and another node has written as much again: the owner does not take its own past for what its commit follows.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_history_was_lost_loads_the_other() {
    let office = Office::open().await;
    office.reserve(0).await.unwrap();
    // The journal is asked, does not have the owner's last event either, and so the showtime is loaded again.
    let other = Fate::LandsInAnotherHistory;
    office.store.plan(&[(On::Commit, other), (On::Journal, other), (On::Load, Fate::Fails)]);
    office.reserve(1).await.unwrap();
    office.until_struck().await;
    office.reserve(2).await.unwrap();
}

/// Another node has ended the hold: that an extension changes nothing must not be said on old knowledge.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_done_on_old_knowledge() {
    let office = Office::open().await;
    let held = office.reserve(0).await.unwrap();
    let store = office.store.below();
    let booking = store.bookings(vec![held.outcome.booking_id]).await.unwrap().remove(0);
    let fence = store.load(office.showtime).await.unwrap().unwrap().fence;
    store.commit(Draft::new(office.showtime, fence).expire(&booking).done()).await.unwrap();
    let holder = Credential::Holder(held.hold_token.hash());
    let extended = office.office.extend(held.outcome.booking_id, holder, RequestContext::default()).await;
    assert!(matches!(extended, Err(BoxOfficeError::Rejected(_))), "{extended:?}");
}
