//! Watching a sale on the real stack: the official SignalR client on one node and a plain WebSocket client on another see every change once, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::watcher::Watcher;
use crate::live::npm::Npm;
use crate::proxy::{Mode, Proxy};
use crate::services;
use crate::stack::{Server, Stack, eventually};

/// Reservations, sales and cancellations through both nodes; returns the last sequence.
async fn sell(servers: &[Server], showtime: &str, seats: &[String]) -> u64 {
    let mut last = 0;
    for (number, seat) in seats.iter().enumerate() {
        let server = &servers[number % servers.len()];
        let held = server.hold(showtime, std::slice::from_ref(seat)).await;
        let answer = match number % 3 {
            0 => server.confirm(&held, &format!("payment for {}", held.booking_id)).await,
            1 => server.cancel(&held).await,
            _ => server.booking(&held).await,
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        last = last.max(held.sequence).max(answer.body["sequence"].as_u64().unwrap_or(0));
    }
    last
}

/// Takes deltas until `last`; each must be the one after the one before.
async fn follow(npm: &mut Npm, from: u64, last: u64) -> Vec<Value> {
    let mut deltas = Vec::new();
    let mut sequence = from;
    while sequence < last {
        let event = npm.event().await;
        match event["event"].as_str() {
            Some("delta") => {
                sequence += 1;
                assert_eq!(event["delta"]["sequence"], sequence, "every change once and in order: {event}");
                deltas.push(event["delta"].clone());
            }
            Some("reconnecting" | "reconnected" | "rejoined") => {}
            _ => panic!("unexpected: {event}"),
        }
    }
    deltas
}

#[tokio::test(flavor = "multi_thread")]
async fn both_kinds_of_client_see_every_change_once_and_in_order_on_different_nodes() {
    let stack = Stack::real(services::shared()).await;
    let servers = [stack.start(), stack.start()];
    let (showtime, seats) = servers[0].schedule(3).await;
    let addresses = Arc::new(Mutex::new(servers.iter().map(|server| server.address().to_owned()).collect::<Vec<_>>()));
    let plain = Watcher::start(addresses, 1, showtime.clone());
    let mut npm = Npm::started(json!({ "url": format!("{}/hub/bookings", servers[0].address()) })).await;
    let joined = npm.invoke("JoinShowtime", json!([showtime, 1])).await.unwrap();
    assert_eq!(joined["sequence"], 1);

    let last = sell(&servers, &showtime, &seats).await;
    let deltas = follow(&mut npm, 1, last).await;
    eventually("the plain client has seen all", Duration::from_secs(30), || async { plain.last() >= last }).await;
    let seen = plain.seen();
    assert_eq!((seen.broken, seen.connections), (vec![], 1));
    // Both saw the same, and it folds to what the read model shows.
    assert_eq!(seen.deltas.len(), deltas.len());
    let mut fold: std::collections::BTreeMap<String, String> =
        seats.iter().map(|seat| (seat.clone(), "Available".to_owned())).collect();
    for (plain, hub) in seen.deltas.iter().zip(&deltas) {
        assert_eq!((json!(plain.seats), json!(plain.status)), (hub["seatIds"].clone(), hub["status"].clone()));
        plain.seats.iter().for_each(|seat| drop(fold.insert(seat.clone(), plain.status.clone())));
    }
    assert_eq!(servers[1].seats(&showtime, last).await.into_iter().collect::<std::collections::BTreeMap<_, _>>(), fold);
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_cut_off_for_a_while_resume_without_a_gap() {
    let stack = Stack::real(services::shared()).await;
    let servers = [stack.start(), stack.start()];
    let (showtime, seats) = servers[0].schedule(3).await;
    let host = |server: &Server| server.address().trim_start_matches("http://").to_owned();
    let (to_hub, to_plain) = (Proxy::to(&host(&servers[0])).await, Proxy::to(&host(&servers[1])).await);
    let addresses = Arc::new(Mutex::new(vec![format!("http://{}", to_plain.address())]));
    let plain = Watcher::start(addresses, 0, showtime.clone());
    let hub = format!("http://{}/hub/bookings", to_hub.address());
    let mut npm = Npm::started(json!({ "url": hub, "retries": vec![100; 200] })).await;
    npm.invoke("JoinShowtime", json!([showtime, 1])).await.unwrap();

    let mut seen = 1;
    for part in seats.chunks(10) {
        let before = sell(&servers, &showtime, &part[..5]).await;
        follow(&mut npm, seen, before).await;
        eventually("the plain client has seen it", Duration::from_secs(30), || async { plain.last() >= before }).await;
        for proxy in [&to_hub, &to_plain] {
            proxy.set(Mode::Refuse);
            proxy.cut_all();
        }
        let last = sell(&servers, &showtime, &part[5..]).await;
        for proxy in [&to_hub, &to_plain] {
            proxy.set(Mode::Forward);
        }
        follow(&mut npm, before, last).await;
        eventually("the plain client has seen the rest", Duration::from_secs(30), || async { plain.last() >= last })
            .await;
        seen = last;
    }
    let plain = plain.seen();
    assert_eq!(plain.broken, Vec::<String>::new());
    assert!(plain.connections >= 3, "it was cut off twice at least: {}", plain.connections);
    assert_eq!(plain.deltas.last().map(|delta| delta.sequence), Some(seen));
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_node_dies_goes_on_where_it_was() {
    let stack = Stack::real(services::shared()).await;
    let mut servers = vec![stack.start(), stack.start()];
    let (showtime, seats) = servers[0].schedule(3).await;
    let addresses = Arc::new(Mutex::new(servers.iter().map(|server| server.address().to_owned()).collect::<Vec<_>>()));
    let plain = Watcher::start(Arc::clone(&addresses), 1, showtime.clone());
    let before = sell(&servers, &showtime, &seats[..10]).await;
    eventually("the client has seen the first part", Duration::from_secs(30), || async { plain.last() >= before })
        .await;
    // Its node dies, the sale goes on, and the client comes back through the other node.
    servers.pop().unwrap().kill();
    let last = sell(&servers, &showtime, &seats[10..]).await;
    let survivor = servers[0].address().to_owned();
    addresses.lock().unwrap()[1] = survivor;
    eventually("the client has seen the rest", Duration::from_secs(30), || async { plain.last() >= last }).await;
    let seen = plain.seen();
    assert_eq!(seen.broken, Vec::<String>::new());
    assert!(seen.connections >= 2);
    assert_eq!(seen.deltas.last().map(|delta| delta.sequence), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_trace_travels_with_the_events_to_the_broker() {
    // Nothing but what the test does is published.
    let stack = Stack::real(services::shared()).await.with("SEED_DEMO", "false");
    let server = stack.start();
    let connection = lapin::Connection::connect(&stack.services().rabbitmq, lapin::ConnectionProperties::default());
    let channel = connection.await.unwrap().create_channel().await.unwrap();
    let options = lapin::options::QueueDeclareOptions { exclusive: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), options, lapin::types::FieldTable::default()).await.unwrap();
    let exchange = format!("{}.events", stack.name());
    let bound = channel.queue_bind(
        queue.name().clone(),
        exchange.into(),
        "showtime.#".into(),
        lapin::options::QueueBindOptions::default(),
        lapin::types::FieldTable::default(),
    );
    bound.await.unwrap();

    // What is published together travels together: the booking waits until the showtime's own event has left.
    let (showtime, seats) = server.schedule(1).await;
    assert_eq!(next_event(&channel, queue.name()).await["type"], "turnstile.ShowtimeScheduled");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = json!({"showtimeId": showtime, "seatIds": [seats[0]], "userId": "u"});
    let request = server.request(reqwest::Method::POST, "/api/bookings").header("traceparent", trace).json(&body);
    assert_eq!(server.send(request).await.unwrap().status, 201);
    let event = next_event(&channel, queue.name()).await;
    assert_eq!(event["traceparent"], trace, "{event}");
    assert_eq!(event["data"]["seatIds"], json!([seats[0]]), "{event}");
}

/// Waits for the queue's next event, which travels alone and so is a CloudEvent, not a list of one.
async fn next_event(channel: &lapin::Channel, queue: &lapin::types::ShortString) -> Value {
    let event = Mutex::new(Value::Null);
    eventually("the event reaches the broker", Duration::from_secs(30), || async {
        let options = lapin::options::BasicGetOptions { no_ack: true };
        match channel.basic_get(queue.clone(), options).await.unwrap() {
            Some(message) => *event.lock().unwrap() = serde_json::from_slice(&message.delivery.data).unwrap(),
            None => return false,
        }
        true
    })
    .await;
    event.into_inner().unwrap()
}
