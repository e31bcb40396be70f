//! Series: answers over time, as numbers for scripts and for plots.

use std::time::Duration;

use serde::Serialize;

use crate::loadtest::outcome::{Outcome, PerOutcome};
use crate::loadtest::quantity::{length, rounded};
use crate::loadtest::timeline::Timeline;

/// Answers by interval, from the start of the run, warm-up included.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Length of an interval.
    pub interval_seconds: f64,
    /// The intervals without a gap.
    pub points: Vec<Point>,
}

/// One interval.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Its beginning, since the start of the run.
    pub from_seconds: f64,
    /// Answers that came in it.
    pub counts: PerOutcome<u64>,
    /// Half of the accepted ones took no longer; absent without any.
    pub accepted_p50_millis: Option<f64>,
    /// 99 of 100 of the accepted ones took no longer.
    pub accepted_p99_millis: Option<f64>,
    /// As for the accepted ones.
    pub refused_p50_millis: Option<f64>,
    /// As for the accepted ones.
    pub refused_p99_millis: Option<f64>,
}

impl Series {
    /// From a timeline, interval by interval.
    pub fn of(timeline: &Timeline) -> Self {
        let width = timeline.width();
        let points = timeline.intervals().iter().enumerate().map(|(index, interval)| Point {
            from_seconds: rounded(length(index) * width.as_secs_f64()),
            counts: PerOutcome::from_fn(|outcome| interval.count(outcome)),
            accepted_p50_millis: interval.quantile(Outcome::Accepted, 0.5),
            accepted_p99_millis: interval.quantile(Outcome::Accepted, 0.99),
            refused_p50_millis: interval.quantile(Outcome::Refused, 0.5),
            refused_p99_millis: interval.quantile(Outcome::Refused, 0.99),
        });
        Self { interval_seconds: Duration::as_secs_f64(&width), points: points.collect() }
    }
}
