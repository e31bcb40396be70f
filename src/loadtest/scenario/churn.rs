//! `churn`: seats are held, dropped and held again; some holds are left to expire.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::loadtest::grants::Holding;
use crate::loadtest::outcome::Outcome;
use crate::loadtest::scenario::script::{Learned, Script, Wish};
use crate::loadtest::scenario::stage::{Share, Stage};

/// A client that holds a party at random, gives it back, holds it again and gives it back, or leaves the hold to its deadline.
pub(super) struct Churn {
    stage: Stage,
    shares: Vec<Share>,
    /// Share of holds that are left to expire, 0 to 1.
    abandon: f64,
    random: SmallRng,
    state: State,
}

#[derive(Clone, Copy)]
struct Choice {
    house: u32,
    party: u32,
}

#[derive(Clone, Copy)]
enum State {
    Idle,
    /// Asked for; `again` if it was held before.
    Asked {
        choice: Choice,
        again: bool,
    },
    Held {
        choice: Choice,
        holding: Holding,
        again: bool,
    },
    Dropping {
        choice: Choice,
        again: bool,
    },
    Dropped {
        choice: Choice,
    },
}

impl Churn {
    pub(super) fn new(stage: &Stage, client: u32, abandon: f64) -> Self {
        let random = stage.random(client);
        Self { stage: stage.clone(), shares: stage.shares(client), abandon, random, state: State::Idle }
    }

    fn choose(&mut self) -> Option<Choice> {
        let house = self.shares.get(self.random.random_range(0..self.shares.len().max(1)))?.house;
        let party = self.random.random_range(0..self.stage.parties(house)?.count().max(1));
        Some(Choice { house, party })
    }

    fn ask(&mut self, choice: Choice, again: bool) -> Option<Wish> {
        self.state = State::Asked { choice, again };
        Some(Wish::Reserve { house: choice.house, seats: self.stage.parties(choice.house)?.seats(choice.party) })
    }
}

impl Script for Churn {
    fn next(&mut self) -> Option<Wish> {
        match self.state {
            State::Held { choice, holding, again } if self.random.random::<f64>() >= self.abandon => {
                self.state = State::Dropping { choice, again };
                Some(Wish::Cancel(holding))
            }
            State::Dropped { choice } => self.ask(choice, true),
            State::Idle | State::Asked { .. } | State::Held { .. } | State::Dropping { .. } => {
                let choice = self.choose()?;
                self.ask(choice, false)
            }
        }
    }

    fn learn(&mut self, learned: Learned) {
        self.state = match (self.state, learned.holding) {
            (State::Asked { choice, again }, Some(holding)) => State::Held { choice, holding, again },
            (State::Dropping { choice, again: false }, _) if learned.outcome == Outcome::Accepted => {
                State::Dropped { choice }
            }
            _ => State::Idle,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(holding: Option<u32>) -> Learned {
        Learned { outcome: Outcome::Accepted, holding: holding.map(Holding) }
    }

    #[test]
    fn what_was_dropped_is_held_again_once() {
        let stage = Stage::new([(0..1_000).collect()], 2, 1, 1);
        let mut script = Churn::new(&stage, 0, 0.0);
        let first = script.next();
        script.learn(told(Some(0)));
        assert_eq!(script.next(), Some(Wish::Cancel(Holding(0))));
        script.learn(told(None));
        assert_eq!(script.next(), first);
        script.learn(told(Some(1)));
        assert_eq!(script.next(), Some(Wish::Cancel(Holding(1))));
        script.learn(told(None));
        assert_ne!(script.next(), first);
    }

    #[test]
    fn abandoned_holds_are_never_cancelled() {
        let stage = Stage::new([(0..1_000).collect()], 2, 1, 1);
        let mut script = Churn::new(&stage, 0, 1.0);
        for holding in 0..100 {
            assert!(matches!(script.next(), Some(Wish::Reserve { .. })));
            script.learn(told(Some(holding)));
        }
    }
}
