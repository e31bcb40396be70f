//! A showtime that is moved to a newer version of its auditorium while it is sold: what is sold stays, and everybody sees the new version.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last, eventually};

fn house(category: &str, seats: u32) -> Value {
    json!({"name": "Hall", "categories": [{"key": category, "name": category}],
        "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": seats, "category": category}, {"label": "B", "count": 2}]}]})
}

/// An auditorium with two versions, and a third one that has a seat less in row A.
async fn auditorium(node: &Server, seats: u32) -> String {
    let made = node.send(node.as_operator(Method::POST, "/api/auditoriums").json(&house("silver", seats))).await;
    let id = made.unwrap().body["id"].as_str().unwrap().to_owned();
    for (version, plan) in [("\"1\"", house("gold", seats)), ("\"2\"", house("gold", seats - 1))] {
        let change = node.as_operator(Method::PUT, &format!("/api/auditoriums/{id}")).header("if-match", version);
        assert_eq!(node.send(change.json(&plan)).await.unwrap().status, 200);
    }
    id
}

fn prices(category: &str, amount: u32) -> Value {
    json!({"currency": "EUR", "zones": [{"category": category, "tariffs": [{"key": "full", "amount": amount}]},
        {"tariffs": [{"key": "full", "amount": 1}]}]})
}

async fn change(node: &Server, showtime: &str, body: &Value) -> Answer {
    let path = format!("/api/showtimes/{showtime}");
    at_last(|| async { node.send(node.as_operator(Method::PATCH, &path).json(body)).await.unwrap() }).await
}

async fn scheduled(node: &Server, seats: u32) -> (String, Vec<String>) {
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": auditorium(node, seats).await,
        "auditoriumVersion": 1, "prices": prices("silver", 100)});
    let made = node.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap().to_owned();
    let shown = node.get(&format!("/api/showtimes/{id}?minSequence=1")).await;
    let ids = shown.body["seats"].as_array().unwrap().iter();
    (id, ids.map(|seat| seat["seatId"].as_str().unwrap().to_owned()).collect())
}

/// The same on every profile.
async fn a_showtime_is_moved(node: &Server, other: &Server) {
    let (showtime, seats) = scheduled(node, 4).await;
    let path = format!("/api/showtimes/{showtime}");
    let held = Held::from(&other.reserve(&showtime, &seats[..1], "ada").await.body);
    let last = other.reserve(&showtime, &seats[3..4], "bob").await;
    let layout = other.get(&format!("{path}/layout")).await;
    assert_eq!(layout.body["rows"][0]["categories"][0]["category"], "silver");

    let gone = change(node, &showtime, &json!({"auditoriumVersion": 3, "prices": prices("gold", 200)})).await;
    assert_eq!((gone.status, &gone.body["code"]), (409, &json!("other-seats")), "{gone:?}");
    assert_eq!(gone.body["message"], "seat Stalls A4 is missing there, and taken");
    let in_the_way =
        json!([{"bookingId": last.body["bookingId"], "status": "Pending", "userId": "bob", "seats": ["Stalls A4"]}]);
    assert_eq!(gone.body["bookings"], in_the_way);
    assert_eq!(
        (&gone.body["conflicts"][0]["seatId"], &gone.body["conflicts"][0]["reason"]),
        (&json!(seats[3]), &json!("Reserved"))
    );
    for (body, status, code) in [
        (json!({"auditoriumVersion": 4}), 404, "unknown-auditorium"),
        (json!({"auditoriumVersion": 0}), 400, "invalid-fields"),
        // Silver is priced, and the version has no such seats.
        (json!({"auditoriumVersion": 2}), 409, "invalid-listing"),
    ] {
        let refused = change(node, &showtime, &body).await;
        assert_eq!((refused.status, &refused.body["code"]), (status, &json!(code)), "{refused:?}");
    }

    let to = json!({"auditoriumVersion": 2, "prices": prices("gold", 200)});
    let moved = change(node, &showtime, &to).await;
    assert_eq!((moved.status, &moved.body["auditorium"]["version"]), (200, &json!(2)), "{moved:?}");
    assert_eq!(
        change(other, &showtime, &to).await.body["sequence"],
        moved.body["sequence"],
        "the same again does nothing"
    );

    // What was reserved before keeps its price; what is reserved now has the new one, on the other node, too.
    let kept = other.booking(&held).await;
    assert_eq!((&kept.body["status"], &kept.body["price"]["total"]), (&json!("Pending"), &json!(100)), "{kept:?}");
    let now = other.reserve(&showtime, &seats[1..2], "eve").await;
    assert_eq!((now.status, &now.body["price"]["total"]), (201, &json!(200)), "{now:?}");

    for node in [node, other] {
        let shown = node.get(&format!("{path}?minSequence={}", now.body["sequence"])).await;
        let told: Vec<_> =
            shown.body["seats"].as_array().unwrap().iter().map(|seat| (&seat["seatId"], &seat["category"])).collect();
        assert_eq!(told[0], (&json!(seats[0]), &json!("gold")));
        assert_eq!(shown.body["seats"][3]["status"], "Reserved");
        let after = node.get(&format!("{path}/layout")).await;
        assert_eq!(after.body["rows"][0]["categories"][0]["category"], "gold");
        assert_ne!(after.headers["etag"], layout.headers["etag"], "who has the old layout learns of the new one");
    }
    let past = |sequence: u64| {
        let path = format!("{path}/past?sequence={sequence}");
        async move { node.send(node.as_operator(Method::GET, &path)).await.unwrap().body["seats"][0]["category"].clone() }
    };
    let sequence = moved.body["sequence"].as_u64().unwrap();
    assert_eq!((past(sequence - 1).await, past(sequence).await), (json!("silver"), json!("gold")));
    assert_eq!(node.confirm(&held, "pay").await.status, 200);
    assert_eq!(last.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_is_moved_on_the_embedded_profile_and_stays_so_after_a_restart() {
    let stack = Stack::embedded();
    let mut node = stack.start();
    a_showtime_is_moved(&node, &node).await;
    let (showtime, seats) = scheduled(&node, 3).await;
    let to = json!({"auditoriumVersion": 2, "prices": prices("gold", 300)});
    assert_eq!(change(&node, &showtime, &to).await.status, 200);
    node.kill();
    let node = stack.start();
    let made = node.reserve(&showtime, &seats[..1], "ada").await;
    assert_eq!(made.body["price"]["total"], 300, "{made:?}");
    drop(node);
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_is_moved_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_showtime_is_moved(&one, &other).await;
    stack.check().await;
}

/// Two nodes sell a showtime, and one of them moves it to and fro: each booking has the price of the version that it was decided on, and nothing
/// that was reserved after an answer has an older one.
#[tokio::test(flavor = "multi_thread")]
async fn a_herd_pays_the_prices_of_the_version_that_it_is_sold_on() {
    let stack = Stack::real(services::shared()).await;
    let nodes = Arc::new([stack.start(), stack.start()]);
    let (showtime, seats) = scheduled(&nodes[0], 60).await;
    let mut herd = JoinSet::new();
    for client in 0..4_usize {
        let (nodes, showtime) = (Arc::clone(&nodes), showtime.clone());
        let mine: Vec<String> = seats[..60].iter().skip(client).step_by(4).cloned().collect();
        herd.spawn(async move {
            let mut made = Vec::new();
            for (number, seat) in mine.iter().enumerate() {
                let node = &nodes[(client + number) % 2];
                let (seat, user) = (std::slice::from_ref(seat), format!("client {client}"));
                let answer = node.reserve_at_last(&showtime, seat, &user).await;
                assert_eq!(answer.status, 201, "{answer:?}");
                made.push((answer.body["sequence"].as_u64().unwrap(), answer.body["price"]["total"].as_u64().unwrap()));
            }
            made
        });
    }
    let mut moves = vec![(1, 100)];
    for (version, category, amount) in [(2, "gold", 200), (1, "silver", 100), (2, "gold", 201), (1, "silver", 101)] {
        let to = json!({"auditoriumVersion": version, "prices": prices(category, amount)});
        let moved = change(&nodes[usize::try_from(amount % 2).unwrap()], &showtime, &to).await;
        assert_eq!(moved.status, 200, "{moved:?}");
        moves.push((moved.body["sequence"].as_u64().unwrap(), u64::from(amount)));
    }
    while let Some(made) = herd.join_next().await {
        for (sequence, price) in made.unwrap() {
            let decided_on = moves.iter().rev().find(|(moved, _)| *moved < sequence).unwrap();
            assert_eq!(price, decided_on.1, "event {sequence} after {moves:?}");
        }
    }
    eventually("both nodes show the last version", Duration::from_secs(10), async || {
        let shown = nodes[1].get(&format!("/api/showtimes/{showtime}")).await;
        shown.body["seats"][0]["category"] == "silver" && shown.body["auditorium"]["version"] == 1
    })
    .await;
    stack.check().await;
}

/// What is in the way of a move says whether it is a customer's, to be asked, or the house's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_move_tells_blocks_from_bookings() {
    let stack = Stack::embedded();
    let node = stack.start();
    let (showtime, seats) = scheduled(&node, 4).await;
    let block = node.as_operator(Method::POST, &format!("/api/showtimes/{showtime}/blocks"));
    let made = node.send(block.json(&json!({"seatIds": seats[3..4], "type": "press"}))).await.unwrap();
    let gone = change(&node, &showtime, &json!({"auditoriumVersion": 3, "prices": prices("gold", 200)})).await;
    assert_eq!((gone.status, &gone.body["code"]), (409, &json!("other-seats")), "{gone:?}");
    let in_the_way =
        json!([{"bookingId": made.body["blockId"], "status": "Pending", "blockType": "press", "seats": ["Stalls A4"]}]);
    assert_eq!(gone.body["bookings"], in_the_way);
}
