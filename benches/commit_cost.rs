//! What a booking costs in PostgreSQL: the processor time of the server's processes and the bytes of its log, for commits of 50, of 10
//! and of 1 booking of one seat.
//!
//! `commit_cost URL` makes a database of its own on the server, which must run on this machine (its processes are found under `/proc`),
//! and prints one JSON object for each size of commit.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a program for developers: it speaks on standard output, reads the clock, and may end with a panic"
)]
#![allow(missing_docs, reason = "not a library")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::sql_types::{Array, BigInt, Integer, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use turnstile::domain::{
    Booking, BookingId, BookingStatus, Event, Listing, Row, SeatId, SeatIndex, SeatMap, SeatStatus, ShowtimeId,
    Timestamp, TokenHash, UserId,
};
use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use turnstile::write_store::{Batch, BookingChange, NewShowtime, SeatChange, WriteStore};
use uuid::Uuid;

/// Bookings that are measured, and before them those that warm up, for each size of commit.
const MEASURED: u32 = 20_000;
const WARM_UP: u32 = 5_000;
/// Clock ticks a second in `/proc`, on every Linux of the last decades.
const TICKS: u64 = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [url] = arguments.as_slice() else {
        eprintln!("commit_cost: nothing to do without a URL; benches/limits.sh uses it");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(url));
}

async fn measure(url: &str) {
    let name = format!("commit_cost_{}", Uuid::new_v4().simple());
    let mut admin = AsyncPgConnection::establish(url).await.unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let mut own = url::Url::parse(url).unwrap();
    own.set_path(&name);
    migrate(own.as_str()).await.unwrap();
    for size in [50, 10, 1] {
        let settings = Settings { commit_lanes: 1, ..Settings::default() };
        let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(own.as_str(), &settings).await.unwrap());
        run(&store, &mut admin, &name, size).await;
    }
    admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

async fn run(store: &Arc<dyn WriteStore>, admin: &mut AsyncPgConnection, database: &str, size: u32) {
    let id = ShowtimeId(Uuid::new_v4());
    let seat_map = SeatMap::new(vec![Row::numbered("A", WARM_UP + MEASURED)]).unwrap();
    let recorded_at = now();
    let listing = Listing::new("Bourne Identity", recorded_at + Duration::from_hours(24));
    store.schedule(NewShowtime { id, listing, seat_map, recorded_at, idempotency: None }).await.unwrap();
    let fence = store.take_over(id).await.unwrap().unwrap().fence;
    sell(store, id, fence, 0..WARM_UP, size).await;
    let (before, started) = (Cost::of(admin, database).await, Instant::now());
    sell(store, id, fence, WARM_UP..WARM_UP + MEASURED, size).await;
    let (wall, after) = (started.elapsed(), Cost::of(admin, database).await);
    let each = |total: u64| total / u64::from(MEASURED);
    let result = serde_json::json!({
        "bookingsPerCommit": size,
        "backendMicrosecondsPerBooking": each((after.ticks - before.ticks) * 1_000_000 / TICKS),
        "logBytesPerBooking": each(after.log - before.log),
        "wallMicrosecondsPerBooking": each(u64::try_from(wall.as_micros()).unwrap()),
    });
    println!("{result}");
}

/// Books these seats, one seat a booking.
async fn sell(store: &Arc<dyn WriteStore>, id: ShowtimeId, fence: u64, seats: std::ops::Range<u32>, size: u32) {
    let mut first = seats.start;
    while first < seats.end {
        let batch = batch(id, fence, first..(first + size).min(seats.end));
        store.commit(Arc::new(batch)).await.unwrap();
        first += size;
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn batch(id: ShowtimeId, fence: u64, seats: std::ops::Range<SeatIndex>) -> Batch {
    let recorded_at = now();
    let bookings: Vec<Booking> = seats
        .clone()
        .map(|seat| Booking {
            id: BookingId(Uuid::now_v7()),
            showtime_id: id,
            seat_ids: vec![SeatId::new(id, seat)],
            user_id: UserId::parse(format!("customer-{seat}")).unwrap(),
            token: TokenHash(*seat.to_be_bytes().repeat(8).first_chunk().unwrap()),
            status: BookingStatus::Pending,
            reserved_at: recorded_at,
            expires_at: recorded_at + Duration::from_mins(10),
            payment_reference: None,
            cancel_reason: None,
            refunded: Vec::new(),
            refused_payment: None,
            block: None,
            from_blocks: Vec::new(),
            version: 0,
            price: None,
        })
        .collect();
    Batch {
        showtime_id: id,
        fence,
        recorded_at,
        events: bookings
            .iter()
            .map(|booking| Event::SeatsReserved {
                booking_id: booking.id,
                seat_ids: booking.seat_ids.clone(),
                user_id: booking.user_id.clone(),
                expires_at: booking.expires_at,
                price: None,
                from_blocks: Vec::new(),
            })
            .collect(),
        follows: None,
        listing: None,
        seats: bookings
            .iter()
            .zip(seats)
            .enumerate()
            .map(|(event, (booking, seat))| SeatChange {
                seat,
                expected_version: 1,
                status: SeatStatus::Reserved,
                booking_id: Some(booking.id),
                event,
            })
            .collect(),
        bookings: bookings
            .into_iter()
            .enumerate()
            .map(|(event, booking)| BookingChange { booking, expected_version: None, event })
            .collect(),
        idempotency: Vec::new(),
        traceparent: None,
    }
}

/// What the database's sessions have used so far.
struct Cost {
    ticks: u64,
    log: u64,
}

#[derive(QueryableByName)]
struct Sessions {
    #[diesel(sql_type = Array<Integer>)]
    pids: Vec<i32>,
    #[diesel(sql_type = BigInt)]
    log: i64,
}

impl Cost {
    async fn of(admin: &mut AsyncPgConnection, database: &str) -> Self {
        use diesel_async::RunQueryDsl;

        let sessions: Sessions = sql_query(
            "SELECT array_agg(pid) AS pids, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8 AS log \
             FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'",
        )
        .bind::<Text, _>(database)
        .get_result(admin)
        .await
        .unwrap();
        let ticks = sessions.pids.into_iter().map(ticks_of).sum();
        Self { ticks, log: u64::try_from(sessions.log).unwrap() }
    }
}

/// User and system time of a process, in clock ticks. The process's name stands in parentheses and may have spaces.
fn ticks_of(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<u64> = fields.split_whitespace().skip(11).take(2).map(|field| field.parse().unwrap()).collect();
    fields.iter().sum()
}
