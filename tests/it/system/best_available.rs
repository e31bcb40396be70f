//! Best available under contention: everybody gets a block of their own, nobody is refused while there are any, on one node and on two.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last};

async fn ask(node: &Server, showtime: &str, quantity: u32, user: &str) -> Answer {
    let body = json!({"showtimeId": showtime, "bestAvailable": {"quantity": quantity}, "userId": user});
    node.post("/api/bookings", &body).await
}

fn seats(answer: &Answer) -> Vec<String> {
    let seats = answer.body["seatIds"].as_array().unwrap();
    seats.iter().map(|seat| seat.as_str().unwrap().to_owned()).collect()
}

/// 256 clients at once, each of whom wants two of 1,024 seats: each gets a block of his own. Then as many more as the house takes: whoever is
/// refused is refused because no two free seats are left next to each other. Every other client is on the other node. A node that has lost too
/// many races tells its client to come back.
async fn everybody_gets_a_block(nodes: Vec<Server>) {
    let nodes = Arc::new(nodes);
    let rows: Vec<Value> = (0..64).map(|row| json!({"row": format!("R{row}"), "seats": 16})).collect();
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": rows});
    let showtime = nodes[0].post("/api/showtimes", &body).await.body["id"].as_str().unwrap().to_owned();
    let (mut sold, mut refused, mut last) = (HashSet::new(), 0, 0);
    for clients in [0..256, 256..600] {
        let mut herd = JoinSet::new();
        for client in clients.clone() {
            let (nodes, showtime) = (Arc::clone(&nodes), showtime.clone());
            herd.spawn(async move {
                let (node, user) = (&nodes[client % nodes.len()], format!("client {client}"));
                at_last(|| async { ask(node, &showtime, 2, &user).await }).await
            });
        }
        while let Some(answer) = herd.join_next().await {
            let answer = answer.unwrap();
            if answer.status == 201 {
                let why = answer.body["choice"].as_str().unwrap();
                assert!(why.contains(", together, "), "{why}");
                assert!(seats(&answer).into_iter().all(|seat| sold.insert(seat)), "a seat was given twice");
                last = last.max(answer.body["sequence"].as_u64().unwrap());
            } else {
                assert_eq!((answer.status, &answer.body["code"]), (409, &json!("not-together")), "{answer:?}");
                refused += 1;
            }
        }
        assert!(clients.end > 256 || (sold.len(), refused) == (512, 0), "refused while there were blocks");
    }
    assert!(refused > 0);
    let house = nodes[0].seats(&showtime, last).await;
    let free = |(_, status): &(String, String)| status == "Available";
    assert_eq!(house.iter().filter(|seat| !free(seat)).count(), sold.len());
    let pairs = house.chunks(16).flat_map(|row| row.windows(2)).filter(|pair| pair.iter().all(free));
    assert_eq!(pairs.count(), 0, "somebody was refused while there were blocks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_on_one_node_gets_256_different_blocks() {
    let stack = Stack::embedded();
    everybody_gets_a_block(vec![stack.start()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_on_two_nodes_gets_256_different_blocks() {
    let stack = Stack::real(services::shared()).await;
    everybody_gets_a_block(vec![stack.start(), stack.start()]).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_seats_are_held_confirmed_and_asked_for_again() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, all) = server.schedule(2).await;
    let first = ask(&server, &showtime, 2, "ada").await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(seats(&first), all[4..6]);
    assert_eq!(first.body["choice"], "row R0 5-6, together, no single seat left");
    assert_eq!(server.confirm(&Held::from(&first.body), "pay").await.status, 200);

    let too_many = ask(&server, &showtime, 12, "bob").await;
    assert_eq!((too_many.status, &too_many.body["code"]), (409, &json!("not-together")));
    assert_eq!(too_many.body["longest"], 10);
    let rows = json!({"bestAvailable": {"quantity": 8, "together": "preferred"}, "userId": "bob"});
    let path = format!("/api/showtimes/{showtime}/bookings");
    assert_eq!(server.post(&path, &rows).await.status, 201);

    // The same request again gives the same booking, and its token.
    let once = async || {
        let body = json!({"showtimeId": showtime, "bestAvailable": {"quantity": 1}, "userId": "eve"});
        let request = server.request(reqwest::Method::POST, "/api/bookings").json(&body);
        server.send(request.header("Idempotency-Key", "a secret of the client's")).await.unwrap()
    };
    let (one, again) = (once().await, once().await);
    assert_eq!((one.status, again.status), (201, 201));
    assert_eq!(one.body["bookingId"], again.body["bookingId"]);
    assert_eq!(one.body["holdToken"], again.body["holdToken"]);
    assert_eq!(again.body.get("choice"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_for_the_best_seats_is_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, all) = server.schedule(1).await;
    for (wanted, pointer) in [
        (json!({"bestAvailable": {"quantity": 0}}), "/bestAvailable"),
        (json!({"bestAvailable": {"quantity": 21}}), "/bestAvailable"),
        (json!({"bestAvailable": {"quantity": 2, "together": "maybe"}}), "/bestAvailable"),
        (json!({"bestAvailable": {"quantity": 2, "row": "A"}}), "/bestAvailable"),
        (json!({"bestAvailable": []}), "/bestAvailable"),
        (json!({"bestAvailable": null}), "/seatIds"),
        (json!({"bestAvailable": {"quantity": 2}, "seatIds": [all[0]]}), "/bestAvailable"),
        (json!({"seatId": all[1], "seatIds": [all[0]]}), "/seatId"),
    ] {
        let mut body = wanted.clone();
        body["userId"] = json!("u");
        let answer = server.post(&format!("/api/showtimes/{showtime}/bookings"), &body).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["pointer"]),
            (400, &json!(pointer)),
            "{wanted}: {answer:?}"
        );
    }
}
