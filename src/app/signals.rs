//! The signals that stop the server.

use std::io;

use tokio::signal::unix::{self, SignalKind};

/// A signal that stops the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// SIGTERM: an orchestrator takes the node away.
    Terminate,
    /// SIGINT: somebody at the terminal pressed ctrl-c.
    Interrupt,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "ctrl-c",
        })
    }
}

/// Hears the signals from its creation on; none that comes between two waits is lost. Without it, a signal ends the process at once.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    /// Begins to hear.
    ///
    /// # Errors
    /// The system refuses to pass the signals on.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
        }
    }
}
