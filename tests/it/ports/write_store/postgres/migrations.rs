//! Migrations: by any number of nodes at once, and back again.

use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use turnstile::write_store::{StoreError, WriteStore};

use crate::ports::write_store::draft::scheduled;
use crate::ports::write_store::postgres::Database;

const DOWN: &str = include_str!("../../../../../migrations/postgres/2026-11-23-000000_write_store/down.sql");

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
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, 1], "one migrates, the others find nothing to do");
    assert_eq!(migrate(&database.url()).await.unwrap(), 0);
}

/// A program with one thread, such as a subcommand, may migrate too.
#[tokio::test]
async fn a_current_thread_runtime_migrates() {
    let database = Database::create().await;
    assert_eq!(migrate(&database.url()).await.unwrap(), 1);
    let refused = PostgresStore::connect(&database.url(), &Settings::default()).await.map(|_store| ());
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "but the store needs threads: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_can_be_taken_back_and_done_again() {
    let database = Database::create().await;
    migrate(&database.url()).await.unwrap();
    let client = database.client().await;
    client.batch_execute(DOWN).await.unwrap();
    let left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_diesel%'";
    assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0, "nothing is left behind");
    client.batch_execute("DELETE FROM __diesel_schema_migrations").await.unwrap();
    assert_eq!(migrate(&database.url()).await.unwrap(), 1);
    let store: std::sync::Arc<dyn WriteStore> =
        std::sync::Arc::new(PostgresStore::connect(&database.url(), &Settings::default()).await.unwrap());
    scheduled(&store, 3).await;
}
