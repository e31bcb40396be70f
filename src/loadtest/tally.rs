//! Tally: what all clients share while they run: running totals for the progress line, and the sign to stop.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::loadtest::outcome::{Outcome, PerOutcome};

/// See the module's documentation.
#[derive(Default, Debug)]
pub struct Tally {
    answers: PerOutcome<AtomicU64>,
    seats: AtomicU64,
    /// Seats after which the run is over; 0 = whatever is sold.
    seats_to_sell: AtomicU64,
    sold_out: AtomicBool,
    interrupted: AtomicBool,
    started: OnceLock<Instant>,
    stop: CancellationToken,
}

impl Tally {
    /// For a run that is over when so many seats are held; 0 = never.
    pub fn new(seats_to_sell: u64) -> Self {
        Self { seats_to_sell: AtomicU64::new(seats_to_sell), ..Self::default() }
    }

    /// The start of the run, the same for every thread: the first one to ask sets it.
    pub fn start(&self) -> Instant {
        *self.started.get_or_init(Instant::now)
    }

    /// The start, once it was.
    pub fn started(&self) -> Option<Instant> {
        self.started.get().copied()
    }

    /// One more answer.
    pub fn answered(&self, outcome: Outcome) {
        self.answers.get(outcome).fetch_add(1, Ordering::Relaxed);
    }

    /// Seats were granted; stops the run with the last one.
    pub fn granted(&self, seats: usize) {
        let seats = u64::try_from(seats).unwrap_or(u64::MAX);
        let held = self.seats.fetch_add(seats, Ordering::Relaxed).saturating_add(seats);
        let wanted = self.seats_to_sell.load(Ordering::Relaxed);
        if wanted > 0 && held >= wanted {
            self.sold_out.store(true, Ordering::Relaxed);
            self.stop.cancel();
        }
    }

    /// Answers so far.
    pub fn answers(&self) -> PerOutcome<u64> {
        PerOutcome::from_fn(|outcome| self.answers.get(outcome).load(Ordering::Relaxed))
    }

    /// Seats granted so far.
    pub fn seats(&self) -> u64 {
        self.seats.load(Ordering::Relaxed)
    }

    /// True once every seat is held.
    pub fn is_sold_out(&self) -> bool {
        self.sold_out.load(Ordering::Relaxed)
    }

    /// Somebody wants the report now: nothing is left to settle.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.stop.cancel();
    }

    /// True after [`Tally::interrupt`].
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// The sign to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}
