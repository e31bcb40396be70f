//! The audit after a run: what clients were told against what is stored, and what watchers were shown against the journal.

use std::collections::HashMap;

use turnstile::domain::Timestamp;

use crate::faults::ear::Heard;
use crate::faults::history::{Change, History, Kind, Outcome, Reservation};
use crate::faults::ledger::{Entry, Ledger, Stored};
use crate::faults::traffic::payment_reference;
use crate::faults::watcher::Watcher;

/// A batch is decided at most so long before it is committed, so by one clock no event was recorded longer before its predecessor.
const OLDEST_DECISION_MILLISECONDS: i64 = 60_000;
/// A confirmation counts from when it came, and waits in a showtime's queue for at most so long before it is decided.
const LONGEST_QUEUE_MILLISECONDS: i64 = 10_000;

/// Every disagreement, in words; empty if all is well.
pub fn findings(history: &History, ledger: &Ledger, watchers: &[Watcher]) -> Vec<String> {
    let mut audit = Audit::new(ledger);
    audit.found.extend(history.oddities.iter().map(|oddity| format!("impossible answer: {oddity}")));
    for (showtime, entries) in &ledger.journal {
        audit.check_order(showtime, entries);
    }
    audit.check_bookings_are_explained(history);
    for reservation in &history.reservations {
        audit.check_reservation(reservation);
    }
    audit.check_changes(&history.changes);
    for watcher in watchers {
        audit.check_watcher(watcher);
    }
    audit.found
}

/// Events of the journal that the broker was not told, or too early.
pub fn not_heard(heard: &HashMap<String, Heard>, ledger: &Ledger) -> Vec<String> {
    let mut found = Vec::new();
    for (showtime, entries) in &ledger.journal {
        let Some(last) = entries.last().map(|entry| entry.sequence).filter(|last| *last > 1) else { continue };
        match heard.get(showtime) {
            Some(heard) if heard.last == last && heard.out_of_order.is_empty() => {}
            heard => found.push(format!("showtime {showtime} is at {last}, the broker was told {heard:?}")),
        }
    }
    found
}

struct Audit<'a> {
    ledger: &'a Ledger,
    stored: HashMap<&'a str, &'a Stored>,
    /// Events about each booking, in order.
    events: HashMap<&'a str, Vec<&'a Entry>>,
    found: Vec<String>,
}

impl<'a> Audit<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        let mut events: HashMap<&str, Vec<&Entry>> = HashMap::new();
        for entry in ledger.journal.values().flatten() {
            if let Some(booking) = &entry.booking_id {
                events.entry(booking).or_default().push(entry);
            }
        }
        let stored = ledger.bookings.iter().map(|booking| (booking.id.as_str(), booking)).collect();
        Self { ledger, stored, events, found: Vec::new() }
    }

    fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.found.push(otherwise());
        }
    }

    /// In the order of sequences, without a gap: nobody gets a seat that another has, nobody gives back or buys what he has not, and no
    /// hold ends before its deadline.
    fn check_order(&mut self, showtime: &str, entries: &[Entry]) {
        let mut owners: HashMap<&str, &str> = HashMap::new();
        let mut deadlines: HashMap<&str, i64> = HashMap::new();
        let mut latest = i64::MIN;
        for (expected, entry) in (1_u64..).zip(entries) {
            let at = format!("showtime {showtime} at {}: {}", entry.sequence, entry.kind);
            self.expect(entry.sequence == expected, || format!("{at}: the journal should go on with {expected}"));
            let back = latest.saturating_sub(entry.recorded_millis);
            self.expect(back < OLDEST_DECISION_MILLISECONDS, || format!("{at} was recorded {back} ms too early"));
            latest = latest.max(entry.recorded_millis);
            let Some(booking) = entry.booking_id.as_deref() else { continue };
            for seat in &entry.seats {
                let owner = owners.get(seat.as_str()).copied();
                let takes_again = entry.payload["lateFor"].is_string();
                let rightful = if entry.kind == "SeatsReserved" { None } else { Some(booking) };
                self.expect(owner == rightful || (takes_again && owner.is_none()), || {
                    format!("{at} of {booking}: seat {seat} belongs to {owner:?}")
                });
                match entry.kind.as_str() {
                    "BookingCancelled" | "HoldExpired" => owners.remove(seat.as_str()),
                    _ => owners.insert(seat, booking),
                };
            }
            if let Some(deadline) = entry.payload["expiresAt"].as_str() {
                deadlines.insert(booking, Timestamp::parse(deadline).unwrap().as_millis());
            } else if let Some(deadline) = deadlines.get(booking).copied() {
                let late = entry.recorded_millis - deadline;
                let in_time = match entry.kind.as_str() {
                    "HoldExpired" => late >= 0,
                    "BookingConfirmed" => late < LONGEST_QUEUE_MILLISECONDS || entry.payload["lateFor"].is_string(),
                    "PaymentRefused" => late >= 0,
                    _ => late < 0,
                };
                self.expect(in_time, || format!("{at} of {booking} is {late} ms after the deadline"));
            }
        }
    }

    /// A booking that is stored was granted, or its client was left without an answer. Each wish has one booking at most.
    fn check_bookings_are_explained(&mut self, history: &History) {
        let wishes: HashMap<&str, &Reservation> =
            history.reservations.iter().map(|reservation| (reservation.user.as_str(), reservation)).collect();
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for booking in &self.ledger.bookings {
            let (id, user) = (booking.id.as_str(), booking.user.as_str());
            if let Some(other) = seen.insert(user, id) {
                self.found.push(format!("the one wish of {user} has the bookings {other} and {id}"));
            }
            let explained = match wishes.get(user).map(|wish| &wish.outcome) {
                Some(Outcome::Done(held)) => held.booking_id == id,
                Some(Outcome::Unknown) => true,
                Some(Outcome::Refused | Outcome::Unavailable | Outcome::Over) | None => false,
            };
            self.expect(explained, || format!("booking {id} exists, but {user} was told {:?}", wishes.get(user)));
        }
    }

    /// What was answered 201 is stored, with the right showtime and seats, under the sequence that was answered.
    fn check_reservation(&mut self, wish: &Reservation) {
        let Outcome::Done(held) = &wish.outcome else { return };
        let Some(stored) = self.stored.get(held.booking_id.as_str()).copied() else {
            self.found.push(format!("the acknowledged booking of {} is lost: {held:?}", wish.user));
            return;
        };
        let right = stored.showtime == wish.showtime && stored.user == wish.user && held.seat_ids == wish.seats;
        self.expect(right, || format!("{wish:?} is stored as {stored:?}"));
        let event = self.event(&held.booking_id, held.sequence);
        let told = event.is_some_and(|event| event.kind == "SeatsReserved" && event.seats == wish.seats);
        self.expect(told, || format!("{wish:?} was answered with a sequence that the journal knows as {event:?}"));
        let last = self.events.get(held.booking_id.as_str()).and_then(|events| events.last());
        let status = match last.map(|event| event.kind.as_str()) {
            Some("BookingConfirmed") => "Confirmed",
            Some("BookingCancelled") => "Cancelled",
            Some("HoldExpired" | "PaymentRefused") => "Expired",
            _ => "Pending",
        };
        let stored = stored.status;
        self.expect(stored == status, || format!("booking {} is {stored}, its journal ends {status}", held.booking_id));
    }

    fn event(&self, booking: &str, sequence: u64) -> Option<&'a Entry> {
        self.events.get(booking)?.iter().copied().find(|event| event.sequence == sequence)
    }

    /// Acknowledged changes are in the journal, at their sequences; and no more changes than clients may have made.
    fn check_changes(&mut self, changes: &[Change]) {
        let mut possible: HashMap<(&str, Kind), usize> = HashMap::new();
        for change in changes {
            let booking = change.booking_id.as_str();
            if let Outcome::Done(sequence) = change.outcome {
                let event = self.event(booking, sequence);
                let kind = event.map(|event| event.kind.as_str());
                let true_to_it = match change.kind {
                    Kind::Confirm => kind == Some("BookingConfirmed"),
                    Kind::Cancel => kind == Some("BookingCancelled"),
                    // Asked again within a millisecond, the deadline stays what it is.
                    Kind::Extend => matches!(kind, Some("HoldExtended" | "SeatsReserved")),
                };
                self.expect(true_to_it, || format!("{change:?} was acknowledged, the journal says {event:?}"));
            }
            if matches!(change.outcome, Outcome::Done(_) | Outcome::Over | Outcome::Unknown) {
                *possible.entry((booking, change.kind)).or_default() += 1;
            }
        }
        for booking in &self.ledger.bookings {
            let events = self.events.get(booking.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            for (kind, name) in [
                (Kind::Confirm, "BookingConfirmed"),
                (Kind::Cancel, "BookingCancelled"),
                (Kind::Extend, "HoldExtended"),
            ] {
                let made = events.iter().filter(|event| event.kind == name).count();
                let possible = possible.get(&(booking.id.as_str(), kind)).copied().unwrap_or(0);
                if made > possible {
                    self.found.push(format!("booking {}: {made} times {name}, asked for {possible} times", booking.id));
                }
            }
            let paid = booking.payment_reference.as_deref();
            if booking.status == "Confirmed" && paid != Some(&payment_reference(&booking.id)) {
                self.found.push(format!("booking {} is paid with {paid:?}", booking.id));
            }
        }
    }

    /// A watcher was shown the whole journal, each event once and in order.
    fn check_watcher(&mut self, watcher: &Watcher) {
        let seen = watcher.seen();
        let name = format!("the watcher of {} on node {}", watcher.showtime, watcher.node);
        self.expect(seen.broken.is_empty(), || format!("{name} got what it should not: {:?}", seen.broken));
        let entries = self.ledger.journal.get(&watcher.showtime).map(Vec::as_slice).unwrap_or_default();
        let (right, shown) = (entries.len().saturating_sub(1), seen.deltas.len());
        self.expect(right == shown, || format!("{name} was shown {shown} deltas of {right}"));
        for (entry, delta) in entries.iter().skip(1).zip(&seen.deltas) {
            self.expect(entry.delta() == *delta, || format!("{name} was shown {delta:?} for {entry:?}"));
        }
    }
}
