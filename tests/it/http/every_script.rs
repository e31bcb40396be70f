//! Every script and every emoji passes all layers unchanged: each free text of a house, of a showtime and of its bookings, from the request
//! through the write store, the read model and the live feed to the tables.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::services;
use crate::stack::{Answer, Server, Stack, eventually};

const TEXT: &str = "🎭 Zürich 東京 العربية नमस्ते 👩🏽\u{200D}🚀";
const KEY: &str = "key-of-the-fan-club";

async fn ask(server: &Server, method: Method, path: &str, body: Value) -> Answer {
    let request = server.as_operator(method, path);
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = server.send(request).await.unwrap();
    assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    answer
}

async fn get(server: &Server, path: &str) -> Value {
    ask(server, Method::GET, path, Value::Null).await.body
}

async fn post(server: &Server, path: &str, body: Value) -> Value {
    ask(server, Method::POST, path, body).await.body
}

fn parameter(name: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, TEXT).finish()
}

fn times(value: &Value) -> usize {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.matches(TEXT).count()
}

fn plan() -> Value {
    let seats = json!([
        {"label": TEXT, "x": 0, "y": 0, "kind": "wheelchair", "note": TEXT, "guid": TEXT},
        {"label": "2", "x": 50, "y": 0, "kind": "companion", "companionOf": TEXT},
        {"label": "3", "x": 100, "y": 0},
        {"label": "4", "x": 150, "y": 0},
    ]);
    let rows = json!([{"label": TEXT, "category": TEXT, "seats": seats}]);
    json!({"name": TEXT, "categories": [{"key": TEXT, "name": TEXT}], "sections": [{"name": TEXT, "rows": rows}],
        "areas": [{"label": TEXT, "capacity": 5, "category": TEXT}]})
}

/// The auditorium, in every format; returns its id.
async fn a_house_passes(server: &Server) -> String {
    let id = post(server, "/api/auditoriums", plan()).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/auditoriums/{id}");
    let shown = get(server, &path).await;
    assert_eq!(times(&shown), times(&plan()), "{shown:#}");
    assert_eq!(shown["sections"][0]["rows"][0]["seats"][1]["companionOf"], TEXT);
    let table = get(server, &format!("{path}?format=csv")).await;
    assert_eq!(times(&table), 4 * 3 + 3, "{table}");
    let made = server.as_operator(Method::POST, &format!("/api/auditoriums?format=csv&{}", parameter("name")));
    let made = made.header("content-type", "text/csv").body(table.as_str().unwrap().to_owned());
    let made = server.send(made).await.unwrap();
    assert_eq!((made.status, &made.body["name"]), (201, &json!(TEXT)), "{made:?}");
    let again = format!("/api/auditoriums/{}?format=csv", made.body["id"].as_str().unwrap());
    assert_eq!(get(server, &again).await, table);
    let pretix = get(server, &format!("{path}?format=pretix")).await;
    let made = post(server, "/api/auditoriums?format=pretix", pretix.clone()).await;
    let again = format!("/api/auditoriums/{}?format=pretix", made["id"].as_str().unwrap());
    let again = get(server, &again).await;
    assert_eq!((&again["name"], &again["categories"]), (&json!(TEXT), &pretix["categories"]));
    assert_eq!(again["zones"][0], pretix["zones"][0], "areas of pretix are drawings");
    id
}

/// A booking of the best seat and a place of the area, as everybody sees it; returns its path.
async fn a_booking_passes(server: &Server, showtime: &str) -> String {
    let body = json!({"userId": TEXT, "areas": [{"areaId": TEXT, "quantity": 1, "tariff": TEXT}], "tariffs": [TEXT],
        "bestAvailable": {"quantity": 1, "section": TEXT, "category": TEXT}});
    let held = post(server, &format!("/api/showtimes/{showtime}/bookings"), body).await;
    let path = format!("/api/bookings/{}", held["bookingId"].as_str().unwrap());
    // A payment has one booking.
    let payment = json!({"paymentReference": format!("{TEXT} {showtime}")});
    post(server, &format!("{path}/confirm"), payment).await;
    let booking = get(server, &path).await;
    assert_eq!((&booking["userId"], times(&booking["paymentReference"])), (&json!(TEXT), 1));
    assert_eq!(times(&booking["price"]), 2, "{booking:#}");
    let found = get(server, &format!("/api/showtimes/{showtime}/bookings?{}", parameter("userId"))).await;
    assert_eq!(found["items"][0]["bookingId"], held["bookingId"]);
    let refund = json!({"seatIds": [held["seatIds"][0]], "reason": TEXT});
    post(server, &format!("{path}/refund"), refund).await;
    path
}

async fn passes(server: &Server) {
    let auditorium = a_house_passes(server).await;
    let tariffs = json!([{"key": TEXT, "name": TEXT, "amount": 100}]);
    let prices = json!({"currency": "EUR", "zones": [{"category": TEXT, "tariffs": tariffs}]});
    let body =
        json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": auditorium, "prices": prices});
    let showtime = post(server, "/api/showtimes", body).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/showtimes/{showtime}");
    let shown = server.get(&format!("{path}?minSequence=1")).await.body;
    assert_eq!((&shown["prices"], &shown["seats"][0]["label"]), (&prices, &json!(TEXT)), "{shown:#}");
    assert_eq!(times(&server.get(&format!("{path}/layout")).await.body["areas"]), 3, "label, id and category");
    let socket = format!("{}/ws/showtimes/{showtime}", server.address().replacen("http", "ws", 1));
    let (mut socket, _) = tokio_tungstenite::connect_async(socket).await.unwrap();

    ask(server, Method::PATCH, &path, json!({"movieTitle": TEXT})).await;
    let booking = a_booking_passes(server, &showtime).await;
    let channel = json!({"name": TEXT, "key": KEY});
    let block = json!({"seatIds": [shown["seats"][0]["seatId"]], "type": TEXT, "reason": TEXT, "channel": channel});
    let block = post(server, &format!("{path}/blocks"), block).await;
    assert_eq!([&block["type"], &block["reason"], &block["channel"]], [TEXT; 3], "{block:#}");
    let listed = format!("/api/showtimes?{}", parameter("title"));
    eventually("the list has it", Duration::from_secs(20), async || {
        let found = server.get(&listed).await.body;
        found["items"].as_array().unwrap().iter().any(|item| item["id"] == showtime && item["movieTitle"] == TEXT)
    })
    .await;
    let report = get(server, &format!("{path}/report")).await;
    for (list, key) in [("sections", 1), ("areas", 1), ("categories", 1), ("channels", 1), ("tariffs", 1)] {
        assert!(times(&report[list]) >= key, "{list}: {report:#}");
    }
    assert!(times(&get(server, &format!("{path}/report?format=csv")).await) >= 5);
    post(server, &format!("{path}/cancel"), json!({"reason": TEXT})).await;
    eventually("the booking is ended", Duration::from_secs(20), async || {
        get(server, &booking).await["cancelReason"] == TEXT
    })
    .await;
    let table = get(server, &format!("{path}/bookings?format=csv")).await;
    assert!(times(&table) >= 4, "who, payment, reason and tariffs: {table}");
    let events = get(server, &format!("{path}/events")).await;
    for kind in
        ["ShowtimeChanged", "SeatsReserved", "BookingConfirmed", "SeatsBlocked", "SeatsReleased", "ShowtimeCancelled"]
    {
        let mut of_kind = events["items"].as_array().unwrap().iter().filter(|item| item["event"]["type"] == kind);
        assert!(of_kind.any(|item| times(item) > 0), "{kind}: {events:#}");
    }
    let (mut title, mut reason) = (false, false);
    while !(title && reason) {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap().unwrap().unwrap();
        let Message::Text(message) = message else { continue };
        let message: Value = serde_json::from_str(&message).unwrap();
        title |= message["showtime"]["movieTitle"] == TEXT;
        reason |= message["showtime"]["cancelled"] == TEXT;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_passes_all_layers_unchanged_on_one_machine() {
    let stack = Stack::embedded();
    passes(&stack.start()).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_passes_all_layers_unchanged_on_services() {
    let stack = Stack::real(services::shared()).await;
    // Alive until all is relayed.
    let server = stack.start();
    passes(&server).await;
    stack.check().await;
}
