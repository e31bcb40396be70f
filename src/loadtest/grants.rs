//! Grants: what clients were granted, kept compactly (about 100 bytes a booking), and what has become of it as far as they know.

use std::time::Duration;

use crate::domain::{BookingId, HoldToken, Timestamp};

/// Findings that are kept with their words; the rest is counted.
const MOST_FINDINGS: usize = 50;

/// Position of a booking in its [`Grants`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Holding(pub u32);

/// What its holder knows of a booking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It was granted; nothing has been heard since.
    Held,
    /// Its confirmation was acknowledged, with this sequence.
    Confirmed(u64),
    /// Its cancellation was acknowledged, with this sequence.
    Cancelled(u64),
    /// A command about it failed or was refused: it may be anything by now.
    Unsure,
}

/// An acknowledged reservation.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Position of its showtime among the houses.
    pub house: u32,
    /// The booking.
    pub booking: BookingId,
    /// The holder's secret.
    pub token: HoldToken,
    /// Sequence of the reservation.
    pub sequence: u64,
    /// The hold's deadline, by the server's clock.
    pub expires_at: Timestamp,
    /// When the answer came, since the start of the run.
    pub at: Duration,
    /// What is known of it.
    pub fate: Fate,
    first: u32,
    count: u8,
}

/// What a reservation's answer says.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// As in [`Grant`].
    pub house: u32,
    /// As in [`Grant`].
    pub booking: BookingId,
    /// As in [`Grant`].
    pub token: HoldToken,
    /// As in [`Grant`].
    pub sequence: u64,
    /// As in [`Grant`].
    pub expires_at: Timestamp,
    /// As in [`Grant`].
    pub at: Duration,
}

/// See the module's documentation.
#[derive(Default, Debug)]
pub struct Grants {
    entries: Vec<Grant>,
    seats: Vec<u32>,
    unsure: Vec<(u32, u32)>,
    unknown: Vec<(u32, usize)>,
    /// What was wrong with answers, whatever the rest says.
    pub findings: Findings,
}

/// Sentences about what is wrong: the first ones in words, all of them in number.
#[derive(Clone, Default, Debug)]
pub struct Findings {
    /// The first ones.
    pub sentences: Vec<String>,
    /// All.
    pub count: u64,
}

impl Findings {
    /// One more.
    pub fn add(&mut self, sentence: impl FnOnce() -> String) {
        self.count += 1;
        if self.sentences.len() < MOST_FINDINGS {
            self.sentences.push(sentence());
        }
    }

    /// All of another's.
    pub fn absorb(&mut self, other: Self) {
        let room = MOST_FINDINGS.saturating_sub(self.sentences.len());
        self.count += other.count;
        self.sentences.extend(other.sentences.into_iter().take(room));
    }
}

impl Grants {
    /// Enters a grant of these seats.
    pub fn enter(&mut self, new: NewGrant, seats: &[u32]) -> Option<Holding> {
        let holding = Holding(u32::try_from(self.entries.len()).ok()?);
        let first = u32::try_from(self.seats.len()).ok()?;
        let count = u8::try_from(seats.len()).ok()?;
        let NewGrant { house, booking, token, sequence, expires_at, at } = new;
        self.seats.extend_from_slice(seats);
        self.entries.push(Grant { house, booking, token, sequence, expires_at, at, fate: Fate::Held, first, count });
        Some(holding)
    }

    /// Enters seats of a reservation whose outcome is not known.
    pub fn enter_unsure(&mut self, house: u32, seats: &[u32]) {
        self.unsure.extend(seats.iter().map(|seat| (house, *seat)));
    }

    /// Enters a number of seats that the server would have chosen for a reservation whose outcome is not known.
    pub fn enter_unknown(&mut self, house: u32, count: usize) {
        self.unknown.push((house, count));
    }

    /// A grant.
    pub fn grant(&self, holding: Holding) -> Option<&Grant> {
        self.entries.get(usize::try_from(holding.0).ok()?)
    }

    /// Notes what has become of a booking.
    pub fn note(&mut self, holding: Holding, fate: Fate) {
        let grant = usize::try_from(holding.0).ok().and_then(|index| self.entries.get_mut(index));
        if let Some(grant) = grant {
            grant.fate = fate;
        }
    }

    /// Every grant with its seats.
    pub fn grants(&self) -> impl Iterator<Item = (&Grant, &[u32])> {
        self.entries.iter().map(|grant| {
            let first = usize::try_from(grant.first).unwrap_or(usize::MAX);
            let seats = self.seats.get(first..first.saturating_add(grant.count.into()));
            (grant, seats.unwrap_or_default())
        })
    }

    /// Number of grants.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without any grant.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// (house, number of seats) that may or may not be taken, whichever they are.
    pub fn unknown(&self) -> &[(u32, usize)] {
        &self.unknown
    }

    /// (house, seat) that may or may not be taken: the reservation's outcome is not known.
    pub fn unsure(&self) -> &[(u32, u32)] {
        &self.unsure
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn grants_keep_their_own_seats_and_fates() {
        let mut grants = Grants::default();
        let new = |number: u128| NewGrant {
            house: 0,
            booking: BookingId(Uuid::from_u128(number)),
            token: HoldToken::from_bytes([0; 32]),
            sequence: 2,
            expires_at: Timestamp::from_millis(0),
            at: Duration::ZERO,
        };
        let first = grants.enter(new(1), &[5, 6]).unwrap();
        let second = grants.enter(new(2), &[9]).unwrap();
        grants.note(second, Fate::Cancelled(4));
        let seen: Vec<_> = grants.grants().map(|(grant, seats)| (grant.fate, seats.to_vec())).collect();
        assert_eq!(seen, [(Fate::Held, vec![5, 6]), (Fate::Cancelled(4), vec![9])]);
        assert_eq!(grants.grant(first).unwrap().booking, BookingId(Uuid::from_u128(1)));
    }

    #[test]
    fn findings_are_bounded_but_counted() {
        let mut findings = Findings::default();
        (0..80).for_each(|number| findings.add(|| number.to_string()));
        assert_eq!((findings.sentences.len(), findings.count), (MOST_FINDINGS, 80));
    }
}
