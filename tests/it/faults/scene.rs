//! A scene: nodes under traffic, watched, on services that are about to fail; and what must hold once the failure has passed.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::fake_clock::FakeClock;
use crate::faults::audit::{findings, not_heard};
use crate::faults::ear::Ear;
use crate::faults::history::{History, Outcome};
use crate::faults::ledger::{Backlog, Ledger};
use crate::faults::traffic::{Addresses, Style, Target, Traffic};
use crate::faults::watcher::Watcher;
use crate::stack::{Held, Server, Stack};

/// All is as if nothing had happened so long after a fault has ended.
pub const RECOVERY: Duration = Duration::from_secs(30);
/// Seconds that traffic's holds last: short, so that holds expire in the middle of faults.
const HOLD_SECONDS: u64 = 2;
const SHOWTIMES: usize = 2;
/// Rows of ten seats in each showtime; traffic does not sell them out.
const ROWS: usize = 60;
/// Acknowledged bookings that are asked for with their tokens at the end.
const TOKENS_CHECKED: usize = 40;

/// Nodes, their traffic and its watchers.
pub struct Scene {
    stack: Stack,
    /// PostgreSQL, not through any proxy.
    ledger_url: String,
    pub nodes: Vec<Server>,
    addresses: Addresses,
    /// The clocks of the nodes' machines.
    clocks: Vec<FakeClock>,
    traffic: Option<Traffic>,
    watchers: Vec<Watcher>,
    fault_ended: Instant,
    pub seed: u64,
}

/// How a scene is set.
#[derive(Clone, Copy)]
pub struct Cast {
    pub nodes: usize,
    pub clients: usize,
    pub roaming: f64,
    /// Each node has a machine's clock of its own, which can be set.
    pub own_clocks: bool,
}

impl Default for Cast {
    fn default() -> Self {
        Self { nodes: 2, clients: 10, roaming: 0.2, own_clocks: false }
    }
}

/// The stack with traffic's settings.
pub async fn stack(services: crate::services::Services) -> Stack {
    Stack::real(services).await.with("HOLD_SECONDS", HOLD_SECONDS).with("HOLD_TOTAL_SECONDS", 3 * HOLD_SECONDS)
}

fn start(stack: &Stack, clock: Option<&FakeClock>) -> Server {
    stack.start_with(clock.map_or_else(Vec::new, FakeClock::variables))
}

impl Scene {
    /// Starts the nodes, watchers on each of them, and traffic, and waits until traffic flows.
    pub async fn open(stack: Stack, ledger_url: String, cast: Cast) -> Self {
        let seed = std::env::var("TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
        let clocks: Vec<FakeClock> =
            (0..if cast.own_clocks { cast.nodes } else { 0 }).map(|_| FakeClock::off_by(0)).collect();
        let nodes: Vec<Server> = (0..cast.nodes).map(|node| start(&stack, clocks.get(node))).collect();
        let addresses: Addresses = Arc::new(Mutex::new(nodes.iter().map(|node| node.address().to_owned()).collect()));
        let mut targets = Vec::new();
        for _ in 0..SHOWTIMES {
            let (id, seats) = nodes[0].schedule(ROWS).await;
            targets.push(Target { id, seats });
        }
        let watchers = targets
            .iter()
            .flat_map(|target| (0..cast.nodes).map(|node| (node, target.id.clone())))
            .map(|(node, showtime)| Watcher::start(Arc::clone(&addresses), node, showtime))
            .collect();
        let style = Style { clients: cast.clients, seed, roaming: cast.roaming };
        let traffic = Some(Traffic::start(Arc::clone(&addresses), Arc::new(targets), style));
        let fault_ended = Instant::now();
        let mut scene = Self { stack, ledger_url, nodes, addresses, clocks, traffic, watchers, fault_ended, seed };
        scene.sells(40, "before any fault").await;
        scene
    }

    fn granted(&self) -> u64 {
        self.traffic.as_ref().unwrap().granted()
    }

    /// Waits until so many more reservations are granted; fails if that takes as long as a recovery may.
    pub async fn sells(&mut self, reservations: u64, when: &str) {
        let (start, goal) = (Instant::now(), self.granted() + reservations);
        while self.granted() < goal {
            let missing = goal - self.granted();
            if start.elapsed() > RECOVERY {
                let told = self.traffic.take().unwrap().finish().await.summary();
                panic!("{when}: {missing} of {reservations} not granted within {RECOVERY:?}; told so far: {told:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The fault is over: recovery is timed from here.
    pub fn fault_ended(&mut self) -> Instant {
        self.fault_ended = Instant::now();
        self.fault_ended
    }

    /// Waits until `/readyz` of every node says this about a dependency, and `status` as a whole.
    pub async fn says(&self, dependency: &str, standing: &str, status: &str) {
        let end = Instant::now() + RECOVERY;
        for (index, node) in self.nodes.iter().enumerate() {
            loop {
                let answer = node.get("/readyz").await;
                // A 503 is a problem document: `status` is the number there.
                let whole = if answer.status == 200 { answer.body["status"].as_str() } else { Some("down") };
                if answer.body["dependencies"][dependency]["status"] == standing && whole == Some(status) {
                    break;
                }
                assert!(Instant::now() < end, "node {index} does not say {dependency} {standing}: {answer:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// A counter of `/metrics`, all nodes together.
    pub async fn counted(&self, name: &str) -> u64 {
        let mut sum = 0;
        for node in &self.nodes {
            let text = node.get("/metrics").await.body.as_str().unwrap().to_owned();
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            sum += line.unwrap_or_else(|| panic!("{name} is not counted:\n{text}")).parse::<u64>().unwrap();
        }
        sum
    }

    /// kill -9, and a new process in its place.
    pub fn kill_and_restart(&mut self, node: usize) {
        self.kill(node);
        self.restart(node);
    }

    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    pub fn restart(&mut self, node: usize) {
        self.nodes[node] = start(&self.stack, self.clocks.get(node));
        self.nodes[node].address().clone_into(&mut self.addresses.lock().unwrap()[node]);
    }

    /// Sets the clock of a node's machine.
    pub fn set_clock_off_by(&self, node: usize, seconds: i64) {
        self.clocks[node].set_off_by(seconds);
    }

    /// Ends traffic, waits until everything has drained, and checks all that was promised. Returns what the clients were told.
    pub async fn settle(self) -> History {
        self.settle_heard_by(None).await
    }

    /// As [`Scene::settle`]; besides, the broker was told everything since the ear was opened, at least once and in order (I4).
    pub async fn settle_heard_by(mut self, ear: Option<Ear>) -> History {
        let mut history = self.traffic.take().unwrap().finish().await;
        self.drains().await;
        self.tokens_are_valid(&mut history).await;
        let ledger = Ledger::read(&self.ledger_url).await;
        let mut found = findings(&history, &ledger, &self.watchers);
        if let Some(ear) = ear {
            found.extend(not_heard(&ear.heard().await, &ledger));
        }
        if !found.is_empty() {
            let mut said =
                format!("{} findings with TEST_SEED={}; told: {:?}", found.len(), self.seed, history.summary());
            found.iter().take(20).for_each(|finding| write!(said, "\n- {finding}").unwrap());
            panic!("{said}");
        }
        self.stack.check().await;
        println!("{:?}", history.summary());
        history
    }

    /// Listens at the broker from now on.
    pub async fn ear(&self) -> Ear {
        Ear::open(&self.stack.services().rabbitmq, self.stack.name()).await
    }

    /// No outbox row, no pending hold, read model and watchers at the last sequence, and every node ready.
    async fn drains(&self) {
        loop {
            let lags = self.lags().await;
            if lags.is_empty() {
                return;
            }
            let since = self.fault_ended.elapsed();
            assert!(since < RECOVERY, "not drained {since:?} after the fault's end: {lags:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn lags(&self) -> Vec<String> {
        let backlog = match Backlog::read(&self.ledger_url).await {
            Ok(backlog) => backlog,
            Err(error) => return vec![format!("PostgreSQL: {error}")],
        };
        let mut lags = Vec::new();
        if backlog.outbox_rows > 0 {
            lags.push(format!("{} outbox rows", backlog.outbox_rows));
        }
        if backlog.pending_bookings > 0 {
            lags.push(format!("{} holds still pending", backlog.pending_bookings));
        }
        for watcher in &self.watchers {
            let (seen, head) = (watcher.last(), backlog.heads[&watcher.showtime]);
            if seen < head {
                lags.push(format!("watcher of {} on node {} at {seen} of {head}", watcher.showtime, watcher.node));
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            for (showtime, head) in &backlog.heads {
                let answer = node.get(&format!("/api/showtimes/{showtime}")).await;
                if answer.body["sequence"].as_u64() != Some(*head) {
                    lags.push(format!("node {index} shows {showtime} at {} of {head}", answer.body["sequence"]));
                }
            }
            let ready = node.get("/readyz").await;
            if ready.status != 200 || ready.body["status"] != "ready" {
                lags.push(format!("node {index} is not ready: {}", ready.body));
            }
        }
        lags
    }

    /// Tokens given before the fault open their bookings afterwards, on every node.
    async fn tokens_are_valid(&self, history: &mut History) {
        let held: Vec<Held> = history
            .reservations
            .iter()
            .filter_map(|reservation| match &reservation.outcome {
                Outcome::Done(held) => Some(held.clone()),
                Outcome::Refused | Outcome::Unavailable | Outcome::Over | Outcome::Unknown => None,
            })
            .collect();
        let step = held.len().div_ceil(TOKENS_CHECKED).max(1);
        for (index, held) in held.iter().step_by(step).enumerate() {
            let answer = self.nodes[index % self.nodes.len()].booking(held).await;
            if answer.status != 200 || answer.body["bookingId"] != held.booking_id.as_str() {
                history.oddities.push(format!("the token of {held:?} was answered {answer:?}"));
            }
        }
    }
}
