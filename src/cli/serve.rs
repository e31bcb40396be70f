//! `turnstile serve`: the server, until SIGTERM or ctrl-c.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::app::{App, Signals};
use crate::cli::output;
use crate::config::Settings;

/// Fewer open files than this are worth a warning: each client's connection is one.
const FEW_OPEN_FILES: u64 = 10_000;

/// Runs the adapters on a multi-thread runtime and the actors in an actix system, until a signal has been answered by a full drain.
pub(super) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from))
        .thread_name("turnstile-io")
        .enable_all()
        .build()
        .context("no runtime could be started")?;
    let handle = runtime.handle().clone();
    let served = actix_web::rt::System::new().block_on(async move {
        let app = App::start(settings, handle).await?;
        // Before the banner: whoever reads it may stop the server. Not earlier: a start that waits for a service ends at the first signal.
        let signals = Signals::new()?;
        // A server goes on though nobody reads its banner.
        let _unread = output::text(app.banner());
        app.serve(signals).await
    });
    // Connections that still wait for a dead service must not hold the exit up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    served.map(|()| ExitCode::SUCCESS)
}

/// Raises the limit of open files as far as the system lets this process, and says so if that is little.
fn raise_open_files() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < FEW_OPEN_FILES => {
            tracing::warn!("only {limit} files may be open at once, one for each client: raise the limit (ulimit -n)");
        }
        Ok(limit) => tracing::info!("{limit} files may be open at once"),
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
    }
}
