//! Servers that start on what an earlier version has stored: they sell on, and everything of then is found.

use std::sync::atomic::{AtomicU8, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reqwest::Method;
use serde_json::{Value, json};

use crate::earlier_versions::{
    BEFORE_BLOCKS, BEFORE_LEAN_COMMITS, BEFORE_LISTINGS, Dialect, PAYMENT, Version, booking, showtime, token,
};
use crate::services::{self, Services};
use crate::stack::{Answer, Held, Server, Stack, execute};

/// The embedded profile with the data of an earlier version.
fn embedded(version: &Version) -> Stack {
    let stack = Stack::embedded();
    std::fs::create_dir_all(stack.data_dir()).unwrap();
    let file = stack.data_dir().join("turnstile.db");
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute(&version.script(Dialect::Sqlite)).unwrap();
    stack
}

/// The real stack with the data of an earlier version. They all have the same showtime, so each has locks in a Valkey database of its own.
async fn real(version: &Version) -> Stack {
    static DATABASES: AtomicU8 = AtomicU8::new(1);
    let database = DATABASES.fetch_add(1, Ordering::Relaxed);
    let own = |services: &mut Services| services.valkey = format!("{}/{database}", services.valkey);
    let stack = Stack::real(services::shared()).await.through(own);
    execute(&stack.postgres_url(), &version.script(Dialect::Postgres)).await;
    stack
}

fn held(number: u8) -> Held {
    let (booking_id, hold_token) = (booking(number).to_string(), token(number).expose());
    Held { booking_id, hold_token, sequence: 0, seat_ids: Vec::new() }
}

async fn operator(node: &Server, method: Method, path: &str, body: Value) -> Answer {
    node.send(node.as_operator(method, path).json(&body)).await.unwrap()
}

/// The showtime of then goes on: its hold is confirmed, its free seat is sold, its sale is refunded.
async fn sells_on(node: &Server, version: &Version) {
    let id = showtime().to_string();
    // The read model was empty. It has the showtime when the answer that waits for its last event is here.
    let seats = node.seats(&id, version.sequence).await;
    let listed = node.get("/api/showtimes?title=old").await;
    let found = &listed.body["items"][0];
    assert_eq!((&found["id"], &found["movieTitle"]), (&json!(id), &json!("Old")), "{listed:?}");
    let statuses: Vec<&str> = seats.iter().map(|(_, status)| status.as_str()).collect();
    assert_eq!(statuses, ["Sold", "Available", "Reserved", "Reserved"]);
    let ids: Vec<String> = seats.into_iter().map(|(id, _)| id).collect();

    let taken = node.reserve(&id, &ids[..1], "zoe").await;
    assert_eq!((taken.status, &taken.body["code"]), (409, &json!("seats-taken")), "{taken:?}");
    let pending = node.booking(&held(2)).await;
    assert_eq!(pending.body["seatIds"], json!([ids[3], ids[2]]), "{pending:?}");
    let used = node.confirm(&held(2), PAYMENT).await;
    assert_eq!((used.status, &used.body["code"]), (409, &json!("payment-used")), "{used:?}");
    let confirmed = node.confirm(&held(2), "a payment of today").await;
    assert_eq!((confirmed.status, &confirmed.body["status"]), (200, &json!("Confirmed")), "{confirmed:?}");
    let again = node.confirm(&held(1), PAYMENT).await;
    assert_eq!((again.status, &again.body["status"]), (200, &json!("Confirmed")), "{again:?}");
    let ended = node.booking(&held(3)).await;
    assert!(["Cancelled", "Expired"].contains(&ended.body["status"].as_str().unwrap()), "{ended:?}");

    let bought = node.reserve(&id, &ids[1..2], "zoe").await;
    assert_eq!(bought.status, 201, "{bought:?}");
    assert_eq!(node.cancel(&Held::from(&bought.body)).await.status, 200);
    let refund = format!("/api/bookings/{}/refund", booking(1));
    let refunded = operator(node, Method::POST, &refund, json!({})).await;
    assert_eq!((refunded.status, &refunded.body["refund"]), (200, &json!(PAYMENT)), "{refunded:?}");
    let blocks = format!("/api/showtimes/{id}/blocks");
    let blocked = operator(node, Method::POST, &blocks, json!({"seatIds": ids[..2], "type": "house"})).await;
    assert_eq!(blocked.status, 201, "{blocked:?}");
    let change = operator(node, Method::PATCH, &format!("/api/showtimes/{id}"), json!({"movieTitle": "New"})).await;
    assert_eq!(change.status, 200, "{change:?}");
    let statuses: Vec<String> = node.seats(&id, version.sequence + 6).await.into_iter().map(|(_, it)| it).collect();
    assert_eq!(statuses, ["Reserved", "Reserved", "Sold", "Sold"]);
}

/// Operators read what happened then, and how it stood.
async fn tells_the_past(node: &Server, version: &Version) {
    let path = format!("/api/showtimes/{}", showtime());
    let get = async |rest: &str| node.send(node.as_operator(Method::GET, &format!("{path}{rest}"))).await.unwrap();
    let events = get("/events").await;
    let kinds: Vec<&str> =
        events.body["items"].as_array().unwrap().iter().map(|item| item["event"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"ShowtimeScheduled"), "{events:?}");
    assert_eq!(kinds.last(), Some(&"ShowtimeChanged"), "{events:?}");
    let then = get(&format!("/past?sequence={}", version.sequence)).await;
    assert_eq!((&then.body["movieTitle"], &then.body["seats"][0]["status"]), (&json!("Old"), &json!("Sold")));
    let found = get("/bookings?userId=o'neil").await;
    assert_eq!(found.body["items"][0]["bookingId"], json!(booking(2)), "{found:?}");
    let report = get("/report").await;
    assert_eq!(report.status, 200, "{report:?}");
}

/// The prices that bookings were made with, the limits, what was refunded, and the payment that came too late.
async fn keeps_terms_and_prices(stack: &Stack) {
    let node = stack.start();
    let sold = node.booking(&held(1)).await;
    assert_eq!(sold.body["price"]["total"], 900, "{sold:?}");
    assert_eq!(sold.body["refundedSeatIds"].as_array().map(Vec::len), Some(1), "{sold:?}");
    let late = node.confirm(&held(3), "pay late").await;
    assert_eq!((late.status, &late.body["code"]), (409, &json!("payment-too-late")), "{late:?}");
    let seat = node.seats(&showtime().to_string(), BEFORE_BLOCKS.sequence).await[1].0.clone();
    let third = node.reserve(&showtime().to_string(), &[seat], "o'neil").await;
    assert_eq!((third.status, &third.body["code"]), (409, &json!("customer-limit")), "he has two places: {third:?}");
    assert_eq!(node.terminate().await, Some(0));
}

/// The same on both profiles: migrated, served, sold, checked; and made anew from what is stored.
async fn goes_on(stack: &Stack, version: &Version) {
    let node = stack.start();
    sells_on(&node, version).await;
    tells_the_past(&node, version).await;
    assert_eq!(node.terminate().await, Some(0));
    stack.check().await;
}

async fn is_rebuilt(stack: &Stack) {
    let rebuilt = stack.run(&["rebuild"]).await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_for_each_event_are_sold_on_in_the_embedded_profile() {
    goes_on(&embedded(&BEFORE_LEAN_COMMITS), &BEFORE_LEAN_COMMITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_for_each_event_are_sold_on_in_the_real_stack() {
    let stack = real(&BEFORE_LEAN_COMMITS).await;
    goes_on(&stack, &BEFORE_LEAN_COMMITS).await;
    is_rebuilt(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_that_never_changed_are_sold_on_in_the_embedded_profile() {
    goes_on(&embedded(&BEFORE_LISTINGS), &BEFORE_LISTINGS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_that_never_changed_are_sold_on_in_the_real_stack() {
    let stack = real(&BEFORE_LISTINGS).await;
    goes_on(&stack, &BEFORE_LISTINGS).await;
    is_rebuilt(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_bookings_are_sold_on_in_the_embedded_profile() {
    let stack = embedded(&BEFORE_BLOCKS);
    keeps_terms_and_prices(&stack).await;
    goes_on(&stack, &BEFORE_BLOCKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_bookings_are_sold_on_in_the_real_stack() {
    let stack = real(&BEFORE_BLOCKS).await;
    keeps_terms_and_prices(&stack).await;
    goes_on(&stack, &BEFORE_BLOCKS).await;
    is_rebuilt(&stack).await;
}
