//! Dead letters on the real stack: operators see them, over HTTP and on the board, and have them published again.

use std::time::{Duration, Instant};

use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use reqwest::Method;
use serde_json::{Value, json};

use crate::proxy::{Mode, Proxy};
use crate::services;
use crate::stack::{Answer, Server, Stack, eventually};
use crate::system::browser::Browser;
use crate::system::operator_page;

const SOON: Duration = Duration::from_secs(20);
/// Longest time until a request is answered while the broker is away.
const BOUND: Duration = Duration::from_secs(20);
/// Neither an event nor a batch of events.
const NONSENSE: &[u8] = b"[{\"no\":\"event\"}]";

async fn listed(server: &Server) -> Answer {
    server.send(server.as_operator(Method::GET, "/api/dead-letters")).await.unwrap()
}

async fn replayed(server: &Server) -> Answer {
    server.send(server.as_operator(Method::POST, "/api/dead-letters/replay")).await.unwrap()
}

async fn are(server: &Server, total: u64) {
    eventually(&format!("{total} dead letters"), SOON, async || listed(server).await.body["total"] == total).await;
}

/// A program beside the servers that talks to their broker.
async fn meddler(stack: &Stack) -> Channel {
    let properties = ConnectionProperties::default();
    Connection::connect(&stack.services().rabbitmq, properties).await.unwrap().create_channel().await.unwrap()
}

async fn publish(channel: &Channel, exchange: String, properties: BasicProperties, body: &[u8]) {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let key = "showtime.3.Nonsense".into();
    channel.basic_publish(exchange.into(), key, options, body, properties).await.unwrap().await.unwrap();
}

async fn publish_nonsense(stack: &Stack, channel: &Channel) {
    let properties = BasicProperties::default().with_message_id("strange".into());
    publish(channel, format!("{}.events", stack.name()), properties, NONSENSE).await;
}

/// The next message of a queue that gets what the relay publishes.
async fn overheard(channel: &Channel, queue: &str) -> BasicGetMessage {
    let started = Instant::now();
    loop {
        let got = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.unwrap();
        if let Some(got) = got {
            return got;
        }
        assert!(started.elapsed() < SOON, "the relay publishes nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What can be used is worked off, what cannot comes back, and both nodes tell the same.
#[tokio::test(flavor = "multi_thread")]
async fn replayed_messages_are_worked_off_or_come_back() {
    let stack = Stack::real(services::shared()).await.with("SEED_DEMO", "false");
    let (server, other) = (stack.start(), stack.start());
    let channel = meddler(&stack).await;
    let queue = format!("{}.overheard", stack.name());
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.unwrap();
    let (exchange, bind) = (format!("{}.events", stack.name()), QueueBindOptions::default());
    let bound =
        channel.queue_bind(queue.as_str().into(), exchange.into(), "showtime.#".into(), bind, FieldTable::default());
    bound.await.unwrap();
    let (showtime, _seats) = server.schedule(1).await;
    let message = overheard(&channel, &queue).await;

    publish_nonsense(&stack, &channel).await;
    are(&server, 1).await;
    // A sound message that lies among the dead letters, as after a fault that has passed.
    publish(&channel, format!("{}.dead", stack.name()), message.properties.clone(), &message.data).await;
    are(&other, 2).await;
    let found = listed(&server).await;
    let items = found.body["items"].as_array().unwrap();
    let of = |id: &str| items.iter().find(|item| item["messageId"].as_str().unwrap().starts_with(id)).unwrap();
    let (nonsense, sound) = (of("strange"), of(&showtime));
    assert_eq!((&nonsense["events"], nonsense["routingKey"].as_str()), (&json!([]), Some("showtime.3.Nonsense")));
    assert!(nonsense["reason"].as_str().unwrap().contains("nor a batch of CloudEvents"), "{nonsense}");
    assert_eq!(sound["events"], json!([{"showtimeId": showtime, "firstSequence": 1, "lastSequence": 1}]));
    let buried_at = nonsense["buriedAt"].as_str().unwrap().to_owned();

    let replay = replayed(&other).await;
    assert_eq!((replay.status, &replay.body["replayed"]), (200, &json!(2)), "{replay:?}");
    eventually("only what cannot be used comes back", SOON, async || {
        let found = listed(&server).await;
        let again = |item: &Value| item["messageId"] == "strange" && item["buriedAt"].as_str() > Some(&buried_at);
        found.body["total"] == 1 && again(&found.body["items"][0])
    })
    .await;
    stack.check().await;
}

/// RabbitMQ silent, or down: refused with words, in a bounded time. Once it is back, all letters are there, and 50 of them are told.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_broker_the_answer_says_so_in_time() {
    let (proxy, through) = Proxy::before(&services::rabbitmq(), 5672).await;
    let stack = Stack::real(services::Services { rabbitmq: through, ..services::shared() }).await;
    let server = stack.start();
    let meddler = meddler(&stack).await;
    for _ in 0..60 {
        publish_nonsense(&stack, &meddler).await;
    }
    are(&server, 60).await;
    for mode in [Mode::Stall, Mode::Refuse] {
        proxy.set(mode);
        if mode == Mode::Refuse {
            proxy.cut_all();
        }
        for (method, path) in [(Method::GET, "/api/dead-letters"), (Method::POST, "/api/dead-letters/replay")] {
            let started = Instant::now();
            let refused = server.send(server.as_operator(method, path)).await.unwrap();
            assert!(started.elapsed() < BOUND, "{mode:?}: {:?}", started.elapsed());
            assert_eq!((refused.status, refused.body["code"].as_str()), (503, Some("unavailable")), "{refused:?}");
            assert!(refused.body["detail"].as_str().unwrap().contains("none of them is lost"), "{refused:?}");
        }
    }
    proxy.set(Mode::Forward);
    are(&server, 60).await;
    assert_eq!(listed(&server).await.body["items"].as_array().unwrap().len(), 50);
}

/// The board counts and shows them, and replays them once the operator is sure.
#[tokio::test(flavor = "multi_thread")]
async fn the_board_shows_and_replays_them() {
    let stack = Stack::real(services::shared()).await;
    let server = stack.start();
    let (showtime, _seats) = server.schedule(1).await;
    let browser = Browser::open().await;
    operator_page::open(&browser, &server, &showtime).await;
    browser.click("#tab-system").await;
    browser.says("dead-letters-count", "There are none").await;
    browser.until("nothing to replay", "document.querySelector('#dead-letters-replay').hidden").await;
    publish_nonsense(&stack, &meddler(&stack).await).await;
    are(&server, 1).await;
    browser.click("#dead-letters-look").await;
    browser.says("dead-letters-count", "1 message").await;
    browser.says("dead-letters", "nor a batch of CloudEvents").await;
    browser.is_accessible().await;
    browser.media(&[("prefers-reduced-motion", "reduce")]).await;
    browser.click("#dead-letters-replay").await;
    browser.says("sure-title", "Publish 1 dead letter again?").await;
    browser.click("#sure-yes").await;
    browser.says("message", "1 message published again").await;
    // It still cannot be used.
    are(&server, 1).await;
    browser.click("#dead-letters-look").await;
    browser.says("dead-letters-count", "1 message").await;
}
