//! Migrations: by any number of nodes at once, and of data that earlier versions have written.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use turnstile::domain::{BookingId, PaymentReference, SeatId, ShowtimeId, Stamp, Timestamp};
use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use turnstile::write_store::{CommitError, StoreError, WriteStore};

use crate::ports::write_store::draft::{Draft, booking, reserved, scheduled, stored};
use crate::ports::write_store::oracle::check;
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

/// A database as an earlier version left it, with these of the migrations, in order.
async fn database_of(migrations: &[&str]) -> (Database, Client) {
    let database = Database::create().await;
    let client = database.client().await;
    client
        .batch_execute(
            "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now())",
        )
        .await
        .unwrap();
    for migration in migrations {
        client.batch_execute(&script(migration, "up")).await.unwrap();
        let (version, _) = migration.split_once('_').unwrap();
        let done = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{}')", version.replace('-', ""));
        client.batch_execute(&done).await.unwrap();
    }
    (database, client)
}

/// What a version with a row for each event and each booked seat has written: a pending, a confirmed and a cancelled booking.
const OLD_ROWS: &str = r#"
    INSERT INTO showtimes (id, movie_title, start_time, rows, seat_count, created_at, sequence, fence)
    VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'Old', '2030-01-01T20:00:00Z', '[{"row":"A","seats":4}]', 4,
        '2026-11-01T12:00:00.123Z', 6, 7);
    INSERT INTO seats (showtime_id, seat, status, version, booking_id) VALUES
        ('aaaaaaaa-0000-4000-8000-000000000001', 0, 2, 4, 'bbbbbbbb-0000-7000-8000-000000000001'),
        ('aaaaaaaa-0000-4000-8000-000000000001', 1, 0, 6, NULL),
        ('aaaaaaaa-0000-4000-8000-000000000001', 2, 1, 3, 'bbbbbbbb-0000-7000-8000-000000000002'),
        ('aaaaaaaa-0000-4000-8000-000000000001', 3, 1, 3, 'bbbbbbbb-0000-7000-8000-000000000002');
    INSERT INTO bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version)
    VALUES
        ('bbbbbbbb-0000-7000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001', 'ada', sha256('one'), 1,
            '2026-11-01T12:00:01.001Z', '2026-11-01T12:10:01.001Z', 'pay "1" é', 4),
        ('bbbbbbbb-0000-7000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-000000000001', 'o''neil', sha256('two'), 0,
            '2026-11-01T12:00:01.001Z', '2026-11-01T12:10:01.999Z', NULL, 3),
        ('bbbbbbbb-0000-7000-8000-000000000003', 'aaaaaaaa-0000-4000-8000-000000000001', 'eve', sha256('three'), 2,
            '2026-11-01T12:00:02Z', '2026-11-01T12:10:02Z', NULL, 6);
    INSERT INTO booking_seats (booking_id, position, showtime_id, seat, live) VALUES
        ('bbbbbbbb-0000-7000-8000-000000000001', 0, 'aaaaaaaa-0000-4000-8000-000000000001', 0, true),
        ('bbbbbbbb-0000-7000-8000-000000000002', 0, 'aaaaaaaa-0000-4000-8000-000000000001', 3, true),
        ('bbbbbbbb-0000-7000-8000-000000000002', 1, 'aaaaaaaa-0000-4000-8000-000000000001', 2, true),
        ('bbbbbbbb-0000-7000-8000-000000000003', 0, 'aaaaaaaa-0000-4000-8000-000000000001', 1, false);
    INSERT INTO events (showtime_id, sequence, recorded_at, kind, payload)
    SELECT 'aaaaaaaa-0000-4000-8000-000000000001', e.sequence, e.at::timestamptz, e.payload ->> 'type', e.payload
    FROM (VALUES
        (1, '2026-11-01T12:00:00.123Z', '{"type":"ShowtimeScheduled","movieTitle":"Old","startTime":"2030-01-01T20:00:00Z",
            "rows":[{"row":"A","seats":4}]}'::jsonb),
        (2, '2026-11-01T12:00:01.001Z', '{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000001",
            "seatIds":["SEAT0"],"userId":"ada","expiresAt":"2026-11-01T12:10:01.001Z"}'),
        (3, '2026-11-01T12:00:01.001Z', '{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000002",
            "seatIds":["SEAT3","SEAT2"],"userId":"o''neil","expiresAt":"2026-11-01T12:10:01.999Z"}'),
        (4, '2026-11-01T12:00:02Z', '{"type":"BookingConfirmed","bookingId":"bbbbbbbb-0000-7000-8000-000000000001",
            "seatIds":["SEAT0"],"paymentReference":"pay \"1\" é"}'),
        (5, '2026-11-01T12:00:02Z', '{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000003",
            "seatIds":["SEAT1"],"userId":"eve","expiresAt":"2026-11-01T12:10:02Z"}'),
        (6, '2026-11-01T12:00:03Z', '{"type":"BookingCancelled","bookingId":"bbbbbbbb-0000-7000-8000-000000000003",
            "seatIds":["SEAT1"]}')) e (sequence, at, payload);
    INSERT INTO outbox (showtime_id, first_sequence, last_sequence, traceparent) VALUES
        ('aaaaaaaa-0000-4000-8000-000000000001', 4, 5, 'trace'), ('aaaaaaaa-0000-4000-8000-000000000001', 6, 6, NULL);
    INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
    VALUES (sha256('key'), sha256('asked'), '{"a":1}', '\x000102030405060708090a0b0c0d0e0f', '2026-11-01T12:00:02Z', 5);
"#;

fn fnv_1a(bytes: &[u8]) -> u64 {
    let take = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, take)
}

/// Every row keeps its meaning, and the showtime goes on selling.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_for_each_event_becomes_a_row_for_each_commit() {
    let (database, client) = database_of(&[FIRST, "2026-11-27-000003_payments"]).await;
    let id = ShowtimeId("aaaaaaaa-0000-4000-8000-000000000001".parse().unwrap());
    let mut rows = OLD_ROWS.to_owned();
    for seat in 0..4 {
        rows = rows.replace(&format!("SEAT{seat}"), &SeatId::new(id, seat).to_string());
    }
    client.batch_execute(&rows).await.unwrap();
    assert_eq!(migrate(&database.url()).await.unwrap(), migrations().len() - 2);

    let store: Arc<dyn WriteStore> =
        Arc::new(PostgresStore::connect(&database.url(), &Settings::default()).await.unwrap());
    // Journal, seats, bookings, load and outbox agree with each other.
    let audit = check(&store, id).await;
    assert_eq!(audit.sequence, 6);
    let held = stored(&store, BookingId("bbbbbbbb-0000-7000-8000-000000000002".parse().unwrap())).await;
    assert_eq!(held.seat_ids.iter().map(|seat| seat.index()).collect::<Vec<_>>(), [3, 2], "in the client's order");
    assert_eq!((held.user_id.as_str(), held.token.0), ("o'neil", Sha256::digest("two").into()));
    assert_eq!(held.expires_at.to_string(), "2026-11-01T12:10:01.999Z");
    let sold = stored(&store, BookingId("bbbbbbbb-0000-7000-8000-000000000001".parse().unwrap())).await;
    assert_eq!(sold.payment_reference, Some(PaymentReference::parse("pay \"1\" é").unwrap()));
    let cancelled = BookingId("bbbbbbbb-0000-7000-8000-000000000003".parse().unwrap());
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
    let (database, client) = database_of(&[FIRST]).await;
    let old = "INSERT INTO bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version) \
               SELECT u.id, gen_random_uuid(), 'ada', sha256('x'), 1, u.at, u.at, 'pay', 3 \
               FROM (VALUES (gen_random_uuid(), now()), ('00000000-0000-0000-0000-000000000001', now() - interval '1 day')) u (id, at)";
    client.batch_execute(old).await.unwrap();
    assert_eq!(migrate(&database.url()).await.unwrap(), migrations().len() - 1);
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
