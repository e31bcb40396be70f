//! A chunk of a showtime's seats, which can still show itself as it was at each of the last sequences.

use std::borrow::Cow;

use crate::domain::{Row, SeatMap, SeatStatus};

/// Seats per chunk in documents written from now on. A head keeps the number that its chunks were made with. (Few in this
/// crate's own tests, so that small showtimes have several chunks.)
pub(super) const SEATS_PER_CHUNK: u32 = if cfg!(test) { 4 } else { 4096 };
/// Undo entries kept although no reader needs them for a read that follows its head at once: a slow reader of a busy showtime
/// then finds its sequence still there and need not start again.
const UNDO_KEPT: usize = if cfg!(test) { 2 } else { 64 };

/// A seat's change by one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Change {
    /// The event.
    pub(super) sequence: u64,
    /// The seat's place in its chunk, from 0.
    pub(super) offset: u32,
    /// Its status afterwards.
    pub(super) status: SeatStatus,
}

/// What a seat was before one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Undo {
    /// The event.
    pub(super) sequence: u64,
    /// The seat's place in its chunk, from 0.
    pub(super) offset: u32,
    /// Its status before.
    pub(super) before: SeatStatus,
}

/// Consecutive seats of one showtime.
///
/// **Invariant:** it holds the effect of every event about its seats up to `sequence` and of none after, and [`Chunk::at`]
/// is right for every sequence from `base` up to the event about its seats that follows `sequence`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Chunk {
    /// Its place in the showtime, from 0.
    pub(super) number: u32,
    /// Sequence of the last event about one of its seats; 0 if there was none.
    pub(super) sequence: u64,
    /// The earliest sequence at which it can still be shown.
    pub(super) base: u64,
    /// Its seats at `sequence`.
    pub(super) statuses: Vec<SeatStatus>,
    /// How to get from `sequence` back to `base`, oldest first.
    pub(super) undo: Vec<Undo>,
    /// The rows whose first seat lies in it, so that no document grows with the house.
    pub(super) rows: Vec<Row>,
}

impl Chunk {
    /// All seats available, before any event.
    fn blank(number: u32, seats: u32, rows: Vec<Row>) -> Self {
        let statuses = vec![SeatStatus::Available; to_usize(seats)];
        Self { number, sequence: 0, base: 0, statuses, undo: Vec::new(), rows }
    }

    /// The chunks of a showtime that has just been scheduled.
    pub(super) fn blanks(seat_map: &SeatMap) -> Vec<Self> {
        let mut chunks: Vec<Self> = (0..seat_map.seat_count().div_ceil(SEATS_PER_CHUNK))
            .map(|number| {
                let seats = (seat_map.seat_count() - number * SEATS_PER_CHUNK).min(SEATS_PER_CHUNK);
                Self::blank(number, seats, Vec::new())
            })
            .collect();
        let mut first_seat = 0;
        for row in seat_map.rows() {
            if let Some(chunk) = chunks.get_mut(to_usize(first_seat / SEATS_PER_CHUNK)) {
                chunk.rows.push(row.clone());
            }
            first_seat += row.seats;
        }
        chunks
    }

    /// Its seats at a sequence; `None` if that is before [`Chunk::base`].
    pub(super) fn at(&self, sequence: u64) -> Option<Cow<'_, [SeatStatus]>> {
        if sequence < self.base {
            return None;
        }
        let newer = self.undo.partition_point(|undo| undo.sequence <= sequence);
        let undone = self.undo.get(newer..).unwrap_or_default();
        if undone.is_empty() {
            return Some(Cow::Borrowed(&self.statuses));
        }
        let mut statuses = self.statuses.clone();
        for undo in undone.iter().rev() {
            if let Some(status) = statuses.get_mut(to_usize(undo.offset)) {
                *status = undo.before;
            }
        }
        Some(Cow::Owned(statuses))
    }

    /// Takes in the changes it does not have yet. `head` is a sequence that readers may be at or past, none before: older
    /// undo entries may be forgotten.
    pub(super) fn advance(&mut self, changes: &[Change], head: u64) {
        let known = self.sequence;
        for change in changes.iter().filter(|change| change.sequence > known) {
            if let Some(status) = self.statuses.get_mut(to_usize(change.offset)) {
                self.undo.push(Undo { sequence: change.sequence, offset: change.offset, before: *status });
                *status = change.status;
                self.sequence = change.sequence;
            }
        }
        self.forget(head);
    }

    fn forget(&mut self, head: u64) {
        let unneeded = self.undo.partition_point(|undo| undo.sequence <= head);
        let Some(last) = unneeded.checked_sub(UNDO_KEPT + 1).and_then(|last| self.undo.get(last)) else {
            return;
        };
        // An event is forgotten whole, or the chunk could be shown with half of it.
        self.base = self.base.max(last.sequence);
        let cut = self.undo.partition_point(|undo| undo.sequence <= self.base);
        self.undo.drain(..cut);
    }
}

/// How many of them are available.
pub(super) fn available(statuses: &[SeatStatus]) -> u32 {
    u32::try_from(statuses.iter().filter(|status| **status == SeatStatus::Available).count()).unwrap_or(u32::MAX)
}

/// Lossless on every machine that has the memory for it.
pub(super) fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
