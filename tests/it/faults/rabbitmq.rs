//! RabbitMQ stops or dies in mid-traffic: selling goes on, events wait in the outbox, and all watchers and the read model catch up.

use std::time::Duration;

use crate::faults::scene::{Cast, Scene, stack};
use crate::services::Breakable;

/// RabbitMQ 3.10.8, killed within moments of declaring two quorum queues, confirmed nothing for the 30 s that this test looks, in three
/// runs of eight without this pause. The log of one of them: "2 record(s) recovered", "running pre init for 1 registered servers", then a
/// leader for one queue and for the other only "leader not known". That the register is written late is a guess.
const QUEUE_IS_REGISTERED: Duration = Duration::from_secs(3);

/// `ear`: also listen at the broker. Not where it is killed: a broker may forget a queue that was declared moments before, and only the
/// server declares its own again.
async fn outage(action: &str, ear: bool) {
    let breakable = Breakable::take().await;
    let stack = stack(breakable.services.clone()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    let ear = if ear { Some(scene.ear().await) } else { None };
    tokio::time::sleep(QUEUE_IS_REGISTERED).await;
    breakable.control(action, &["rabbitmq"]).await;
    scene.sells(100, "without RabbitMQ").await;
    scene.says("rabbitmq", "down", "degraded").await;
    breakable.control("start", &["rabbitmq"]).await;
    scene.fault_ended();
    scene.sells(30, "with RabbitMQ back").await;
    scene.settle_heard_by(ear).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_is_stopped_and_started() {
    outage("stop", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_is_killed() {
    outage("kill", false).await;
}
