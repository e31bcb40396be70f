//! The projector's work: one loop that receives, one write at a time per showtime, many showtimes at once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Dependencies;
use super::catch_up::{CatchUp, Task};
use super::noted::Noted;
use super::sweep::{Behind, Sweeper};
use crate::domain::ShowtimeId;
use crate::event_bus::{Delivery, Signal, Subscription};

/// Reports of a sweep that wait to be taken.
const REPORTS: usize = 64;

/// What the work shares with the actor and the handle.
#[derive(Clone)]
pub(super) struct Shared {
    /// What it works with, and its limits.
    pub(super) dependencies: Dependencies,
    /// Ends it.
    pub(super) stop: CancellationToken,
    /// To be looked at in the next sweep.
    pub(super) noted: Arc<Noted>,
    /// Asks for a sweep at once.
    pub(super) sweep_wanted: Arc<Notify>,
    /// True once a whole sweep was carried out.
    pub(super) caught_up: watch::Sender<bool>,
}

/// Showtimes with something to do, and those at work.
struct Work {
    shared: Shared,
    waiting: HashMap<ShowtimeId, Task>,
    /// The showtimes in `waiting` that are not at work, first come first served.
    ready: VecDeque<ShowtimeId>,
    /// Of showtimes written at the same time.
    places: Arc<Semaphore>,
    /// True: a store failed meanwhile.
    running: JoinSet<bool>,
    /// Of each task at work its showtime and how many deliveries it holds.
    tasks: HashMap<Id, (ShowtimeId, usize)>,
    busy: HashSet<ShowtimeId>,
    /// Deliveries received and neither settled nor dropped.
    unsettled: usize,
}

/// Works until stopped: then finishes the writes under way, settles their deliveries and leaves the others to be delivered again.
pub(super) async fn run(shared: Shared) {
    let (behind, mut reports) = mpsc::channel(REPORTS);
    let mut sweeper = sweeper(&shared, behind.clone(), Duration::ZERO);
    let mut subscription: Option<Subscription> = None;
    let mut subscribing = subscribe(&shared);
    let mut work = Work::new(shared.clone());
    loop {
        let has_room = work.unsettled < shared.dependencies.settings.max_unsettled.max(1);
        tokio::select! {
            // What has come is taken in before showtimes are put to work: the more a write carries, the fewer there are.
            biased;
            () = shared.stop.cancelled() => break,
            Some(ended) = work.running.join_next_with_id() => work.ended(ended),
            new = &mut subscribing, if subscription.is_none() => subscription = Some(new),
            signal = next(&mut subscription), if has_room => match signal {
                Some(Signal::Delivery(delivery)) => work.deliver(delivery),
                Some(Signal::Interrupted) => shared.sweep_wanted.notify_one(),
                None => {
                    subscription = None;
                    subscribing = subscribe(&shared);
                    shared.sweep_wanted.notify_one();
                }
            },
            Some(report) = reports.recv(), if work.waiting.len() < shared.dependencies.settings.max_unsettled.max(1) => {
                work.repair(report);
            }
            Ok(place) = Arc::clone(&work.places).acquire_owned(), if !work.ready.is_empty() => work.launch(place),
            ended = &mut sweeper.0 => {
                if let Err(error) = ended {
                    tracing::error!("the sweep broke and is started anew: {error}");
                }
                let pause = Duration::from_millis(shared.dependencies.settings.restart_delay_milliseconds);
                sweeper = self::sweeper(&shared, behind.clone(), pause);
            }
        }
    }
    drop(sweeper);
    while let Some(ended) = work.running.join_next_with_id().await {
        work.ended(ended);
    }
}

/// Wrapped so that the sweep ends with the work, however that ends.
struct RunningSweeper(AbortOnDropHandle<()>);

/// Sweeps after a pause. Deliveries are taken in meanwhile.
fn sweeper(shared: &Shared, behind: mpsc::Sender<Behind>, pause: Duration) -> RunningSweeper {
    let sweeper = Sweeper {
        dependencies: shared.dependencies.clone(),
        wanted: Arc::clone(&shared.sweep_wanted),
        noted: Arc::clone(&shared.noted),
        behind,
        caught_up: shared.caught_up.clone(),
    };
    RunningSweeper(AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        sweeper.run().await;
    })))
}

/// Subscribes until it succeeds. Meanwhile the sweeps keep the read model going.
fn subscribe(shared: &Shared) -> Pin<Box<dyn Future<Output = Subscription> + Send>> {
    let Dependencies { event_bus, settings, .. } = shared.dependencies.clone();
    Box::pin(async move {
        let mut attempt = 0_u32;
        loop {
            match event_bus.subscribe_projection().await {
                Ok(subscription) => return subscription,
                Err(error) => {
                    attempt = attempt.saturating_add(1);
                    if attempt.is_power_of_two() {
                        tracing::warn!(attempt, "the projector will try again to subscribe: {error}");
                    }
                    tokio::time::sleep(settings.retry_delay(attempt)).await;
                }
            }
        }
    })
}

async fn next(subscription: &mut Option<Subscription>) -> Option<Signal> {
    match subscription {
        Some(subscription) => subscription.recv().await,
        None => std::future::pending().await,
    }
}

impl Work {
    fn new(shared: Shared) -> Self {
        let places = shared.dependencies.settings.max_showtimes_at_once.max(1);
        Self {
            shared,
            places: Arc::new(Semaphore::new(places)),
            waiting: HashMap::new(),
            ready: VecDeque::new(),
            running: JoinSet::new(),
            tasks: HashMap::new(),
            busy: HashSet::new(),
            unsettled: 0,
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.unsettled += 1;
        self.waiting(delivery.message.run.showtime_id()).deliveries.push(delivery);
    }

    fn repair(&mut self, report: Behind) {
        let task = self.waiting(report.id);
        task.repair = task.repair.max(Some(report.repair));
        task.waiting_sweeps.push(report.done);
    }

    fn waiting(&mut self, id: ShowtimeId) -> &mut Task {
        let Self { waiting, ready, busy, .. } = self;
        waiting.entry(id).or_insert_with(|| {
            if !busy.contains(&id) {
                ready.push_back(id);
            }
            Task::default()
        })
    }

    /// Puts the next showtime to work.
    fn launch(&mut self, place: OwnedSemaphorePermit) {
        let Some(id) = self.ready.pop_front() else { return };
        let Some(task) = self.take(id) else { return };
        let (held, shared) = (task.deliveries.len(), self.shared.clone());
        let work = self.running.spawn(async move {
            let Shared { dependencies, stop, .. } = &shared;
            CatchUp { dependencies, stop, id }.carry_out(task, place).await
        });
        self.shared.noted.note(id);
        self.tasks.insert(work.id(), (id, held));
        self.busy.insert(id);
    }

    /// What waits for a showtime, within the limit of one write; the rest stays.
    fn take(&mut self, id: ShowtimeId) -> Option<Task> {
        let mut task = self.waiting.remove(&id)?;
        let mut events = 0_usize;
        let fitting = task.deliveries.iter().take_while(|delivery| {
            let first = events == 0;
            events = events.saturating_add(delivery.message.run.events().len());
            first || events <= self.shared.dependencies.settings.max_events_at_once
        });
        let rest = task.deliveries.split_off(fitting.count());
        if !rest.is_empty() {
            self.waiting.insert(id, Task { deliveries: rest, ..Task::default() });
        }
        Some(task)
    }

    fn ended(&mut self, ended: Result<(Id, bool), JoinError>) {
        let (id, troubled) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!("projecting a showtime broke; its deliveries will come again: {error}");
                (error.id(), true)
            }
        };
        if troubled {
            self.shared.sweep_wanted.notify_one();
        }
        if let Some((showtime, held)) = self.tasks.remove(&id) {
            self.unsettled = self.unsettled.saturating_sub(held);
            self.busy.remove(&showtime);
            if self.waiting.contains_key(&showtime) {
                self.ready.push_back(showtime);
            }
        }
    }
}
