//! Brings one showtime of the read model forward: with the events that came, and from the journal where some are missing.

use std::future::Future;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Dependencies;
use super::merge::{Merged, merge};
use super::outage::Outage;
use super::renew::renew;
use super::sweep::Repair;
use crate::domain::{Applied, EventRun, ShowtimeId};
use crate::event_bus::{Delivery, Settlement};

/// What is to be done for one showtime.
#[derive(Default)]
pub(super) struct Task {
    /// To apply and settle.
    pub(super) deliveries: Vec<Delivery>,
    /// What a sweep found to be done.
    pub(super) repair: Option<Repair>,
    /// Sweeps that wait until this is done: they hold the other end.
    pub(super) waiting_sweeps: Vec<tokio::sync::mpsc::Sender<()>>,
}

/// Why a showtime was not brought forward.
#[derive(Debug)]
enum Failure {
    /// The projector stops: the deliveries stay unsettled and come again.
    Stopped,
    /// It will fail every time.
    Hopeless(String),
}

/// One task at work.
pub(super) struct CatchUp<'a> {
    /// What it works with, and its limits.
    pub(super) dependencies: &'a Dependencies,
    /// Ends waits between attempts, never a write.
    pub(super) stop: &'a CancellationToken,
    /// The showtime.
    pub(super) id: ShowtimeId,
}

impl CatchUp<'_> {
    /// Carries the task out and settles its deliveries: done after the write, dead if it can never succeed. True if a store failed
    /// meanwhile, so that a sweep should look for what else was lost. The place among the showtimes at work is given back with the last
    /// write; what this showtime does after that is rest.
    pub(super) async fn carry_out(&self, task: Task, place: OwnedSemaphorePermit) -> bool {
        let mut troubled = false;
        let started = Instant::now();
        let delivered = !task.deliveries.is_empty();
        for Merged { run, deliveries } in merge(task.deliveries) {
            let settlement = match self.apply(&run, &mut troubled).await {
                Ok(()) => Settlement::Done,
                Err(Failure::Stopped) => return troubled,
                Err(Failure::Hopeless(reason)) => {
                    tracing::error!(
                        showtime.id = %self.id, events.first = run.first_sequence(), events.last = run.last_sequence(),
                        "a message cannot be applied to the read model and goes to the dead letters: {reason}"
                    );
                    Settlement::Dead(reason)
                }
            };
            tracing::debug!(
                showtime.id = %self.id, events.count = run.events().len(), events.last = run.last_sequence(),
                deliveries.count = deliveries.len(), "settled deliveries of showtime {}", self.id
            );
            for delivery in deliveries {
                delivery.settle(settlement.clone());
            }
        }
        if let Some(repair) = task.repair
            && let Err(Failure::Hopeless(reason)) = self.repair(repair, &mut troubled).await
        {
            tracing::error!(showtime.id = %self.id, "showtime {} cannot be repaired: {reason}", self.id);
        }
        drop(place);
        if delivered {
            // What arrives for a busy showtime meanwhile becomes one write instead of many.
            let rest =
                (started.elapsed() * 4).min(Duration::from_millis(self.dependencies.settings.max_rest_milliseconds));
            self.stop.run_until_cancelled(tokio::time::sleep(rest)).await;
        }
        troubled
    }

    async fn apply(&self, run: &EventRun, troubled: &mut bool) -> Result<(), Failure> {
        if let Applied::Gap { have } = self.insist(run, troubled).await? {
            self.refill(have, run.last_sequence(), troubled).await?;
        }
        if let Some(last) = run.events().last() {
            let lag = (self.dependencies.clock)().since(last.recorded_at);
            self.dependencies.lag.observe(lag.as_secs_f64());
        }
        Ok(())
    }

    async fn repair(&self, repair: Repair, troubled: &mut bool) -> Result<(), Failure> {
        match repair {
            Repair::Renew => self.renew(troubled).await.map(drop),
            Repair::Reach(sequence) => {
                let place = self.until_answered(|| self.dependencies.read_model.place(self.id), troubled).await?;
                self.refill(place.map_or(0, |place| place.sequence), sequence, troubled).await
            }
        }
    }

    /// Brings the showtime forward from `have` until `target` is reached, by the journal. A showtime that is missing, or stands in another
    /// history than the journal, is made anew.
    async fn refill(&self, mut have: u64, target: u64, troubled: &mut bool) -> Result<(), Failure> {
        let mut refilled = 0;
        while have < target {
            if have == 0 {
                have = self.renew(troubled).await?;
                if have < target {
                    return Err(Failure::Hopeless(ends_at(have, target)));
                }
                break;
            }
            let read = || self.dependencies.journal.journal(self.id, have, self.dependencies.settings.journal_page);
            let page = self.until_answered(read, troubled).await?;
            if page.is_empty() {
                return Err(Failure::Hopeless(ends_at(have, target)));
            }
            let run = EventRun::new(self.id, page).filter(|run| run.first_sequence() == have + 1);
            let run = run.ok_or_else(|| Failure::Hopeless(format!("the journal has a gap after {have}")))?;
            refilled += run.events().len();
            have = match self.insist(&run, troubled).await? {
                Applied::UpTo(reached) => reached,
                Applied::Gap { have: same } if same == have => {
                    tracing::warn!(showtime.id = %self.id, "the read model had another history of showtime {} than the journal: it is made anew", self.id);
                    0
                }
                // Removed or replaced meanwhile: from there, then.
                Applied::Gap { have } => have,
            };
        }
        if refilled > 0 {
            tracing::debug!(showtime.id = %self.id, events.count = refilled, "refilled showtime {} up to {have}", self.id);
        }
        Ok(())
    }

    /// Returns the sequence that the showtime has now; 0 if the write store does not know it.
    async fn renew(&self, troubled: &mut bool) -> Result<u64, Failure> {
        let Dependencies { journal, read_model, .. } = self.dependencies;
        let place = self.until_answered(|| renew(&**journal, &**read_model, self.id), troubled).await?;
        Ok(place.map_or(0, |place| place.sequence))
    }

    async fn insist(&self, run: &EventRun, troubled: &mut bool) -> Result<Applied, Failure> {
        self.until_answered(|| self.dependencies.read_model.apply(run), troubled).await
    }

    /// Asks until there is an answer, with growing pauses. A request under way is always waited for.
    async fn until_answered<T, E, F>(&self, ask: impl Fn() -> F, troubled: &mut bool) -> Result<T, Failure>
    where
        E: Into<Outage>,
        F: Future<Output = Result<T, E>>,
    {
        for attempt in 1_u32.. {
            if self.stop.is_cancelled() {
                break;
            }
            let error: Outage = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error.into(),
            };
            *troubled = true;
            if error.is_hopeless() {
                return Err(Failure::Hopeless(error.to_string()));
            }
            if attempt.is_power_of_two() {
                tracing::warn!(showtime.id = %self.id, attempt, "will try again to project showtime {}: {error}", self.id);
            }
            // One message that always fails, while everything else works, must not hold up the queue for ever.
            if attempt >= self.dependencies.settings.attempts_before_dead
                && error.is_of_this_request_only(self.dependencies).await
            {
                return Err(Failure::Hopeless(format!("it failed {attempt} times: {error}")));
            }
            let pause = self.dependencies.settings.retry_delay(attempt);
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
        }
        Err(Failure::Stopped)
    }
}

fn ends_at(have: u64, target: u64) -> String {
    format!("the journal ends at {have}, events up to {target} were announced")
}
