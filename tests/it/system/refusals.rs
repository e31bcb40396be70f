//! Refusals on two nodes of the real stack: what one node has refused, the other can tell.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::proxy::{Mode, Proxy};
use crate::services;
use crate::stack::{Answer, Server, Stack, eventually};

async fn told(server: &Server, refused: &Answer) -> Answer {
    let id = refused.headers["x-request-id"].to_str().unwrap();
    server.send(server.as_operator(Method::GET, &format!("/api/refusals/{id}"))).await.unwrap()
}

async fn refused(node: &Server, showtime: &str, seats: &[String], user: &str) -> Answer {
    let answer = node.reserve(showtime, seats, user).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("seats-taken")), "{answer:?}");
    answer
}

/// Fails unless the answer tells of this refusal of this customer.
#[track_caller]
fn tells(told: &Answer, user: &str, refused: &Answer) {
    let [item] = told.body["items"].as_array().unwrap().as_slice() else { panic!("{told:?}") };
    assert_eq!((item["userId"].as_str(), &item["problem"]), (Some(user), &refused.body), "{told:?}");
}

/// At once on the node that refused; on the other one soon, and after the first one has ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_has_refused_the_other_tells() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    let (showtime, seats) = one.schedule(1).await;
    one.hold(&showtime, &seats[..2]).await;
    let ada = refused(&one, &showtime, &seats[..2], "ada").await;
    let at_once = told(&one, &ada).await;
    tells(&at_once, "ada", &ada);
    eventually("the other node knows it", Duration::from_secs(10), async || told(&other, &ada).await.status == 200)
        .await;
    assert_eq!(told(&other, &ada).await.body, at_once.body);
    assert_eq!(told(&one, &ada).await.body, at_once.body, "written, and told once");

    // The last words of a node that stops.
    let bob = refused(&one, &showtime, &seats[1..2], "bob").await;
    assert_eq!(one.terminate().await, Some(0));
    tells(&told(&other, &bob).await, "bob", &bob);
}

/// MongoDB away: refusals go on and are found on their node. Back again: on every node.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_wait_for_mongodb_are_told_by_their_node() {
    let (proxy, through) = Proxy::before(&services::mongodb(), 27_017).await;
    let stack = Stack::real(services::shared()).await.through(|services| services.mongodb = through);
    let (one, other) = (stack.start(), stack.start());
    let (showtime, seats) = one.schedule(1).await;
    one.hold(&showtime, &seats[..2]).await;
    proxy.set(Mode::Refuse);
    proxy.cut_all();
    let ada = refused(&one, &showtime, &seats[..1], "ada").await;
    tells(&told(&one, &ada).await, "ada", &ada);
    assert_eq!(told(&other, &ada).await.body["code"], Value::from("unavailable"), "nobody can say that there is none");
    proxy.set(Mode::Forward);
    eventually("the other node knows it", Duration::from_secs(20), async || told(&other, &ada).await.status == 200)
        .await;
    tells(&told(&other, &ada).await, "ada", &ada);
}
