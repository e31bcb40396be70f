//! Event bus in this process's memory, for the embedded profile: bounded queues with the same duties to settle as on a broker.
//!
//! What is queued dies with the process; the projector then finds the gap and reads the journal.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc};
use tokio::time::Instant;

use crate::event_bus::cloud_event::{encode, message_id, routing_keys};
use crate::event_bus::feed::{Entry, Feed, Outcome};
use crate::event_bus::{BusError, DeadLetter, DeadLetters, Delivery, EventBus, Message, Replay, Signal, Subscription};

/// Bounds of the bus.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Most messages that the projection has not settled yet; past it publishing waits.
    pub projection_capacity: usize,
    /// Longest wait for room in the projection's queue, in milliseconds; past it publishing fails.
    pub publish_timeout_milliseconds: u64,
    /// Most messages handed to the projection at once.
    pub projection_in_flight: usize,
    /// Pause before a message is delivered again that was to be retried, in milliseconds; it doubles each time.
    pub retry_first_pause_milliseconds: u64,
    /// Longest pause before a message is delivered again, in milliseconds.
    pub retry_longest_pause_milliseconds: u64,
    /// Most messages that a live subscriber may lag behind, before it is interrupted instead.
    pub live_capacity: usize,
    /// Most dead letters kept; past it the oldest is forgotten.
    pub dead_letter_capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            projection_capacity: 4_096,
            publish_timeout_milliseconds: 5_000,
            projection_in_flight: 64,
            retry_first_pause_milliseconds: 100,
            retry_longest_pause_milliseconds: 5_000,
            live_capacity: 1_024,
            dead_letter_capacity: 1_000,
        }
    }
}

/// The adapter.
pub struct InProcessBus {
    projection: Arc<Projection>,
    live: broadcast::Sender<Message>,
    settings: Settings,
    runtime: Handle,
}

/// The projection's queue and the dead letters.
struct Projection {
    queue: Mutex<VecDeque<Entry<()>>>,
    /// Free places: a message has one from being published until it is settled.
    room: Semaphore,
    arrived: Notify,
    /// Whoever holds it is the single active consumer.
    turn: tokio::sync::Mutex<()>,
    dead: Mutex<VecDeque<(Message, String)>>,
    dead_capacity: usize,
}

impl InProcessBus {
    /// An empty bus. Must be called on the runtime that is to run its subscriptions.
    pub fn new(settings: &Settings) -> Self {
        let (live, _no_subscriber_yet) = broadcast::channel(settings.live_capacity.max(1));
        let projection = Projection {
            queue: Mutex::default(),
            room: Semaphore::new(settings.projection_capacity.clamp(1, Semaphore::MAX_PERMITS)),
            arrived: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            dead: Mutex::default(),
            dead_capacity: settings.dead_letter_capacity,
        };
        Self { projection: Arc::new(projection), live, settings: settings.clone(), runtime: Handle::current() }
    }

    async fn enqueue(&self, message: Message, deadline: Instant) -> Result<(), BusError> {
        match tokio::time::timeout_at(deadline, self.projection.room.acquire()).await {
            Ok(Ok(place)) => place.forget(),
            Ok(Err(_closed)) => return Err(error("the bus is closed")),
            Err(_elapsed) => return Err(error("the projection's queue is full")),
        }
        self.projection.queue().push_back(Entry { message: message.clone(), redelivered: false, token: () });
        self.projection.arrived.notify_one();
        if self.live.send(message).is_err() {
            tracing::trace!("nobody watches");
        }
        Ok(())
    }
}

impl Projection {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Entry<()>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dead(&self) -> MutexGuard<'_, VecDeque<(Message, String)>> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bury(&self, message: Message, reason: String) {
        let mut dead = self.dead();
        if dead.len() >= self.dead_capacity
            && let Some((forgotten, _reason)) = dead.pop_front()
        {
            tracing::warn!(
                message.id = message_id(&forgotten.run),
                "there are too many dead letters; one is forgotten"
            );
        }
        dead.push_back((message, reason));
    }

    /// Puts what a consumer left unsettled back to the head of the queue, for its successor.
    fn give_back(&self, unsettled: Vec<Entry<()>>) {
        let mut queue = self.queue();
        for entry in unsettled.into_iter().rev() {
            queue.push_front(Entry { redelivered: true, ..entry });
        }
        drop(queue);
        self.arrived.notify_one();
    }

    /// Serves one subscriber: waits for its turn, then hands out messages until the subscriber is gone.
    async fn serve(&self, mut feed: Feed<()>, in_flight: usize) {
        let _turn = tokio::select! {
            turn = self.turn.lock() => turn,
            () = feed.closed() => return,
        };
        loop {
            while feed.len() < in_flight {
                let Some(entry) = self.queue().pop_front() else { break };
                feed.offer(entry);
            }
            let hungry = feed.len() < in_flight;
            tokio::select! {
                outcome = feed.next() => match outcome {
                    Outcome::Done(_entry) => self.room.add_permits(1),
                    Outcome::Dead(entry, reason) => {
                        self.bury(entry.message, reason);
                        self.room.add_permits(1);
                    }
                    Outcome::Closed => break,
                },
                () = self.arrived.notified(), if hungry => {}
            }
        }
        self.give_back(feed.take_unsettled());
    }
}

#[async_trait]
impl EventBus for InProcessBus {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let deadline = Instant::now() + Duration::from_millis(self.settings.publish_timeout_milliseconds);
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            answers.push(self.enqueue(message, deadline).await);
        }
        answers
    }

    async fn subscribe_projection(&self) -> Result<Subscription, BusError> {
        let in_flight = self.settings.projection_in_flight.max(1);
        let (signals, subscription) = mpsc::channel(in_flight);
        let first_pause = Duration::from_millis(self.settings.retry_first_pause_milliseconds);
        let longest_pause = Duration::from_millis(self.settings.retry_longest_pause_milliseconds);
        let feed = Feed::new(signals, first_pause, longest_pause);
        let projection = self.projection.clone();
        self.runtime.spawn(async move { projection.serve(feed, in_flight).await });
        Ok(subscription)
    }

    async fn subscribe_live(&self) -> Result<Subscription, BusError> {
        let (signals, subscription) = mpsc::channel(1);
        self.runtime.spawn(forward_live(self.live.subscribe(), signals));
        Ok(subscription)
    }

    async fn dead_letters(&self, limit: usize) -> Result<DeadLetters, BusError> {
        let dead = self.projection.dead();
        let oldest = dead.iter().take(limit).map(|(message, reason)| dead_letter(message, reason));
        Ok(DeadLetters { total: dead.len(), oldest: oldest.collect::<Result<_, _>>()? })
    }

    async fn replay_dead_letters(&self, limit: usize) -> Result<Replay, BusError> {
        let deadline = Instant::now() + Duration::from_millis(self.settings.publish_timeout_milliseconds);
        // What dies again while this runs is not replayed in the same call.
        let count = limit.min(self.projection.dead().len());
        let mut published = 0;
        while published < count {
            let Some((message, reason)) = self.projection.dead().pop_front() else { break };
            if let Err(error) = self.enqueue(message.clone(), deadline).await {
                self.projection.dead().push_front((message, reason));
                return Err(error);
            }
            published += 1;
        }
        Ok(Replay { published, left: self.projection.dead().len() })
    }

    async fn ping(&self) -> Result<(), BusError> {
        if self.projection.room.available_permits() == 0 {
            return Err(error("the projection's queue is full"));
        }
        Ok(())
    }
}

/// Moves messages from the shared ring to one subscriber. The ring overtakes a subscriber that lags; it is told so.
async fn forward_live(mut ring: broadcast::Receiver<Message>, signals: mpsc::Sender<Signal>) {
    loop {
        let signal = tokio::select! {
            received = ring.recv() => match received {
                Ok(message) => Signal::Delivery(Delivery::new(message, false, None)),
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    tracing::debug!(lost, "a live subscriber lags; it is interrupted");
                    Signal::Interrupted
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = signals.closed() => return,
        };
        if signals.send(signal).await.is_err() {
            return;
        }
    }
}

fn dead_letter(message: &Message, reason: &str) -> Result<DeadLetter, BusError> {
    let body = encode([message]).map_err(|source| error(&source.to_string()))?.body;
    Ok(DeadLetter {
        message_id: message_id(&message.run),
        buried_at: None,
        events: vec![message.into()],
        reason: reason.to_owned(),
        routing_key: routing_keys([message]).into_iter().next().unwrap_or_default(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn error(reason: &str) -> BusError {
    BusError { reason: reason.to_owned() }
}
