//! Every error is a problem that names the part and the reason.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, NOWHERE, is_problem, names};

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_of_a_reservation_is_named() {
    let house = House::open().await;
    let (showtime, seats) = (&house.showtime, &house.seats);
    let twenty_one: Vec<_> = (0..21).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    let cases: Vec<(Value, &str, &[&str])> = vec![
        (json!({}), "invalid-fields", &["/showtimeId", "/seatIds", "/userId"]),
        (
            json!({"showtimeId": null, "seatIds": null, "userId": null}),
            "invalid-fields",
            &["/showtimeId", "/seatIds", "/userId"],
        ),
        (
            json!({"showtimeId": 1, "seatIds": "x", "userId": []}),
            "invalid-fields",
            &["/showtimeId", "/seatIds", "/userId"],
        ),
        (
            json!({"showtimeId": "x", "seatIds": [seats[0], "x", 3], "userId": ""}),
            "invalid-fields",
            &["/showtimeId", "/seatIds/1", "/seatIds/2", "/userId"],
        ),
        (json!({"showtimeId": showtime, "seatIds": [], "userId": "u"}), "invalid-fields", &["/seatIds"]),
        (json!({"showtimeId": showtime, "seatIds": twenty_one, "userId": "u"}), "invalid-fields", &["/seatIds"]),
        (
            json!({"showtimeId": showtime, "seatIds": [seats[0], seats[1], seats[0]], "userId": "u"}),
            "invalid-fields",
            &["/seatIds/2"],
        ),
        (
            json!({"showtimeId": showtime, "seatIds": [seats[0], NOWHERE], "userId": "u"}),
            "invalid-fields",
            &["/seatIds/1"],
        ),
        (json!({"showtimeId": showtime, "seatId": NOWHERE, "userId": "u"}), "invalid-fields", &["/seatId"]),
        (json!({"showtimeId": showtime, "seatId": "x", "userId": "u"}), "invalid-fields", &["/seatId"]),
        (
            json!({"showtimeId": showtime, "seatId": seats[0], "seatIds": [seats[0]], "userId": "u"}),
            "invalid-fields",
            &["/seatId"],
        ),
        (json!({"showtimeId": showtime, "seatIds": [seats[0]], "userId": "a\nb"}), "invalid-fields", &["/userId"]),
        (
            json!({"showtimeId": showtime, "seatIds": [seats[0]], "userId": "x".repeat(129)}),
            "invalid-fields",
            &["/userId"],
        ),
        (json!([]), "invalid-fields", &[""]),
        (json!("x"), "invalid-fields", &[""]),
    ];
    for (body, code, parts) in cases {
        let answer = house.server.post("/api/bookings", &body).await;
        is_problem(&answer, 400, code);
        names(&answer, "pointer", parts);
    }
    // Nothing of all that was taken.
    let (_, first) = house.server.seats(showtime, 1).await.remove(0);
    assert_eq!(first, "Available");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_past_the_last_one_is_named() {
    let house = House::open().await;
    // A seat id carries its index; the next one after the last is of the showtime's form, but not of the showtime.
    let last = uuid::Uuid::parse_str(house.seats.last().unwrap()).unwrap();
    let beyond = uuid::Uuid::from_u128(last.as_u128() + 1).to_string();
    let answer = house.server.post("/api/bookings", &house.wanted(&[house.seats[0].clone(), beyond])).await;
    is_problem(&answer, 400, "unknown-seats");
    names(&answer, "pointer", &["/seatIds/1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_seat_and_a_showtime_in_the_path_are_understood() {
    let house = House::open().await;
    let body = json!({"showtimeId": house.showtime, "seatId": house.seats[0], "userId": "u"});
    let answer = house.server.post("/api/bookings", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["seatIds"], json!([house.seats[0]]));
    let location = answer.headers["location"].to_str().unwrap();
    assert_eq!(location, format!("/api/bookings/{}", answer.body["bookingId"].as_str().unwrap()));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let path = format!("/api/showtimes/{}/bookings", house.showtime);
    let answer = house.server.post(&path, &json!({"seatIds": [house.seats[1]], "userId": "u"})).await;
    assert_eq!((answer.status, &answer.body["showtimeId"]), (201, &json!(house.showtime)), "{answer:?}");
    let other = json!({"showtimeId": NOWHERE, "seatIds": [house.seats[2]], "userId": "u"});
    let answer = house.server.post(&path, &other).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/showtimeId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_things_are_404_and_named() {
    let house = House::open().await;
    let body = json!({"showtimeId": NOWHERE, "seatIds": [NOWHERE], "userId": "u"});
    let answer = house.server.post("/api/bookings", &body).await;
    is_problem(&answer, 404, "unknown-showtime");
    names(&answer, "pointer", &["/showtimeId"]);
    let answer = house.server.post(&format!("/api/showtimes/{NOWHERE}/bookings"), &body).await;
    is_problem(&answer, 404, "unknown-showtime");
    names(&answer, "parameter", &["id"]);
    is_problem(&house.server.get(&format!("/api/showtimes/{NOWHERE}")).await, 404, "unknown-showtime");
    let request = house.server.request(Method::GET, &format!("/api/bookings/{NOWHERE}")).bearer_auth("A".repeat(43));
    is_problem(&house.server.send(request).await.unwrap(), 404, "unknown-booking");
    for path in ["/nowhere", "/api", "/api/bookings/", "/api/showtimes/x/y/z", "/assets/nothing.js", "/problems/none"] {
        is_problem(&house.server.get(path).await, 404, "not-found");
    }
    for path in ["/api/showtimes/x", "/api/bookings/x", "/ws/showtimes/x"] {
        let answer = house.server.send(house.server.request(Method::GET, path).bearer_auth("x")).await.unwrap();
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "parameter", &["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_are_405_with_the_right_ones() {
    let house = House::open().await;
    for (method, path, allowed) in [
        (Method::PUT, "/api/bookings", vec!["GET", "HEAD", "POST"]),
        (Method::DELETE, "/api/showtimes", vec!["GET", "HEAD", "POST"]),
        (Method::POST, &format!("/api/showtimes/{}", house.showtime), vec!["GET", "HEAD", "PATCH"]),
        (Method::PUT, &format!("/api/bookings/{NOWHERE}/confirm"), vec!["POST"]),
        (Method::GET, &format!("/api/bookings/{NOWHERE}/seats"), vec!["POST"]),
        (Method::DELETE, &format!("/api/bookings/{NOWHERE}/refund"), vec!["POST"]),
        (Method::PUT, &format!("/api/showtimes/{}/blocks", house.showtime), vec!["GET", "HEAD", "POST"]),
        (Method::GET, &format!("/api/showtimes/{}/blocks/{NOWHERE}", house.showtime), vec!["DELETE"]),
        (Method::GET, &format!("/api/showtimes/{}/blocks/{NOWHERE}/seats", house.showtime), vec!["POST"]),
        (Method::POST, "/readyz", vec!["GET", "HEAD"]),
        (Method::GET, "/hub/bookings/negotiate", vec!["POST"]),
        (Method::DELETE, "/hub/bookings", vec!["GET"]),
    ] {
        let answer = house.server.send(house.server.request(method.clone(), path)).await.unwrap();
        is_problem(&answer, 405, "method-not-allowed");
        let mut told: Vec<_> = answer.headers["allow"].to_str().unwrap().split(',').map(str::trim).collect();
        told.sort_unstable();
        assert_eq!(told, allowed, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_json_are_refused() {
    let house = House::open().await;
    let send = |media: &'static str, body: Vec<u8>| {
        let request = house.server.request(Method::POST, "/api/bookings").header("Content-Type", media).body(body);
        house.server.send(request)
    };
    for body in ["", "  ", "{", "{\"a\":}", "nonsense", "{\"userId\":\"\\ud800\"}", "{} {}", "\u{feff}{}"] {
        is_problem(&send("application/json", body.into()).await.unwrap(), 400, "malformed-json");
    }
    is_problem(&send("application/json", vec![0xff, 0xfe, 0x00]).await.unwrap(), 400, "malformed-json");
    is_problem(&send("application/json", b"[".repeat(10_000)).await.unwrap(), 400, "malformed-json");
    for media in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "multipart/form-data"]
    {
        is_problem(&send(media, b"{}".to_vec()).await.unwrap(), 415, "unsupported-media-type");
    }
    let bare = house.server.request(Method::POST, "/api/bookings").body("{}");
    is_problem(&house.server.send(bare).await.unwrap(), 415, "unsupported-media-type");
    let coded = house.server.request(Method::POST, "/api/bookings").header("Content-Encoding", "gzip").json(&json!({}));
    is_problem(&house.server.send(coded).await.unwrap(), 415, "unsupported-media-type");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_are_refused() {
    let house = House::open().await;
    let large = json!({"userId": "x".repeat(70_000)});
    is_problem(&house.server.post("/api/bookings", &large).await, 413, "payload-too-large");
    let large = json!({"movieTitle": "x".repeat(16_000_000)});
    is_problem(&house.server.post("/api/showtimes", &large).await, 413, "payload-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_are_checked() {
    let house = House::open().await;
    let ask = |key: &str| {
        let request = house.server.request(Method::POST, "/api/bookings").json(&house.wanted(&house.seats[..1]));
        house.server.send(request.header("Idempotency-Key", key))
    };
    // The last two are too short for a secret.
    for wrong in ["", "\"", "\"a", "\"a\"b\"", "\"\"", &"x".repeat(256), "\"my-first\"", "0123456789abcde"] {
        let answer = ask(wrong).await.unwrap();
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "header", &["Idempotency-Key"]);
    }
    let quoted = ask("\"0123456789abcdef\"").await.unwrap();
    let bare = ask("0123456789abcdef").await.unwrap();
    let same = quoted.body["bookingId"] == bare.body["bookingId"] && quoted.body["holdToken"] == bare.body["holdToken"];
    assert_eq!((quoted.status, bare.status, same), (201, 201, true), "quotes are not part of the key");
    // The key comes before the seats, be they taken or not.
    house.server.hold(&house.showtime, &house.seats[1..2]).await;
    let request = house.server.request(Method::POST, "/api/bookings").json(&house.wanted(&house.seats[1..2]));
    let other = house.server.send(request.header("Idempotency-Key", "0123456789abcdef")).await.unwrap();
    is_problem(&other, 422, "idempotency-key-reused");
    names(&other, "header", &["Idempotency-Key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_seats_are_named_with_the_reason() {
    let house = House::open().await;
    let sold = house.server.hold(&house.showtime, &house.seats[..1]).await;
    assert_eq!(house.server.confirm(&sold, "p").await.status, 200);
    house.server.hold(&house.showtime, &house.seats[1..2]).await;
    let answer = house.server.post("/api/bookings", &house.wanted(&house.seats[..4])).await;
    is_problem(&answer, 409, "seats-taken");
    let mut conflicts = answer.body["conflicts"].as_array().unwrap().clone();
    conflicts.sort_by_key(|conflict| conflict["seatId"].to_string());
    assert_eq!(conflicts.len(), 2, "{answer:?}");
    assert_eq!((&conflicts[0]["seatId"], &conflicts[0]["reason"]), (&json!(house.seats[0]), &json!("Sold")));
    assert_eq!((&conflicts[1]["seatId"], &conflicts[1]["reason"]), (&json!(house.seats[1]), &json!("Reserved")));
    assert_eq!((&conflicts[1]["row"], &conflicts[1]["number"]), (&json!("R0"), &json!(2)), "as it is printed");
    assert_eq!(answer.body["message"], "seats R0-1 and R0-2 are taken");
    let one = house.server.post("/api/bookings", &house.wanted(&house.seats[1..2])).await;
    assert_eq!(one.body["message"], "seat R0-2 is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_of_a_showtime_that_has_started_are_not_sold() {
    let house = House::open().await;
    let body = json!({"movieTitle": "M", "startTime": "2020-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 2}]});
    let made = house.server.post("/api/showtimes", &body).await;
    let showtime = made.body["id"].as_str().unwrap();
    let seats = house.server.seats(showtime, 1).await;
    // The first is refused by the actor, the second from the board.
    for (seat, _) in &seats {
        let answer = house.server.reserve(showtime, std::slice::from_ref(seat), "late").await;
        is_problem(&answer, 409, "showtime-started");
        assert_eq!(answer.body["startedAt"], "2020-01-01T20:00:00Z", "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_of_a_showtime_is_named() {
    let house = House::open().await;
    let good = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 1}]});
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, part) in [
        (with("/movieTitle", json!(" ")), "/movieTitle"),
        (with("/movieTitle", json!("x".repeat(201))), "/movieTitle"),
        (with("/startTime", json!("tomorrow")), "/startTime"),
        (with("/startTime", json!("2030-01-01T20:00:00")), "/startTime"),
        (with("/rows", json!([])), "/rows"),
        (with("/rows", json!({})), "/rows"),
        (with("/rows/0", json!(7)), "/rows/0"),
        (with("/rows/0/row", json!("")), "/rows/0/row"),
        (with("/rows/0/row", json!(1)), "/rows/0/row"),
        (with("/rows/0/seats", json!(0)), "/rows/0/seats"),
        (with("/rows/0/seats", json!(-1)), "/rows/0/seats"),
        (with("/rows/0/seats", json!(1.5)), "/rows/0/seats"),
        (with("/rows/0/seats", json!(200_001)), "/rows"),
        (with("/rows/0/seats", json!(99_999_999_999_u64)), "/rows/0/seats"),
        (with("/rows", json!([{"row": "A", "seats": 1}, {"row": "A", "seats": 1}])), "/rows/1/row"),
    ] {
        let answer = house.server.post("/api/showtimes", &body).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "pointer", &[part]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traceparent_names_the_request() {
    let house = House::open().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request =
        house.server.request(Method::GET, "/nowhere").header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let answer = house.server.send(request).await.unwrap();
    assert_eq!(answer.body["traceId"], trace);
    assert_eq!(answer.body["instance"], "/nowhere");
    let good = house.server.get("/livez").await;
    assert_eq!(good.headers["x-request-id"].len(), 32);
}
