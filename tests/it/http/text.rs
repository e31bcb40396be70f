//! Texts: what looks alike is one, what cannot be seen is refused by name, every script and emoji passes all layers unchanged.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{House, is_problem, names};
use crate::services;
use crate::stack::{Answer, Server, Stack, eventually};

fn showtime(title: &str, rows: &[&str]) -> Value {
    let rows: Vec<_> = rows.iter().map(|row| json!({"row": row, "seats": 2})).collect();
    json!({"movieTitle": title, "startTime": "2030-01-01T20:00:00Z", "rows": rows})
}

#[track_caller]
fn tells(answer: &Answer, part: &str, detail: &str) {
    is_problem(answer, 400, "invalid-fields");
    names(answer, "pointer", &[part]);
    assert_eq!(answer.body["errors"][0]["detail"], detail, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invisible_characters_are_refused_by_field_place_and_name() {
    let House { server, showtime: id, seats, .. } = &House::open().await;
    let invisible = "has an invisible character U+200B ZERO WIDTH SPACE at position 2";
    let turned = "has a character that changes the direction of text, U+202E RIGHT-TO-LEFT OVERRIDE at position 1";
    tells(&server.post("/api/showtimes", &showtime("M\u{200B}", &["A"])).await, "/movieTitle", invisible);
    tells(&server.post("/api/showtimes", &showtime("M", &["A", "A\u{200B}"])).await, "/rows/1/row", invisible);
    tells(&server.post("/api/showtimes", &showtime("M", &["\u{202E}A"])).await, "/rows/0/row", turned);
    tells(&server.reserve(id, &seats[..1], "u\u{200B}").await, "/userId", invisible);
    let held = server.hold(id, &seats[..1]).await;
    tells(&server.confirm(&held, "p\u{200B}").await, "/paymentReference", invisible);
    assert_eq!(server.confirm(&held, "p").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_alike_is_one() {
    let House { server, showtime: id, seats, .. } = &House::open().await;
    for rows in [["A", "A "], ["É", "E\u{301}"], ["A B", "A  B"]] {
        let answer = server.post("/api/showtimes", &showtime("M", &rows)).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "pointer", &["/rows/1/row"]);
    }
    let made = server.post("/api/showtimes", &showtime(" Ame\u{301}lie\n", &["A"])).await;
    assert_eq!(made.body["movieTitle"], "Amélie");
    let held = server.hold(id, &seats[..1]).await;
    assert_eq!(server.confirm(&held, "p-1 ").await.status, 200);
    assert_eq!(server.confirm(&held, "p-1").await.status, 200, "the same payment");
}

const SCRIPTS: [&str; 6] =
    ["👩🏽\u{200D}🚀", "می\u{200C}خواهم", "क्\u{200D}ष", "葛\u{E0100}", "1\u{FE0F}\u{20E3}", "❤\u{FE0F}"];

async fn passes(server: &Server) {
    let title = SCRIPTS.join(" ");
    let made = server.post("/api/showtimes", &showtime(&title, &SCRIPTS)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    let shown = server.get(&format!("/api/showtimes/{id}?minSequence=1")).await;
    assert_eq!(shown.body["movieTitle"], *title);
    let labels: Vec<_> = shown.body["seats"].as_array().unwrap().iter().map(|seat| seat["row"].clone()).collect();
    assert_eq!(labels, SCRIPTS.iter().flat_map(|label| [label, label]).map(|label| json!(label)).collect::<Vec<_>>());
    eventually("the list has it", Duration::from_secs(10), || async {
        server.get("/api/showtimes").await.body["items"].to_string().contains(&title)
    })
    .await;
    let seat = shown.body["seats"][0]["seatId"].as_str().unwrap().to_owned();
    let held = server.post("/api/bookings", &json!({"showtimeId": id, "seatId": seat, "userId": title})).await;
    assert_eq!(held.status, 201, "{held:?}");
    let path = format!("/api/bookings/{}", held.body["bookingId"].as_str().unwrap());
    let token = held.body["holdToken"].as_str().unwrap();
    let paid = json!({"paymentReference": title, "holdToken": token});
    assert_eq!(server.post(&format!("{path}/confirm"), &paid).await.status, 200);
    let booking = server.send(server.request(reqwest::Method::GET, &path).bearer_auth(token)).await.unwrap();
    assert_eq!((&booking.body["userId"], &booking.body["paymentReference"]), (&json!(title), &json!(title)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_and_emoji_passes_all_layers_unchanged() {
    let stack = Stack::embedded();
    passes(&stack.start()).await;
    let stack = Stack::real(services::shared()).await;
    // Alive until all is relayed.
    let server = stack.start();
    passes(&server).await;
    stack.check().await;
}
