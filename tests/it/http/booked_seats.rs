//! The seats of a booking over HTTP: paid late, exchanged, refunded; and every wrong part of the requests is named.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, NOWHERE, is_problem, names};
use crate::stack::{Answer, Held, Stack};

impl House {
    async fn exchange(&self, held: &Held, body: Value) -> Answer {
        let request = self.server.request(Method::POST, &format!("/api/bookings/{}/seats", held.booking_id));
        self.server.send(request.bearer_auth(&held.hold_token).json(&body)).await.unwrap()
    }

    async fn refund(&self, held: &Held, body: Value) -> Answer {
        let request = self.server.as_operator(Method::POST, &format!("/api/bookings/{}/refund", held.booking_id));
        self.server.send(request.json(&body)).await.unwrap()
    }

    async fn statuses(&self, sequence: &Value) -> Vec<String> {
        let seats = self.server.seats(&self.showtime, sequence.as_u64().unwrap()).await;
        seats.into_iter().map(|(_, status)| status).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_exchanges_seats_until_the_deadline() {
    let house = House::open().await;
    let seats = &house.seats;
    let held = house.server.hold(&house.showtime, &seats[..2]).await;
    let before = house.server.booking(&held).await;
    let body = json!({"add": [seats[2]], "remove": [seats[0]]});
    let changed = house.exchange(&held, body.clone()).await;
    assert_eq!((changed.status, &changed.body["status"]), (200, &json!("Pending")), "{changed:?}");
    assert_eq!(changed.body["seatIds"], json!([seats[1], seats[2]]));
    assert_eq!(changed.body["expiresAt"], before.body["expiresAt"]);
    assert_eq!(changed.body["sequence"], 4, "given back, then taken");
    assert_eq!(
        house.statuses(&changed.body["sequence"]).await[..4],
        ["Available", "Reserved", "Reserved", "Available"]
    );
    let again = house.exchange(&held, body).await;
    assert_eq!((again.status, &again.body["sequence"]), (200, &json!(4)), "{again:?}");
    let less = house.exchange(&held, json!({"remove": [seats[1]]})).await;
    assert_eq!((less.status, &less.body["seatIds"]), (200, &json!([seats[2]])), "{less:?}");

    house.server.hold(&house.showtime, &seats[3..4]).await;
    let taken = house.exchange(&held, json!({"add": [seats[4], seats[3]], "remove": [seats[2]]})).await;
    is_problem(&taken, 409, "seats-taken");
    assert_eq!(taken.body["conflicts"][0]["seatId"], json!(seats[3]));
    assert_eq!(taken.body["message"], "seat R0-4 is taken");
    is_problem(&house.exchange(&held, json!({"remove": [seats[2]]})).await, 409, "no-seat-left");
    let foreign = house.exchange(&held, json!({"add": [seats[5]], "remove": [seats[2], seats[9]]})).await;
    is_problem(&foreign, 409, "seats-not-in-booking");
    names(&foreign, "pointer", &["/remove/1"]);
    assert_eq!(foreign.body["message"], "seat R0-10 is not in this booking");

    assert_eq!(house.server.confirm(&held, "pay").await.status, 200);
    let sold = json!({"add": [seats[6]], "remove": [seats[2]]});
    let refused = house.exchange(&held, sold.clone()).await;
    is_problem(&refused, 409, "booking-not-pending");
    let request = house.server.as_operator(Method::POST, &format!("/api/bookings/{}/seats", held.booking_id));
    let exchanged = house.server.send(request.json(&sold)).await.unwrap();
    assert_eq!((exchanged.status, &exchanged.body["seatIds"]), (200, &json!([seats[6]])), "{exchanged:?}");
    assert_eq!(house.statuses(&exchanged.body["sequence"]).await[6], "Sold");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_with_a_key_is_made_once() {
    let house = House::open().await;
    let seats = &house.seats;
    let held = house.server.hold(&house.showtime, &seats[..2]).await;
    let ask = async |body: Value| {
        let request = house.server.request(Method::POST, &format!("/api/bookings/{}/seats", held.booking_id));
        house
            .server
            .send(request.bearer_auth(&held.hold_token).header("Idempotency-Key", "one").json(&body))
            .await
            .unwrap()
    };
    let body = json!({"add": [seats[2]], "remove": [seats[0]]});
    let (first, second) = tokio::join!(ask(body.clone()), ask(body.clone()));
    let third = ask(body).await;
    for answer in [&first, &second, &third] {
        assert_eq!((answer.status, &answer.body["seatIds"]), (200, &json!([seats[1], seats[2]])), "{answer:?}");
        assert_eq!(answer.body["sequence"], 4, "{answer:?}");
    }
    assert_eq!(third.headers["idempotent-replayed"], "true");
    is_problem(&ask(json!({"add": [seats[3]]})).await, 422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_refund_seats_or_all_of_a_booking() {
    let house = House::open().await;
    let seats = &house.seats;
    let held = house.server.hold(&house.showtime, &seats[..3]).await;
    is_problem(&house.refund(&held, json!({})).await, 409, "booking-not-confirmed");
    assert_eq!(house.server.confirm(&held, "pay").await.status, 200);
    let theirs = format!("/api/bookings/{}/refund", held.booking_id);
    is_problem(&house.server.post(&theirs, &json!({})).await, 401, "missing-credential");
    let request = house.server.request(Method::POST, &theirs).bearer_auth(&held.hold_token);
    is_problem(&house.server.send(request).await.unwrap(), 403, "operator-only");

    let body = json!({"seatIds": [seats[1]], "reason": "The seat is broken"});
    let some = house.refund(&held, body.clone()).await;
    assert_eq!(
        (some.status, &some.body["status"], &some.body["refund"]),
        (200, &json!("Confirmed"), &json!("pay")),
        "{some:?}"
    );
    assert_eq!(some.body["seatIds"], json!([seats[0], seats[2]]));
    assert_eq!(house.statuses(&some.body["sequence"]).await[..3], ["Sold", "Available", "Sold"]);
    let again = house.refund(&held, body).await;
    is_refunded_before(&again, &some);
    let shown = house.server.booking(&held).await;
    assert_eq!((&shown.body["refundedSeatIds"], &shown.body["paymentReference"]), (&json!([seats[1]]), &json!("pay")));
    let strange = house.refund(&held, json!({"seatIds": [seats[0], seats[5]]})).await;
    is_problem(&strange, 409, "seats-not-in-booking");
    names(&strange, "pointer", &["/seatIds/1"]);

    let all = house.refund(&held, Value::Null).await;
    is_problem(&all, 400, "invalid-fields");
    let all = house.refund(&held, json!({"reason": "Ada is ill"})).await;
    assert_eq!(
        (all.status, &all.body["status"], &all.body["refund"]),
        (200, &json!("Cancelled"), &json!("pay")),
        "{all:?}"
    );
    is_refunded_before(&house.refund(&held, json!({"reason": "Ada is ill"})).await, &all);
    assert_eq!(house.statuses(&all.body["sequence"]).await[..3], ["Available", "Available", "Available"]);
    assert_eq!(house.server.booking(&held).await.body["cancelReason"], "Ada is ill");
    // Free for everybody at once, also for the same customer.
    assert_eq!(house.server.reserve(&house.showtime, &seats[..3], "somebody").await.status, 201);
    is_problem(&house.server.confirm(&held, "pay").await, 409, "booking-not-pending");
}

/// The same booking, without a word of returning the payment again.
#[track_caller]
fn is_refunded_before(again: &Answer, first: &Answer) {
    let mut expected = first.body.clone();
    expected.as_object_mut().unwrap().remove("refund");
    expected["message"] = again.body["message"].clone();
    assert_eq!((again.status, &again.body), (200, &expected));
    assert!(again.body["message"].as_str().unwrap().contains("refunded before"), "{again:?}");
}

/// Keys of requests that found everything done: the seats come and go, and a repetition does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_what_was_done_before_has_no_effect_later() {
    let house = House::open().await;
    let seats = &house.seats;
    let held = house.server.hold(&house.showtime, &seats[..2]).await;
    assert_eq!(house.server.confirm(&held, "pay").await.status, 200);
    let ask = async |what: &str, key: &str, body: Value| {
        let request = house.server.as_operator(Method::POST, &format!("/api/bookings/{}/{what}", held.booking_id));
        let answer = house.server.send(request.header("Idempotency-Key", key).json(&body)).await.unwrap();
        assert_eq!(answer.status, 200, "{what} {key}: {answer:?}");
        answer
    };
    let refund = json!({"seatIds": [seats[0]]});
    assert_eq!(ask("refund", "one", refund.clone()).await.body["refund"], "pay");
    let second = ask("refund", "two", refund.clone()).await;
    assert_eq!((second.body.get("refund"), second.body.get("replayed")), (None, None), "{second:?}");
    ask("seats", "three", json!({"add": [seats[0]]})).await;
    let there = ask("seats", "four", json!({"add": [seats[0]]})).await;
    assert_eq!(there.body["seatIds"], json!([seats[1], seats[0]]));
    for key in ["one", "two"] {
        let again = ask("refund", key, refund.clone()).await;
        assert_eq!((&again.body["replayed"], again.body.get("refund")), (&json!(true), None), "{key}: {again:?}");
        assert_eq!(again.body["seatIds"], json!([seats[1], seats[0]]), "{key} refunds no seat a second time");
    }
    assert_eq!(ask("refund", "five", refund).await.body["refund"], "pay");
    let again = ask("seats", "four", json!({"add": [seats[0]]})).await;
    assert_eq!((&again.body["replayed"], &again.body["seatIds"]), (&json!(true), &json!([seats[1]])), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_booking_takes_only_so_many_payments() {
    let house = House::open_on(Stack::embedded().with("HOLD_SECONDS", 3)).await;
    let held = house.server.hold(&house.showtime, &house.seats[..1]).await;
    let rival = async || match house.server.reserve(&house.showtime, &house.seats[..1], "rival").await {
        answer if answer.status == 201 => Some(Held::from(&answer.body)),
        _ => None,
    };
    let mut others = None;
    while others.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        others = rival().await;
    }
    assert_eq!(house.server.confirm(&others.unwrap(), "pay of rival").await.status, 200);
    for number in 0..5 {
        let refused = house.server.confirm(&held, &format!("pay {number}")).await;
        is_problem(&refused, 409, "payment-too-late");
    }
    let more = house.server.confirm(&held, "pay 5").await;
    is_problem(&more, 409, "too-many-late-payments");
    is_problem(&house.server.confirm(&held, "pay 0").await, 409, "payment-too-late");
    // What was not recorded is not used up.
    let other = house.server.hold(&house.showtime, &house.seats[1..2]).await;
    is_problem(&house.server.confirm(&other, "pay 4").await, 409, "payment-used");
    assert_eq!(house.server.confirm(&other, "pay 5").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_part_is_named() {
    let house = House::open().await;
    let (seats, held) = (&house.seats, house.server.hold(&house.showtime, &house.seats[..2]).await);
    let many: Vec<&String> = seats.iter().cycle().take(21).collect();
    for (body, parts) in [
        (json!({}), vec!["/add"]),
        (json!({"add": [], "remove": null}), vec!["/add"]),
        (json!({"add": seats[2]}), vec!["/add"]),
        (json!({"add": [7, "x"], "remove": [{}]}), vec!["/add/0", "/add/1", "/remove/0"]),
        (json!({"add": [seats[2], seats[2]]}), vec!["/add/1"]),
        (json!({"add": [seats[2]], "remove": [seats[0], seats[2]]}), vec!["/remove/1"]),
        (json!({"add": many}), vec!["/add"]),
        (json!({"add": [seats[2]], "seatIds": [seats[0]]}), vec!["/seatIds"]),
    ] {
        let answer = house.exchange(&held, body).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "pointer", &parts);
    }
    for (body, parts) in [
        (json!({"seatIds": []}), vec!["/seatIds"]),
        (json!({"seatIds": "x"}), vec!["/seatIds"]),
        (json!({"seatIds": [seats[0], seats[0]]}), vec!["/seatIds/1"]),
        (json!({"reason": " "}), vec!["/reason"]),
        (json!({"reason": "x\u{200B}"}), vec!["/reason"]),
        (json!({"reason": "x".repeat(201)}), vec!["/reason"]),
        (json!({"reason": 7, "amount": 5}), vec!["/reason", "/amount"]),
    ] {
        let answer = house.refund(&held, body).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "pointer", &parts);
    }
    let unknown = house.exchange(&held, json!({"add": [seats[2], NOWHERE]})).await;
    is_problem(&unknown, 400, "unknown-seats");
    names(&unknown, "pointer", &["/add/1"]);
    let nobody = Held { booking_id: NOWHERE.to_owned(), ..held.clone() };
    is_problem(&house.exchange(&nobody, json!({"add": [seats[2]]})).await, 404, "unknown-booking");
    is_problem(&house.refund(&nobody, json!({})).await, 404, "unknown-booking");
    let stranger = Held { hold_token: "A".repeat(43), ..held.clone() };
    is_problem(&house.exchange(&stranger, json!({"add": [seats[2]]})).await, 403, "not-holder");
    let path = format!("/api/bookings/{}/seats", held.booking_id);
    is_problem(&house.server.post(&path, &json!({"add": [seats[2]]})).await, 401, "missing-credential");
}
