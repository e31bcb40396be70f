//! The command line: one file per subcommand. Without a subcommand, `turnstile` serves.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::{Flag, Settings};
use crate::telemetry;

mod check;
mod dead_letters;
mod healthcheck;
mod loadtest;
mod migrate;
mod openapi;
mod output;
mod rebuild;
mod seed;
mod serve;

/// A reservation server for seats: each seat is sold once, nothing acknowledged is lost, everyone watching sees it at once.
#[derive(Parser)]
#[command(name = "turnstile", version, about)]
pub struct CommandLine {
    /// Configuration file; `turnstile.toml` in the current folder is read if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on (`TURNSTILE_LISTEN`).
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Folder of the embedded profile's data (`TURNSTILE_DATA_DIR`).
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Let everybody on this machine be an operator, without a token. Only on a loopback address, and not behind a proxy.
    #[arg(long, global = true)]
    open: bool,
    /// Any other setting, such as `--set box_office.max_queued=100`. May be repeated.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Serve until SIGTERM or ctrl-c (the default).
    Serve,
    /// Bring the write store's schema up to date.
    Migrate,
    /// Create the demo showtime if it is not there.
    Seed,
    /// Make every document of the read model anew from the write store. Servers may run.
    Rebuild,
    /// Compare write store, journal and read model; print what disagrees; exit 1 if anything does.
    Check(check::Arguments),
    /// List or replay messages that could not be processed.
    DeadLetters(dead_letters::Arguments),
    /// Play the clients of an on-sale against running nodes, measure, check from outside; exit 1 if a promise was broken.
    Loadtest(Box<loadtest::Arguments>),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask a running server whether it is ready; exit 1 if it is not.
    Healthcheck,
}

/// Runs what was asked for. Exit code 0: done; 1: the check found something, or it failed; 2: wrong usage.
pub fn run(line: CommandLine) -> ExitCode {
    match try_run(line) {
        Ok(code) => code,
        Err(error) if output::is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complaint(format_args!("turnstile: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn try_run(line: CommandLine) -> anyhow::Result<ExitCode> {
    if let Some(Subcommands::Openapi) = line.command {
        return openapi::run();
    }
    let settings = settings(&line)?;
    match line.command.unwrap_or(Subcommands::Serve) {
        Subcommands::Serve => {
            start_log(&settings, &settings.log_filter)?;
            serve::run(settings)
        }
        Subcommands::Openapi => openapi::run(),
        Subcommands::Loadtest(arguments) => loadtest::run(&settings, &arguments),
        Subcommands::Healthcheck => block_on(healthcheck::run(settings)),
        Subcommands::Migrate => tool(settings, migrate::run),
        Subcommands::Seed => tool(settings, seed::run),
        Subcommands::Rebuild => tool(settings, rebuild::run),
        Subcommands::Check(arguments) => tool(settings, |settings| check::run(settings, arguments)),
        Subcommands::DeadLetters(arguments) => tool(settings, |settings| dead_letters::run(settings, arguments)),
    }
}

/// A subcommand that works and ends: its result goes to standard output, only warnings to the log.
fn tool<F: Future<Output = anyhow::Result<ExitCode>>>(
    settings: Settings,
    run: impl FnOnce(Settings) -> F,
) -> anyhow::Result<ExitCode> {
    start_log(&settings, "warn")?;
    block_on(run(settings))
}

fn start_log(settings: &Settings, filter: &str) -> anyhow::Result<()> {
    telemetry::init(settings.log_format, filter)?;
    let ignored = &settings.ignored_variables;
    if !ignored.is_empty() {
        tracing::warn!("variables that are no settings are ignored: {}", ignored.join(", "));
    }
    Ok(())
}

fn block_on<F: Future<Output = anyhow::Result<ExitCode>>>(work: F) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime could be started")?;
    runtime.block_on(work)
}

fn settings(line: &CommandLine) -> anyhow::Result<Settings> {
    let mut flags = Vec::new();
    for setting in &line.settings {
        // Not shown whole: it may be a token.
        let (key, value) = setting.split_once('=').context("--set needs KEY=VALUE")?;
        flags.push(Flag { name: format!("--set {key}"), key: key.to_owned(), value: value.to_owned() });
    }
    let named = [("--listen", "listen", &line.listen), ("--data-dir", "data_dir", &line.data_dir)];
    for (name, key, value) in named {
        flags.extend(value.clone().map(|value| Flag { name: name.to_owned(), key: key.to_owned(), value }));
    }
    if line.open {
        flags.push(Flag { name: "--open".to_owned(), key: "open".to_owned(), value: "true".to_owned() });
    }
    Ok(Settings::load(line.config.as_deref(), &flags)?)
}
