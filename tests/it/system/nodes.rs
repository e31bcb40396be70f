//! Nodes on the real stack: an operator sees all of them from any of them, and how each is.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::Value;
use turnstile::domain::Timestamp;

use crate::fake_clock::FakeClock;
use crate::proxy::{Mode, Proxy};
use crate::services;
use crate::stack::{Answer, Server, Stack, eventually};

const SOON: Duration = Duration::from_secs(20);

async fn told(server: &Server) -> Answer {
    server.send(server.as_operator(Method::GET, "/api/nodes")).await.unwrap()
}

/// The nodes that this one tells of.
async fn items(server: &Server) -> Vec<Value> {
    let told = told(server).await;
    assert_eq!(told.status, 200, "{told:?}");
    told.body["items"].as_array().unwrap().clone()
}

fn address(server: &Server) -> &str {
    server.address().trim_start_matches("http://")
}

/// The status that this node tells of the node at an address; `None` if it is not listed.
async fn status(server: &Server, address: &str) -> Option<String> {
    let found = items(server).await.into_iter().find(|item| item["address"] == address);
    found.map(|item| item["status"].as_str().unwrap().to_owned())
}

async fn becomes(server: &Server, address: &str, expected: &str) {
    eventually(&format!("{address} is {expected}"), SOON, async || {
        status(server, address).await.as_deref() == Some(expected)
    })
    .await;
}

/// The documents of the nodes, not through any proxy.
async fn documents(stack: &Stack) -> mongodb::Collection<Document> {
    mongodb::Client::with_uri_str(&services::mongodb()).await.unwrap().database(stack.name()).collection("nodes")
}

/// The node at this address was last heard so many seconds earlier.
async fn was_heard_earlier(stack: &Stack, address: &str, seconds: i64) {
    let earlier = vec![doc! { "$set": { "heardAt": { "$subtract": ["$heardAt", seconds * 1_000] } } }];
    let updated = documents(stack).await.update_one(doc! { "address": address }, earlier).await.unwrap();
    assert_eq!(updated.modified_count, 1);
}

/// One node ends cleanly and is gone; another is killed, and falls silent until it is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn every_node_tells_of_all_and_of_their_ends() {
    let stack = Stack::real(services::shared()).await;
    let one = stack.start();
    let (two, mut three) = (stack.start(), stack.start());
    for server in [&one, &two, &three] {
        for other in [&one, &two, &three] {
            becomes(server, address(other), "ready").await;
        }
    }
    let listed = items(&two).await;
    let of = |member: &str| listed.iter().map(|item| item[member].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(of("address"), [address(&one), address(&two), address(&three)], "by the time of their start");
    assert!(of("startedAt").is_sorted(), "{listed:?}");
    assert!(of("nodeId").iter().all(|id| uuid::Uuid::try_parse(id).is_ok()), "{listed:?}");
    let dependencies = listed[0]["dependencies"].as_object().unwrap();
    let names: Vec<_> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(names, ["clock", "mongodb", "postgresql", "rabbitmq", "showtimes", "valkey"]);

    let ended = address(&two).to_owned();
    assert_eq!(two.terminate().await, Some(0));
    assert_eq!(status(&one, &ended).await, None, "withdrawn before its process has ended");

    let killed = address(&three).to_owned();
    three.kill();
    assert_eq!(status(&one, &killed).await.as_deref(), Some("ready"), "nobody can know it yet");
    was_heard_earlier(&stack, &killed, 15).await;
    assert_eq!(status(&one, &killed).await.as_deref(), Some("silent"));
    assert_eq!(status(&one, address(&one)).await.as_deref(), Some("ready"));
    was_heard_earlier(&stack, &killed, 60 * 60).await;
    assert_eq!(status(&one, &killed).await, None);
}

/// A node that drains is served as such, by itself too. If it is ended before that is over, it was no clean end.
#[tokio::test(flavor = "multi_thread")]
async fn a_draining_node_says_so() {
    let stack = Stack::real(services::shared()).await;
    let one = stack.start();
    let two = stack.start_with(vec![("TURNSTILE_DRAIN_DELAY_SECONDS", "60".to_owned())]);
    let draining = address(&two).to_owned();
    becomes(&one, &draining, "ready").await;
    two.signal("TERM");
    becomes(&one, &draining, "draining").await;
    becomes(&two, &draining, "draining").await;
    two.signal("TERM");
    assert_eq!(two.exit_code().await, Some(1));
    assert_eq!(status(&one, &draining).await.as_deref(), Some("draining"), "it could not withdraw");
    was_heard_earlier(&stack, &draining, 15).await;
    assert_eq!(status(&one, &draining).await.as_deref(), Some("silent"));
}

/// What a node's machine says of the time does not matter, only that it is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_a_wrong_clock_is_not_silent() {
    let stack = Stack::real(services::shared()).await;
    for seconds in [-2 * 60 * 60, 2 * 60 * 60] {
        let right = stack.start();
        let clock = FakeClock::off_by(seconds);
        let wrong = stack.start_with(clock.variables());
        for server in [&right, &wrong] {
            becomes(server, address(&right), "ready").await;
            becomes(server, address(&wrong), "degraded").await;
            let listed = items(server).await;
            let time = |item: &Value, member: &str| Timestamp::parse(item[member].as_str().unwrap()).unwrap();
            let [first, second] = listed.as_slice() else { panic!("{listed:?}") };
            assert_eq!(second["address"], address(&wrong), "the later start");
            assert_eq!(second["dependencies"]["clock"]["status"], "degraded");
            let apart = time(first, "heardAt").as_millis() - time(second, "heardAt").as_millis();
            assert!(apart.abs() < 10_000, "heard within the last seconds, both: {listed:?}");
        }
        assert_eq!((right.terminate().await, wrong.terminate().await), (Some(0), Some(0)));
    }
}

/// MongoDB away: a problem says so, and the log, once. Back again, also without what it had: all nodes are there.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_come_back_with_mongodb() {
    let (proxy, through) = Proxy::before(&services::mongodb(), 27_017).await;
    let stack = Stack::real(services::shared()).await.through(|services| services.mongodb = through);
    let nodes = [stack.start(), stack.start()];
    for node in &nodes {
        becomes(&nodes[0], address(node), "ready").await;
    }
    proxy.set(Mode::Refuse);
    proxy.cut_all();
    let refused = told(&nodes[0]).await;
    assert_eq!((refused.status, refused.body["code"].as_str()), (503, Some("unavailable")), "{refused:?}");
    let complaints = || stack.log_lines().iter().filter(|line| line.contains("cannot be announced")).count();
    eventually("both nodes have noticed", SOON, async || complaints() == nodes.len()).await;
    documents(&stack).await.drop().await.unwrap();
    // Several announcements more.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(complaints(), nodes.len(), "{:#?}", stack.log_lines());
    assert_eq!(documents(&stack).await.count_documents(doc! {}).await.unwrap(), 0);
    proxy.set(Mode::Forward);
    for node in &nodes {
        becomes(&nodes[1], address(node), "ready").await;
    }
    assert_eq!(complaints(), nodes.len());
}

/// The end of a node does not wait for a MongoDB that is silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_ends_without_mongodb() {
    let (proxy, through) = Proxy::before(&services::mongodb(), 27_017).await;
    let stack = Stack::real(services::shared()).await.through(|services| services.mongodb = through);
    let node = stack.start();
    becomes(&node, address(&node), "ready").await;
    proxy.set(Mode::Stall);
    assert_eq!(node.terminate().await, Some(0));
    assert!(stack.log_lines().iter().any(|line| line.contains("operators may see it as silent for an hour")));
}
