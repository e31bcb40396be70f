//! `turnstile loadtest`: plays the clients of an on-sale against running nodes, measures, and checks from outside what they promised.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::app::{self, operator_key};
use crate::cli::output;
use crate::config::{Profile, Settings};
use crate::domain::{Secret, ShowtimeId};
use crate::loadtest;
use crate::loadtest::pace::Pace;
use crate::loadtest::recorder::Window;
use crate::loadtest::report::page::page;
use crate::loadtest::report::table::table;
use crate::loadtest::scenario::{Scenario, Shares};
use crate::loadtest::target::Target;
use crate::loadtest::workload::{Asking, CheckOptions, HouseOptions, ReadOptions, Workload};

/// Bookings a second that are watched unless told otherwise.
const WATCHED_PER_SECOND: f64 = 100.0;

/// What clients do, against which nodes, how fast and how long.
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are independent of each other")]
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Arguments {
    /// What clients do.
    #[arg(value_enum)]
    scenario: Name,
    /// A node, such as `http://127.0.0.1:5000`. May be repeated; clients are spread over them in turns.
    #[arg(long = "url", value_name = "URL", default_value = "http://127.0.0.1:5000")]
    urls: Vec<String>,
    /// Clients, each with one connection.
    #[arg(long, default_value_t = 64)]
    clients: u32,
    /// Open loop: start so many requests per second, all clients together, whatever the answers do. Without it each client sends
    /// when it was answered.
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Seconds that are measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    duration: f64,
    /// Seconds before them that are not.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    warm_up: f64,
    /// End after so many requests, warm-up included, if that comes first.
    #[arg(long)]
    requests: Option<u64>,
    /// Use this showtime instead of creating some.
    #[arg(long, value_name = "ID")]
    showtime: Option<uuid::Uuid>,
    /// Showtimes to create.
    #[arg(long, default_value_t = 1)]
    showtimes: u32,
    /// Seats of each.
    #[arg(long, default_value_t = 1_000)]
    seats: u32,
    /// Seats that a client wants at once, 1 to 8.
    #[arg(long, default_value_t = 1)]
    party: u32,
    /// Clients ask for so many of the best seats, 1 to 8, instead of naming seats.
    #[arg(long, value_name = "SEATS", conflicts_with = "party")]
    best_available: Option<u32>,
    /// Clients ask for places of an area, `--party` at a time, instead of naming seats. The showtimes that are created have an area and no seats.
    #[arg(long, conflicts_with = "best_available")]
    areas: bool,
    /// storm: parties' seats that everybody wants.
    #[arg(long, default_value_t = 4)]
    wanted: u32,
    /// sellout: everybody wants every seat, instead of each client having its own share.
    #[arg(long)]
    contend: bool,
    /// sellout: do not confirm the bookings when the run is over.
    #[arg(long)]
    no_confirm: bool,
    /// churn: share of holds that are left to expire, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    abandon: f64,
    /// mixed: how many requests are of which kind.
    #[arg(long, value_name = "SHARES", default_value = "read=70,hold=20,confirm=6,cancel=4")]
    shares: String,
    /// watch: WebSocket clients, spread over the nodes.
    #[arg(long, default_value_t = 100)]
    watchers: u32,
    /// watch: only connect the watchers and hold the connections, for measuring the server.
    #[arg(long)]
    idle: bool,
    /// read: ask for this path instead of seat maps, to compare with a bare answer.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// read: ask for the live status, two bits a seat, instead of whole seat maps.
    #[arg(long, conflicts_with = "path")]
    compact: bool,
    /// read: show what the last answer was (`If-None-Match`); answers that nothing has changed are counted as `unchanged`.
    #[arg(long)]
    revalidate: bool,
    /// Reads: do not take gzip, as browsers do.
    #[arg(long)]
    no_gzip: bool,
    /// Name the showtime in the path of a reservation too, for load balancers that go by it.
    #[arg(long)]
    showtime_in_path: bool,
    /// The same seed asks for the same seats in the same order, client by client.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads of clients.
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Seconds to wait for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    timeout: f64,
    /// Token for creating showtimes (default: `TURNSTILE_OPERATOR_TOKEN`; for nodes on this machine else the key in the data folder).
    #[arg(long, value_name = "TOKEN")]
    #[serde(skip)]
    operator_token: Option<Secret>,
    /// Leave the check at the end out, for servers that answer constants.
    #[arg(long)]
    no_check: bool,
    /// Most bookings that the check reads back; of more, an even sample.
    #[arg(long, value_name = "BOOKINGS", default_value_t = 10_000)]
    check_bookings: usize,
    /// Most showtimes that the check follows over WebSocket.
    #[arg(long, value_name = "SHOWTIMES", default_value_t = 8)]
    check_showtimes: usize,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as one HTML page with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Name {
    /// Everybody wants the same few seats: nearly all are refused.
    Storm,
    /// Until the last seat is held, then every booking is confirmed.
    Sellout,
    /// Everybody prefers the same best block, and falls back after a refusal.
    Herd,
    /// Hold, drop, hold again; some holds are left to expire.
    Churn,
    /// Reads, holds, confirmations and cancellations in given shares.
    Mixed,
    /// WebSocket clients watch a sale on the first node (`--rate`, 100 a second if absent): how much later do they see it?
    Watch,
    /// Everybody reads seat maps.
    Read,
}

/// Exit 1 if the check found something.
pub(super) fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let workload = workload(settings, arguments)?;
    // Of this runtime only the progress line, the watchers and the check make use: the clients have their own threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime could be started")?;
    let report = runtime.block_on(loadtest::run(workload, interruption()))?;
    let printed = output::text(table(&report));
    if let Some(file) = &arguments.json {
        write(file, &serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(file) = &arguments.html {
        write(file, &page(&report))?;
    }
    printed?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn interruption() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} could not be written", file.display()))
}

fn workload(settings: &Settings, arguments: &Arguments) -> anyhow::Result<Workload> {
    let targets = arguments.urls.iter().map(|url| Target::parse(url).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let operator_token = operator_token(settings, arguments, &targets)?;
    let seconds = |name: &str, value: f64| {
        Duration::try_from_secs_f64(value).with_context(|| format!("{name} {value} is no time"))
    };
    let Arguments { showtimes, seats, .. } = *arguments;
    Ok(Workload {
        targets,
        scenario: arguments.scenario()?,
        clients: arguments.clients,
        threads: arguments.threads,
        pace: arguments.pace(),
        window: Window {
            warm_up: seconds("--warm-up", arguments.warm_up)?,
            duration: seconds("--duration", arguments.duration)?,
        },
        requests: arguments.requests,
        houses: arguments
            .showtime
            .map_or(HouseOptions::Create { showtimes, seats }, |id| HouseOptions::Given(ShowtimeId(id))),
        party: arguments.best_available.unwrap_or(arguments.party),
        asking: arguments.asking(),
        seed: arguments.seed,
        patience: seconds("--timeout", arguments.timeout)?,
        operator_token,
        in_path: arguments.showtime_in_path,
        read: ReadOptions {
            path: arguments.path.clone(),
            compact: arguments.compact,
            gzip: !arguments.no_gzip,
            revalidate: arguments.revalidate,
        },
        check: (!arguments.no_check)
            .then_some(CheckOptions { bookings: arguments.check_bookings, showtimes: arguments.check_showtimes }),
        started_at: app::machine_time(),
        began: Instant::now(),
        arguments: serde_json::to_value(arguments)?,
    })
}

/// The token that was given, else the key that a server on this machine has made. No other machine is shown that one.
fn operator_token(
    settings: &Settings,
    arguments: &Arguments,
    targets: &[Arc<Target>],
) -> anyhow::Result<Option<Secret>> {
    let given = arguments.operator_token.as_ref().or(settings.operator_token.as_ref());
    match (given, settings.profile()?) {
        (Some(token), _) => Ok(Some(token.clone())),
        (None, Profile::Embedded { data_dir }) if targets.iter().all(|target| target.is_loopback()) => {
            operator_key::read(&data_dir)
        }
        (None, Profile::Embedded { .. } | Profile::Real(_)) => Ok(None),
    }
}

impl Arguments {
    fn asking(&self) -> Asking {
        match self.best_available {
            Some(_) => Asking::Best,
            None if self.areas => Asking::Area,
            None => Asking::Named,
        }
    }

    fn pace(&self) -> Pace {
        match (self.rate, self.scenario) {
            (Some(per_second), _) => Pace::Open { per_second },
            (None, Name::Watch) => Pace::Open { per_second: WATCHED_PER_SECOND },
            (None, _) => Pace::Closed,
        }
    }

    fn scenario(&self) -> anyhow::Result<Scenario> {
        Ok(match self.scenario {
            Name::Storm => Scenario::Storm { wanted: self.wanted },
            Name::Sellout => Scenario::Sellout { contend: self.contend, confirm: !self.no_confirm },
            Name::Herd => Scenario::Herd,
            Name::Churn => Scenario::Churn { abandon: self.abandon },
            Name::Mixed => Scenario::Mixed(self.shares.parse::<Shares>()?),
            Name::Watch => Scenario::Watch { watchers: self.watchers, idle: self.idle },
            Name::Read => Scenario::Read,
        })
    }
}
