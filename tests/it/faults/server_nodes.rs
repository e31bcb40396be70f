//! Nodes of the server that die or stand still in mid-traffic.

use std::time::{Duration, Instant};

use crate::faults::scene::{Cast, Scene, stack};
use crate::services;

/// Milliseconds that a lock is leased for in these tests.
const LEASE: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_nodes_is_killed_again_and_again() {
    let stack = stack(services::shared()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast::default()).await;
    for round in 0..4 {
        let node = round % 2;
        scene.kill(node);
        scene.sells(20, "while the other node is dead").await;
        scene.restart(node);
        scene.sells(20, "with the node back").await;
    }
    scene.fault_ended();
    scene.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_is_killed_and_restarted() {
    let stack = stack(services::shared()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast { nodes: 1, ..Cast::default() }).await;
    for _ in 0..3 {
        scene.kill_and_restart(0);
        scene.fault_ended();
        scene.sells(30, "after the restart").await;
    }
    scene.settle().await;
}

/// A node that sleeps longer than its leases comes back with batches that were decided long ago: the other node has sold their seats.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_sleeps_longer_than_its_leases_while_the_other_sells() {
    let stack = stack(services::shared()).await.with("BOX_OFFICE__LEASE_SECONDS", LEASE.as_secs_f64());
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast { roaming: 0.0, clients: 16, ..Cast::default() }).await;
    for round in 0..6 {
        let node = round % 2;
        scene.nodes[node].signal("STOP");
        let asleep = Instant::now();
        scene.sells(10, "while the other node sleeps").await;
        tokio::time::sleep((3 * LEASE).saturating_sub(asleep.elapsed())).await;
        scene.nodes[node].signal("CONT");
        scene.fault_ended();
        scene.sells(10, "with both nodes awake").await;
    }
    scene.settle().await;
}

/// The write store's clock decides, so the machine's own may jump as it likes.
#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_clock_jumps_by_minutes_both_ways() {
    let stack = stack(services::shared()).await;
    let ledger_url = stack.postgres_url();
    let mut scene = Scene::open(stack, ledger_url, Cast { own_clocks: true, ..Cast::default() }).await;
    for minutes in [5, -5, 0] {
        scene.set_clock_off_by(0, minutes * 60);
        scene.set_clock_off_by(1, minutes * -120);
        scene.sells(30, "with wrong clocks").await;
    }
    scene.fault_ended();
    scene.settle().await;
}
