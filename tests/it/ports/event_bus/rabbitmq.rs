//! The event bus on RabbitMQ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use turnstile::domain::{Event, EventRun};
use turnstile::event_bus::cloud_event::decode;
use turnstile::event_bus::rabbitmq::{RabbitBus, Settings};
use turnstile::event_bus::{EventBus, Message, Settlement, Signal};
use uuid::Uuid;

use crate::services;

use super::{Nodes, clock, eventually, expect, message, next, next_signal, publish, showtime};

/// Quick enough for tests, and with the bounds that the contract suite names.
pub fn settings() -> Settings {
    Settings {
        // The machine may be busy with other tests.
        publish_timeout_milliseconds: 60_000,
        call_timeout_milliseconds: 30_000,
        connect_timeout_milliseconds: 30_000,
        live_capacity: 400,
        retry_first_pause_milliseconds: 300,
        retry_longest_pause_milliseconds: 300,
        reconnect_longest_pause_milliseconds: 500,
        ..Settings::default()
    }
}

pub async fn connect(url: &str, namespace: &str) -> RabbitBus {
    RabbitBus::connect(url, namespace, &settings(), clock()).await.unwrap()
}

/// A namespace of one test; its exchanges and queues are deleted when this is dropped.
pub struct Namespace {
    pub name: String,
    url: String,
}

impl Namespace {
    pub fn new(url: &str) -> Self {
        Self { name: format!("test-{}", Uuid::new_v4()), url: url.to_owned() }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let (name, url) = (self.name.clone(), self.url.clone());
        // In a thread of its own, as this may run inside a runtime, and must also run when a test panics.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let channel = channel(&url).await;
                for queue in ["projector", "dead-letters"] {
                    let queue = format!("{name}.{queue}").into();
                    channel.queue_delete(queue, QueueDeleteOptions::default()).await.unwrap();
                }
                for exchange in ["events", "dead"] {
                    let exchange = format!("{name}.{exchange}").into();
                    channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await.unwrap();
                }
            });
        });
        let gone = cleaner.join().is_ok();
        assert!(gone || std::thread::panicking(), "the namespace {} was not cleaned up", self.name);
    }
}

/// A plain channel for looking at the broker and for meddling.
pub async fn channel(url: &str) -> Channel {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    connection.create_channel().await.unwrap()
}

async fn nodes() -> Nodes {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let one = Arc::new(connect(&url, &namespace.name).await);
    let other = Arc::new(connect(&url, &namespace.name).await);
    Nodes { one, other, _guard: Box::new(namespace) }
}

super::run_contract!(nodes());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_malformed_url_or_namespace_is_refused() {
    for bad in ["", "rabbit", "http://localhost", "amqp://", "amqps://localhost?verify=verify_none"] {
        assert!(RabbitBus::connect(bad, "test", &settings(), clock()).await.is_err(), "{bad:?}");
    }
    assert!(RabbitBus::connect("amqp://127.0.0.1:1", "a b", &settings(), clock()).await.is_err());
    // Nobody listens on port 1.
    let nowhere = connect("amqp://127.0.0.1:1", "test").await;
    let start = Instant::now();
    let answers = nowhere.publish(vec![message(showtime(), 1, 1), message(showtime(), 1, 1)]).await;
    assert!(start.elapsed() < Duration::from_secs(10), "publishing without a connection took {:?}", start.elapsed());
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.reason.contains("no connection"))));
    assert!(nowhere.ping().await.is_err());
    assert!(nowhere.dead_letters(1).await.is_err());
    assert!(nowhere.replay_dead_letters(1).await.is_err());
}

/// A queue that gets a copy of every message, and the channel that lives as long as it.
async fn onlooker(url: &str, namespace: &Namespace) -> (Channel, ShortString) {
    bound(url, namespace, "#").await
}

/// A queue bound with `key`, and the channel that lives as long as it.
async fn bound(url: &str, namespace: &Namespace, key: &str) -> (Channel, ShortString) {
    let channel = channel(url).await;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), exclusive, FieldTable::default()).await.unwrap().name().clone();
    let (exchange, options) = (format!("{}.events", namespace.name).into(), QueueBindOptions::default());
    channel.queue_bind(queue.clone(), exchange, key.into(), options, FieldTable::default()).await.unwrap();
    (channel, queue)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_have_the_promised_properties() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let (onlooker, queue) = onlooker(&url, &namespace).await;
    let sent = message(showtime(), 7, 9);
    publish(&bus, std::slice::from_ref(&sent)).await;
    let mut got = None;
    eventually("the copy is there", async || {
        got = onlooker.basic_get(queue.clone(), BasicGetOptions { no_ack: true }).await.unwrap();
        got.is_some()
    })
    .await;
    let got = got.unwrap();
    let properties = &got.delivery.properties;
    let showtime = sent.run.showtime_id();
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), format!("{showtime}:7"));
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/cloudevents-batch+json");
    let seconds = u64::try_from(clock()().as_millis() / 1_000).unwrap();
    assert!(properties.timestamp().unwrap().abs_diff(seconds) < 60);
    let headers = properties.headers().as_ref().unwrap().inner();
    let text = |name: &str| headers[name].as_long_string().unwrap().to_string();
    assert_eq!(text("showtime"), showtime.to_string());
    assert_eq!(text("traceparent"), *sent.traceparent.as_ref().unwrap());
    assert_eq!(headers["first-sequence"].as_long_long_int(), Some(7));
    assert_eq!(headers["last-sequence"].as_long_long_int(), Some(9));
    let partition = showtime.0.as_bytes()[15] % 16;
    assert_eq!(got.delivery.routing_key.as_str(), format!("showtime.{partition}.BookingCancelled"));
    assert_eq!(decode(&got.delivery.data).unwrap(), [sent]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_queue_takes_is_an_error_and_the_queue_is_declared_again() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let meddler = channel(&url).await;
    let queue = format!("{}.projector", namespace.name);
    for round in 0..3 {
        meddler.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        let messages: Vec<_> = (0..300).map(|_| message(showtime(), 1, 1)).collect();
        let answers = bus.publish(messages.clone()).await;
        assert_eq!(answers.len(), 300);
        for answer in answers {
            assert!(answer.unwrap_err().reason.contains("no queue takes"), "round {round}");
        }
        publish(&bus, &messages[..1]).await;
    }
    let mut projection = bus.subscribe_projection().await.unwrap();
    next(&mut projection).await.settle(Settlement::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_goes_to_the_dead_letters_and_stops_nothing() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let mut live = bus.subscribe_live().await.unwrap();
    let stranger = channel(&url).await;
    let exchange = format!("{}.events", namespace.name);
    let properties = BasicProperties::default().with_message_id("strange".into()).with_expiration("60000".into());
    stranger
        .basic_publish(
            exchange.into(),
            "showtime.3.Nonsense".into(),
            BasicPublishOptions::default(),
            b"[{\"no\":\"event\"}]",
            properties,
        )
        .await
        .unwrap();
    eventually("it is a dead letter", async || bus.dead_letters(10).await.unwrap().total == 1).await;
    let letters = bus.dead_letters(10).await.unwrap().oldest;
    assert_eq!(letters[0].message_id, "strange");
    assert_eq!(letters[0].routing_key, "showtime.3.Nonsense");
    assert_eq!(letters[0].body, "[{\"no\":\"event\"}]");
    assert!(letters[0].reason.contains("nor a batch of CloudEvents"), "{:?}", letters[0].reason);
    let sent = message(showtime(), 1, 1);
    publish(&bus, std::slice::from_ref(&sent)).await;
    expect(&mut projection, &sent).await;
    expect(&mut live, &sent).await;
    // Replayed, it dies again: once, not for ever.
    assert_eq!(bus.replay_dead_letters(10).await.unwrap().published, 1);
    eventually("it is back", async || bus.dead_letters(10).await.unwrap().total == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_queue_interrupts_the_projection_and_comes_back() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let queue = format!("{}.projector", namespace.name);
    channel(&url).await.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    assert!(matches!(next_signal(&mut projection).await, Signal::Interrupted));
    let sent = message(showtime(), 1, 1);
    publish(&bus, std::slice::from_ref(&sent)).await;
    expect(&mut projection, &sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_do_not_touch_each_other() {
    let url = services::rabbitmq();
    let (here, there) = (Namespace::new(&url), Namespace::new(&url));
    let (bus, neighbour) = (connect(&url, &here.name).await, connect(&url, &there.name).await);
    let mut projection = bus.subscribe_projection().await.unwrap();
    let mut live = bus.subscribe_live().await.unwrap();
    publish(&neighbour, &[message(showtime(), 1, 1)]).await;
    super::expect_silence(&mut projection).await;
    super::expect_silence(&mut live).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_publish_side_by_side() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = Arc::new(connect(&url, &namespace.name).await);
    let mut projection = bus.subscribe_projection().await.unwrap();
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let bus = bus.clone();
            tokio::spawn(async move {
                let messages: Vec<_> = (0..40).map(|_| message(showtime(), 1, 1)).collect();
                publish(&*bus, &messages).await;
            })
        })
        .collect();
    for _ in 0..400 {
        next(&mut projection).await.settle(Settlement::Done);
    }
    for caller in callers {
        caller.await.unwrap();
    }
    super::expect_silence(&mut projection).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_loses_interest_harms_nobody() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let showtimes: Vec<_> = (0..40).map(|_| showtime()).collect();
    for showtime in &showtimes {
        // As a rule this drops it at its first pause; it goes on in the background.
        drop(tokio::time::timeout(Duration::ZERO, bus.publish(vec![message(*showtime, 1, 1)])).await);
    }
    let mut seen = std::collections::HashSet::new();
    while seen.len() < showtimes.len() {
        let delivery = next(&mut projection).await;
        seen.insert(delivery.message.run.showtime_id());
        delivery.settle(Settlement::Done);
    }
    publish(&bus, &[message(showtime(), 1, 1)]).await;
}

/// However many showtimes have something to tell at once, the broker gets a message for each partition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn showtimes_of_a_partition_share_a_message() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let (onlooker, queue) = onlooker(&url, &namespace).await;
    let sent: Vec<_> = (0..200).map(|_| message(showtime(), 1, 2)).collect();
    publish(&bus, &sent).await;

    let (mut bodies, mut told) = (0, Vec::new());
    eventually("every showtime's message is there", async || {
        while let Some(got) = onlooker.basic_get(queue.clone(), BasicGetOptions { no_ack: true }).await.unwrap() {
            bodies += 1;
            told.extend(decode(&got.delivery.data).unwrap());
        }
        told.len() == sent.len()
    })
    .await;
    assert!(bodies <= 16, "{bodies} messages for 16 partitions");
    assert!(sent.iter().all(|message| told.contains(message)));
}

/// Batches hold events of several kinds. A queue bound to one kind gets all of that kind, and each message once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_bound_to_one_kind_gets_all_events_of_that_kind() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let (onlooker, queue) = bound(&url, &namespace, "showtime.*.HoldExpired").await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    // Each third event of a showtime is another kind; some messages are of one kind only, and one is a single event.
    let mixed = |events: u64| {
        let message = message(showtime(), 1, events);
        let events = message.run.events().iter().cloned().map(|mut recorded| {
            if recorded.sequence.is_multiple_of(3) {
                let (booking_id, seat_ids) = (recorded.event.booking_id().unwrap(), Vec::new());
                recorded.event = Event::HoldExpired { booking_id, seat_ids };
            }
            recorded
        });
        let run = EventRun::new(message.run.showtime_id(), events.collect()).unwrap();
        Message { run: run.into(), ..message.clone() }
    };
    let sent: Vec<Message> = (0..60).map(|index| mixed(1 + index % 7)).collect();
    publish(&bus, &sent).await;
    let expired = |message: &Message| {
        let events = message.run.events().iter();
        events.filter(|recorded| matches!(recorded.event, Event::HoldExpired { .. })).count()
    };
    let wanted: usize = sent.iter().map(expired).sum();
    let mut got = Vec::new();
    eventually("all events of the kind are there", async || {
        while let Some(next) = onlooker.basic_get(queue.clone(), BasicGetOptions { no_ack: true }).await.unwrap() {
            got.extend(decode(&next.delivery.data).unwrap());
        }
        got.iter().map(expired).sum::<usize>() >= wanted
    })
    .await;
    assert_eq!(got.iter().map(expired).sum::<usize>(), wanted, "each once");
    super::expect_all(&mut projection, &sent).await;
}

/// An event by itself is one structured CloudEvent, which is what the official packages read from a message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_travels_alone_is_one_structured_cloud_event() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let (onlooker, queue) = onlooker(&url, &namespace).await;
    publish(&bus, &[message(showtime(), 1, 1)]).await;
    let mut got = None;
    eventually("the copy is there", async || {
        got = onlooker.basic_get(queue.clone(), BasicGetOptions { no_ack: true }).await.unwrap();
        got.is_some()
    })
    .await;
    let got = got.unwrap();
    let content_type = got.delivery.properties.content_type().as_ref().unwrap().as_str();
    let body: serde_json::Value = serde_json::from_slice(&got.delivery.data).unwrap();
    assert_eq!((content_type, &body["specversion"]), ("application/cloudevents+json", &"1.0".into()));
    assert_eq!(body["type"], "turnstile.BookingCancelled");
}
