//! Sessions that end: killed ones cost nothing or one failed commit, and leadership ends with its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use turnstile::write_store::{CommitError, Role, StoreError, WriteStore};

use crate::ports::private_service::PrivateService;
use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, reserved, scheduled};
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
                tokio::spawn(async move { store.load(id).await })
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
    let store: Arc<dyn WriteStore> = adapter.node(&Postgres::patient()).await;
    let client = adapter.database.client().await;
    let id = scheduled(&store, 4).await;
    let holder = adapter.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE seats IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let reader = store.clone();
    let load = tokio::spawn(async move { reader.take_over(id).await });
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
    let settings = Settings { pool_size: 1, wait_timeout_milliseconds: 100, ..Postgres::patient() };
    let store: Arc<dyn WriteStore> = adapter.node(&settings).await;
    let id = scheduled(&store, 4).await;
    let holder = adapter.database.client().await;
    holder.batch_execute(&format!("BEGIN; SELECT FROM showtimes WHERE id = '{id}' FOR UPDATE")).await.unwrap();
    let fencing = store.clone();
    let load = tokio::spawn(async move { fencing.take_over(id).await });
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

/// A database that is read-only for a while: sessions of that time are not kept, and nobody has to end them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_read_only_time_the_next_commits_work() {
    let adapter = Postgres::fresh().await;
    let (store, client) = (adapter.store(), adapter.database.client().await);
    let id = scheduled(&store, 9).await;
    let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    client.batch_execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await.unwrap();
    assert!(end_all_sessions(&client).await >= 1);
    for _ in 0..8 {
        assert!(matches!(store.ping().await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(store.take_over(id).await, Err(StoreError::Unavailable { .. })));
    }
    client
        .batch_execute(&format!("SET default_transaction_read_only = off; ALTER DATABASE {name} RESET ALL"))
        .await
        .unwrap();
    let reset = std::time::Instant::now();
    reserved(&store, id, &[0], 1).await;
    store.ping().await.unwrap();
    assert!(reset.elapsed() < Duration::from_secs(10), "{:?}", reset.elapsed());
    check(&store, id).await;
}

/// Sessions that were open before: the server says "read-only" to their statements only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_turns_read_only_is_closed_and_the_call_made_on_another() {
    let private = PrivateService::start("postgres");
    migrate(&private.url()).await.unwrap();
    let store: Arc<dyn WriteStore> =
        Arc::new(PostgresStore::connect(&private.url(), &Postgres::settings()).await.unwrap());
    let id = scheduled(&store, 9).await;
    let (client, connection) = tokio_postgres::connect(&private.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // A trigger turns each session read-only with its first commit, as far as the session can tell.
    client
        .batch_execute(
            "CREATE FUNCTION turn() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
             PERFORM set_config('default_transaction_read_only', 'on', false); RETURN NEW; END$$; \
             CREATE TRIGGER turn BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION turn()",
        )
        .await
        .unwrap();
    let mut refused = 0;
    for seat in 0..6 {
        let fence = store.take_over(id).await.expect("read-only sessions are not kept").unwrap().fence;
        let batch = Draft::new(id, fence).reserve(&booking(id, &[seat]), 1).done();
        match store.commit(batch).await {
            Ok(_) => drop(store.ping().await.expect("the ping finds another session")),
            Err(CommitError::Store(StoreError::Unavailable { .. })) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused < 6, "no commit was made");
}

/// What is missing after a fail-over to an older schema is missing for the session: it is closed, and the next one finds it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_column_closes_the_session() {
    let adapter = Postgres::fresh().await;
    let (store, client) = (adapter.store(), adapter.database.client().await);
    let id = scheduled(&store, 4).await;
    let kept = reserved(&store, id, &[0], 1).await;
    let sessions =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'turnstile'";
    store.bookings(vec![kept.id]).await.unwrap();
    client.batch_execute("ALTER TABLE bookings RENAME COLUMN user_id TO nobody").await.unwrap();
    let before: Vec<i32> = client.query(sessions, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(matches!(store.bookings(vec![kept.id]).await, Err(StoreError::Unavailable { .. })));
    client.batch_execute("ALTER TABLE bookings RENAME COLUMN nobody TO user_id").await.unwrap();
    assert_eq!(store.bookings(vec![kept.id]).await.unwrap().len(), 1);
    let after: Vec<i32> = client.query(sessions, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(before.iter().any(|pid| !after.contains(pid)), "{before:?} {after:?}");
}

/// Those who only look wait for each other, not commands for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_take_no_connection_from_commands() {
    let adapter = Postgres::fresh().await;
    let settings = Settings { pool_size: 2, read_pool_size: 1, ..Settings::default() };
    let store: Arc<dyn WriteStore> = adapter.node(&settings).await;
    let id = scheduled(&store, 9).await;
    let kept = reserved(&store, id, &[8], 1).await;
    // Far more reads than there are connections for them.
    let reads: Vec<_> = (0..400)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.audit(id).await })
        })
        .collect();
    let began = std::time::Instant::now();
    for seat in 0..8 {
        let fence = store.take_over(id).await.unwrap().unwrap().fence;
        store.commit(Draft::new(id, fence).reserve(&booking(id, &[seat]), 1).done()).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for read in reads {
        drop(read.await.unwrap());
    }
    assert_eq!(store.booking(kept.id).await.unwrap().map(|found| found.id), Some(kept.id));
    assert_eq!(store.booking(turnstile::domain::BookingId(uuid::Uuid::nil())).await.unwrap(), None);
}
