//! Auditoriums: versions are kept for good, follow each other without a gap, and of two writers of one version one wins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use turnstile::domain::AuditoriumId;
use turnstile::write_store::{
    AuditoriumHead, CommitError, IdempotencyRecord, NewAuditorium, StoredAuditorium, WriteStore,
};
use uuid::Uuid;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{at, key};

/// A version of an auditorium. The plan is text to the store.
fn version(id: AuditoriumId, version: u32) -> StoredAuditorium {
    let name = format!("Große Bühne \u{1F3AD} {version}");
    let plan = format!(r#"{{"name":"{name}","z":1,"a":[1.50,"\"'$1?"]}}"#);
    let (seat_count, place_count, recorded_at) = (200_000, 4_000_000_000, at(i64::from(version)));
    let head = AuditoriumHead { id, version, seats_since: 1, name, seat_count, place_count, recorded_at };
    StoredAuditorium { head, plan }
}

async fn record(store: &Arc<dyn WriteStore>, stored: &StoredAuditorium) -> Result<(), CommitError> {
    store.record_auditorium(Arc::new(NewAuditorium { stored: stored.clone(), idempotency: None })).await
}

fn fresh_id() -> AuditoriumId {
    AuditoriumId(Uuid::now_v7())
}

pub async fn an_auditorium_is_found_as_it_was_recorded<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (first, second) = (version(fresh_id(), 1), version(fresh_id(), 1));
    assert_eq!(store.auditorium_count().await.unwrap(), 0);
    assert_eq!(store.auditorium(first.head.id, None).await.unwrap(), None);
    record(&store, &first).await.unwrap();
    record(&store, &second).await.unwrap();
    drop(store);
    let adapter = adapter.reopen().await;
    let store = adapter.store();
    assert_eq!(store.auditorium(first.head.id, None).await.unwrap(), Some(first.clone()));
    assert_eq!(store.auditorium(second.head.id, Some(1)).await.unwrap(), Some(second.clone()));
    assert_eq!(store.auditorium_head(second.head.id, None).await.unwrap(), Some(second.head));
    for unknown in [0, 2, u32::MAX] {
        assert_eq!(store.auditorium(first.head.id, Some(unknown)).await.unwrap(), None);
    }
    assert_eq!(store.auditorium_count().await.unwrap(), 2);
}

pub async fn a_version_follows_the_one_before_it<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = fresh_id();
    let refused = record(&store, &version(id, 2)).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "there is no version to follow: {refused:?}");
    record(&store, &version(id, 1)).await.unwrap();
    record(&store, &version(id, 2)).await.unwrap();
    for wrong in [1, 2, 4] {
        let mut other = version(id, wrong);
        other.head.name = "Another".to_owned();
        let refused = record(&store, &other).await;
        assert!(matches!(refused, Err(CommitError::Conflict)), "version {wrong}: {refused:?}");
    }
    assert_eq!(store.auditorium(id, Some(1)).await.unwrap(), Some(version(id, 1)), "an earlier version stays");
    assert_eq!(store.auditorium(id, None).await.unwrap(), Some(version(id, 2)));
    assert_eq!(store.auditorium_count().await.unwrap(), 1);
}

pub async fn of_two_replacements_of_one_version_one_wins<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let id = fresh_id();
    record(&store, &version(id, 1)).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let store = if number % 2 == 0 { store.clone() } else { other.clone() };
            let mut stored = version(id, 2);
            stored.head.name = format!("Writer {number}");
            tokio::spawn(async move { record(&store, &stored).await.map(|()| stored) })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(stored) => won.push(stored),
            Err(CommitError::Conflict) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(store.auditorium(id, None).await.unwrap(), won.pop());
}

pub async fn a_known_key_records_no_auditorium<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let keyed = |id, number, name| {
        let idempotency = Some(IdempotencyRecord { sequence: 1, ..key(name) });
        Arc::new(NewAuditorium { stored: version(id, number), idempotency })
    };
    let (first, second) = (fresh_id(), fresh_id());
    store.record_auditorium(keyed(first, 1, "once")).await.unwrap();
    assert_eq!(store.idempotency(vec![key("once").key_hash]).await.unwrap().len(), 1);
    for again in [first, second] {
        let refused = store.record_auditorium(keyed(again, 1, "once")).await;
        assert!(matches!(refused, Err(CommitError::DuplicateKey)), "{refused:?}");
    }
    assert_eq!(store.auditorium_head(second, None).await.unwrap(), None);
    let refused = store.record_auditorium(keyed(second, 2, "other")).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert_eq!(store.idempotency(vec![key("other").key_hash]).await.unwrap(), [], "what is refused leaves no key");
}

pub async fn pages_show_each_auditorium_once_as_it_is_now<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let mut heads = Vec::new();
    for number in 1..=5_u32 {
        let id = fresh_id();
        for made in 1..=number {
            record(&store, &version(id, made)).await.unwrap();
        }
        heads.push(version(id, number).head);
    }
    assert_eq!(store.auditoriums(None, 10).await.unwrap(), heads);
    assert_eq!(store.auditoriums(None, 2).await.unwrap(), heads[..2]);
    assert_eq!(store.auditoriums(Some(heads[1].id), 2).await.unwrap(), heads[2..4]);
    assert_eq!(store.auditoriums(Some(heads[4].id), 2).await.unwrap(), []);
}

pub async fn the_largest_plan_is_kept<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let mut large = version(fresh_id(), 1);
    let seat = |number: u32| format!(r#"{{"label":"{number}","x":{},"y":-12.25}}"#, number * 50);
    let seats: Vec<String> = (0..200_000).map(seat).collect();
    large.plan = format!(r#"{{"seats":[{}]}}"#, seats.join(","));
    let begun = Instant::now();
    record(&store, &large).await.unwrap();
    assert_eq!(store.auditorium(large.head.id, None).await.unwrap(), Some(large));
    assert!(begun.elapsed() < Duration::from_secs(20), "took {:?}", begun.elapsed());
}
