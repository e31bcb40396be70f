//! A synchronous standby: a commit in flight is never cancelled, and nothing is told that only the primary has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use turnstile::domain::ShowtimeId;
use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use turnstile::write_store::{CommitError, StoreError, WriteStore};

use crate::ports::write_store::draft::{Draft, booking, key, reserved, scheduled};
use crate::ports::write_store::oracle::check;
use crate::ports::write_store::postgres::Postgres;
use crate::postgres_pair::Pair;

/// Nobody waits longer for an answer of the store while nothing can be committed.
const ANSWERED: Duration = Duration::from_secs(3);

/// Two nodes on a pair, and a showtime with one acknowledged booking, at sequence 2.
struct Scene {
    pair: Pair,
    one: Arc<dyn WriteStore>,
    other: Arc<dyn WriteStore>,
    id: ShowtimeId,
    fence: u64,
}

impl Scene {
    async fn open(settings: &Settings) -> Self {
        let pair = Pair::start().await;
        pair.primary.client("postgres").await.batch_execute("CREATE DATABASE house").await.unwrap();
        let url = pair.url("house");
        migrate(&url).await.unwrap();
        let one: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, settings).await.unwrap());
        let other: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, settings).await.unwrap());
        let id = scheduled(&one, 9).await;
        let fence = one.take_over(id).await.unwrap().unwrap().fence;
        one.commit(Draft::new(id, fence).reserve(&booking(id, &[8]), 1).done()).await.unwrap();
        Self { pair, one, other, id, fence }
    }

    async fn primary(&self) -> Client {
        self.pair.primary.client("house").await
    }
}

/// Sessions that wait for the standby in a commit of bookings.
async fn waiting_commits(client: &Client) -> Vec<i32> {
    let statement =
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%turnstile: commit%'";
    client.query(statement, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_primary_has_is_told_to_nobody_and_lost_with_it() {
    let mut scene = Scene::open(&Postgres::settings()).await;
    let client = scene.primary().await;
    scene.pair.standby.kill();
    let (lost, request) = (booking(scene.id, &[0, 1]), key("asked twice"));
    let batch = Draft::new(scene.id, scene.fence).reserve(&lost, 1).key(request.clone()).done();
    let asked = Instant::now();
    let outcome = scene.one.commit(batch).await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    assert!(asked.elapsed() < ANSWERED, "{:?}", asked.elapsed());
    // Further commits are not sent while this one is not settled, and their callers are told so in time.
    for seat in 2..6 {
        let asked = Instant::now();
        let next = scene.one.commit(Draft::new(scene.id, scene.fence).reserve(&booking(scene.id, &[seat]), 1).done());
        assert!(matches!(next.await, Err(CommitError::Store(StoreError::Unavailable { .. }))), "seat {seat}");
        assert!(asked.elapsed() < ANSWERED, "{:?}", asked.elapsed());
    }
    let waiting = waiting_commits(&client).await;
    assert_eq!(waiting.len(), 1, "the commit given up still waits for the standby, and nothing was sent after it");
    assert!(is_unavailable(&scene.one.ping().await) && is_unavailable(&scene.other.ping().await));

    // An operator ends the wait: the primary has the booking now, and shows it.
    client.execute("SELECT pg_terminate_backend($1)", &[&waiting[0]]).await.unwrap();
    let shown = format!("SELECT FROM bookings WHERE id = '{}'", lost.id);
    while client.query(&shown, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = Instant::now();
    let other = &scene.other;
    assert!(is_unavailable(&other.idempotency(vec![request.key_hash]).await), "a known key");
    assert!(is_unavailable(&other.bookings(vec![lost.id]).await), "a booking for a command");
    assert!(is_unavailable(&other.booking(lost.id).await), "a booking for a reader");
    assert!(is_unavailable(&other.journal(scene.id, 2, 10).await), "events for the projector");
    assert!(is_unavailable(&other.missed(scene.id, 2, 10).await), "events for an owner");
    assert!(is_unavailable(&other.load(scene.id).await), "seats");
    assert!(is_unavailable(&other.outbox(10, vec![]).await), "events for the broker");
    assert!(asked.elapsed() < 7 * ANSWERED, "{:?}", asked.elapsed());

    // What was not acknowledged is lost with the primary, and what was is not.
    scene.pair.primary.kill();
    scene.pair.standby.start_again().await;
    scene.pair.promote();
    let promoted = Instant::now();
    while scene.other.ping().await.is_err() || scene.one.ping().await.is_err() {
        assert!(promoted.elapsed() < Duration::from_secs(10), "no commit on the promoted server");
    }
    let other = &scene.other;
    assert!(other.idempotency(vec![request.key_hash]).await.unwrap().is_empty());
    assert_eq!(other.booking(lost.id).await.unwrap(), None);
    let events = other.outbox(10, vec![]).await.unwrap();
    assert_eq!(events.iter().map(|entry| entry.run.last_sequence()).max(), Some(2));
    reserved(&scene.one, scene.id, &[0, 1], 1).await;
    check(&scene.one, scene.id).await;
}

/// The limit of a statement ends before its commit does: the server must not end the wait for the standby by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_limit_of_a_session_ends_the_wait_for_the_standby() {
    let settings = Settings {
        statement_timeout_milliseconds: 1_000,
        lock_timeout_milliseconds: 1_000,
        idle_in_transaction_timeout_milliseconds: 1_000,
        commit_timeout_milliseconds: 60_000,
        ..Postgres::settings()
    };
    let scene = Scene::open(&settings).await;
    let client = scene.primary().await;
    scene.pair.standby.freeze();
    let new = booking(scene.id, &[0]);
    let (store, batch) = (scene.one.clone(), Draft::new(scene.id, scene.fence).reserve(&new, 1).done());
    let commit = tokio::spawn(async move { store.commit(batch).await });
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!commit.is_finished(), "{:?}", commit.await);
    }
    assert_eq!(waiting_commits(&client).await.len(), 1);
    scene.pair.standby.thaw();
    commit.await.unwrap().unwrap();
    check(&scene.one, scene.id).await;
}

/// A database that asks for more than `on` keeps it, one that asks for less does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn synchronous_commit_is_raised_and_never_lowered() {
    for (asked, kept) in
        [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
    {
        let database = crate::ports::write_store::postgres::Database::create().await;
        let client = database.client().await;
        let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
        client.batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = {asked}")).await.unwrap();
        migrate(&database.url()).await.unwrap();
        // Each showtime remembers what its commit was made with.
        let remember = "CREATE TABLE seen (setting text); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
            $$BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END$$; \
            CREATE TRIGGER see BEFORE INSERT ON showtimes FOR EACH ROW EXECUTE FUNCTION see()";
        client.batch_execute(remember).await.unwrap();
        let store: Arc<dyn WriteStore> =
            Arc::new(PostgresStore::connect(&database.url(), &Postgres::settings()).await.unwrap());
        scheduled(&store, 1).await;
        let seen: String = client.query_one("SELECT setting FROM seen", &[]).await.unwrap().get(0);
        assert_eq!(seen, kept, "asked for {asked}");
    }
}
