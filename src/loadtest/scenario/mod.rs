//! Scenarios: what clients ask for, in which order. Pure and seeded: the same seed asks for the same seats in the same order, client
//! by client, as long as the answers are the same.

use crate::loadtest::outcome::{Operation, Outcome};

mod read;
mod script;
mod sellout;
mod stage;
mod storm;

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
    /// Everybody reads seat maps.
    Read,
}

impl Scenario {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Storm { .. } => "storm",
            Self::Sellout { .. } => "sellout",
            Self::Read => "read",
        }
    }

    /// The operation that its rates are about.
    pub fn leading(&self) -> Operation {
        match self {
            Self::Storm { .. } | Self::Sellout { .. } => Operation::Reserve,
            Self::Read => Operation::Read,
        }
    }

    /// True if clients need what their answers say to go on.
    pub fn needs_grants(&self) -> bool {
        match self {
            Self::Storm { .. } | Self::Read => false,
            Self::Sellout { confirm, .. } => *confirm,
        }
    }

    /// True if it is over when every seat is held.
    pub fn ends_sold_out(&self) -> bool {
        match self {
            Self::Sellout { .. } => true,
            Self::Storm { .. } | Self::Read => false,
        }
    }

    /// The script of a client.
    pub fn script(&self, stage: &Stage, client: u32) -> Box<dyn Script> {
        match self {
            Self::Storm { wanted } => Box::new(storm::Storm::new(stage, client, *wanted)),
            Self::Sellout { contend: false, confirm } => Box::new(sellout::Sellout::new(stage, client, *confirm)),
            Self::Sellout { contend: true, confirm } => Box::new(sellout::Contest::new(stage, client, *confirm)),
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
