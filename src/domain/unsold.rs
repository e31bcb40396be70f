//! Unsold holds: which holds of each customer have ended without a sale lately. Who gives holds up, or lets them lapse, again and again waits
//! before the next. Kept only where the terms ask for it.
//!
//! The rule: if a customer's last `holdsWithoutSale` holds, or more, have ended within an hour, none of them sold, he waits a minute after the
//! last end, twice as long after each further one, 15 minutes at most. A sale forgets what was before it.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::{Booking, BookingId, Event, Timestamp, UserId};

/// How long the end of a hold counts.
const COUNTED: Duration = Duration::from_hours(1);
/// The first wait.
const FIRST_WAIT: Duration = Duration::from_mins(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// Ends that are remembered of one customer, the latest.
const MOST_ENDS: usize = 128;
/// Customers that are remembered at most. Beyond, all are forgotten: the rule errs for the customer. A power of two, as is every size at which room is
/// looked for.
const MOST_CUSTOMERS: usize = 131_072;
/// Customers that are remembered before those are looked for whose ends count no more.
const FEW_CUSTOMERS: usize = 1_024;

/// The end of a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct End {
    booking_id: BookingId,
    at: Timestamp,
}

/// What an entry was before a change.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Before {
    Hold(BookingId, Option<UserId>),
    Ends(UserId, Option<Vec<End>>),
}

/// See the module's documentation.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Unsold {
    /// The customer of each hold that is pending.
    holds: HashMap<BookingId, UserId>,
    /// Ends without a sale since the customer's last sale, in the order in which they became known.
    ends: HashMap<UserId, Vec<End>>,
    /// What entries were before, in order, until it is certain that they stay.
    changes: Vec<Before>,
}

impl Unsold {
    /// The bookings that are pending when a showtime is loaded.
    pub(super) fn of<'a>(pending: impl Iterator<Item = &'a Booking>) -> Self {
        let customers = pending.filter(|booking| booking.block.is_none());
        let holds = customers.map(|booking| (booking.id, booking.user_id.clone())).collect();
        Self { holds, ..Self::default() }
    }

    /// Applies an event; a second time it changes nothing.
    pub(super) fn follow(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::SeatsReserved { booking_id, user_id, .. } => {
                if !self.has_ended(user_id, *booking_id) {
                    self.hold(*booking_id, Some(user_id.clone()));
                }
            }
            Event::BookingConfirmed { booking_id, late_for, .. } => {
                let holder = self.hold(*booking_id, None);
                if let Some(user) = holder.or_else(|| late_for.clone()) {
                    self.put(user, None);
                }
            }
            // A reason is the house's: the showtime was cancelled.
            Event::BookingCancelled { booking_id, reason: Some(_), .. } => {
                self.hold(*booking_id, None);
            }
            Event::BookingCancelled { booking_id, reason: None, .. } | Event::HoldExpired { booking_id, .. } => {
                if let Some(user) = self.hold(*booking_id, None) {
                    self.end(user, End { booking_id: *booking_id, at });
                }
            }
            Event::ShowtimeScheduled { .. }
            | Event::ShowtimeChanged { .. }
            | Event::ShowtimeCancelled { .. }
            | Event::SeatsBlocked { .. }
            | Event::HoldExtended { .. }
            | Event::PaymentRefused { .. }
            | Event::SeatsReleased { .. }
            | Event::BookingChanged { .. } => {}
        }
    }

    /// How many holds of the customer count at this time, and until when he waits if he may have so many; `None` if he need not wait.
    pub(super) fn wait(&self, user: &UserId, allowed: u32, now: Timestamp) -> Option<(u32, Timestamp)> {
        let counted = self.ends.get(user)?.iter().filter(|end| end.at + COUNTED > now);
        let (mut count, mut last) = (0_u32, None);
        for end in counted {
            count = count.saturating_add(1);
            last = last.max(Some(end.at));
        }
        let further = count.checked_sub(allowed.max(1))?;
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(further).unwrap_or(u32::MAX)).min(LONGEST_WAIT);
        let until = last? + wait;
        (until > now).then_some((count, until))
    }

    /// How many changes are not certain to stay.
    pub(super) fn mark(&self) -> usize {
        self.changes.len()
    }

    /// Takes changes back until `mark`, the last first.
    pub(super) fn revert_to(&mut self, mark: usize) {
        while self.changes.len() > mark {
            match self.changes.pop() {
                Some(Before::Hold(id, before)) => drop(set(&mut self.holds, id, before)),
                Some(Before::Ends(user, before)) => drop(set(&mut self.ends, user, before)),
                None => return,
            }
        }
    }

    /// What was noted stays.
    pub(super) fn settle(&mut self) {
        self.changes.clear();
    }

    fn has_ended(&self, user: &UserId, id: BookingId) -> bool {
        self.ends.get(user).is_some_and(|ends| ends.iter().any(|end| end.booking_id == id))
    }

    fn end(&mut self, user: UserId, end: End) {
        if !self.ends.contains_key(&user) {
            self.forget_old(end.at);
        }
        let mut ends = self.ends.get(&user).cloned().unwrap_or_default();
        ends.retain(|other| other.at + COUNTED > end.at && other.booking_id != end.booking_id);
        if ends.len() >= MOST_ENDS {
            ends.remove(0);
        }
        ends.push(end);
        self.put(user, Some(ends));
    }

    /// Customers who have not come back leave nothing behind. Looks at all of them when a new one comes and there are twice as many as the last time.
    fn forget_old(&mut self, now: Timestamp) {
        if self.ends.len() >= FEW_CUSTOMERS && self.ends.len().is_power_of_two() {
            let counts = |ends: &Vec<End>| ends.iter().any(|end| end.at + COUNTED > now);
            let count = self.ends.values().filter(|ends| counts(ends)).count();
            let is_full = count >= MOST_CUSTOMERS;
            let old = self.ends.iter().filter(|(_, ends)| is_full || !counts(ends));
            let old: Vec<UserId> = old.map(|(user, _)| user.clone()).collect();
            for user in old {
                self.put(user, None);
            }
        }
    }

    /// Sets the customer of a pending hold, and returns who it was before.
    fn hold(&mut self, id: BookingId, user: Option<UserId>) -> Option<UserId> {
        let before = set(&mut self.holds, id, user);
        self.changes.push(Before::Hold(id, before.clone()));
        before
    }

    fn put(&mut self, user: UserId, ends: Option<Vec<End>>) {
        let before = set(&mut self.ends, user.clone(), ends);
        self.changes.push(Before::Ends(user, before));
    }
}

/// Sets an entry or takes it away, and returns what it was.
fn set<K: Eq + std::hash::Hash, V>(entries: &mut HashMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => entries.insert(key, value),
        None => entries.remove(&key),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn id(number: u128) -> BookingId {
        BookingId(Uuid::from_u128(number))
    }

    fn reserved(number: u128, who: &str) -> Event {
        let (seat_ids, from_blocks, expires_at) = (vec![], vec![], Timestamp::MAX);
        Event::SeatsReserved {
            booking_id: id(number),
            seat_ids,
            user_id: user(who),
            expires_at,
            price: None,
            from_blocks,
        }
    }

    fn expired(number: u128) -> Event {
        Event::HoldExpired { booking_id: id(number), seat_ids: vec![] }
    }

    fn given_up(number: u128) -> Event {
        Event::BookingCancelled {
            booking_id: id(number),
            seat_ids: vec![],
            reason: None,
            refund: None,
            refund_amount: None,
        }
    }

    /// Ada's holds end at these times.
    fn after(ends: &[i64]) -> Unsold {
        let mut unsold = Unsold::default();
        for (number, end) in (1..).zip(ends) {
            unsold.follow(&reserved(number, "ada"), at(*end));
            unsold.follow(&if number % 2 == 0 { expired(number) } else { given_up(number) }, at(*end));
        }
        unsold
    }

    fn until(unsold: &Unsold, now: i64) -> Option<Timestamp> {
        unsold.wait(&user("ada"), 3, at(now)).map(|(_, until)| until)
    }

    #[test]
    fn who_changes_his_mind_once_or_twice_does_not_wait_and_then_ever_longer() {
        assert_eq!(until(&after(&[0, 10]), 10), None);
        assert_eq!(until(&after(&[0, 10, 20]), 20), Some(at(80)));
        assert_eq!(until(&after(&[0, 10, 20]), 80), None, "a minute later");
        assert_eq!(until(&after(&[0, 10, 20, 90]), 90), Some(at(90 + 120)));
        assert_eq!(until(&after(&[0, 1, 2, 3, 4, 5, 6]), 6), Some(at(6 + 900)), "16 minutes are too long");
        assert_eq!(after(&[0, 10, 20]).wait(&user("bob"), 3, at(20)), None, "others do not wait");
    }

    #[test]
    fn ends_count_for_an_hour() {
        assert_eq!(until(&after(&[0, 10, 3_599]), 3_599), Some(at(3_659)));
        assert_eq!(until(&after(&[0, 10, 3_600]), 3_600), None);
    }

    #[test]
    fn a_sale_forgets_what_was_before_it_and_no_hold_that_the_house_ends_counts() {
        let mut unsold = after(&[0, 10]);
        let cancelled = |reason| Event::BookingCancelled {
            booking_id: id(3),
            seat_ids: vec![],
            reason,
            refund: None,
            refund_amount: None,
        };
        unsold.follow(&reserved(3, "ada"), at(20));
        unsold.follow(&cancelled(Some(crate::domain::CancelReason::stored("storm".to_owned()))), at(20));
        assert_eq!(until(&unsold, 20), None);
        unsold.follow(&reserved(4, "ada"), at(30));
        let payment_reference = crate::domain::PaymentReference::stored("pay".to_owned());
        let paid = Event::BookingConfirmed { booking_id: id(4), seat_ids: vec![], payment_reference, late_for: None };
        unsold.follow(&paid, at(30));
        // Given back later: it was a sale.
        unsold.follow(
            &Event::BookingCancelled {
                booking_id: id(4),
                seat_ids: vec![],
                reason: None,
                refund: None,
                refund_amount: None,
            },
            at(40),
        );
        unsold.follow(&reserved(5, "ada"), at(50));
        unsold.follow(&expired(5), at(50));
        assert_eq!(until(&unsold, 50), None);
    }

    #[test]
    fn events_count_once_and_changes_can_be_taken_back() {
        let mut unsold = after(&[0, 10]);
        for event in [reserved(2, "ada"), expired(2)] {
            unsold.follow(&event, at(10));
        }
        assert_eq!(until(&unsold, 10), None);
        unsold.settle();
        let (before, mark) = (unsold.clone(), unsold.mark());
        unsold.follow(&reserved(3, "ada"), at(20));
        unsold.follow(&expired(3), at(20));
        assert!(until(&unsold, 20).is_some());
        unsold.revert_to(mark);
        assert_eq!(unsold, before);
    }

    #[test]
    fn customers_are_remembered_within_a_bound_and_not_for_longer_than_an_hour() {
        let mut unsold = Unsold::default();
        let end = |unsold: &mut Unsold, name: usize, seconds| {
            unsold.end(user(&name.to_string()), End { booking_id: id(1), at: at(seconds) });
            unsold.settle();
        };
        for number in 0..FEW_CUSTOMERS {
            end(&mut unsold, number, 0);
        }
        end(&mut unsold, FEW_CUSTOMERS, 3_600);
        assert_eq!(unsold.ends.len(), 1, "what counts no more makes room");
        for number in 0..MOST_CUSTOMERS {
            end(&mut unsold, number, 3_600);
        }
        assert!(unsold.ends.len() <= MOST_CUSTOMERS, "{}", unsold.ends.len());
        end(&mut unsold, MOST_CUSTOMERS, 3_600);
        assert_eq!(unsold.ends.len(), 1, "all are forgotten");
    }
}
