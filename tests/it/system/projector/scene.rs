//! A write store with showtimes in which things happen, a bus, a read model, and the projector between them. The test is the relay.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use actix::Arbiter;
use turnstile::domain::{Applied, ShowtimeView};
use turnstile::domain::{EventRun, SeatStatus, ShowtimeId, Timestamp};
use turnstile::event_bus::in_process::{self, InProcessBus};
use turnstile::event_bus::{EventBus, Message};
use turnstile::projector::{self, Dependencies, Projector, Settings};
use turnstile::read_model::ReadModel;
use turnstile::write_store::WriteStore;
use turnstile::write_store::sqlite::{self, SqliteStore};
use uuid::Uuid;

use super::faults::{FaultyBus, FaultyReadModel};
use crate::ports::read_model::journal::Dice;
use crate::ports::write_store::draft::{Draft, START, booking, scheduled, stored};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Scene {
    pub store: Arc<dyn WriteStore>,
    pub bus: Arc<FaultyBus>,
    pub model: Arc<FaultyReadModel>,
    pub showtimes: Vec<ShowtimeId>,
    pub dice: Dice,
    pub arbiter: Arc<Arbiter>,
    /// Of the projector, in milliseconds since 1970. It stands still.
    pub clock: Arc<AtomicI64>,
    /// How often the projector asked for the time: once a sweep and once a write.
    clock_reads: Arc<AtomicU32>,
    published: AtomicU32,
    directory: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// Quick enough for tests; no sweep but the one at the start, and those that a test asks for.
pub fn without_sweeps() -> Settings {
    Settings {
        retry_first_milliseconds: 5,
        retry_most_milliseconds: 20,
        sweep_every_milliseconds: 3_600_000,
        sweep_pause_milliseconds: 0,
        sweep_grace_milliseconds: 20,
        restart_delay_milliseconds: 10,
        ..Settings::default()
    }
}

/// Runs a test on a multi-thread runtime, beside an actix system that owns the arbiter, as in the server.
pub fn on_stage<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Arc<Arbiter>) -> F) {
    let system = actix::System::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let arbiter = system.block_on(async { Arc::new(Arbiter::new()) });
    let played = system.block_on(runtime.spawn(test(Arc::clone(&arbiter))));
    arbiter.stop();
    runtime.shutdown_timeout(Duration::from_secs(5));
    if let Err(failed) = played {
        std::panic::resume_unwind(failed.into_panic());
    }
}

impl Scene {
    pub async fn new(arbiter: Arc<Arbiter>, model: Arc<dyn ReadModel>, showtimes: usize, seed: u64) -> Self {
        let directory = std::env::temp_dir().join(format!("turnstile-projector-{}", Uuid::new_v4()));
        let store: Arc<dyn WriteStore> = Arc::new(SqliteStore::open(&directory, &sqlite::Settings::default()).unwrap());
        let bus = Arc::new(FaultyBus::new(Arc::new(InProcessBus::new(&in_process::Settings::default()))));
        let model = Arc::new(FaultyReadModel::new(model));
        let (published, dice) = (AtomicU32::new(0), Dice(seed));
        let (clock, clock_reads) = (Arc::new(AtomicI64::new(START)), Arc::default());
        let mut scene =
            Self { store, bus, model, showtimes: Vec::new(), dice, arbiter, clock, clock_reads, published, directory };
        for _ in 0..showtimes {
            scene.showtimes.push(scheduled(&scene.store, 12).await);
        }
        scene
    }

    pub fn start(&self, settings: Settings) -> Projector {
        projector::start(&self.arbiter, self.dependencies(settings))
    }

    /// Sweeps that have begun, while nothing is delivered.
    pub fn sweeps(&self) -> u32 {
        self.clock_reads.load(Ordering::SeqCst)
    }

    fn dependencies(&self, settings: Settings) -> Dependencies {
        Dependencies {
            journal: self.store.clone(),
            clock: {
                let (clock, reads) = (Arc::clone(&self.clock), Arc::clone(&self.clock_reads));
                Arc::new(move || {
                    reads.fetch_add(1, Ordering::SeqCst);
                    Timestamp::from_millis(clock.load(Ordering::SeqCst))
                })
            },
            lag: turnstile::telemetry::metrics::seconds(),
            event_bus: self.bus.clone(),
            read_model: self.model.clone(),
            runtime: tokio::runtime::Handle::current(),
            settings,
        }
    }

    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.dice.roll(u64::try_from(sides).unwrap())).unwrap()
    }

    /// So many commits in random showtimes: reservations of free seats, cancellations and confirmations of held ones.
    pub async fn happen(&mut self, commits: usize) {
        for _ in 0..commits {
            let chosen = self.roll(self.showtimes.len());
            let id = self.showtimes[chosen];
            self.commit(id).await;
        }
    }

    async fn commit(&mut self, id: ShowtimeId) {
        let loaded = self.store.load(id).await.unwrap().unwrap();
        let seat = u32::try_from(self.roll(12)).unwrap();
        let (status, version) = loaded.showtime.seat(seat).unwrap();
        let held = loaded.showtime.bookings().find(|held| held.seat_ids.iter().any(|id| id.index() == seat));
        let draft = Draft::new(id, loaded.fence);
        let draft = match (status, held) {
            (SeatStatus::Available, _) => draft.reserve(&booking(id, &[seat]), version),
            (SeatStatus::Reserved, Some(held)) => {
                let held = stored(&self.store, held.id).await;
                // Mostly given back, or the house would soon be sold out.
                if self.roll(8) == 0 { draft.confirm(&held, &format!("paid {}", held.id)) } else { draft.cancel(&held) }
            }
            (SeatStatus::Reserved | SeatStatus::Sold, _) => return,
        };
        self.store.commit(draft.done()).await.unwrap();
    }

    /// Takes everything out of the outbox, as messages.
    pub async fn messages(&self) -> Vec<Message> {
        let rows = self.store.outbox(100_000, Vec::new()).await.unwrap();
        self.store.outbox_confirmed(rows.iter().map(|row| row.position).collect()).await.unwrap();
        rows.into_iter().map(|row| Message { run: row.run.into(), traceparent: row.traceparent }).collect()
    }

    pub async fn publish(&self, messages: Vec<Message>) {
        for message in messages {
            self.published.fetch_add(1, Ordering::SeqCst);
            for confirmed in self.bus.publish(vec![message]).await {
                confirmed.unwrap();
            }
        }
    }

    /// Publishes all that happened, in order.
    pub async fn relay(&self) {
        self.publish(self.messages().await).await;
    }

    pub fn shuffle(&mut self, messages: &mut [Message]) {
        for last in (1..messages.len()).rev() {
            let other = self.roll(last + 1);
            messages.swap(last, other);
        }
    }

    /// The fold of a showtime's journal.
    pub async fn fold(&self, id: ShowtimeId) -> ShowtimeView {
        let events = self.store.journal(id, 0, 100_000).await.unwrap();
        let mut view = ShowtimeView::scheduled(id, &events[0]).unwrap();
        let run = EventRun::new(id, events).unwrap();
        assert_eq!(view.apply(&run), Applied::UpTo(run.last_sequence()));
        view
    }

    /// True if the read model stands where every journal ends.
    pub async fn is_caught_up(&self) -> bool {
        let mut heads = self.store.heads(self.showtimes.clone()).await.unwrap();
        let Ok(places) = self.model.inner.places(self.showtimes.clone()).await else { return false };
        let mut reached: Vec<_> = places.into_iter().map(|(id, place)| (id, place.sequence)).collect();
        heads.sort_unstable();
        reached.sort_unstable();
        heads == reached
    }

    /// Waits until the read model stands where every journal ends, and checks that it is each journal's fold.
    pub async fn assert_caught_up(&self) {
        eventually("the read model reaches the ends of the journals", || self.is_caught_up()).await;
        for id in &self.showtimes {
            let view = self.model.inner.showtime(*id).await.unwrap().expect("the showtime is known");
            assert_eq!(*view, self.fold(*id).await);
        }
    }

    /// Waits until every message published so far is settled, once and for good.
    pub async fn assert_all_settled(&self) {
        let published = self.published.load(Ordering::SeqCst);
        eventually("every message is settled", || async { self.bus.settled.load(Ordering::SeqCst) >= published }).await;
        assert_eq!(self.bus.settled.load(Ordering::SeqCst), published, "settled more often than published");
    }
}

/// Waits, within bounds, until it holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
