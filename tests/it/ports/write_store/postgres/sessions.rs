//! Sessions that end: killed ones cost nothing or one failed commit, and leadership ends with its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use turnstile::write_store::postgres::Settings;
use turnstile::write_store::{Load, Role, WriteStore};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{reserved, scheduled};
use crate::ports::write_store::oracle::check;
use crate::ports::write_store::postgres::Postgres;

/// Ends all sessions of stores on the client's database and waits until they are gone; returns how many there were.
async fn end_all_sessions(client: &Client) -> usize {
    let theirs = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'turnstile'";
    let ended = client.query(&format!("SELECT pid, pg_terminate_backend(pid) {theirs}"), &[]).await.unwrap();
    let pids: Vec<i32> = ended.iter().map(|row| row.get(0)).collect();
    for _ in 0..400 {
        if client.query(&format!("SELECT {theirs} AND pid = ANY ($1)"), &[&pids]).await.unwrap().is_empty() {
            return pids.len();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("sessions do not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_all_sessions_are_ended_the_next_calls_work() {
    let adapter = Postgres::fresh().await;
    let (store, client) = (adapter.store(), adapter.database.client().await);
    let id = scheduled(&store, 40).await;
    for round in 0..5 {
        let loads: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.load(id, Load::Keep).await })
            })
            .collect();
        for load in loads {
            load.await.unwrap().unwrap().unwrap();
        }
        assert!(end_all_sessions(&client).await >= 2, "several connections are in the pool");
        if round % 2 == 0 {
            reserved(&store, id, &[round], 1).await;
        } else {
            store.ping().await.unwrap();
        }
    }
    check(&store, id).await;
}

/// A read is simply asked again, on a new connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_survives_the_end_of_its_session() {
    let adapter = Postgres::fresh().await;
    let (store, client) = (adapter.store(), adapter.database.client().await);
    let id = scheduled(&store, 4).await;
    let holder = adapter.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE seats IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let reader = store.clone();
    let load = tokio::spawn(async move { reader.load(id, Load::Fence).await });
    let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut pids = Vec::new();
    while pids.is_empty() {
        pids = client.query(waiting, &[]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(end_all_sessions(&client).await >= 1);
    holder.batch_execute("COMMIT").await.unwrap();
    let loaded = load.await.unwrap().unwrap().unwrap();
    assert_eq!((loaded.fence, loaded.showtime.sequence()), (1, 1), "the first try was rolled back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_ends_with_its_session() {
    let adapter = Postgres::fresh().await;
    let (store, client) = (adapter.store(), adapter.database.client().await);
    let other = adapter.another_node().await;
    let mut leadership = store.lead(Role::Relay).await.unwrap().unwrap();
    assert!(other.lead(Role::Relay).await.unwrap().is_none());
    assert!(leadership.is_held().await);
    end_all_sessions(&client).await;
    let mut next = other.lead(Role::Relay).await.unwrap().expect("the lock is free");
    assert!(!leadership.is_held().await, "who lost it knows when asked");
    assert!(!leadership.is_held().await, "and does not get it back");
    assert!(next.is_held().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_databases_have_two_leaders() {
    let (one, other) = (Postgres::fresh().await, Postgres::fresh().await);
    let mut first = one.store().lead(Role::Relay).await.unwrap().unwrap();
    let mut second = other.store().lead(Role::Relay).await.unwrap().unwrap();
    assert!(first.is_held().await && second.is_held().await);
}

/// A call that waits for a connection longer than allowed is refused, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pool_refuses_in_time() {
    let adapter = Postgres::fresh().await;
    let settings = Settings { pool_size: 1, wait_timeout_ms: 100, ..Settings::default() };
    let store: Arc<dyn WriteStore> = adapter.node(&settings).await;
    let id = scheduled(&store, 4).await;
    let holder = adapter.database.client().await;
    holder.batch_execute(&format!("BEGIN; SELECT FROM showtimes WHERE id = '{id}' FOR UPDATE")).await.unwrap();
    let fencing = store.clone();
    let load = tokio::spawn(async move { fencing.load(id, Load::Fence).await });
    let waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let client = adapter.database.client().await;
    while client.query(waiting, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = store.ping().await;
    assert!(matches!(refused, Err(turnstile::write_store::StoreError::Unavailable { .. })), "{refused:?}");
    holder.batch_execute("COMMIT").await.unwrap();
    load.await.unwrap().unwrap().unwrap();
    store.ping().await.unwrap();
}
