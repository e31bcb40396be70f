//! Statements: how often they are prepared, how many round trips they cost, and how much they read.

use std::sync::Arc;

use futures_util::future::join_all;
use turnstile::domain::{Booking, SeatIndex, ShowtimeId};
use turnstile::write_store::postgres::{PostgresStore, Settings};
use turnstile::write_store::{Role, WriteStore};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, key, reserved, scheduled};
use crate::ports::write_store::postgres::{Database, Postgres};
use crate::proxy::Proxy;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_costs_constant_round_trips_and_is_prepared_once() {
    let adapter = Postgres::fresh().await;
    let proxy = Proxy::to(&Database::server()).await;
    let settings = Settings { pool_size: 1, ..Settings::default() };
    let url = adapter.database.url_through(proxy.address());
    let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &settings).await.unwrap());
    let direct = adapter.store();
    let id = scheduled(&direct, 2_000).await;
    let mut next: SeatIndex = 0;
    let mut batch = |bookings: u32, keys: bool| {
        let mut draft = Draft::new(id, 0);
        for number in next..next + bookings {
            draft = draft.reserve(&booking(id, &[number]), 1);
            if keys {
                draft = draft.key(key(&format!("key {number}")));
            }
        }
        next += bookings;
        draft.done()
    };

    let mut costs = Vec::new();
    for (bookings, keys) in [(1, false), (1, false), (50, true), (700, true), (2, false)] {
        let before = proxy.round_trips();
        store.commit(batch(bookings, keys)).await.unwrap();
        costs.push(proxy.round_trips() - before);
    }
    assert_eq!(costs, [2, 1, 1, 1, 1], "prepared by the first commit, then one round trip whatever the size");

    // Showtime and seats; if a booking is pending, then once more in a transaction with the bookings.
    let free = scheduled(&direct, 2_000).await;
    for (id, cost) in [(free, 1), (id, 5)] {
        store.load(id).await.unwrap();
        let before = proxy.round_trips();
        store.load(id).await.unwrap();
        assert_eq!(proxy.round_trips() - before, cost);
        store.take_over(id).await.unwrap();
        let before = proxy.round_trips();
        store.take_over(id).await.unwrap();
        assert_eq!(proxy.round_trips() - before, cost);
    }
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = proxy.round_trips();
        let rows = store.outbox(100, vec![]).await.unwrap();
        store.outbox_confirmed(vec![rows[0].position]).await.unwrap();
        store.journal(id, 5, 10).await.unwrap();
        store.heads(vec![id]).await.unwrap();
        store.heads_page(Some(id), 10).await.unwrap();
        store.changed(rows[0].run.events()[0].recorded_at, 10).await.unwrap();
        store.idempotency(vec![[0; 32]]).await.unwrap();
        store.due(rows[0].run.events()[0].recorded_at, 10).await.unwrap();
        store.bookings(vec![booking(id, &[1]).id]).await.unwrap();
        store.outbox_depth(1_000).await.unwrap();
        store.ping().await.unwrap();
        costs.push(proxy.round_trips() - before);
    }
    assert_eq!(
        costs[1..],
        [13, 13],
        "eleven calls, the outbox asking for rows and for events, the ping writing and asking for the time: nothing is prepared again"
    );
    assert_eq!(
        proxy.connections(),
        4,
        "one for commands, one for reads, and two at the start that looked for a pooler"
    );
}

/// The node that leads the relay knows what it has committed itself, and reads only what it does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_does_not_read_its_own_commits_back() {
    let adapter = Postgres::fresh().await;
    let proxy = Proxy::to(&Database::server()).await;
    let url = adapter.database.url_through(proxy.address());
    let settings = Settings { pool_size: 1, ..Settings::default() };
    let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &settings).await.unwrap());
    let direct = adapter.store();
    let id = scheduled(&direct, 100).await;
    let reserve = |seats: &[SeatIndex]| Draft::new(id, 0).reserve(&booking(id, seats), 1).done();
    let look = async |cost| {
        let before = proxy.round_trips();
        let rows = store.outbox(100, vec![]).await.unwrap();
        assert_eq!(proxy.round_trips() - before, cost);
        assert_eq!(rows, direct.outbox(100, vec![]).await.unwrap(), "as the journal has them");
        rows
    };
    let settle = async || {
        let positions = direct.outbox(100, vec![]).await.unwrap().iter().map(|row| row.position).collect();
        store.outbox_confirmed(positions).await.unwrap();
    };

    let leadership = store.lead(Role::Relay).await.unwrap().unwrap();
    store.outbox(100, vec![]).await.unwrap();
    settle().await;
    store.commit(reserve(&[1, 2])).await.unwrap();
    store.commit(reserve(&[3])).await.unwrap();
    assert_eq!(look(1).await.len(), 2);
    look(2).await;
    settle().await;
    store.commit(reserve(&[4])).await.unwrap();
    direct.commit(reserve(&[5])).await.unwrap();
    look(2).await;
    settle().await;
    drop(leadership);
    store.commit(reserve(&[6])).await.unwrap();
    look(2).await;
}

/// Plans are made once and kept. Those made while the tables were nearly empty must not read whole showtimes later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_reads_only_the_rows_it_changes() {
    const COMMITS: u32 = 40;
    let adapter = Postgres::fresh().await;
    let watcher = adapter.database.client().await;
    // No analysis may come to the rescue.
    for table in ["showtimes", "seats", "bookings", "journal", "outbox", "idempotency"] {
        watcher.batch_execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = false)")).await.unwrap();
    }
    let node = adapter.node(&Settings { pool_size: 1, ..Settings::default() }).await;
    let store: Arc<dyn WriteStore> = node;
    let small = scheduled(&store, 20).await;
    for seat in 0..10 {
        reserve_and_cancel(&store, small, vec![booking(small, &[seat])], 1).await;
    }
    let large = scheduled(&adapter.store(), 50_000).await;
    let neighbour = scheduled(&adapter.store(), 50_000).await;
    for seat in 0..100 {
        store.commit(Draft::new(neighbour, 0).reserve(&booking(neighbour, &[seat]), 1).done()).await.unwrap();
    }
    for number in 0..COMMITS {
        let new = vec![booking(large, &[number, 49_999 - number]), booking(large, &[1_000 + number])];
        reserve_and_cancel(&store, large, new, 1).await;
    }
    drop(store);

    // A session reports what it read when it ends. Per round 3 + 2 seats and 1 booking are changed, each read once.
    let counters = "SELECT relname, coalesce(idx_tup_fetch, 0) + seq_tup_read, n_tup_upd FROM pg_stat_user_tables \
                    WHERE relname IN ('showtimes', 'seats', 'bookings', 'journal') ORDER BY relname";
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let read = loop {
        let rows = watcher.query(counters, &[]).await.unwrap();
        let read: Vec<(String, i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        if read.iter().any(|(table, _, updated)| table == "seats" && *updated >= i64::from(5 * COMMITS)) {
            break read;
        }
        assert!(tokio::time::Instant::now() < deadline, "the session's counters never came: {read:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    for (table, read, _) in read {
        assert!(read <= 500, "{read} rows of {table} were read, where some 300 were changed at most");
    }
}

/// Reserves seats at `version`, with a key, and cancels the first booking again.
async fn reserve_and_cancel(store: &Arc<dyn WriteStore>, id: ShowtimeId, new: Vec<Booking>, version: u64) {
    let mut draft = Draft::new(id, 0).reserve(&new[0], version).key(key(&new[0].id.to_string()));
    for further in &new[1..] {
        draft = draft.reserve(further, version);
    }
    let version = store.commit(draft.done()).await.unwrap().first_sequence;
    let held = Booking { version, ..new[0].clone() };
    store.commit(Draft::new(id, 0).cancel(&held).done()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_from_any_runtime() {
    let adapter = Postgres::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let held = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut leadership = store.lead(Role::Relay).await.unwrap().unwrap();
            assert!(leadership.is_held().await);
            reserved(&store, id, &[2], 1).await
        })
    });
    let held = held.await.unwrap();
    let loaded = adapter.store().load(id).await.unwrap().unwrap();
    assert_eq!(loaded.showtime.booking(held.id), Some(&held));
}

/// A load reads seats and bookings one after the other, but of one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_has_to_wait_is_of_one_moment() {
    let adapter = Postgres::fresh().await;
    let store: Arc<dyn WriteStore> = adapter.node(&Postgres::patient()).await;
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[0], 1).await;
    let writer = adapter.database.client().await;
    writer.batch_execute("BEGIN; LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let reader = store.clone();
    let load = tokio::spawn(async move { reader.load(id).await });
    let waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let watcher = adapter.database.client().await;
    while watcher.query(waiting, &[]).await.unwrap().is_empty() {
        assert!(!load.is_finished(), "the load should wait for the bookings");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // Now the hold ends.
    let end = "UPDATE bookings SET status = 3, version = 3; UPDATE seats SET status = 0, version = 3, booking_id = NULL \
               WHERE seat = 0; UPDATE showtimes SET sequence = 3; COMMIT";
    writer.batch_execute(end).await.unwrap();
    let showtime = load.await.unwrap().unwrap().unwrap().showtime;
    assert_eq!((showtime.sequence(), showtime.seat(0)), (3, Some((turnstile::domain::SeatStatus::Available, 3))));
    assert_eq!(showtime.booking(held.id), None, "a free seat has no pending booking");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn showtimes_that_wait_at_the_same_time_share_a_commit() {
    const SHOWTIMES: usize = 60;
    let adapter = Postgres::fresh().await;
    let proxy = Proxy::to(&Database::server()).await;
    let settings = Settings { commit_lanes: 1, max_batches_per_commit: 32, ..Settings::default() };
    let url = adapter.database.url_through(proxy.address());
    let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &settings).await.unwrap());
    let mut batches = Vec::new();
    for _ in 0..SHOWTIMES {
        let id = scheduled(&store, 2).await;
        batches.push(Draft::new(id, 0).reserve(&booking(id, &[0]), 1).done());
    }
    let before = proxy.round_trips();
    let outcomes = join_all(batches.iter().map(|batch| store.commit(Arc::clone(batch)))).await;
    let cost = proxy.round_trips() - before;
    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().first_sequence == 2));
    assert!(cost <= 5, "{cost} round trips: one to prepare, one alone, and 32 batches in each further one");
}

/// Its batch shares a statement with theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_showtime_holds_up_no_other() {
    holds_up_no_other(false).await;
}

/// Its batch has the only lane for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_showtime_that_came_first_holds_up_no_other() {
    holds_up_no_other(true).await;
}

/// Somebody holds on to a showtime's row for as long as the test wants: the batches of other showtimes land meanwhile, again and
/// again, and its own lands in the end.
async fn holds_up_no_other(is_first: bool) {
    let adapter = Postgres::fresh().await;
    let patience = Settings { commit_lanes: 1, pool_size: 8, ..Postgres::patient() };
    let store: Arc<dyn WriteStore> = adapter.node(&patience).await;
    let stuck = scheduled(&store, 3).await;
    let mut others = Vec::new();
    for _ in 0..30 {
        others.push(scheduled(&store, 3).await);
    }
    let holder = adapter.database.client().await;
    holder.batch_execute(&format!("BEGIN; SELECT 1 FROM showtimes WHERE id = '{stuck}' FOR UPDATE")).await.unwrap();

    let reserve = |id: ShowtimeId, seat| {
        let store = Arc::clone(&store);
        let batch = Draft::new(id, 0).reserve(&booking(id, &[seat]), 1).done();
        tokio::spawn(async move { store.commit(batch).await.unwrap().first_sequence })
    };
    let mut late = None;
    if is_first {
        late = Some(reserve(stuck, 0));
        let waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let watcher = adapter.database.client().await;
        while watcher.query(waiting, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    for seat in 0..3 {
        let (before, after) = others.split_at(others.len() / 2);
        let mut landing: Vec<_> = before.iter().map(|id| reserve(*id, seat)).collect();
        // By now all lanes are under way, and it shares the next load.
        late.get_or_insert_with(|| reserve(stuck, 0));
        landing.extend(after.iter().map(|id| reserve(*id, seat)));
        let landing = join_all(landing);
        let landed = tokio::time::timeout(std::time::Duration::from_secs(20), landing).await.unwrap();
        assert!(landed.into_iter().all(|sequence| sequence.unwrap() == 2 + u64::from(seat)));
    }
    let late = late.unwrap();
    assert!(!late.is_finished(), "the row was held all the time");
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(late.await.unwrap(), 2);
}
