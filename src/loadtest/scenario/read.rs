//! `read`: everybody reads seat maps.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::loadtest::scenario::script::{Learned, Script, Wish};
use crate::loadtest::scenario::stage::Stage;

/// A client that reads one of its houses' seat maps after the other.
pub(super) struct Read {
    houses: Vec<u32>,
    random: SmallRng,
}

impl Read {
    pub(super) fn new(stage: &Stage, client: u32) -> Self {
        let houses = stage.shares(client).into_iter().map(|share| share.house).collect();
        Self { houses, random: stage.random(client) }
    }
}

impl Script for Read {
    fn next(&mut self) -> Option<Wish> {
        let house = *self.houses.get(self.random.random_range(0..self.houses.len().max(1)))?;
        Some(Wish::Read { house })
    }

    fn learn(&mut self, _learned: Learned) {}
}
