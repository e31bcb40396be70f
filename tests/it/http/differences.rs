//! Differences: exchanges and refunds tell what is to be paid or given back, in the answer and in the events.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::prices::{priced, prices};
use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Server, Stack, eventually};

fn euros(amount: i64) -> Value {
    json!({"currency": "EUR", "amount": amount})
}

/// A command about a booking: of its holder, if the body has his token, or else of an operator.
async fn ask(server: &Server, path: &str, (key, body): (Option<&str>, Value)) -> Answer {
    let request = match body.get("holdToken") {
        Some(_) => server.request(Method::POST, path),
        None => server.as_operator(Method::POST, path),
    };
    let request = key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
    server.send(request.json(&body)).await.unwrap()
}

/// The events about a booking, as the journal and the broker have them.
async fn events(server: &Server, showtime: &str, booking: &str) -> Vec<Value> {
    let path = format!("/api/showtimes/{showtime}/events?bookingId={booking}");
    let told = server.send(server.as_operator(Method::GET, &path)).await.unwrap();
    told.body["items"].as_array().unwrap().iter().map(|item| item["event"].clone()).collect()
}

async fn hold(server: &Server, showtime: &str, seats: &[String], tariff: Option<&str>) -> Held {
    let mut body = json!({"showtimeId": showtime, "userId": "ada", "seatIds": seats});
    if let Some(tariff) = tariff {
        body["tariffs"] = json!([tariff]);
    }
    let held = server.post("/api/bookings", &body).await;
    assert_eq!(held.status, 201, "{held:?}");
    Held::from(&held.body)
}

/// The same on every profile; every other command comes to the other node.
async fn what_is_to_be_paid_is_told(server: &Server, other: &Server) {
    let (showtime, seats) = priced(server, &prices(4500)).await;
    let held = hold(server, &showtime, &seats[..1], None).await;
    let path = format!("/api/bookings/{}", held.booking_id);
    let (change, refund) = (format!("{path}/seats"), format!("{path}/refund"));
    let body = json!({"add": [seats[4]], "remove": [seats[0]], "holdToken": held.hold_token});
    let cheaper = ask(other, &change, (None, body.clone())).await;
    assert_eq!((cheaper.status, &cheaper.body["difference"]), (200, &euros(-2500)), "{cheaper:?}");
    let again = ask(server, &change, (None, body)).await;
    assert_eq!((&again.body["price"]["total"], &again.body["difference"]), (&json!(2000), &euros(0)), "{again:?}");

    assert_eq!(server.confirm(&held, &format!("pay for {showtime}")).await.status, 200);
    let body = json!({"add": [seats[0], seats[1]], "tariffs": ["full", "child"], "remove": [seats[4]]});
    let once = || (Some("0123456789abcdef"), body.clone());
    let (one, two) = tokio::join!(ask(server, &change, once()), ask(server, &change, once()));
    let third = ask(other, &change, once()).await;
    for answer in [&one, &two, &third] {
        assert_eq!((answer.status, &answer.body["difference"]), (200, &euros(3500)), "{answer:?}");
    }
    assert_eq!(third.body["replayed"], json!(true));
    let same = ask(server, &change, (Some("fedcba9876543210"), body.clone())).await;
    assert_eq!(same.body["difference"], euros(0), "{same:?}");
    let told = events(other, &showtime, &held.booking_id).await;
    let told: Vec<&Value> = told.iter().filter_map(|event| event.get("difference")).collect();
    assert_eq!(told, [&euros(-2500), &euros(3500)], "each once");

    let body = json!({"seatIds": [seats[0]]});
    let partly = ask(other, &refund, (Some("refund"), body.clone())).await;
    assert_eq!(
        (&partly.body["refund"], &partly.body["refundAmount"]),
        (&json!(format!("pay for {showtime}")), &euros(4500))
    );
    assert_eq!(partly.body.get("difference"), None, "{partly:?}");
    for key in [Some("refund"), None] {
        let again = ask(server, &refund, (key, body.clone())).await;
        assert_eq!(
            (again.status, again.body.get("refund"), again.body.get("refundAmount")),
            (200, None, None),
            "{again:?}"
        );
    }
    let all = ask(server, &refund, (None, json!({}))).await;
    assert_eq!((&all.body["status"], &all.body["refundAmount"]), (&json!("Cancelled"), &euros(1000)), "{all:?}");
    let told = events(other, &showtime, &held.booking_id).await;
    let told: Vec<&Value> = told.iter().filter_map(|event| event.get("refundAmount")).collect();
    assert_eq!(told, [&euros(4500), &euros(1000)], "each once");
    the_end_of_a_showtime_tells_it((server, other), &showtime, &seats[2..4]).await;
}

async fn the_end_of_a_showtime_tells_it((server, other): (&Server, &Server), showtime: &str, seats: &[String]) {
    let held = hold(server, showtime, seats, Some("child")).await;
    assert_eq!(server.confirm(&held, &format!("second for {showtime}")).await.status, 200);
    let path = format!("/api/showtimes/{showtime}/cancel");
    let cancelled = other.send(other.as_operator(Method::POST, &path).json(&json!({"reason": "storm"}))).await.unwrap();
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    eventually("the booking is cancelled", Duration::from_secs(10), async || {
        server.booking(&held).await.body["status"] == "Cancelled"
    })
    .await;
    let told = events(server, showtime, &held.booking_id).await;
    let last = told.last().unwrap();
    assert_eq!((&last["type"], &last["refundAmount"]), (&json!("BookingCancelled"), &euros(2000)), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_paid_is_told_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    what_is_to_be_paid_is_told(&server, &server).await;
    assert_eq!(server.terminate().await, Some(0));
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_paid_is_told_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    what_is_to_be_paid_is_told(&one, &other).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_prices_there_is_no_difference() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let held = server.hold(&showtime, &seats[..1]).await;
    let path = format!("/api/bookings/{}/seats", held.booking_id);
    let body = json!({"add": [seats[1]], "remove": [seats[0]], "holdToken": held.hold_token});
    for _ in 0..2 {
        let made = ask(&server, &path, (None, body.clone())).await;
        assert_eq!((made.status, made.body.get("difference")), (200, None), "{made:?}");
    }
    let priced = json!({"add": [seats[2]], "tariffs": ["full"], "holdToken": held.hold_token});
    is_problem(&ask(&server, &path, (None, priced)).await, 400, "unknown-tariff");
}

/// The same on every profile; every other command comes to the other node.
async fn a_held_seat_gets_another_tariff(server: &Server, other: &Server) {
    let (showtime, seats) = priced(server, &prices(4500)).await;
    let held = hold(server, &showtime, &seats[..2], None).await;
    let path = format!("/api/bookings/{}/seats", held.booking_id);
    let child = json!({"add": [seats[0]], "tariffs": ["child"], "holdToken": held.hold_token});
    let changed = ask(other, &path, (None, child.clone())).await;
    let tariffs = |answer: &Answer| {
        answer.body["price"]["places"]
            .as_array()
            .unwrap()
            .iter()
            .map(|place| place["tariff"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((changed.status, tariffs(&changed)), (200, vec![json!("child"), json!("full")]), "{changed:?}");
    assert_eq!((&changed.body["price"]["total"], &changed.body["difference"]), (&json!(5500), &euros(-3500)));
    let again = ask(server, &path, (None, child.clone())).await;
    assert_eq!(
        (&again.body["sequence"], &again.body["difference"]),
        (&changed.body["sequence"], &euros(0)),
        "{again:?}"
    );
    let plain = ask(server, &path, (None, json!({"add": [seats[0]], "holdToken": held.hold_token}))).await;
    assert_eq!((&plain.body["sequence"], tariffs(&plain)), (&changed.body["sequence"], tariffs(&changed)));
    let unknown =
        ask(server, &path, (None, json!({"add": [seats[0]], "tariffs": ["dog"], "holdToken": held.hold_token}))).await;
    is_problem(&unknown, 400, "unknown-tariff");
    names(&unknown, "pointer", &["/tariffs"]);

    assert_eq!(other.confirm(&held, &format!("pay for {showtime}")).await.status, 200);
    let full = json!({"add": [seats[0]], "tariffs": ["full"]});
    let mut theirs = full.clone();
    theirs["holdToken"] = json!(held.hold_token);
    is_problem(&ask(server, &path, (None, theirs)).await, 409, "booking-not-pending");
    let back = ask(server, &path, (None, full)).await;
    assert_eq!((back.status, &back.body["status"], &back.body["difference"]), (200, &json!("Confirmed"), &euros(3500)));
    assert_eq!(other.booking(&held).await.body["price"]["total"], json!(9000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_seat_gets_another_tariff_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    a_held_seat_gets_another_tariff(&server, &server).await;
    assert_eq!(server.terminate().await, Some(0));
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_seat_gets_another_tariff_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_held_seat_gets_another_tariff(&one, &other).await;
    stack.check().await;
    assert!(stack.run(&["rebuild"]).await.status.success());
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_in_another_currency_is_told_so() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = priced(&server, &prices(4500)).await;
    let held = hold(&server, &showtime, &seats[..1], None).await;
    let change = async |prices: Value| {
        let request = server.as_operator(Method::PATCH, &format!("/api/showtimes/{showtime}"));
        assert_eq!(server.send(request.json(&json!({"prices": prices}))).await.unwrap().status, 200);
    };
    let path = format!("/api/bookings/{}/seats", held.booking_id);
    let body = json!({"add": [seats[1]], "remove": [seats[0]], "holdToken": held.hold_token});
    let mut dollars = prices(4500);
    dollars["currency"] = json!("USD");
    for (prices, said) in [
        (dollars, "the booking is in EUR, and the showtime sells in USD now"),
        (Value::Null, "the booking is in EUR, and the showtime has no prices now"),
    ] {
        change(prices).await;
        let refused = ask(&server, &path, (None, body.clone())).await;
        is_problem(&refused, 409, "other-currency");
        assert_eq!(refused.body["detail"], said);
    }
    change(prices(5000)).await;
    assert_eq!(ask(&server, &path, (None, body)).await.body["difference"], euros(500));
}
