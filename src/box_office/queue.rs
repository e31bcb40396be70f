//! A showtime's queue: commands in order of arrival. While a batch commits, the seats of those that wait behind it are claimed early, so
//! that the next batch finds its locks there and leaves at once.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use crate::box_office::Settings;
use crate::box_office::board::Board;
use crate::box_office::request::{EarlyClaim, Pending};
use crate::box_office::seat_claims::claim;
use crate::domain::{BookingId, Command};
use crate::seat_lock::{Claim, Claimed};

/// See the module's documentation. One early claim is under way at a time.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Pending>,
    /// How many, from the front, were looked at for an early claim.
    looked_at: usize,
    is_claiming: bool,
}

impl Queue {
    pub(super) fn push(&mut self, pending: Pending) {
        self.waiting.push_back(pending);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// An early claim is under way: the next batch leaves when it is answered.
    pub(super) fn is_claiming(&self) -> bool {
        self.is_claiming
    }

    /// The first command, if it has waited too long.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Option<Pending> {
        let overdue = self.waiting.pop_front_if(|first| first.deadline <= now)?;
        self.looked_at = self.looked_at.saturating_sub(1);
        Some(overdue)
    }

    /// The next batch: those whose seats were claimed early, if they are at least half of what waits; else all, most of whom still need
    /// their locks. At most `most`.
    pub(super) fn take_batch(&mut self, most: usize) -> Vec<Pending> {
        let waiting = self.waiting.len();
        let size = if self.looked_at >= waiting.div_ceil(2) { self.looked_at } else { waiting }.min(most);
        self.looked_at = self.looked_at.saturating_sub(size);
        self.waiting.drain(..size).collect()
    }

    /// What to claim now, behind a batch of `in_flight` commands: nothing until half as many have come, so that a batch costs about
    /// one call as before. [`Queue::claimed`] is owed for what is returned.
    pub(super) fn claim_early(&mut self, in_flight: usize, board: &Board, settings: &Settings) -> Vec<Claim> {
        let new = self.waiting.len().saturating_sub(self.looked_at).min(settings.max_batch);
        if self.is_claiming || new == 0 || new < in_flight / 2 {
            return Vec::new();
        }
        let claims: Vec<Claim> = self
            .waiting
            .range(self.looked_at..self.looked_at + new)
            .filter_map(|pending| {
                let request = &pending.request;
                let Command::ReserveSeats { booking_id, seats, .. } = &request.command else { return None };
                // A repeated request may have its booking already, and an answer that was recorded.
                let is_first = request.key.is_none() && !request.repeated;
                let has_a_chance = is_first && board.conflicts(seats.as_slice(), settings.freshness()).is_none();
                has_a_chance.then(|| claim(*booking_id, seats.as_slice()))
            })
            .collect();
        self.looked_at += new;
        self.is_claiming = !claims.is_empty();
        claims
    }

    /// The answers to an early claim, made at `asked`; none if the call failed and may or may not have been executed.
    pub(super) fn claimed(&mut self, asked: Instant, claims: &[Claim], answers: Option<&[Claimed]>) {
        self.is_claiming = false;
        let outcomes: HashMap<BookingId, EarlyClaim> = claims
            .iter()
            .enumerate()
            .filter_map(|(position, claim)| match answers.map(|answers| answers.get(position)) {
                Some(Some(Claimed::Granted)) => Some((claim.booking_id, EarlyClaim::Granted(asked))),
                Some(Some(Claimed::Refused(_)) | None) => None,
                None => Some((claim.booking_id, EarlyClaim::Unknown)),
            })
            .collect();
        for pending in self.waiting.iter_mut().take(self.looked_at) {
            if let Some(outcome) = outcomes.get(&pending.request.command.booking_id()) {
                pending.early_claim = *outcome;
            }
        }
    }
}
