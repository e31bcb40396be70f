//! Verification of what clients were told: no seat in two live bookings, no sequence twice. Pure.

use std::time::Duration;

use crate::domain::Timestamp;
use crate::loadtest::grants::{Fate, Findings, Grant, Grants};
use crate::loadtest::house::House;

/// How far the clocks of the load tester and of the servers may be apart where deadlines of holds are compared.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// A seat of a grant.
struct Claim<'a> {
    house: u32,
    seat: u32,
    grant: &'a Grant,
}

/// The last acknowledged sequence of each house.
pub fn last_sequences(houses: &[House], ledgers: &[Grants]) -> Vec<u64> {
    let mut last: Vec<u64> = houses.iter().map(|house| house.sequence).collect();
    for (grant, _) in ledgers.iter().flat_map(Grants::grants) {
        if let Some(last) = usize::try_from(grant.house).ok().and_then(|house| last.get_mut(house)) {
            let changed = match grant.fate {
                Fate::Confirmed(sequence) | Fate::Cancelled(sequence) => sequence,
                Fate::Held | Fate::Unsure => 0,
            };
            *last = (*last).max(grant.sequence).max(changed);
        }
    }
    last
}

/// Every seat that was granted while an earlier booking of it was alive. `start`: the wall clock's time when the run started.
pub fn seats_granted_once(ledgers: &[Grants], start: Timestamp, findings: &mut Findings) {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    for (grant, seats) in ledgers.iter().flat_map(Grants::grants) {
        claims.extend(seats.iter().map(|seat| Claim { house: grant.house, seat: *seat, grant }));
    }
    claims.sort_unstable_by_key(|claim| (claim.house, claim.seat, claim.grant.sequence, claim.grant.at));
    for (earlier, later) in claims.iter().zip(claims.iter().skip(1)) {
        if (earlier.house, earlier.seat) != (later.house, later.seat) {
            continue;
        }
        if let Some(why) = still_alive(earlier.grant, later.grant, start) {
            let (seat, house) = (earlier.seat, earlier.house);
            let (first, second) = (earlier.grant, later.grant);
            findings.add(|| {
                format!(
                    "seat {seat} of house {house} was granted twice: to booking {} at sequence {} and to booking {} at sequence {}: {why}",
                    first.booking, first.sequence, second.booking, second.sequence
                )
            });
        }
    }
}

/// Why the earlier of two grants of a seat was certainly alive at the later one; `None` if it need not have been.
fn still_alive(earlier: &Grant, later: &Grant, start: Timestamp) -> Option<&'static str> {
    if earlier.sequence == later.sequence {
        return Some("both have the same sequence");
    }
    match earlier.fate {
        Fate::Confirmed(_) => Some("the first one was confirmed"),
        Fate::Cancelled(at) if at > earlier.sequence && at < later.sequence => None,
        Fate::Cancelled(_) => Some("the first one was cancelled later"),
        Fate::Held if start + later.at + CLOCK_TOLERANCE >= earlier.expires_at => None,
        Fate::Held => Some("the hold of the first one had not ended"),
        // A command about it failed: it may have been cancelled.
        Fate::Unsure => None,
    }
}

/// Every sequence that two bookings of one showtime were given.
pub fn sequences_given_once(ledgers: &[Grants], findings: &mut Findings) {
    let mut given: Vec<(u32, u64)> =
        ledgers.iter().flat_map(Grants::grants).map(|(grant, _)| (grant.house, grant.sequence)).collect();
    given.sort_unstable();
    for (one, other) in given.iter().zip(given.iter().skip(1)) {
        if one == other {
            findings.add(|| format!("sequence {} of house {} was given to two bookings", one.1, one.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{BookingId, HoldToken};
    use crate::loadtest::grants::NewGrant;

    const START: i64 = 1_000_000;

    /// (sequence, second of the answer, deadline in seconds since the start, fate) of grants of one seat.
    fn found(grants: &[(u64, u64, u64, Fate)]) -> Vec<String> {
        // Two ledgers: the two grants may have come to clients of different threads.
        let mut ledgers = [Grants::default(), Grants::default()];
        for (number, (sequence, at, deadline, fate)) in grants.iter().enumerate() {
            let new = NewGrant {
                house: 0,
                booking: BookingId(Uuid::from_u128(number.try_into().unwrap())),
                token: HoldToken::from_bytes([0; 32]),
                sequence: *sequence,
                expires_at: Timestamp::from_millis(START) + Duration::from_secs(*deadline),
                at: Duration::from_secs(*at),
            };
            let grants = &mut ledgers[number % 2];
            let holding = grants.enter(new, &[3, 4]).unwrap();
            grants.note(holding, *fate);
        }
        let mut findings = Findings::default();
        seats_granted_once(&ledgers, Timestamp::from_millis(START), &mut findings);
        findings.sentences
    }

    #[test]
    fn a_seat_that_is_granted_again_while_it_is_held_is_found() {
        let seats = found(&[(2, 1, 600, Fate::Held), (3, 2, 600, Fate::Held)]);
        assert_eq!(seats.len(), 2, "{seats:?}");
        assert!(seats[0].contains("seat 3 of house 0 was granted twice"), "{seats:?}");
        assert_eq!(found(&[(2, 1, 600, Fate::Confirmed(5)), (3, 900, 600, Fate::Held)]).len(), 2);
        assert_eq!(found(&[(2, 1, 600, Fate::Cancelled(9)), (3, 2, 600, Fate::Held)]).len(), 2);
        assert_eq!(found(&[(2, 1, 1, Fate::Unsure), (2, 2, 600, Fate::Held)]).len(), 2);
    }

    #[test]
    fn a_seat_that_was_free_again_may_be_granted_again() {
        assert!(found(&[(2, 1, 600, Fate::Cancelled(3)), (4, 2, 600, Fate::Held)]).is_empty());
        assert!(found(&[(2, 1, 5, Fate::Held), (4, 6, 600, Fate::Held)]).is_empty());
        assert!(found(&[(2, 1, 600, Fate::Unsure), (4, 2, 600, Fate::Held)]).is_empty());
        assert!(found(&[(2, 1, 600, Fate::Held)]).is_empty());
    }

    #[test]
    fn a_sequence_belongs_to_one_booking() {
        let mut grants = Grants::default();
        for (house, sequence) in [(0, 2), (1, 2), (0, 3), (0, 2)] {
            let new = NewGrant {
                house,
                booking: BookingId(Uuid::from_u128(1)),
                token: HoldToken::from_bytes([0; 32]),
                sequence,
                expires_at: Timestamp::from_millis(0),
                at: Duration::ZERO,
            };
            grants.enter(new, &[1]).unwrap();
        }
        let mut findings = Findings::default();
        sequences_given_once(&[grants], &mut findings);
        assert_eq!(findings.sentences, ["sequence 2 of house 0 was given to two bookings"]);
    }
}
