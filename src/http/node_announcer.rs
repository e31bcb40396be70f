//! Announcer: tells the store every few seconds that this node runs, and how it is, so that operators see it from every node. It has one
//! task. A store that is away costs a line in the log, and the node goes on without it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::http::health::{Health, Report};
use crate::read_model::ReadError;
use crate::read_model::nodes::{Node, NodeHealth, Nodes};

/// Time between two looks at the node's health. A change is announced at once; so is what could not be announced before.
const LOOK: Duration = Duration::from_secs(1);
/// Time after which the same is announced again.
const REPEAT: Duration = Duration::from_secs(5);
/// Longest time that the end of the node waits until it is withdrawn.
const LONGEST_END: Duration = Duration::from_secs(3);

/// See the module's documentation.
pub struct NodeAnnouncer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    nodes: Arc<dyn Nodes>,
    node: Node,
    health: Health,
    /// Notified when there is something new to announce.
    wake: Notify,
    stop: CancellationToken,
}

impl NodeAnnouncer {
    /// Announces this node from a task on this runtime, until [`NodeAnnouncer::finish`].
    pub fn start(nodes: Arc<dyn Nodes>, node: Node, health: Health, runtime: &Handle) -> Self {
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared { nodes, node, health, wake: Notify::new(), stop });
        let task = runtime.spawn(announce_always(Arc::clone(&shared)));
        Self { shared, task }
    }

    /// Announces a change of the node's health without waiting for the next look.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Withdraws the node, and announces it no more.
    pub async fn finish(mut self) {
        self.shared.stop.cancel();
        if tokio::time::timeout(LONGEST_END, &mut self.task).await.is_err() {
            tracing::warn!("this node was not withdrawn in time: operators may see it as silent for an hour");
            self.task.abort();
        }
    }
}

/// A panic must not make a node silent that works.
async fn announce_always(shared: Arc<Shared>) {
    loop {
        let work = Arc::clone(&shared);
        match tokio::spawn(async move { work.announce_until_stopped().await }).await {
            Ok(()) => return,
            Err(error) => tracing::error!(%error, "the announcer was lost and starts again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Shared {
    async fn announce_until_stopped(&self) {
        let mut last: Option<(&'static str, Instant)> = None;
        let mut is_away = false;
        while self.waits().await {
            let report = self.health.report();
            let status = report.status;
            if last.is_some_and(|(said, at)| said == status && at.elapsed() < REPEAT) {
                continue;
            }
            let announced = self.announce(report).await;
            match &announced {
                Ok(()) if is_away => tracing::info!("this node is announced again"),
                Err(error) if !is_away => {
                    tracing::warn!(%error, "this node cannot be announced: operators may see it as silent");
                }
                Ok(()) | Err(_) => {}
            }
            is_away = announced.is_err();
            last = announced.is_ok().then(|| (status, Instant::now()));
        }
        if let Err(error) = self.nodes.withdraw(self.node.id).await {
            tracing::warn!(%error, "this node could not be withdrawn: operators may see it as silent for an hour");
        }
    }

    /// Waits until the next look; false at the end. What is new is announced before the end.
    async fn waits(&self) -> bool {
        tokio::select! {
            biased;
            () = self.wake.notified() => true,
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(LOOK) => true,
        }
    }

    async fn announce(&self, report: Report) -> Result<(), ReadError> {
        let dependencies = serde_json::to_vec(&report.dependencies.unwrap_or_default());
        let dependencies = dependencies.map_err(|error| ReadError { reason: error.to_string() })?;
        let health = NodeHealth { status: report.status.to_owned(), dependencies: Bytes::from(dependencies) };
        self.nodes.announce(&self.node, &health).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use uuid::Uuid;

    use super::*;
    use crate::domain::Timestamp;
    use crate::http::health;
    use crate::read_model::nodes::{HeardNode, NodeId};

    /// What the store does next.
    #[derive(Clone, Copy, PartialEq, Eq, Default)]
    enum Mode {
        #[default]
        Works,
        Fails,
        Panics,
        Hangs,
    }

    /// A store that notes what it is told, with the seconds since the start.
    struct Store {
        began: Instant,
        mode: Mutex<Mode>,
        told: Mutex<Vec<(u64, String)>>,
    }

    impl Store {
        async fn note(&self, what: &str) -> Result<(), ReadError> {
            self.told.lock().unwrap().push((self.began.elapsed().as_secs(), what.to_owned()));
            let mode = *self.mode.lock().unwrap();
            match mode {
                Mode::Works => Ok(()),
                Mode::Fails => Err(ReadError { reason: "away".to_owned() }),
                Mode::Panics => panic!("on purpose"),
                Mode::Hangs => std::future::pending().await,
            }
        }

        fn is(&self, mode: Mode) {
            *self.mode.lock().unwrap() = mode;
        }

        /// What was told since the last call.
        fn told(&self) -> Vec<(u64, String)> {
            std::mem::take(&mut self.told.lock().unwrap())
        }
    }

    #[async_trait]
    impl Nodes for Store {
        async fn announce(&self, _node: &Node, health: &NodeHealth) -> Result<(), ReadError> {
            self.note(&health.status).await
        }

        async fn withdraw(&self, _id: NodeId) -> Result<(), ReadError> {
            self.note("withdrawn").await
        }

        async fn heard(&self) -> Result<Vec<HeardNode>, ReadError> {
            Ok(Vec::new())
        }
    }

    fn start() -> (Arc<Store>, Health, NodeAnnouncer) {
        let store = Arc::new(Store { began: Instant::now(), mode: Mutex::default(), told: Mutex::default() });
        let node = Node {
            id: NodeId(Uuid::nil()),
            host: "box".to_owned(),
            address: "127.0.0.1:5000".to_owned(),
            version: "0".to_owned(),
            started_at: Timestamp::from_millis(0),
        };
        let health = Health::new(health::Settings::default());
        let nodes: Arc<dyn Nodes> = Arc::<Store>::clone(&store);
        let announcer = NodeAnnouncer::start(nodes, node, health.clone(), &Handle::current());
        (store, health, announcer)
    }

    fn seconds(seconds: u64) -> tokio::time::Sleep {
        tokio::time::sleep(Duration::from_secs(seconds) + Duration::from_millis(100))
    }

    fn said(at: u64, what: &str) -> (u64, String) {
        (at, what.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_announced_every_five_seconds_and_when_its_health_changes() {
        let (store, health, announcer) = start();
        seconds(13).await;
        assert_eq!(store.told(), [said(1, "ready"), said(6, "ready"), said(11, "ready")]);
        health.drain();
        seconds(6).await;
        assert_eq!(store.told(), [said(14, "draining"), said(19, "draining")]);
        announcer.finish().await;
        seconds(20).await;
        assert_eq!(store.told(), [said(19, "withdrawn")], "and nothing after it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_drains_for_no_time_says_so_before_it_is_withdrawn() {
        let (store, health, announcer) = start();
        seconds(2).await;
        assert_eq!(store.told(), [said(1, "ready")]);
        health.drain();
        announcer.wake();
        announcer.finish().await;
        assert_eq!(store.told(), [said(2, "draining"), said(2, "withdrawn")]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_announcer_outlives_failures_and_panics_of_the_store() {
        let (store, _health, announcer) = start();
        for mode in [Mode::Fails, Mode::Panics] {
            store.is(mode);
            seconds(10).await;
            assert!(store.told().len() >= 4, "it goes on trying");
            store.is(Mode::Works);
            seconds(3).await;
            assert_eq!(store.told().len(), 1, "once is enough");
        }
        announcer.finish().await;
        assert_eq!(store.told().last().unwrap().1, "withdrawn");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_node_waits_three_seconds_at_most_for_the_store() {
        let (store, _health, announcer) = start();
        seconds(1).await;
        store.is(Mode::Hangs);
        let ended = Instant::now();
        announcer.finish().await;
        assert_eq!(ended.elapsed(), LONGEST_END);
    }
}
