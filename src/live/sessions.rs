//! The connected clients: admission with a bound, and the handle through which the hub wakes a session without waiting for it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use actix::{Message, Recipient};
use uuid::Uuid;

use crate::live::pace::Answer;
use crate::live::{LiveError, Settings, lock};

/// Look at the feeds and the timers.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

/// What the hub knows of a session. Times are milliseconds since the node started.
pub(super) struct SessionHandle {
    id: u64,
    address: Recipient<Wake>,
    /// True from a wake-up until the session looks: so its mailbox never holds more than one.
    woken: AtomicBool,
    woken_at: AtomicU64,
    looked_at: AtomicU64,
    received_at: AtomicU64,
    pinged_at: AtomicU64,
    /// When the handshake must be done; `u64::MAX` once it is.
    handshake_by: AtomicU64,
    /// When a client that has joined nothing is told so; `u64::MAX` if it was told or has joined.
    remind_at: AtomicU64,
    /// When the session wants to try again what has failed; `u64::MAX` if nothing has.
    again_at: AtomicU64,
    leave: AtomicBool,
    dropped: AtomicBool,
}

impl SessionHandle {
    pub(super) fn new(id: u64, address: Recipient<Wake>, now: u64, handshake_by: u64, remind_at: u64) -> Self {
        Self {
            id,
            address,
            woken: AtomicBool::new(false),
            woken_at: AtomicU64::new(now),
            looked_at: AtomicU64::new(now),
            received_at: AtomicU64::new(now),
            pinged_at: AtomicU64::new(now),
            handshake_by: AtomicU64::new(handshake_by),
            remind_at: AtomicU64::new(remind_at),
            again_at: AtomicU64::new(u64::MAX),
            leave: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Tells the session to look at its feeds and timers, unless it has been told and has not looked yet. Never waits.
    pub(super) fn wake(&self, now: u64) {
        if self.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        self.woken_at.store(now, Ordering::Relaxed);
        if self.address.try_send(Wake).is_err() {
            // Only a session that has ended refuses its single wake-up; its guard removes it.
            tracing::trace!(session.id = self.id, "a session ended before it could be woken");
        }
    }

    /// The session looks: whatever happens from now on wakes it again.
    pub(super) fn looked(&self, now: u64) {
        self.looked_at.store(now, Ordering::Relaxed);
        self.woken.store(false, Ordering::Release);
        if now >= self.again_at.load(Ordering::Relaxed) {
            self.again_at.store(u64::MAX, Ordering::Relaxed);
        }
    }

    /// What it has made of its last wake-up, if that was at `time`.
    pub(super) fn answer_to(&self, time: u64) -> Option<Answer> {
        if self.woken_at.load(Ordering::Relaxed) != time {
            return None;
        }
        let has_looked = !self.woken.load(Ordering::Acquire);
        Some(if has_looked { Answer::LookedAt(self.looked_at.load(Ordering::Relaxed)) } else { Answer::NotYet })
    }

    /// Asks to be woken at `time`, if nothing wakes the session before.
    pub(super) fn wake_at(&self, time: u64) {
        self.again_at.fetch_min(time, Ordering::Relaxed);
    }

    pub(super) fn received(&self, now: u64) {
        self.received_at.store(now, Ordering::Relaxed);
    }

    pub(super) fn pinged(&self, now: u64) {
        self.pinged_at.store(now, Ordering::Relaxed);
    }

    pub(super) fn handshake_done(&self) {
        self.handshake_by.store(u64::MAX, Ordering::Relaxed);
    }

    /// The client has joined a showtime, or was told that it has not.
    pub(super) fn needs_no_reminder(&self) {
        self.remind_at.store(u64::MAX, Ordering::Relaxed);
    }

    /// Tells the session to say goodbye.
    pub(super) fn ask_to_leave(&self, now: u64) {
        self.leave.store(true, Ordering::Release);
        self.wake(now);
    }

    pub(super) fn is_asked_to_leave(&self) -> bool {
        self.leave.load(Ordering::Acquire)
    }

    /// True once the hub has given the session up.
    pub(super) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// Whatever else is sent: a client of a busy showtime, which sends nothing by itself, is heard of by its pongs only.
    pub(super) fn needs_ping(&self, now: u64, settings: &Settings) -> bool {
        now.saturating_sub(self.pinged_at.load(Ordering::Relaxed)) >= settings.ping_milliseconds
    }

    pub(super) fn is_silent(&self, now: u64, settings: &Settings) -> bool {
        now.saturating_sub(self.received_at.load(Ordering::Relaxed)) >= settings.client_timeout_milliseconds
    }

    pub(super) fn misses_handshake(&self, now: u64) -> bool {
        now >= self.handshake_by.load(Ordering::Relaxed)
    }

    /// True if the client is to be told that it has joined nothing.
    pub(super) fn needs_reminder(&self, now: u64) -> bool {
        now >= self.remind_at.load(Ordering::Relaxed)
    }

    /// True if a timer of the session needs its attention.
    pub(super) fn is_due(&self, now: u64, settings: &Settings) -> bool {
        self.needs_ping(now, settings)
            || self.is_silent(now, settings)
            || self.misses_handshake(now)
            || self.needs_reminder(now)
            || now >= self.again_at.load(Ordering::Relaxed)
    }

    /// True if it was woken long ago and has not looked: its connection takes nothing, so it is not run.
    pub(super) fn is_stalled(&self, now: u64, settings: &Settings) -> bool {
        self.woken.load(Ordering::Acquire)
            && now.saturating_sub(self.woken_at.load(Ordering::Relaxed)) >= settings.stall_milliseconds
    }
}

#[derive(Default)]
struct Entries {
    next_id: u64,
    /// `None` between the admission and the start of the session.
    sessions: HashMap<u64, Option<Arc<SessionHandle>>>,
    connections: HashSet<Uuid>,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Sessions {
    entries: Mutex<Entries>,
    changed: tokio::sync::Notify,
}

impl Sessions {
    /// Admits a session, for as long as the admission lives. A connection id is admitted once at a time.
    pub(super) fn admit(self: &Arc<Self>, max: usize, connection: Option<Uuid>) -> Result<Admission, LiveError> {
        let mut entries = lock(&self.entries);
        if entries.sessions.len() >= max {
            return Err(LiveError::Busy("clients"));
        }
        if let Some(connection) = connection
            && !entries.connections.insert(connection)
        {
            return Err(LiveError::ConnectionInUse);
        }
        let id = entries.next_id;
        entries.next_id += 1;
        entries.sessions.insert(id, None);
        Ok(Admission { sessions: Arc::clone(self), id, connection })
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.entries).sessions.len()
    }

    /// The sessions that have started.
    pub(super) fn handles(&self) -> Vec<Arc<SessionHandle>> {
        lock(&self.entries).sessions.values().flatten().cloned().collect()
    }

    /// Gives a session up: it counts no longer, and ends as soon as it is run again.
    pub(super) fn give_up(&self, handle: &SessionHandle) {
        handle.dropped.store(true, Ordering::Release);
        lock(&self.entries).sessions.remove(&handle.id);
        self.changed.notify_waiters();
    }

    /// Waits until no session is left.
    pub(super) async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Enable before looking, so that a session that ends in between is not missed.
            changed.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// A place among the sessions; given back when dropped.
pub(super) struct Admission {
    sessions: Arc<Sessions>,
    id: u64,
    connection: Option<Uuid>,
}

impl Admission {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The session has started.
    pub(super) fn attach(&self, handle: &Arc<SessionHandle>) {
        lock(&self.sessions.entries).sessions.insert(self.id, Some(Arc::clone(handle)));
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut entries = lock(&self.sessions.entries);
        entries.sessions.remove(&self.id);
        if let Some(connection) = self.connection {
            entries.connections.remove(&connection);
        }
        drop(entries);
        self.sessions.changed.notify_waiters();
    }
}
