//! Outages: told once when they begin, and once when they end.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

/// Logs an outage once when it begins and once when it ends, not at each failure in between: a full disk must not fill the log.
#[derive(Debug, Default)]
pub struct Outage(AtomicBool);

impl Outage {
    /// Notes a failure. The first one after a success is logged as an error, the others as debug lines. `what` is a sentence.
    pub fn failed(&self, what: &str, reason: &dyn Display) {
        if self.0.swap(true, Ordering::Relaxed) {
            tracing::debug!("{what}: {reason}");
        } else {
            tracing::error!("{what}: {reason}");
        }
    }

    /// Notes a success. The first one after a failure is logged. `what` is a sentence.
    pub fn ended(&self, what: &str) {
        // Read first: a success is the common case, and a write would take the cache line from the other threads.
        if self.is_on() && self.0.swap(false, Ordering::Relaxed) {
            tracing::info!("{what}");
        }
    }

    /// True from the first failure to the next success.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
