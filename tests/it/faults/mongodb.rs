//! MongoDB stops, dies or is emptied in mid-traffic: selling and watching go on, and the read model comes back whole.

use crate::faults::scene::{Cast, Scene, stack};
use crate::services::Breakable;

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
