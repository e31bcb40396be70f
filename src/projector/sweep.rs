//! The sweep: compares the read model with the journal and reports what is behind, so that whatever was lost on the way (a message, a
//! queue, the whole read model) is refilled without any new event. What has another history than the journal is removed first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::{Dependencies, strays};
use crate::domain::ShowtimeId;
use crate::write_store::Head;

/// A showtime that is behind.
pub(super) struct Behind {
    /// Which.
    pub(super) id: ShowtimeId,
    /// The sequence to reach.
    pub(super) target: u64,
    /// Dropped when it is reached, or given up.
    pub(super) done: mpsc::Sender<()>,
}

/// What a sweep needs.
pub(super) struct Sweeper {
    /// Where it looks, and its limits.
    pub(super) dependencies: Dependencies,
    /// Asks for a sweep at once.
    pub(super) wanted: Arc<Notify>,
    /// Where it reports.
    pub(super) behind: mpsc::Sender<Behind>,
    /// True once a whole sweep was carried out.
    pub(super) caught_up: watch::Sender<bool>,
}

/// A store did not answer, or the projector ends.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Store(#[from] crate::write_store::StoreError),
    #[error(transparent)]
    Read(#[from] crate::read_model::ReadError),
    #[error("the projector ends")]
    Ending,
}

impl Sweeper {
    /// Sweeps at once, then again and again, until nobody takes its reports any more.
    pub(super) async fn run(self) {
        // What should have arrived by now has not: at the start, after an interruption and after an outage nobody will bring it.
        let mut at_once = true;
        let mut failures = 0_u32;
        while !self.behind.is_closed() {
            let pause = match self.sweep(at_once).await {
                Ok(count) => {
                    if count > 0 {
                        tracing::info!(showtimes.count = count, "refilled {count} showtimes that were behind");
                    }
                    failures = 0;
                    self.caught_up.send_replace(true);
                    Duration::from_millis(self.dependencies.settings.sweep_every_milliseconds)
                }
                Err(Interrupted::Ending) => return,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!(failures, "the sweep for showtimes that are behind will be repeated: {error}");
                    }
                    self.dependencies.settings.retry_delay(failures)
                }
            };
            at_once = tokio::select! {
                () = tokio::time::sleep(pause) => failures > 0,
                () = self.wanted.notified() => true,
            };
        }
    }

    /// One sweep over all showtimes; returns how many were behind, after they were brought forward.
    async fn sweep(&self, at_once: bool) -> Result<usize, Interrupted> {
        let Dependencies { journal, read_model, settings, .. } = &self.dependencies;
        let most = settings.sweep_page.max(1);
        let strays = strays::forget_strays::<Interrupted>(&**journal, &**read_model, most).await?;
        let at_once = at_once || strays > 0;
        let (done, mut all_done) = mpsc::channel(1);
        let (mut after, mut count) = (None, 0);
        loop {
            let page = journal.heads_page(after, most).await?;
            let Some((last, _)) = page.last() else {
                break;
            };
            after = Some(*last);
            let mut behind = self.behind(page).await?;
            if !behind.is_empty() && !at_once {
                tokio::time::sleep(Duration::from_millis(settings.sweep_grace_milliseconds)).await;
                behind = self.behind(behind).await?;
            }
            count += behind.len();
            for (id, target) in behind {
                let behind = Behind { id, target, done: done.clone() };
                self.behind.send(behind).await.map_err(|_closed| Interrupted::Ending)?;
            }
            tokio::time::sleep(Duration::from_millis(settings.sweep_pause_milliseconds)).await;
        }
        drop(done);
        // Nothing is ever sent: this ends when the last report is dropped.
        while all_done.recv().await.is_some() {}
        Ok(count)
    }

    /// Those of the heads that the read model has not reached.
    async fn behind(&self, heads: Vec<Head>) -> Result<Vec<Head>, Interrupted> {
        let ids = heads.iter().map(|(id, _)| *id).collect();
        let reached: HashMap<_, _> = self.dependencies.read_model.heads(ids).await?.into_iter().collect();
        Ok(heads.into_iter().filter(|(id, head)| reached.get(id).is_none_or(|reached| reached < head)).collect())
    }
}
