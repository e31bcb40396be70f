//! Audience: all watchers of a run: those of the scenario `watch`, and those that the check has follow the showtimes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::loadtest::LoadError;
use crate::loadtest::acknowledged::Acknowledged;
use crate::loadtest::house::House;
use crate::loadtest::latencies::Latencies;
use crate::loadtest::tally::Tally;
use crate::loadtest::watcher::{Assignment, Watched, Watcher};
use crate::loadtest::workload::Workload;

/// Connections that are opened at once.
const OPENED_AT_ONCE: usize = 64;
/// Time after which a watcher that sees nothing new, although there is more, is given up when the run is over.
const GRACE: Duration = Duration::from_secs(15);

/// See the module's documentation.
pub(super) struct Audience {
    watchers: Vec<JoinHandle<Watched>>,
    goal: watch::Sender<Option<Arc<[u64]>>>,
}

/// What the watchers share.
pub(super) struct Hall<'a> {
    pub(super) workload: &'a Workload,
    pub(super) houses: &'a Arc<[House]>,
    pub(super) tally: &'a Arc<Tally>,
    pub(super) acknowledged: Option<&'a Arc<Acknowledged>>,
}

impl Audience {
    /// Nobody yet.
    pub(super) fn new() -> Self {
        Self { watchers: Vec::new(), goal: watch::channel(None).0 }
    }

    /// So many watchers more, spread over nodes and houses; `folds`: they keep every seat's status.
    ///
    /// # Errors
    /// One of them is refused.
    pub(super) async fn seat(&mut self, hall: &Hall<'_>, count: usize, folds: bool) -> Result<(), LoadError> {
        let Hall { workload, houses, tally, acknowledged } = hall;
        let blank = Latencies::blank(2)?;
        let numbers: Vec<usize> = (0..count).collect();
        for some in numbers.chunks(OPENED_AT_ONCE) {
            let opening = some.iter().filter_map(|number| {
                let target = workload.targets.iter().cycle().nth(number % workload.targets.len().max(1))?;
                let assignment = Assignment {
                    target: Arc::clone(target),
                    houses: Arc::clone(houses),
                    // Nodes change fastest, so that every house has watchers on every node.
                    house: (number / workload.targets.len().max(1)) % houses.len().max(1),
                    folds,
                    acknowledged: acknowledged.filter(|_| !folds).cloned(),
                    warm_up: workload.window.warm_up,
                    tally: Arc::clone(tally),
                    goal: self.goal.subscribe(),
                    blank: blank.clone(),
                };
                Some(Watcher::open(assignment))
            });
            for opened in join_all(opening).await {
                if let Some(watcher) = opened.map_err(LoadError::Watcher)? {
                    self.watchers.push(tokio::spawn(watcher.watch(GRACE)));
                }
            }
        }
        Ok(())
    }

    /// Waits until everybody has seen every house's last sequence, or had enough time for it.
    pub(super) async fn leave(self, last: Vec<u64>) -> Vec<Watched> {
        self.goal.send_replace(Some(last.into()));
        join_all(self.watchers).await.into_iter().flatten().collect()
    }
}
