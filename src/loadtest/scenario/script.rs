//! Script: one client's part in a scenario.

use crate::loadtest::grants::Holding;
use crate::loadtest::outcome::Outcome;

/// What a client wants next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wish {
    /// These seats of this house, by index.
    Reserve {
        /// Position of the house.
        house: u32,
        /// Indices of the seats, at least one.
        seats: Vec<u32>,
    },
    /// To pay for a booking.
    Confirm(Holding),
    /// To give a booking back.
    Cancel(Holding),
    /// To see a house's seats.
    Read {
        /// Position of the house.
        house: u32,
    },
}

/// What a client has learnt from an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learned {
    /// How it ended.
    pub outcome: Outcome,
    /// The booking, if seats were reserved and answers are kept.
    pub holding: Option<Holding>,
}

/// One client's part. Asked and told in turns: every wish's answer is told before the next wish is asked for.
pub trait Script {
    /// What the client wants next; `None` when it has asked for all that it wants.
    fn next(&mut self) -> Option<Wish>;

    /// The answer to the last wish.
    fn learn(&mut self, learned: Learned);

    /// What is left to do when the run is over, such as paying; timed apart.
    fn settle(&mut self) -> Option<Wish> {
        None
    }
}
