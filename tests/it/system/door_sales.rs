//! Sales at the door on two nodes, while customers want the same seats.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::services;
use crate::stack::{Answer, Server, Stack, at_last};

async fn sell(node: &Server, showtime: &str, seats: &[String], payment: &str) -> Answer {
    let body = json!({"showtimeId": showtime, "seatIds": seats, "userId": "counter", "paymentReference": payment});
    at_last(|| async { node.send(node.as_operator(Method::POST, "/api/bookings").json(&body)).await.unwrap() }).await
}

/// Two counters and a customer want the last seat through both nodes, and two counters pay with one payment: a seat is sold once, and a payment
/// pays once.
#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_sold_once_at_two_doors_and_a_payment_pays_once() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(4).await;
    let raced = seats.chunks(2).enumerate().map(async |(number, pair)| {
        let (one, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        let (cash, card) = (format!("cash {number}"), format!("card {number}"));
        let (first, second, online) = tokio::join!(
            sell(one, &showtime, &pair[..1], &cash),
            sell(other, &showtime, &pair[..1], &card),
            other.reserve_at_last(&showtime, &pair[..1], "ada")
        );
        let answers = [&first, &second, &online];
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
        assert!(
            answers.iter().all(|answer| answer.status == 201 || answer.body["code"] == "seats-taken"),
            "{answers:?}"
        );
        let lost = if first.status == 201 { card } else { cash };
        // The refused one's payment still pays, for one of two bookings.
        let (first, second) =
            tokio::join!(sell(one, &showtime, &pair[1..], &lost), sell(other, &showtime, &pair[..1], &lost));
        assert_eq!((first.status, second.status), (201, 409), "{first:?} {second:?}");
        assert_eq!(first.body["status"], "Confirmed");
    });
    join_all(raced).await;
    let (showtime, seats) = nodes[0].schedule(1).await;
    let (first, second) =
        tokio::join!(sell(&nodes[0], &showtime, &seats[..1], "once"), sell(&nodes[1], &showtime, &seats[1..2], "once"));
    let mut codes = [&first, &second].map(|answer| answer.body["code"].as_str().unwrap_or("sold"));
    codes.sort_unstable();
    assert_eq!(codes, ["payment-used", "sold"], "{first:?} {second:?}");
    stack.check().await;
}
