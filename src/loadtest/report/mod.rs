//! Report: what a run has shown, as one value: the table, the JSON document and the page are drawn from it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::loadtest::check::CheckReport;
use crate::loadtest::house::House;
use crate::loadtest::latencies::{Bin, Quantiles};
use crate::loadtest::outcome::{Operation, PerOutcome};
use crate::loadtest::pace::Pace;
use crate::loadtest::processor;
use crate::loadtest::quantity::{length, rounded};
use crate::loadtest::report::watching::Watching;
use crate::loadtest::team::Harvest;
use crate::loadtest::watcher::Watched;
use crate::loadtest::workload::Workload;

mod figures;
pub mod page;
mod plot;
mod seat_picture;
mod series;
pub mod table;
#[cfg(test)]
mod tests;
mod watching;

pub use figures::Figures;
pub use seat_picture::SeatPicture;
pub use series::{Point, Series};

/// The whole report. Its JSON form is a contract: fields are added, never renamed; the unit stands last in a name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of the load tester.
    pub version: &'static str,
    /// What was asked for on the command line.
    pub arguments: serde_json::Value,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// The scenario's name.
    pub scenario: &'static str,
    /// Why the run ended.
    pub ended_by: EndedBy,
    /// Time that was left out at the start.
    pub warm_up_seconds: f64,
    /// Time that all rates are over.
    pub measured_seconds: f64,
    /// The operation that the four figures below are about: `reserve`, or in the scenario `read` `read`, or `unchanged` if
    /// clients show what they have.
    pub leading_operation: Operation,
    /// The scenario's figures: accepted, refused, overloaded, failed.
    #[serde(flatten)]
    pub leading: PerOutcome<Figures>,
    /// Figures of every operation that was met.
    pub operations: BTreeMap<&'static str, PerOutcome<Figures>>,
    /// What was done when the run was over, such as confirming; timed apart.
    pub settling: Option<Settling>,
    /// Failures by kind, warm-up included.
    pub failures: BTreeMap<String, u64>,
    /// The schedule, in the open loop.
    pub open_loop: Option<OpenLoop>,
    /// The showtimes and their seats.
    pub houses: Houses,
    /// True if the clients only held their connections.
    pub idle: bool,
    /// What the WebSocket clients saw, in the scenario `watch`.
    pub watch: Option<Watching>,
    /// From the end of the run until every WebSocket client had seen the last change, or was given up; 0 without any.
    pub catch_up_seconds: f64,
    /// The check from outside, unless it was left out.
    pub check: Option<CheckReport>,
    /// What the load tester itself has used.
    pub client: ClientUse,
    /// Answers over time, in intervals of one second or more.
    pub series: Series,
    /// The same in finer intervals, for plots.
    #[serde(skip)]
    pub fine: Series,
    /// Latencies of the leading operation, for plots.
    #[serde(skip)]
    pub distribution: PerOutcome<Vec<Bin>>,
    /// When each seat went, for the page.
    #[serde(skip)]
    pub picture: Option<SeatPicture>,
}

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndedBy {
    /// The duration was over.
    Time,
    /// The requests were spent.
    Requests,
    /// The last seat was held.
    SoldOut,
    /// Every client had asked for all that it wanted.
    AllAsked,
    /// Somebody stopped it.
    Interruption,
}

/// See [`Report::settling`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settling {
    /// Time it took.
    pub seconds: f64,
    /// Figures of every operation.
    pub operations: BTreeMap<&'static str, PerOutcome<Figures>>,
}

/// The schedule of the open loop, and how it was kept.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenLoop {
    /// Requests per second that were to be sent.
    pub rate_per_second: f64,
    /// Requests that were due and not sent: the server or the load tester was too slow for the rate.
    pub unsent: u64,
    /// From when a request was due to when it was sent; part of every latency.
    pub late: Quantiles,
}

/// See [`Report::houses`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Houses {
    /// Number of showtimes.
    pub showtimes: usize,
    /// The first ones.
    pub showtime_ids: Vec<String>,
    /// Seats that were free before the run.
    pub seats: usize,
    /// Seats that were granted, warm-up included.
    pub seats_granted: u64,
}

/// See [`Report::client`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientUse {
    /// Threads of clients.
    pub threads: u32,
    /// Cores of the machine.
    pub cores: usize,
    /// Time of the run, from connecting to the last answer.
    pub wall_seconds: f64,
    /// Processor time of the load tester in it; absent where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// That as a share of one core: near the number of threads, the load tester was the limit.
    pub cpu_share_of_one_core: Option<f64>,
    /// That as a share of the whole machine.
    pub cpu_share_of_machine: Option<f64>,
}

/// What is not in the harvest.
pub(super) struct Facts {
    pub(super) wall: Duration,
    pub(super) used: Option<Duration>,
    /// From the end of the run until every watcher had seen the last change.
    pub(super) caught_up: Duration,
    pub(super) was_interrupted: bool,
    pub(super) sold_out: bool,
    pub(super) seats_granted: u64,
    pub(super) check: Option<CheckReport>,
    pub(super) watched: Vec<Watched>,
}

/// A live feed that is further behind at the end is worth a note.
const LATE_SECONDS: f64 = 1.0;
/// Showtimes that are named.
const NAMED_SHOWTIMES: usize = 10;

impl Report {
    pub(super) fn of(workload: &Workload, houses: &[House], harvest: &Harvest, facts: Facts) -> Self {
        let ended_by = match (facts.was_interrupted, facts.sold_out, harvest.all_done) {
            (true, _, _) => EndedBy::Interruption,
            (_, true, _) => EndedBy::SoldOut,
            (_, _, true) if workload.requests.is_some() => EndedBy::Requests,
            (_, _, true) => EndedBy::AllAsked,
            _ => EndedBy::Time,
        };
        let run = &harvest.run;
        let measured = run.measured(ended_by != EndedBy::Time);
        let mut operations = figures::of(run, measured);
        let leading = operations.entry(workload.leading().as_str()).or_default().clone();
        let open_loop = match workload.pace {
            Pace::Closed => None,
            Pace::Open { .. } if workload.scenario.is_idle() => None,
            Pace::Open { per_second } => Some(OpenLoop {
                rate_per_second: per_second,
                unsent: run.unsent_requests(),
                late: run.late().quantiles(),
            }),
        };
        let settled = harvest.settled.measured(true);
        let settling = (!harvest.settled.cells().is_empty()).then(|| Settling {
            seconds: rounded(settled.as_secs_f64()),
            operations: figures::of(&harvest.settled, settled),
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            arguments: workload.arguments.clone(),
            started_at: workload.started_at.to_string(),
            scenario: workload.scenario.name(),
            ended_by,
            warm_up_seconds: rounded(workload.window.warm_up.as_secs_f64()),
            measured_seconds: rounded(measured.as_secs_f64()),
            leading_operation: workload.leading(),
            leading,
            operations,
            settling,
            failures: figures::failures([run, &harvest.settled]),
            open_loop,
            idle: workload.scenario.is_idle(),
            houses: Houses {
                showtimes: houses.len(),
                showtime_ids: houses.iter().take(NAMED_SHOWTIMES).map(|house| house.id.to_string()).collect(),
                seats: houses.iter().map(|house| house.free.len()).sum(),
                seats_granted: facts.seats_granted,
            },
            watch: (workload.scenario.watchers() > 0).then(|| Watching::of(&facts.watched)),
            client: ClientUse::of(workload, &facts),
            catch_up_seconds: rounded(facts.caught_up.as_secs_f64()),
            check: facts.check,
            series: Series::of(&run.timeline().coarsened(Duration::from_secs(1))),
            fine: Series::of(run.timeline()),
            distribution: figures::distribution(run, workload.leading()),
            picture: SeatPicture::of(houses, &harvest.ledgers),
        }
    }

    /// False if the check found something.
    pub fn passed(&self) -> bool {
        self.check.as_ref().is_none_or(|check| check.passed)
    }

    /// Problems that a reader of the figures should know first.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let threads = f64::from(self.client.threads);
        if self.client.cpu_share_of_one_core.is_some_and(|share| share > 0.9 * threads) {
            warnings.push("the load tester itself was at its limit: give it more --threads".to_owned());
        }
        if let Some(open) = self.open_loop.as_ref().filter(|open| open.unsent > 0) {
            warnings.push(format!("{} requests were due and could not be sent in time", open.unsent));
        }
        if self.catch_up_seconds > LATE_SECONDS {
            warnings.push(format!("the live feed was {:.1} s behind when the run ended", self.catch_up_seconds));
        }
        if self.measured_seconds <= 0.0 {
            warnings.push("the run was over before the warm-up was: nothing was measured".to_owned());
        }
        warnings
    }
}

impl ClientUse {
    fn of(workload: &Workload, facts: &Facts) -> Self {
        let wall = facts.wall.as_secs_f64();
        let cores = processor::count();
        let used = facts.used.map(|used| used.as_secs_f64());
        let share = |of: f64| used.filter(|_| wall > 0.0).map(|used| rounded(used / wall / of));
        Self {
            threads: workload.threads,
            cores,
            wall_seconds: rounded(wall),
            cpu_seconds: used.map(rounded),
            cpu_share_of_one_core: share(1.0),
            cpu_share_of_machine: share(length(cores)),
        }
    }
}
