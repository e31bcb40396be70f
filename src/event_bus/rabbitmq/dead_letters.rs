//! Dead letters: what can never be processed, kept with its reason until an operator replays it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout};

use crate::domain::{Clock, Timestamp};
use crate::event_bus::cloud_event::decode;
use crate::event_bus::rabbitmq::link::{Link, within};
use crate::event_bus::rabbitmq::parcel::{PERSISTENT, Parcel, message_id, text};
use crate::event_bus::rabbitmq::publisher::Publisher;
use crate::event_bus::rabbitmq::topology::Names;
use crate::event_bus::{BusError, DeadLetter, DeadLetters, EventRange, Replay};

/// Header that holds why a message is dead.
const REASON: &str = "turnstile-reason";
/// Header that holds when a message died, in milliseconds since 1970.
const BURIED_AT: &str = "turnstile-buried-at";
/// Header in which the broker says why it gave a message up itself.
const BROKER_REASON: &str = "x-first-death-reason";
/// Headers that belong to the death and not to the message.
const DEATH_HEADERS: [&str; 8] = [
    REASON,
    BURIED_AT,
    BROKER_REASON,
    "x-death",
    "x-first-death-queue",
    "x-first-death-exchange",
    "x-last-death-reason",
    "x-delivery-count",
];
/// Longest reason that is kept, in characters: all headers must fit into one frame.
const MAX_REASON_CHARACTERS: usize = 2_000;
/// Most letters that one operation looks at. If there are more, the oldest of these are not always the oldest of all.
const MAX_LETTERS: usize = 2_000;
/// Time between two looks at the queue while letters are on their way back to it.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// The dead-letter queue. Each operation has a channel of its own.
///
/// A quorum queue puts a message that is given back behind the others, so the queue's order means nothing after the first look at it.
/// What counts is the time of death.
#[derive(Clone)]
pub(super) struct DeadLetterQueue {
    pub(super) consuming: Arc<Link>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) names: Names,
    pub(super) clock: Clock,
    /// One look at a time in this process: letters that are looked at are hidden from others.
    pub(super) look: Arc<Mutex<()>>,
    pub(super) call_timeout: Duration,
}

impl DeadLetterQueue {
    /// Puts a delivery among the dead letters, under its own routing key; `Ok` only when the broker has confirmed it.
    pub(super) async fn bury(&self, delivery: &lapin::message::Delivery, reason: &str) -> Result<(), BusError> {
        let mut headers = headers_of(&delivery.properties);
        let reason: String = reason.chars().take(MAX_REASON_CHARACTERS).collect();
        headers.insert(REASON.into(), text(&reason));
        headers.insert(BURIED_AT.into(), AMQPValue::LongLongInt((self.clock)().as_millis()));
        let parcel = Parcel {
            exchange: self.names.dead.clone(),
            routing_key: delivery.routing_key.clone(),
            properties: carried_over(&delivery.properties, headers),
            body: delivery.data.clone(),
        };
        self.publish(parcel).await
    }

    /// The number of letters, and up to `limit` of them, oldest first; they stay where they are.
    pub(super) async fn list(&self, limit: usize) -> Result<DeadLetters, BusError> {
        let _look = self.turn().await?;
        let channel = self.channel().await?;
        let got = self.get_oldest_first(&channel).await?;
        let oldest = got.iter().take(limit).map(letter).collect();
        let total = self.give_back(&channel, &got).await?;
        self.close(&channel).await?;
        Ok(DeadLetters { total, oldest })
    }

    /// Publishes up to `limit` letters again, oldest first, for at most the call timeout.
    /// Those that die again meanwhile are not replayed twice.
    ///
    /// **Invariant:** a letter is removed only after the broker has confirmed its successor. If this breaks off, its channel closes,
    /// and the broker puts back all letters that were not removed.
    pub(super) async fn replay(&self, limit: usize) -> Result<Replay, BusError> {
        let _look = self.turn().await?;
        let channel = self.channel().await?;
        let got = self.get_oldest_first(&channel).await?;
        let deadline = Instant::now() + self.call_timeout;
        let mut published = 0;
        for letter in got.iter().take(limit) {
            if Instant::now() >= deadline {
                break;
            }
            self.publish(self.revived(letter)).await?;
            let ack = letter.delivery.acker.ack(BasicAckOptions::default());
            if !within(self.call_timeout, "remove a dead letter", ack).await? {
                return Err(BusError { reason: "the channel ended before a dead letter was removed".to_owned() });
            }
            published += 1;
        }
        let left = self.give_back(&channel, got.get(published..).unwrap_or_default()).await?;
        self.close(&channel).await?;
        Ok(Replay { published, left })
    }

    async fn turn(&self) -> Result<MutexGuard<'_, ()>, BusError> {
        let busy = |_elapsed| BusError { reason: "somebody else looks at the dead letters".to_owned() };
        timeout(self.call_timeout, self.look.lock()).await.map_err(busy)
    }

    /// Takes letters out for the time being: at most [`MAX_LETTERS`], and as many as come within the call timeout.
    async fn get_oldest_first(&self, channel: &Channel) -> Result<Vec<BasicGetMessage>, BusError> {
        let deadline = Instant::now() + self.call_timeout;
        let mut got = Vec::new();
        while got.len() < MAX_LETTERS && Instant::now() < deadline {
            let get = channel.basic_get(self.names.dead_letters.clone(), BasicGetOptions::default());
            let Some(letter) = within(self.call_timeout, "get a dead letter", get).await? else { break };
            got.push(letter);
        }
        got.sort_by_key(buried_at);
        Ok(got)
    }

    /// Gives letters back to the queue and waits until they are there, so that whoever looks next sees them. Returns how many letters
    /// the queue has then.
    async fn give_back(&self, channel: &Channel, letters: &[BasicGetMessage]) -> Result<usize, BusError> {
        let requeue = BasicNackOptions { multiple: false, requeue: true };
        for letter in letters {
            within(self.call_timeout, "give a dead letter back", letter.delivery.acker.nack(requeue)).await?;
        }
        let back = async {
            let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
            loop {
                let queue = self.names.dead_letters.clone();
                let declared = channel.queue_declare(queue, passive, FieldTable::default()).await?;
                let count = usize::try_from(declared.message_count()).unwrap_or(usize::MAX);
                if count >= letters.len() {
                    return Ok(count);
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        within(self.call_timeout, "see dead letters given back", back).await
    }

    fn revived(&self, got: &BasicGetMessage) -> Parcel {
        let mut headers = headers_of(&got.delivery.properties);
        headers.retain(|name, _| !DEATH_HEADERS.contains(&name.as_str()));
        Parcel {
            exchange: self.names.events.clone(),
            routing_key: got.delivery.routing_key.clone(),
            properties: carried_over(&got.delivery.properties, headers),
            body: got.delivery.data.clone(),
        }
    }

    async fn publish(&self, parcel: Parcel) -> Result<(), BusError> {
        let silence = || Err(BusError { reason: "the broker did not answer".to_owned() });
        self.publisher.publish(vec![parcel]).await.into_iter().next().unwrap_or_else(silence)
    }

    async fn channel(&self) -> Result<Channel, BusError> {
        self.consuming.session()?.channel().await
    }

    async fn close(&self, channel: &Channel) -> Result<(), BusError> {
        within(self.call_timeout, "close a channel", channel.close(200, "done".into())).await
    }
}

type Headers = BTreeMap<ShortString, AMQPValue>;

/// What a message keeps on its way to the dead letters and back. A foreign publisher may have set more, and some of it, such as a
/// user id that is not ours, the broker would refuse.
fn carried_over(properties: &BasicProperties, headers: Headers) -> BasicProperties {
    let mut carried = BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(FieldTable::from(headers));
    if let Some(message_id) = properties.message_id() {
        carried = carried.with_message_id(message_id.clone());
    }
    if let Some(content_type) = properties.content_type() {
        carried = carried.with_content_type(content_type.clone());
    }
    if let Some(timestamp) = properties.timestamp() {
        carried = carried.with_timestamp(*timestamp);
    }
    carried
}

fn headers_of(properties: &BasicProperties) -> Headers {
    properties.headers().as_ref().map(|headers| headers.inner().clone()).unwrap_or_default()
}

/// When the message died: said by this house, or else by the broker, which counts in seconds.
fn buried_at(got: &BasicGetMessage) -> Option<Timestamp> {
    let headers = headers_of(&got.delivery.properties);
    let ours = || headers.get(BURIED_AT)?.as_long_long_int();
    let brokers = || {
        let deaths = headers.get("x-death")?.as_array()?.as_slice().first()?.as_field_table()?.inner().get("time")?;
        i64::try_from(deaths.as_timestamp()?.saturating_mul(1_000)).ok()
    };
    ours().or_else(brokers).map(Timestamp::from_millis)
}

fn letter(got: &BasicGetMessage) -> DeadLetter {
    let headers = headers_of(&got.delivery.properties);
    let words = |name: &str| {
        let value = headers.get(name)?;
        value.as_long_string().map(|words| String::from_utf8_lossy(words.as_bytes()).into_owned())
    };
    let broker = || words(BROKER_REASON).map(|words| format!("given up by the broker: {words}"));
    DeadLetter {
        message_id: message_id(&got.delivery.properties).to_owned(),
        buried_at: buried_at(got),
        events: decode(&got.delivery.data).unwrap_or_default().iter().map(EventRange::from).collect(),
        reason: words(REASON).or_else(broker).unwrap_or_else(|| "unknown".to_owned()),
        routing_key: got.delivery.routing_key.to_string(),
        body: String::from_utf8_lossy(&got.delivery.data).into_owned(),
    }
}
