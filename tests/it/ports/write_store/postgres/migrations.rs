//! Migrations: by any number of nodes at once, and back again.

use turnstile::domain::{BookingId, PaymentReference};
use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use turnstile::write_store::{CommitError, StoreError, WriteStore};

use crate::ports::write_store::draft::{Draft, reserved, scheduled};
use crate::ports::write_store::postgres::Database;

/// The first version of the database.
const FIRST: &str = "2026-11-23-000000_write_store";

/// The names of all migrations, in order.
fn migrations() -> Vec<String> {
    let folder = std::fs::read_dir("migrations/postgres").unwrap();
    let mut names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn script(migration: &str, direction: &str) -> String {
    std::fs::read_to_string(format!("migrations/postgres/{migration}/{direction}.sql")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_nodes_migrate_at_once() {
    let database = Database::create().await;
    let nodes: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let url = database.url();
                async move { migrate(&url).await }
            })
        })
        .collect();
    let mut applied = Vec::new();
    for node in nodes {
        applied.push(node.await.unwrap().unwrap());
    }
    applied.sort_unstable();
    let all = migrations().len();
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, all], "one migrates, the others find nothing to do");
    assert_eq!(migrate(&database.url()).await.unwrap(), 0);
}

/// A program with one thread, such as a subcommand, may migrate too.
#[tokio::test]
async fn a_current_thread_runtime_migrates() {
    let database = Database::create().await;
    assert_eq!(migrate(&database.url()).await.unwrap(), migrations().len());
    let refused = PostgresStore::connect(&database.url(), &Settings::default()).await.map(|_store| ());
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "but the store needs threads: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_can_be_taken_back_and_done_again() {
    let database = Database::create().await;
    migrate(&database.url()).await.unwrap();
    let client = database.client().await;
    for migration in migrations().iter().rev() {
        client.batch_execute(&script(migration, "down")).await.unwrap();
    }
    let left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_diesel%'";
    assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0, "nothing is left behind");
    client.batch_execute("DELETE FROM __diesel_schema_migrations").await.unwrap();
    assert_eq!(migrate(&database.url()).await.unwrap(), migrations().len());
    let store: std::sync::Arc<dyn WriteStore> =
        std::sync::Arc::new(PostgresStore::connect(&database.url(), &Settings::default()).await.unwrap());
    scheduled(&store, 3).await;
}

/// A database of the first version in which one payment has confirmed two bookings: both stay confirmed, and the payment confirms no
/// third one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_confirmed_twice_before_do_not_stop_the_migration() {
    let database = Database::create().await;
    let client = database.client().await;
    client.batch_execute(&script(FIRST, "up")).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now()); \
             INSERT INTO __diesel_schema_migrations (version) VALUES ('20261123000000')",
        )
        .await
        .unwrap();
    let old = "INSERT INTO bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version) \
               SELECT u.id, gen_random_uuid(), 'ada', sha256('x'), 1, u.at, u.at, 'pay', 3 \
               FROM (VALUES (gen_random_uuid(), now()), ('00000000-0000-0000-0000-000000000001', now() - interval '1 day')) u (id, at)";
    client.batch_execute(old).await.unwrap();
    assert_eq!(migrate(&database.url()).await.unwrap(), migrations().len() - 1);
    let store: std::sync::Arc<dyn WriteStore> =
        std::sync::Arc::new(PostgresStore::connect(&database.url(), &Settings::default()).await.unwrap());
    let reference = PaymentReference::parse("pay").unwrap();
    let used = store.payments(vec![reference.clone()]).await.unwrap();
    assert_eq!(used, [(reference, BookingId(uuid::Uuid::from_u128(1)))], "the earliest");
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[0], 1).await;
    let refused = store.commit(Draft::kept(&store, id).await.confirm(&held, "pay").done()).await;
    assert!(matches!(refused, Err(CommitError::PaymentUsed)), "{refused:?}");
}
