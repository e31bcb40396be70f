//! Refusals by request id: what operators are told of a command that was refused.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, is_problem, names};
use crate::stack::{Answer, Held, Server, eventually};

async fn told(server: &Server, id: &str) -> Answer {
    server.send(server.as_operator(Method::GET, &format!("/api/refusals/{id}"))).await.unwrap()
}

/// The one refusal that is kept of the request that had this answer, without its time.
async fn refusal_of(server: &Server, answer: &Answer) -> Value {
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let told = told(server, id).await;
    assert_eq!((told.status, &told.body["requestId"]), (200, &json!(id)), "{told:?}");
    assert_eq!(told.headers["cache-control"], "no-store");
    let [refusal] = told.body["items"].as_array().unwrap().as_slice() else { panic!("{told:?}") };
    let mut refusal = refusal.clone();
    assert!(refusal["refusedAt"].as_str().unwrap().ends_with('Z'), "{refusal}");
    refusal.as_object_mut().unwrap().remove("refusedAt");
    refusal
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_told_who_wanted_what_and_why_he_was_refused() {
    let house = House::open().await;
    let server = &house.server;
    server.hold(&house.showtime, &house.seats[..1]).await;
    let refused = server.reserve(&house.showtime, &house.seats[..2], "ada").await;
    is_problem(&refused, 409, "seats-taken");
    assert_eq!(refused.body["conflicts"][0]["label"], "1");
    let expected = json!({
        "method": "POST", "path": "/api/bookings", "showtimeId": house.showtime, "userId": "ada", "problem": refused.body,
    });
    assert_eq!(refusal_of(server, &refused).await, expected, "the problem is the one that she got");

    let here = format!("/api/showtimes/{}/bookings", house.showtime);
    let best = json!({"bestAvailable": {"quantity": 20}, "userId": "bob"});
    let refused = server.post(&format!("{here}?preview=true"), &best).await;
    is_problem(&refused, 409, "too-few-seats");
    let expected = json!({
        "method": "POST", "path": here, "showtimeId": house.showtime, "userId": "bob", "problem": refused.body,
    });
    assert_eq!(refusal_of(server, &refused).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_named_and_so_is_the_time_to_wait() {
    let house = House::open().await;
    let server = &house.server;
    let held = server.hold(&house.showtime, &house.seats[..1]).await;
    let stranger = Held { hold_token: "A".repeat(43), ..held.clone() };
    let refused = server.confirm(&stranger, "cash").await;
    is_problem(&refused, 403, "not-holder");
    let path = format!("/api/bookings/{}/confirm", held.booking_id);
    let expected = json!({"method": "POST", "path": path, "bookingId": held.booking_id, "problem": refused.body});
    assert_eq!(refusal_of(server, &refused).await, expected);

    let change = server.as_operator(Method::PATCH, &format!("/api/showtimes/{}", house.showtime));
    assert_eq!(server.send(change.json(&json!({"holdsWithoutSale": 1}))).await.unwrap().status, 200);
    let mut refused = server.cancel(&held).await;
    while refused.status != 429 {
        refused = server.reserve(&house.showtime, &house.seats[1..2], "somebody").await;
        assert!([201, 429].contains(&refused.status), "{refused:?}");
        if refused.status == 201 {
            assert_eq!(server.cancel(&Held::from(&refused.body)).await.status, 200);
        }
    }
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(refusal_of(server, &refused).await["retryAfterSeconds"], wait);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_commands_are_kept_and_only_operators_are_told() {
    let house = House::open().await;
    let server = &house.server;
    let refused = server.post("/api/bookings", &json!({})).await;
    is_problem(&refused, 400, "invalid-fields");
    let id = refused.headers["x-request-id"].to_str().unwrap();
    assert_eq!(refusal_of(server, &refused).await["problem"], refused.body);
    assert_eq!(told(server, &id.to_uppercase()).await.status, 200, "as it was read out on the telephone");

    let path = format!("/api/refusals/{id}");
    is_problem(&server.get(&path).await, 401, "missing-credential");
    let other = server.request(Method::GET, &path).bearer_auth("not the operator's token");
    is_problem(&server.send(other).await.unwrap(), 403, "operator-only");

    let unread = server.get(&format!("/api/showtimes/{}", crate::http::NOWHERE)).await;
    let without_credential = server.request(Method::DELETE, &format!("/api/showtimes/{id}/blocks/{id}"));
    let without_credential = server.send(without_credential).await.unwrap();
    is_problem(&without_credential, 401, "missing-credential");
    for not_kept in [unread, without_credential] {
        let answer = told(server, not_kept.headers["x-request-id"].to_str().unwrap()).await;
        is_problem(&answer, 404, "unknown-refusal");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("kept for a day") && detail.contains("under overload only some"), "{detail}");
    }
    for wrong in ["1", &id[1..], &format!("{id}0"), &uuid::Uuid::new_v4().to_string(), &"g".repeat(32), "%00"] {
        names(&told(server, wrong).await, "parameter", &["requestId"]);
    }
    names(&told(server, &format!("{id}?all=1")).await, "parameter", &["all"]);
}

/// An instrumented page gives all its requests one trace id.
#[tokio::test(flavor = "multi_thread")]
async fn all_refusals_of_a_trace_are_told_the_newest_first() {
    let house = House::open().await;
    let server = &house.server;
    server.hold(&house.showtime, &house.seats[..2]).await;
    let trace = uuid::Uuid::new_v4().simple().to_string();
    for user in ["ada", "bob"] {
        let request = server.request(Method::POST, "/api/bookings");
        let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
        let body = json!({"showtimeId": house.showtime, "seatIds": house.seats[..1], "userId": user});
        is_problem(&server.send(request.json(&body)).await.unwrap(), 409, "seats-taken");
    }
    let told = told(server, &trace).await;
    let of = |member: &str| {
        let items = told.body["items"].as_array().unwrap().iter();
        items.map(|item| item[member].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(of("refusedAt").is_sorted_by(|newer, older| newer >= older), "{told:?}");
    let mut users = of("userId");
    users.sort();
    assert_eq!(users, ["ada", "bob"]);

    let counted = async || {
        let metrics = server.get("/metrics").await;
        let metrics = metrics.body.as_str().unwrap().to_owned();
        metrics.contains("\nturnstile_refusals_kept_total 2\n")
            && metrics.contains("\nturnstile_refusals_dropped_total 0\n")
    };
    eventually("they are written down", Duration::from_secs(10), counted).await;
    let again = server.send(server.as_operator(Method::GET, &format!("/api/refusals/{trace}"))).await.unwrap();
    assert_eq!(again.body["items"].as_array().unwrap().len(), 2, "each once");
}
