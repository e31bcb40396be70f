//! `mixed`: reads, holds, confirmations and cancellations in given shares.

use std::collections::VecDeque;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::loadtest::grants::Holding;
use crate::loadtest::scenario::script::{Learned, Script, Wish};
use crate::loadtest::scenario::stage::{Share, Stage};

/// Holds that a client keeps in mind; older ones are left to expire.
const MOST_HELD: usize = 64;

/// How many of all requests are of which kind; only their proportions matter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shares {
    /// Seat maps.
    pub read: f64,
    /// Reservations.
    pub hold: f64,
    /// Confirmations of the client's own oldest hold; a reservation while it has none.
    pub confirm: f64,
    /// Cancellations of the same.
    pub cancel: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { read: 70.0, hold: 20.0, confirm: 6.0, cancel: 4.0 }
    }
}

/// Why a text is no [`Shares`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("give shares as read=70,hold=20,confirm=6,cancel=4: numbers from 0, not all of them 0")]
pub struct SharesError;

impl std::str::FromStr for Shares {
    type Err = SharesError;

    /// Reads `read=70,hold=20,confirm=6,cancel=4`; what is left out is 0.
    fn from_str(text: &str) -> Result<Self, SharesError> {
        let mut shares = Self { read: 0.0, hold: 0.0, confirm: 0.0, cancel: 0.0 };
        for entry in text.split(',') {
            let (name, value) = entry.split_once('=').ok_or(SharesError)?;
            let value: f64 = value.trim().parse().map_err(|_no_number| SharesError)?;
            let share = match name.trim() {
                "read" => &mut shares.read,
                "hold" => &mut shares.hold,
                "confirm" => &mut shares.confirm,
                "cancel" => &mut shares.cancel,
                _ => return Err(SharesError),
            };
            *share = value;
        }
        let all = [shares.read, shares.hold, shares.confirm, shares.cancel];
        let usable = all.iter().all(|share| share.is_finite() && *share >= 0.0) && all.iter().sum::<f64>() > 0.0;
        if usable { Ok(shares) } else { Err(SharesError) }
    }
}

/// A client that does all of it.
pub(super) struct Mixed {
    stage: Stage,
    houses: Vec<Share>,
    shares: Shares,
    held: VecDeque<Holding>,
    random: SmallRng,
}

impl Mixed {
    pub(super) fn new(stage: &Stage, client: u32, shares: Shares) -> Self {
        let random = stage.random(client);
        Self { stage: stage.clone(), houses: stage.shares(client), shares, held: VecDeque::new(), random }
    }

    fn hold(&mut self, house: u32) -> Option<Wish> {
        let parties = self.stage.parties(house)?;
        let party = self.random.random_range(0..parties.count().max(1));
        Some(Wish::Reserve { house, seats: parties.seats(party) })
    }
}

impl Script for Mixed {
    fn next(&mut self) -> Option<Wish> {
        let house = self.houses.get(self.random.random_range(0..self.houses.len().max(1)))?.house;
        let Shares { read, hold, confirm, cancel } = self.shares;
        let drawn = self.random.random::<f64>() * (read + hold + confirm + cancel);
        if drawn < read {
            return Some(Wish::Read { house });
        }
        if drawn < read + hold {
            return self.hold(house);
        }
        match self.held.pop_front() {
            Some(holding) if drawn < read + hold + confirm => Some(Wish::Confirm(holding)),
            Some(holding) => Some(Wish::Cancel(holding)),
            None => self.hold(house),
        }
    }

    fn learn(&mut self, learned: Learned) {
        self.held.extend(learned.holding);
        if self.held.len() > MOST_HELD {
            self.held.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loadtest::outcome::Outcome;

    #[test]
    fn shares_are_read_and_nonsense_is_refused() {
        assert_eq!("read=70,hold=20, confirm=6,cancel=4".parse(), Ok(Shares::default()));
        for wrong in ["", "read", "read=x", "write=1", "read=0", "read=-1,hold=2", "read=inf"] {
            assert_eq!(wrong.parse::<Shares>(), Err(SharesError), "{wrong}");
        }
    }

    #[test]
    fn the_requests_have_the_given_proportions() {
        let stage = Stage::new([(0..1_000).collect()], 1, 1, 1);
        let mut script = Mixed::new(&stage, 0, Shares::default());
        let mut counts = [0_u32; 4];
        for number in 0..10_000 {
            let wish = script.next().unwrap();
            let kind = match wish {
                Wish::Read { .. } => 0,
                Wish::Reserve { .. } => 1,
                Wish::Confirm(_) => 2,
                Wish::Cancel(_) => 3,
            };
            counts[kind] += 1;
            script.learn(Learned { outcome: Outcome::Accepted, holding: (kind == 1).then_some(Holding(number)) });
        }
        for (count, share) in counts.into_iter().zip([7_000_u32, 2_000, 600, 400]) {
            assert!(count.abs_diff(share) < 200, "{counts:?}");
        }
    }
}
