//! Event bus port: carries events from the outbox to the projector and to every node's live hub. Adapters: [`rabbitmq`] and [`in_process`].
//!
//! **Contract.** At least once, in order per showtime as long as the publisher publishes a showtime's runs one after the other.
//! Deliveries may be repeated, late or (after trouble) out of order; consumers go by sequence. Subscriptions reconnect for
//! ever with backoff and say so with [`Signal::Interrupted`].

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{EventRun, ShowtimeId, Timestamp};

mod backoff;
pub mod cloud_event;
mod feed;
pub mod in_process;
pub mod rabbitmq;

/// The bus cannot be reached, did not confirm in time, or refused the message: the outcome is unknown, publish again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the event bus did not confirm: {reason}")]
pub struct BusError {
    /// What happened, for the log.
    pub reason: String,
}

/// What is published: consecutive events of one showtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The events.
    pub run: Arc<EventRun>,
    /// W3C trace context of their cause.
    pub traceparent: Option<String>,
}

/// What a subscriber gets.
#[derive(Debug)]
pub enum Signal {
    /// A message.
    Delivery(Delivery),
    /// The subscription was interrupted and runs again: messages of a live subscription may have been lost meanwhile.
    Interrupted,
}

/// A message with the duty to settle it. Dropped unsettled, it is delivered again.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// True if the broker says that it may have been delivered before.
    pub redelivered: bool,
    settle: Option<tokio::sync::oneshot::Sender<Settlement>>,
}

/// How a consumer settles a delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settlement {
    /// Its effect is durable: forget it.
    Done,
    /// Not now: deliver again later.
    Retry,
    /// It can never be processed: to the dead letters, with the reason.
    Dead(String),
}

impl Delivery {
    /// A delivery whose settlement the adapter awaits on the other end of `settle`; `None` where nothing is to be settled.
    pub fn new(message: Message, redelivered: bool, settle: Option<tokio::sync::oneshot::Sender<Settlement>>) -> Self {
        Self { message, redelivered, settle }
    }

    /// Settles it.
    pub fn settle(mut self, settlement: Settlement) {
        if let Some(settle) = self.settle.take()
            && settle.send(settlement).is_err()
        {
            tracing::debug!("the subscription ended before a delivery was settled; it will be delivered again");
        }
    }
}

/// The receiving end of a subscription: a bounded channel.
pub type Subscription = tokio::sync::mpsc::Receiver<Signal>;

/// The dead letters, for operators.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeadLetters {
    /// Their number.
    pub total: usize,
    /// The first of them.
    pub oldest: Vec<DeadLetter>,
}

/// A message that could not be processed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    /// The message's id: `<showtime>:<first sequence>`, or what the publisher gave.
    pub message_id: String,
    /// When it was put among the dead letters, if that is known.
    pub buried_at: Option<Timestamp>,
    /// Why it could not be processed.
    pub reason: String,
    /// The events in it; none if it cannot be read.
    pub events: Vec<EventRange>,
    /// Its routing key.
    pub routing_key: String,
    /// Its body.
    pub body: String,
}

/// Which events of a showtime a message has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventRange {
    /// The showtime.
    pub showtime_id: ShowtimeId,
    /// Sequence of the first event.
    pub first_sequence: u64,
    /// Sequence of the last event.
    pub last_sequence: u64,
}

impl From<&Message> for EventRange {
    fn from(Message { run, .. }: &Message) -> Self {
        Self {
            showtime_id: run.showtime_id(),
            first_sequence: run.first_sequence(),
            last_sequence: run.last_sequence(),
        }
    }
}

/// What a replay of dead letters has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// Messages that were published again.
    pub published: usize,
    /// Dead letters that are left, those that died again meanwhile included.
    pub left: usize,
}

/// See the module's documentation.
#[async_trait]
pub trait EventBus: Send + Sync + 'static {
    /// Publishes messages of different showtimes (at most one each) and waits until each is confirmed or has failed.
    /// One answer per message, in order.
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>>;

    /// The projector's durable subscription: one active consumer in the whole cluster; every delivery is to be settled.
    async fn subscribe_projection(&self) -> Result<Subscription, BusError>;

    /// This node's own live subscription: every message while connected; nothing to settle.
    async fn subscribe_live(&self) -> Result<Subscription, BusError>;

    /// How many dead letters there are, and up to `limit` of them, oldest first. They stay where they are. A look or a replay by another
    /// process at the same moment hides them from this one.
    async fn dead_letters(&self, limit: usize) -> Result<DeadLetters, BusError>;

    /// Publishes up to `limit` dead letters again, oldest first; fewer if that takes long. Each is removed from the dead letters only after
    /// the bus has confirmed it: after an error none is lost, and some may have been published.
    async fn replay_dead_letters(&self, limit: usize) -> Result<Replay, BusError>;

    /// Answers if the bus can be published to.
    async fn ping(&self) -> Result<(), BusError>;
}

/// The partition in routing keys: a showtime always has the same one of [`PARTITIONS`].
pub fn partition(showtime: ShowtimeId) -> u8 {
    let [.., last] = *showtime.0.as_bytes();
    last % PARTITIONS
}

/// Number of partitions in routing keys, so that consumers can be sharded later.
pub const PARTITIONS: u8 = 16;
