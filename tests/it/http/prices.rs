//! Prices: set by operators, chosen by tariff, kept by bookings.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Server, Stack};

pub(super) fn prices(gold: u32) -> Value {
    json!({"currency": "EUR", "zones": [
        {"category": "gold", "tariffs": [{"key": "full", "name": "Full price", "amount": gold}, {"key": "child", "amount": 1000}]},
        {"tariffs": [{"key": "full", "amount": 2000}, {"key": "free", "amount": 0}]},
    ]})
}

/// A house whose first row is gold and whose second has no category; its seats' ids.
pub(super) async fn priced(server: &Server, prices: &Value) -> (String, Vec<String>) {
    let plan = json!({"name": "House", "categories": [{"key": "gold", "name": "Gold"}], "sections": [{"name": "Stalls", "rows": [
        {"label": "A", "count": 4, "category": "gold"}, {"label": "B", "count": 4}]}]});
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"], "prices": prices});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!((made.status, &made.body["prices"]), (201, prices), "{made:?}");
    let id = made.body["id"].as_str().unwrap().to_owned();
    let seats = server.seats(&id, 1).await.into_iter().map(|(seat, _)| seat).collect();
    (id, seats)
}

async fn reserve(server: &Server, showtime: &str, members: Value) -> Answer {
    let mut body = json!({"showtimeId": showtime, "userId": "ada"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    server.post("/api/bookings", &body).await
}

async fn change(server: &Server, showtime: &str, change: &Value) -> Answer {
    let path = format!("/api/showtimes/{showtime}");
    server.send(server.as_operator(Method::PATCH, &path).json(change)).await.unwrap()
}

/// The same on every profile; every other command comes to the other node.
async fn a_house_is_sold_at_its_prices(server: &Server, other: &Server) {
    let (showtime, seats) = priced(server, &prices(4500)).await;
    let wanted = json!({"seatIds": [seats[0], seats[1], seats[4]], "tariffs": ["full", "child", "free"]});
    let held = reserve(server, &showtime, wanted).await;
    let price = json!({"currency": "EUR", "total": 5500, "places": [
        {"seatId": seats[0], "tariff": "full", "amount": 4500},
        {"seatId": seats[1], "tariff": "child", "amount": 1000},
        {"seatId": seats[4], "tariff": "free", "amount": 0},
    ]});
    assert_eq!((held.status, &held.body["price"]), (201, &price), "{held:?}");

    let changed = change(other, &showtime, &json!({"prices": prices(9900)})).await;
    assert_eq!(changed.body["prices"], prices(9900), "{changed:?}");
    let booking = Held::from(&held.body);
    let confirmed = other.confirm(&booking, &format!("payment for {showtime}")).await;
    assert_eq!(
        (confirmed.status, &confirmed.body["price"]),
        (200, &price),
        "a hold keeps the prices that it was made with"
    );
    let shown = server
        .send(server.as_operator(Method::GET, &format!("/api/bookings/{}", held.body["bookingId"].as_str().unwrap())));
    assert_eq!(shown.await.unwrap().body["price"], price);

    let usual = reserve(other, &showtime, json!({"seatIds": [seats[2]]})).await;
    assert_eq!(usual.body["price"]["total"], 9900);
    let best =
        reserve(server, &showtime, json!({"bestAvailable": {"quantity": 2, "category": "gold"}, "tariffs": ["child"]}))
            .await;
    is_problem(&best, 409, "too-few-seats");
    let best =
        reserve(server, &showtime, json!({"bestAvailable": {"quantity": 1, "category": "gold"}, "tariffs": ["child"]}))
            .await;
    assert_eq!((best.status, &best.body["price"]["total"]), (201, &json!(1000)), "{best:?}");

    // A kept seat keeps its price; a new one has the tariff of the first, at the price of today.
    let path = format!("/api/bookings/{}/seats", held.body["bookingId"].as_str().unwrap());
    let exchange = json!({"add": [seats[5]], "remove": [seats[4]]});
    let exchanged = other.send(other.as_operator(Method::POST, &path).json(&exchange)).await.unwrap();
    let places = json!([
        {"seatId": seats[0], "tariff": "full", "amount": 4500},
        {"seatId": seats[1], "tariff": "child", "amount": 1000},
        {"seatId": seats[5], "tariff": "full", "amount": 2000},
    ]);
    assert_eq!(
        (&exchanged.body["price"]["places"], &exchanged.body["price"]["total"]),
        (&places, &json!(7500)),
        "{exchanged:?}"
    );
    let path = format!("/api/bookings/{}/refund", held.body["bookingId"].as_str().unwrap());
    let refunded =
        server.send(server.as_operator(Method::POST, &path).json(&json!({"seatIds": [seats[0]]}))).await.unwrap();
    assert_eq!((refunded.status, &refunded.body["price"]["total"]), (200, &json!(3000)), "{refunded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_sold_at_its_prices_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    a_house_is_sold_at_its_prices(&server, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_sold_at_its_prices_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_house_is_sold_at_its_prices(&one, &other).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tariffs_that_are_none_and_seats_without_a_price_are_refused() {
    let stack = Stack::embedded();
    let server = stack.start();
    let gold_only = json!({"currency": "EUR", "zones": [prices(100)["zones"][0]]});
    let (showtime, seats) = priced(&server, &gold_only).await;
    let refused = reserve(&server, &showtime, json!({"seatIds": [seats[0], seats[4]]})).await;
    is_problem(&refused, 409, "not-priced");
    assert_eq!(refused.body["message"], "seat Stalls B1 has no price");
    let refused = reserve(&server, &showtime, json!({"seatIds": [seats[0]], "tariffs": ["free"]})).await;
    is_problem(&refused, 400, "unknown-tariff");
    names(&refused, "pointer", &["/tariffs"]);
    assert_eq!(refused.body["message"], "seat Stalls A1 has no tariff \"free\"");
    for (tariffs, pointer) in
        [(json!(["full", "full"]), "/tariffs"), (json!("full"), "/tariffs"), (json!([1]), "/tariffs/0")]
    {
        let members = json!({"seatIds": [seats[0], seats[1], seats[2]], "tariffs": tariffs});
        names(&reserve(&server, &showtime, members).await, "pointer", &[pointer]);
    }
    let (plain, all) = server.schedule(1).await;
    let refused = reserve(&server, &plain, json!({"seatIds": [all[0]], "tariffs": ["full"]})).await;
    is_problem(&refused, 400, "unknown-tariff");
    let held = reserve(&server, &plain, json!({"seatIds": [all[0]]})).await;
    assert_eq!((held.status, held.body.get("price")), (201, None), "no prices, no price");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_seats_are_those_that_the_request_can_buy() {
    let stack = Stack::embedded();
    let server = stack.start();
    let full = json!({"key": "full", "amount": 100});
    let comp = json!({"key": "comp", "amount": 0, "operatorsOnly": true});
    let prices = json!({"currency": "EUR", "zones": [{"category": "gold", "tariffs": [comp]}, {"tariffs": [full]}]});
    let (showtime, seats) = priced(&server, &prices).await;
    let best = |quantity: u32| json!({"bestAvailable": {"quantity": quantity}});
    let held = reserve(&server, &showtime, best(2)).await;
    assert_eq!((held.status, &held.body["seatIds"]), (201, &json!(seats[4..6])), "{held:?}");
    let refused = reserve(&server, &showtime, best(3)).await;
    is_problem(&refused, 409, "too-few-seats");
    let message = "3 seats are wanted, 2 are free that this request can buy; 4 others have no such price";
    assert_eq!((&refused.body["message"], &refused.body["left"]), (&json!(message), &json!(2)));
    let refused = reserve(&server, &showtime, json!({"bestAvailable": {"quantity": 1, "category": "gold"}})).await;
    is_problem(&refused, 403, "operators-tariff");
    let path = format!("/api/showtimes/{showtime}/bookings");
    let mut body = best(2);
    body["userId"] = json!("door");
    let held = server.send(server.as_operator(Method::POST, &path).json(&body)).await.unwrap();
    assert_eq!((held.status, &held.body["seatIds"]), (201, &json!(seats[0..2])), "an operator may: {held:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_prices_are_named_by_their_place() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = priced(&server, &prices(100)).await;
    let tariff = |tariff: Value| json!({"currency": "EUR", "zones": [{"tariffs": [tariff]}]});
    for (wrong, pointer) in [
        (json!({"currency": "euro", "zones": prices(1)["zones"]}), "/prices/currency"),
        (json!({"currency": "EUR", "zones": []}), "/prices/zones"),
        (json!({"currency": "EUR", "zones": [{"tariffs": []}]}), "/prices/zones/0/tariffs"),
        (
            json!({"currency": "EUR", "zones": [{"tariffs": [{"key": "\u{200b}", "amount": 1}]}]}),
            "/prices/zones/0/tariffs/0/key",
        ),
        (tariff(json!({"key": "k", "amount": -1})), "/prices/zones/0/tariffs/0/amount"),
        (tariff(json!({"key": "k", "amount": 1.5})), "/prices/zones/0/tariffs/0/amount"),
        (tariff(json!({"key": "k", "amount": "5"})), "/prices/zones/0/tariffs/0/amount"),
        (tariff(json!({"key": "k", "amount": 1, "vat": 7})), "/prices/zones/0/tariffs/0/vat"),
        (tariff(json!({"key": "k"})), "/prices/zones/0/tariffs/0"),
        (json!(5), "/prices"),
    ] {
        let answer = change(&server, &showtime, &json!({"prices": wrong})).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
        names(&answer, "pointer", &[pointer]);
        assert!(!answer.body.to_string().contains(" column "), "{answer:?}");
    }
    let half = change(&server, &showtime, &json!({"prices": tariff(json!({"key": "k", "amount": 1.5}))})).await;
    let expected = "/prices/zones/0/tariffs/0/amount: invalid type: floating point `1.5`, expected a whole number of minor units, such as 1250 for 12.50";
    assert_eq!(half.body["detail"], expected);
    let unknown = json!({"currency": "EUR", "zones": [{"category": "tin", "tariffs": [{"key": "k", "amount": 1}]}]});
    is_problem(&change(&server, &showtime, &json!({"prices": unknown})).await, 409, "invalid-listing");
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 1}], "prices": unknown});
    names(&server.post("/api/showtimes", &body).await, "pointer", &["/prices"]);
    let gone = change(&server, &showtime, &json!({"prices": null})).await;
    assert_eq!((gone.status, gone.body.get("prices")), (200, None), "prices are taken away like every term");
}
