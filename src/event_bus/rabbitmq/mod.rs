//! Event bus on RabbitMQ (3.10 or newer): a topic exchange, a quorum queue for the projector, a queue per node for live
//! updates, and a quorum queue for dead letters.

mod brokers;
mod dead_letters;
mod link;
mod live_queue;
mod packing;
mod projection;
mod publisher;
mod topology;
mod window;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::domain::{Clock, Timestamp};
use crate::event_bus::cloud_event::{self, Encoded};
use crate::event_bus::{BusError, DeadLetter, EventBus, Message, Subscription};

use self::brokers::Brokers;
use self::dead_letters::DeadLetters;
use self::link::Link;
use self::live_queue::LiveQueue;
use self::packing::Packing;
use self::projection::Projection;
use self::publisher::Publisher;
use self::topology::Names;
use self::window::Parcel;

/// Header with further routing keys of a message; a queue that several keys lead to gets it once.
const FURTHER_ROUTING_KEYS: &str = "CC";
/// AMQP's delivery mode for messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// Bounds of the connections to RabbitMQ.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Longest time for making a connection to one host, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// Longest time for a request to the broker other than publishing, in milliseconds.
    pub call_timeout_milliseconds: u64,
    /// Longest time for publishing a list of messages until all are confirmed, in milliseconds.
    pub publish_timeout_milliseconds: u64,
    /// Longest pause between two attempts to connect, in milliseconds. The first pause is 100 ms, each next one twice as long.
    pub reconnect_longest_pause_milliseconds: u64,
    /// Time between two heartbeats, in seconds, unless the URL has one. A peer that is silent for twice as long is given up.
    pub heartbeat_seconds: u16,
    /// Most messages of one publishing call that the broker has not confirmed yet.
    pub publish_window: usize,
    /// Most publishing calls that are under way at the same time; others wait.
    pub publish_channels: usize,
    /// Most messages handed to the projection at once.
    pub projection_prefetch: u16,
    /// Pause before a message is delivered again that was to be retried, in milliseconds; it doubles each time.
    pub retry_first_pause_milliseconds: u64,
    /// Longest pause before a message is delivered again, in milliseconds.
    pub retry_longest_pause_milliseconds: u64,
    /// Events of different showtimes that share one message on the wire; a single run may be longer.
    pub max_events_per_message: usize,
    /// Most messages that wait in this process for a live subscriber; past it the subscriber is interrupted instead.
    pub live_capacity: usize,
    /// Most messages that wait on the broker for this node's live subscription; past it the oldest are dropped.
    pub live_queue_length: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout_milliseconds: 3_000,
            call_timeout_milliseconds: 5_000,
            publish_timeout_milliseconds: 10_000,
            reconnect_longest_pause_milliseconds: 5_000,
            heartbeat_seconds: 10,
            publish_window: 256,
            publish_channels: 4,
            projection_prefetch: 64,
            retry_first_pause_milliseconds: 100,
            retry_longest_pause_milliseconds: 5_000,
            max_events_per_message: 500,
            live_capacity: 1_024,
            live_queue_length: 10_000,
        }
    }
}

/// The adapter. Two connections, one for publishing and one for consuming, so that a broker that refuses messages for a while
/// still delivers and takes acknowledgements; each is rebuilt in the background for ever when it breaks.
pub struct RabbitBus {
    publisher: Arc<Publisher>,
    consuming: Arc<Link>,
    names: Names,
    settings: Settings,
    clock: Clock,
    runtime: Handle,
    packing: Packing,
}

impl RabbitBus {
    /// Connects to `amqp://user:password@host1:port,host2:port/vhost` or `amqps://`: the hosts are tried in turn, each within the connect
    /// timeout, again and again in the background; when a connection goes, the next host comes first. Waits for the first attempt. All names on the broker begin with `namespace`.
    /// Must be called on the runtime that is to own the connections.
    ///
    /// # Errors
    /// Only if the URL or the namespace is malformed, or a TLS file that the URL names cannot be used.
    pub async fn connect(url: &str, namespace: &str, settings: &Settings, clock: Clock) -> Result<Self, BusError> {
        let brokers = Arc::new(Brokers::parse(url, settings)?);
        let names = Names::new(namespace)?;
        let (publishing, consuming) = tokio::join!(
            Link::open(&brokers, "publishing", names.clone(), settings),
            Link::open(&brokers, "consuming", names.clone(), settings),
        );
        Ok(Self {
            publisher: Arc::new(Publisher::new(publishing, names.clone(), settings)),
            consuming: Arc::new(consuming),
            names,
            settings: settings.clone(),
            clock,
            runtime: Handle::current(),
            packing: Packing::new(settings.max_events_per_message),
        })
    }

    fn dead_letter_queue(&self) -> DeadLetters {
        DeadLetters {
            consuming: self.consuming.clone(),
            publisher: self.publisher.clone(),
            names: self.names.clone(),
            clock: self.clock.clone(),
            call_timeout: Duration::from_millis(self.settings.call_timeout_milliseconds),
        }
    }

    /// Runs what must not be cut off when the caller loses interest.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, BusError> {
        self.runtime.spawn(work).await.map_err(|error| BusError { reason: error.to_string() })
    }
}

#[async_trait]
impl EventBus for RabbitBus {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let now = (self.clock)();
        let packs = self.packing.packs(&messages);
        let parcels: Result<Vec<Parcel>, BusError> =
            packs.iter().map(|pack| parcel(pack.iter().filter_map(|n| messages.get(*n)), &self.names, now)).collect();
        let published = match parcels {
            Ok(parcels) => {
                let publisher = self.publisher.clone();
                self.to_the_end(async move { publisher.publish(parcels).await }).await
            }
            Err(error) => Err(error),
        };
        self.packing.answers(&messages, &packs, published)
    }

    async fn subscribe_projection(&self) -> Result<Subscription, BusError> {
        let (signals, subscription) = mpsc::channel(self.settings.projection_prefetch.max(1).into());
        let dead_letters = self.dead_letter_queue();
        let projection = Projection::new(self.consuming.clone(), dead_letters, self.names.clone(), &self.settings);
        projection.start(&self.runtime, signals).await;
        Ok(subscription)
    }

    async fn subscribe_live(&self) -> Result<Subscription, BusError> {
        let (signals, subscription) = mpsc::channel(self.settings.live_capacity.max(1));
        let live = LiveQueue::new(self.consuming.clone(), self.names.clone(), &self.settings);
        live.start(&self.runtime, signals).await;
        Ok(subscription)
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, BusError> {
        let letters = self.dead_letter_queue();
        self.to_the_end(async move { letters.list(limit).await }).await?
    }

    async fn replay_dead_letters(&self, limit: usize) -> Result<usize, BusError> {
        let letters = self.dead_letter_queue();
        self.to_the_end(async move { letters.replay(limit).await }).await?
    }

    async fn ping(&self) -> Result<(), BusError> {
        let publisher = self.publisher.clone();
        self.to_the_end(async move { publisher.ping().await }).await?
    }
}

/// Messages of one partition as one on the wire. Its id is its first event's, its headers are about the first showtime.
fn parcel<'a>(
    messages: impl Iterator<Item = &'a Message> + Clone,
    names: &Names,
    now: Timestamp,
) -> Result<Parcel, BusError> {
    let first = messages.clone().next().ok_or_else(|| BusError { reason: "a message without events".to_owned() })?;
    let run = &first.run;
    let Encoded { body, content_type } =
        cloud_event::encode(messages.clone()).map_err(|error| BusError { reason: error.to_string() })?;
    let mut headers = FieldTable::default();
    if messages.clone().nth(1).is_none() {
        headers.insert("showtime".into(), text(&run.showtime_id().to_string()));
        headers.insert("first-sequence".into(), number(run.first_sequence()));
        headers.insert("last-sequence".into(), number(run.last_sequence()));
    }
    if let Some(traceparent) = &first.traceparent {
        headers.insert("traceparent".into(), text(traceparent));
    }
    let mut routing_keys = cloud_event::routing_keys(messages).into_iter();
    let routing_key = routing_keys.next().unwrap_or_default().into();
    if routing_keys.len() > 0 {
        let further: Vec<AMQPValue> = routing_keys.map(|key| text(&key)).collect();
        headers.insert(FURTHER_ROUTING_KEYS.into(), AMQPValue::FieldArray(further.into()));
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(cloud_event::message_id(run).into())
        .with_content_type(content_type.into())
        // AMQP counts in seconds.
        .with_timestamp(u64::try_from(now.as_millis().div_euclid(1_000)).unwrap_or(0))
        .with_headers(headers);
    Ok(Parcel { exchange: names.events.clone(), routing_key, properties, body })
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn number(number: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX))
}
