//! Exchanges of places of areas by quantity, and of seats at tariffs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Server, Stack};

fn plan() -> Value {
    json!({"name": "Hall", "categories": [{"key": "gold", "name": "Gold"}, {"key": "floor", "name": "Floor"}],
    "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 4, "category": "gold"}]}],
    "areas": [{"label": "Standing", "capacity": 5, "category": "floor"}, {"label": "Lawn", "capacity": 3}]})
}

fn prices() -> Value {
    json!({"currency": "EUR", "zones": [
        {"category": "gold", "tariffs": [{"key": "full", "amount": 5000}, {"key": "child", "amount": 1500}]},
        {"category": "floor", "tariffs": [{"key": "full", "amount": 3000}, {"key": "child", "amount": 1000}]},
        {"tariffs": [{"key": "guest", "amount": 0, "operatorsOnly": true}]}]})
}

/// A hall with prices, or without; its showtime and the ids of its seats.
async fn hall(server: &Server, prices: Value) -> (String, Vec<String>) {
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan())).await.unwrap();
    let mut body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"]});
    body.as_object_mut().unwrap().extend(prices.as_object().unwrap().clone());
    let created = server.post("/api/showtimes", &body).await;
    let id = created.body["id"].as_str().unwrap_or_else(|| panic!("{created:?}")).to_owned();
    let seats = server.seats(&id, 1).await.into_iter().map(|(seat, _)| seat).collect();
    (id, seats)
}

async fn held(server: &Server, showtime: &str, wanted: Value) -> Held {
    let mut body = json!({"userId": "ada"});
    body.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    let answer = server.post(&format!("/api/showtimes/{showtime}/bookings"), &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    Held::from(&answer.body)
}

/// The holder's exchange, under an idempotency key if there is one.
async fn exchange(server: &Server, held: &Held, wanted: &Value, key: Option<&str>) -> Answer {
    let request = server.request(Method::POST, &format!("/api/bookings/{}/seats", held.booking_id));
    let request = request.bearer_auth(&held.hold_token).json(wanted);
    server.send(if let Some(key) = key { request.header("Idempotency-Key", key) } else { request }).await.unwrap()
}

/// Tariff and amount of each place, in the order of the booking's seats.
fn costs(answer: &Answer) -> Vec<(&str, u64)> {
    let places = answer.body["price"]["places"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    places.iter().map(|place| (place["tariff"].as_str().unwrap(), place["amount"].as_u64().unwrap())).collect()
}

/// The same on every profile; every other command comes to the other node.
async fn places_are_exchanged_by_quantity(server: &Server, other: &Server) {
    let (showtime, seats) = hall(server, json!({"prices": prices()})).await;
    let wanted = json!({"seatIds": seats[..1], "areas": [{"areaId": "Standing", "quantity": 2}]});
    let booking = held(server, &showtime, wanted).await;
    let wanted = json!({"add": seats[1..3], "tariffs": ["child", "full"], "remove": seats[..1],
        "areas": [{"areaId": "Standing", "quantity": 1, "tariff": "full"}, {"areaId": "Standing", "quantity": 2, "tariff": "child"}]});
    let changed = exchange(other, &booking, &wanted, Some("once")).await;
    assert_eq!((changed.status, &changed.body["status"]), (200, &json!("Pending")), "{changed:?}");
    let expected = [("full", 3000), ("child", 1000), ("child", 1500), ("full", 5000), ("child", 1000)];
    assert_eq!((costs(&changed), &changed.body["price"]["total"]), (expected.to_vec(), &json!(11_500)));

    // Sent again, with the key or without it, through either node: nothing more.
    for node in [server, other] {
        let again = exchange(node, &booking, &wanted, Some("once")).await;
        assert_eq!((again.status, &again.body["replayed"]), (200, &json!(true)), "{again:?}");
        let plain = exchange(node, &booking, &wanted, None).await;
        for member in ["seatIds", "price", "sequence", "expiresAt"] {
            assert_eq!((&again.body[member], &plain.body[member]), (&changed.body[member], &changed.body[member]));
        }
    }
    for change in [json!({"tariffs": ["full"]}), json!({"areas": [{"areaId": "Standing", "quantity": 4}]})] {
        let mut other_wish = wanted.clone();
        other_wish.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        is_problem(&exchange(other, &booking, &other_wish, Some("once")).await, 422, "idempotency-key-reused");
    }

    let too_many = json!({"add": seats[..1], "areas": [{"areaId": "Standing", "quantity": 6}]});
    let refused = exchange(server, &booking, &too_many, None).await;
    is_problem(&refused, 409, "too-few-places");
    assert_eq!(refused.body["message"], "area Standing: 3 places are wanted, 2 are left");
    assert_eq!(other.booking(&booking).await.body["seatIds"], changed.body["seatIds"], "all or nothing");

    // Sold, it is the operator's to change.
    assert_eq!(other.confirm(&booking, &format!("payment for {showtime}")).await.status, 200);
    let fewer = json!({"areas": [{"areaId": "Standing", "quantity": 0}, {"areaId": "Lawn", "quantity": 1}]});
    is_problem(&exchange(server, &booking, &fewer, None).await, 409, "booking-not-pending");
    let path = format!("/api/bookings/{}/seats", booking.booking_id);
    let sold = server.send(server.as_operator(Method::POST, &path).json(&fewer)).await.unwrap();
    assert_eq!((sold.status, &sold.body["status"]), (200, &json!("Confirmed")), "{sold:?}");
    assert_eq!(costs(&sold), [("child", 1500), ("full", 5000), ("guest", 0)]);
    let sequence = sold.body["sequence"].as_u64().unwrap();
    let shown = other.get(&format!("/api/showtimes/{showtime}?minSequence={sequence}")).await;
    let left: Vec<_> = shown.body["areas"].as_array().unwrap().iter().map(|area| area["available"].clone()).collect();
    assert_eq!(left, [5, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_exchanged_by_quantity_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    places_are_exchanged_by_quantity(&server, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_exchanged_by_quantity_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    places_are_exchanged_by_quantity(&one, &other).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_exchange_of_places_is_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = hall(&server, json!({"prices": prices()})).await;
    let booking = held(&server, &showtime, json!({"seatId": seats[0]})).await;
    let add = json!([seats[1]]);
    for (wanted, pointers) in [
        (json!({}), &["/add"][..]),
        (json!({"areas": []}), &["/add"]),
        (json!({"areas": {}}), &["/areas"]),
        (json!({"areas": [{"areaId": "Standing"}]}), &["/areas/0/quantity"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": -1}]}), &["/areas/0/quantity"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 21}]}), &["/areas/0/quantity"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 1, "row": 1}]}), &["/areas/0/row"]),
        (
            json!({"areas": [{"areaId": "Standing", "quantity": 1}, {"areaId": "Standing", "quantity": 1, "tariff": "full"}]}),
            &["/areas/1"],
        ),
        (json!({"areas": [{"areaId": "Roof", "quantity": 1}]}), &["/areas/0/areaId"]),
        (
            json!({"areas": [{"areaId": "Lawn", "quantity": 0}, {"areaId": "Standing", "quantity": 1, "tariff": "dog"}]}),
            &["/areas/1/tariff"],
        ),
        (json!({"add": add, "tariffs": ["dog"]}), &["/tariffs"]),
        (json!({"add": add, "tariffs": [7]}), &["/tariffs/0"]),
        (json!({"add": add, "tariffs": ["full", "full"]}), &["/tariffs"]),
        (json!({"remove": [seats[0]], "tariffs": ["full"]}), &["/tariffs"]),
        (json!({"add": ["x"], "areas": [7], "tariffs": 7}), &["/add/0", "/areas/0", "/tariffs"]),
    ] {
        let answer = exchange(&server, &booking, &wanted, None).await;
        assert_eq!(answer.status, 400, "{wanted}: {answer:?}");
        names(&answer, "pointer", pointers);
    }
    let guest = exchange(&server, &booking, &json!({"areas": [{"areaId": "Lawn", "quantity": 1}]}), None).await;
    is_problem(&guest, 403, "operators-tariff");
    names(&guest, "pointer", &["/areas/0/tariff"]);

    let (unpriced, seats) = hall(&server, json!({})).await;
    let booking = held(&server, &unpriced, json!({"seatId": seats[0]})).await;
    for (wanted, pointer) in [
        (json!({"add": [seats[1]], "tariffs": ["full"]}), "/tariffs"),
        (json!({"areas": [{"areaId": "Lawn", "quantity": 1, "tariff": "full"}]}), "/areas/0/tariff"),
    ] {
        let answer = exchange(&server, &booking, &wanted, None).await;
        is_problem(&answer, 400, "unknown-tariff");
        names(&answer, "pointer", &[pointer]);
    }
}
