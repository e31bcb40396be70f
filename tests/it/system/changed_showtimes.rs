//! A showtime that is changed or cancelled on one node while both nodes sell it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::faults::watcher::Watcher;
use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last, eventually};
use crate::system::valkey::Valkey;

/// Both nodes have the showtime open. What one of them is told of the terms holds on the other from the answer on.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_decides_on_the_terms_that_another_has_changed() {
    let stack = Stack::real(services::shared()).await;
    let (a, b) = (stack.start(), stack.start());
    let (showtime, seats) = a.schedule(2).await;
    a.hold(&showtime, &seats[..1]).await;
    b.hold(&showtime, &seats[1..2]).await;
    let path = format!("/api/showtimes/{showtime}");
    for round in 2..10 {
        for (until, status) in [(json!("2020-01-01T00:00:00Z"), 409), (json!(null), 201)] {
            let change = a.as_operator(Method::PATCH, &path).json(&json!({"onSaleUntil": until}));
            assert_eq!(a.send(change).await.unwrap().status, 200);
            let answer = b.reserve(&showtime, &seats[round..=round], "somebody").await;
            assert_eq!(answer.status, status, "round {round}: {answer:?}");
        }
    }
    stack.check().await;
}

/// From the answer to the cancellation on nothing is sold, on either node; every booking is ended, and everybody watching sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_herd_books_nothing_once_the_showtime_is_cancelled() {
    let stack = Stack::real(services::shared()).await;
    let nodes = Arc::new([stack.start(), stack.start()]);
    let (showtime, seats) = nodes[0].schedule(100).await;
    let (other, others) = nodes[0].schedule(1).await;
    let addresses = Arc::new(Mutex::new(nodes.iter().map(|node| node.address().to_owned()).collect::<Vec<_>>()));
    let watcher = Watcher::start(addresses, 1, showtime.clone());
    let cancelled_at: Arc<Mutex<Option<u64>>> = Arc::default();
    let mut herd = JoinSet::new();
    for client in 0..16 {
        let (nodes, showtime, cancelled_at) = (Arc::clone(&nodes), showtime.clone(), Arc::clone(&cancelled_at));
        let mine: Vec<String> = seats.iter().skip(client).step_by(16).cloned().collect();
        herd.spawn(async move {
            let mut made = Vec::new();
            for (number, seat) in mine.iter().enumerate() {
                let node = &nodes[(client + number) % 2];
                let known = *cancelled_at.lock().unwrap();
                let (seat, user) = (std::slice::from_ref(seat), format!("client {client}"));
                let answer = node.reserve_at_last(&showtime, seat, &user).await;
                if answer.status != 201 {
                    assert_eq!(answer.body["code"], "showtime-cancelled", "{answer:?}");
                    break;
                }
                assert_eq!(known, None, "sold after the cancellation was answered: {answer:?}");
                let held = Held::from(&answer.body);
                if number % 2 == 0 {
                    let paid = node.confirm(&held, &format!("pay {client} {number}")).await;
                    // Or the node has lost too many races: then it stays as it is.
                    let is_ended = ["showtime-cancelled", "booking-not-pending", "overloaded"]
                        .contains(&paid.body["code"].as_str().unwrap_or(""));
                    assert!(paid.status == 200 || is_ended, "{paid:?}");
                }
                made.push(held);
            }
            made
        });
    }
    eventually("some are sold", Duration::from_secs(20), async || watcher.last() > 100).await;
    let request = || {
        let path = format!("/api/showtimes/{showtime}/cancel");
        nodes[0].as_operator(Method::POST, &path).json(&json!({"reason": "storm"}))
    };
    let cancel = done_at_last(&nodes[0], request).await;
    assert_eq!(cancel.status, 200, "{cancel:?}");
    let at = cancel.body["sequence"].as_u64().unwrap();
    *cancelled_at.lock().unwrap() = Some(at);
    let mut made = Vec::new();
    while let Some(bookings) = herd.join_next().await {
        made.extend(bookings.unwrap());
    }
    assert!(!made.is_empty() && made.len() < seats.len());
    for held in &made {
        eventually("the booking is ended", Duration::from_secs(20), async || {
            nodes[1].booking(held).await.body["status"] == "Cancelled"
        })
        .await;
    }
    // Nothing was reserved or sold after the cancellation's own event, and the last word about each seat is that it is free.
    let last = nodes[1].booking(made.last().unwrap()).await.body["sequence"].as_u64().unwrap();
    eventually("the watcher has seen the ends", Duration::from_secs(10), async || watcher.last() >= last).await;
    let seen = watcher.seen();
    assert_eq!(seen.broken, Vec::<String>::new());
    assert!(seen.deltas.iter().filter(|delta| delta.sequence > at).all(|delta| delta.status == "Available"));
    assert_eq!(nodes[1].reserve(&other, &others[..1], "somebody").await.status, 201, "other showtimes go on");
    stack.check().await;
}

/// The node that was told to cancel dies at once: another one ends the bookings.
#[tokio::test(flavor = "multi_thread")]
async fn the_bookings_of_a_cancelled_showtime_end_though_its_node_has_died() {
    let stack = Stack::real(services::shared()).await;
    let (mut a, b) = (stack.start(), stack.start());
    let (showtime, seats) = a.schedule(2).await;
    let held = [a.hold(&showtime, &seats[..3]).await, a.hold(&showtime, &seats[3..4]).await];
    assert_eq!(a.confirm(&held[1], "pay").await.status, 200);
    let cancel = a.post(&format!("/api/showtimes/{showtime}/cancel"), &json!({"reason": "storm"})).await;
    assert_eq!(cancel.status, 200, "{cancel:?}");
    a.kill();
    for held in &held {
        eventually("the booking is ended", Duration::from_secs(20), async || {
            b.booking(held).await.body["status"] == "Cancelled"
        })
        .await;
    }
    stack.check().await;
}

/// Requests of one customer through both nodes at once: never more places than the limit, and exactly as many in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_customers_limit_holds_on_two_nodes_at_once() {
    let stack = Stack::real(services::shared()).await;
    let nodes = Arc::new([stack.start(), stack.start()]);
    let (showtime, seats) = nodes[0].schedule(6).await;
    let path = format!("/api/showtimes/{showtime}");
    // Booked before there was a limit: it counts.
    let before = nodes[1].hold(&showtime, &seats[59..60]).await;
    assert_eq!(nodes[1].confirm(&before, "pay").await.status, 200);
    let change = nodes[0].as_operator(Method::PATCH, &path).json(&json!({"placesPerCustomer": 5}));
    assert_eq!(nodes[0].send(change).await.unwrap().status, 200);
    let mut herd = JoinSet::new();
    for client in 0..24_usize {
        let (nodes, showtime) = (Arc::clone(&nodes), showtime.clone());
        let (mine, others) = (seats[2 * client..2 * client + 2].to_vec(), seats[48 + client % 8].clone());
        herd.spawn(async move {
            let node = &nodes[client % 2];
            // Somebody else's bookings come in between.
            let other = format!("other {client}");
            let mine = node.reserve_at_last(&showtime, &mine, "somebody");
            let (answer, _other) = tokio::join!(mine, node.reserve(&showtime, std::slice::from_ref(&others), &other));
            answer
        });
    }
    let (mut made, mut refused) = (Vec::new(), 0);
    while let Some(answer) = herd.join_next().await {
        let answer = answer.unwrap();
        match answer.status {
            201 => made.push(Held::from(&answer.body)),
            _ => {
                assert_eq!((answer.body["code"].as_str(), &answer.body["most"]), (Some("customer-limit"), &json!(5)));
                refused += 1;
            }
        }
    }
    assert_eq!((made.len(), refused), (2, 22), "one place was sold before, two times two make five");
    // What is given back can be had again, through the other node.
    let (given_back, kept) = (&made[0], &made[1]);
    assert_eq!(nodes[0].cancel(given_back).await.status, 200);
    assert_eq!(nodes[1].confirm(kept, "pay 2").await.status, 200);
    let one = nodes[1].reserve(&showtime, &seats[56..58], "somebody").await;
    assert_eq!(one.status, 201, "{one:?}");
    assert_eq!(nodes[0].reserve(&showtime, &seats[58..59], "somebody").await.body["code"], "customer-limit");
    stack.check().await;
}

/// Both nodes sell while the time for holds changes. From the answer to a change on, every new hold is as long as it says, on both nodes, and
/// so is the lock of its seat.
#[tokio::test(flavor = "multi_thread")]
async fn holds_are_as_long_as_the_terms_that_another_node_has_set() {
    let stack = Stack::real(services::shared()).await;
    let locks = Valkey::of(&stack.services().valkey).await;
    let nodes = Arc::new([stack.start(), stack.start()]);
    let (showtime, seats) = nodes[0].schedule(13).await;
    let path = format!("/api/showtimes/{showtime}");
    let lives = |left: f64, seconds: u32| left <= f64::from(seconds) && left > f64::from(seconds) - 15.0;
    let mut before = 600;
    for (round, hold) in [30, 1_200, 60, 300].into_iter().enumerate() {
        let node = &nodes[round % 2];
        let change = || node.as_operator(Method::PATCH, &path).json(&json!({"holdSeconds": hold}));
        let herd = |first: usize| {
            let made = (first..first + 16).map(|seat| reserved_at_last(&nodes[seat % 2], &showtime, &seats[seat]));
            futures_util::future::join_all(made)
        };
        let (changed, meanwhile) = tokio::join!(done_at_last(node, change), herd(32 * round));
        assert_eq!(changed.status, 200, "{changed:?}");
        for left in meanwhile {
            assert!(lives(left, before) || lives(left, hold), "{left} s left, {before} s or {hold} s are right");
        }
        for left in herd(32 * round + 16).await {
            assert!(lives(left, hold), "{left} s left, {hold} s are right");
        }
        for seat in 32 * round + 16..32 * round + 32 {
            // A lock that was taken on the terms of before is set anew soon after the answer.
            eventually("the lock lasts as long", Duration::from_secs(5), async || {
                let (milliseconds, _owner) = locks.left(&showtime, u32::try_from(seat).unwrap()).await;
                lives(f64::from(i32::try_from(milliseconds).unwrap()) / 1_000.0, hold)
            })
            .await;
        }
        before = hold;
    }
    // A short hold ends in time, and its seat is sold through the other node.
    let change = nodes[0].as_operator(Method::PATCH, &path).json(&json!({"holdSeconds": 1}));
    assert_eq!(nodes[0].send(change).await.unwrap().status, 200);
    let made = nodes[0].reserve(&showtime, &seats[128..129], "somebody").await;
    assert_eq!(made.status, 201, "{made:?}");
    eventually("the seat is sold again", Duration::from_secs(4), async || {
        nodes[1].reserve(&showtime, &seats[128..129], "another").await.status == 201
    })
    .await;
    stack.check().await;
}

/// The seconds that a hold of the seat has left when it is made.
async fn reserved_at_last(node: &Server, showtime: &str, seat: &String) -> f64 {
    let answer = node.reserve_at_last(showtime, std::slice::from_ref(seat), "somebody").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["expiresInSeconds"].as_f64().unwrap()
}

async fn done_at_last(node: &Server, request: impl Fn() -> reqwest::RequestBuilder) -> Answer {
    at_last(|| async { node.send(request()).await.unwrap() }).await
}
