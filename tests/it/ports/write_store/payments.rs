//! One payment confirms one booking, whatever the showtimes, nodes and neighbours.

use turnstile::domain::{BookingStatus, PaymentReference};
use turnstile::write_store::CommitError;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, reserved, scheduled, stored};
use crate::ports::write_store::oracle::{check, picture};

fn reference(text: &str) -> PaymentReference {
    PaymentReference::parse(text).unwrap()
}

pub async fn a_payment_confirms_one_booking<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (one, two) = (scheduled(&store, 3).await, scheduled(&store, 3).await);
    let (first, second) = (reserved(&store, one, &[0], 1).await, reserved(&store, two, &[0], 1).await);
    store.commit(Draft::kept(&store, one).await.confirm(&first, "päy \"1\"").done()).await.unwrap();
    let before = picture(&store, two).await;
    // Of another showtime, and in the batch that makes the booking.
    let drafts = [Draft::kept(&store, two).await.reserve(&booking(two, &[2]), 1).confirm(&second, "päy \"1\""), {
        let new = booking(two, &[1]);
        Draft::kept(&store, two).await.reserve(&new, 1).confirm(&new, "päy \"1\"")
    }];
    for draft in drafts {
        let refused = store.commit(draft.done()).await;
        assert!(matches!(refused, Err(CommitError::PaymentUsed)), "{refused:?}");
        assert_eq!(picture(&store, two).await, before, "a refused batch leaves no trace");
    }
    let used = store.payments(vec![reference("päy \"1\""), reference("unused")]).await.unwrap();
    assert_eq!(used, [(reference("päy \"1\""), first.id)]);
    assert_eq!(store.paid(reference("päy \"1\"")).await.unwrap(), Some(first.id));
    assert_eq!(store.paid(reference("unused")).await.unwrap(), None);
    store.commit(Draft::kept(&store, two).await.confirm(&second, "pay 2").done()).await.unwrap();
    assert_eq!(stored(&store, second.id).await.status, BookingStatus::Confirmed);
    check(&store, one).await;
    check(&store, two).await;
}

pub async fn a_late_payment_takes_free_seats_again_or_is_kept_from_paying_for_others<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let (one, two) = (reserved(&store, id, &[0, 1], 1).await, reserved(&store, id, &[2], 1).await);
    store.commit(Draft::kept(&store, id).await.expire(&one).expire(&two).done()).await.unwrap();
    let (one, two) = (stored(&store, one.id).await, stored(&store, two.id).await);
    let next = reserved(&store, id, &[2], two.version).await;
    let before = picture(&store, id).await;
    let stolen = store.commit(Draft::kept(&store, id).await.confirm(&two, "pay 2").done()).await;
    assert!(matches!(stolen, Err(CommitError::Conflict)), "{stolen:?}");
    assert_eq!(picture(&store, id).await, before, "the new owner keeps the seat, the payment is unused");

    store.commit(Draft::kept(&store, id).await.confirm(&one, "pay 1").refuse(&two, "pay 2").done()).await.unwrap();
    assert_eq!(stored(&store, one.id).await.status, BookingStatus::Confirmed);
    let refused = stored(&store, two.id).await;
    assert_eq!((refused.status, refused.refused_payment.unwrap().refund), (BookingStatus::Expired, reference("pay 2")));
    let mut used = store.payments(vec![reference("pay 1"), reference("pay 2")]).await.unwrap();
    used.sort_unstable_by(|one, two| one.0.as_str().cmp(two.0.as_str()));
    assert_eq!(used, [(reference("pay 1"), one.id), (reference("pay 2"), two.id)]);
    let other = store.commit(Draft::kept(&store, id).await.confirm(&next, "pay 2").done()).await;
    assert!(matches!(other, Err(CommitError::PaymentUsed)), "{other:?}");
    check(&store, id).await;
}

pub async fn a_payment_twice_in_one_batch_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let (first, second) = (reserved(&store, id, &[0], 1).await, reserved(&store, id, &[1], 1).await);
    let before = picture(&store, id).await;
    let refused =
        store.commit(Draft::kept(&store, id).await.confirm(&first, "pay").confirm(&second, "pay").done()).await;
    assert!(matches!(refused, Err(CommitError::PaymentUsed)), "{refused:?}");
    assert_eq!(picture(&store, id).await, before);
    assert_eq!(store.payments(vec![reference("pay")]).await.unwrap(), []);
    check(&store, id).await;
}

pub async fn of_two_confirmations_at_once_with_one_payment_one_wins_and_takes_nobody_with_it<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let mut tasks = Vec::new();
    for number in 0..12 {
        let id = scheduled(&store, 2).await;
        let held = reserved(&store, id, &[0], 1).await;
        // Every second one pays with the same payment.
        let payment = if number % 2 == 0 { "shared".to_owned() } else { format!("own {number}") };
        let batch = Draft::kept(&store, id).await.confirm(&held, &payment).done();
        let node = if number % 3 == 0 { other.clone() } else { store.clone() };
        tasks.push((number, id, tokio::spawn(async move { node.commit(batch).await })));
    }
    let mut won = 0;
    for (number, id, task) in tasks {
        match task.await.unwrap() {
            Ok(_) if number % 2 == 0 => won += 1,
            Ok(_) => {}
            Err(CommitError::PaymentUsed) if number % 2 == 0 => {}
            Err(error) => panic!("number {number}: {error:?}"),
        }
        check(&store, id).await;
    }
    assert!(won <= 1, "{won} bookings with one payment");
    // All may have been refused together, each blamed for another; then the next one gets it.
    if won == 0 {
        assert_eq!(store.payments(vec![reference("shared")]).await.unwrap(), []);
    }
}
