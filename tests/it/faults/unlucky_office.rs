//! A box office on an unlucky store, with a clock that only the test turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use turnstile::box_office::{BoxOffice, BoxOfficeError, Dependencies, RequestContext, Reserved, Settings, Wanted};
use turnstile::domain::{Clock, Listing, Row, SeatId, SeatMap, SeatSelection, ShowtimeId, Timestamp, UserId};
use turnstile::seat_lock::in_process::InProcessLock;
use turnstile::telemetry::Counters;
use turnstile::write_store::sqlite::{self, SqliteStore};
use uuid::Uuid;

use crate::faults::unlucky_store::{Fate, On, UnluckyStore};

/// A box office on a SQLite store that loses answers, and a clock that only the test turns.
pub struct Office {
    pub office: BoxOffice,
    pub store: Arc<UnluckyStore>,
    pub lock: Arc<InProcessLock>,
    pub showtime: ShowtimeId,
    pub millis: Arc<AtomicI64>,
    pub counters: Arc<Counters>,
    nodes: Vec<Node>,
    dir: std::path::PathBuf,
}

/// The actix system that a box office lives in.
struct Node {
    stop: oneshot::Sender<()>,
    system: std::thread::JoinHandle<()>,
}

impl Node {
    async fn start(deps: Dependencies) -> (BoxOffice, Self) {
        let (opened, office) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let system = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                assert!(opened.send(BoxOffice::start(deps)).is_ok());
                let _stopped = stopped.await;
            });
        });
        (office.await.unwrap(), Self { stop, system })
    }
}

impl Office {
    pub async fn open() -> Self {
        let dir = std::env::temp_dir().join(format!("turnstile-lost-{}", Uuid::new_v4()));
        let store = UnluckyStore::new(SqliteStore::open(&dir, &sqlite::Settings::default()).unwrap());
        let millis = Arc::new(AtomicI64::new(1_000_000));
        let lock = Arc::new(InProcessLock::new(clock(&millis)));
        let deps = dependencies(&store, &lock, &millis);
        let counters = Arc::clone(&deps.counters);
        let (office, node) = Node::start(deps).await;
        let showtime = office.schedule(Listing::new("M", Timestamp::MAX), seat_map(), None).await.unwrap().showtime_id;
        Self { office, store, lock, showtime, millis, counters, nodes: vec![node], dir }
    }

    /// The box office of another node with the same store and lock.
    pub async fn another_node(&mut self) -> BoxOffice {
        let (office, node) = Node::start(dependencies(&self.store, &self.lock, &self.millis)).await;
        self.nodes.push(node);
        office
    }

    pub async fn reserve(&self, seat: u32) -> Result<Reserved, BoxOfficeError> {
        self.reserve_all(&[seat]).await
    }

    pub async fn reserve_all(&self, seats: &[u32]) -> Result<Reserved, BoxOfficeError> {
        let seats = seats.iter().map(|seat| SeatId::new(self.showtime, *seat)).collect();
        let seats = SeatSelection::new(self.showtime, seats).unwrap();
        self.office
            .reserve(self.showtime, Wanted::Seats(seats), UserId::parse("u").unwrap(), RequestContext::default())
            .await
    }

    /// Waits until every planned fate has struck: a commit that lands late is under way by then.
    pub async fn until_struck(&self) {
        let waiting = async {
            while !self.store.is_done() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("every planned fate strikes");
    }

    /// Reserves under these fates, and compares what is answered with what is stored.
    pub async fn reserve_under(&self, seat: u32, fates: &[(On, Fate)]) -> Result<Reserved, BoxOfficeError> {
        self.store.plan(fates);
        let answer = self.reserve_and_compare(seat).await;
        assert!(self.store.is_done(), "not every planned fate has struck");
        answer
    }

    /// Reserves, and compares what is answered with what is stored.
    pub async fn reserve_and_compare(&self, seat: u32) -> Result<Reserved, BoxOfficeError> {
        let answer = self.reserve(seat).await;
        let audit = self.store.below().audit(self.showtime).await.unwrap().unwrap();
        let stored: Vec<_> =
            audit.bookings.iter().filter(|booking| booking.seat_ids == [SeatId::new(self.showtime, seat)]).collect();
        match &answer {
            Ok(reserved) => {
                assert_eq!(stored.len(), 1, "granted once: {stored:?}");
                assert_eq!(stored[0].id, reserved.outcome.booking_id);
                assert_eq!(stored[0].version, reserved.outcome.sequence);
            }
            Err(BoxOfficeError::OutcomeUnknown { .. }) => assert!(stored.len() <= 1, "{stored:?}"),
            Err(refused) => assert!(stored.is_empty(), "answered {refused:?}, but it is stored: {stored:?}"),
        }
        answer
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        for Node { stop, system } in self.nodes.drain(..) {
            drop(stop);
            let _joined = system.join();
        }
        let _removed = std::fs::remove_dir_all(&self.dir);
    }
}

fn clock(millis: &Arc<AtomicI64>) -> Clock {
    let millis = Arc::clone(millis);
    Arc::new(move || Timestamp::from_millis(millis.load(Ordering::SeqCst)))
}

fn dependencies(store: &Arc<UnluckyStore>, lock: &Arc<InProcessLock>, millis: &Arc<AtomicI64>) -> Dependencies {
    Dependencies {
        ledger: store.clone(),
        seat_lock: lock.clone(),
        clock: clock(millis),
        runtime: tokio::runtime::Handle::current(),
        wake_relay: Arc::new(Notify::new()),
        counters: Arc::new(Counters::default()),
        // Holds end only when a test says so, not by the sweeper.
        settings: Settings {
            hold_seconds: 10,
            sweep_milliseconds: 3_600_000,
            settle_milliseconds: 2_000,
            stuck_seconds: 1,
            ..Settings::default()
        },
    }
}

pub fn seat_map() -> SeatMap {
    SeatMap::new(vec![Row::numbered("A", 10)]).unwrap()
}
