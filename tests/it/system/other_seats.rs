//! A showtime that is moved to a version of its auditorium with other seats: new ones are sold, those that are left out are nobody's, and the others stay.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, eventually};
use crate::system::browser::Browser;
use crate::system::{buyer, operator_page};

/// A house whose row A has these seats, with two seats behind and a lawn.
fn house(row: &[&str], lawn: u32) -> Value {
    let seats: Vec<Value> = row.iter().map(|label| json!({"label": label})).collect();
    json!({"name": "Hall", "areas": [{"label": "Lawn", "capacity": lawn}],
        "sections": [{"name": "Stalls", "rows": [{"label": "A", "seats": seats}, {"label": "B", "count": 2}]}]})
}

/// A showtime of the first of these versions of an auditorium.
async fn scheduled(node: &Server, versions: &[Value]) -> String {
    let made = node.send(node.as_operator(Method::POST, "/api/auditoriums").json(&versions[0])).await.unwrap();
    let auditorium = made.body["id"].as_str().unwrap().to_owned();
    for (before, plan) in (1..).zip(&versions[1..]) {
        let change = node.as_operator(Method::PUT, &format!("/api/auditoriums/{auditorium}"));
        let changed = node.send(change.header("if-match", format!("\"{before}\"")).json(plan)).await.unwrap();
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": auditorium, "auditoriumVersion": 1});
    let made = node.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["id"].as_str().unwrap().to_owned()
}

async fn moved(node: &Server, showtime: &str, version: u32) -> Answer {
    let change = node.as_operator(Method::PATCH, &format!("/api/showtimes/{showtime}"));
    node.send(change.json(&json!({"auditoriumVersion": version}))).await.unwrap()
}

/// Label, id and status of each seat and place, in the order in which they are shown, at least at this sequence.
async fn shown(node: &Server, showtime: &str, sequence: &Value) -> Vec<(String, String, String)> {
    let answer = node.get(&format!("/api/showtimes/{showtime}?minSequence={sequence}")).await;
    let word = |seat: &Value, name: &str| seat[name].as_str().unwrap().to_owned();
    let seats = answer.body["seats"].as_array().unwrap().iter();
    seats
        .map(|seat| {
            let label = seat["label"].as_str().map_or_else(|| seat["number"].to_string(), str::to_owned);
            (word(seat, "row") + &label, word(seat, "seatId"), word(seat, "status"))
        })
        .collect()
}

fn id(seats: &[(String, String, String)], label: &str) -> String {
    seats.iter().find(|(of, ..)| of == label).unwrap_or_else(|| panic!("no {label} in {seats:?}")).1.clone()
}

fn labels(seats: &[(String, String, String)]) -> Vec<&str> {
    seats.iter().map(|(label, ..)| label.as_str()).collect()
}

/// The same on every profile.
async fn a_house_is_rebuilt_while_it_is_sold(node: &Server, other: &Server) {
    let versions = [house(&["1", "2", "3"], 3), house(&["2", "2a", "3"], 4)];
    let showtime = scheduled(node, &versions).await;
    let path = format!("/api/showtimes/{showtime}");
    let before = shown(other, &showtime, &json!(1)).await;
    let held = Held::from(&other.reserve(&showtime, &[id(&before, "A3"), id(&before, "A1")], "ada").await.body);
    let refused = moved(node, &showtime, 2).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("other-seats")), "{refused:?}");
    assert_eq!(refused.body["message"], "seat Stalls A1 is missing there, and taken");
    assert_eq!(refused.body["bookings"][0]["bookingId"], held.booking_id);
    let change = json!({"remove": [id(&before, "A1")], "holdToken": held.hold_token});
    assert_eq!(other.post(&format!("/api/bookings/{}/seats", held.booking_id), &change).await.status, 200);

    let done = moved(node, &showtime, 2).await;
    assert_eq!((done.status, &done.body["auditorium"]["version"]), (200, &json!(2)), "{done:?}");
    let after = shown(other, &showtime, &done.body["sequence"]).await;
    assert_eq!(labels(&after), ["A2", "A2a", "A3", "B1", "B2", "Lawn1", "Lawn2", "Lawn3", "Lawn4"]);
    for label in ["A2", "A3", "B2", "Lawn3"] {
        assert_eq!(id(&after, label), id(&before, label), "{label} keeps its id");
    }
    assert_eq!(after.iter().filter(|(.., status)| status == "Reserved").count(), 1);

    // The left-out seat is unknown on both nodes; the new ones are next to the old ones.
    for node in [node, other] {
        let gone = node.reserve(&showtime, &[id(&before, "A1")], "bob").await;
        assert_eq!((gone.status, &gone.body["code"]), (400, &json!("unknown-seats")), "{gone:?}");
    }
    let best = json!({"userId": "bob", "bestAvailable": {"quantity": 2, "section": "Stalls"}});
    let best = other.post(&format!("{path}/bookings"), &best).await;
    assert_eq!(
        (best.status, &best.body["choice"]),
        (201, &json!("Stalls row A 2-2a, together, no single seat left")),
        "{best:?}"
    );
    let lawn = json!({"userId": "eve", "areas": [{"areaId": "Lawn", "quantity": 4}]});
    let lawn = node.post(&format!("{path}/bookings"), &lawn).await;
    assert_eq!(lawn.status, 201, "{lawn:?}");
    assert_eq!(other.confirm(&held, "p").await.status, 200);

    let listed = node.get("/api/showtimes?limit=200").await;
    let line =
        listed.body["items"].as_array().unwrap().iter().find(|line| line["id"] == json!(showtime)).unwrap().clone();
    assert_eq!(line["seats"], 9, "{line}");
    let sequence = done.body["sequence"].as_u64().unwrap();
    for (at, seats) in [(sequence - 1, 8), (sequence, 9)] {
        let past = node.send(node.as_operator(Method::GET, &format!("{path}/past?sequence={at}"))).await.unwrap();
        assert_eq!(past.body["seats"].as_array().unwrap().len(), seats, "at {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_rebuilt_on_the_embedded_profile_and_stays_so_after_a_restart() {
    let stack = Stack::embedded();
    let mut node = stack.start();
    a_house_is_rebuilt_while_it_is_sold(&node, &node).await;
    let versions = [house(&["1", "2"], 2), house(&["2", "3", "4"], 1), house(&["1", "2", "3"], 2)];
    let showtime = scheduled(&node, &versions).await;
    let before = shown(&node, &showtime, &json!(1)).await;
    assert_eq!(moved(&node, &showtime, 2).await.status, 200);
    node.kill();
    let node = stack.start();
    let after = shown(&node, &showtime, &json!(2)).await;
    let made = node.reserve(&showtime, &[id(&after, "A4")], "ada").await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(moved(&node, &showtime, 3).await.body["message"], "seat Stalls A4 is missing there, and taken");
    assert_eq!(node.cancel(&Held::from(&made.body)).await.status, 200);
    let back = moved(&node, &showtime, 3).await;
    let last = shown(&node, &showtime, &back.body["sequence"]).await;
    assert_eq!(labels(&last), ["A1", "A2", "A3", "B1", "B2", "Lawn1", "Lawn2"]);
    assert_eq!(
        (id(&last, "A1"), id(&last, "A3")),
        (id(&before, "A1"), id(&after, "A3")),
        "a seat that comes back is the same"
    );
    let both = node.reserve(&showtime, &[id(&last, "A1"), id(&last, "A3")], "bob").await;
    assert_eq!(both.status, 201, "{both:?}");
    let lawn = json!({"userId": "bob", "areas": [{"areaId": "Lawn", "quantity": 2}]});
    let lawn = node.post(&format!("/api/showtimes/{showtime}/bookings"), &lawn).await;
    let full = moved(&node, &showtime, 2).await;
    assert_eq!((full.status, &full.body["code"]), (409, &json!("other-seats")), "{full:?}");
    assert_eq!(full.body["message"], "area Lawn has room for 1 there, and 2 are taken");
    assert_eq!(full.body["bookings"][0]["bookingId"], lawn.body["bookingId"]);
    drop(node);
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_rebuilt_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_house_is_rebuilt_while_it_is_sold(&one, &other).await;
    stack.check().await;
}

/// One node moves showtimes to a version without a seat while the seat is reserved on the other: exactly one of both happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_left_out_or_sold_on_the_other_node_but_never_both() {
    let stack = Stack::real(services::shared()).await;
    let nodes = Arc::new([stack.start(), stack.start()]);
    let (mut left_out, mut sold) = (0, 0);
    for round in 0..12_u64 {
        let showtime = scheduled(&nodes[0], &[house(&["1", "2", "3"], 2), house(&["1", "2"], 2)]).await;
        let seats = shown(&nodes[1], &showtime, &json!(1)).await;
        // Both nodes have it in memory.
        for (node, label) in nodes.iter().zip(["B1", "B2"]) {
            assert_eq!(node.reserve(&showtime, &[id(&seats, label)], "first").await.status, 201);
        }
        let mut race = JoinSet::new();
        let (both, of, seat) = (Arc::clone(&nodes), showtime.clone(), id(&seats, "A3"));
        race.spawn(async move {
            tokio::time::sleep(Duration::from_millis(round % 4)).await;
            both[1].reserve(&of, &[seat], "ada").await
        });
        let (both, of) = (Arc::clone(&nodes), showtime.clone());
        race.spawn(async move { moved(&both[0], &of, 2).await });
        let answers: Vec<u16> = race.join_all().await.into_iter().map(|answer| answer.status).collect();
        match answers.iter().find(|status| **status < 300) {
            Some(201) => sold += 1,
            Some(200) => left_out += 1,
            _ => panic!("neither: {answers:?}"),
        }
        assert_eq!(answers.iter().filter(|status| **status < 300).count(), 1, "{answers:?}");
    }
    assert_eq!(left_out + sold, 12);
    stack.check().await;
}

/// Waits until as many commands as these are queued or in a batch.
async fn waiting(node: &Server, commands: u32) {
    eventually("the commands wait", Duration::from_secs(30), async || {
        let metrics = node.get("/metrics").await;
        metrics.body.as_str().unwrap().lines().any(|line| line == format!("turnstile_commands_waiting {commands}"))
    })
    .await;
}

/// Requests that wait behind a move are decided on the new house, whose seats are in the store by then.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_behind_a_move_gets_the_new_seats() {
    // Whoever waits here waits for the test, however long that takes.
    let stack = Stack::real(services::shared()).await.with("BOX_OFFICE__QUEUE_SECONDS", 60);
    let stack = ["LOCK", "STATEMENT", "COMMIT"]
        .iter()
        .fold(stack, |stack, of| stack.with(&format!("POSTGRES__{of}_TIMEOUT_SECONDS"), 60));
    let node = Arc::new(stack.start());
    let showtime = scheduled(&node, &[house(&["1"], 1), house(&["1", "2", "3", "4"], 1)]).await;
    let seats = shown(&node, &showtime, &json!(1)).await;
    assert_eq!(node.reserve(&showtime, &[id(&seats, "B1")], "first").await.status, 201);
    let (client, connection) = tokio_postgres::connect(&stack.postgres_url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // A commit that waits keeps what comes after it in the queue.
    client.batch_execute("BEGIN; LOCK TABLE journal IN EXCLUSIVE MODE").await.unwrap();
    let (behind, of, seat) = (Arc::clone(&node), showtime.clone(), id(&seats, "B2"));
    let before = tokio::spawn(async move { behind.reserve(&of, &[seat], "second").await });
    waiting(&node, 1).await;
    let (behind, of) = (Arc::clone(&node), showtime.clone());
    let moving = tokio::spawn(async move { moved(&behind, &of, 2).await });
    waiting(&node, 2).await;
    let (behind, path) = (Arc::clone(&node), format!("/api/showtimes/{showtime}/bookings"));
    let best =
        json!({"userId": "third", "bestAvailable": {"quantity": 3, "section": "Stalls", "together": "required"}});
    let after = tokio::spawn(async move { behind.post(&path, &best).await });
    waiting(&node, 3).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!((before.await.unwrap().status, moving.await.unwrap().status), (201, 200));
    let after = after.await.unwrap();
    assert_eq!(
        (after.status, &after.body["choice"]),
        (201, &json!("Stalls row A 1-3, together, leaves seat Stalls A4 alone")),
        "{after:?}"
    );
    stack.check().await;
}

/// The board goes on with the new seats: who has which is told by their new places.
#[tokio::test(flavor = "multi_thread")]
async fn the_operators_board_follows_to_the_new_seats() {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = scheduled(&server, &[house(&["1", "2", "3"], 3), house(&["2", "2a", "3"], 4)]).await;
    let before = shown(&server, &showtime, &json!(1)).await;
    server.hold(&showtime, &[id(&before, "A3")]).await;
    let browser = Browser::open().await;
    operator_page::open(&browser, &server, &showtime).await;
    operator_page::figure(&browser, "free", "7").await;
    assert_eq!(moved(&server, &showtime, 2).await.status, 200);
    operator_page::figure(&browser, "free", "8").await;
    operator_page::figure(&browser, "held", "1").await;
    browser.until("the new house is shown", &buyer::is_shown("document.querySelector('seat-map')")).await;
    operator_page::drag(&browser, (1, 2)).await;
    browser.says("chosen", "2 chosen: Stalls A2a").await;
    browser.says("holder", "somebody").await;
    browser.click("#block").await;
    operator_page::figure(&browser, "blocked", "1").await;
    let statuses = shown(&server, &showtime, &json!(4)).await;
    let taken: Vec<_> = statuses.iter().filter(|(.., status)| status != "Available").map(|(label, ..)| label).collect();
    assert_eq!(taken, ["A2a", "A3"]);
}

/// A page that shows the map goes on with the new seats.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_to_the_new_seats() {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = scheduled(&server, &[house(&["1", "2", "3"], 3), house(&["2", "2a", "3"], 4)]).await;
    let before = shown(&server, &showtime, &json!(1)).await;
    let browser = Browser::open().await;
    browser.go(&format!("{}/showtimes/{showtime}", server.address())).await;
    browser.says("connection", "live").await;
    browser.until("the seats are shown", &buyer::is_shown("map")).await;
    buyer::click(&browser, &id(&before, "A2")).await;
    let done = moved(&server, &showtime, 2).await;
    let after = shown(&server, &showtime, &done.body["sequence"]).await;
    let there = format!("map.model.count == 9 && map.chosen.length == 1 && {}", buyer::is_shown("map"));
    browser.until("the new seat is there", &there).await;
    buyer::click(&browser, &id(&after, "A2a")).await;
    browser.click("#reserve").await;
    browser.says("bookings", "held for").await;
    browser.says("bookings", "Stalls A2, Stalls A2a").await;
    browser.until("they are shown as held", "map.statuses.join('') == '110000000'").await;
    assert_eq!(server.reserve(&showtime, &[id(&after, "A3")], "bob").await.status, 201);
    browser.until("a change of another seat is seen", "map.statuses.join('') == '111000000'").await;
    eventually("the list has it", Duration::from_secs(5), async || {
        let seats = shown(&server, &showtime, &json!(4)).await;
        seats.iter().filter(|(.., status)| status == "Reserved").count() == 3
    })
    .await;
}
