//! Stage: the houses as scripts see them: parties of seats, and which client serves which part of which house.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// What all scripts of a run share.
#[derive(Clone, Debug)]
pub struct Stage {
    houses: Arc<[Parties]>,
    clients: u32,
    seed: u64,
}

/// A house's free seats as parties of neighbours, best first, and in one shuffled order that all clients know.
#[derive(Debug)]
pub struct Parties {
    free: Vec<u32>,
    size: usize,
    shuffled: Vec<u32>,
}

/// The part of a house that a client serves: the parties at `part`, `part + parts`, .. of the shuffled order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Position of the house.
    pub house: u32,
    /// Which part, from 0.
    pub part: u32,
    /// Of how many.
    pub parts: u32,
}

impl Parties {
    fn new(free: Vec<u32>, size: u32, random: &mut SmallRng) -> Self {
        let size = usize::try_from(size.max(1)).unwrap_or(1);
        let count = u32::try_from(free.len().div_ceil(size)).unwrap_or(u32::MAX);
        let mut shuffled: Vec<u32> = (0..count).collect();
        shuffled.shuffle(random);
        Self { free, size, shuffled }
    }

    /// Number of parties.
    pub fn count(&self) -> u32 {
        u32::try_from(self.shuffled.len()).unwrap_or(u32::MAX)
    }

    /// The seats of a party, best first; the last one may be smaller.
    pub fn seats(&self, party: u32) -> Vec<u32> {
        let first = usize::try_from(party).unwrap_or(usize::MAX).saturating_mul(self.size);
        self.free.iter().skip(first).take(self.size).copied().collect()
    }

    /// The party at a place of the shuffled order.
    pub fn shuffled(&self, place: u32) -> Option<u32> {
        self.shuffled.get(usize::try_from(place).ok()?).copied()
    }
}

impl Stage {
    /// From the free seats of each house.
    pub fn new(free: impl IntoIterator<Item = Vec<u32>>, party: u32, clients: u32, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let houses = free.into_iter().map(|free| Parties::new(free, party, &mut random)).collect();
        Self { houses, clients: clients.max(1), seed }
    }

    /// A house's parties.
    pub fn parties(&self, house: u32) -> Option<&Parties> {
        self.houses.get(usize::try_from(house).ok()?)
    }

    /// Number of houses.
    pub fn houses(&self) -> u32 {
        u32::try_from(self.houses.len()).unwrap_or(u32::MAX)
    }

    /// What a client serves. With more clients than houses, one house each; else each house has one client. Every house is served.
    pub fn shares(&self, client: u32) -> Vec<Share> {
        let (houses, clients) = (self.houses(), self.clients);
        if houses == 0 {
            return Vec::new();
        }
        if houses >= clients {
            let own = (client..houses).step_by(usize::try_from(clients).unwrap_or(1));
            return own.map(|house| Share { house, part: 0, parts: 1 }).collect();
        }
        let house = client % houses;
        let parts = (clients - house).div_ceil(houses);
        vec![Share { house, part: client / houses, parts }]
    }

    /// Randomness of a client's own: other seeds and other clients have others.
    pub fn random(&self, client: u32) -> SmallRng {
        let mut seeder = SmallRng::seed_from_u64(self.seed);
        SmallRng::seed_from_u64(seeder.next_u64() ^ u64::from(client).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_shares_cover_every_house_once() {
        for (houses, clients) in [(1, 1), (1, 7), (3, 7), (3, 3), (7, 3), (10, 1)] {
            let stage = Stage::new((0..houses).map(|_| vec![0]), 1, clients, 5);
            let shares: Vec<Share> = (0..clients).flat_map(|client| stage.shares(client)).collect();
            for house in 0..houses {
                let ours: Vec<&Share> = shares.iter().filter(|share| share.house == house).collect();
                let parts: HashSet<u32> = ours.iter().map(|share| share.part).collect();
                assert!(!ours.is_empty(), "{houses} houses, {clients} clients: house {house} is served");
                assert!(ours.iter().all(|share| usize::try_from(share.parts).unwrap() == ours.len()));
                assert_eq!(parts, (0..ours[0].parts).collect::<HashSet<u32>>());
            }
        }
    }

    #[test]
    fn parties_are_neighbours_and_cover_the_free_seats() {
        let stage = Stage::new([vec![2, 3, 5, 7, 8]], 2, 1, 5);
        let parties = stage.parties(0).unwrap();
        assert_eq!(parties.count(), 3);
        assert_eq!([0, 1, 2].map(|party| parties.seats(party)), [vec![2, 3], vec![5, 7], vec![8]]);
        let mut shuffled: Vec<u32> = (0..3).filter_map(|place| parties.shuffled(place)).collect();
        shuffled.sort_unstable();
        assert_eq!(shuffled, [0, 1, 2]);
    }
}
