//! `turnstile openapi`: prints the OpenAPI document that the server serves.

use std::process::ExitCode;

use crate::cli::output;
use crate::http;

/// JSON on standard output.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    output::line(http::openapi_document())?;
    Ok(ExitCode::SUCCESS)
}
