//! Recorder: counts and times the answers of one thread's clients. Pure: all times come in, since the start of the run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::CreationError;

use crate::loadtest::latencies::Latencies;
use crate::loadtest::outcome::{Operation, Outcome};
use crate::loadtest::timeline::Timeline;

/// Significant digits of the latencies.
const DIGITS: u8 = 3;
/// Kinds of failures that are told apart; the rest counts as one more.
const MOST_FAILURE_KINDS: usize = 32;

/// The time that counts.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// From the start of the run.
    pub warm_up: Duration,
    /// Length after the warm-up.
    pub duration: Duration,
}

impl Window {
    /// When it ends, since the start of the run.
    pub fn end(self) -> Duration {
        self.warm_up.saturating_add(self.duration)
    }
}

/// The answers to one operation with one outcome.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Answers that came within the window: the ground of rates.
    pub finished: u64,
    /// Latencies of all requests that were due within the window, whenever they were answered: leaving out those that were
    /// answered after its end would leave out the slowest.
    pub latencies: Latencies,
    /// Bytes of the bodies of the answers that came within the window.
    pub body_bytes: u64,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Recorder {
    window: Window,
    cells: BTreeMap<(Operation, Outcome), Cell>,
    timeline: Timeline,
    /// From when a request was due to when it was handed to the connection.
    late: Latencies,
    failures: BTreeMap<String, u64>,
    unsent: u64,
    last_answer: Duration,
    blank: Latencies,
}

/// One answer, or its absence.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// What was asked.
    pub operation: Operation,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was to be sent; in the closed loop, when it was.
    pub due: Duration,
    /// When it was sent.
    pub sent: Duration,
    /// When the answer had come.
    pub at: Duration,
    /// Bytes of its body.
    pub body_bytes: usize,
}

impl Cell {
    fn new(blank: &Latencies) -> Self {
        Self { finished: 0, latencies: blank.clone(), body_bytes: 0 }
    }
}

impl Recorder {
    /// Nothing yet.
    ///
    /// # Errors
    /// Never with the digits above.
    pub fn new(window: Window) -> Result<Self, CreationError> {
        let blank = Latencies::blank(DIGITS)?;
        Ok(Self {
            window,
            cells: BTreeMap::new(),
            timeline: Timeline::new()?,
            late: blank.clone(),
            failures: BTreeMap::new(),
            unsent: 0,
            last_answer: Duration::ZERO,
            blank,
        })
    }

    /// Counts an answer.
    pub fn record(&mut self, answered: Answered) {
        let Answered { operation, outcome, due, sent, at, body_bytes } = answered;
        let latency = at.saturating_sub(due);
        self.timeline.record(at, outcome, latency);
        self.last_answer = self.last_answer.max(at);
        let finished = at >= self.window.warm_up && at <= self.window.end();
        let counted = due >= self.window.warm_up;
        if !finished && !counted {
            return;
        }
        let blank = &self.blank;
        let cell = self.cells.entry((operation, outcome));
        let cell = cell.or_insert_with(|| Cell::new(blank));
        if finished {
            cell.finished += 1;
            cell.body_bytes += u64::try_from(body_bytes).unwrap_or(0);
        }
        if counted {
            cell.latencies.record(latency);
            self.late.record(sent.saturating_sub(due));
        }
    }

    /// Names a failure.
    pub fn failure(&mut self, kind: &str) {
        let kind = if self.failures.len() < MOST_FAILURE_KINDS || self.failures.contains_key(kind) {
            kind
        } else {
            "other failures"
        };
        *self.failures.entry(kind.to_owned()).or_default() += 1;
    }

    /// Counts requests that were due but never sent.
    pub fn unsent(&mut self, requests: u64) {
        self.unsent += requests;
    }

    /// Counts all of `other`.
    pub fn absorb(&mut self, other: Self) {
        let blank = &self.blank;
        for (key, theirs) in other.cells {
            let ours = self.cells.entry(key).or_insert_with(|| Cell::new(blank));
            ours.finished += theirs.finished;
            ours.body_bytes += theirs.body_bytes;
            ours.latencies.absorb(&theirs.latencies);
        }
        self.timeline.absorb(other.timeline);
        self.late.absorb(&other.late);
        for (kind, count) in other.failures {
            *self.failures.entry(kind).or_default() += count;
        }
        self.unsent += other.unsent;
        self.last_answer = self.last_answer.max(other.last_answer);
    }

    /// The answers by operation and outcome; only those that were met.
    pub fn cells(&self) -> &BTreeMap<(Operation, Outcome), Cell> {
        &self.cells
    }

    /// The answers by time.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// How late requests were sent.
    pub fn late(&self) -> &Latencies {
        &self.late
    }

    /// Failures by kind.
    pub fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failures
    }

    /// Requests that were due and never sent.
    pub fn unsent_requests(&self) -> u64 {
        self.unsent
    }

    /// The time that rates are over: the window, or, if the run was over `early`, its part up to the last answer.
    pub fn measured(&self, early: bool) -> Duration {
        let end = if early { self.last_answer.min(self.window.end()) } else { self.window.end() };
        end.saturating_sub(self.window.warm_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(due: u64, sent: u64, at: u64) -> Answered {
        let [due, sent, at] = [due, sent, at].map(Duration::from_millis);
        Answered { operation: Operation::Reserve, outcome: Outcome::Accepted, due, sent, at, body_bytes: 100 }
    }

    fn recorder() -> Recorder {
        Recorder::new(Window { warm_up: Duration::from_secs(1), duration: Duration::from_secs(2) }).unwrap()
    }

    #[test]
    fn the_warm_up_does_not_count_and_the_slow_end_does() {
        let mut recorder = recorder();
        recorder.record(at(100, 100, 200));
        recorder.record(at(900, 900, 1_100));
        recorder.record(at(2_000, 2_000, 2_010));
        recorder.record(at(2_990, 2_990, 4_990));
        let cell = &recorder.cells()[&(Operation::Reserve, Outcome::Accepted)];
        assert_eq!((cell.finished, cell.body_bytes), (2, 200), "answers within the window");
        assert_eq!(cell.latencies.count(), 2, "requests due within the window");
        assert!((cell.latencies.quantiles().max_millis - 2_000.0).abs() < 2.0);
        assert_eq!(recorder.measured(false), Duration::from_secs(2));
    }

    #[test]
    fn a_run_that_was_over_early_is_measured_up_to_its_last_answer() {
        let mut recorder = recorder();
        recorder.record(at(1_000, 1_000, 1_500));
        assert_eq!(recorder.measured(true), Duration::from_millis(500));
    }

    #[test]
    fn kinds_of_failures_are_bounded() {
        let mut recorder = recorder();
        for kind in 0..100 {
            recorder.failure(&format!("kind {kind}"));
        }
        assert_eq!(recorder.failures().len(), MOST_FAILURE_KINDS + 1);
        assert_eq!(recorder.failures()["other failures"], 68);
    }
}
