//! `sellout`: a house until its last seat is held, then every booking is paid for.

use std::collections::VecDeque;

use rand::RngExt as _;

use crate::loadtest::grants::Holding;
use crate::loadtest::scenario::script::{Learned, Script, Wish};
use crate::loadtest::scenario::stage::{Share, Stage};

/// Bookings that a client will pay for when the run is over.
#[derive(Default)]
struct Bill {
    wanted: bool,
    holdings: VecDeque<Holding>,
}

impl Bill {
    fn new(wanted: bool) -> Self {
        Self { wanted, holdings: VecDeque::new() }
    }

    fn add(&mut self, learned: Learned) {
        self.holdings.extend(learned.holding.filter(|_| self.wanted));
    }

    fn pay(&mut self) -> Option<Wish> {
        self.holdings.pop_front().map(Wish::Confirm)
    }
}

/// A client with its own share of the seats: nobody else wants them, so that nothing but selling is measured.
pub(super) struct Sellout {
    stage: Stage,
    shares: Vec<Share>,
    /// Which share is next, and how far the walk through the shares has come.
    turn: usize,
    step: u32,
    asked: Option<Wish>,
    again: Option<Wish>,
    bill: Bill,
}

impl Sellout {
    pub(super) fn new(stage: &Stage, client: u32, confirm: bool) -> Self {
        let shares = stage.shares(client);
        Self { stage: stage.clone(), shares, turn: 0, step: 0, asked: None, again: None, bill: Bill::new(confirm) }
    }

    /// The next party of the share whose turn it is; shares in turns, so that a client with many houses fills them evenly.
    fn walk(&mut self) -> Option<Wish> {
        while !self.shares.is_empty() {
            let Some(share) = self.shares.get(self.turn).copied() else {
                self.turn = 0;
                self.step += 1;
                continue;
            };
            let parties = self.stage.parties(share.house)?;
            match parties.shuffled(share.part.saturating_add(self.step.saturating_mul(share.parts))) {
                Some(party) => {
                    self.turn += 1;
                    return Some(Wish::Reserve { house: share.house, seats: parties.seats(party) });
                }
                None => drop(self.shares.remove(self.turn)),
            }
        }
        None
    }
}

impl Script for Sellout {
    fn next(&mut self) -> Option<Wish> {
        self.asked = self.again.take().or_else(|| self.walk());
        self.asked.clone()
    }

    fn learn(&mut self, learned: Learned) {
        self.bill.add(learned);
        if learned.outcome.is_worth_another_try() {
            self.again = self.asked.take();
        }
    }

    fn settle(&mut self) -> Option<Wish> {
        self.bill.pay()
    }
}

/// A client that wants every seat, as all others do: it walks through its house once, in an order of its own.
pub(super) struct Contest {
    stage: Stage,
    /// House, place of the next party in the shuffled order, step to the one after it, and how many are left.
    walks: Vec<Walk>,
    turn: usize,
    bill: Bill,
}

#[derive(Clone, Copy)]
struct Walk {
    house: u32,
    place: u32,
    step: u32,
    left: u32,
}

impl Contest {
    pub(super) fn new(stage: &Stage, client: u32, confirm: bool) -> Self {
        let mut random = stage.random(client);
        let walks = stage.shares(client).into_iter().filter_map(|share| {
            let count = stage.parties(share.house)?.count().max(1);
            // A step without a common divisor comes by every place once.
            let mut step = random.random_range(0..count) + 1;
            while common_divisor(step, count) != 1 {
                step = step % count + 1;
            }
            Some(Walk { house: share.house, place: random.random_range(0..count), step, left: count })
        });
        Self { stage: stage.clone(), walks: walks.collect(), turn: 0, bill: Bill::new(confirm) }
    }
}

impl Script for Contest {
    fn next(&mut self) -> Option<Wish> {
        self.walks.retain(|walk| walk.left > 0);
        self.turn = (self.turn + 1) % self.walks.len().max(1);
        let walk = self.walks.get_mut(self.turn)?;
        let parties = self.stage.parties(walk.house)?;
        let party = parties.shuffled(walk.place)?;
        walk.left -= 1;
        let next = (u64::from(walk.place) + u64::from(walk.step)) % u64::from(parties.count().max(1));
        walk.place = u32::try_from(next).unwrap_or(0);
        Some(Wish::Reserve { house: walk.house, seats: parties.seats(party) })
    }

    fn learn(&mut self, learned: Learned) {
        self.bill.add(learned);
    }

    fn settle(&mut self) -> Option<Wish> {
        self.bill.pay()
    }
}

fn common_divisor(mut one: u32, mut other: u32) -> u32 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::loadtest::outcome::Outcome;

    const ACCEPTED: Learned = Learned { outcome: Outcome::Accepted, holding: None };

    fn seats(script: &mut dyn Script) -> Vec<(u32, u32)> {
        let mut seats = Vec::new();
        while let Some(Wish::Reserve { house, seats: wanted }) = script.next() {
            seats.extend(wanted.into_iter().map(|seat| (house, seat)));
            script.learn(ACCEPTED);
        }
        seats
    }

    #[test]
    fn the_shares_cover_every_seat_once() {
        for (houses, clients, party) in [(1, 1, 1), (1, 7, 3), (3, 8, 2), (9, 4, 8)] {
            let stage = Stage::new((0..houses).map(|_| (0..101).collect()), party, clients, 3);
            let all: Vec<(u32, u32)> =
                (0..clients).flat_map(|client| seats(&mut Sellout::new(&stage, client, false))).collect();
            assert_eq!(all.len(), usize::try_from(houses * 101).unwrap(), "none twice");
            assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "none left out");
        }
    }

    #[test]
    fn contenders_each_want_every_seat_in_orders_of_their_own() {
        let stage = Stage::new([(0..100).collect()], 1, 3, 3);
        let walks: Vec<Vec<(u32, u32)>> =
            (0..3).map(|client| seats(&mut Contest::new(&stage, client, false))).collect();
        assert!(walks.iter().all(|walk| walk.iter().collect::<HashSet<_>>().len() == 100 && walk.len() == 100));
        assert_ne!(walks[0], walks[1]);
        assert_eq!(walks[2], seats(&mut Contest::new(&stage, 2, false)), "the same seed, the same order");
    }

    #[test]
    fn an_overloaded_server_is_asked_for_the_same_seats_again() {
        let stage = Stage::new([(0..3).collect()], 1, 1, 3);
        let mut script = Sellout::new(&stage, 0, true);
        let first = script.next();
        script.learn(Learned { outcome: Outcome::Overloaded, holding: None });
        assert_eq!(script.next(), first);
        script.learn(Learned { outcome: Outcome::Accepted, holding: Some(Holding(7)) });
        assert_ne!(script.next(), first);
        assert_eq!(script.settle(), Some(Wish::Confirm(Holding(7))));
        assert_eq!(script.settle(), None);
    }
}
