//! Workload: everything that a run is to do, checked before anything is sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::{MAX_SEATS_PER_SHOWTIME, Secret, ShowtimeId, Timestamp};
use crate::loadtest::outcome::Operation;
use crate::loadtest::pace::Pace;
use crate::loadtest::recorder::Window;
use crate::loadtest::scenario::Scenario;
use crate::loadtest::target::Target;

/// Most seats that a party may have; servers need not take more than twenty.
pub const LARGEST_PARTY: u32 = 8;

/// Longest time that clients may take, when the run is over, to pay for what they hold.
const SETTLING: Duration = Duration::from_mins(10);

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The nodes; clients are spread over them in turns.
    pub targets: Vec<Arc<Target>>,
    /// What clients ask for.
    pub scenario: Scenario,
    /// Clients, each with one connection.
    pub clients: u32,
    /// Threads that the clients share.
    pub threads: u32,
    /// Closed or open loop.
    pub pace: Pace,
    /// Warm-up and duration.
    pub window: Window,
    /// Requests after which the run ends, if that comes before the duration.
    pub requests: Option<u64>,
    /// Where the seats are.
    pub houses: HouseOptions,
    /// Seats that a client wants at once.
    pub party: u32,
    /// How it asks for them.
    pub asking: Asking,
    /// Starts all randomness.
    pub seed: u64,
    /// Longest wait for an answer.
    pub patience: Duration,
    /// Shown when showtimes are created.
    pub operator_token: Option<Secret>,
    /// Name the showtime in the path of a reservation too.
    pub in_path: bool,
    /// How seat maps are read.
    pub read: ReadOptions,
    /// What is checked when the run is over; nothing without it.
    pub check: Option<CheckOptions>,
    /// The wall clock's time at the start, for the report and for the deadlines of holds.
    pub started_at: Timestamp,
    /// The same moment.
    pub began: Instant,
    /// The command line's arguments, for the report.
    pub arguments: serde_json::Value,
}

/// How clients read seat maps.
#[derive(Clone, Default, Debug)]
pub struct ReadOptions {
    /// Path that the scenario `read` asks for instead.
    pub path: Option<String>,
    /// Only the live status, two bits a seat.
    pub compact: bool,
    /// Take compressed answers, as browsers do.
    pub gzip: bool,
    /// Show the tag of the last answer.
    pub revalidate: bool,
}

/// How clients ask for places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asking {
    /// They name seats.
    Named,
    /// They ask for so many of the best seats.
    Best,
    /// They ask for so many places of an area.
    Area,
}

/// Where the seats are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HouseOptions {
    /// In new showtimes.
    Create {
        /// How many.
        showtimes: u32,
        /// Seats of each.
        seats: u32,
    },
    /// In a showtime that is there.
    Given(ShowtimeId),
}

/// Bounds of the check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckOptions {
    /// Most bookings that are read back; of more, an even sample.
    pub bookings: usize,
    /// Most showtimes that are followed over WebSocket and whose seat maps are compared.
    pub showtimes: usize,
}

/// What does not fit together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A number outside its range.
    #[error("{name} must be {range}")]
    OutOfRange {
        /// Which.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
}

impl Workload {
    /// Refuses what cannot be carried out.
    pub fn check(&self) -> Result<(), WorkloadError> {
        let rate = match self.pace {
            Pace::Closed => true,
            Pace::Open { per_second } => per_second.is_finite() && (0.001..=1_000_000.0).contains(&per_second),
        };
        let (showtimes, seats) = match self.houses {
            HouseOptions::Create { showtimes, seats } => (showtimes, seats),
            HouseOptions::Given(_) => (1, 1),
        };
        let limits = [
            ("--url", !self.targets.is_empty(), "given"),
            ("--clients", (1..=100_000).contains(&self.clients), "1 to 100000"),
            ("--threads", (1..=self.clients.min(64)).contains(&self.threads), "1 to 64, and not more than --clients"),
            ("--rate", rate, "0.001 to 1000000"),
            ("--duration", self.window.duration > Duration::ZERO, "more than 0"),
            ("--requests", self.requests != Some(0), "at least 1"),
            ("--showtimes", (1..=100_000).contains(&showtimes), "1 to 100000"),
            ("--seats", (1..=MAX_SEATS_PER_SHOWTIME).contains(&seats), "1 to 200000"),
            ("--party", (1..=LARGEST_PARTY).contains(&self.party), "1 to 8"),
            ("--abandon", self.scenario.is_sound(), "0 to 1"),
            ("--timeout", self.patience > Duration::ZERO, "more than 0"),
        ];
        match limits.into_iter().find(|(_, holds, _)| !holds) {
            Some((name, _, range)) => Err(WorkloadError::OutOfRange { name, range }),
            None => Ok(()),
        }
    }

    /// True if what clients were granted is kept.
    pub fn keeps_grants(&self) -> bool {
        self.check.is_some() || self.scenario.needs_grants()
    }

    /// The operation that the run's rates are about.
    pub fn leading(&self) -> Operation {
        let leading = self.scenario.leading();
        if leading == Operation::Read && self.read.revalidate { Operation::Unchanged } else { leading }
    }

    /// The time in which what is left over is done.
    pub fn settling_window(&self) -> Window {
        Window { warm_up: Duration::ZERO, duration: SETTLING }
    }

    /// True if nobody else is expected to book in the showtimes.
    pub fn owns_its_houses(&self) -> bool {
        matches!(self.houses, HouseOptions::Create { .. })
    }

    /// The wall clock's time at a moment of the run.
    pub fn wall(&self, moment: Instant) -> Timestamp {
        self.started_at + moment.saturating_duration_since(self.began)
    }

    /// Requests of a client: an equal part of all of them.
    pub fn budget(&self, client: u32) -> u64 {
        let Some(requests) = self.requests else { return u64::MAX };
        let (clients, client) = (u64::from(self.clients.max(1)), u64::from(client));
        requests / clients + u64::from(client < requests % clients)
    }

    /// The node of a client.
    pub fn target(&self, client: u32) -> Option<&Arc<Target>> {
        if self.scenario.keeps_to_the_first_node() {
            return self.targets.first();
        }
        self.targets.iter().cycle().nth(usize::try_from(client).ok()? % self.targets.len().max(1))
    }
}
