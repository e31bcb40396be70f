//! Idempotency keys: recorded with the commit they belong to, or not at all; each once; forgotten by age.

use turnstile::domain::Timestamp;
use turnstile::write_store::{CommitError, IdempotencyRecord};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, at, booking, key, reserved, scheduled};
use crate::ports::write_store::oracle::{check, picture};

pub async fn a_recorded_key_is_found<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let records: Vec<_> = (0..5).map(|number| key(&format!("key {number}"))).collect();
    let mut draft = Draft::kept(&store, id).await.reserve(&booking(id, &[0]), 1);
    for record in &records {
        draft = draft.key(record.clone());
    }
    store.commit(draft.done()).await.unwrap();

    let asked = vec![records[3].key_hash, key("never").key_hash, records[1].key_hash];
    let mut found = store.idempotency(asked).await.unwrap();
    found.sort_unstable_by_key(|record| record.key_hash != records[1].key_hash);
    let expected = |number: usize| IdempotencyRecord { sequence: 2, ..records[number].clone() };
    assert_eq!(found, [expected(1), expected(3)]);
    assert_eq!(store.idempotency(vec![]).await.unwrap(), []);
}

pub async fn a_known_key_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let first = key("once");
    let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[0]), 1).key(first.clone());
    store.commit(draft.done()).await.unwrap();
    let before = picture(&store, id).await;

    let second = IdempotencyRecord { fingerprint: [9; 32], ..key("once") };
    let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[1]), 1).key(key("new")).key(second);
    let refused = store.commit(draft.done()).await;
    assert!(matches!(refused, Err(CommitError::DuplicateKey)), "{refused:?}");
    assert_eq!(picture(&store, id).await, before);
    let found = store.idempotency(vec![first.key_hash, key("new").key_hash]).await.unwrap();
    assert_eq!(
        found,
        [IdempotencyRecord { sequence: 2, ..first }],
        "the first record stays, the batch's others are not kept"
    );
    check(&store, id).await;
}

pub async fn a_key_twice_in_one_batch_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[1]), 1).key(key("twin")).key(key("twin"));
    let refused = store.commit(draft.done()).await;
    assert!(matches!(refused, Err(CommitError::DuplicateKey)), "{refused:?}");
    assert_eq!(store.idempotency(vec![key("twin").key_hash]).await.unwrap(), []);
    assert_eq!(check(&store, id).await.sequence, 1);
}

/// A request repeated on another node finds its key known and its seat taken, by itself. It must hear of the key: told of a
/// conflict only, the owner would decide again and refuse a client that has its seat.
pub async fn a_known_key_is_told_before_a_lost_race<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let id = scheduled(&store, 9).await;
    let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[0]), 1).key(key("repeated"));
    store.commit(draft.done()).await.unwrap();
    let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[0]), 1).key(key("repeated"));
    let refused = other.commit(draft.done()).await;
    assert!(matches!(refused, Err(CommitError::DuplicateKey)), "{refused:?}");
    check(&store, id).await;
}

pub async fn a_key_tells_the_sequence_of_its_event<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let held = reserved(&store, id, &[0], 1).await;
    let (third, fifth) = (key("third"), key("fifth"));
    let draft = Draft::kept(&store, id)
        .await
        .reserve(&booking(id, &[1]), 1)
        .key(third.clone())
        .cancel(&held)
        .reserve(&booking(id, &[2]), 1)
        .key(fifth.clone());
    store.commit(draft.done()).await.unwrap();
    for (record, sequence) in [(third, 3), (fifth, 5)] {
        let expected = IdempotencyRecord { sequence, ..record };
        assert_eq!(store.idempotency(vec![expected.key_hash]).await.unwrap(), [expected]);
    }
}

pub async fn old_keys_are_forgotten<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let records: Vec<_> =
        (0..6).map(|number| IdempotencyRecord { recorded_at: at(number), ..key(&number.to_string()) }).collect();
    let mut draft = Draft::kept(&store, id).await.reserve(&booking(id, &[0]), 1);
    for record in &records {
        draft = draft.key(record.clone());
    }
    store.commit(draft.done()).await.unwrap();
    let hashes: Vec<_> = records.iter().map(|record| record.key_hash).collect();

    assert_eq!(store.forget_idempotency(Timestamp::MIN, 100).await.unwrap(), 0);
    assert_eq!(store.forget_idempotency(at(4), 3).await.unwrap(), 3, "no more than the limit at once");
    assert_eq!(store.idempotency(hashes.clone()).await.unwrap().len(), 3);
    assert_eq!(store.forget_idempotency(at(4), 3).await.unwrap(), 1);
    let mut left = store.idempotency(hashes.clone()).await.unwrap();
    left.sort_unstable_by_key(|record| record.recorded_at);
    let left: Vec<_> = left.iter().map(|record| record.key_hash).collect();
    assert_eq!(left, hashes[4..], "a record as old as the bound stays");
    assert_eq!(store.forget_idempotency(at(4), 3).await.unwrap(), 0);

    // A forgotten key may be used again.
    let draft = Draft::kept(&store, id).await.reserve(&booking(id, &[1]), 1).key(records[0].clone());
    store.commit(draft.done()).await.unwrap();
}

pub async fn of_two_batches_with_one_key_one_wins<A: Adapter>() {
    const ROUNDS: u32 = 20;
    let adapter = A::fresh().await;
    let nodes = [adapter.store(), adapter.another_node().await];
    // The same key for two showtimes: no row lock but the key's own index decides.
    let ids = [scheduled(&nodes[0], ROUNDS).await, scheduled(&nodes[0], ROUNDS).await];
    let mut won = [0, 0];
    for seat in 0..ROUNDS {
        let tasks = [0, 1].map(|side| {
            let node = nodes[side].clone();
            let id = ids[side];
            tokio::spawn(async move {
                let draft = Draft::kept(&node, id).await.reserve(&booking(id, &[seat]), 1);
                node.commit(draft.key(key(&format!("shared {seat}"))).done()).await
            })
        });
        let mut winners = 0;
        for (side, task) in tasks.into_iter().enumerate() {
            match task.await.unwrap() {
                Ok(_) => {
                    winners += 1;
                    won[side] += 1;
                }
                Err(CommitError::DuplicateKey) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1, "round {seat}");
    }
    for (id, won) in ids.into_iter().zip(won) {
        assert_eq!(check(&nodes[0], id).await.bookings.len(), won);
    }
}
