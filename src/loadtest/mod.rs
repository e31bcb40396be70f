//! Load tester: plays the clients of an on-sale against one or several nodes, measures what they meet, and checks from outside that the
//! server kept its promises. It knows the servers by HTTP and WebSocket only, and of this crate nothing but [`crate::domain`].
//!
//! ```text
//! workload ─> setup: showtimes ─> team: threads ─> client: one connection, one script ─> recorder, grants ─> check, report
//! ```
//!
//! - A [`scenario`] gives each client a script: pure, seeded, asked for the next wish and told the answer.
//! - In the closed loop a client sends when it was answered; in the open loop ([`pace`]) when the schedule says so, and its latencies count
//!   from then, so that a server that stands still cannot hide the requests that would have come meanwhile.
//! - A [`recorder`] counts accepted, refused, overloaded and failed requests apart, in HDR histograms and over time.
//! - [`grants`] keep what was granted, for the check.
//!
//! **Invariant:** nothing is shared between threads for a request but a few relaxed counters; a thread's clients take turns on it.

use std::sync::Arc;
use std::time::Instant;

use crate::loadtest::audience::{Audience, Hall};
use crate::loadtest::check::Evidence;
use crate::loadtest::outcome::Operation;
use crate::loadtest::progress::Progress;
use crate::loadtest::report::Facts;
use crate::loadtest::team::{Harvest, Team};

mod acknowledged;
mod audience;
pub mod check;
mod client;
pub mod connection;
mod error;
pub mod feed;
pub mod grants;
pub mod house;
pub mod latencies;
pub mod outcome;
pub mod pace;
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
pub mod workload;

pub use error::LoadError;
pub use report::Report;
pub use workload::Workload;

/// Carries out a workload. Ends early, with a report of what there is, when `interrupted` does.
///
/// # Errors
/// The run could not be started or lost a thread; see [`LoadError`].
pub async fn run(workload: Workload, interrupted: impl Future<Output = ()>) -> Result<Report, LoadError> {
    workload.check()?;
    let workload = Arc::new(workload);
    let houses = setup::houses(&workload).await?;
    let team = Team::new(Arc::clone(&workload), Arc::clone(&houses));
    let (mut watchers, mut followers) = (Audience::new(), Audience::new());
    let hall =
        Hall { workload: &workload, houses: &houses, tally: &team.tally, acknowledged: team.acknowledged.as_ref() };
    let followed =
        workload.check.filter(|_| workload.scenario.leading() == Operation::Reserve && !workload.scenario.is_idle());
    followers.seat(&hall, followed.map_or(0, |check| check.showtimes.min(houses.len())), true).await?;
    watchers.seat(&hall, usize::try_from(workload.scenario.watchers()).unwrap_or(0), false).await?;
    let used_before = processor::time();
    let began = Instant::now();
    let harvest = play(&team, &workload, interrupted).await?;
    let wall = began.elapsed();
    let used = processor::time().zip(used_before).map(|(after, before)| after.saturating_sub(before));
    let ended = Instant::now();
    let last = verify::last_sequences(&houses, &harvest.ledgers);
    let (watched, following) = tokio::join!(watchers.leave(last.clone()), followers.leave(last));
    let caught_up = ended.elapsed();
    let check = match workload.check {
        None => None,
        Some(bounds) => {
            let start = workload.wall(team.tally.start());
            let ledgers = &harvest.ledgers;
            let evidence = Evidence {
                workload: &workload,
                houses: &houses,
                ledgers,
                start,
                followers: &following,
                watchers: &watched,
            };
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
    Ok(Report::of(&workload, &houses, &harvest, facts))
}

/// Runs the team, to its end or to an interruption.
async fn play(team: &Team, workload: &Workload, interrupted: impl Future<Output = ()>) -> Result<Harvest, LoadError> {
    let mut progress = Progress::new(workload, team);
    let running = async {
        if workload.scenario.is_idle() {
            team.tally.start();
            tokio::select! {
                () = tokio::time::sleep(workload.window.end()) => {}
                () = team.tally.stop().cancelled() => {}
            }
            return Harvest::empty(workload);
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
