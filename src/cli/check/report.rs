//! What a check has looked at, and what disagrees there, line by line.

use std::fmt;

use crate::domain::ShowtimeId;

/// What was looked at, and what disagrees.
#[derive(Default)]
pub(super) struct Report {
    pub(super) showtimes: u64,
    pub(super) seats: usize,
    pub(super) bookings: usize,
    pub(super) events: u64,
    pub(super) findings: Vec<Finding>,
}

/// A disagreement.
pub(super) struct Finding {
    showtime: ShowtimeId,
    invariant: &'static str,
    what: String,
}

impl Report {
    /// `invariant`: the promise that is broken, or what it is about.
    pub(super) fn find(&mut self, showtime: ShowtimeId, invariant: &'static str, what: String) {
        self.findings.push(Finding { showtime, invariant, what });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { showtimes, seats, bookings, events, findings } = self;
        write!(f, "{showtimes} showtimes, {seats} seats, {bookings} bookings, {events} events: ")?;
        if findings.is_empty() {
            return f.write_str("write store, journal and read model agree");
        }
        write!(f, "{} disagreements", findings.len())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "showtime {}: {}: {}", self.showtime, self.invariant, self.what)
    }
}
