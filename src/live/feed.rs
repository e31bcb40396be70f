//! The feed of one watched showtime: its ring, who watches it, and the last snapshot made of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::domain::{Place, RecordedEvent, ShowtimeId, Timestamp};
use crate::live::delta::Encoding;
use crate::live::lock;
use crate::live::pace::Round;
use crate::live::ring::{Reading, Ring, Taken};
use crate::live::sessions::SessionHandle;
use crate::live::snapshot::Snapshot;

/// Written by the hub, read by sessions.
pub(super) struct Feed {
    showtime: ShowtimeId,
    ring: Mutex<Ring>,
    watchers: Mutex<HashMap<u64, Arc<SessionHandle>>>,
    /// The write store has lost what was sent; another feed has taken its place.
    lost: AtomicBool,
    /// Watches alive, whether attached or not.
    watching: AtomicUsize,
    /// Held while a snapshot is made, so that many who ask at once get the same one.
    pub(super) snapshot: tokio::sync::Mutex<Option<Arc<Snapshot>>>,
    /// The read model's sequence and when it was asked for it, in milliseconds since the node started.
    pub(super) read_sequence: tokio::sync::Mutex<Option<(Option<u64>, u64)>>,
    /// When the snapshot was last asked for, in milliseconds since the node started.
    pub(super) snapshot_used_at: AtomicU64,
}

impl Feed {
    pub(super) fn new(showtime: ShowtimeId, ring: Ring) -> Self {
        Self {
            showtime,
            ring: Mutex::new(ring),
            watchers: Mutex::default(),
            lost: AtomicBool::new(false),
            watching: AtomicUsize::new(0),
            snapshot: tokio::sync::Mutex::default(),
            read_sequence: tokio::sync::Mutex::default(),
            snapshot_used_at: AtomicU64::new(0),
        }
    }

    pub(super) fn showtime(&self) -> ShowtimeId {
        self.showtime
    }

    /// Sequence of the last event taken.
    pub(super) fn head(&self) -> u64 {
        lock(&self.ring).head()
    }

    /// As [`Ring::read`].
    pub(super) fn read(&self, cursor: u64, encoding: Encoding, max_bytes: usize) -> Reading {
        lock(&self.ring).read(cursor, encoding, max_bytes)
    }

    /// As [`Ring::cursor_before`].
    pub(super) fn cursor_before(&self, since: Timestamp) -> u64 {
        lock(&self.ring).cursor_before(since)
    }

    /// As [`Ring::limit`].
    pub(super) fn limit(&self, max_bytes: usize) {
        lock(&self.ring).limit(max_bytes);
    }

    /// As [`Ring::take`].
    pub(super) fn take(&self, events: &[RecordedEvent]) -> Taken {
        lock(&self.ring).take(events)
    }

    /// As [`Ring::place`].
    pub(super) fn place(&self) -> Option<Place> {
        lock(&self.ring).place()
    }

    /// From now on, who watches has to begin anew with another feed. Wakes them.
    pub(super) fn lose(&self, now: u64) {
        self.lost.store(true, Ordering::Release);
        self.wake(now);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Wakes who watches. Never waits.
    pub(super) fn wake(&self, now: u64) {
        for watcher in lock(&self.watchers).values() {
            watcher.wake(now);
        }
    }

    /// How the round of wake-ups at `time` stands. Who had not looked since an earlier one was not woken again, and does not count.
    pub(super) fn round(&self, time: u64) -> Round {
        lock(&self.watchers).values().filter_map(|watcher| watcher.answer_to(time)).collect()
    }

    /// A new watch. Only the hub calls this, so that it never forgets a feed at the moment somebody begins to watch it.
    pub(super) fn watch(self: &Arc<Self>) -> Watch {
        self.watching.fetch_add(1, Ordering::AcqRel);
        Watch { feed: Arc::clone(self), session: None }
    }

    /// True while a watch lives.
    pub(super) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::Acquire) > 0
    }

    /// Frees the snapshot if nobody has asked for one for `idle` milliseconds.
    pub(super) fn forget_snapshot(&self, now: u64, idle: u64) {
        let unused = now.saturating_sub(self.snapshot_used_at.load(Ordering::Relaxed));
        if unused >= idle
            && let Ok(mut snapshot) = self.snapshot.try_lock()
        {
            *snapshot = None;
        }
    }
}

/// Keeps a feed open; ends when dropped.
pub(super) struct Watch {
    feed: Arc<Feed>,
    session: Option<u64>,
}

impl Watch {
    pub(super) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// From now on, the session is woken when the feed grows. What was taken before, it must read itself, after this call.
    pub(super) fn attach(&mut self, handle: &Arc<SessionHandle>) {
        self.session = Some(handle.id());
        lock(&self.feed.watchers).insert(handle.id(), Arc::clone(handle));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            lock(&self.feed.watchers).remove(&session);
        }
        self.feed.watching.fetch_sub(1, Ordering::AcqRel);
    }
}
