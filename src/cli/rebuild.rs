//! `turnstile rebuild`: makes every document of the read model anew from the write store.

use std::process::ExitCode;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::cli::output;
use crate::config::{Profile, Settings};
use crate::projector;

/// Servers may run meanwhile: each showtime is replaced as a whole.
pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    if matches!(settings.profile()?, Profile::Embedded { .. }) {
        bail!("the embedded profile fills its read model at every start; there is nothing to rebuild");
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
