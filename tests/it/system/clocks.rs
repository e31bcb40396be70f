//! Whose clock: nodes whose machine has the wrong time, or gets it while they run, end holds on time all the same.

use std::time::{Duration, Instant};

use serde_json::Value;
use turnstile::domain::Timestamp;

use crate::fake_clock::FakeClock;
use crate::services;
use crate::stack::{Answer, Held, Server, Stack, eventually};

const HOLD: Duration = Duration::from_secs(3);
/// A hold ends this long after its deadline at the latest (I6).
const LATE: Duration = Duration::from_secs(2);
/// By how much two readings of one clock may differ; the embedded profile's clock is corrected by a hundredth of the time.
const READING: Duration = Duration::from_millis(100);
/// What a request may take on a busy machine, where a bound is not the promise itself.
const NOISE: Duration = Duration::from_millis(500);
const MINUTES: i64 = 60;

/// A hold, and between which moments its deadline was set.
struct Watched {
    held: Held,
    asked: Instant,
    answered: Instant,
}

async fn stack() -> Stack {
    Stack::real(services::shared()).await.with("HOLD_SECONDS", HOLD.as_secs())
}

async fn hold(server: &Server, showtime: &str, seat: &String) -> (Watched, Answer) {
    let asked = Instant::now();
    let answer = server.reserve(showtime, std::slice::from_ref(seat), "somebody").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    (Watched { held: Held::from(&answer.body), asked, answered: Instant::now() }, answer)
}

impl Watched {
    /// The hold must last to its deadline, and no longer than is promised.
    async fn ends_on_time(&self, server: &Server) {
        loop {
            let answer = server.booking(&self.held).await;
            let status = answer.body["status"].as_str().unwrap();
            if status == "Expired" {
                let lasted = self.answered.elapsed();
                assert!(self.asked.elapsed() + READING >= HOLD, "it ended early, after {lasted:?}");
                assert!(lasted <= HOLD + LATE, "it ended late, after {lasted:?}");
                return;
            }
            assert_eq!(status, "Pending");
            assert!(self.answered.elapsed() <= HOLD + LATE + NOISE, "it has not ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The line of `/readyz` about the machine's clock.
async fn clock_line(server: &Server) -> Value {
    server.get("/readyz").await.body["dependencies"]["clock"].clone()
}

async fn tells_of_its_clock(server: &Server, words: &str) {
    eventually(words, Duration::from_secs(10), || async {
        let answer = server.get("/readyz").await;
        let clock = &answer.body["dependencies"]["clock"];
        let told = clock["status"] == "degraded" && clock["detail"].as_str().unwrap_or_default().contains(words);
        told && answer.body["status"] == "degraded"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_of_a_node_neither_ends_a_hold_early_nor_keeps_it() {
    let stack = stack().await;
    let (ahead, behind) = (FakeClock::off_by(5 * MINUTES), FakeClock::off_by(-5 * MINUTES));
    let nodes = [stack.start(), stack.start_with(ahead.variables()), stack.start_with(behind.variables())];
    let (showtime, seats) = nodes[0].schedule(1).await;
    let mut holds = Vec::new();
    for (node, seat) in nodes.iter().zip(&seats) {
        let before = now();
        let (watched, answer) = hold(node, &showtime, seat).await;
        let expires_at = Timestamp::parse(answer.body["expiresAt"].as_str().unwrap()).unwrap();
        assert!(expires_at + NOISE >= before + HOLD && expires_at <= now() + HOLD + NOISE, "{answer:?}");
        let left = answer.body["expiresInSeconds"].as_f64().unwrap();
        assert!(left <= HOLD.as_secs_f64() && left > HOLD.as_secs_f64() - 1.0, "{answer:?}");
        holds.push(watched);
    }
    // Each hold is watched through another node than the one that granted it.
    let ends = holds.iter().zip(nodes.iter().cycle().skip(1)).map(|(watched, node)| watched.ends_on_time(node));
    futures_util::future::join_all(ends).await;
    tells_of_its_clock(&nodes[1], "ahead of the write store's").await;
    tells_of_its_clock(&nodes[2], "behind the write store's").await;
    assert_eq!(clock_line(&nodes[0]).await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_clock_that_is_set_while_it_runs_changes_no_hold() {
    let stack = stack().await;
    let clocks = [FakeClock::off_by(0), FakeClock::off_by(0)];
    let nodes = [stack.start_with(clocks[0].variables()), stack.start_with(clocks[1].variables())];
    let (showtime, seats) = nodes[0].schedule(1).await;
    let (first, _) = hold(&nodes[0], &showtime, &seats[0]).await;
    let (second, _) = hold(&nodes[1], &showtime, &seats[1]).await;
    clocks[0].set_off_by(10 * MINUTES);
    clocks[1].set_off_by(-10 * MINUTES);
    let (third, _) = hold(&nodes[1], &showtime, &seats[2]).await;
    let (fourth, _) = hold(&nodes[0], &showtime, &seats[3]).await;
    futures_util::join!(
        first.ends_on_time(&nodes[1]),
        second.ends_on_time(&nodes[0]),
        third.ends_on_time(&nodes[1]),
        fourth.ends_on_time(&nodes[0]),
    );
    tells_of_its_clock(&nodes[0], "ahead of the write store's").await;
    tells_of_its_clock(&nodes[1], "behind the write store's").await;
    clocks[0].set_off_by(0);
    eventually("the clock is fine again", Duration::from_secs(10), || async {
        clock_line(&nodes[0]).await["status"] == "ok"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_profile_keeps_its_holds_when_the_machines_clock_is_set() {
    let stack = Stack::embedded().with("HOLD_SECONDS", HOLD.as_secs());
    let clock = FakeClock::off_by(0);
    let server = stack.start_with(clock.variables());
    let (showtime, seats) = server.schedule(1).await;
    for (seats, minutes) in seats.chunks(2).zip([10, -20]) {
        let (before, _) = hold(&server, &showtime, &seats[0]).await;
        clock.set_off_by(minutes * MINUTES);
        let (after, _) = hold(&server, &showtime, &seats[1]).await;
        futures_util::join!(before.ends_on_time(&server), after.ends_on_time(&server));
    }
    tells_of_its_clock(&server, "behind the write store's").await;
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}
