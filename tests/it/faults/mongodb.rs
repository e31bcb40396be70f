//! MongoDB stops, dies or is emptied in mid-traffic: selling and watching go on, and the read model comes back whole.

use std::time::{Duration, Instant};

use crate::faults::scene::{Cast, Scene, stack};
use crate::mongod_processes::ReplicaSet;
use crate::services::{self, Breakable};
use crate::stack::{Answer, Server, eventually};

/// Longest time for the first answer without the read model, which finds out that it is away.
const FIRST: Duration = Duration::from_secs(3);
/// Longest time for an answer that waits for no service: less than the server waits for the read model.
const AT_ONCE: Duration = Duration::from_millis(900);
/// Longest time for ten more.
const TEN_MORE: Duration = Duration::from_secs(3);

async fn outage(action: &str) {
    let breakable = Breakable::take().await;
    let stack = stack(breakable.services.clone()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    breakable.control(action, &["mongodb"]).await;
    scene.sells(60, "without MongoDB").await;
    scene.says("mongodb", "down", "degraded").await;
    breakable.control("start", &["mongodb"]).await;
    scene.fault_ended();
    scene.sells(30, "with MongoDB back").await;
    scene.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_is_stopped_and_started() {
    outage("stop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_is_killed() {
    outage("kill").await;
}

/// The read model vanishes while it is being written and read, twice.
#[tokio::test(flavor = "multi_thread")]
async fn mongodb_is_emptied() {
    let stack = stack(crate::services::shared()).await;
    let (name, ledger_url) = (stack.name().to_owned(), stack.postgres_url());
    let client = mongodb::Client::with_uri_str(&stack.services().mongodb).await.unwrap();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    for _ in 0..2 {
        client.database(&name).drop().await.unwrap();
        scene.fault_ended();
        scene.sells(60, "with an empty MongoDB").await;
    }
    scene.settle().await;
}

/// Nothing happens in the showtime, and no sweep is due: who asks for it is the one who finds out.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_document_is_made_anew_for_who_asks_for_it() {
    let stack = crate::stack::Stack::real(services::shared()).await.with("HTTP__MIN_SEQUENCE_WAIT_SECONDS", 2);
    let showtimes = mongodb::Client::with_uri_str(&stack.services().mongodb).await.unwrap();
    let showtimes = showtimes.database(stack.name()).collection::<mongodb::bson::Document>("showtimes");
    let node = stack.start();
    let (id, _) = node.schedule(3).await;
    let path = format!("/api/showtimes/{id}");
    for _ in 0..3 {
        eventually("it is there", Duration::from_secs(10), || async { node.get(&path).await.status == 200 }).await;
        let all = mongodb::bson::doc! {};
        assert!(showtimes.delete_many(all).await.unwrap().deleted_count > 0);
        // At first the node answers from memory. When it asks the read model, it finds out.
        eventually("the document is made anew", Duration::from_secs(2), async || {
            let answer = node.get(&path).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            showtimes.count_documents(mongodb::bson::doc! {}).await.unwrap() > 0
        })
        .await;
    }
}

fn is_from_write_store(answer: &Answer) -> bool {
    answer.headers.get("turnstile-source").is_some_and(|source| source == "write-store")
}

async fn seat_maps_without_read_model(node: &Server, away: Duration) {
    let (id, seats) = node.schedule(2).await;
    let start = Instant::now();
    let held = node.hold(&id, &seats[..1]).await;
    let shown = node.get(&format!("/api/showtimes/{id}?minSequence={}", held.sequence)).await;
    assert!(start.elapsed() < away, "the first seat map took {:?}", start.elapsed());
    assert_eq!((shown.status, is_from_write_store(&shown)), (200, true), "{shown:?}");
    assert_eq!(
        (&shown.body["seats"][0]["status"], &shown.body["seats"][1]["status"]),
        (&"Reserved".into(), &"Available".into())
    );
    let start = Instant::now();
    for _ in 0..5 {
        for path in [format!("/api/showtimes/{id}"), format!("/api/showtimes/{id}/status")] {
            let shown = node.get(&path).await;
            assert_eq!((shown.status, is_from_write_store(&shown)), (200, true), "{shown:?}");
        }
    }
    assert!(start.elapsed() < TEN_MORE, "ten more took {:?}", start.elapsed());
    assert_eq!(node.get(&format!("/api/showtimes/{id}/layout")).await.status, 200);
    assert_eq!(node.get(&format!("/api/showtimes/{}", uuid::Uuid::new_v4())).await.status, 404);
    let start = Instant::now();
    assert_eq!(node.get("/api/showtimes").await.status, 503);
    assert!(start.elapsed() < AT_ONCE, "the list was refused after {:?}", start.elapsed());
    let metrics = node.get("/metrics").await.body.as_str().unwrap().to_owned();
    assert!(metrics.contains("\nturnstile_read_model_away 1\n"), "{metrics}");
}

/// Killed or frozen, a read model is not missed by those who read seat maps, and they are told where these come from.
#[tokio::test(flavor = "multi_thread")]
async fn seat_maps_come_from_the_write_store_while_mongodb_is_away() {
    let breakable = Breakable::take().await;
    let stack = stack(breakable.services.clone()).await.with("HOLD_SECONDS", 600).with("HOLD_TOTAL_SECONDS", 600);
    let node = stack.start();
    let (known, _seats) = node.schedule(1).await;
    assert!(!is_from_write_store(&node.get(&format!("/api/showtimes/{known}")).await));
    for (begin, end) in [("kill", "start"), ("pause", "resume")] {
        breakable.control(begin, &["mongodb"]).await;
        let start = Instant::now();
        let shown = node.get(&format!("/api/showtimes/{known}")).await;
        assert!(start.elapsed() < FIRST, "after {begin} the first answer took {:?}", start.elapsed());
        assert_eq!((shown.status, is_from_write_store(&shown)), (200, true), "after {begin}: {shown:?}");
        seat_maps_without_read_model(&node, FIRST).await;
        breakable.control(end, &["mongodb"]).await;
        eventually("seat maps come from the read model again", Duration::from_secs(20), async || {
            !is_from_write_store(&node.get(&format!("/api/showtimes/{known}")).await)
        })
        .await;
    }
}

/// The primary steps down, then the next one dies: the read model follows without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn mongodb_elects_another_primary() {
    let mut set = ReplicaSet::start().await;
    let url = set.url();
    let stack = stack(services::shared()).await.through(|services| services.mongodb = url);
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    set.step_down().await;
    scene.fault_ended();
    scene.sells(30, "while a primary is elected").await;
    scene.says("mongodb", "ok", "ready").await;
    set.kill_primary().await;
    scene.fault_ended();
    scene.sells(30, "while another primary is elected").await;
    scene.says("mongodb", "ok", "ready").await;
    scene.settle().await;
}
