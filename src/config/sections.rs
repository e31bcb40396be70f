//! The sections of the configuration: what an operator may have a reason to set. Every other bound is beside its module, in its `Settings`.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::read_model::mongodb::Settings as MongodbSettings;
use crate::write_store::postgres::Settings as PostgresSettings;
use crate::{box_office, http, live};

/// Time for PostgreSQL to answer that a statement has taken too long, before the call is given up here.
const ANSWER_MILLISECONDS: u64 = 1_000;

/// Seconds, with a fraction if need be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(Duration);

impl Seconds {
    fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Seconds;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of seconds")
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
                Duration::try_from_secs_f64(seconds).map(Seconds).map_err(E::custom)
            }
        }
        deserializer.deserialize_f64(Number)
    }
}

/// `[box_office]`
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BoxOffice {
    /// Commands that may wait for one showtime; one more is refused with 503.
    max_queued: Option<usize>,
    /// Showtimes with an actor at one time; for one more, one that was not used for long makes room.
    max_open_showtimes: Option<usize>,
    /// Longest time that a command waits in the queue before it is refused.
    queue_seconds: Option<Seconds>,
    /// For how long a seat lock counts whose booking is not in the store: time enough to commit.
    lease_seconds: Option<Seconds>,
}

/// `[http]`
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    /// Threads that serve requests; 0: one for each core.
    workers: Option<usize>,
    /// Time for a request's head.
    head_timeout_seconds: Option<u64>,
    /// Time for a request's body.
    body_timeout_seconds: Option<u64>,
    /// Longest wait of a read with `minSequence`.
    min_sequence_wait_seconds: Option<Seconds>,
    /// Reads with `minSequence` that may wait at once.
    min_sequence_waiters: Option<usize>,
    /// Memory for encoded showtimes.
    cached_bytes: Option<usize>,
}

/// `[live]`
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Live {
    /// Clients connected at one time.
    max_sessions: Option<usize>,
    /// Showtimes watched at one time.
    max_showtimes: Option<usize>,
    /// Memory for the latest events of all watched showtimes.
    rings_bytes: Option<usize>,
    /// Time after which a SignalR client that has joined nothing is told so.
    reminder_seconds: Option<Seconds>,
}

/// `[postgres]`
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Postgres {
    /// Connections of one node for commands.
    pool_size: Option<usize>,
    /// Statements that commit batches at the same time, fewer than `pool_size`.
    commit_lanes: Option<usize>,
    /// Longest statement. Creating a showtime of 200,000 seats takes 1 to 3 seconds.
    statement_timeout_seconds: Option<Seconds>,
    /// Longest wait for a row that somebody else holds.
    lock_timeout_seconds: Option<Seconds>,
    /// Time after which a commit's outcome is called unknown.
    commit_timeout_seconds: Option<Seconds>,
}

/// `[mongodb]`
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mongodb {
    /// Connections of one node.
    max_connections: Option<u32>,
}

fn set<T>(target: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *target = value;
    }
}

impl BoxOffice {
    pub(super) fn apply(&self, settings: &mut box_office::Settings) {
        set(&mut settings.max_queued, self.max_queued);
        set(&mut settings.max_open_showtimes, self.max_open_showtimes);
        set(&mut settings.queue_milliseconds, self.queue_seconds.map(Seconds::milliseconds));
        set(&mut settings.lease_milliseconds, self.lease_seconds.map(Seconds::milliseconds));
    }
}

impl Http {
    pub(super) fn apply(&self, settings: &mut http::Settings) {
        set(&mut settings.workers, self.workers);
        set(&mut settings.head_timeout_seconds, self.head_timeout_seconds);
        set(&mut settings.body_timeout_seconds, self.body_timeout_seconds);
        set(&mut settings.min_sequence_wait_milliseconds, self.min_sequence_wait_seconds.map(Seconds::milliseconds));
        set(&mut settings.min_sequence_waiters, self.min_sequence_waiters);
        set(&mut settings.cached_bytes, self.cached_bytes);
    }
}

impl Live {
    pub(super) fn apply(&self, settings: &mut live::Settings) {
        set(&mut settings.max_sessions, self.max_sessions);
        set(&mut settings.max_showtimes, self.max_showtimes);
        set(&mut settings.rings_bytes, self.rings_bytes);
        set(&mut settings.reminder_milliseconds, self.reminder_seconds.map(Seconds::milliseconds));
    }
}

impl Postgres {
    pub(super) fn apply(&self, settings: &mut PostgresSettings) {
        set(&mut settings.pool_size, self.pool_size);
        set(&mut settings.commit_lanes, self.commit_lanes);
        set(&mut settings.statement_timeout_milliseconds, self.statement_timeout_seconds.map(Seconds::milliseconds));
        set(&mut settings.lock_timeout_milliseconds, self.lock_timeout_seconds.map(Seconds::milliseconds));
        set(&mut settings.commit_timeout_milliseconds, self.commit_timeout_seconds.map(Seconds::milliseconds));
        settings.call_timeout_milliseconds =
            settings.statement_timeout_milliseconds.saturating_add(ANSWER_MILLISECONDS);
    }
}

impl Mongodb {
    pub(super) fn apply(&self, settings: &mut MongodbSettings) {
        set(&mut settings.max_connections, self.max_connections);
    }
}
