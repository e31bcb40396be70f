//! Metrics: one registry for the process. Each module registers what it counts and measures, and `/metrics` tells all of it in Prometheus'
//! text format.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{self, Metric};

pub use prometheus_client::encoding::EncodeLabelSet;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;

/// Media type of [`Registry::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Upper bounds of durations, in seconds.
const SECONDS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Upper bounds of how many travel together.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What the process tells about itself. Clones are the same registry. Names begin with `turnstile_`; those of counters end with `_total`,
/// which is added.
#[derive(Clone)]
pub struct Registry(Arc<Mutex<registry::Registry>>);

impl Default for Registry {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(registry::Registry::with_prefix("turnstile"))))
    }
}

impl Registry {
    /// From now on this metric is told. `help` has no full stop: one is added.
    pub fn add(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry().register(name, help, metric);
    }

    /// From now on this number is read and told at each scrape. Reading must not block.
    pub fn read(&self, name: &'static str, help: &'static str, read: impl Fn() -> usize + Send + Sync + 'static) {
        self.registry().register_collector(Box::new(Read { name, help, number: read }));
    }

    /// Everything that is registered, in the format of [`CONTENT_TYPE`].
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(16_384);
        if prometheus_text::encode(&mut text, &self.registry()).is_err() {
            tracing::error!("metrics could not be written");
        }
        text
    }

    fn registry(&self) -> MutexGuard<'_, registry::Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A histogram of durations in seconds.
pub fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// A histogram of how many travel together.
pub fn sizes() -> Histogram {
    Histogram::new(SIZES)
}

/// A count as a histogram takes it; exact for any that fits into memory.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "what is lost beyond 2^53 does not matter")]
pub fn size(count: usize) -> f64 {
    count as f64
}

/// A gauge that is read when it is told.
struct Read<F> {
    name: &'static str,
    help: &'static str,
    number: F,
}

impl<F> fmt::Debug for Read<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Read").field(&self.name).finish()
    }
}

impl<F: Fn() -> usize + Send + Sync + 'static> Collector for Read<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = ConstGauge::new(i64::try_from((self.number)()).unwrap_or(i64::MAX));
        gauge.encode(encoder.encode_descriptor(self.name, self.help, None, gauge.metric_type())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_registered_is_told() {
        let registry = Registry::default();
        let (counter, histogram) = (<Counter>::default(), sizes());
        registry.add("apples", "Apples eaten", counter.clone());
        registry.add("bags", "Apples in a bag", histogram.clone());
        registry.read("trees", "Trees now", || 7);
        counter.inc_by(3);
        histogram.observe(size(2));
        let text = registry.text();
        for line in [
            "# HELP turnstile_apples_total Apples eaten.",
            "# TYPE turnstile_apples_total counter",
            "turnstile_apples_total 3",
            "turnstile_bags_bucket{le=\"2\"} 1",
            "turnstile_bags_count 1",
            "# TYPE turnstile_trees gauge",
            "turnstile_trees 7",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
