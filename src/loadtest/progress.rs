//! Progress: one line on standard error while the run goes on; nothing where that is no terminal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Interval, MissedTickBehavior};

use crate::loadtest::outcome::PerOutcome;
use crate::loadtest::quantity;
use crate::loadtest::tally::Tally;
use crate::loadtest::team::Team;
use crate::loadtest::workload::Workload;

const TICK: Duration = Duration::from_millis(250);

/// See the module's documentation.
pub(super) struct Progress {
    bar: ProgressBar,
    tally: Arc<Tally>,
    ticks: Interval,
    last: (Instant, PerOutcome<u64>),
}

impl Progress {
    pub(super) fn new(workload: &Workload, team: &Team) -> Self {
        let length = u64::try_from(workload.window.end().as_millis()).unwrap_or(u64::MAX);
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:24}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(workload.scenario.name());
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { bar, tally: Arc::clone(&team.tally), ticks, last: (Instant::now(), PerOutcome::default()) }
    }

    /// Waits for the next tick and draws. May be dropped while it waits.
    pub(super) async fn next(&mut self) {
        self.ticks.tick().await;
        let Some(started) = self.tally.started() else { return };
        let (now, answers) = (Instant::now(), self.tally.answers());
        let (before, last) = &self.last;
        let time = now.duration_since(*before);
        let rate = |now: u64, before: u64| quantity::per_second(now.saturating_sub(before), time).round();
        let message = format!(
            "{}/s accepted, {}/s refused, {}/s overloaded, {} failed, {} seats",
            rate(answers.accepted, last.accepted),
            rate(answers.refused, last.refused),
            rate(answers.overloaded, last.overloaded),
            answers.failed,
            self.tally.seats(),
        );
        self.bar.set_position(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.bar.set_message(message);
        self.last = (now, answers);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
