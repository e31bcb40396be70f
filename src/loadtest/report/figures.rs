//! Figures: counts, rates and latencies of each operation and outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::loadtest::latencies::{Bin, Quantiles};
use crate::loadtest::outcome::{Operation, Outcome, PerOutcome};
use crate::loadtest::quantity::per_second;
use crate::loadtest::recorder::Recorder;

/// Answers to an operation with one outcome.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Answers within the measured time.
    pub count: u64,
    /// The same per second of it.
    pub per_second: f64,
    /// Bytes of a body as it came, compressed or not; the mean.
    pub body_bytes: u64,
    /// Latencies of the requests that were due within it.
    #[serde(flatten)]
    pub quantiles: Quantiles,
}

/// The figures of every operation that was met.
pub(super) fn of(recorder: &Recorder, measured: Duration) -> BTreeMap<&'static str, PerOutcome<Figures>> {
    let mut operations: BTreeMap<&'static str, PerOutcome<Figures>> = BTreeMap::new();
    for ((operation, outcome), cell) in recorder.cells() {
        *operations.entry(operation.as_str()).or_default().get_mut(*outcome) = Figures {
            count: cell.finished,
            per_second: per_second(cell.finished, measured),
            body_bytes: cell.body_bytes.checked_div(cell.finished).unwrap_or(0),
            quantiles: cell.latencies.quantiles(),
        };
    }
    operations
}

/// An operation's latencies in bins.
pub(super) fn distribution(recorder: &Recorder, operation: Operation) -> PerOutcome<Vec<Bin>> {
    PerOutcome::from_fn(|outcome| {
        recorder.cells().get(&(operation, outcome)).map(|cell| cell.latencies.bins()).unwrap_or_default()
    })
}

/// Failures by kind, of all recorders together.
pub(super) fn failures(recorders: [&Recorder; 2]) -> BTreeMap<String, u64> {
    let mut failures = BTreeMap::new();
    for (kind, count) in recorders.into_iter().flat_map(Recorder::failures) {
        *failures.entry(kind.clone()).or_default() += count;
    }
    failures
}

/// All four outcomes of an operation in their order.
pub(super) fn each(figures: &PerOutcome<Figures>) -> impl Iterator<Item = (Outcome, &Figures)> {
    Outcome::ALL.into_iter().map(|outcome| (outcome, figures.get(outcome)))
}
