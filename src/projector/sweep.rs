//! The sweep: compares the read model with the journal and reports what differs, so that whatever was lost on the way (a message, a
//! queue, a document, a part of the write store's history) is made good without any new event.
//!
//! A sweep looks at the showtimes that changed lately, by the journal and by what this node wrote. It looks at all showtimes at the
//! start, once an hour, after a store did not answer, and when the journal or the read model has lost a showtime that the last sweep saw.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::Dependencies;
use super::noted::Noted;
use super::outage::Outage;
use crate::domain::{Place, ShowtimeId, Timestamp};
use crate::write_store::Head;

/// A commit is in the journal at most so long after its decision. (The write store's timeouts add up to less.)
const COMMIT_TAKES: Duration = Duration::from_secs(15);
/// Time between two sweeps over all showtimes, whatever happens.
const ALL_EVERY: Duration = Duration::from_hours(1);
/// Most changed showtimes in one sweep. Past it, all showtimes are looked at.
const MOST_CHANGED: usize = 10_000;

/// A showtime whose document is to be brought forward or made anew.
pub(super) struct Behind {
    /// Which.
    pub(super) id: ShowtimeId,
    /// What is to be done.
    pub(super) repair: Repair,
    /// Dropped when it is done, or given up.
    pub(super) done: mpsc::Sender<()>,
}

/// What is to be done for a showtime.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Repair {
    /// Its document is to reach this sequence.
    Reach(u64),
    /// Its document tells of another history than the journal.
    Renew,
}

/// What a sweep needs.
pub(super) struct Sweeper {
    /// Where it looks, and its limits.
    pub(super) dependencies: Dependencies,
    /// Asks for a sweep at once.
    pub(super) wanted: Arc<Notify>,
    /// To be looked at in the next sweep.
    pub(super) noted: Arc<Noted>,
    /// Where it reports.
    pub(super) behind: mpsc::Sender<Behind>,
    /// True once all showtimes were looked at and reported showtimes repaired.
    pub(super) caught_up: watch::Sender<bool>,
}

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Outage(#[from] Outage),
    #[error("the projector ends")]
    Ending,
}

/// Which showtimes a sweep looks at.
#[derive(Clone, Copy)]
enum Scope {
    All,
    /// Those that changed since then.
    Changed(Timestamp),
}

/// What a sweep found.
enum Swept {
    /// So many showtimes were not as they should be, and have been repaired.
    Repaired(usize),
    /// Something was lost that had been there: all showtimes are to be looked at.
    Lost,
}

impl Sweeper {
    /// Sweeps at once, then again and again, until nobody takes its reports any more.
    pub(super) async fn run(self) {
        // What should have arrived by now has not: at the start, after an interruption and after an outage nobody will bring it.
        let mut at_once = true;
        let mut scope = Scope::All;
        let mut known = Vec::new();
        let mut all_seen = Instant::now();
        let mut failures = 0_u32;
        let settings = &self.dependencies.settings;
        while !self.behind.is_closed() {
            let began = (self.dependencies.clock)();
            let swept = match scope {
                Scope::All => self.sweep_all(at_once).await,
                Scope::Changed(since) => self.sweep_changed(since, at_once, &mut known).await,
            };
            let pause = match swept {
                Ok(Swept::Repaired(count)) => {
                    if count > 0 {
                        tracing::info!(showtimes.count = count, "repaired {count} showtimes in the read model");
                    }
                    failures = 0;
                    if matches!(scope, Scope::All) {
                        self.caught_up.send_replace(true);
                        all_seen = Instant::now();
                    }
                    scope = if all_seen.elapsed() < ALL_EVERY { Scope::Changed(began) } else { Scope::All };
                    Duration::from_millis(settings.sweep_every_milliseconds)
                }
                Ok(Swept::Lost) => {
                    tracing::warn!(
                        "the read model or the journal has lost showtimes: all are looked at (was one of them restored?)"
                    );
                    known.clear();
                    scope = Scope::All;
                    Duration::ZERO
                }
                Err(Interrupted::Ending) => return,
                Err(Interrupted::Outage(error)) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!(failures, "the sweep for showtimes that are behind will be repeated: {error}");
                    }
                    scope = Scope::All;
                    settings.retry_delay(failures)
                }
            };
            at_once = tokio::select! {
                () = tokio::time::sleep(pause) => failures > 0 || pause.is_zero(),
                () = self.wanted.notified() => true,
            };
        }
    }

    /// Looks at every document and at every showtime.
    async fn sweep_all(&self, at_once: bool) -> Result<Swept, Interrupted> {
        let Dependencies { journal, read_model, settings, .. } = &self.dependencies;
        let most = settings.sweep_page.max(1);
        let mut report = Report::to(&self.behind);
        let mut start = None;
        loop {
            let shown = read_model.list(start, most).await.map_err(Outage::from)?;
            let Some(last) = shown.last() else { break };
            start = Some((last.listing.start_time, last.id));
            // Asked after the documents: what they have, the journal had before them.
            let places = shown.iter().map(|summary| (summary.id, summary.place())).collect();
            for id in journal.lost(places).await.map_err(Outage::from)? {
                tracing::warn!(showtime.id = %id, "the read model had another history of showtime {id} than the journal: it is made anew");
                report.behind(id, Repair::Renew).await?;
            }
        }
        let mut after = None;
        loop {
            let heads = journal.heads_page(after, most).await.map_err(Outage::from)?;
            let Some((last, _)) = heads.last() else { break };
            after = Some(*last);
            let ids = heads.iter().map(|(id, _)| *id).collect();
            let places = read_model.places(ids).await.map_err(Outage::from)?;
            self.report_behind(heads, places, at_once, &mut report).await?;
            tokio::time::sleep(Duration::from_millis(settings.sweep_pause_milliseconds)).await;
        }
        Ok(Swept::Repaired(report.all_done().await))
    }

    /// Looks at the showtimes that changed since then, and again at those that the last such sweep saw, which are `known`.
    async fn sweep_changed(
        &self,
        since: Timestamp,
        at_once: bool,
        known: &mut Vec<ShowtimeId>,
    ) -> Result<Swept, Interrupted> {
        let Dependencies { journal, read_model, settings, .. } = &self.dependencies;
        let since = Timestamp::from_millis(since.as_millis().saturating_sub(milliseconds(COMMIT_TAKES)));
        let changed = journal.changed(since, MOST_CHANGED + 1).await.map_err(Outage::from)?;
        let Some(mut looked_at) = self.noted.take().filter(|_noted| changed.len() <= MOST_CHANGED) else {
            return self.sweep_all(at_once).await;
        };
        looked_at.extend(changed);
        let seen: Vec<ShowtimeId> = looked_at.iter().copied().collect();
        looked_at.extend(known.iter().copied());
        let looked_at: Vec<ShowtimeId> = looked_at.into_iter().collect();
        let mut report = Report::to(&self.behind);
        let mut found = HashSet::new();
        for page in looked_at.chunks(settings.sweep_page.max(1)) {
            let places = read_model.places(page.to_vec()).await.map_err(Outage::from)?;
            found.extend(places.iter().map(|(id, _)| *id));
            if !journal.lost(places.clone()).await.map_err(Outage::from)?.is_empty() {
                return Ok(Swept::Lost);
            }
            let heads = journal.heads(page.to_vec()).await.map_err(Outage::from)?;
            self.report_behind(heads, places, at_once, &mut report).await?;
        }
        if known.iter().any(|id| !found.contains(id)) {
            return Ok(Swept::Lost);
        }
        if !seen.is_empty() {
            *known = seen;
        }
        tokio::time::sleep(Duration::from_millis(settings.sweep_pause_milliseconds)).await;
        Ok(Swept::Repaired(report.all_done().await))
    }

    /// Reports those of the heads that these places have not reached; unless `at_once`, only if they still have not after a while.
    async fn report_behind(
        &self,
        heads: Vec<Head>,
        places: Vec<(ShowtimeId, Place)>,
        at_once: bool,
        report: &mut Report<'_>,
    ) -> Result<(), Interrupted> {
        let mut behind = behind(heads, places);
        if !behind.is_empty() && !at_once {
            let grace = Duration::from_millis(self.dependencies.settings.sweep_grace_milliseconds);
            tokio::time::sleep(grace).await;
            let ids = behind.iter().map(|(id, _)| *id).collect();
            let places = self.dependencies.read_model.places(ids).await.map_err(Outage::from)?;
            behind = self::behind(behind, places);
        }
        for (id, head) in behind {
            report.behind(id, Repair::Reach(head)).await?;
        }
        Ok(())
    }
}

/// Those of the heads that these places have not reached.
fn behind(heads: Vec<Head>, places: Vec<(ShowtimeId, Place)>) -> Vec<Head> {
    let places: HashMap<_, _> = places.into_iter().collect();
    let is_behind = |(id, head): &Head| places.get(id).is_none_or(|place| place.sequence < *head);
    heads.into_iter().filter(is_behind).collect()
}

/// The reports of one sweep.
struct Report<'a> {
    behind: &'a mpsc::Sender<Behind>,
    done: mpsc::Sender<()>,
    all_done: mpsc::Receiver<()>,
    count: usize,
}

impl<'a> Report<'a> {
    fn to(behind: &'a mpsc::Sender<Behind>) -> Self {
        let (done, all_done) = mpsc::channel(1);
        Self { behind, done, all_done, count: 0 }
    }

    async fn behind(&mut self, id: ShowtimeId, repair: Repair) -> Result<(), Interrupted> {
        self.count += 1;
        let behind = Behind { id, repair, done: self.done.clone() };
        self.behind.send(behind).await.map_err(|_closed| Interrupted::Ending)
    }

    /// Waits until all that was reported is done; returns how many showtimes that were.
    async fn all_done(mut self) -> usize {
        drop(self.done);
        // Nothing is ever sent: this ends when the last report is dropped.
        while self.all_done.recv().await.is_some() {}
        self.count
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
