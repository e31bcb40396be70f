//! `turnstile healthcheck`: asks the server at the configured address whether it is ready. For container health checks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cli::output;
use crate::config::Settings;

/// Whole time for the question and the answer.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Exit 0 if `/readyz` answers 200.
pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let mut address = settings.listen;
    if address.ip().is_unspecified() {
        address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port());
    }
    let status = tokio::time::timeout(TIMEOUT, ask(address)).await.context("no answer in time")??;
    output::line(&status)?;
    Ok(if status.contains(" 200 ") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("nothing listens on {address}"))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
