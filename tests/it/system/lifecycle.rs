//! A booking's life over HTTP: held, extended, confirmed, cancelled, expired; repeated requests; a restart in between.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, eventually};

async fn status_of(server: &Server, showtime: &str, seat: &str, sequence: u64) -> String {
    let seats = server.seats(showtime, sequence).await;
    seats.into_iter().find(|(id, _)| id == seat).unwrap().1
}

async fn from_hold_to_sale(server: &Server) {
    let (showtime, seats) = server.schedule(1).await;
    let held = server.hold(&showtime, &seats[..2]).await;
    assert_eq!(held.sequence, 2);
    assert_eq!(status_of(server, &showtime, &seats[1], 2).await, "Reserved");

    let stranger = Held { hold_token: "A".repeat(43), ..held.clone() };
    assert_eq!(server.confirm(&stranger, "pay").await.status, 403);
    assert_eq!(server.cancel(&stranger).await.status, 403);
    assert_eq!(server.booking(&stranger).await.status, 403);

    let extend = json!({"holdToken": held.hold_token});
    let extended = server.post(&format!("/api/bookings/{}/extend", held.booking_id), &extend).await;
    assert_eq!((extended.status, extended.body["sequence"].as_u64()), (200, Some(3)), "{extended:?}");

    let confirmed = server.confirm(&held, "payment 1").await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    assert_eq!(confirmed.body["status"], "Confirmed");
    assert_eq!(confirmed.body["sequence"], 4);
    let again = server.confirm(&held, "payment 1").await;
    assert_eq!((again.status, again.body["sequence"].as_u64()), (200, Some(4)), "asked again, nothing new: {again:?}");
    assert_eq!(server.confirm(&held, "payment 2").await.status, 409);
    assert_eq!(server.cancel(&held).await.status, 409);
    assert_eq!(status_of(server, &showtime, &seats[0], 4).await, "Sold");
    assert_eq!(server.reserve(&showtime, &seats[..1], "late").await.status, 409);

    let other = server.hold(&showtime, &seats[2..3]).await;
    let cancelled = server.cancel(&other).await;
    assert_eq!((cancelled.status, cancelled.body["status"].as_str()), (200, Some("Cancelled")), "{cancelled:?}");
    assert_eq!(server.cancel(&other).await.status, 200);
    let next = server.hold(&showtime, &seats[2..3]).await;
    assert_eq!(next.sequence, 7);
}

async fn keys_make_requests_repeatable(server: &Server) {
    let (showtime, seats) = server.schedule(1).await;
    let ask = |seat: &str, key: &str| {
        let body = json!({"showtimeId": showtime, "seatIds": [seat], "userId": "u"});
        server.request(Method::POST, "/api/bookings").header("Idempotency-Key", format!("\"{key}\"")).json(&body)
    };
    let (k1, k2) = (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string());
    let first = server.send(ask(&seats[0], &k1)).await.unwrap();
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!((first.body.get("replayed"), first.headers.get("idempotent-replayed")), (None, None), "{first:?}");
    let again = server.send(ask(&seats[0], &k1)).await.unwrap();
    assert_eq!((again.status, told(&again)), (201, told(&first)), "same key, same answer, hold token included");
    assert_eq!(again.body["replayed"], true, "{again:?}");
    assert_eq!(again.headers["idempotent-replayed"], "true", "{again:?}");
    let otherwise = server.send(ask(&seats[1], &k1)).await.unwrap();
    assert_eq!(otherwise.status, 422, "{otherwise:?}");
    // The repeated answer is worth as much as the first.
    assert_eq!(server.confirm(&Held::from(&again.body), "p").await.status, 200);
    // Many at once: one effect.
    let answers = futures_util::future::join_all((0..20).map(|_| server.send(ask(&seats[5], &k2)))).await;
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    for answer in &answers {
        assert_eq!((answer.status, told(answer)), (201, told(&answers[0])), "{answer:?}");
    }
    let replayed = answers.iter().filter(|answer| answer.body["replayed"] == true).count();
    assert_eq!(replayed, 19, "all but the one that took effect");
    let rows = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 1}]});
    let create = || server.as_operator(Method::POST, "/api/showtimes").header("Idempotency-Key", "show").json(&rows);
    let (one, two) = (server.send(create()).await.unwrap(), server.send(create()).await.unwrap());
    assert_eq!((one.status, two.status, &one.body["id"]), (201, 201, &two.body["id"]), "{one:?} {two:?}");
    assert!(!one.headers.contains_key("idempotent-replayed") && two.headers.contains_key("idempotent-replayed"));
}

/// What a reservation's answer says, but for its being a repetition and for the time that is left.
fn told(answer: &Answer) -> serde_json::Value {
    let mut body = answer.body.clone();
    for member in ["replayed", "expiresInSeconds"] {
        body.as_object_mut().unwrap().remove(member);
    }
    body
}

/// A repeated request is told what has become of the booking, so that nobody pays for a hold that has ended.
async fn a_replayed_answer_tells_the_bookings_status(server: &Server) {
    let (showtime, seats) = server.schedule(1).await;
    let key = uuid::Uuid::new_v4().to_string();
    let ask = || {
        let body = json!({"showtimeId": showtime, "seatIds": [seats[0]], "userId": "u"});
        server.send(server.request(Method::POST, "/api/bookings").header("Idempotency-Key", &key).json(&body))
    };
    let held = Held::from(&ask().await.unwrap().body);
    let kept = ask().await.unwrap();
    assert_eq!((kept.status, kept.body["status"].as_str()), (201, Some("Pending")), "{kept:?}");
    assert_eq!(kept.body["holdToken"], held.hold_token.as_str(), "{kept:?}");
    assert_eq!(server.cancel(&held).await.status, 200);
    let ended = ask().await.unwrap();
    assert_eq!((ended.status, ended.body["status"].as_str()), (201, Some("Cancelled")), "{ended:?}");
    assert_eq!(ended.body["bookingId"], held.booking_id.as_str(), "{ended:?}");
    assert_eq!(ended.body.get("holdToken"), None, "{ended:?}");
}

/// Seconds that holds last where they are left to end: as long as a slow machine may take for a request or two.
const SHORT_HOLD: u64 = 3;

/// The same of a hold that its deadline has ended.
async fn a_replayed_answer_tells_of_an_expired_hold(server: &Server) {
    let (showtime, seats) = server.schedule(1).await;
    let key = uuid::Uuid::new_v4().to_string();
    let ask = || {
        let body = json!({"showtimeId": showtime, "seatIds": [seats[0]], "userId": "u"});
        server.send(server.request(Method::POST, "/api/bookings").header("Idempotency-Key", &key).json(&body))
    };
    assert_eq!(ask().await.unwrap().body["status"], "Pending");
    tokio::time::sleep(Duration::from_secs(SHORT_HOLD) + Duration::from_millis(10)).await;
    let ended = ask().await.unwrap();
    assert_eq!((ended.status, ended.body["status"].as_str()), (201, Some("Expired")), "{ended:?}");
    assert_eq!((ended.body.get("holdToken"), &ended.body["replayed"]), (None, &json!(true)), "{ended:?}");
}

/// A hold that nobody confirms ends at its deadline, on every node, and a payment that comes later loses.
async fn holds_end_in_time(stack: &Stack, servers: &[Server]) {
    let (showtime, seats) = servers[0].schedule(1).await;
    let held = servers[0].hold(&showtime, &seats[..1]).await;
    let other = servers.last().unwrap();
    assert_eq!(other.reserve(&showtime, &seats[..1], "early").await.status, 409);
    // The hold, at most 2 s more, then bookable through every node within 1 s.
    let limit = Duration::from_secs(SHORT_HOLD + 3);
    eventually("the seat is free again on the other node", limit, || async {
        other.reserve(&showtime, &seats[..1], "next").await.status == 201
    })
    .await;
    let late = servers[0].confirm(&held, "too late").await;
    assert_eq!((late.status, late.body["code"].as_str()), (409, Some("payment-too-late")), "{late:?}");
    // One expiry, one new hold, one payment to be returned, then the new hold's expiry: every node's clock rang, only one event each.
    eventually("the second hold ends too", limit, || async {
        let showtime = other.get(&format!("/api/showtimes/{showtime}?minSequence=6")).await;
        showtime.body["seats"][0]["status"] == "Available"
    })
    .await;
    let sequence = other.get(&format!("/api/showtimes/{showtime}")).await.body["sequence"].as_u64();
    assert_eq!(sequence, Some(6));
    if servers.len() > 1 {
        stack.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_lives_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    from_hold_to_sale(&server).await;
    keys_make_requests_repeatable(&server).await;
    a_replayed_answer_tells_the_bookings_status(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_lives_on_the_real_stack() {
    let stack = Stack::real(services::shared()).await;
    let server = stack.start();
    from_hold_to_sale(&server).await;
    keys_make_requests_repeatable(&server).await;
    a_replayed_answer_tells_the_bookings_status(&server).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_end_in_time_on_the_embedded_profile() {
    let stack = Stack::embedded().with("HOLD_SECONDS", SHORT_HOLD);
    let server = stack.start();
    a_replayed_answer_tells_of_an_expired_hold(&server).await;
    holds_end_in_time(&stack, &[server]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_end_in_time_on_two_nodes() {
    let stack = Stack::real(services::shared()).await.with("HOLD_SECONDS", SHORT_HOLD);
    holds_end_in_time(&stack, &[stack.start(), stack.start()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freed_seat_is_bookable_through_every_node_within_a_second() {
    let stack = Stack::real(services::shared()).await;
    let (one, two) = (stack.start(), stack.start());
    let (showtime, seats) = one.schedule(1).await;
    let held = one.hold(&showtime, &seats[..1]).await;
    assert_eq!(two.reserve(&showtime, &seats[..1], "x").await.status, 409);
    assert_eq!(one.cancel(&held).await.status, 200);
    eventually("the seat can be booked through the other node", Duration::from_secs(1), || async {
        two.reserve(&showtime, &seats[..1], "x").await.status == 201
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_profile_keeps_its_data_over_a_restart() {
    let stack = Stack::embedded();
    let server = stack.start();
    let demo = "11111111-1111-1111-1111-111111111111";
    let seats: Vec<String> = server.seats(demo, 1).await.into_iter().map(|(seat, _)| seat).collect();
    assert_eq!(seats.len(), 140);
    let held = server.hold(demo, &seats[..3]).await;
    assert_eq!(server.terminate().await, Some(0));
    let server = stack.start();
    assert_eq!(server.booking(&held).await.body["status"], "Pending");
    assert_eq!(server.reserve(demo, &seats[2..3], "x").await.status, 409);
    assert_eq!(server.confirm(&held, "p").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_server_answers_what_it_accepted() {
    let stack = Stack::real(services::shared()).await;
    let server = stack.start();
    let other = stack.start();
    let (showtime, seats) = server.schedule(4).await;
    let asked = futures_util::future::join_all(
        seats.iter().map(|seat| server.try_reserve(&showtime, std::slice::from_ref(seat), "u")),
    );
    let drained = async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        assert!(std::process::Command::new("kill").args(["-TERM", &server.process_id()]).status().unwrap().success());
    };
    let (answers, ()) = tokio::join!(asked, drained);
    for answer in answers.into_iter().flatten() {
        match answer.status {
            201 => assert_eq!(other.booking(&Held::from(&answer.body)).await.status, 200),
            503 => {}
            _ => panic!("unexpected: {answer:?}"),
        }
    }
    stack.check().await;
}
