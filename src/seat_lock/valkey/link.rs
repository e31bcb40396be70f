//! The connection to Valkey: one multiplexed connection at a time, made by the pool and replaced in the background when it breaks.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::io::tcp::TcpSettings;
use deadpool_redis::redis::{self, AsyncConnectionConfig, ErrorKind, IntoConnectionInfo, RedisError, ServerErrorKind};
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::seat_lock::LockError;
use crate::seat_lock::valkey::Settings;

/// Pause before the first new attempt to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A usable connection, and which one in the link's life it is.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
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
}

impl Link {
    /// Starts the background task on the current runtime and waits for its first attempt.
    pub(super) async fn open(url: &str, settings: &Settings) -> Result<Self, LockError> {
        let pool = pool(url, settings).map_err(|error| LockError { reason: format!("bad URL: {error}") })?;
        let (state_sender, mut state) = watch::channel(State::Down("not connected yet".into()));
        let (broken, broken_receiver) = watch::channel(0);
        let keeper = Keeper {
            pool,
            state: state_sender,
            broken: broken_receiver,
            response_timeout: Duration::from_millis(settings.response_timeout_milliseconds),
            probe_interval: Duration::from_millis(settings.probe_interval_milliseconds.max(1)),
            max_pause: Duration::from_millis(settings.reconnect_longest_pause_milliseconds),
        };
        tokio::spawn(keeper.run());
        // The attempt is bounded by the pool's own timeouts; this bound only guards against a stuck runtime.
        let patience = Duration::from_millis(settings.connect_timeout_milliseconds);
        if timeout(patience, state.changed()).await.is_err() {
            tracing::debug!("the first attempt to reach Valkey is still under way");
        }
        Ok(Self { state, broken })
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

    /// Judges an error on `line`: a broken connection is given up, an error answer of a healthy server is not.
    pub(super) fn failed(&self, line: &Line, error: &RedisError) -> LockError {
        if is_connection_lost(error) {
            self.give_up(line);
        }
        LockError { reason: error.to_string() }
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
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

fn pool(url: &str, settings: &Settings) -> Result<Pool, String> {
    let info = url.into_connection_info().map_err(|error| error.to_string())?;
    // Small requests must not wait for the acknowledgement of the one before.
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let connect_timeout = Duration::from_millis(settings.connect_timeout_milliseconds);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(connect_timeout))
        .set_response_timeout(Some(Duration::from_millis(settings.response_timeout_milliseconds)));
    let manager = Manager::new_with_config(info, config).map_err(|error| error.to_string())?;
    Pool::builder(manager)
        .max_size(1)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(connect_timeout))
        .create_timeout(Some(connect_timeout))
        .recycle_timeout(Some(connect_timeout))
        .build()
        .map_err(|error| error.to_string())
}

/// The background task: connects, watches, and connects again, until the [`Link`] is dropped.
struct Keeper {
    pool: Pool,
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
        while !self.state.is_closed() {
            match self.pool.get().await {
                Ok(pooled) => {
                    generation += 1;
                    // Taken out of the pool for good: its place is free for the successor, and no call pays for a check-out.
                    let line = Line { connection: Connection::take(pooled), generation };
                    tracing::info!("connected to Valkey");
                    self.state.send_replace(State::Up(line.clone()));
                    let since = tokio::time::Instant::now();
                    let reason = self.watch(line).await;
                    tracing::warn!(%reason, "the connection to Valkey is lost; going on without seat locks");
                    self.state.send_replace(State::Down(reason.into()));
                    if since.elapsed() > self.max_pause {
                        pause = FIRST_PAUSE;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "Valkey cannot be reached");
                    self.state.send_replace(State::Down(format!("Valkey cannot be reached: {error}").into()));
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
                    let ping = redis::cmd("PING");
                    match timeout(self.response_timeout, ping.query_async::<String>(&mut line.connection)).await {
                        Ok(Ok(_pong)) => {}
                        Ok(Err(error)) if is_connection_lost(&error) => return error.to_string(),
                        Ok(Err(error)) => tracing::debug!(%error, "Valkey answered a ping with an error"),
                        Err(_elapsed) => return "no answer to a ping".to_owned(),
                    }
                }
            }
        }
    }
}
