//! Scenarios: what clients ask for, in which order. Pure and seeded: the same seed asks for the same seats in the same order, client
//! by client, as long as the answers are the same.

use crate::loadtest::outcome::{Operation, Outcome};

mod churn;
mod herd;
mod mixed;
mod read;
mod script;
mod sellout;
mod stage;
mod storm;

pub use mixed::{Shares, SharesError};
pub use script::{Learned, Script, Wish};
pub use stage::Stage;

/// A scenario with its own parameters.
#[derive(Clone, PartialEq, Debug)]
pub enum Scenario {
    /// Everybody wants the same few seats, so nearly everybody is refused.
    Storm {
        /// How many parties' seats are wanted.
        wanted: u32,
    },
    /// Until the last seat is held; then every booking is confirmed.
    Sellout {
        /// Clients compete for every seat instead of each having its own share.
        contend: bool,
        /// Confirm what was held when the run is over.
        confirm: bool,
    },
    /// Everybody prefers the same best block and falls back after a refusal.
    Herd,
    /// Hold, drop, hold again; some holds are left to expire.
    Churn {
        /// Share of holds that are left to expire, 0 to 1.
        abandon: f64,
    },
    /// Reads, holds, confirmations and cancellations.
    Mixed(Shares),
    /// WebSocket clients watch while seats are sold as in `Sellout`, on the first node.
    Watch {
        /// How many, spread over the nodes and showtimes.
        watchers: u32,
        /// Nothing is sold: the connections are held, for measuring the server.
        idle: bool,
    },
    /// Everybody reads seat maps.
    Read,
}

impl Scenario {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Storm { .. } => "storm",
            Self::Sellout { .. } => "sellout",
            Self::Herd => "herd",
            Self::Churn { .. } => "churn",
            Self::Mixed(_) => "mixed",
            Self::Watch { .. } => "watch",
            Self::Read => "read",
        }
    }

    /// The operation that its rates are about.
    pub fn leading(&self) -> Operation {
        match self {
            Self::Storm { .. }
            | Self::Sellout { .. }
            | Self::Herd
            | Self::Churn { .. }
            | Self::Mixed(_)
            | Self::Watch { .. } => Operation::Reserve,
            Self::Read => Operation::Read,
        }
    }

    /// True if the clients are all on the first node.
    pub fn keeps_to_the_first_node(&self) -> bool {
        matches!(self, Self::Watch { .. })
    }

    /// True if its parameters make sense.
    pub fn is_sound(&self) -> bool {
        if let Self::Churn { abandon } = self { (0.0..=1.0).contains(abandon) } else { true }
    }

    /// WebSocket clients that watch.
    pub fn watchers(&self) -> u32 {
        if let Self::Watch { watchers, .. } = self { *watchers } else { 0 }
    }

    /// True if no client asks for anything.
    pub fn is_idle(&self) -> bool {
        matches!(self, Self::Watch { idle: true, .. })
    }

    /// True if clients need what their answers say to go on.
    pub fn needs_grants(&self) -> bool {
        match self {
            Self::Storm { .. } | Self::Herd | Self::Read => false,
            Self::Churn { .. } | Self::Mixed(_) | Self::Watch { .. } => true,
            Self::Sellout { confirm, .. } => *confirm,
        }
    }

    /// True if it is over when every seat is held.
    pub fn ends_sold_out(&self) -> bool {
        match self {
            Self::Sellout { .. } | Self::Herd | Self::Watch { .. } => true,
            Self::Storm { .. } | Self::Churn { .. } | Self::Mixed(_) | Self::Read => false,
        }
    }

    /// The script of a client.
    pub fn script(&self, stage: &Stage, client: u32) -> Box<dyn Script> {
        match self {
            Self::Storm { wanted } => Box::new(storm::Storm::new(stage, client, *wanted)),
            Self::Sellout { contend: false, confirm } => Box::new(sellout::Sellout::new(stage, client, *confirm)),
            Self::Sellout { contend: true, confirm } => Box::new(sellout::Contest::new(stage, client, *confirm)),
            Self::Herd => Box::new(herd::Herd::new(stage, client)),
            Self::Churn { abandon } => Box::new(churn::Churn::new(stage, client, *abandon)),
            Self::Mixed(shares) => Box::new(mixed::Mixed::new(stage, client, *shares)),
            Self::Watch { .. } => Box::new(sellout::Sellout::new(stage, client, false)),
            Self::Read => Box::new(read::Read::new(stage, client)),
        }
    }
}

impl Outcome {
    /// True if asking for the same again is of use.
    fn is_worth_another_try(self) -> bool {
        match self {
            Self::Overloaded => true,
            Self::Accepted | Self::Refused | Self::Failed => false,
        }
    }
}
