//! Backlog: how much of the outbox the broker has not confirmed, and how old that is. Looked at with each ping of the write store.

use std::sync::atomic::AtomicU64;

use crate::domain::Timestamp;
use crate::telemetry::metrics::{Gauge, Registry};
use crate::write_store::{Outbox, StoreError};

/// Rows are counted up to this number.
const MOST_ROWS: usize = 100_000;

/// See the module's documentation.
#[derive(Clone)]
pub(super) struct Backlog {
    rows: Gauge,
    oldest: Gauge<f64, AtomicU64>,
}

impl Backlog {
    /// An empty one, told from now on.
    pub(super) fn registered(registry: &Registry) -> Self {
        let (rows, oldest) = (Gauge::default(), Gauge::default());
        registry.add(
            "outbox_rows",
            "Commits whose events the broker has not confirmed, up to 100,000",
            Gauge::clone(&rows),
        );
        registry.add(
            "outbox_oldest_seconds",
            "Age of the first commit whose events the broker has not confirmed; 0 if there is none",
            Gauge::<f64, AtomicU64>::clone(&oldest),
        );
        Self { rows, oldest }
    }

    /// Looks at the outbox.
    pub(super) async fn look(&self, outbox: &dyn Outbox, now: Timestamp) -> Result<(), StoreError> {
        let rows = outbox.outbox_depth(MOST_ROWS).await?;
        let oldest = if rows == 0 { None } else { outbox.outbox_oldest().await? };
        self.rows.set(i64::try_from(rows).unwrap_or(i64::MAX));
        self.oldest.set(oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()));
        Ok(())
    }
}
