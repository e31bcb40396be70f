//! `storm`: everybody wants the same few seats, again and again.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::loadtest::scenario::script::{Learned, Script, Wish};
use crate::loadtest::scenario::stage::{Share, Stage};

/// A client that asks for one of the wanted parties, at random, whatever it was told before.
pub(super) struct Storm {
    stage: Stage,
    shares: Vec<Share>,
    wanted: u32,
    random: SmallRng,
}

impl Storm {
    pub(super) fn new(stage: &Stage, client: u32, wanted: u32) -> Self {
        Self { stage: stage.clone(), shares: stage.shares(client), wanted, random: stage.random(client) }
    }
}

impl Script for Storm {
    fn next(&mut self) -> Option<Wish> {
        let house = self.shares.get(self.random.random_range(0..self.shares.len().max(1)))?.house;
        let parties = self.stage.parties(house)?;
        let place = self.random.random_range(0..self.wanted.clamp(1, parties.count().max(1)));
        Some(Wish::Reserve { house, seats: parties.seats(parties.shuffled(place)?) })
    }

    fn learn(&mut self, _learned: Learned) {}
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn wishes(seed: u64, client: u32) -> Vec<Wish> {
        let stage = Stage::new([(0..100).collect()], 2, 4, seed);
        let mut script = Storm::new(&stage, client, 3);
        std::iter::from_fn(|| script.next()).take(50).collect()
    }

    #[test]
    fn the_same_seed_asks_for_the_same_seats_in_the_same_order() {
        assert_eq!(wishes(1, 0), wishes(1, 0));
        assert_ne!(wishes(1, 0), wishes(1, 1));
        assert_ne!(wishes(1, 0), wishes(2, 0));
    }

    #[test]
    fn all_clients_want_the_same_few() {
        let wanted = |client| wishes(9, client).into_iter().map(|wish| format!("{wish:?}")).collect::<HashSet<_>>();
        assert_eq!(wanted(0).len(), 3);
        assert_eq!(wanted(0), wanted(3));
    }
}
