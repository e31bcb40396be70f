//! `turnstile rebuild`: builds the read model anew from the journal, beside the live one, and switches over.

use std::process::ExitCode;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::cli::output;
use crate::config::{Profile, Settings};
use crate::projector;

/// A running server goes on answering from the live generation until the new one is complete.
pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    if matches!(settings.profile()?, Profile::Embedded { .. }) {
        bail!(
            "the embedded profile builds its read model from the journal at every start; there is nothing to rebuild"
        );
    }
    let stores = app::connect_stores(&settings).await?;
    let stop = CancellationToken::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.cancel();
        }
    });
    let report = projector::rebuild(&stores, &settings.projector, &stop, |progress| {
        // A rebuild goes on though nobody reads how far it is.
        let _unread = output::line(progress);
    })
    .await?;
    output::line(report)?;
    Ok(ExitCode::SUCCESS)
}
