//! A booking that changes its seats: the old ones or the new ones, and never another's.

use turnstile::domain::{BookingStatus, SeatStatus};
use turnstile::write_store::CommitError;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, reserved, scheduled, stored};
use crate::ports::write_store::oracle::{check, holders, picture};

pub async fn a_booking_changes_its_seats_in_one_step<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 6).await;
    let held = reserved(&store, id, &[0, 1, 2], 1).await;
    store.commit(Draft::kept(&store, id).await.exchange(&held, &[1, 2, 4], 1).done()).await.unwrap();
    let held = stored(&store, held.id).await;
    assert_eq!(held.seat_ids.iter().map(|seat| seat.index()).collect::<Vec<_>>(), [1, 2, 4]);
    check(&store, id).await;
    // What comes next for it is about all of its seats.
    store.commit(Draft::kept(&store, id).await.confirm(&held, "pay").done()).await.unwrap();
    let sold = stored(&store, held.id).await;
    store.commit(Draft::kept(&store, id).await.exchange(&sold, &[2, 4], 1).done()).await.unwrap();
    let sold = stored(&store, held.id).await;
    assert_eq!(sold.refunded.iter().map(|seat| seat.index()).collect::<Vec<_>>(), [1]);
    let audit = check(&store, id).await;
    assert_eq!(holders(&audit), [(2, sold.id), (4, sold.id)]);
    assert_eq!(audit.seats[1].0, SeatStatus::Available);
    store.commit(Draft::kept(&store, id).await.cancel(&sold).done()).await.unwrap();
    assert_eq!(stored(&store, held.id).await.status, BookingStatus::Cancelled);
    check(&store, id).await;
}

pub async fn an_exchange_that_loses_its_race_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 4).await;
    let held = reserved(&store, id, &[0, 1], 1).await;
    let late = Draft::kept(&store, id).await.exchange(&held, &[1, 2], 1).done();
    reserved(&store, id, &[2], 1).await;
    let before = picture(&store, id).await;
    let refused = store.commit(late).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert_eq!(picture(&store, id).await, before);
    check(&store, id).await;
}
