//! Loading: an owner gets the showtime as it is at one moment, and a fence that voids the commits of earlier owners.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use turnstile::domain::{SeatId, SeatStatus, ShowtimeId};
use turnstile::write_store::CommitError;
use uuid::Uuid;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, reserved, scheduled};
use crate::ports::write_store::oracle::{check, holders, picture};

pub async fn an_unknown_showtime_is_none<A: Adapter>() {
    let adapter = A::fresh().await;
    let unknown = ShowtimeId(Uuid::new_v4());
    assert_eq!(adapter.store().load(unknown).await.unwrap(), None);
    assert_eq!(adapter.store().take_over(unknown).await.unwrap(), None);
}

pub async fn a_load_has_statuses_versions_and_pending_bookings<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 6).await;
    let pending = reserved(&store, id, &[1, 2], 1).await;
    let sold = reserved(&store, id, &[3], 1).await;
    let given_up = reserved(&store, id, &[4], 1).await;
    let draft = Draft::kept(&store, id).await.confirm(&sold, "pay-1").cancel(&given_up);
    store.commit(draft.done()).await.unwrap();

    let showtime = store.load(id).await.unwrap().unwrap().showtime;
    assert_eq!(showtime.sequence(), 6);
    let seats: Vec<_> = (0..7).map(|index| showtime.seat(index)).collect();
    let free = |version| Some((SeatStatus::Available, version));
    let held = Some((SeatStatus::Reserved, 2));
    assert_eq!(seats, [free(1), held, held, Some((SeatStatus::Sold, 5)), free(6), free(1), None]);
    assert_eq!(showtime.booking(pending.id), Some(&pending));
    assert_eq!(showtime.booking(sold.id), None, "only pending bookings are loaded");
    assert_eq!(showtime.next_deadline(), Some(pending.expires_at));
    check(&store, id).await;
}

pub async fn seats_of_a_booking_keep_the_clients_order<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 30).await;
    let seats = [17, 3, 29, 0, 11, 28, 10, 2];
    let booking = reserved(&store, id, &seats, 1).await;
    let expected: Vec<_> = seats.iter().map(|index| SeatId::new(id, *index)).collect();
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.showtime.booking(booking.id).unwrap().seat_ids, expected);
    assert_eq!(store.bookings(vec![booking.id]).await.unwrap()[0].seat_ids, expected);
    check(&store, id).await;
}

pub async fn a_fence_is_raised_by_fence_and_kept_by_keep<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let id = scheduled(&store, 1).await;
    let first = store.take_over(id).await.unwrap().unwrap().fence;
    assert_eq!(store.load(id).await.unwrap().unwrap().fence, first);
    let second = other.take_over(id).await.unwrap().unwrap().fence;
    assert!(second > first, "{second} > {first}");
    assert_eq!(store.load(id).await.unwrap().unwrap().fence, second);
    assert_eq!(check(&store, id).await.sequence, 1, "a fence is no event");
}

pub async fn an_older_fence_cannot_commit<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let old = store.take_over(id).await.unwrap().unwrap().fence;
    let new = store.take_over(id).await.unwrap().unwrap().fence;
    let before = picture(&store, id).await;

    let booking = booking(id, &[0]);
    let refused = store.commit(Draft::new(id, old).reserve(&booking, 1).done()).await;
    assert!(matches!(refused, Err(CommitError::Fenced)), "{refused:?}");
    // Even when nothing else is right: an owner that was voided must load, not merely catch up.
    let refused = store.commit(Draft::new(id, old).reserve(&booking, 77).done()).await;
    assert!(matches!(refused, Err(CommitError::Fenced)), "{refused:?}");
    assert_eq!(picture(&store, id).await, before);

    store.commit(Draft::new(id, new).reserve(&booking, 1).done()).await.unwrap();
    check(&store, id).await;
}

pub async fn a_fence_is_of_one_showtime_only<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (one, other) = (scheduled(&store, 1).await, scheduled(&store, 1).await);
    let fence = store.take_over(one).await.unwrap().unwrap().fence;
    for _ in 0..3 {
        store.take_over(other).await.unwrap();
    }
    store.commit(Draft::new(one, fence).reserve(&booking(one, &[0]), 1).done()).await.unwrap();
    check(&store, one).await;
}

/// While bookings land one after the other, every load and every audit shows a state that was committed as a whole.
pub async fn a_load_is_one_snapshot<A: Adapter>() {
    const STATES: usize = 20;
    const ROUNDS: u32 = 2_000;
    let adapter = A::fresh().await;
    let (store, reader) = (adapter.store(), adapter.another_node().await);
    let id = scheduled(&store, 3 * ROUNDS).await;
    let fence = store.load(id).await.unwrap().unwrap().fence;
    let enough = Arc::new(AtomicBool::new(false));
    let stop = enough.clone();
    let writer = tokio::spawn(async move {
        for round in 0..ROUNDS {
            let new = booking(id, &[round, ROUNDS + round, 2 * ROUNDS + round]);
            store.commit(Draft::new(id, fence).reserve(&new, 1).done()).await.unwrap();
            if stop.load(Ordering::Acquire) {
                break;
            }
        }
    });
    let mut seen = BTreeSet::new();
    while seen.len() < STATES && !writer.is_finished() {
        let showtime = reader.load(id).await.unwrap().unwrap().showtime;
        let held = showtime.statuses().iter().filter(|status| **status == SeatStatus::Reserved).count();
        let events = usize::try_from(showtime.sequence()).unwrap() - 1;
        assert_eq!(held, 3 * events, "each event so far holds three seats");
        assert_eq!(showtime.bookings().count(), events, "each event so far made a booking");
        let audit = reader.audit(id).await.unwrap().unwrap();
        assert_eq!(holders(&audit).len(), 3 * audit.bookings.len());
        assert_eq!(audit.bookings.len() + 1, usize::try_from(audit.sequence).unwrap());
        seen.insert(showtime.sequence());
    }
    enough.store(true, Ordering::Release);
    writer.await.unwrap();
    assert_eq!(seen.len(), STATES, "the loads ran beside the writer");
    check(&reader, id).await;
}
