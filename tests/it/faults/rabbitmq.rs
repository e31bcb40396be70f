//! RabbitMQ stops or dies in mid-traffic: selling goes on, events wait in the outbox, and all watchers and the read model catch up.

use std::time::Duration;

use crate::faults::ledger::Backlog;
use crate::faults::scene::{Cast, Scene, stack};
use crate::proxy::{Mode, Proxy};
use crate::services::{self, Breakable};
use crate::stack::eventually;

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

/// Whoever of two nodes leads the relay loses its broker, the other one does not: events go on to be published.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_its_broker_leaves_the_lead_to_a_node_that_has_one() {
    // Holds that last while the brokers change, however slow the machine is.
    let stack = stack(services::shared()).await.with("HOLD_SECONDS", 600).with("HOLD_TOTAL_SECONDS", 600);
    let ledger_url = stack.postgres_url();
    let url = url::Url::parse(&stack.services().rabbitmq).unwrap();
    let broker = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let proxies = [Proxy::to(&broker).await, Proxy::to(&broker).await];
    let nodes = [&proxies[0], &proxies[1]].map(|proxy| {
        let url = url.as_str().replacen(&broker, &proxy.address().to_string(), 1);
        stack.start_with(vec![("TURNSTILE_RABBITMQ_URL", url)])
    });
    let (showtime, seats) = nodes[0].schedule(1).await;
    let published = async || {
        eventually("the outbox is empty", Duration::from_secs(30), async || {
            Backlog::read(&ledger_url).await.is_ok_and(|backlog| backlog.outbox_rows == 0)
        })
        .await;
    };
    // One of the two leads: it is met in one of the rounds.
    for (cut, seat) in [0, 1, 0, 1].into_iter().zip(&seats) {
        published().await;
        proxies[cut].set(Mode::Refuse);
        let held = nodes[cut].hold(&showtime, std::slice::from_ref(seat)).await;
        published().await;
        let path = format!("/api/showtimes/{showtime}?minSequence={}", held.sequence);
        eventually("the other node shows it", Duration::from_secs(30), async || {
            nodes[1 - cut].get(&path).await.status == 200
        })
        .await;
        let seen = nodes[1 - cut].seats(&showtime, held.sequence).await;
        assert!(seen.contains(&(seat.clone(), "Reserved".to_owned())));
        proxies[cut].set(Mode::Forward);
    }
    // Away for all: nobody leads, so nobody takes turns; then one does again.
    proxies.iter().for_each(|proxy| proxy.set(Mode::Refuse));
    nodes[0].hold(&showtime, &seats[5..6]).await;
    eventually("both nodes know", Duration::from_secs(30), async || {
        let mut down = 0;
        for node in &nodes {
            down += usize::from(node.get("/readyz").await.body["dependencies"]["rabbitmq"]["status"] == "down");
        }
        down == 2
    })
    .await;
    proxies.iter().for_each(|proxy| proxy.set(Mode::Forward));
    published().await;
}
