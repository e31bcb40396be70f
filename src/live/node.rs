//! What all parts of a node's live feed share: ports, bounds, feeds, clients, and the way to the hub actor, whichever is the present one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use actix::{Message, Recipient};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::ShowtimeView;
use crate::domain::{Clock, NoteTold, RecordedEvent, ShowtimeId};
use crate::event_bus::EventBus;
use crate::live::counters::Counters;
use crate::live::feed::{Feed, Watch};
use crate::live::sessions::Sessions;
use crate::live::signalr::token::TokenKey;
use crate::live::snapshot::{self, Snapshot};
use crate::live::{Dependencies, LiveError, Settings, lock};
use crate::read_model::ReadModel;
use crate::telemetry::metrics::Counter;
use crate::write_store::{Journal, StoreError};

/// The read model has been brought in line with a restored write store by then.
const DISTRUST_MILLISECONDS: u64 = 60_000;

/// Counts since the node started, and what there is now.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    /// Clients connected now.
    pub sessions: u64,
    /// Showtimes with a feed now.
    pub showtimes: u64,
    /// Events taken into feeds.
    pub events: u64,
    /// Reads of the journal because of a gap.
    pub refetches: u64,
    /// Reads of the journal for clients that catch up.
    pub catch_ups: u64,
    /// Snapshots made.
    pub snapshots: u64,
    /// Clients given up because their connection took nothing.
    pub stalled: u64,
    /// Clients dropped because they sent nothing for too long, in the handshake too.
    pub silent: u64,
    /// Clients dropped for what they sent: garbage, too long or too much.
    pub misbehaved: u64,
    /// SignalR clients that were told that they have joined nothing.
    pub reminded: u64,
    /// Times that the hub actor was started again.
    pub restarts: u64,
}

/// Where the answer to an [`Open`] goes.
pub(super) type Reply = oneshot::Sender<Result<Watch, LiveError>>;

/// Asks for a showtime's feed, answered once it is open and, if its head is below `at_least`, the journal has been asked.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Open {
    pub(super) showtime: ShowtimeId,
    pub(super) at_least: u64,
    pub(super) reply: Reply,
}

/// See the module's documentation.
pub(super) struct Node {
    pub(super) settings: Settings,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) event_bus: Arc<dyn EventBus>,
    read_model: Arc<dyn ReadModel>,
    pub(super) note_told: NoteTold,
    pub(super) clock: Clock,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) token_key: TokenKey,
    pub(super) allowed_origins: Vec<String>,
    pub(super) sessions: Arc<Sessions>,
    /// Every feed; written by the hub, which finds them here again after a restart.
    pub(super) feeds: Mutex<HashMap<ShowtimeId, Arc<Feed>>>,
    /// Whether there are feeds, or soon will be; written by the hub. A node on which nobody watches does not listen to the bus.
    pub(super) listening: watch::Sender<bool>,
    pub(super) counters: Counters,
    pub(super) draining: AtomicBool,
    /// When the write store was last found to have lost events, in milliseconds since the node started; 0: never.
    pub(super) lost_at: AtomicU64,
    /// Ends the driver's tasks and the hub's arbiter.
    pub(super) ended: CancellationToken,
    /// The present hub's, which opens feeds.
    hub: Mutex<Option<Recipient<Open>>>,
    openings: Semaphore,
    catch_ups: Semaphore,
    started: Instant,
}

impl Node {
    pub(super) fn new(dependencies: Dependencies) -> Self {
        let settings = dependencies.settings;
        Self {
            settings,
            journal: dependencies.journal,
            event_bus: dependencies.event_bus,
            read_model: dependencies.read_model,
            note_told: dependencies.note_told,
            clock: dependencies.clock,
            runtime: dependencies.runtime,
            token_key: TokenKey::derive(&dependencies.cluster_secret),
            allowed_origins: dependencies.allowed_origins,
            sessions: Arc::default(),
            feeds: Mutex::default(),
            listening: watch::Sender::new(false),
            counters: Counters::registered(&dependencies.metrics),
            draining: AtomicBool::new(false),
            lost_at: AtomicU64::new(0),
            ended: CancellationToken::new(),
            hub: Mutex::default(),
            openings: Semaphore::new(settings.openings_in_flight.max(1)),
            catch_ups: Semaphore::new(settings.catch_ups_in_flight.max(1)),
            started: Instant::now(),
        }
    }

    /// Milliseconds since the node started.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// From now on, this hub opens feeds.
    pub(super) fn set_hub(&self, hub: Recipient<Open>) {
        *lock(&self.hub) = Some(hub);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Opens the showtime's feed, or joins those who have. If its head is below `at_least`, the journal is asked first.
    pub(super) async fn watch(&self, showtime: ShowtimeId, at_least: u64) -> Result<Watch, LiveError> {
        let opening = async {
            // Never closed, so that the permit is always given.
            let _permit = self.openings.acquire().await;
            let (reply, answer) = oneshot::channel();
            let hub = lock(&self.hub).clone().ok_or(LiveError::Busy("the hub is not running"))?;
            let open = Open { showtime, at_least, reply };
            hub.try_send(open).map_err(|_full| LiveError::Busy("showtimes being opened"))?;
            answer.await.map_err(|_restarted| LiveError::Busy("the hub was restarted"))?
        };
        tokio::time::timeout(self.settings.open_timeout(), opening)
            .await
            .map_err(|_elapsed| LiveError::Busy("the showtime was not opened in time"))?
    }

    /// How far the read model is, or was at most a poll's time ago; `None` if it does not say.
    pub(super) async fn read_sequence(&self, feed: &Feed) -> Option<u64> {
        let mut last = feed.read_sequence.lock().await;
        let now = self.now();
        if let Some((sequence, asked_at)) = *last
            && now.saturating_sub(asked_at) < self.settings.poll_milliseconds
        {
            return sequence;
        }
        let (read_model, id) = (Arc::clone(&self.read_model), feed.showtime());
        let asking = self.runtime.spawn(async move { read_model.sequence(id).await });
        let sequence = asking.await.ok().and_then(Result::ok).flatten();
        *last = Some((sequence, now));
        sequence
    }

    /// A snapshot of the showtime to start from: shared with others while it is recent.
    pub(super) async fn snapshot(self: &Arc<Self>, feed: &Arc<Feed>) -> Result<Arc<Snapshot>, LiveError> {
        // One as far behind as a client may be would send that client straight back here.
        let reuse_events = self.settings.snapshot_reuse_events.min(self.settings.resume_events / 2);
        let making = async {
            feed.snapshot_used_at.store(self.now(), Ordering::Relaxed);
            let mut last = feed.snapshot.lock().await;
            let head = feed.head();
            if let Some(snapshot) = &*last
                && snapshot.sequence + reuse_events >= head
            {
                return Ok(Arc::clone(snapshot));
            }
            let fresh = self.make_snapshot(feed.showtime(), head).await?;
            *last = Some(Arc::clone(&fresh));
            Ok(fresh)
        };
        tokio::time::timeout(self.settings.open_timeout(), making)
            .await
            .map_err(|_elapsed| LiveError::Busy("the snapshot was not made in time"))?
    }

    async fn make_snapshot(self: &Arc<Self>, id: ShowtimeId, head: u64) -> Result<Arc<Snapshot>, LiveError> {
        let _permit = self.catch_ups.acquire().await;
        self.counters.snapshots.inc();
        let node = Arc::clone(self);
        let oldest =
            if self.trusts_read_model() { Some(head.saturating_sub(self.settings.resume_events)) } else { None };
        let made = self.runtime.spawn(async move {
            let view = snapshot::view(&*node.read_model, &*node.journal, id, oldest).await?;
            (node.note_told)(id, view.sequence);
            let part_seats = node.settings.snapshot_part_seats;
            // A house of 200,000 seats takes some 20 MB of text: not on a thread that others wait for.
            let encoding = tokio::task::spawn_blocking(move || Snapshot::encode(&view, part_seats));
            encoding.await.map(Arc::new).map_err(|error| failed(&error))
        });
        made.await.map_err(|error| failed(&error))?
    }

    /// The whole showtime from the write store, for a client that begins anew.
    pub(super) async fn stored_view(self: &Arc<Self>, id: ShowtimeId) -> Result<Arc<ShowtimeView>, LiveError> {
        let _permit = self.catch_ups.acquire().await;
        let node = Arc::clone(self);
        let reading = self.runtime.spawn(async move { node.journal.view(id).await });
        let view = reading.await.map_err(|error| failed(&error))??.ok_or(LiveError::UnknownShowtime(id))?;
        (self.note_told)(id, view.sequence);
        Ok(view)
    }

    /// After the write store has lost events, the read model shows them for a while.
    fn trusts_read_model(&self) -> bool {
        let lost_at = self.lost_at.load(Ordering::Acquire);
        lost_at == 0 || self.now().saturating_sub(lost_at) > DISTRUST_MILLISECONDS
    }

    /// The next events of the journal after `cursor`, for one client.
    pub(super) async fn catch_up(&self, id: ShowtimeId, cursor: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        let _permit = self.catch_ups.acquire().await;
        self.counters.catch_ups.inc();
        self.journal(id, cursor, self.settings.catch_up_page).await
    }

    /// Up to `limit` events after `after`, read on the runtime, whatever becomes of the caller.
    pub(super) async fn journal(
        &self,
        id: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let journal = Arc::clone(&self.journal);
        let reading = self.runtime.spawn(async move { journal.journal(id, after, limit).await });
        let events = reading.await.unwrap_or_else(|error| Err(StoreError::Corrupt(error.to_string())))?;
        if let Some(last) = events.last() {
            (self.note_told)(id, last.sequence);
        }
        Ok(events)
    }

    pub(super) fn statistics(&self) -> Statistics {
        let get = |counter: &Counter| counter.get();
        Statistics {
            sessions: u64::try_from(self.sessions.len()).unwrap_or(u64::MAX),
            showtimes: u64::try_from(lock(&self.feeds).len()).unwrap_or(u64::MAX),
            events: get(&self.counters.events),
            refetches: get(&self.counters.refetches),
            catch_ups: get(&self.counters.catch_ups),
            snapshots: get(&self.counters.snapshots),
            stalled: get(&self.counters.stalled),
            silent: get(&self.counters.silent),
            misbehaved: get(&self.counters.misbehaved),
            reminded: get(&self.counters.reminded),
            restarts: get(&self.counters.restarts),
        }
    }
}

/// A task that ended by a panic or was cancelled.
pub(super) fn failed(error: &tokio::task::JoinError) -> LiveError {
    LiveError::Failed(Arc::new(StoreError::Corrupt(error.to_string())))
}
