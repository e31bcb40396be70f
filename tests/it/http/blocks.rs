//! Blocks over HTTP: held back, listed for operators, given back; and every wrong part of the requests is named.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, NOWHERE, is_problem, names};
use crate::stack::{Answer, Stack, eventually};

impl House {
    /// An operator's request about the blocks of the showtime.
    pub(super) async fn blocks(&self, method: Method, below: &str, body: Value) -> Answer {
        let request = self.server.as_operator(method, &format!("/api/showtimes/{}/blocks{below}", self.showtime));
        let request = if body.is_null() { request } else { request.json(&body) };
        self.server.send(request).await.unwrap()
    }

    pub(super) async fn block(&self, seats: &[String]) -> Answer {
        let made = self.blocks(Method::POST, "", json!({"seatIds": seats, "type": "press"})).await;
        assert_eq!(made.status, 201, "{made:?}");
        made
    }

    /// Ends the server, and has `turnstile check` look at what it has left.
    pub(super) async fn check(self) {
        assert_eq!(self.server.terminate().await, Some(0));
        self._stack.check().await;
    }

    async fn seat_statuses(&self, sequence: &Value) -> Vec<String> {
        let seats = self.server.seats(&self.showtime, sequence.as_u64().unwrap()).await;
        seats.into_iter().map(|(_, status)| status).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_hold_seats_back_see_why_and_give_them_back() {
    let house = House::open().await;
    let seats = &house.seats;
    let body = json!({"seatIds": seats[..3], "type": "house", "reason": " The  critic ", "until": "2029-12-31T20:00:00+01:00"});
    let made = house.blocks(Method::POST, "", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["blockId"].as_str().unwrap().to_owned();
    let told = json!({
        "blockId": id, "status": "Blocked", "showtimeId": house.showtime, "type": "house", "reason": "The critic",
        "seatIds": seats[..3], "until": "2029-12-31T19:00:00Z", "sequence": 2
    });
    assert_eq!(made.body, told);
    assert_eq!(house.seat_statuses(&json!(2)).await[..4], ["Reserved", "Reserved", "Reserved", "Available"]);
    let refused = house.server.reserve(&house.showtime, &seats[2..4], "ada").await;
    is_problem(&refused, 409, "seats-taken");
    assert_eq!(
        (&refused.body["message"], &refused.body["conflicts"][0]["reason"]),
        (&json!("seat R0-3 is taken"), &json!("Reserved"))
    );

    let other = house.block(&seats[8..9]).await;
    assert_eq!(other.body.get("until"), None);
    let listed = house.blocks(Method::GET, "", Value::Null).await;
    assert_eq!(listed.body, json!({"items": [told, other.body]}));
    let first = house.blocks(Method::GET, "?limit=1", Value::Null).await;
    assert_eq!(first.body["items"], json!([told]));
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let second = house.blocks(Method::GET, &format!("?limit=1&cursor={cursor}"), Value::Null).await;
    assert_eq!(second.body, json!({"items": [other.body]}));

    let fewer = house.blocks(Method::POST, &format!("/{id}/seats"), json!({"remove": [seats[1]]})).await;
    assert_eq!((fewer.status, &fewer.body["seatIds"]), (200, &json!([seats[0], seats[2]])), "{fewer:?}");
    assert_eq!(house.server.reserve(&house.showtime, &seats[1..2], "ada").await.status, 201);
    let ended = house.blocks(Method::DELETE, &format!("/{id}"), Value::Null).await;
    assert_eq!((ended.status, &ended.body["status"]), (200, &json!("Ended")), "{ended:?}");
    assert_eq!(house.seat_statuses(&ended.body["sequence"]).await[..3], ["Available", "Reserved", "Available"]);
    let again = house.blocks(Method::DELETE, &format!("/{id}"), Value::Null).await;
    assert_eq!(again.body, ended.body);
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_seats_are_blocked_at_once_and_one_that_is_sold_is_named() {
    let house = House::open().await;
    let (showtime, seats) = house.server.schedule(101).await;
    let house = House { showtime, seats, ..house };
    let held = house.server.hold(&house.showtime, &house.seats[999..1_000]).await;
    assert_eq!(house.server.confirm(&held, "pay").await.status, 200);
    let body = |seats: &[String]| json!({"seatIds": seats, "type": "technical"});
    let refused = house.blocks(Method::POST, "", body(&house.seats[..1_000])).await;
    is_problem(&refused, 409, "seats-taken");
    assert_eq!(refused.body["message"], "seat R99-10 is taken");
    let many = house.blocks(Method::POST, "", body(&house.seats[..1_001])).await;
    is_problem(&many, 400, "invalid-fields");
    names(&many, "pointer", &["/seatIds"]);
    let made = house.blocks(Method::POST, "", body(&house.seats[1_000..1_001])).await;
    assert_eq!(made.status, 201, "{made:?}");
    let thousand = [&house.seats[..999], &house.seats[1_001..1_002]].concat();
    let made = house.blocks(Method::POST, "", body(&thousand)).await;
    assert_eq!((made.status, made.body["seatIds"].as_array().map(Vec::len)), (201, Some(1_000)));
    let id = made.body["blockId"].as_str().unwrap();
    let fewer = house.blocks(Method::POST, &format!("/{id}/seats"), json!({"remove": thousand[..999]})).await;
    assert_eq!((fewer.status, &fewer.body["seatIds"]), (200, &json!(thousand[999..])));
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_its_key_makes_one_block() {
    let house = House::open().await;
    let path = format!("/api/showtimes/{}/blocks", house.showtime);
    let send = async |key: &str, path: &str, body: &Value| {
        let request = house.server.as_operator(Method::POST, path).header("Idempotency-Key", key).json(body);
        house.server.send(request).await.unwrap()
    };
    let body = json!({"seatIds": house.seats[..2], "type": "press", "until": "2029-01-01T00:00:00Z"});
    let (one, two) = tokio::join!(send("k1", &path, &body), send("k1", &path, &body));
    assert_eq!((one.status, &one.body["blockId"]), (201, &two.body["blockId"]), "{one:?} {two:?}");
    let mut other = body.clone();
    other["reason"] = json!("for another reason");
    is_problem(&send("k1", &path, &other).await, 422, "idempotency-key-reused");
    let seats = format!("{path}/{}/seats", one.body["blockId"].as_str().unwrap());
    let remove = json!({"remove": [house.seats[0]]});
    for replayed in [None, Some(&json!(true))] {
        let answer = send("k2", &seats, &remove).await;
        assert_eq!((answer.status, answer.body.get("replayed")), (200, replayed), "{answer:?}");
        assert_eq!(answer.body["seatIds"], json!([house.seats[1]]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_no_booking_and_a_booking_no_block() {
    let house = House::open().await;
    let made = house.block(&house.seats[..2]).await;
    let id = made.body["blockId"].as_str().unwrap();
    let post = async |below: &str, body: Value| {
        let request = house.server.as_operator(Method::POST, &format!("/api/bookings/{id}{below}"));
        house.server.send(request.json(&body)).await.unwrap()
    };
    for (below, body) in [
        ("/confirm", json!({"paymentReference": "p"})),
        ("/cancel", json!({})),
        ("/extend", json!({})),
        ("/refund", json!({})),
        ("/seats", json!({"remove": [house.seats[0]]})),
    ] {
        is_problem(&post(below, body).await, 404, "unknown-booking");
    }
    let show = house.server.as_operator(Method::GET, &format!("/api/bookings/{id}"));
    is_problem(&house.server.send(show).await.unwrap(), 404, "unknown-booking");
    let held = house.server.hold(&house.showtime, &house.seats[2..3]).await;
    for below in [&held.booking_id, NOWHERE] {
        let refused = house.blocks(Method::DELETE, &format!("/{below}"), Value::Null).await;
        is_problem(&refused, 404, "unknown-block");
        names(&refused, "parameter", &["blockId"]);
    }
    // Of another showtime.
    let (other, _) = house.server.schedule(1).await;
    let foreign = house.server.as_operator(Method::DELETE, &format!("/api/showtimes/{other}/blocks/{id}"));
    is_problem(&house.server.send(foreign).await.unwrap(), 404, "unknown-block");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_and_every_wrong_part_is_named() {
    let house = House::open().await;
    let path = format!("/api/showtimes/{}/blocks", house.showtime);
    for (method, path) in [
        (Method::POST, path.clone()),
        (Method::GET, path.clone()),
        (Method::DELETE, format!("{path}/{NOWHERE}")),
        (Method::POST, format!("{path}/{NOWHERE}/seats")),
    ] {
        let request = house.server.request(method.clone(), &path).json(&json!({}));
        is_problem(&house.server.send(request).await.unwrap(), 401, "missing-credential");
        let request = house.server.request(method, &path).bearer_auth("A".repeat(43)).json(&json!({}));
        is_problem(&house.server.send(request).await.unwrap(), 403, "operator-only");
    }
    let seats = &house.seats;
    let last = uuid::Uuid::parse_str(seats.last().unwrap()).unwrap();
    let beyond = uuid::Uuid::from_u128(last.as_u128() + 1).to_string();
    for (body, code, parts) in [
        (json!({}), "invalid-fields", vec!["/seatIds", "/type"]),
        (
            json!({"seatIds": "x", "type": 1, "reason": [], "until": {}, "more": 1}),
            "invalid-fields",
            vec!["/seatIds", "/type", "/reason", "/until", "/more"],
        ),
        (json!({"seatIds": [], "type": "x"}), "invalid-fields", vec!["/seatIds"]),
        (
            json!({"seatIds": [seats[0], "x", seats[0]], "type": "a\u{200B}b"}),
            "invalid-fields",
            vec!["/seatIds/1", "/type"],
        ),
        (json!({"seatIds": [seats[0], seats[0]], "type": "x"}), "invalid-fields", vec!["/seatIds/1"]),
        (json!({"seatIds": [seats[0], NOWHERE], "type": "x"}), "invalid-fields", vec!["/seatIds/1"]),
        (json!({"seatIds": [seats[0], beyond], "type": "x"}), "unknown-seats", vec!["/seatIds/1"]),
        (json!({"seatIds": [seats[0]], "type": "x".repeat(41)}), "invalid-fields", vec!["/type"]),
        (json!({"seatIds": [seats[0]], "type": "x", "reason": "x".repeat(201)}), "invalid-fields", vec!["/reason"]),
        (json!({"seatIds": [seats[0]], "type": "x", "until": "tomorrow"}), "invalid-fields", vec!["/until"]),
        (json!({"seatIds": [seats[0]], "type": "x", "until": "2029-01-01T20:00"}), "invalid-fields", vec!["/until"]),
        (
            json!({"seatIds": [seats[0]], "type": "x", "until": "2020-01-01T20:00:00Z"}),
            "invalid-fields",
            vec!["/until"],
        ),
    ] {
        let refused = house.blocks(Method::POST, "", body).await;
        is_problem(&refused, 400, code);
        names(&refused, "pointer", &parts);
    }
    let made = house.block(&seats[..2]).await;
    let below = format!("/{}/seats", made.body["blockId"].as_str().unwrap());
    for (body, status, code, part) in [
        (json!({}), 400, "invalid-fields", "/remove"),
        (json!({"remove": []}), 400, "invalid-fields", "/remove"),
        (json!({"remove": [seats[0], seats[0]]}), 400, "invalid-fields", "/remove/1"),
        (json!({"remove": [seats[0], beyond]}), 400, "unknown-seats", "/remove/1"),
        (json!({"remove": [seats[0], seats[5]]}), 409, "seats-not-in-block", "/remove/1"),
    ] {
        let refused = house.blocks(Method::POST, &below, body).await;
        is_problem(&refused, status, code);
        names(&refused, "pointer", &[part]);
    }
    let nowhere = House { showtime: NOWHERE.to_owned(), ..house };
    for refused in [
        nowhere.blocks(Method::POST, "", json!({"seatIds": [nowhere.seats[0]], "type": "x"})).await,
        nowhere.blocks(Method::GET, "", Value::Null).await,
        nowhere.blocks(Method::DELETE, &format!("/{NOWHERE}"), Value::Null).await,
    ] {
        is_problem(&refused, 404, "unknown-showtime");
        names(&refused, "parameter", &["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_outlives_a_restart_and_ends_at_its_time_or_with_its_showtime() {
    let stack = Stack::embedded();
    let mut server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    server.kill();
    drop(server);
    let server = stack.start();
    let house = House { server, showtime, seats, _stack: stack };
    // The first request opens the showtime, which may take long on a busy machine.
    house.block(&house.seats[1..2]).await;
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let ends_at = now() + Duration::from_secs(12);
    let until = turnstile::domain::Timestamp::from_millis(i64::try_from(ends_at.as_millis()).unwrap()).to_string();
    let body = json!({"seatIds": house.seats[..1], "type": "house", "until": until});
    let made = house.blocks(Method::POST, "", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let House { mut server, showtime, seats, _stack: stack } = house;
    server.kill();
    drop(server);
    let house = House { server: stack.start(), showtime, seats, _stack: stack };
    let statuses = async || house.seat_statuses(&json!(3)).await;
    let seen = statuses().await;
    assert_eq!(seen[1..3], ["Reserved", "Available"]);
    assert!(seen[0] == "Reserved" || now() >= ends_at, "it ends at its time: {seen:?}");
    eventually("the block has ended", Duration::from_secs(30), async || statuses().await[0] == "Available").await;
    let listed = house.blocks(Method::GET, "", Value::Null).await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1), "{listed:?}");
    let path = format!("/api/showtimes/{}/cancel", house.showtime);
    assert_eq!(house.server.post(&path, &json!({"reason": "storm"})).await.status, 200);
    eventually("the other, too", Duration::from_secs(30), async || statuses().await[1] == "Available").await;
    house.check().await;
}
