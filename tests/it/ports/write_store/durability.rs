//! Durability: what was answered is there after a restart.

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, key, reserved, scheduled};
use crate::ports::write_store::oracle::{check, picture};

pub async fn everything_survives_a_restart<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let held = reserved(&store, id, &[3, 1], 1).await;
    let sold = reserved(&store, id, &[5], 1).await;
    let draft = Draft::kept(&store, id).await.confirm(&sold, "pay").reserve(&booking(id, &[7]), 1).key(key("kept"));
    store.commit(draft.done()).await.unwrap();
    store.take_over(id).await.unwrap();
    let before = picture(&store, id).await;
    let record = store.idempotency(vec![key("kept").key_hash]).await.unwrap();
    assert_eq!(record.len(), 1);
    drop(store);

    let adapter = adapter.reopen().await;
    let store = adapter.store();
    assert_eq!(picture(&store, id).await, before);
    assert_eq!(store.idempotency(vec![key("kept").key_hash]).await.unwrap(), record);
    store.commit(Draft::kept(&store, id).await.cancel(&held).done()).await.unwrap();
    check(&store, id).await;
}

pub async fn the_cluster_secret_is_stable<A: Adapter>() {
    let adapter = A::fresh().await;
    let secret = adapter.store().cluster_secret().await.unwrap();
    assert_ne!(secret, [0; 32]);
    assert_eq!(adapter.store().cluster_secret().await.unwrap(), secret);
    assert_eq!(adapter.another_node().await.cluster_secret().await.unwrap(), secret);
    let adapter = adapter.reopen().await;
    assert_eq!(adapter.store().cluster_secret().await.unwrap(), secret);
    let stranger = A::fresh().await;
    assert_ne!(stranger.store().cluster_secret().await.unwrap(), secret, "each database has its own");
}

pub async fn sequences_and_positions_go_on_after_a_restart<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    reserved(&store, id, &[0], 1).await;
    let positions: Vec<_> = store.outbox(10, vec![]).await.unwrap().iter().map(|row| row.position).collect();
    store.outbox_confirmed(positions.clone()).await.unwrap();
    drop(store);

    let adapter = adapter.reopen().await;
    let store = adapter.store();
    assert_eq!(reserved(&store, id, &[1], 1).await.version, 3);
    let row = &store.outbox(10, vec![]).await.unwrap()[0];
    assert!(row.position > *positions.last().unwrap(), "{} is above {positions:?}", row.position);
    check(&store, id).await;
}
