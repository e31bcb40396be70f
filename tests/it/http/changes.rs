//! Changes of a showtime by operators: what is shown, when, on which terms; and that a cancelled one sells nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, NOWHERE, is_problem, names};
use crate::stack::{Answer, Server, Stack};

async fn change(server: &Server, showtime: &str, body: &Value) -> Answer {
    let request = server.as_operator(Method::PATCH, &format!("/api/showtimes/{showtime}"));
    server.send(request.json(body)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_by_everybody_and_leaves_what_it_does_not_name() {
    let House { server, showtime, seats, _stack } = House::open().await;
    let held = server.hold(&showtime, &seats[..1]).await;
    let body = json!({"movieTitle": "Nosferatu", "onSaleFrom": "2020-01-01T00:00:00Z", "placesPerBooking": 2});
    let changed = change(&server, &showtime, &body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let told = json!({
        "id": showtime, "movieTitle": "Nosferatu", "startTime": "2030-01-01T20:00:00Z", "sequence": 3,
        "onSaleFrom": "2020-01-01T00:00:00Z", "placesPerBooking": 2
    });
    assert_eq!(changed.body, told);
    // The same again changes nothing.
    assert_eq!(change(&server, &showtime, &body).await.body, told);

    let seen = server.get(&format!("/api/showtimes/{showtime}?minSequence=3")).await;
    assert_eq!(seen.body["movieTitle"], "Nosferatu");
    assert_eq!(seen.body["placesPerBooking"], 2);
    assert_eq!(seen.body["seats"][0]["status"], "Reserved");
    let layout = server.get(&format!("/api/showtimes/{showtime}/layout")).await;
    assert_eq!(layout.body["movieTitle"], "Nosferatu");
    let listed = server.get("/api/showtimes").await;
    let line = listed.body["items"].as_array().unwrap().iter().find(|item| item["id"] == json!(showtime)).unwrap();
    assert_eq!((&line["movieTitle"], &line["placesPerBooking"]), (&json!("Nosferatu"), &json!(2)));

    let refused = server.reserve(&showtime, &seats[1..4], "somebody").await;
    is_problem(&refused, 409, "too-many-places");
    assert_eq!(refused.body["most"], 2);
    let change_back = change(&server, &showtime, &json!({"placesPerBooking": null})).await;
    assert_eq!(change_back.body.get("placesPerBooking"), None);
    assert_eq!(change_back.body["onSaleFrom"], "2020-01-01T00:00:00Z");
    assert_eq!(server.reserve(&showtime, &seats[1..4], "somebody").await.status, 201);
    assert_eq!(server.confirm(&held, "pay").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_sold_in_the_sale_window_only() {
    let House { server, showtime, seats, _stack } = House::open().await;
    let held = server.hold(&showtime, &seats[..1]).await;
    change(&server, &showtime, &json!({"onSaleFrom": "2029-12-31T00:00:00Z"})).await;
    let early = server.reserve(&showtime, &seats[1..2], "somebody").await;
    is_problem(&early, 409, "not-on-sale-yet");
    assert_eq!(early.body["onSaleFrom"], "2029-12-31T00:00:00Z");
    change(&server, &showtime, &json!({"onSaleFrom": null, "onSaleUntil": "2020-01-01T00:00:00Z"})).await;
    let late = server.reserve(&showtime, &seats[1..2], "somebody").await;
    is_problem(&late, 409, "sale-ended");
    assert_eq!(late.body["onSaleUntil"], "2020-01-01T00:00:00Z");
    // A hold of before may still be paid.
    assert_eq!(server.confirm(&held, "pay").await.status, 200);
    let begun = change(&server, &showtime, &json!({"startTime": "2020-01-01T00:00:00Z", "onSaleUntil": null})).await;
    is_problem(&server.reserve(&showtime, &seats[1..2], "somebody").await, 409, "showtime-started");
    server.seats(&showtime, begun.body["sequence"].as_u64().unwrap()).await;
    let past = server.get("/api/showtimes?past=true").await;
    assert!(past.body["items"].as_array().unwrap().iter().any(|item| item["id"] == json!(showtime)), "{past:?}");
    let upcoming = server.get("/api/showtimes").await;
    assert!(upcoming.body["items"].as_array().unwrap().iter().all(|item| item["id"] != json!(showtime)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_is_made_with_its_terms() {
    let House { server, _stack, .. } = House::open().await;
    let body = json!({
        "movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 4}],
        "onSaleFrom": "2029-01-01T00:00:00+01:00", "onSaleUntil": "2029-06-01T00:00:00Z",
        "placesPerBooking": 2, "placesPerCustomer": 3
    });
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["onSaleFrom"], "2028-12-31T23:00:00Z");
    assert_eq!(made.body["placesPerCustomer"], 3);
    let mut backwards = body.clone();
    backwards["onSaleUntil"] = json!("2028-01-01T00:00:00Z");
    let refused = server.post("/api/showtimes", &backwards).await;
    is_problem(&refused, 400, "invalid-fields");
    names(&refused, "pointer", &["/onSaleFrom"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_given_and_shown_by_the_venues_clocks() {
    let House { server, _stack, .. } = House::open().await;
    let body = json!({
        "movieTitle": "M", "rows": [{"row": "A", "seats": 4}], "timeZone": "europe/berlin", "startTime": "2030-07-01T20:00",
        "onSaleFrom": "2030-01-01T09:00:00", "onSaleUntil": "2030-07-01T17:00:00Z"
    });
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let told = json!({
        "timeZone": "Europe/Berlin", "startTime": "2030-07-01T18:00:00Z", "startTimeLocal": "2030-07-01T20:00:00+02:00",
        "onSaleFrom": "2030-01-01T08:00:00Z", "onSaleUntil": "2030-07-01T17:00:00Z"
    });
    let tells = |answer: &Value, told: &Value| {
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(answer.get(name), (!value.is_null()).then_some(value), "{name} of {answer}");
        }
    };
    tells(&made.body, &told);
    let id = made.body["id"].as_str().unwrap();
    tells(&server.get(&format!("/api/showtimes/{id}?minSequence=1")).await.body, &told);
    tells(&server.get(&format!("/api/showtimes/{id}/layout")).await.body, &told);
    let line = server.get("/api/showtimes?title=M&from=2030-07-01T00:00:00Z").await.body["items"][0].clone();
    tells(&line, &told);

    // The zone that is stored is used. The zone alone moves nothing but the clocks.
    let changed = change(&server, id, &json!({"startTime": "2030-12-01T20:00"})).await;
    tells(&changed.body, &json!({"startTime": "2030-12-01T19:00:00Z", "startTimeLocal": "2030-12-01T20:00:00+01:00"}));
    let moved = change(&server, id, &json!({"timeZone": "Asia/Tokyo"})).await;
    tells(&moved.body, &json!({"startTime": "2030-12-01T19:00:00Z", "startTimeLocal": "2030-12-02T04:00:00+09:00"}));
    let both = change(&server, id, &json!({"timeZone": "America/New_York", "startTime": "2030-12-01T20:00"})).await;
    tells(&both.body, &json!({"startTime": "2030-12-02T01:00:00Z", "startTimeLocal": "2030-12-01T20:00:00-05:00"}));
    let without = change(&server, id, &json!({"timeZone": null})).await;
    tells(&without.body, &json!({"startTime": "2030-12-02T01:00:00Z", "timeZone": null, "startTimeLocal": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn local_times_that_are_no_points_in_time_are_refused_and_named() {
    let House { server, showtime, _stack, .. } = House::open().await;
    let new = |times: Value| {
        let mut body =
            json!({"movieTitle": "M", "startTime": "2030-07-01T20:00:00Z", "rows": [{"row": "A", "seats": 4}]});
        body.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        body
    };
    let zone = "Europe/Berlin";
    for (times, pointer, said) in [
        (json!({"startTime": "2030-07-01T20:00"}), "/startTime", "has no offset from UTC"),
        (json!({"onSaleFrom": "2030-03-31T02:30", "timeZone": zone}), "/onSaleFrom", "does not exist in Europe/Berlin"),
        (
            json!({"onSaleUntil": "2029-10-28T02:30", "timeZone": zone}),
            "/onSaleUntil",
            "first at +02:00, then at +01:00",
        ),
        (
            json!({"startTime": "2030-02-30T20:00", "timeZone": zone}),
            "/startTime",
            "not a date and time of the calendar",
        ),
        (json!({"startTime": "2030-07-01T20:00", "timeZone": "Berlin"}), "/timeZone", "IANA"),
        (json!({"timeZone": 1}), "/timeZone", "must be a string, not a number"),
    ] {
        let patched = change(&server, &showtime, &times).await;
        for refused in [server.post("/api/showtimes", &new(times)).await, patched] {
            is_problem(&refused, 400, "invalid-fields");
            names(&refused, "pointer", &[pointer]);
            assert!(refused.body["errors"][0]["detail"].as_str().unwrap().contains(said), "{refused:?}");
        }
    }
    // In the zone that the showtime has.
    assert_eq!(change(&server, &showtime, &json!({"timeZone": zone})).await.status, 200);
    let skipped = change(&server, &showtime, &json!({"startTime": "2030-03-31T02:30"})).await;
    is_problem(&skipped, 400, "invalid-fields");
    assert!(skipped.body["message"].as_str().unwrap().contains("where clocks go from +01:00 to +02:00"), "{skipped:?}");
    assert_eq!(change(&server, &showtime, &json!({"startTime": "2030-03-31T02:30+01:00"})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_has_its_own_time_for_holds() {
    let House { server, _stack, .. } = House::open_on(Stack::embedded().with("HOLD_TOTAL_SECONDS", 1_000)).await;
    let body = |hold: Value| json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 9}], "holdSeconds": hold});
    let made = server.post("/api/showtimes", &body(json!(100))).await;
    assert_eq!((made.status, &made.body["holdSeconds"]), (201, &json!(100)), "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    let seats: Vec<String> = server.seats(id, 1).await.into_iter().map(|(seat, _)| seat).collect();
    // To the second below the deadline, which was reckoned a moment ago.
    let lives = |answer: &Answer, seconds: u64| {
        let left = answer.body["expiresInSeconds"].as_f64().unwrap_or_else(|| panic!("{answer:?}"));
        let most = f64::from(u32::try_from(seconds).unwrap());
        assert!(left <= most && left > most - 10.0, "{seconds} s: {answer:?}");
    };
    let first = server.reserve(id, &seats[..1], "ada").await;
    lives(&first, 100);
    let best = json!({"showtimeId": id, "bestAvailable": {"quantity": 2}, "userId": "bob"});
    lives(&server.post("/api/bookings", &best).await, 100);

    // Made before, a hold keeps its deadline. Its extension, and new holds, are as the new terms say.
    assert_eq!(change(&server, id, &json!({"holdSeconds": 500})).await.body["holdSeconds"], 500);
    let held = crate::stack::Held::from(&first.body);
    assert_eq!(server.booking(&held).await.body["expiresAt"], first.body["expiresAt"]);
    let extend = async || {
        let path = format!("/api/bookings/{}/extend", held.booking_id);
        server.post(&path, &json!({"holdToken": held.hold_token})).await
    };
    lives(&extend().await, 500);
    lives(&server.reserve(id, &seats[8..9], "eve").await, 500);
    let without = change(&server, id, &json!({"holdSeconds": null})).await;
    assert_eq!(without.body.get("holdSeconds"), None);
    lives(&server.reserve(id, &seats[1..2], "eve").await, 600);
    assert_eq!(change(&server, id, &json!({"holdSeconds": 1_000})).await.status, 200);
    lives(&extend().await, 1_000);

    for wrong in [json!(0), json!(1_001), json!(-1), json!(1.5), json!("60"), json!([60])] {
        for refused in [
            server.post("/api/showtimes", &body(wrong.clone())).await,
            change(&server, id, &json!({"holdSeconds": wrong})).await,
        ] {
            is_problem(&refused, 400, "invalid-fields");
            names(&refused, "pointer", &["/holdSeconds"]);
            assert_eq!(refused.body["errors"][0]["detail"], "must be a whole number from 1 to 1000", "{refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_named() {
    let House { server, showtime, _stack, .. } = House::open().await;
    let body = json!({
        "movieTitle": "  ", "startTime": "soon", "onSaleFrom": 7, "onSaleUntil": "2030-13-01T00:00:00Z",
        "placesPerBooking": 21, "placesPerCustomer": 0, "rows": []
    });
    let refused = change(&server, &showtime, &body).await;
    is_problem(&refused, 400, "invalid-fields");
    let parts = [
        "/movieTitle",
        "/startTime",
        "/onSaleFrom",
        "/onSaleUntil",
        "/placesPerBooking",
        "/placesPerCustomer",
        "/rows",
    ];
    names(&refused, "pointer", &parts);
    let backwards = change(&server, &showtime, &json!({"onSaleFrom": "2031-01-01T00:00:00Z"})).await;
    is_problem(&backwards, 409, "invalid-listing");
    is_problem(&change(&server, NOWHERE, &json!({})).await, 404, "unknown-showtime");
    let path = format!("/api/showtimes/{showtime}");
    let anybody = server.send(server.request(Method::PATCH, &path).json(&json!({}))).await.unwrap();
    is_problem(&anybody, 401, "missing-credential");
    let nothing = change(&server, &showtime, &json!({"movieTitle": null, "startTime": null})).await;
    is_problem(&nothing, 400, "invalid-fields");
    names(&nothing, "pointer", &["/movieTitle", "/startTime"]);
    let unchanged = change(&server, &showtime, &json!({})).await;
    assert_eq!((unchanged.status, &unchanged.body["sequence"]), (200, &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_change_is_told_how_the_listing_is_by_now() {
    let House { server, showtime, _stack, .. } = House::open().await;
    let send = async |title: &str, key: &str| {
        let request = server.as_operator(Method::PATCH, &format!("/api/showtimes/{showtime}"));
        let request = request.header("Idempotency-Key", key).json(&json!({"movieTitle": title}));
        server.send(request).await.unwrap()
    };
    assert_eq!(send("one", "key-1").await.body["sequence"], 2);
    assert_eq!(send("two", "key-2").await.body["sequence"], 3);
    let again = send("one", "key-1").await;
    assert_eq!((again.status, &again.body["movieTitle"]), (200, &json!("two")), "{again:?}");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    is_problem(&send("three", "key-1").await, 422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_showtime_sells_nothing_and_ends_its_bookings() {
    let House { server, showtime, seats, _stack: stack } = House::open().await;
    let held = server.hold(&showtime, &seats[..2]).await;
    let paid = server.hold(&showtime, &seats[2..3]).await;
    assert_eq!(server.confirm(&paid, "pay-7").await.status, 200);
    let path = format!("/api/showtimes/{showtime}/cancel");
    is_problem(&server.post(&path, &json!({"reason": "\u{202E}"})).await, 400, "invalid-fields");
    let cancelled = server.post(&path, &json!({"reason": "Der Projektor ist defekt \u{1F39E}"})).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["cancelled"], "Der Projektor ist defekt \u{1F39E}");
    let again = server.post(&path, &json!({"reason": "another"})).await;
    assert_eq!(
        (again.status, &again.body["cancelled"]),
        (200, &cancelled.body["cancelled"]),
        "the first reason stands"
    );

    let refused = server.reserve(&showtime, &seats[5..6], "somebody").await;
    is_problem(&refused, 409, "showtime-cancelled");
    assert_eq!(refused.body["reason"], cancelled.body["cancelled"]);
    is_problem(&change(&server, &showtime, &json!({"movieTitle": "M"})).await, 409, "showtime-cancelled");
    crate::stack::eventually("the bookings are ended", std::time::Duration::from_secs(10), async || {
        let ends = [server.booking(&held).await, server.booking(&paid).await];
        ends.iter().all(|booking| booking.body["status"] == "Cancelled")
    })
    .await;
    for booking in [&held, &paid] {
        assert_eq!(server.booking(booking).await.body["cancelReason"], cancelled.body["cancelled"]);
    }
    assert_eq!(server.booking(&paid).await.body["paymentReference"], "pay-7");
    is_problem(&server.confirm(&held, "pay-8").await, 409, "booking-not-pending");
    let after = server.seats(&showtime, server.booking(&paid).await.body["sequence"].as_u64().unwrap()).await;
    assert!(after.iter().all(|(_, status)| status == "Available"), "{after:?}");
    assert_eq!(server.terminate().await, Some(0));
    stack.check().await;
}
