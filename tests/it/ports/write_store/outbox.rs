//! The outbox: one row for each commit, in order, until the broker has confirmed it.

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, at, booking, reserved, scheduled};
use crate::ports::write_store::oracle::check;

pub async fn rows_come_in_order_and_carry_their_trace<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (one, other) = (scheduled(&store, 9).await, scheduled(&store, 9).await);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for seat in 0..3 {
        let draft = Draft::kept(&store, one).await.reserve(&booking(one, &[seat]), 1).trace(trace);
        store.commit(draft.done()).await.unwrap();
        reserved(&store, other, &[seat], 1).await;
    }
    let rows = store.outbox(100, vec![]).await.unwrap();
    assert!(rows.is_sorted_by(|a, b| a.position < b.position));
    let order: Vec<_> = rows.iter().map(|row| (row.run.showtime_id(), row.run.first_sequence())).collect();
    let expected = [(one, 1), (other, 1), (one, 2), (other, 2), (one, 3), (other, 3), (one, 4), (other, 4)];
    assert_eq!(order, expected);
    for row in &rows {
        let traced = row.run.showtime_id() == one && row.run.first_sequence() > 1;
        assert_eq!(row.traceparent.as_deref(), traced.then_some(trace));
    }
    assert_eq!(store.outbox(3, vec![]).await.unwrap(), rows[..3]);
    assert_eq!(store.outbox(0, vec![]).await.unwrap(), []);
}

pub async fn a_row_has_all_events_of_its_commit<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 200).await;
    let mut draft = Draft::kept(&store, id).await;
    for seat in 0..100 {
        draft = draft.reserve(&booking(id, &[seat]), 1);
    }
    let batch = draft.done();
    store.commit(batch.clone()).await.unwrap();
    reserved(&store, id, &[150], 1).await;

    // A limit counts rows, not events.
    let rows = store.outbox(2, vec![]).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[1].run.first_sequence(), rows[1].run.last_sequence()), (2, 101));
    let events: Vec<_> = rows[1].run.events().iter().map(|recorded| recorded.event.clone()).collect();
    assert_eq!(events, batch.events);
    assert!(rows[1].run.events().iter().all(|recorded| recorded.recorded_at == batch.recorded_at));
    check(&store, id).await;
}

pub async fn excepted_showtimes_are_left_out<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (one, two, three) = (scheduled(&store, 9).await, scheduled(&store, 9).await, scheduled(&store, 9).await);
    for seat in 0..5 {
        reserved(&store, one, &[seat], 1).await;
    }
    reserved(&store, three, &[0], 1).await;
    let showtimes = |rows: Vec<turnstile::write_store::OutboxEntry>| -> Vec<_> {
        rows.iter().map(|row| row.run.showtime_id()).collect()
    };
    // The excepted rows do not use up the limit: others are not starved by a showtime in trouble.
    assert_eq!(showtimes(store.outbox(3, vec![one]).await.unwrap()), [two, three, three]);
    assert_eq!(showtimes(store.outbox(10, vec![one, three]).await.unwrap()), [two]);
    assert_eq!(showtimes(store.outbox(10, vec![one, two, three]).await.unwrap()), []);
}

pub async fn exactly_the_confirmed_rows_are_deleted<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    for seat in 0..5 {
        reserved(&store, id, &[seat], 1).await;
    }
    let rows = store.outbox(100, vec![]).await.unwrap();
    let confirmed = [rows[4].position, rows[1].position, rows[3].position];
    store.outbox_confirmed(confirmed.to_vec()).await.unwrap();
    let left = store.outbox(100, vec![]).await.unwrap();
    assert_eq!(left, [rows[0].clone(), rows[2].clone(), rows[5].clone()]);

    // Confirmed again, or never there: no error, no effect.
    store.outbox_confirmed(confirmed.to_vec()).await.unwrap();
    store.outbox_confirmed(vec![i64::MAX, -1]).await.unwrap();
    store.outbox_confirmed(vec![]).await.unwrap();
    assert_eq!(store.outbox(100, vec![]).await.unwrap(), left);
    assert_eq!(store.journal(id, 0, 100).await.unwrap().len(), 6, "the journal keeps what the outbox forgets");
    check(&store, id).await;
}

pub async fn depth_is_counted_up_to_the_limit<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    assert_eq!(store.outbox_depth(10).await.unwrap(), 0);
    assert_eq!(store.outbox_oldest().await.unwrap(), None);
    let id = scheduled(&store, 9).await;
    for seat in 0..4 {
        reserved(&store, id, &[seat], 1).await;
    }
    assert_eq!(store.outbox_depth(10).await.unwrap(), 5);
    assert_eq!(store.outbox_depth(5).await.unwrap(), 5);
    assert_eq!(store.outbox_depth(3).await.unwrap(), 3);
    assert_eq!(store.outbox_oldest().await.unwrap(), Some(at(0)), "the showtime's first event");
    let first = store.outbox(1, vec![]).await.unwrap()[0].position;
    store.outbox_confirmed(vec![first]).await.unwrap();
    assert_eq!(store.outbox_oldest().await.unwrap(), Some(at(10)), "the first reservation");
}

/// A late confirmation of an old row must never hit a new one.
pub async fn positions_are_never_used_again<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let mut last = 0;
    for seat in 0..5 {
        reserved(&store, id, &[seat], 1).await;
        let positions: Vec<_> = store.outbox(100, vec![]).await.unwrap().iter().map(|row| row.position).collect();
        assert!(positions.iter().all(|position| *position > last), "{positions:?} are above {last}");
        last = *positions.last().unwrap();
        store.outbox_confirmed(positions).await.unwrap();
    }
}
