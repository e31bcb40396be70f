//! Commits: a batch is stored whole, whatever its size, and nothing is lost on the way into the columns.

use std::time::Duration;

use turnstile::domain::{Booking, BookingStatus, Event, PaymentReference, SeatStatus, Timestamp, UserId};
use turnstile::write_store::Batch;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, at, booking, reserved, scheduled, stored};
use crate::ports::write_store::oracle::{check, holders};

pub async fn a_reservation_is_stored_whole<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 5).await;
    let new = booking(id, &[4, 2]);
    let committed = store.commit(Draft::kept(&store, id).await.reserve(&new, 1).done()).await.unwrap();

    assert_eq!(committed.first_sequence, 2);
    assert_eq!(stored(&store, new.id).await, Booking { version: 2, ..new.clone() });
    let audit = check(&store, id).await;
    assert_eq!(audit.sequence, 2);
    assert_eq!(holders(&audit), [(2, new.id), (4, new.id)]);
    let free = (SeatStatus::Available, 1, None);
    let held = (SeatStatus::Reserved, 2, Some(new.id));
    assert_eq!(audit.seats, [free, free, held, free, held]);
}

pub async fn several_bookings_in_one_batch<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 8).await;
    let new = [booking(id, &[7, 0]), booking(id, &[3]), booking(id, &[5, 1, 2])];
    let mut draft = Draft::kept(&store, id).await;
    for booking in &new {
        draft = draft.reserve(booking, 1);
    }
    let committed = store.commit(draft.done()).await.unwrap();

    assert_eq!(committed.first_sequence, 2);
    for (booking, version) in new.iter().zip(2..) {
        assert_eq!(stored(&store, booking.id).await, Booking { version, ..booking.clone() });
    }
    let audit = check(&store, id).await;
    assert_eq!(audit.sequence, 4);
    assert_eq!(audit.seats.iter().map(|seat| seat.1).collect::<Vec<_>>(), [2, 4, 4, 3, 1, 4, 1, 2]);
    assert_eq!(store.outbox(10, vec![]).await.unwrap().len(), 2, "one row for the schedule, one for the commit");
}

pub async fn hundreds_of_bookings_in_one_batch<A: Adapter>() {
    const BOOKINGS: u32 = 700;
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3 * BOOKINGS).await;
    let mut draft = Draft::kept(&store, id).await;
    let new: Vec<_> = (0..BOOKINGS).map(|n| booking(id, &[3 * n + 2, 3 * n, 3 * n + 1])).collect();
    for booking in &new {
        draft = draft.reserve(booking, 1);
    }
    store.commit(draft.done()).await.unwrap();
    assert_eq!(check(&store, id).await.bookings.len(), new.len());

    // All of them confirmed or cancelled, again in one batch.
    let mut draft = Draft::kept(&store, id).await;
    let ids = new.iter().map(|booking| booking.id).collect();
    for (number, booking) in store.bookings(ids).await.unwrap().iter().enumerate() {
        draft = if number % 2 == 0 { draft.confirm(booking, &format!("pay {number}")) } else { draft.cancel(booking) };
    }
    let committed = store.commit(draft.done()).await.unwrap();
    assert_eq!(committed.first_sequence, u64::from(BOOKINGS) + 2);
    let audit = check(&store, id).await;
    assert_eq!(audit.sequence, u64::from(2 * BOOKINGS) + 1);
    assert_eq!(holders(&audit).len(), usize::try_from(3 * BOOKINGS / 2).unwrap());
}

pub async fn expiry_and_reservation_of_one_seat_in_one_batch<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let old = reserved(&store, id, &[0, 1], 1).await;
    let new = booking(id, &[1, 2]);
    // Seat 1 was changed by the expiry before in the same batch; seat 2 is as scheduled.
    let draft = Draft::kept(&store, id).await.expire(&old).reserve(&new, 1);
    let committed = store.commit(draft.done()).await.unwrap();

    assert_eq!(committed.first_sequence, 3);
    let audit = check(&store, id).await;
    let held = (SeatStatus::Reserved, 4, Some(new.id));
    assert_eq!(audit.seats, [(SeatStatus::Available, 3, None), held, held]);
    assert_eq!(holders(&audit), [(1, new.id), (2, new.id)]);
    assert_eq!(stored(&store, old.id).await, Booking { status: BookingStatus::Expired, version: 3, ..old });
}

pub async fn reserved_and_cancelled_within_one_batch<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let (first, second) = (booking(id, &[0, 1]), booking(id, &[1]));
    let draft = Draft::kept(&store, id).await.reserve(&first, 1).cancel(&first).reserve(&second, 1);
    store.commit(draft.done()).await.unwrap();

    let audit = check(&store, id).await;
    assert_eq!(audit.seats, [(SeatStatus::Available, 3, None), (SeatStatus::Reserved, 4, Some(second.id))]);
    assert_eq!(holders(&audit), [(1, second.id)]);
    let first = Booking { status: BookingStatus::Cancelled, version: 3, ..first };
    assert_eq!(stored(&store, first.id).await, first, "an ended booking keeps the names of its seats");
}

pub async fn reserved_and_confirmed_within_one_batch<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 1).await;
    let new = booking(id, &[0]);
    let draft = Draft::kept(&store, id).await.reserve(&new, 1).confirm(&new, "pay-7");
    store.commit(draft.done()).await.unwrap();

    let audit = check(&store, id).await;
    assert_eq!(audit.seats, [(SeatStatus::Sold, 3, Some(new.id))]);
    assert_eq!(holders(&audit), [(0, new.id)]);
    let payment_reference = PaymentReference::parse("pay-7").ok();
    let sold = Booking { status: BookingStatus::Confirmed, version: 3, payment_reference, ..new };
    assert_eq!(stored(&store, sold.id).await, sold);
}

pub async fn timestamps_and_texts_survive_unchanged<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 4).await;
    let users = ["Zoë \u{1F464} O'Hara \"x\" \\ 😀", "a,b{c}[d]", &"ß".repeat(UserId::MAX_CHARACTERS), "NULL"];
    let moments = [Timestamp::MIN, at(1), Timestamp::MAX, Timestamp::from_millis(-1)];
    for ((user, moment), seat) in users.iter().zip(moments).zip(0..) {
        let new = Booking {
            user_id: UserId::parse(*user).unwrap(),
            reserved_at: moment,
            expires_at: moment,
            ..booking(id, &[seat])
        };
        let batch = Draft::kept(&store, id).await.reserve(&new, 1).done();
        let batch = Batch { recorded_at: moment, ..batch.as_ref().clone() };
        let version = store.commit(batch.into()).await.unwrap().first_sequence;
        assert_eq!(stored(&store, new.id).await, Booking { version, ..new.clone() });

        let payment = format!("päy \"{user}\"").chars().take(PaymentReference::MAX_CHARACTERS).collect::<String>();
        let held = stored(&store, new.id).await;
        store.commit(Draft::kept(&store, id).await.confirm(&held, &payment).done()).await.unwrap();
        assert_eq!(stored(&store, new.id).await.payment_reference.unwrap().as_str(), payment);
    }
    check(&store, id).await;
}

/// Earlier versions took texts that are refused now.
pub async fn texts_of_earlier_versions_stay_readable<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 1).await;
    let new = Booking { user_id: UserId::stored(" A\u{200B} \u{202E}".to_owned()), ..booking(id, &[0]) };
    store.commit(Draft::kept(&store, id).await.reserve(&new, 1).done()).await.unwrap();
    assert_eq!(stored(&store, new.id).await.user_id, new.user_id);
    let journal = store.journal(id, 1, 10).await.unwrap();
    let Event::SeatsReserved { user_id, .. } = &journal[0].event else { panic!("{journal:?}") };
    assert_eq!(user_id, &new.user_id);
    check(&store, id).await;
}

/// A client hangs up while its booking is being committed: the commit happens whole, or not at all, and the store goes on.
pub async fn a_dropped_caller_does_not_stop_a_commit<A: Adapter>() {
    const ROUNDS: u32 = 40;
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2 * ROUNDS).await;
    let fence = store.load(id).await.unwrap().unwrap().fence;
    for round in 0..ROUNDS {
        let batch = Draft::new(id, fence).reserve(&booking(id, &[2 * round, 2 * round + 1]), 1).done();
        let patience = Duration::from_micros(u64::from(round) * 50);
        // Dropped at another moment in each round; whether it lands is open, that it lands whole is not.
        drop(tokio::time::timeout(patience, store.commit(batch)).await);
    }
    // Behind the fence nothing of the dropped calls can land any more.
    store.take_over(id).await.unwrap();
    let audit = check(&store, id).await;
    assert!(audit.bookings.iter().all(|booking| booking.seat_ids.len() == 2));
    assert_eq!(holders(&audit).len(), 2 * audit.bookings.len());
    reserved(&store, scheduled(&store, 1).await, &[0], 1).await;
}
