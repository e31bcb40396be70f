//! Customers who give holds up again and again: they wait, on every node and after a restart; a sale ends the count.

use reqwest::Method;
use serde_json::{Value, json};

use crate::services;
use crate::stack::{Answer, Held, Server, Stack};

async fn change(node: &Server, showtime: &str, body: &Value) {
    let request = node.as_operator(Method::PATCH, &format!("/api/showtimes/{showtime}")).json(body);
    let changed = node.send(request).await.unwrap();
    assert_eq!(changed.status, 200, "{changed:?}");
}

async fn given_up(node: &Server, showtime: &str, seats: &[String], user: &str) {
    let made = node.reserve(showtime, seats, user).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(node.cancel(&Held::from(&made.body)).await.status, 200);
}

fn waits(answer: &Answer, holds: u32, most_seconds: u64) {
    assert_eq!((answer.status, &answer.body["code"]), (429, &json!("holds-without-sale")), "{answer:?}");
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("{holds} holds of this customer ended without a sale")), "{message}");
    assert!(answer.body["until"].is_string(), "{answer:?}");
    let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((most_seconds / 2..=most_seconds).contains(&seconds), "{answer:?}");
}

/// Holds are given up on both nodes in turn, and each of them knows of all.
async fn a_customer_waits(node: &Server, other: &Server) -> (String, Vec<String>) {
    let (showtime, seats) = node.schedule(2).await;
    given_up(node, &showtime, &seats[0..=0], "ada").await;
    // The term comes while the showtime is open on both nodes, and what was before counts.
    change(node, &showtime, &json!({"holdsWithoutSale": 3})).await;
    given_up(other, &showtime, &seats[1..=1], "ada").await;
    given_up(node, &showtime, &seats[2..=2], "ada").await;
    for node in [other, node] {
        waits(&node.reserve(&showtime, &seats[3..4], "ada").await, 3, 60);
    }
    assert_eq!(node.reserve(&showtime, &seats[3..4], "bob").await.status, 201, "others go on");
    let at_the_counter = json!({"showtimeId": showtime, "seatIds": [seats[4]], "userId": "ada"});
    let sold = other.send(other.as_operator(Method::POST, "/api/bookings").json(&at_the_counter)).await.unwrap();
    assert_eq!(sold.status, 201, "operators do not wait: {sold:?}");

    // Two holds and a sale: the count begins anew.
    for seat in seats[5..7].chunks(1) {
        given_up(node, &showtime, seat, "eve").await;
    }
    let bought = Held::from(&other.reserve(&showtime, &seats[7..8], "eve").await.body);
    assert_eq!(other.confirm(&bought, "pay").await.status, 200);
    for seat in seats[8..10].chunks(1) {
        given_up(node, &showtime, seat, "eve").await;
    }
    assert_eq!(node.reserve(&showtime, &seats[8..9], "eve").await.status, 201);
    (showtime, seats)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_waits_on_two_nodes_and_on_one_that_has_just_started() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    let (showtime, seats) = a_customer_waits(&one, &other).await;
    let third = stack.start();
    waits(&third.reserve(&showtime, &seats[11..12], "ada").await, 3, 60);
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_waits_on_the_embedded_profile_after_a_restart_until_the_term_is_gone() {
    let stack = Stack::embedded();
    let mut node = stack.start();
    let (showtime, seats) = a_customer_waits(&node, &node).await;
    node.kill();
    let node = stack.start();
    waits(&node.reserve(&showtime, &seats[11..12], "ada").await, 3, 60);
    change(&node, &showtime, &json!({"holdsWithoutSale": null})).await;
    assert_eq!(node.reserve(&showtime, &seats[11..12], "ada").await.status, 201);
}
