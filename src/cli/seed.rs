//! `turnstile seed`: creates the demo showtime if it is not there.

use std::process::ExitCode;

use crate::app::{self, demo};
use crate::cli::output;
use crate::config::Settings;

/// Adds the demo data to the write store; a running server picks it up.
pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    app::migrate(&settings).await?;
    let stores = app::connect_stores(&settings).await?;
    let created = demo::seed(stores.write_store.as_ref(), stores.write_store.ping().await?.now).await?;
    output::line(format_args!("{} {}", demo::SHOWTIME_ID, if created { "created" } else { "was there already" }))?;
    Ok(ExitCode::SUCCESS)
}
