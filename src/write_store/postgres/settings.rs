//! Bounds of the PostgreSQL write store: connections, and how long each step may take.

use std::time::Duration;

/// Limits of [`crate::write_store::postgres::PostgresStore`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Most connections of one node for commands, the relay leader's own connection not counted.
    pub pool_size: usize,
    /// Most connections of one node, besides, for reads that no command waits for.
    pub read_pool_size: usize,
    /// Statements that commit batches at the same time; batches that come meanwhile share the next one. Fewer than `pool_size`. One
    /// for every two cores: with more, there is less to share. One that takes longer than a tenth of a second is left to come in beside
    /// them, so that even a single lane is never held up for long.
    pub commit_lanes: usize,
    /// Most showtimes whose batches share one statement.
    pub max_batches_per_commit: usize,
    /// Events past which no further batch joins a statement.
    pub max_events_per_commit: usize,
    /// Events of recent commits that the node which leads the relay keeps in memory, so that the relay need not read them back.
    pub max_recent_events: usize,
    /// Longest wait for a free connection, in milliseconds.
    pub wait_timeout_milliseconds: u64,
    /// Longest time to open a connection to one of the URL's hosts, in milliseconds; then the next host is asked.
    pub connect_timeout_milliseconds: u64,
    /// Longest check of a pooled connection before it is used again, in milliseconds.
    pub recycle_timeout_milliseconds: u64,
    /// Longest statement, in milliseconds; the server ends it. Creating a showtime of 200,000 seats takes 1 to 3 seconds.
    pub statement_timeout_milliseconds: u64,
    /// Longest wait for a row lock, in milliseconds; the server gives up.
    pub lock_timeout_milliseconds: u64,
    /// Longest pause inside an open transaction, in milliseconds; the server ends the session.
    pub idle_in_transaction_timeout_milliseconds: u64,
    /// Time after which a commit's outcome is called unknown, in milliseconds. With the box office's `settle_milliseconds`, a command
    /// is answered within 3 seconds.
    pub commit_timeout_milliseconds: u64,
    /// Time after which any other call is given up, in milliseconds. More than `statement_timeout_milliseconds`, so that the server's own
    /// answer comes first. A server that answers nobody is given up sooner: after two times `ping_timeout_milliseconds`.
    pub call_timeout_milliseconds: u64,
    /// Time after which an unanswered ping has failed, in milliseconds.
    pub ping_timeout_milliseconds: u64,
    /// Silence on a connection before the kernel asks whether the server is still there, in seconds.
    pub keepalive_seconds: u64,
    /// Time after which unacknowledged data ends a connection, in milliseconds (Linux only).
    pub tcp_user_timeout_milliseconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool_size: 8,
            read_pool_size: 3,
            commit_lanes: std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4)),
            max_batches_per_commit: 128,
            max_events_per_commit: 512,
            max_recent_events: 20_000,
            wait_timeout_milliseconds: 1_000,
            connect_timeout_milliseconds: 1_500,
            recycle_timeout_milliseconds: 1_000,
            statement_timeout_milliseconds: 14_000,
            lock_timeout_milliseconds: 1_000,
            idle_in_transaction_timeout_milliseconds: 5_000,
            commit_timeout_milliseconds: 1_800,
            call_timeout_milliseconds: 15_000,
            ping_timeout_milliseconds: 1_000,
            keepalive_seconds: 5,
            tcp_user_timeout_milliseconds: 5_000,
        }
    }
}

impl Settings {
    pub(super) fn wait_timeout(&self) -> Duration {
        Duration::from_millis(self.wait_timeout_milliseconds)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_milliseconds)
    }

    pub(super) fn recycle_timeout(&self) -> Duration {
        Duration::from_millis(self.recycle_timeout_milliseconds)
    }

    pub(super) fn commit_timeout(&self) -> Duration {
        Duration::from_millis(self.commit_timeout_milliseconds)
    }

    pub(super) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_milliseconds)
    }

    pub(super) fn ping_timeout(&self) -> Duration {
        Duration::from_millis(self.ping_timeout_milliseconds)
    }
}
