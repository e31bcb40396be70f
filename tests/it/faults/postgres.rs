//! PostgreSQL stops, dies, or loses its connections around COMMIT in mid-traffic: the one service without which nothing is sold, and nothing may be lost.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::faults::scene::{Cast, Scene, stack};
use crate::proxy::{Mode, Proxy};
use crate::services::{self, Breakable};

/// Longest that any request may take while PostgreSQL is away for about a second: its outcome is settled, not given up.
const LONGEST_ANSWER: Duration = Duration::from_secs(12);

async fn breaks(action: &str) {
    let breakable = Breakable::take().await;
    let stack = stack(breakable.services.clone()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    let began = std::time::Instant::now();
    for _ in 0..2 {
        breakable.control(action, &["postgres"]).await;
        scene.says("postgresql", "down", "down").await;
        breakable.control("start", &["postgres"]).await;
        scene.fault_ended();
        scene.sells(30, "with PostgreSQL back").await;
    }
    let ended = scene.fault_ended();
    let history = scene.settle().await;
    let slowest = history.slowest(began, ended);
    println!("the slowest answer took {slowest:?}");
    assert!(slowest < LONGEST_ANSWER, "a request took {slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_stopped_and_started() {
    breaks("stop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_killed() {
    breaks("kill").await;
}

/// The request reaches PostgreSQL, the reply does not reach the node: each cut hits every connection that is in use at that moment.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_cut_around_commit() {
    let services = services::shared();
    let mut url = url::Url::parse(&services.postgres).unwrap();
    let proxy = Proxy::to(&format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())).await;
    url.set_port(Some(proxy.address().port())).unwrap();
    let stack = stack(services).await;
    let ledger_url = stack.postgres_url();
    let stack = stack.through(|services| services.postgres = url.to_string());
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    for round in 0..12 {
        let before = proxy.connections();
        // Before the reply twice as often: that is where an outcome is unknown although it is certain.
        proxy.set(if round % 3 == 2 { Mode::CutBeforeRequest } else { Mode::CutBeforeReply });
        // A cut connection shows when it is replaced.
        crate::stack::eventually("a connection is cut", Duration::from_secs(10), || async {
            proxy.connections() > before
        })
        .await;
        proxy.set(Mode::Forward);
        scene.fault_ended();
        scene.sells(5, "after a cut").await;
    }
    // Cuts that meet each other: what looks up the outcome of a commit is cut off as well.
    let mut random = SmallRng::seed_from_u64(scene.seed);
    for _ in 0..100 {
        proxy.set(if random.random_bool(0.8) { Mode::CutBeforeReply } else { Mode::CutBeforeRequest });
        tokio::time::sleep(Duration::from_millis(random.random_range(2..25))).await;
        proxy.set(Mode::Forward);
        tokio::time::sleep(Duration::from_millis(random.random_range(2..40))).await;
    }
    scene.fault_ended();
    scene.sells(20, "after a storm of cuts").await;
    let unknown = scene.counted("turnstile_batches_unknown_total").await;
    assert!(unknown > 0, "no commit was ever in doubt");
    scene.settle().await;
}

/// PostgreSQL swallows everything and answers nothing for a while, then goes on as if nothing had happened.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_stands_still() {
    let breakable = Breakable::take().await;
    let stack = stack(breakable.services.clone()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    breakable.control("pause", &["postgres"]).await;
    scene.says("postgresql", "down", "down").await;
    breakable.control("resume", &["postgres"]).await;
    scene.fault_ended();
    scene.sells(30, "with PostgreSQL awake").await;
    scene.settle().await;
}
