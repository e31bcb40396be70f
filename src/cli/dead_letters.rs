//! `turnstile dead-letters`: lists the messages that could not be processed, or publishes them again.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::app;
use crate::cli::output;
use crate::config::{Profile, Settings};

/// What to do with dead letters.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Print them, oldest first, and leave them where they are.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Print the whole body too.
        #[arg(long)]
        bodies: bool,
    },
    /// Publish them again and remove them.
    Replay {
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// Works on the broker's dead-letter queue.
pub(super) async fn run(settings: Settings, arguments: Arguments) -> anyhow::Result<ExitCode> {
    if matches!(settings.profile()?, Profile::Embedded { .. }) {
        bail!("the embedded profile keeps its dead letters in the memory of the running server");
    }
    let bus = app::connect_bus(&settings, Arc::new(app::machine_time)).await?;
    match arguments.action {
        Action::List { limit, bodies } => {
            let letters = bus.dead_letters(limit).await?;
            for letter in &letters.oldest {
                output::line(format_args!("{}  {}  {}", letter.message_id, letter.routing_key, letter.reason))?;
                if bodies {
                    output::line(&letter.body)?;
                }
            }
            output::line(format_args!("{} of {} dead letters", letters.oldest.len(), letters.total))?;
        }
        Action::Replay { limit } => {
            let replay = bus.replay_dead_letters(limit).await?;
            output::line(format_args!("{} dead letters published again, {} left", replay.published, replay.left))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
