//! Migrations: by any number of nodes at once, and of data that earlier versions have written.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use turnstile::domain::{BookingId, PaymentReference, Stamp, Timestamp};
use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use turnstile::write_store::{CommitError, StoreError, WriteStore};

use crate::earlier_versions::{self, BEFORE_LEAN_COMMITS, Dialect, FIRST, PAYMENT, Version, migrations, token};
use crate::ports::write_store::draft::{Draft, booking, reserved, scheduled, stored};
use crate::ports::write_store::oracle::check;
use crate::ports::write_store::postgres::Database;

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
    let all = migrations(Dialect::Postgres).len();
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, all], "one migrates, the others find nothing to do");
    assert_eq!(migrate(&database.url()).await.unwrap(), 0);
}

/// A program with one thread, such as a subcommand, may migrate too.
#[tokio::test]
async fn a_current_thread_runtime_migrates() {
    let database = Database::create().await;
    assert_eq!(migrate(&database.url()).await.unwrap(), migrations(Dialect::Postgres).len());
    let refused = PostgresStore::connect(&database.url(), &Settings::default()).await.map(|_store| ());
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "but the store needs threads: {refused:?}");
}

/// A database as an earlier version left it.
async fn database_of(version: &Version) -> (Database, Client) {
    let database = Database::create().await;
    let client = database.client().await;
    client.batch_execute(&version.script(Dialect::Postgres)).await.unwrap();
    (database, client)
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    let take = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, take)
}

/// Every row keeps its meaning, and the showtime goes on selling.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_for_each_event_becomes_a_row_for_each_commit() {
    let (database, client) = database_of(&BEFORE_LEAN_COMMITS).await;
    let id = earlier_versions::showtime();
    assert_eq!(migrate(&database.url()).await.unwrap(), BEFORE_LEAN_COMMITS.missing(Dialect::Postgres));

    let store: Arc<dyn WriteStore> =
        Arc::new(PostgresStore::connect(&database.url(), &Settings::default()).await.unwrap());
    // Journal, seats, bookings, load and outbox agree with each other.
    let audit = check(&store, id).await;
    assert_eq!(audit.sequence, 6);
    let held = stored(&store, BookingId(earlier_versions::booking(2))).await;
    assert_eq!(held.seat_ids.iter().map(|seat| seat.index()).collect::<Vec<_>>(), [3, 2], "in the client's order");
    assert_eq!((held.user_id.as_str(), held.token.0), ("o'neil", token(2).hash().0));
    assert_eq!(held.expires_at.to_string(), "2097-11-01T12:10:01.999Z");
    let sold = stored(&store, BookingId(earlier_versions::booking(1))).await;
    assert_eq!(sold.payment_reference, Some(PaymentReference::parse(PAYMENT).unwrap()));
    let cancelled = BookingId(earlier_versions::booking(3));
    let outbox = store.outbox(10, vec![]).await.unwrap();
    let spans: Vec<_> = outbox.iter().map(|entry| (entry.run.first_sequence(), entry.run.last_sequence())).collect();
    assert_eq!(spans, [(4, 5), (6, 6)]);
    assert_eq!(store.due(Timestamp::MAX, 10).await.unwrap().len(), 1);
    assert_eq!(store.idempotency(vec![Sha256::digest("key").into()]).await.unwrap()[0].sequence, 5);

    // What documents of the read model know their last event by.
    let known = [1_793_534_403_000_i64.to_be_bytes().as_slice(), b"BookingCancelled", cancelled.0.as_bytes()].concat();
    assert_eq!(store.stamps(vec![(id, 6)]).await.unwrap(), [((id, 6), Stamp(fnv_1a(&known)))]);

    let confirmed = Draft::kept(&store, id).await.confirm(&held, "pay 2").reserve(&booking(id, &[1]), 6).done();
    assert_eq!(store.commit(confirmed).await.unwrap().first_sequence, 7);
    check(&store, id).await;
    let broken = client
        .query("SELECT FROM journal j JOIN journal k USING (showtime_id) WHERE k.first_sequence = j.last_sequence + 1 AND k.follows <> j.stamp", &[])
        .await
        .unwrap();
    assert!(broken.is_empty(), "each commit names the stamp of the one before it");
}

/// A database of the first version in which one payment has confirmed two bookings: both stay confirmed, and the payment confirms no
/// third one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_confirmed_twice_before_do_not_stop_the_migration() {
    let (database, client) = database_of(&FIRST).await;
    let old = "INSERT INTO bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version) \
               SELECT u.id, gen_random_uuid(), 'ada', sha256('x'), 1, u.at, u.at, 'pay', 3 \
               FROM (VALUES (gen_random_uuid(), now()), ('00000000-0000-0000-0000-000000000001', now() - interval '1 day')) u (id, at)";
    client.batch_execute(old).await.unwrap();
    assert_eq!(migrate(&database.url()).await.unwrap(), FIRST.missing(Dialect::Postgres));
    let store: Arc<dyn WriteStore> =
        Arc::new(PostgresStore::connect(&database.url(), &Settings::default()).await.unwrap());
    let reference = PaymentReference::parse("pay").unwrap();
    let used = store.payments(vec![reference.clone()]).await.unwrap();
    assert_eq!(used, [(reference, BookingId(uuid::Uuid::from_u128(1)))], "the earliest");
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[0], 1).await;
    let refused = store.commit(Draft::kept(&store, id).await.confirm(&held, "pay").done()).await;
    assert!(matches!(refused, Err(CommitError::PaymentUsed)), "{refused:?}");
}
