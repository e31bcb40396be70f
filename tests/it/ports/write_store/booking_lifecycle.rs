//! The life of a booking in the store: extended, confirmed, cancelled, expired, each with its seats and its claims.

use turnstile::domain::{Booking, BookingStatus, PaymentReference, SeatStatus};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, HOLD, at, booking, reserved, scheduled, stored};
use crate::ports::write_store::oracle::{check, holders};

pub async fn a_hold_is_extended<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[2, 0], 1).await;
    let deadline = held.expires_at + HOLD;
    store.commit(Draft::kept(&store, id).await.extend(&held, deadline).done()).await.unwrap();

    assert_eq!(stored(&store, held.id).await, Booking { expires_at: deadline, version: 3, ..held.clone() });
    let audit = check(&store, id).await;
    let seat = (SeatStatus::Reserved, 3, Some(held.id));
    assert_eq!(audit.seats, [seat, (SeatStatus::Available, 1, None), seat]);
    assert_eq!(holders(&audit), [(0, held.id), (2, held.id)]);
}

pub async fn a_hold_is_confirmed<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let held = reserved(&store, id, &[1], 1).await;
    store.commit(Draft::kept(&store, id).await.confirm(&held, "pay-42").done()).await.unwrap();

    let payment_reference = PaymentReference::parse("pay-42").ok();
    let sold = Booking { status: BookingStatus::Confirmed, payment_reference, version: 3, ..held };
    assert_eq!(stored(&store, sold.id).await, sold);
    let audit = check(&store, id).await;
    assert_eq!(audit.seats[1], (SeatStatus::Sold, 3, Some(sold.id)));
    assert_eq!(holders(&audit), [(1, sold.id)], "a sold seat stays claimed");
    assert_eq!(store.due(at(i64::from(u32::MAX)), 10).await.unwrap(), [], "a sale has no deadline");
}

pub async fn a_hold_is_cancelled_and_its_seats_are_sold_again<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    for round in 0..3 {
        let held = reserved(&store, id, &[0, 1], 1 + 2 * round).await;
        store.commit(Draft::kept(&store, id).await.cancel(&held).done()).await.unwrap();
        let version = held.version + 1;
        assert_eq!(stored(&store, held.id).await, Booking { status: BookingStatus::Cancelled, version, ..held });
        let audit = check(&store, id).await;
        assert_eq!(holders(&audit), []);
        assert_eq!(audit.seats, [(SeatStatus::Available, version, None); 2]);
    }
}

pub async fn a_hold_expires<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let held = reserved(&store, id, &[1, 0], 1).await;
    store.commit(Draft::kept(&store, id).await.expire(&held).done()).await.unwrap();

    assert_eq!(stored(&store, held.id).await, Booking { status: BookingStatus::Expired, version: 3, ..held });
    assert_eq!(holders(&check(&store, id).await), []);
    reserved(&store, id, &[0, 1], 3).await;
    check(&store, id).await;
}

pub async fn every_kind_of_change_in_one_batch<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 10).await;
    let extended = reserved(&store, id, &[0, 1], 1).await;
    let sold = reserved(&store, id, &[2, 3], 1).await;
    let cancelled = reserved(&store, id, &[4, 5], 1).await;
    let expired = reserved(&store, id, &[6, 7], 1).await;
    let (fresh, again) = (booking(id, &[9, 8]), booking(id, &[7, 4]));
    let draft = Draft::kept(&store, id)
        .await
        .reserve(&fresh, 1)
        .extend(&extended, extended.expires_at + HOLD)
        .confirm(&sold, "pay")
        .cancel(&cancelled)
        .expire(&expired)
        .reserve(&again, 0);
    let committed = store.commit(draft.done()).await.unwrap();

    assert_eq!(committed.first_sequence, 6);
    let audit = check(&store, id).await;
    assert_eq!(audit.seats.iter().map(|seat| seat.1).collect::<Vec<_>>(), [7, 7, 8, 8, 11, 9, 10, 11, 6, 6]);
    assert_eq!(holders(&audit).len(), 8);
    assert_eq!(holders(&audit)[4], (4, again.id));
}
