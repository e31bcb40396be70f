//! Load tester: plays the clients of an on-sale against one or several nodes, measures what they meet, and checks from outside that the
//! server kept its promises. It knows the servers by HTTP and WebSocket only, and of this crate nothing but [`crate::domain`].
//!
//! ```text
//! plan ─> setup: showtimes ─> team: threads ─> client: one connection, one script ─> recorder, ledger ─> check, report
//! ```
//!
//! - A [`scenario`] gives each client a script: pure, seeded, asked for the next wish and told the answer.
//! - In the closed loop a client sends when it was answered; in the open loop ([`pace`]) when the schedule says so, and its latencies count
//!   from then, so that a server that stands still cannot hide the requests that would have come meanwhile.
//! - A [`recorder`] counts accepted, refused, overloaded and failed requests apart, in HDR histograms and over time.
//! - A [`ledger`] keeps what was granted, for the check.
//!
//! **Invariant:** nothing is shared between threads for a request but a few relaxed counters; a thread's clients take turns on it.

use std::sync::Arc;
use std::time::Instant;

use hyper::http::uri::InvalidUri;

use crate::domain::ShowtimeId;
use crate::loadtest::audience::{Audience, Hall};
use crate::loadtest::check::Evidence;
use crate::loadtest::connection::{ConnectionError, Reply};
use crate::loadtest::outcome::Operation;
use crate::loadtest::plan::PlanError;
use crate::loadtest::progress::Progress;
use crate::loadtest::report::Facts;
use crate::loadtest::team::{Harvest, Team};

mod acknowledged;
mod audience;
pub mod check;
mod client;
pub mod connection;
pub mod feed;
pub mod house;
pub mod latencies;
pub mod ledger;
pub mod outcome;
pub mod pace;
pub mod plan;
mod processor;
mod progress;
mod quantity;
pub mod recorder;
pub mod report;
pub mod scenario;
mod setup;
pub mod tally;
pub mod target;
mod team;
pub mod timeline;
pub mod verify;
mod watcher;
pub mod wire;

pub use plan::Plan;
pub use report::Report;

/// Bytes of an unexpected answer that are shown.
const SHOWN_BYTES: usize = 400;

/// Why a run could not be carried out. What the server does wrong during the run is no such error: it is counted or found.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The plan does not fit together.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no node.
    #[error("no node to test")]
    NoTarget,
    /// No connection, or no answer, before the run.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A WebSocket client was refused at the start.
    #[error("a WebSocket client could not connect")]
    Watcher(#[source] Box<tokio_tungstenite::tungstenite::Error>),
    /// Another answer than was needed before the run.
    #[error("{what}: status {status}: {body}")]
    Unexpected {
        /// What could not be done.
        what: &'static str,
        /// The answer's status.
        status: u16,
        /// The beginning of its body.
        body: String,
    },
    /// An answer that is not as the contract has it.
    #[error("{what} cannot be read")]
    Unreadable {
        /// What was to be read.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A new showtime is not as it was ordered.
    #[error("showtime {id} has {found} seats, not {wanted}")]
    WrongHouse {
        /// The showtime.
        id: ShowtimeId,
        /// Seats that were ordered.
        wanted: u32,
        /// Seats that it has.
        found: usize,
    },
    /// The operator token is not fit for a header.
    #[error("the operator token has characters that no header may have")]
    OperatorToken,
    /// A path that is none.
    #[error("a path cannot be used")]
    Path(#[from] InvalidUri),
    /// No histogram; never with the digits that are used.
    #[error("no histogram could be made: {0:?}")]
    Histogram(hdrhistogram::CreationError),
    /// No thread or runtime could be started.
    #[error("no runtime could be started")]
    Runtime(#[source] std::io::Error),
    /// A thread of clients has ended without an answer.
    #[error("a thread of clients was lost")]
    ThreadLost,
    /// Another thread could not connect.
    #[error("the run was not started, because not every client could connect")]
    NotStarted,
}

impl LoadError {
    fn unexpected(what: &'static str, reply: &Reply) -> Self {
        let shown = reply.body.get(..SHOWN_BYTES).unwrap_or(&reply.body);
        Self::Unexpected { what, status: reply.status.as_u16(), body: String::from_utf8_lossy(shown).into_owned() }
    }
}

impl From<hdrhistogram::CreationError> for LoadError {
    fn from(error: hdrhistogram::CreationError) -> Self {
        Self::Histogram(error)
    }
}

/// Carries out a plan. Ends early, with a report of what there is, when `interrupted` does.
///
/// # Errors
/// The run could not be started or lost a thread; see [`LoadError`].
pub async fn run(plan: Plan, interrupted: impl Future<Output = ()>) -> Result<Report, LoadError> {
    plan.check()?;
    let plan = Arc::new(plan);
    let houses = setup::houses(&plan).await?;
    let team = Team::new(Arc::clone(&plan), Arc::clone(&houses));
    let (mut watchers, mut followers) = (Audience::new(), Audience::new());
    let hall = Hall { plan: &plan, houses: &houses, tally: &team.tally, acknowledged: team.acknowledged.as_ref() };
    let followed = plan.check.filter(|_| plan.scenario.leading() == Operation::Reserve && !plan.scenario.is_idle());
    followers.seat(&hall, followed.map_or(0, |check| check.showtimes.min(houses.len())), true).await?;
    watchers.seat(&hall, usize::try_from(plan.scenario.watchers()).unwrap_or(0), false).await?;
    let used_before = processor::time();
    let began = Instant::now();
    let harvest = play(&team, &plan, interrupted).await?;
    let wall = began.elapsed();
    let used = processor::time().zip(used_before).map(|(after, before)| after.saturating_sub(before));
    let ended = Instant::now();
    let last = verify::last_sequences(&houses, &harvest.ledgers);
    let (watched, following) = tokio::join!(watchers.leave(last.clone()), followers.leave(last));
    let caught_up = ended.elapsed();
    let check = match plan.check {
        None => None,
        Some(bounds) => {
            let start = plan.wall(team.tally.start());
            let ledgers = &harvest.ledgers;
            let evidence =
                Evidence { plan: &plan, houses: &houses, ledgers, start, followers: &following, watchers: &watched };
            Some(evidence.check(bounds).await)
        }
    };
    let sold_out = team.tally.is_sold_out();
    let facts = Facts {
        wall,
        used,
        caught_up,
        was_interrupted: team.tally.is_interrupted(),
        sold_out,
        seats_granted: team.tally.seats(),
        check,
        watched,
    };
    Ok(Report::of(&plan, &houses, &harvest, facts))
}

/// Runs the team, to its end or to an interruption.
async fn play(team: &Team, plan: &Plan, interrupted: impl Future<Output = ()>) -> Result<Harvest, LoadError> {
    let mut progress = Progress::new(plan, team);
    let running = async {
        if plan.scenario.is_idle() {
            team.tally.start();
            tokio::select! {
                () = tokio::time::sleep(plan.window.end()) => {}
                () = team.tally.stop().cancelled() => {}
            }
            return Harvest::empty(plan);
        }
        team.run().await
    };
    tokio::pin!(running, interrupted);
    let harvest = loop {
        tokio::select! {
            harvest = &mut running => break harvest?,
            () = &mut interrupted, if !team.tally.is_interrupted() => team.tally.interrupt(),
            () = progress.next() => {}
        }
    };
    progress.finish();
    Ok(harvest)
}
