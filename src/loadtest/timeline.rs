//! Timeline: answers by the time at which they came. Bounded: when it has no room left, each two intervals become one.

use std::time::Duration;

use hdrhistogram::CreationError;

use crate::loadtest::latencies::Latencies;
use crate::loadtest::outcome::{Outcome, PerOutcome};

/// First width of an interval. It only doubles, so one second is always a whole number of them or the reverse.
const FIRST_WIDTH: Duration = Duration::from_millis(125);
/// Most intervals; past them the width doubles.
const MOST_INTERVALS: usize = 480;
/// Significant digits of an interval's latencies: enough for a plot.
const DIGITS: u8 = 2;

/// Answers by time.
#[derive(Clone, Debug)]
pub struct Timeline {
    width: Duration,
    intervals: Vec<Interval>,
    blank: Latencies,
}

/// The answers of one interval.
#[derive(Clone, Default, Debug)]
pub struct Interval {
    /// Latencies by outcome; nothing for an outcome that was not met.
    pub latencies: PerOutcome<Option<Box<Latencies>>>,
}

impl Interval {
    /// Answers with this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.latencies.get(outcome).as_ref().map_or(0, |latencies| latencies.count())
    }

    /// The latency in milliseconds that this share of them does not exceed.
    pub fn quantile(&self, outcome: Outcome, share: f64) -> Option<f64> {
        self.latencies.get(outcome).as_ref()?.quantile(share)
    }

    fn absorb(&mut self, other: &Self) {
        for outcome in Outcome::ALL {
            match (self.latencies.get_mut(outcome), other.latencies.get(outcome)) {
                (Some(ours), Some(theirs)) => ours.absorb(theirs),
                (ours @ None, Some(theirs)) => *ours = Some(theirs.clone()),
                (_, None) => {}
            }
        }
    }
}

impl Timeline {
    /// No answers yet.
    ///
    /// # Errors
    /// Never with the digits above.
    pub fn new() -> Result<Self, CreationError> {
        Ok(Self { width: FIRST_WIDTH, intervals: Vec::new(), blank: Latencies::blank(DIGITS)? })
    }

    /// Width of an interval.
    pub fn width(&self) -> Duration {
        self.width
    }

    /// The intervals, from the start.
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// Counts an answer that came at `at`, since the start.
    pub fn record(&mut self, at: Duration, outcome: Outcome, latency: Duration) {
        let mut index = self.index(at);
        while index >= MOST_INTERVALS {
            self.double();
            index = self.index(at);
        }
        if self.intervals.len() <= index {
            self.intervals.resize_with(index + 1, Interval::default);
        }
        if let Some(interval) = self.intervals.get_mut(index) {
            let latencies = interval.latencies.get_mut(outcome);
            latencies.get_or_insert_with(|| Box::new(self.blank.clone())).record(latency);
        }
    }

    /// Counts all of `other`.
    pub fn absorb(&mut self, mut other: Self) {
        while self.width < other.width {
            self.double();
        }
        while other.width < self.width {
            other.double();
        }
        if self.intervals.len() < other.intervals.len() {
            self.intervals.resize_with(other.intervals.len(), Interval::default);
        }
        for (ours, theirs) in self.intervals.iter_mut().zip(&other.intervals) {
            ours.absorb(theirs);
        }
    }

    /// The same with intervals of at least `width`.
    #[must_use]
    pub fn coarsened(&self, width: Duration) -> Self {
        let mut coarse = self.clone();
        while coarse.width < width {
            coarse.double();
        }
        coarse
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_micros() / self.width.as_micros().max(1)).unwrap_or(usize::MAX)
    }

    fn double(&mut self) {
        self.width *= 2;
        let mut intervals = std::mem::take(&mut self.intervals).into_iter();
        while let Some(mut first) = intervals.next() {
            if let Some(second) = intervals.next() {
                first.absorb(&second);
            }
            self.intervals.push(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(timeline: &Timeline) -> Vec<u64> {
        timeline.intervals().iter().map(|interval| interval.count(Outcome::Accepted)).collect()
    }

    #[test]
    fn a_long_run_stays_within_its_bound_and_loses_nothing() {
        let mut timeline = Timeline::new().unwrap();
        for second in 0..1_000 {
            timeline.record(Duration::from_secs(second), Outcome::Accepted, Duration::from_millis(1));
        }
        assert!(timeline.intervals().len() <= MOST_INTERVALS);
        assert_eq!(counts(&timeline).iter().sum::<u64>(), 1_000);
        assert_eq!(timeline.width(), Duration::from_secs(4));
    }

    #[test]
    fn timelines_of_different_widths_become_one() {
        let (mut short, mut long) = (Timeline::new().unwrap(), Timeline::new().unwrap());
        for eighth in 0..16 {
            short.record(Duration::from_millis(125 * eighth), Outcome::Accepted, Duration::from_millis(1));
        }
        long.record(Duration::from_secs(100), Outcome::Accepted, Duration::from_millis(1));
        short.absorb(long);
        assert_eq!(short.width(), Duration::from_millis(250));
        let coarse = short.coarsened(Duration::from_secs(1));
        assert_eq!(counts(&coarse)[..3], [8, 8, 0]);
        assert_eq!(counts(&coarse).iter().sum::<u64>(), 17);
    }
}
