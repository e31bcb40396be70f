//! Refusals: a batch that meets what it did not expect changes nothing at all.

use std::sync::Arc;

use turnstile::domain::{BookingId, SeatStatus, ShowtimeId};
use turnstile::write_store::{Batch, CommitError, StoreError, WriteStore};
use uuid::Uuid;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, HOLD, booking, key, reserved, scheduled};
use crate::ports::write_store::oracle::{check, picture};

/// Commits a batch that must end as a conflict, with nothing changed in `id`.
async fn conflicts(store: &Arc<dyn WriteStore>, id: ShowtimeId, batch: Arc<Batch>) {
    let before = picture(store, id).await;
    let refused = store.commit(batch.clone()).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert_eq!(picture(store, id).await, before, "a refused batch leaves no trace");
    let created = batch.bookings.iter().filter(|change| change.expected_version.is_none());
    let ids: Vec<BookingId> = created.map(|change| change.booking.id).collect();
    let known: Vec<_> = store.audit(id).await.unwrap().unwrap().bookings.iter().map(|known| known.id).collect();
    let found = store.bookings(ids).await.unwrap();
    assert!(found.iter().all(|found| known.contains(&found.id)), "no booking of the refused batch is stored");
    let keys = batch.idempotency.iter().map(|new| new.record.key_hash).collect();
    assert_eq!(store.idempotency(keys).await.unwrap(), [], "no key of the refused batch is stored");
    check(store, id).await;
}

pub async fn a_wrong_seat_version_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[0], 1).await;
    store.commit(Draft::kept(&store, id).await.cancel(&held).done()).await.unwrap();
    // Seat 0 is free again, but at version 3: an owner that does not know must not get it at 1, 2 or 4.
    for version in [1, 2, 4] {
        let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[0]), version).key(key("refused"));
        conflicts(&store, id, draft.done()).await;
    }
    reserved(&store, id, &[0], 3).await;
    check(&store, id).await;
}

pub async fn one_wrong_seat_among_many_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 20).await;
    let held = reserved(&store, id, &[0, 1], 1).await;
    reserved(&store, id, &[13], 1).await;
    let draft = Draft::kept(&store, id)
        .await
        .confirm(&held, "pay")
        .reserve(&booking(id, &[5, 6]), 1)
        .reserve(&booking(id, &[12, 13, 14]), 1)
        .reserve(&booking(id, &[19]), 1)
        .key(key("one"))
        .key(key("two"));
    conflicts(&store, id, draft.done()).await;
}

pub async fn a_wrong_booking_version_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let held = reserved(&store, id, &[0], 1).await;
    let draft = Draft::kept(&store, id).await.extend(&held, held.expires_at + HOLD);
    // The seat's version is right, the booking's is not.
    let mut batch = draft.done().as_ref().clone();
    batch.bookings[0].expected_version = Some(held.version + 1);
    conflicts(&store, id, Arc::new(batch)).await;
}

pub async fn an_unknown_booking_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let held = reserved(&store, id, &[0], 1).await;
    let mut batch = Draft::kept(&store, id).await.extend(&held, held.expires_at + HOLD).done().as_ref().clone();
    let unknown = BookingId(Uuid::now_v7());
    batch.bookings[0].booking.id = unknown;
    batch.seats[0].booking_id = Some(unknown);
    conflicts(&store, id, Arc::new(batch)).await;
}

pub async fn a_taken_booking_id_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let held = reserved(&store, id, &[0], 1).await;
    let mut again = booking(id, &[1]);
    again.id = held.id;
    conflicts(&store, id, Draft::kept(&store, id).await.reserve(&again, 1).key(key("taken")).done()).await;
}

/// A bug in the owner gets the seat's version right and books it a second time: it is not taken from its live booking (I1).
pub async fn a_seat_of_another_live_booking_is_not_taken_even_at_the_right_version<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[0], 1).await;
    let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[0, 1]), 0);
    let mut batch = draft.done().as_ref().clone();
    batch.seats[0].expected_version = held.version;
    batch.seats[1].expected_version = 1;
    conflicts(&store, id, Arc::new(batch)).await;

    // The same against a sold seat.
    store.commit(Draft::kept(&store, id).await.confirm(&held, "pay").done()).await.unwrap();
    conflicts(&store, id, Draft::kept(&store, id).await.reserve(&booking(id, &[0]), held.version + 1).done()).await;

    // Nor given up for a booking that does not have it.
    let other = reserved(&store, id, &[1], 1).await;
    let mut stray = Draft::kept(&store, id).await.cancel(&other).done().as_ref().clone();
    stray.seats[0].seat = 0;
    stray.seats[0].expected_version = held.version + 1;
    conflicts(&store, id, Arc::new(stray)).await;
}

/// A seat that nobody has may change without a booking, as when an operator takes it off sale.
pub async fn a_free_seat_changes_without_a_booking<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[0], 1).await;
    let mut batch = Draft::kept(&store, id).await.expire(&held).done().as_ref().clone();
    batch.bookings.clear();
    batch.seats[0].seat = 1;
    batch.seats[0].expected_version = 1;
    store.commit(Arc::new(batch.clone())).await.unwrap();
    assert_eq!(store.audit(id).await.unwrap().unwrap().seats[1], (SeatStatus::Available, 3, None));
    // But not one that somebody has.
    batch.seats[0].seat = 0;
    batch.seats[0].expected_version = held.version;
    let refused = store.commit(Arc::new(batch)).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
}

/// What breaks the contract of a batch is a bug, and nothing of it is stored.
pub async fn a_batch_that_contradicts_itself_is_refused<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let twice =
        Draft::kept(&store, id).await.reserve(&booking(id, &[0, 1]), 1).reserve(&booking(id, &[1, 2]), 1).done();
    let right = Draft::kept(&store, id).await.reserve(&booking(id, &[0, 1]), 1).key(key("it")).done();
    let broken = |breaks: fn(&mut Batch)| {
        let mut batch = right.as_ref().clone();
        breaks(&mut batch);
        Arc::new(batch)
    };
    let contradictions = [
        twice,
        broken(|batch| batch.events.clear()),
        broken(|batch| batch.seats[1].event = 1),
        broken(|batch| batch.bookings[0].event = 1),
        broken(|batch| batch.idempotency[0].event = 1),
        broken(|batch| batch.seats.truncate(1)),
        broken(|batch| batch.seats.swap(0, 1)),
    ];
    let before = picture(&store, id).await;
    for batch in contradictions {
        let refused = store.commit(Arc::clone(&batch)).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Corrupt(_)))), "{batch:?}: {refused:?}");
        assert_eq!(picture(&store, id).await, before);
    }
    store.commit(right).await.unwrap();
    check(&store, id).await;
}

pub async fn an_unknown_seat_is_refused<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    conflicts(&store, id, Draft::kept(&store, id).await.reserve(&booking(id, &[3]), 1).done()).await;
}

pub async fn an_unknown_showtime_is_refused<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let unknown = ShowtimeId(Uuid::new_v4());
    let new = booking(unknown, &[0]);
    let refused = store.commit(Draft::new(unknown, 1).reserve(&new, 1).key(key("unknown")).done()).await;
    // Either sends the owner to load, where it learns the truth.
    assert!(matches!(refused, Err(CommitError::Fenced | CommitError::Conflict)), "{refused:?}");
    assert_eq!(store.bookings(vec![new.id]).await.unwrap(), []);
    assert_eq!(store.journal(unknown, 0, 10).await.unwrap(), []);
    assert_eq!(store.idempotency(vec![key("unknown").key_hash]).await.unwrap(), []);
    assert_eq!(store.outbox_depth(10).await.unwrap(), 0);
}

pub async fn a_booking_of_another_showtime_is_not_changed<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 2).await, scheduled(&store, 2).await);
    let held = reserved(&store, id, &[0], 1).await;
    let foreign = reserved(&store, other, &[0], 1).await;
    let before = picture(&store, other).await;
    let mut batch = Draft::kept(&store, id).await.extend(&held, held.expires_at + HOLD).done().as_ref().clone();
    batch.bookings[0].booking.id = foreign.id;
    batch.seats[0].booking_id = Some(foreign.id);
    batch.bookings[0].expected_version = Some(foreign.version);
    conflicts(&store, id, Arc::new(batch)).await;
    assert_eq!(picture(&store, other).await, before);
}

/// Good and bad batches at once: stores that commit several together must part them again.
pub async fn a_refused_batch_does_not_take_its_neighbours_with_it<A: Adapter>() {
    const ROUNDS: u32 = 60;
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let id = scheduled(&store, ROUNDS).await;
    let draft = Draft::kept(&store, id).await.done();
    let tasks: Vec<_> = (0..ROUNDS)
        .map(|seat| {
            let store = if seat % 2 == 0 { store.clone() } else { other.clone() };
            let right = seat % 3 != 0;
            let name = format!("neighbour {seat}");
            let new = booking(id, &[seat]);
            let draft = Draft::new(id, draft.fence).reserve(&new, if right { 1 } else { 9 }).key(key(&name));
            tokio::spawn(async move { (right, key(&name).key_hash, store.commit(draft.done()).await) })
        })
        .collect();
    for task in tasks {
        let (right, key_hash, outcome) = task.await.unwrap();
        match outcome {
            Ok(_) => assert!(right),
            Err(CommitError::Conflict) => assert!(!right),
            Err(other) => panic!("{other:?}"),
        }
        let known = store.idempotency(vec![key_hash]).await.unwrap().len();
        assert_eq!(known, usize::from(right));
    }
    let audit = check(&store, id).await;
    assert_eq!(audit.bookings.len(), usize::try_from(ROUNDS / 3 * 2).unwrap());
}

pub async fn a_batch_that_rests_on_the_last_event_is_refused_once_another_has_come<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 4).await;
    let seen = store.load(id).await.unwrap().unwrap();
    let resting = |seat: u32, stamp| Draft::new(id, seen.fence).reserve(&booking(id, &[seat]), 1).follows(stamp).done();
    let committed = store.commit(resting(0, seen.stamp)).await.unwrap();
    let before = picture(&store, id).await;
    let late = store.commit(resting(1, seen.stamp)).await;
    assert!(matches!(late, Err(CommitError::Conflict)), "{late:?}");
    assert_eq!(picture(&store, id).await, before);
    store.commit(resting(1, committed.stamp)).await.unwrap();
    // One that rests on nothing does not mind.
    store.commit(Draft::new(id, seen.fence).reserve(&booking(id, &[2]), 1).done()).await.unwrap();
    check(&store, id).await;
}
