//! The event bus on a RabbitMQ that is stopped, frozen, full or cut off.

use std::time::{Duration, Instant};

use lapin::options::ExchangeDeleteOptions;
use turnstile::event_bus::rabbitmq::{RabbitBus, Settings};
use turnstile::event_bus::{EventBus, Settlement, Signal, Subscription};

use crate::ports::private_service::PrivateService;
use crate::services;

use super::rabbitmq::{Namespace, channel, connect, settings};
use super::{
    SOON, clock, eventually, expect, expect_all, message, next, next_after_trouble, next_signal, publish, showtime,
};

const NAMESPACE: &str = "turnstile";

async fn expect_interruption(subscription: &mut Subscription) {
    assert!(matches!(next_signal(subscription).await, Signal::Interrupted));
}

/// One that is refused at once is no use to wait for.
async fn fails_fast(bus: &RabbitBus) {
    let start = Instant::now();
    let answers = bus.publish(vec![message(showtime(), 1, 1)]).await;
    assert!(answers[0].is_err());
    assert!(start.elapsed() < Duration::from_secs(10), "publishing failed only after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_survives_a_restart_of_the_broker() {
    let private = PrivateService::start("rabbitmq");
    let bus = connect(&private.url(), NAMESPACE).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let mut live = bus.subscribe_live().await.unwrap();
    let showtime_id = showtime();
    let unsettled = message(showtime_id, 1, 1);
    publish(&bus, std::slice::from_ref(&unsettled)).await;
    let in_hand = next(&mut projection).await;
    expect(&mut live, &unsettled).await;

    private.stop();
    eventually("the loss is noticed", async || bus.ping().await.is_err()).await;
    fails_fast(&bus).await;
    assert!(bus.dead_letters(1).await.is_err());

    private.start_again();
    eventually("it connects again", async || bus.ping().await.is_ok()).await;
    expect_interruption(&mut projection).await;
    expect_interruption(&mut live).await;
    in_hand.settle(Settlement::Done);
    // Unsettled when the connection went, and durable: it comes again.
    let again = next(&mut projection).await;
    assert_eq!(again.message, unsettled);
    assert!(again.redelivered);
    again.settle(Settlement::Done);
    let sent = message(showtime_id, 2, 2);
    publish(&bus, std::slice::from_ref(&sent)).await;
    expect(&mut projection, &sent).await;
    expect(&mut live, &sent).await;

    // Confirmed, then a power cut: it must be there.
    drop(projection);
    let kept: Vec<_> = (0..20).map(|_| message(showtime(), 1, 1)).collect();
    publish(&bus, &kept).await;
    private.kill();
    eventually("the loss is noticed", async || bus.ping().await.is_err()).await;
    private.start_again();
    let mut projection = bus.subscribe_projection().await.unwrap();
    expect_all(&mut projection, &kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_costs_no_more_than_the_timeout() {
    let private = PrivateService::start("rabbitmq");
    let url = private.url();
    let quick = Settings {
        publish_timeout_milliseconds: 1_500,
        call_timeout_milliseconds: 2_000,
        connect_timeout_milliseconds: 2_000,
        ..settings()
    };
    let bus = RabbitBus::connect(&url, NAMESPACE, &quick, clock()).await.unwrap();
    let mut projection = bus.subscribe_projection().await.unwrap();
    private.pause();
    let start = Instant::now();
    let answers = bus.publish((0..300).map(|_| message(showtime(), 1, 1)).collect()).await;
    assert!(answers.iter().all(Result::is_err));
    assert!(start.elapsed() < Duration::from_secs(15), "publishing failed only after {:?}", start.elapsed());
    eventually("publishing fails at once", async || {
        let start = Instant::now();
        let answers = bus.publish(vec![message(showtime(), 1, 1)]).await;
        answers[0].is_err() && start.elapsed() < Duration::from_millis(500)
    })
    .await;
    // Long enough for several attempts to connect that hang.
    tokio::time::sleep(Duration::from_secs(8)).await;
    private.resume();
    eventually("it connects again", async || bus.ping().await.is_ok()).await;
    let sent = message(showtime(), 1, 1);
    publish(&bus, std::slice::from_ref(&sent)).await;
    // What was published into the frozen broker may have arrived after all.
    while next_after_trouble(&mut projection).await.message != sent {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_refusals_and_a_full_broker_are_told_apart() {
    let private = PrivateService::start("rabbitmq");
    let url = private.url();
    let bus = connect(&url, NAMESPACE).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let mut live = bus.subscribe_live().await.unwrap();

    // An operator closes all connections.
    private.rabbitmqctl(&["close_all_connections", "test"]);
    expect_interruption(&mut projection).await;
    expect_interruption(&mut live).await;
    // The connection for publishing may be closed after the one for consuming.
    let sent = message(showtime(), 1, 1);
    eventually("it connects again", async || bus.publish(vec![sent.clone()]).await[0].is_ok()).await;
    expect(&mut projection, &sent).await;
    expect(&mut live, &sent).await;

    // A queue that is full refuses: an error for that message, on a sound connection.
    drop(projection);
    private.rabbitmqctl(&["set_policy", "full", "projector$", r#"{"max-length":3}"#, "--apply-to", "queues"]);
    eventually("the queue refuses", async || {
        let answers = bus.publish(vec![message(showtime(), 1, 1)]).await;
        answers[0].as_ref().is_err_and(|error| error.reason.contains("refused"))
    })
    .await;
    bus.ping().await.expect("the connection is sound");
    private.rabbitmqctl(&["clear_policy", "full"]);
    eventually("the queue takes messages again", async || {
        bus.publish(vec![message(showtime(), 1, 1)]).await[0].is_ok()
    })
    .await;

    // A broker out of memory takes no messages at all, and says so.
    private.rabbitmqctl(&["set_vm_memory_high_watermark", "0.000001"]);
    eventually("the broker blocks", async || {
        let answers = bus.publish(vec![message(showtime(), 1, 1)]).await;
        answers[0].as_ref().is_err_and(|error| error.reason.contains("takes no messages"))
    })
    .await;
    fails_fast(&bus).await;
    assert!(bus.ping().await.unwrap_err().reason.contains("takes no messages"));
    private.rabbitmqctl(&["set_vm_memory_high_watermark", "0.6"]);
    eventually("the broker takes messages again", async || {
        bus.publish(vec![message(showtime(), 1, 1)]).await[0].is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_comes_later_is_found() {
    let private = PrivateService::start("rabbitmq");
    let url = private.url();
    drop(channel(&url).await);
    private.stop();
    let bus = connect(&url, NAMESPACE).await;
    fails_fast(&bus).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let mut live = bus.subscribe_live().await.unwrap();
    private.start_again();
    expect_interruption(&mut projection).await;
    expect_interruption(&mut live).await;
    eventually("it can publish", async || bus.ping().await.is_ok()).await;
    let sent = message(showtime(), 1, 1);
    publish(&bus, std::slice::from_ref(&sent)).await;
    expect(&mut projection, &sent).await;
    expect(&mut live, &sent).await;
    assert!(tokio::time::timeout(SOON, bus.ping()).await.is_ok());
}

/// A letter leaves the dead letters only after the broker has confirmed its successor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_cannot_be_published_again_stays_among_the_dead() {
    let url = services::rabbitmq();
    let namespace = Namespace::new(&url);
    let bus = connect(&url, &namespace.name).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    publish(&bus, &[message(showtime(), 1, 1)]).await;
    next(&mut projection).await.settle(Settlement::Dead("no row Z".to_owned()));
    eventually("the letter is there", async || bus.dead_letters(1).await.unwrap().total == 1).await;
    let exchange = format!("{}.events", namespace.name);
    let meddler = channel(&url).await;
    meddler.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    for _ in 0..3 {
        bus.replay_dead_letters(1).await.unwrap_err();
        eventually("the letter is back", async || bus.dead_letters(1).await.unwrap().total == 1).await;
    }
}
