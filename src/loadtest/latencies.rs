//! Latencies: an HDR histogram in microseconds whose merging cannot fail.

use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

use crate::loadtest::quantity;

/// Longest latency that is told apart from longer ones: an hour.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// How often each latency was met, with two or three significant digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u32>);

/// The figures of [`Latencies`] that reports show.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quantiles {
    /// Answers behind the quantiles.
    pub samples: u64,
    /// The mean.
    pub mean_millis: f64,
    /// The median.
    pub p50_millis: f64,
    /// Nine of ten are at most this.
    pub p90_millis: f64,
    /// 99 of 100 are at most this.
    pub p99_millis: f64,
    /// 999 of 1,000 are at most this.
    pub p999_millis: f64,
    /// The longest.
    pub max_millis: f64,
}

/// Latencies of about the same length; each bin is a third longer than the one before.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bin {
    /// Shortest.
    pub from_millis: f64,
    /// Longest.
    pub to_millis: f64,
    /// How many.
    pub count: u64,
}

/// Bins of a decade.
const BINS_PER_DECADE: f64 = 8.0;

impl Latencies {
    /// All latencies in bins of a logarithmic scale that starts at 10 microseconds, up to the last that has any.
    pub fn bins(&self) -> Vec<Bin> {
        let growth = 10.0_f64.powf(1.0 / BINS_PER_DECADE);
        let mut bins: Vec<Bin> = Vec::new();
        let mut bin = Bin { from_millis: 0.0, to_millis: 0.01, count: 0 };
        for step in self.0.iter_recorded() {
            let millis = quantity::millis(step.value_iterated_to());
            while millis > bin.to_millis {
                bins.push(bin);
                bin = Bin { from_millis: bin.to_millis, to_millis: bin.to_millis * growth, count: 0 };
            }
            bin.count += step.count_since_last_iteration();
        }
        bins.push(bin);
        bins
    }

    /// No latency yet; `digits` significant digits are kept.
    ///
    /// # Errors
    /// `digits` is more than 5.
    pub fn blank(digits: u8) -> Result<Self, CreationError> {
        Ok(Self(Histogram::new_with_bounds(1, LONGEST_MICROS, digits)?))
    }

    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(quantity::micros(latency));
    }

    /// Counts all of `other`.
    pub fn absorb(&mut self, other: &Self) {
        for step in other.0.iter_recorded() {
            self.0.saturating_record_n(step.value_iterated_to(), step.count_at_value());
        }
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency, in milliseconds, that this share (0 to 1) does not exceed; `None` without any.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| quantity::millis(self.0.value_at_quantile(share)))
    }

    /// The figures for reports.
    pub fn quantiles(&self) -> Quantiles {
        let at = |share| self.quantile(share).unwrap_or(0.0);
        Quantiles {
            samples: self.count(),
            mean_millis: quantity::rounded(self.0.mean() / 1_000.0),
            p50_millis: at(0.5),
            p90_millis: at(0.9),
            p99_millis: at(0.99),
            p999_millis: at(0.999),
            max_millis: quantity::millis(self.0.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_parts_are_as_one_whole() {
        let (mut one, mut other) = (Latencies::blank(3).unwrap(), Latencies::blank(3).unwrap());
        for millis in 1..=50 {
            one.record(Duration::from_millis(millis));
            other.record(Duration::from_millis(millis + 50));
        }
        one.absorb(&other);
        let figures = one.quantiles();
        assert_eq!(figures.samples, 100);
        assert!((figures.p50_millis - 50.0).abs() < 0.1, "{figures:?}");
        assert!((figures.p99_millis - 99.0).abs() < 0.1, "{figures:?}");
        assert!((figures.max_millis - 100.0).abs() < 0.1, "{figures:?}");
    }

    #[test]
    fn bins_hold_every_latency_once() {
        let mut latencies = Latencies::blank(3).unwrap();
        for micros in [5, 500, 501, 90_000, 2_000_000] {
            latencies.record(Duration::from_micros(micros));
        }
        let bins = latencies.bins();
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), 5);
        assert!(bins.windows(2).all(|pair| pair[0].to_millis <= pair[1].from_millis + 1e-9));
        assert!(bins.last().unwrap().to_millis >= 2_000.0);
    }

    #[test]
    fn what_is_longer_than_the_longest_counts_as_the_longest() {
        let mut latencies = Latencies::blank(2).unwrap();
        latencies.record(Duration::from_hours(5));
        assert!(latencies.quantiles().max_millis > 3_500_000.0);
        assert_eq!(Latencies::blank(2).unwrap().quantile(0.5), None);
    }
}
