//! Sales at the door over HTTP: an operator's reservation with a payment is a confirmed booking.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, is_problem, names};
use crate::stack::Answer;

impl House {
    async fn sell(&self, mut body: Value) -> Answer {
        body["showtimeId"] = json!(self.showtime);
        body["userId"] = json!("counter");
        let request = self.server.as_operator(Method::POST, "/api/bookings");
        self.server.send(request.json(&body)).await.unwrap()
    }

    async fn terms(&self, change: Value) {
        let request = self.server.as_operator(Method::PATCH, &format!("/api/showtimes/{}", self.showtime));
        assert_eq!(self.server.send(request.json(&change)).await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sells_in_one_step() {
    let house = House::open().await;
    let seats = &house.seats;
    house.terms(json!({"onSaleFrom": "2029-06-01T00:00:00Z"})).await;
    let sold = house.sell(json!({"seatIds": seats[..2], "paymentReference": "cash 1"})).await;
    assert_eq!((sold.status, &sold.body["status"]), (201, &json!("Confirmed")), "{sold:?}");
    assert_eq!(sold.body.get("expiresInSeconds"), None);
    let seen = house.server.seats(&house.showtime, sold.body["sequence"].as_u64().unwrap()).await;
    assert_eq!(seen[..3].iter().map(|(_, status)| status.as_str()).collect::<Vec<_>>(), ["Sold", "Sold", "Available"]);
    let best = house.sell(json!({"bestAvailable": {"quantity": 3}, "paymentReference": "cash 2"})).await;
    assert_eq!((best.status, &best.body["status"]), (201, &json!("Confirmed")), "{best:?}");
    assert!(best.body["choice"].is_string());
    // The customer has the token, and may look at the booking.
    let held = crate::stack::Held::from(&best.body);
    let shown = house.server.booking(&held).await;
    assert_eq!((shown.status, &shown.body["paymentReference"]), (200, &json!("cash 2")), "{shown:?}");

    let used = house.sell(json!({"seatIds": seats[9..], "paymentReference": "cash 1"})).await;
    is_problem(&used, 409, "payment-used");
    names(&used, "pointer", &["/paymentReference"]);
    is_problem(&house.sell(json!({"seatIds": seats[..1], "paymentReference": "cash 3"})).await, 409, "seats-taken");
    is_problem(&house.sell(json!({"seatIds": seats[9..]})).await, 409, "not-on-sale-yet");
    let free = house.sell(json!({"seatIds": seats[9..], "paymentReference": "cash 3"})).await;
    assert_eq!(free.status, 201, "a refused sale has not used its payment: {free:?}");
    let refund = house.server.as_operator(Method::POST, &format!("/api/bookings/{}/refund", held.booking_id));
    let refund = house.server.send(refund.json(&json!({}))).await.unwrap();
    assert_eq!((refund.status, &refund.body["refund"]), (200, &json!("cash 2")), "{refund:?}");
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_sell_at_the_door() {
    let house = House::open().await;
    let mut body = house.wanted(&house.seats[..1]);
    body["paymentReference"] = json!("cash");
    is_problem(&house.server.post("/api/bookings", &body).await, 401, "missing-credential");
    let foreign = house.server.request(Method::POST, "/api/bookings").bearer_auth("A".repeat(43)).json(&body);
    is_problem(&house.server.send(foreign).await.unwrap(), 403, "operator-only");
    for wrong in [json!(1), json!(""), json!("a\u{200B}b"), json!("x".repeat(201))] {
        let refused = house.sell(json!({"seatIds": house.seats[..1], "paymentReference": wrong})).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "pointer", &["/paymentReference"]);
    }
    // Whatever else is shown, a reservation is for everybody.
    let body = house.wanted(&house.seats[..1]);
    let request = house.server.request(Method::POST, "/api/bookings").header("Authorization", "Basic eDp5").json(&body);
    assert_eq!(house.server.send(request).await.unwrap().status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_sale_is_made_once() {
    let house = House::open().await;
    let body = json!({"showtimeId": house.showtime, "seatIds": house.seats[..2], "userId": "counter", "paymentReference": "cash"});
    let send = async |body: &Value| {
        let request = house.server.as_operator(Method::POST, "/api/bookings");
        house.server.send(request.header("Idempotency-Key", "0123456789abcdef").json(body)).await.unwrap()
    };
    let (one, two) = tokio::join!(send(&body), send(&body));
    assert_eq!((one.status, two.status, &one.body["bookingId"]), (201, 201, &two.body["bookingId"]), "{one:?} {two:?}");
    assert_eq!((&one.body["status"], &two.body["status"]), (&json!("Confirmed"), &json!("Confirmed")));
    let mut hold = body.clone();
    hold.as_object_mut().unwrap().remove("paymentReference");
    is_problem(&send(&hold).await, 422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn tariffs_for_operators_are_shown_as_such_and_refused_to_others() {
    let house = House::open().await;
    let prices = json!({"currency": "EUR", "zones": [{"tariffs": [
        {"key": "comp", "amount": 0, "operatorsOnly": true}, {"key": "full", "amount": 1200}]}]});
    house.terms(json!({"prices": prices})).await;
    let shown = house.server.get(&format!("/api/showtimes/{}?minSequence=2", house.showtime)).await;
    assert_eq!(shown.body["prices"], prices);
    let mut body = house.wanted(&house.seats[..1]);
    body["tariffs"] = json!(["comp"]);
    let refused = house.server.post("/api/bookings", &body).await;
    is_problem(&refused, 403, "operators-tariff");
    names(&refused, "pointer", &["/tariffs"]);
    assert_eq!(refused.body["message"], "tariff \"comp\" of seat R0-1 is for operators only");
    let usual = house.server.reserve(&house.showtime, &house.seats[..1], "ada").await;
    assert_eq!((usual.status, &usual.body["price"]["total"]), (201, &json!(1200)), "{usual:?}");
    let free =
        house.sell(json!({"seatIds": house.seats[1..3], "tariffs": ["comp"], "paymentReference": "guests"})).await;
    assert_eq!((free.status, &free.body["price"]["total"]), (201, &json!(0)), "{free:?}");
    let held = house.sell(json!({"seatIds": house.seats[3..4], "tariffs": ["comp"]})).await;
    assert_eq!((held.status, &held.body["status"]), (201, &json!("Pending")), "{held:?}");
    let bad = json!({"prices": {"currency": "EUR", "zones": [{"tariffs": [{"key": "a", "amount": 1, "operatorsOnly": "yes"}]}]}});
    let request = house.server.as_operator(Method::PATCH, &format!("/api/showtimes/{}", house.showtime));
    let refused = house.server.send(request.json(&bad)).await.unwrap();
    is_problem(&refused, 400, "invalid-fields");
    names(&refused, "pointer", &["/prices/zones/0/tariffs/0/operatorsOnly"]);
}
