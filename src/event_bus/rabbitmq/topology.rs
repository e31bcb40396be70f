//! What the bus needs on the broker: exchanges, queues and bindings, and what they are called under a namespace.
//!
//! The arguments are constants, not settings: the broker refuses to declare a queue again with other arguments, so all
//! nodes and all versions must agree on them. They work on RabbitMQ 3.10 and 4.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, ExchangeKind};
use uuid::Uuid;

use crate::event_bus::BusError;

/// Deliveries after which the broker itself gives a message up. It counts lost channels too, so the limit is far above what
/// any outage of the read model or flapping of a node can reach: retries never leave this process. Without a limit RabbitMQ 4
/// would set its own, 20.
const DELIVERY_LIMIT: i64 = 1_000_000;

/// Most messages that wait for the projector. Past it publishing is refused and the events stay in the outbox, which is durable.
const MAX_PROJECTOR_MESSAGES: i64 = 1_000_000;
/// Most dead letters. Past it the oldest are dropped: the journal still has their events, and a stuck projector would cost more.
const MAX_DEAD_LETTERS: i64 = 100_000;

/// Longest namespace, in bytes: names on the broker have at most 255.
const MAX_NAMESPACE_BYTES: usize = 100;

/// Binds a queue to all events of all partitions.
const ALL_EVENTS: &str = "showtime.#";

/// The names under one namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Names {
    namespace: String,
    /// Topic exchange that events are published to.
    pub(super) events: ShortString,
    /// The projector's queue.
    pub(super) projector: ShortString,
    /// Topic exchange that dead letters are published to.
    pub(super) dead: ShortString,
    /// The queue of dead letters.
    pub(super) dead_letters: ShortString,
}

impl Names {
    /// # Errors
    /// If the namespace cannot be part of names on the broker: 1 to 100 letters, digits, `.`, `-` and `_`.
    pub(super) fn new(namespace: &str) -> Result<Self, BusError> {
        let fits = !namespace.is_empty() && namespace.len() <= MAX_NAMESPACE_BYTES;
        let plain = namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if !fits || !plain {
            return Err(BusError { reason: format!("{namespace:?} cannot be a namespace on the broker") });
        }
        let name = |suffix: &str| ShortString::from(format!("{namespace}.{suffix}"));
        Ok(Self {
            events: name("events"),
            projector: name("projector"),
            dead: name("dead"),
            dead_letters: name("dead-letters"),
            namespace: namespace.to_owned(),
        })
    }

    /// A name for a node's live queue.
    pub(super) fn new_live(&self) -> ShortString {
        format!("{}.live.{}", self.namespace, Uuid::new_v4()).into()
    }
}

/// Declares everything that is shared and durable. Changes nothing that exists already.
pub(super) async fn declare(channel: &Channel, names: &Names) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    for exchange in [&names.events, &names.dead] {
        let kind = ExchangeKind::Topic;
        channel.exchange_declare(exchange.clone(), kind, durable, FieldTable::default()).await?;
    }
    // Dead letters first: the projector's queue must never have nowhere to put them.
    declare_queue(channel, &names.dead_letters, quorum_arguments(MAX_DEAD_LETTERS, "drop-head")).await?;
    bind(channel, &names.dead_letters, &names.dead, "#").await?;
    // At-least-once dead lettering keeps a message until the dead letters have confirmed it; it demands `reject-publish`.
    let mut arguments = quorum_arguments(MAX_PROJECTOR_MESSAGES, "reject-publish");
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-dead-letter-exchange".into(), text(names.dead.as_str()));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    declare_queue(channel, &names.projector, arguments).await?;
    bind(channel, &names.projector, &names.events, ALL_EVENTS).await
}

/// Declares and binds a live queue: it belongs to this connection, goes with its consumer, and holds at most `max_length` messages,
/// dropping the oldest, so that a stuck node cannot fill the broker.
pub(super) async fn declare_live(
    channel: &Channel,
    names: &Names,
    queue: &ShortString,
    max_length: u32,
) -> lapin::Result<()> {
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    // Named, as a virtual host may have another default, and only classic queues can be exclusive.
    arguments.insert("x-queue-type".into(), text("classic"));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(max_length.max(1).into()));
    arguments.insert("x-overflow".into(), text("drop-head"));
    channel.queue_declare(queue.clone(), options, arguments).await?;
    bind(channel, queue, &names.events, ALL_EVENTS).await
}

async fn declare_queue(channel: &Channel, queue: &ShortString, arguments: FieldTable) -> lapin::Result<()> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.clone(), options, arguments).await?;
    Ok(())
}

async fn bind(channel: &Channel, queue: &ShortString, exchange: &ShortString, key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.clone(), exchange.clone(), key.into(), options, FieldTable::default()).await
}

fn quorum_arguments(max_length: i64, overflow: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(max_length));
    arguments.insert("x-overflow".into(), text(overflow));
    arguments
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_must_fit_into_names() {
        assert_eq!(Names::new("turnstile").unwrap().dead_letters.as_str(), "turnstile.dead-letters");
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(101)] {
            assert!(Names::new(bad).is_err(), "{bad}");
        }
    }
}
