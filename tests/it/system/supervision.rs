//! Actors that are lost in the middle of their work: the next command, and the one at hand, are served by a fresh actor with reloaded state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use turnstile::box_office::{BoxOffice, BoxOfficeError, Dependencies, RequestContext, Reserved, Settings, Wanted};
use turnstile::domain::{
    BookingId, Clock, Listing, Rejection, Row, SeatId, SeatMap, SeatSelection, ShowtimeId, Timestamp, UserId,
};
use turnstile::seat_lock::in_process::InProcessLock;
use turnstile::seat_lock::{Claim, Claimed, LockError, SeatLock};
use turnstile::telemetry::Counters;
use turnstile::write_store::WriteStore;
use turnstile::write_store::sqlite::SqliteStore;
use uuid::Uuid;

/// What goes wrong next, once.
#[derive(Default)]
struct Mishap(AtomicU8);

const NOTHING: u8 = 0;
const PANIC_IN_THE_ACTOR: u8 = 1;
const STOP_THE_ARBITER: u8 = 2;
const PANIC_IN_THE_BATCH: u8 = 3;

impl Mishap {
    fn plan(&self, mishap: u8) {
        self.0.store(mishap, Ordering::SeqCst);
    }

    /// True exactly once after it was planned.
    fn strikes(&self, mishap: u8) -> bool {
        self.0.compare_exchange(mishap, NOTHING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn is_planned(&self) -> bool {
        self.0.load(Ordering::SeqCst) != NOTHING
    }
}

/// The real lock, with a mishap on the way.
struct UnluckyLock {
    lock: InProcessLock,
    mishap: Arc<Mishap>,
}

#[async_trait]
impl SeatLock for UnluckyLock {
    async fn claim(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<Vec<Claimed>, LockError> {
        assert!(!self.mishap.strikes(PANIC_IN_THE_BATCH), "a planned panic in the batch");
        self.lock.claim(showtime, claims).await
    }

    async fn take_over(
        &self,
        showtime: ShowtimeId,
        ghosts: Vec<BookingId>,
        claim: Claim,
        deadline: Timestamp,
    ) -> Result<Claimed, LockError> {
        self.lock.take_over(showtime, ghosts, claim, deadline).await
    }

    async fn keep_until(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<(), LockError> {
        self.lock.keep_until(showtime, claims).await
    }

    async fn release(&self, showtime: ShowtimeId, claims: Vec<Claim>) -> Result<(), LockError> {
        self.lock.release(showtime, claims).await
    }

    async fn ping(&self) -> Result<(), LockError> {
        self.lock.ping().await
    }
}

/// A box office on a real SQLite store, with planned mishaps.
struct Office {
    office: BoxOffice,
    mishap: Arc<Mishap>,
    counters: Arc<Counters>,
    showtime: ShowtimeId,
    stop: Option<oneshot::Sender<()>>,
    system: Option<std::thread::JoinHandle<()>>,
    dir: std::path::PathBuf,
}

impl Office {
    async fn open(settings: Settings) -> Self {
        let dir = std::env::temp_dir().join(format!("turnstile-office-{}", Uuid::new_v4()));
        let store: Arc<dyn WriteStore> =
            Arc::new(SqliteStore::open(&dir, &turnstile::write_store::sqlite::Settings::default()).unwrap());
        let mishap = Arc::new(Mishap::default());
        let counters = Arc::new(Counters::default());
        let clock = unlucky_clock(Arc::clone(&mishap));
        let deps = Dependencies {
            ledger: store,
            seat_lock: Arc::new(UnluckyLock {
                lock: InProcessLock::new(Arc::clone(&clock)),
                mishap: Arc::clone(&mishap),
            }),
            clock,
            runtime: tokio::runtime::Handle::current(),
            wake_relay: Arc::new(Notify::new()),
            counters: Arc::clone(&counters),
            settings,
        };
        let (opened, office) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let system = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                assert!(opened.send(BoxOffice::start(deps)).is_ok());
                let _stopped = stopped.await;
            });
        });
        let office = office.await.unwrap();
        let seat_map = SeatMap::new(vec![Row::numbered("A", 10)]).unwrap();
        let showtime = office.schedule(Listing::new("M", Timestamp::MAX), seat_map, None).await.unwrap().showtime_id;
        Self { office, mishap, counters, showtime, stop: Some(stop), system: Some(system), dir }
    }

    async fn reserve(&self, seat: u32) -> Result<Reserved, BoxOfficeError> {
        let seats = SeatSelection::new(self.showtime, vec![SeatId::new(self.showtime, seat)]).unwrap();
        self.office
            .reserve(self.showtime, Wanted::Seats(seats), UserId::parse("u").unwrap(), RequestContext::default())
            .await
    }

    /// After a mishap: the command at hand was served, nothing was sold twice, and the actor is a new one.
    async fn survives(&self, mishap: u8) {
        assert_eq!(self.reserve(0).await.unwrap().outcome.sequence, 2);
        let opened = self.counters.showtimes_opened.get();
        self.mishap.plan(mishap);
        let second = self.reserve(1).await.unwrap();
        assert_eq!(second.outcome.sequence, 3, "carried out once");
        assert!(!self.mishap.is_planned(), "the mishap never struck");
        assert!(matches!(self.reserve(0).await, Err(BoxOfficeError::Rejected(Rejection::SeatsTaken { .. }))));
        assert!(matches!(self.reserve(1).await, Err(BoxOfficeError::Rejected(Rejection::SeatsTaken { .. }))));
        assert_eq!(self.reserve(2).await.unwrap().outcome.sequence, 4);
        if mishap != PANIC_IN_THE_BATCH {
            assert!(self.counters.showtimes_opened.get() > opened, "served by a fresh actor");
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(system) = self.system.take() {
            let _joined = system.join();
        }
        let _removed = std::fs::remove_dir_all(&self.dir);
    }
}

/// The system's clock; on an arbiter's thread a planned mishap strikes.
fn unlucky_clock(mishap: Arc<Mishap>) -> Clock {
    Arc::new(move || {
        let on_an_arbiter = actix::Arbiter::try_current().is_some() && tokio::runtime::Handle::try_current().is_ok();
        if on_an_arbiter {
            assert!(!mishap.strikes(PANIC_IN_THE_ACTOR), "a planned panic in the actor");
            if mishap.strikes(STOP_THE_ARBITER) {
                actix::Arbiter::current().stop();
            }
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_actor_costs_nothing_but_the_actor() {
    Office::open(Settings::default()).await.survives(PANIC_IN_THE_ACTOR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_arbiter_is_replaced() {
    Office::open(Settings::default()).await.survives(STOP_THE_ARBITER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_batch_is_asked_again() {
    Office::open(Settings::default()).await.survives(PANIC_IN_THE_BATCH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_commands_than_the_bound_are_refused_with_a_time_to_try_again() {
    let office = Office::open(Settings { max_queued: 4, ..Settings::default() }).await;
    let answers =
        futures_util::future::join_all((0..10).chain(0..10).chain(0..10).map(|seat| office.reserve(seat))).await;
    let overloaded = answers.iter().filter(|answer| matches!(answer, Err(BoxOfficeError::Overloaded { .. }))).count();
    let granted = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(overloaded > 0, "thirty at once do not fit a queue of four");
    assert!(granted > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_showtime_is_put_away_and_comes_back() {
    let office = Office::open(Settings { idle_seconds: 1, hold_seconds: 1, ..Settings::default() }).await;
    office.reserve(0).await.unwrap();
    let opened = office.counters.showtimes_opened.get();
    crate::stack::eventually(
        "the hold has ended and the seat is free for a fresh actor",
        Duration::from_secs(10),
        || async { office.counters.holds_expired.get() == 1 },
    )
    .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(office.reserve(0).await.unwrap().outcome.sequence, 4);
    assert_eq!(office.counters.showtimes_opened.get(), opened + 1, "it was put away");
}

/// More showtimes with pending holds than may be open at once: each is served, and every hold ends all the same.
#[tokio::test(flavor = "multi_thread")]
async fn unused_showtimes_make_room_whatever_they_hold() {
    const SHOWTIMES: u64 = 60;
    let settings = Settings { max_open_showtimes: 16, hold_seconds: 3, idle_seconds: 3_600, ..Settings::default() };
    let office = Office::open(settings).await;
    for _ in 0..SHOWTIMES {
        let row = SeatMap::new(vec![Row::numbered("A", 2)]).unwrap();
        let created = office.office.schedule(Listing::new("M", Timestamp::MAX), row, None).await.unwrap();
        let id = created.showtime_id;
        let seats = SeatSelection::new(id, vec![SeatId::new(id, 0)]).unwrap();
        let reserved = office
            .office
            .reserve(id, Wanted::Seats(seats), UserId::parse("u").unwrap(), RequestContext::default())
            .await
            .unwrap();
        assert_eq!(reserved.outcome.sequence, 2);
        // One that is used all the time keeps its place.
        assert!(office.reserve(0).await.is_ok() || office.counters.rejected_from_board.get() > 0);
    }
    assert!(office.counters.showtimes_opened.get() >= SHOWTIMES);
    crate::stack::eventually("every hold has ended", Duration::from_secs(20), || async {
        office.counters.holds_expired.get() > SHOWTIMES
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_showtime_is_refused() {
    let office = Office::open(Settings::default()).await;
    let unknown = ShowtimeId(Uuid::new_v4());
    let seats = SeatSelection::new(unknown, vec![SeatId::new(unknown, 0)]).unwrap();
    let refused = office
        .office
        .reserve(unknown, Wanted::Seats(seats), UserId::parse("u").unwrap(), RequestContext::default())
        .await;
    assert!(matches!(refused, Err(BoxOfficeError::Rejected(Rejection::UnknownShowtime))));
}
