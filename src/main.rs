//! The `turnstile` program: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use turnstile::cli::CommandLine;

fn main() -> ExitCode {
    turnstile::cli::run(CommandLine::parse())
}
