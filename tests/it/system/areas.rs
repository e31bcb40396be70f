//! Areas under contention: never more places than the capacity, the last one is sold once, on one node and on two.

use std::collections::HashSet;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last};

/// A showtime with a row of four seats and a standing area.
async fn showtime(node: &Server, capacity: u32) -> String {
    let plan = json!({"name": "Hall", "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 4}]}],
        "areas": [{"label": "Standing", "capacity": capacity}]});
    let made = node.send(node.as_operator(Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"]});
    node.post("/api/showtimes", &body).await.body["id"].as_str().unwrap().to_owned()
}

async fn ask(node: &Server, showtime: &str, quantity: u32, user: &str) -> Answer {
    let body = json!({"showtimeId": showtime, "areas": [{"areaId": "Standing", "quantity": quantity}], "userId": user});
    at_last(|| async { node.post("/api/bookings", &body).await }).await
}

fn places(answer: &Answer) -> impl Iterator<Item = String> {
    answer.body["seatIds"].as_array().unwrap().iter().map(|seat| seat.as_str().unwrap().to_owned())
}

/// Clients want 1 to 3 places each, more than there are in all: whoever is refused wanted more than were left. What is left then is sold to the
/// last place.
async fn a_herd_fills_the_area(nodes: Vec<Server>, capacity: u32, clients: u32) {
    let showtime = showtime(&nodes[0], capacity).await;
    let nodes = Arc::new(nodes);
    let mut herd = JoinSet::new();
    for client in 0..clients {
        let (nodes, showtime) = (Arc::clone(&nodes), showtime.clone());
        herd.spawn(async move {
            let node = &nodes[usize::try_from(client).unwrap() % nodes.len()];
            (client % 3 + 1, ask(node, &showtime, client % 3 + 1, &format!("client {client}")).await)
        });
    }
    let (mut sold, mut refused, mut last) = (HashSet::new(), 0, 0);
    while let Some(answer) = herd.join_next().await {
        let (wanted, answer) = answer.unwrap();
        if answer.status == 201 {
            assert_eq!(places(&answer).count(), usize::try_from(wanted).unwrap(), "all or none");
            assert!(places(&answer).all(|place| sold.insert(place)), "a place was given twice");
            last = last.max(answer.body["sequence"].as_u64().unwrap());
        } else {
            assert_eq!((answer.status, &answer.body["code"]), (409, &json!("too-few-places")), "{answer:?}");
            let left = u32::try_from(answer.body["left"].as_u64().unwrap()).unwrap();
            assert!(left < wanted, "{answer:?}");
            refused += 1;
        }
    }
    assert!(refused > 0);
    for client in sold.len()..usize::try_from(capacity).unwrap() {
        let answer = ask(&nodes[client % nodes.len()], &showtime, 1, "late").await;
        assert_eq!(answer.status, 201, "there was a place left: {answer:?}");
        assert!(places(&answer).all(|place| sold.insert(place)), "a place was given twice");
        last = last.max(answer.body["sequence"].as_u64().unwrap());
    }
    assert_eq!(ask(&nodes[0], &showtime, 1, "late").await.body["left"], 0);
    let shown = nodes[nodes.len() - 1].get(&format!("/api/showtimes/{showtime}?minSequence={last}")).await;
    assert_eq!(shown.body["areas"][0]["available"], 0);
    let seats = shown.body["seats"].as_array().unwrap();
    let taken = |seat: &&Value| seat["status"] != "Available";
    assert_eq!(seats.iter().filter(taken).count(), sold.len(), "no seat was taken, and no place that nobody has");
    assert!(seats.iter().filter(taken).all(|seat| sold.contains(seat["seatId"].as_str().unwrap())));
}

/// All want the last place; then it is given back, and all want it again.
async fn the_last_place_is_sold_once(nodes: &[Server]) {
    let showtime = showtime(&nodes[0], 3).await;
    assert_eq!(ask(&nodes[0], &showtime, 2, "ada").await.status, 201);
    let mut last = 0;
    for round in 0..6 {
        let wants = (0..8).map(|client| {
            let (node, user) = (&nodes[client % nodes.len()], format!("client {round} {client}"));
            let showtime = &showtime;
            async move { ask(node, showtime, 1, &user).await }
        });
        let answers = futures_util::future::join_all(wants).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        for refused in lost {
            assert_eq!(refused.body["message"], "area Standing: 1 place is wanted, 0 are left", "{refused:?}");
        }
        let other = &nodes[(round + 1) % nodes.len()];
        let cancelled = other.cancel(&Held::from(&won[0].body)).await;
        assert_eq!(cancelled.status, 200);
        last = cancelled.body["sequence"].as_u64().unwrap();
    }
    // The check compares what the read model has by then.
    nodes[0].seats(&showtime, last).await;
}

/// Sets how many places of the area a booking has.
async fn set(node: &Server, held: &Held, quantity: u32) -> Answer {
    let body = json!({"areas": [{"areaId": "Standing", "quantity": quantity}], "holdToken": held.hold_token});
    at_last(|| async { node.post(&format!("/api/bookings/{}/seats", held.booking_id), &body).await }).await
}

/// Holders of one place want another one, as do newcomers, and one is left. Each holder asks through both nodes, and gets one place more, not two.
async fn the_last_place_is_given_to_one_booking(nodes: &[Server]) {
    const HOLDERS: usize = 4;
    let showtime = showtime(&nodes[0], 5).await;
    let mut held = Vec::new();
    for holder in 0..HOLDERS {
        held.push(Held::from(&ask(&nodes[holder % nodes.len()], &showtime, 1, &format!("holder {holder}")).await.body));
    }
    let mut last = 0;
    for round in 0..4 {
        let node = |number: usize| &nodes[number % nodes.len()];
        let more = (0..2 * HOLDERS).map(|number| set(node(number), &held[number / 2], 2));
        let newcomers = (0..2).map(|number| {
            let user = format!("newcomer {round} {number}");
            let showtime = &showtime;
            async move { ask(node(number), showtime, 1, &user).await }
        });
        let (more, new) = tokio::join!(futures_util::future::join_all(more), futures_util::future::join_all(newcomers));
        let winners: Vec<bool> = more.chunks(2).map(|both| both.iter().all(|answer| answer.status == 200)).collect();
        for (both, won) in more.chunks(2).zip(&winners) {
            for answer in both {
                let message = "area Standing: 1 place is wanted, 0 are left";
                let lost = answer.status == 409 && answer.body["message"] == message;
                assert!(if *won { places(answer).count() == 2 } else { lost }, "round {round}: {both:?}");
            }
        }
        let new: Vec<&Answer> = new.iter().filter(|answer| answer.status == 201).collect();
        let won = winners.iter().filter(|won| **won).count() + new.len();
        assert_eq!(won, 1, "round {round}: {winners:?} {new:?}");
        let freed = match new.as_slice() {
            [new] => node(round).cancel(&Held::from(&new.body)).await,
            _ => set(node(round), &held[winners.iter().position(|won| *won).unwrap()], 1).await,
        };
        assert_eq!(freed.status, 200, "{freed:?}");
        last = freed.body["sequence"].as_u64().unwrap();
    }
    nodes[0].seats(&showtime, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_place_is_given_to_one_booking_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    the_last_place_is_given_to_one_booking(&[stack.start(), stack.start()]).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_fills_an_area_on_the_embedded_profile() {
    let stack = Stack::embedded();
    a_herd_fills_the_area(vec![stack.start()], 200, 150).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_fills_an_area_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    a_herd_fills_the_area(vec![stack.start(), stack.start()], 200, 150).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_place_is_sold_once_on_the_embedded_profile() {
    let stack = Stack::embedded();
    the_last_place_is_sold_once(&[stack.start()]).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_place_is_sold_once_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    the_last_place_is_sold_once(&[stack.start(), stack.start()]).await;
    stack.check().await;
}
