//! Holds whose node has died: the nodes that live end them in time, however many showtimes they are spread over.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use turnstile::domain::{Booking, Timestamp};
use turnstile::write_store::postgres::{PostgresStore, Settings};
use turnstile::write_store::{Role, WriteStore};

use crate::ports::write_store::draft::{Draft, booking, new_showtime};
use crate::services;
use crate::stack::{Stack, eventually};

/// Showtimes with a hold each; by hand, `TEST_DEAD_HOLDS` sets another number.
const SHOWTIMES: u32 = 600;
/// Seats of each; by hand, `TEST_SEATS`.
const SEATS: u32 = 10;
/// Calls under way at once while the holds are made: as many as the store has connections for, so that none waits for one.
const AT_ONCE: usize = 8;
/// A hold ends at its deadline, this much later at most while any node lives.
const LATEST: Duration = Duration::from_secs(2);
/// So long before their deadline the holds are counted.
const COUNTED_BEFORE: Duration = Duration::from_millis(300);

fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

async fn pending(client: &tokio_postgres::Client) -> i64 {
    client.query_one("SELECT count(*) FROM bookings WHERE status = 0", &[]).await.unwrap().get(0)
}

/// What a dead node has left: showtimes that nobody has open, with a hold each. All of them end at the deadline that is returned.
async fn leave_holds(store: &Arc<dyn WriteStore>, (showtimes, seats): (u32, u32)) -> Timestamp {
    let began = Instant::now();
    let scheduled = futures_util::stream::iter(0..showtimes).map(async |_| {
        let new = new_showtime(seats);
        let id = new.id;
        store.schedule(new).await.unwrap();
        id
    });
    let ids: Vec<_> = scheduled.buffer_unordered(AT_ONCE).collect().await;
    // By then they are all made, on a slow machine, too: a hold costs about as much as its showtime.
    let deadline = now() + Duration::from_secs(4) + 4 * began.elapsed();
    let held = futures_util::stream::iter(ids).map(async |id| {
        let hold = Booking { reserved_at: now(), expires_at: deadline, ..booking(id, &[0, 1]) };
        store.commit(Draft::kept(store, id).await.reserve(&hold, 1).done()).await.unwrap();
    });
    held.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    assert!(now() < deadline, "the holds took far longer than their showtimes");
    deadline
}

async fn store(stack: &Stack) -> Arc<dyn WriteStore> {
    let settings = Settings { pool_size: 12, ..Settings::default() };
    Arc::new(PostgresStore::connect(&stack.postgres_url(), &settings).await.unwrap())
}

/// How long after `deadline` the last of `count` holds has ended.
async fn ended_late(stack: &Stack, count: u32, deadline: Timestamp) -> Duration {
    let (client, connection) = tokio_postgres::connect(&stack.postgres_url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    tokio::time::sleep(deadline.since(now()).saturating_sub(COUNTED_BEFORE)).await;
    let all = pending(&client).await;
    // A count that was made later says nothing.
    assert!(now() >= deadline || all == i64::from(count), "none ends before its deadline: {all} of {count} are left");
    tokio::time::sleep(deadline.since(now())).await;
    // Counting thousands again and again would take time from those who end them.
    let any = "SELECT EXISTS (SELECT 1 FROM bookings WHERE status = 0)";
    let ended = async || !client.query_one(any, &[]).await.unwrap().get::<_, bool>(0);
    eventually("every hold has ended", 30 * LATEST, ended).await;
    now().since(deadline)
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_of_many_showtimes_end_in_time_after_their_nodes_death() {
    let stack = Stack::real(services::shared()).await;
    let _survivors = [stack.start(), stack.start()];
    let (showtimes, seats) = (number("TEST_DEAD_HOLDS", SHOWTIMES), number("TEST_SEATS", SEATS));
    let deadline = leave_holds(&store(&stack).await, (showtimes, seats)).await;
    let late = ended_late(&stack, showtimes, deadline).await;
    println!("{showtimes} holds had ended {late:?} after their deadline");
    assert!(late <= LATEST, "the last hold ended {late:?} late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweeper_that_stands_still_is_not_waited_for() {
    let stack = Stack::real(services::shared()).await;
    let _survivor = stack.start();
    let store = store(&stack).await;
    let frozen = store.lead(Role::Sweeper).await.unwrap();
    assert!(frozen.is_some());
    let deadline = leave_holds(&store, (20, SEATS)).await;
    let late = ended_late(&stack, 20, deadline).await;
    assert!(late <= LATEST, "the last hold ended {late:?} late");
    assert!(late >= Duration::from_millis(700), "the leader was not given its time: {late:?}");
    drop(frozen);
}
