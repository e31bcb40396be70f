//! `herd`: everybody prefers the same best seats, and falls back to the next best after a refusal.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::loadtest::outcome::Outcome;
use crate::loadtest::scenario::script::{Learned, Script, Wish};
use crate::loadtest::scenario::stage::{Share, Stage};

/// How far, in parties that it believes free, a refused client looks for its next choice.
const FALLBACK: usize = 8;

/// A client that wants the best party that it believes free. What it was granted or refused, it believes taken.
pub(super) struct Herd {
    stage: Stage,
    shares: Vec<Share>,
    /// By party, best first: believed free.
    free: Vec<bool>,
    /// No party before this one is believed free.
    best: usize,
    asked: Option<usize>,
    refused: bool,
    random: SmallRng,
}

impl Herd {
    pub(super) fn new(stage: &Stage, client: u32) -> Self {
        let mut herd = Self {
            stage: stage.clone(),
            shares: stage.shares(client),
            free: Vec::new(),
            best: 0,
            asked: None,
            refused: false,
            random: stage.random(client),
        };
        herd.shares.reverse();
        herd.enter();
        herd
    }

    /// Looks at the house that is next: all of it is believed free.
    fn enter(&mut self) {
        let parties = self.shares.last().and_then(|share| self.stage.parties(share.house));
        let count = parties.map_or(0, super::stage::Parties::count);
        self.free = vec![true; usize::try_from(count).unwrap_or(0)];
        self.best = 0;
        self.refused = false;
    }

    fn choose(&mut self) -> Option<usize> {
        let skip = self.free.iter().skip(self.best).position(|free| *free)?;
        self.best += skip;
        if !self.refused {
            return Some(self.best);
        }
        // Not everybody falls back to the same seats.
        let jump = self.random.random_range(0..FALLBACK);
        let ahead = self.free.iter().enumerate().skip(self.best).filter(|(_, free)| **free).map(|(party, _)| party);
        ahead.take(jump + 1).last()
    }
}

impl Script for Herd {
    fn next(&mut self) -> Option<Wish> {
        loop {
            let house = self.shares.last()?.house;
            if let Some(party) = self.choose() {
                self.asked = Some(party);
                let seats = self.stage.parties(house)?.seats(u32::try_from(party).ok()?);
                return Some(Wish::Reserve { house, seats });
            }
            self.shares.pop();
            self.enter();
        }
    }

    fn learn(&mut self, learned: Learned) {
        self.refused = learned.outcome == Outcome::Refused;
        if !learned.outcome.is_worth_another_try()
            && let Some(believed) = self.asked.and_then(|party| self.free.get_mut(party))
        {
            *believed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(script: &mut Herd, outcomes: &[Outcome]) -> Vec<Vec<u32>> {
        let mut wanted = Vec::new();
        for outcome in outcomes {
            let Some(Wish::Reserve { seats, .. }) = script.next() else { break };
            wanted.push(seats);
            script.learn(Learned { outcome: *outcome, holding: None });
        }
        wanted
    }

    #[test]
    fn everybody_begins_with_the_best_block_and_falls_back_after_a_refusal() {
        let stage = Stage::new([(0..80).collect()], 4, 5, 1);
        for client in 0..5 {
            let wanted =
                seats(&mut Herd::new(&stage, client), &[Outcome::Refused, Outcome::Accepted, Outcome::Accepted]);
            assert_eq!(wanted[0], [0, 1, 2, 3]);
            assert!(wanted[1][0] > 0 && wanted[1][0] <= 32, "{wanted:?}");
            assert_ne!(wanted[2], wanted[1]);
        }
    }

    #[test]
    fn it_ends_when_everything_is_believed_taken_and_repeats_itself() {
        let stage = Stage::new([(0..20).collect(), (0..7).collect()], 1, 1, 1);
        let all = seats(&mut Herd::new(&stage, 0), &[Outcome::Refused; 100]);
        assert_eq!(all.len(), 27);
        assert_eq!(all, seats(&mut Herd::new(&stage, 0), &[Outcome::Refused; 100]));
    }
}
