//! `turnstile migrate`: brings the write store's schema up to date.

use std::process::ExitCode;

use crate::app;
use crate::cli::output;
use crate::config::Settings;

/// Safe to run on several nodes at once.
pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let applied = app::migrate(&settings).await?;
    output::line(format_args!("{applied} migrations applied; the schema is up to date"))?;
    Ok(ExitCode::SUCCESS)
}
