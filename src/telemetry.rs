//! Telemetry: structured logs, set up once, and the counters that `/metrics` shows.

use std::fmt::Display;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line, for machines.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is no list of `target=level` directives.
    #[error("the log filter {filter:?} is not valid: {source}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging is set up already.
    #[error("logging is set up already")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends log lines to standard error, filtered by directives such as `info,turnstile=debug`.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter =
        EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Its complaint about a closed standard error would go there too, and panic.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Twice)
}

/// True if the text is a list of directives that [`init`] takes.
pub fn is_filter(text: &str) -> bool {
    EnvFilter::try_new(text).is_ok()
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

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

/// What the node has done since it started. One value, shared by all who count.
#[derive(Debug, Default)]
pub struct Counters {
    /// Commands that changed something.
    pub commands_accepted: Counter,
    /// Commands refused by the rules.
    pub commands_rejected: Counter,
    /// Those of them that were refused from a showtime's board, without its actor.
    pub rejected_from_board: Counter,
    /// Commands refused because too many were waiting, or the write store was away.
    pub commands_unavailable: Counter,
    /// Commits of batches.
    pub batches_committed: Counter,
    /// Commits rolled back because another writer was faster.
    pub batches_conflicted: Counter,
    /// Commits whose outcome had to be looked up.
    pub batches_unknown: Counter,
    /// Calls to the seat lock that failed; the command went on without it.
    pub lock_failures: Counter,
    /// Locks taken over from bookings that were no longer live.
    pub locks_taken_over: Counter,
    /// Holds ended by their deadline.
    pub holds_expired: Counter,
    /// Events confirmed by the event bus.
    pub events_published: Counter,
    /// Messages that the event bus did not confirm; published again later.
    pub publish_failures: Counter,
    /// Showtime actors started.
    pub showtimes_opened: Counter,
    /// The time in which no batch can be committed.
    pub commit_outage: Outage,
}

impl Counters {
    /// Every counter as (name, help, value).
    pub fn all(&self) -> [(&'static str, &'static str, u64); 13] {
        [
            ("turnstile_commands_accepted_total", "Commands that changed something.", self.commands_accepted.get()),
            ("turnstile_commands_rejected_total", "Commands refused by the rules.", self.commands_rejected.get()),
            (
                "turnstile_commands_rejected_from_board_total",
                "Commands refused because the seats were certainly taken, without asking the showtime's actor.",
                self.rejected_from_board.get(),
            ),
            (
                "turnstile_commands_unavailable_total",
                "Commands refused for overload or an unavailable write store.",
                self.commands_unavailable.get(),
            ),
            ("turnstile_batches_committed_total", "Commits of batches.", self.batches_committed.get()),
            (
                "turnstile_batches_conflicted_total",
                "Commits rolled back because another writer was faster.",
                self.batches_conflicted.get(),
            ),
            (
                "turnstile_batches_unknown_total",
                "Commits whose outcome had to be looked up.",
                self.batches_unknown.get(),
            ),
            ("turnstile_lock_failures_total", "Failed calls to the seat lock.", self.lock_failures.get()),
            (
                "turnstile_locks_taken_over_total",
                "Locks taken over from bookings no longer live.",
                self.locks_taken_over.get(),
            ),
            ("turnstile_holds_expired_total", "Holds ended by their deadline.", self.holds_expired.get()),
            ("turnstile_events_published_total", "Events confirmed by the event bus.", self.events_published.get()),
            (
                "turnstile_publish_failures_total",
                "Messages not confirmed by the event bus.",
                self.publish_failures.get(),
            ),
            ("turnstile_showtimes_opened_total", "Showtime actors started.", self.showtimes_opened.get()),
        ]
    }
}
