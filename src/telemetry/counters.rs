//! What the box office and the relay of a node have done since it started.

use std::time::Duration;

use crate::telemetry::metrics::{Counter, Gauge, Histogram, Registry, seconds, size, sizes};
use crate::telemetry::outage::Outage;

/// One value, shared by all who count.
#[derive(Debug)]
pub struct Counters {
    /// Commands that changed something.
    pub commands_accepted: Counter,
    /// Commands refused by the rules.
    pub commands_rejected: Counter,
    /// Those of them that were refused from a showtime's board, without its actor.
    pub rejected_from_board: Counter,
    /// Those of them that were refused by the seat lock.
    pub rejected_by_lock: Counter,
    /// Commands refused because too many were waiting, or the write store was away.
    pub commands_unavailable: Counter,
    /// Commands queued or in a batch under way.
    pub commands_waiting: Gauge,
    /// Open showtimes that stand still.
    pub showtimes_stuck: Gauge,
    /// Commits of batches.
    pub batches_committed: Counter,
    /// Commits rolled back because another writer was faster.
    pub batches_conflicted: Counter,
    /// Commits whose outcome had to be looked up.
    pub batches_unknown: Counter,
    /// Commands in a batch.
    pub batch_commands: Histogram,
    /// Time from sending a commit to its answer, in seconds.
    pub commit_seconds: Histogram,
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

impl Default for Counters {
    fn default() -> Self {
        Self {
            commands_accepted: Counter::default(),
            commands_rejected: Counter::default(),
            rejected_from_board: Counter::default(),
            rejected_by_lock: Counter::default(),
            commands_unavailable: Counter::default(),
            commands_waiting: Gauge::default(),
            showtimes_stuck: Gauge::default(),
            batches_committed: Counter::default(),
            batches_conflicted: Counter::default(),
            batches_unknown: Counter::default(),
            batch_commands: sizes(),
            commit_seconds: seconds(),
            lock_failures: Counter::default(),
            locks_taken_over: Counter::default(),
            holds_expired: Counter::default(),
            events_published: Counter::default(),
            publish_failures: Counter::default(),
            showtimes_opened: Counter::default(),
            commit_outage: Outage::default(),
        }
    }
}

impl Counters {
    /// A batch of so many commands was committed, which took so long.
    pub fn committed(&self, commands: usize, took: Duration) {
        self.batches_committed.inc();
        self.batch_commands.observe(size(commands));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// From now on they are told.
    pub fn register(&self, registry: &Registry) {
        let counters = [
            ("commands_accepted", "Commands that changed something", &self.commands_accepted),
            ("commands_rejected", "Commands refused by the rules", &self.commands_rejected),
            (
                "commands_rejected_from_board",
                "Commands refused because the seats were certainly taken, without asking the showtime's actor",
                &self.rejected_from_board,
            ),
            ("commands_rejected_by_lock", "Commands refused by the seat lock", &self.rejected_by_lock),
            (
                "commands_unavailable",
                "Commands refused for overload or an unavailable write store",
                &self.commands_unavailable,
            ),
            ("batches_committed", "Commits of batches", &self.batches_committed),
            ("batches_conflicted", "Commits rolled back because another writer was faster", &self.batches_conflicted),
            ("batches_unknown", "Commits whose outcome had to be looked up", &self.batches_unknown),
            ("lock_failures", "Failed calls to the seat lock", &self.lock_failures),
            ("locks_taken_over", "Locks taken over from bookings no longer live", &self.locks_taken_over),
            ("holds_expired", "Holds ended by their deadline", &self.holds_expired),
            ("events_published", "Events confirmed by the event bus", &self.events_published),
            ("publish_failures", "Messages not confirmed by the event bus", &self.publish_failures),
            ("showtimes_opened", "Showtime actors started", &self.showtimes_opened),
        ];
        for (name, help, counter) in counters {
            registry.add(name, help, counter.clone());
        }
        registry.add("commands_waiting", "Commands queued or in a batch under way", self.commands_waiting.clone());
        let stuck = "Open showtimes that have been in one step of their work for 20 seconds";
        registry.add("showtimes_stuck", stuck, self.showtimes_stuck.clone());
        registry.add("batch_commands", "Commands in a committed batch", self.batch_commands.clone());
        registry.add("commit_seconds", "Time from sending a commit to its answer", self.commit_seconds.clone());
    }
}
