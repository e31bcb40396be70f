//! Valkey is emptied, stops, dies or stands still in mid-traffic: that may cost speed, never a seat (I9).

use std::time::{Duration, Instant};

use deadpool_redis::redis;

use crate::faults::scene::{Cast, Scene, stack};
use crate::services::{self, Breakable};
use crate::valkey_processes::Watched;

/// Nine of ten requests take less while Valkey does not answer: a response timeout or two, and the work itself on a busy machine.
const USUAL_ANSWER: Duration = Duration::from_secs(4);

/// Sells through an outage that `action` begins and `remedy` ends, twice.
async fn outage(action: &str, remedy: &str) {
    let breakable = Breakable::take().await;
    let stack = stack(breakable.services.clone()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    let began = Instant::now();
    for _ in 0..2 {
        breakable.control(action, &["valkey"]).await;
        scene.sells(20, "without Valkey").await;
        scene.says("valkey", "down", "degraded").await;
        scene.sells(20, "without Valkey, known to be so").await;
        breakable.control(remedy, &["valkey"]).await;
        scene.fault_ended();
        scene.says("valkey", "ok", "ready").await;
        scene.sells(20, "with Valkey back").await;
    }
    let ended = scene.fault_ended();
    let history = scene.settle().await;
    let usual = history.nine_of_ten(began, ended);
    assert!(usual < USUAL_ANSWER, "one of ten requests took {usual:?} or longer");
    let undecided =
        history.summary().into_keys().filter(|key| key.ends_with("unknown") || key.ends_with("unavailable"));
    assert_eq!(undecided.collect::<Vec<_>>(), Vec::<String>::new(), "Valkey decides nothing, so nothing is left open");
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_is_stopped_and_started() {
    outage("stop", "start").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_is_killed() {
    outage("kill", "start").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_stands_still() {
    outage("pause", "resume").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_is_emptied_again_and_again() {
    let breakable = Breakable::take().await;
    let stack = stack(breakable.services.clone()).await;
    let ledger_url = stack.postgres_url();
    let client = redis::Client::open(breakable.services.valkey.as_str()).unwrap();
    let mut valkey = client.get_multiplexed_async_connection().await.unwrap();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    for _ in 0..60 {
        // Scripts are forgotten too, as after a failover.
        let () = redis::cmd("FLUSHALL").query_async(&mut valkey).await.unwrap();
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut valkey).await.unwrap();
        scene.sells(3, "between two flushes").await;
    }
    scene.fault_ended();
    scene.settle().await;
}

/// The master dies for good, and the Sentinels make its replica the master: the nodes find it without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn valkey_has_a_new_master() {
    let mut watched = Watched::start().await;
    let url = watched.url();
    let stack = stack(services::shared()).await.through(|services| services.valkey = url);
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    scene.says("valkey", "ok", "ready").await;
    watched.master.kill();
    scene.fault_ended();
    scene.sells(40, "while the Sentinels decide").await;
    scene.says("valkey", "ok", "ready").await;
    let failed = scene.counted("turnstile_lock_failures_total").await;
    assert!(failed > 0, "calls to the dead master are not counted");
    scene.sells(20, "with the new master").await;
    scene.settle().await;
}
