//! The connection to Valkey: one at a time, replaced in the background when it breaks. It leads to one server or to all of a cluster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::seat_lock::LockError;
use crate::seat_lock::valkey::Settings;
use crate::seat_lock::valkey::servers::{Servers, Wire};

/// Pause before the first new attempt to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a refused call counts against a server that goes on answering, unless it carries out a later one.
const REFUSAL_COUNTS: Duration = Duration::from_secs(5);

/// A usable connection, and which one in the link's life it is.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) wire: Wire,
    generation: u64,
}

#[derive(Clone)]
enum State {
    Up(Line),
    Down(Arc<str>),
}

/// Hands out the present connection. Dropping it ends the background task.
pub(super) struct Link {
    state: watch::Receiver<State>,
    /// The generation of the last line that was found broken.
    broken: watch::Sender<u64>,
    refusal: Mutex<Option<Refusal>>,
}

/// The last call that a server answered with an error.
struct Refusal {
    at: Instant,
    reason: String,
}

impl Link {
    /// Starts the background task on the current runtime and waits for its first attempt.
    pub(super) async fn open(url: &str, settings: &Settings) -> Result<Self, LockError> {
        let servers = Servers::parse(url, settings)
            .map_err(|error| LockError { reason: format!("bad URL for Valkey: {error}") })?;
        let (state_sender, mut state) = watch::channel(State::Down("not connected yet".into()));
        let (broken, broken_receiver) = watch::channel(0);
        let keeper = Keeper {
            servers,
            state: state_sender,
            broken: broken_receiver,
            response_timeout: Duration::from_millis(settings.response_timeout_milliseconds),
            probe_interval: Duration::from_millis(settings.probe_interval_milliseconds.max(1)),
            max_pause: Duration::from_millis(settings.reconnect_longest_pause_milliseconds),
        };
        tokio::spawn(keeper.run());
        // Several hosts may take longer, each within this time.
        let patience = Duration::from_millis(settings.connect_timeout_milliseconds);
        if timeout(patience, state.changed()).await.is_err() {
            tracing::debug!("the first attempt to reach Valkey is still under way");
        }
        Ok(Self { state, broken, refusal: Mutex::default() })
    }

    /// The present connection, or at once the reason why there is none.
    pub(super) fn line(&self) -> Result<Line, LockError> {
        match &*self.state.borrow() {
            // Given up a moment ago, and not yet taken down.
            State::Up(line) if line.generation <= *self.broken.borrow() => Err(late()),
            State::Up(line) => Ok(line.clone()),
            State::Down(reason) => Err(LockError { reason: reason.to_string() }),
        }
    }

    /// Judges an error on `line`: a broken connection is given up, an error answer of a healthy server is not, but it is remembered.
    pub(super) fn failed(&self, line: &Line, error: &RedisError) -> LockError {
        let reason = error.to_string();
        if is_connection_lost(error) {
            self.give_up(line);
        } else {
            let refusal = Refusal { at: Instant::now(), reason: reason.clone() };
            if self.refusal().replace(refusal).is_none() {
                tracing::warn!(%reason, "Valkey refuses a call; going on without its seat locks");
            }
        }
        LockError { reason }
    }

    /// A call was carried out.
    pub(super) fn succeeded(&self) {
        *self.refusal() = None;
    }

    /// Asks the servers whether they take locks.
    pub(super) async fn probe(&self, limit: Duration) -> Result<(), LockError> {
        let mut line = self.line()?;
        if let Err(reason) = line.wire.probe(limit).await {
            self.give_up(&line);
            return Err(LockError { reason });
        }
        match &*self.refusal() {
            Some(Refusal { at, reason }) if at.elapsed() < REFUSAL_COUNTS => Err(LockError { reason: reason.clone() }),
            Some(_) | None => Ok(()),
        }
    }

    fn refusal(&self) -> std::sync::MutexGuard<'_, Option<Refusal>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `line` up after no answer came in time: it may be a dead connection, and the next one tells.
    pub(super) fn timed_out(&self, line: &Line) -> LockError {
        self.give_up(line);
        late()
    }

    fn give_up(&self, line: &Line) {
        self.broken.send_if_modified(|broken| {
            let newer = line.generation > *broken;
            *broken = line.generation.max(*broken);
            newer
        });
    }
}

/// A call had no answer within the response timeout.
pub(super) fn late() -> LockError {
    LockError { reason: "no answer within the response timeout".to_owned() }
}

pub(super) fn is_connection_lost(error: &RedisError) -> bool {
    // A server that became a replica answers every script with READONLY; its successor is found by connecting again.
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.is_cluster_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
        || matches!(error.kind(), ErrorKind::ClusterConnectionNotFound)
}

/// The background task: connects, watches, and connects again, until the [`Link`] is dropped.
struct Keeper {
    servers: Servers,
    state: watch::Sender<State>,
    broken: watch::Receiver<u64>,
    response_timeout: Duration,
    probe_interval: Duration,
    max_pause: Duration,
}

impl Keeper {
    async fn run(mut self) {
        let mut generation = 0;
        let mut pause = FIRST_PAUSE;
        let mut last_reason = String::new();
        while !self.state.is_closed() {
            match self.servers.connect().await {
                Ok(wire) => {
                    generation += 1;
                    let line = Line { wire, generation };
                    tracing::info!("connected to Valkey");
                    self.state.send_replace(State::Up(line.clone()));
                    let since = Instant::now();
                    let reason = self.watch(line).await;
                    tracing::warn!(%reason, "the connection to Valkey is lost; going on without seat locks");
                    self.state.send_replace(State::Down(reason.into()));
                    last_reason.clear();
                    if since.elapsed() > self.max_pause {
                        pause = FIRST_PAUSE;
                    }
                }
                Err(reason) => {
                    if reason != last_reason {
                        tracing::warn!(%reason, "Valkey cannot be used; going on without seat locks");
                    }
                    self.state.send_replace(State::Down(format!("Valkey cannot be reached: {reason}").into()));
                    last_reason = reason;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)) => {}
                () = self.state.closed() => {}
            }
            pause = (pause * 2).min(self.max_pause);
        }
    }

    /// Returns when the line is broken, with the reason, or when nobody needs it any more.
    async fn watch(&mut self, mut line: Line) -> String {
        let mut probe = tokio::time::interval(self.probe_interval);
        loop {
            tokio::select! {
                changed = self.broken.changed() => {
                    if changed.is_err() {
                        return "no longer needed".to_owned();
                    }
                    if *self.broken.borrow_and_update() >= line.generation {
                        return "a call found it broken".to_owned();
                    }
                }
                _ = probe.tick() => {
                    if let Err(reason) = line.wire.probe(self.response_timeout).await {
                        return reason;
                    }
                }
            }
        }
    }
}
