//! The `turnstile` program: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use turnstile::cli::CommandLine;

/// Commands are many small, short-lived allocations made on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    turnstile::cli::run(CommandLine::parse())
}
