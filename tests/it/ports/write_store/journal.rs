//! The journal: read in pages, in order, word for word.

use turnstile::domain::ShowtimeId;
use uuid::Uuid;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, HOLD, booking, reserved, scheduled};
use crate::ports::write_store::oracle::check;

pub async fn pages_join_without_gap_or_overlap<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 25).await, scheduled(&store, 25).await);
    let mut draft = Draft::kept(&store, id).await;
    for seat in 0..25 {
        draft = draft.reserve(&booking(id, &[seat]), 1);
        reserved(&store, other, &[seat], 1).await;
    }
    store.commit(draft.done()).await.unwrap();

    let whole = store.journal(id, 0, 1_000).await.unwrap();
    assert_eq!(whole.iter().map(|event| event.sequence).collect::<Vec<_>>(), (1..=26).collect::<Vec<_>>());
    for limit in [1, 7, 26] {
        let mut joined = Vec::new();
        loop {
            let after = joined.last().map_or(0, |event: &turnstile::domain::RecordedEvent| event.sequence);
            let page = store.journal(id, after, limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            assert!(page[0].sequence > after, "each page begins behind the last one");
            joined.extend(page);
        }
        assert_eq!(joined, whole, "pages of {limit}");
    }
}

pub async fn after_the_end_there_is_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 1).await;
    assert_eq!(store.journal(id, 1, 10).await.unwrap(), []);
    assert_eq!(store.journal(id, 99, 10).await.unwrap(), []);
    assert_eq!(store.journal(id, 0, 0).await.unwrap(), []);
    assert_eq!(store.journal(ShowtimeId(Uuid::new_v4()), 0, 10).await.unwrap(), []);
}

pub async fn every_kind_of_event_survives_unchanged<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 6).await;
    let (one, two) = (reserved(&store, id, &[1, 0], 1).await, reserved(&store, id, &[3, 2], 1).await);
    let three = reserved(&store, id, &[5], 1).await;
    let batch = Draft::kept(&store, id)
        .await
        .extend(&one, one.expires_at + HOLD)
        .confirm(&two, "päid \"in full\" \\ \u{1F4B6} {\"a\":1e400}")
        .expire(&three)
        .done();
    store.commit(batch.clone()).await.unwrap();
    let cancelled = store.bookings(vec![one.id]).await.unwrap().remove(0);
    let second = Draft::kept(&store, id).await.cancel(&cancelled).done();
    store.commit(second.clone()).await.unwrap();

    let journal = store.journal(id, 4, 10).await.unwrap();
    let events: Vec<_> = journal.iter().map(|recorded| recorded.event.clone()).collect();
    assert_eq!(events, [batch.events.clone(), second.events.clone()].concat());
    assert!(journal.iter().all(|recorded| recorded.recorded_at == batch.recorded_at));
    check(&store, id).await;
}
