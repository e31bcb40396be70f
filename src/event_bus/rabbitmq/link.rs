//! A connection to the broker that is rebuilt for ever: lapin's own recovery stays off, because it gives up after some attempts
//! and leaves the outcome of what was under way open.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::StreamExt;
use lapin::{Channel, Connection, Event};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::event_bus::BusError;
use crate::event_bus::backoff::Backoff;
use crate::event_bus::rabbitmq::Settings;
use crate::event_bus::rabbitmq::brokers::Brokers;
use crate::event_bus::rabbitmq::topology::{self, Names};

/// Pause before the first new attempt to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Time between two looks at a connection that says nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time that a connection gets for closing in good order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A usable connection, and which one in the link's life it is.
pub(super) struct Session {
    connection: Connection,
    generation: u64,
    blocked: watch::Receiver<Option<String>>,
    call_timeout: Duration,
}

impl Session {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Opens a channel.
    pub(super) async fn channel(&self) -> Result<Channel, BusError> {
        within(self.call_timeout, "open a channel", self.connection.create_channel()).await
    }

    /// Why the broker takes no messages on this connection at present, if so.
    pub(super) fn blocked(&self) -> Option<String> {
        self.blocked.borrow().clone()
    }

    /// Waits until the broker takes no messages on this connection, and says why.
    pub(super) async fn until_blocked(&self) -> String {
        let mut blocked = self.blocked.clone();
        loop {
            if let Some(reason) = blocked.borrow_and_update().clone() {
                return reason;
            }
            if blocked.changed().await.is_err() {
                // The connection has ended; whoever waits learns that from the connection itself.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[derive(Clone)]
enum State {
    Up(Arc<Session>),
    Down(Arc<str>),
}

/// Hands out the present session. Dropping the last one ends the background task and closes the connection.
pub(super) struct Link {
    state: watch::Receiver<State>,
    /// Generation of the last session that was found broken.
    broken: watch::Sender<u64>,
}

impl Link {
    /// Starts the background task on the current runtime and waits for its first attempt, at most the connect timeout.
    pub(super) async fn open(brokers: &Arc<Brokers>, purpose: &'static str, names: Names, settings: &Settings) -> Self {
        let (state_sender, mut state) = watch::channel(State::Down("not connected yet".into()));
        let (broken, broken_receiver) = watch::channel(0);
        let keeper = Keeper {
            brokers: Arc::clone(brokers),
            next_broker: 0,
            purpose,
            names,
            state: state_sender,
            broken: broken_receiver,
            connect_timeout: Duration::from_millis(settings.connect_timeout_milliseconds),
            call_timeout: Duration::from_millis(settings.call_timeout_milliseconds),
            longest_pause: Duration::from_millis(settings.reconnect_longest_pause_milliseconds),
        };
        tokio::spawn(keeper.run());
        if timeout(Duration::from_millis(settings.connect_timeout_milliseconds), state.changed()).await.is_err() {
            tracing::debug!(purpose, "the first attempt to reach RabbitMQ is still under way");
        }
        Self { state, broken }
    }

    /// The present session, or at once the reason why there is none.
    pub(super) fn session(&self) -> Result<Arc<Session>, BusError> {
        match &*self.state.borrow() {
            State::Up(session) => Ok(session.clone()),
            State::Down(reason) => Err(BusError { reason: reason.to_string() }),
        }
    }

    /// Waits for a session; for ever if need be.
    pub(super) async fn next_session(&self) -> Arc<Session> {
        let mut state = self.state.clone();
        loop {
            if let State::Up(session) = &*state.borrow_and_update() {
                return session.clone();
            }
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until `session` is no longer the present one, and says why.
    pub(super) async fn until_gone(&self, session: &Session) -> String {
        let mut state = self.state.clone();
        let gone = |state: &State| !matches!(state, State::Up(now) if now.generation == session.generation);
        match state.wait_for(gone).await.as_deref() {
            Ok(State::Down(reason)) => reason.to_string(),
            Ok(State::Up(_successor)) => "the connection was replaced".to_owned(),
            Err(_ended) => "the bus has been shut down".to_owned(),
        }
    }

    /// Gives a session up that does not answer any more; the background task replaces it.
    pub(super) fn give_up(&self, session: &Session) {
        self.broken.send_if_modified(|broken| {
            let newer = session.generation > *broken;
            *broken = session.generation.max(*broken);
            newer
        });
    }
}

/// Runs a request to the broker under a time limit.
pub(super) async fn within<T>(
    limit: Duration,
    what: &str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BusError> {
    match timeout(limit, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(BusError { reason: format!("cannot {what}: {error}") }),
        Err(_elapsed) => Err(BusError { reason: format!("cannot {what}: no answer within {limit:?}") }),
    }
}

/// The background task.
struct Keeper {
    brokers: Arc<Brokers>,
    /// Whom to try first.
    next_broker: usize,
    purpose: &'static str,
    names: Names,
    state: watch::Sender<State>,
    broken: watch::Receiver<u64>,
    connect_timeout: Duration,
    call_timeout: Duration,
    longest_pause: Duration,
}

impl Keeper {
    async fn run(mut self) {
        let purpose = self.purpose;
        let mut generation = 0;
        let mut backoff = Backoff::new(FIRST_PAUSE, self.longest_pause);
        while !self.state.is_closed() {
            let reason = match self.attempt().await {
                Ok(connection) => {
                    generation += 1;
                    let since = Instant::now();
                    let reason = self.keep(connection, generation).await;
                    if since.elapsed() > self.longest_pause {
                        backoff.reset();
                    }
                    reason
                }
                Err(error) => error.reason,
            };
            if self.state.is_closed() {
                break;
            }
            tracing::warn!(purpose, %reason, "no connection to RabbitMQ; trying again");
            self.state.send_replace(State::Down(format!("no connection to RabbitMQ: {reason}").into()));
            tokio::select! {
                () = tokio::time::sleep(backoff.next_pause()) => {}
                () = self.state.closed() => {}
            }
        }
    }

    /// One attempt with each broker, until one is connected to and has what is needed.
    async fn attempt(&mut self) -> Result<Connection, BusError> {
        let mut reasons = Vec::new();
        for _ in 0..self.brokers.len() {
            let broker = self.next_broker;
            self.next_broker = (broker + 1) % self.brokers.len();
            let name = self.brokers.name(broker);
            match self.connect(broker).await {
                Ok(connection) => {
                    tracing::info!(purpose = self.purpose, broker = %name, "connected to RabbitMQ");
                    return Ok(connection);
                }
                Err(error) => reasons.push(format!("{name}: {}", error.reason)),
            }
        }
        Err(BusError { reason: reasons.join("; ") })
    }

    async fn connect(&self, broker: usize) -> Result<Connection, BusError> {
        let connection = self.brokers.connect(broker, self.purpose, self.connect_timeout).await?;
        let declared = async {
            let channel = connection.create_channel().await?;
            topology::declare(&channel, &self.names).await?;
            channel.close(200, "declared".into()).await
        };
        within(self.connect_timeout, "declare exchanges and queues", declared).await?;
        Ok(connection)
    }

    /// Offers the connection until it breaks or nobody needs it any more; says what happened.
    async fn keep(&mut self, connection: Connection, generation: u64) -> String {
        let purpose = self.purpose;
        let mut events = Box::pin(connection.events_listener());
        let (blocked_sender, blocked) = watch::channel(None);
        let session = Arc::new(Session { connection, generation, blocked, call_timeout: self.call_timeout });
        self.state.send_replace(State::Up(session.clone()));
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        let reason = loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(purpose, %reason, "RabbitMQ takes no messages at present");
                        blocked_sender.send_replace(Some(reason));
                    }
                    Some(Event::ConnectionUnblocked) => {
                        tracing::info!(purpose, "RabbitMQ takes messages again");
                        blocked_sender.send_replace(None);
                    }
                    Some(Event::Error(error)) if !session.connection.status().connected() => break error.to_string(),
                    Some(event) => tracing::debug!(purpose, ?event, "event of the connection"),
                    None => break "the connection has ended".to_owned(),
                },
                changed = self.broken.changed() => {
                    if changed.is_err() {
                        break "no longer needed".to_owned();
                    }
                    if *self.broken.borrow_and_update() >= generation {
                        break "it did not answer".to_owned();
                    }
                }
                _ = look.tick() => {
                    if !session.connection.status().connected() {
                        break "the connection was lost".to_owned();
                    }
                }
            }
        };
        // In the background: a dead peer must not delay the next attempt.
        tokio::spawn(async move {
            let closed = within(CLOSE_TIMEOUT, "close", session.connection.close(200, "bye".into())).await;
            if let Err(error) = closed {
                tracing::debug!(purpose, %error, "the old connection could not be closed in good order");
            }
        });
        reason
    }
}
