//! What holders find: their own live bookings by their hold token, and which of the taken seats are theirs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Server, Stack};

async fn shown(server: &Server, path: &str, token: &str) -> Answer {
    server.send(server.request(Method::GET, path).header("authorization", format!("Bearer {token}"))).await.unwrap()
}

async fn reserve(server: &Server, showtime: &str, seats: &[String], user: &str, token: &str) -> Answer {
    let body = json!({"showtimeId": showtime, "seatIds": seats, "userId": user});
    let request = server.request(Method::POST, "/api/bookings").header("authorization", format!("Bearer {token}"));
    server.send(request.json(&body)).await.unwrap()
}

fn ids(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["items"].as_array().unwrap().iter().map(|booking| booking["bookingId"].clone()).collect()
}

async fn a_holder_finds_his_own(node: &Server, other: &Server) {
    let (showtime, seats) = node.schedule(1).await;
    let ada = node.reserve(&showtime, &seats[..2], "ada").await;
    // A stranger may say that he is Ada: her bookings are not his.
    let stranger = node.reserve(&showtime, &seats[2..3], "ada").await;
    let [token, strange] = [&ada, &stranger].map(|made| made.body["holdToken"].as_str().unwrap().to_owned());
    let path = format!("/api/showtimes/{showtime}/bookings");
    let mine = shown(other, &format!("{path}?userId=ada"), &token).await;
    assert_eq!(ids(&mine), [ada.body["bookingId"].clone()]);
    assert_eq!(mine.body["items"][0]["seatIds"], json!(seats[..2]));
    assert_eq!(ids(&shown(other, &format!("{path}?userId=ada"), &strange).await), [stranger.body["bookingId"].clone()]);
    assert_eq!(ids(&shown(other, &format!("{path}?userId=bob"), &token).await), Vec::<Value>::new());

    names(&shown(other, &path, &token).await, "parameter", &["userId"]);
    names(&shown(other, &format!("{path}?userId=ada&limit=1"), &token).await, "parameter", &["limit"]);
    is_problem(&other.get(&format!("{path}?userId=ada")).await, 401, "missing-credential");
    is_problem(&shown(other, &format!("{path}?userId=ada"), "no-token").await, 403, "operator-only");
    let nowhere = format!("/api/showtimes/{}/bookings?userId=ada", uuid::Uuid::new_v4());
    is_problem(&shown(other, &nowhere, &token).await, 404, "unknown-showtime");

    // His own seats are marked; to all others they are only taken.
    let refused = reserve(other, &showtime, &seats[1..4], "ada", &token).await;
    is_problem(&refused, 409, "seats-taken");
    let yours = |answer: &Answer| {
        let conflicts = answer.body["conflicts"].as_array().unwrap().iter();
        conflicts.map(|conflict| (conflict["seatId"].clone(), conflict.get("yours").cloned())).collect::<Vec<_>>()
    };
    assert_eq!(yours(&refused), [(json!(seats[1]), Some(json!(true))), (json!(seats[2]), None)]);
    let strangers = reserve(other, &showtime, &seats[1..2], "bob", &token).await;
    assert_eq!(yours(&strangers), [(json!(seats[1]), None)]);
    let plain = other.reserve(&showtime, &seats[1..2], "ada").await;
    assert_eq!(yours(&plain), [(json!(seats[1]), None)]);

    let cancel = json!({"holdToken": token});
    let path_of = format!("/api/bookings/{}/cancel", ada.body["bookingId"].as_str().unwrap());
    assert_eq!(node.post(&path_of, &cancel).await.status, 200);
    assert_eq!(ids(&shown(other, &format!("{path}?userId=ada"), &token).await), Vec::<Value>::new(), "it is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_finds_his_own_bookings_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    a_holder_finds_his_own(&server, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_finds_his_own_bookings_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_holder_finds_his_own(&one, &other).await;
}
