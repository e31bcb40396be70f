//! A showtime's head: what is small about it, at which sequence readers see it, and what its chunks must have for that. The seats of
//! all but the largest houses are within it: such a showtime is one document.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Event, EventRun, Row, SeatMap, SeatStatus, ShowtimeId, Stamp, Timestamp};
use crate::read_model::ShowtimeView;

use super::chunk::{Change, Chunk, SEATS_PER_CHUNK, available, to_usize};

/// See the module's documentation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// What is shown.
    pub(super) movie_title: String,
    /// When it starts.
    pub(super) start_time: Timestamp,
    /// The sequence at which readers see the showtime.
    pub(super) sequence: u64,
    /// Stamp of the event with that sequence.
    pub(super) stamp: Stamp,
    /// Number of seats.
    pub(super) seats: u32,
    /// How many of them are available at `sequence`.
    pub(super) available: u32,
    /// Seats per chunk.
    pub(super) seats_per_chunk: u32,
    /// For each chunk the last sequence up to `sequence` of an event about it. A chunk older than that is damaged or was read
    /// from a past that the head has left.
    pub(super) chunk_sequences: Vec<u64>,
    /// Writers that do not know of this generation must not move the head.
    pub(super) fence: u64,
    /// The seats, if one chunk would hold them all: then there are no chunks.
    pub(super) within: Option<Within>,
}

/// All seats of a showtime at its head's sequence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Within {
    pub(super) statuses: Vec<SeatStatus>,
    pub(super) rows: Arc<[Row]>,
}

/// A chunk's new content, to be written only over what it was made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ChunkWrite {
    /// The sequence that the stored chunk must have; `None`: there must be no such chunk.
    pub(super) expected: Option<u64>,
    /// The new content.
    pub(super) chunk: Chunk,
}

/// A head's new content, to be written only over what it was made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HeadWrite {
    /// The sequence and stamp that the stored head must have; `None`: there must be no head.
    pub(super) expected: Option<(u64, Stamp)>,
    /// The new content.
    pub(super) head: Head,
}

/// All that one run of events changes: first the chunks, in any order, then the head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// The chunks that do not have the run yet.
    pub(super) chunks: Vec<ChunkWrite>,
    /// The head.
    pub(super) head: HeadWrite,
}

/// Why documents that were read one after the other do not fit together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Misfit {
    /// A chunk has left the head's sequence behind: the head has moved on since it was read. If it has not, the showtime is damaged.
    Overtaken,
    /// A chunk is missing or lacks events that the head has.
    Lacking,
}

/// The chunks of one showtime, by number.
pub(super) type Chunks = BTreeMap<u32, Chunk>;

impl Head {
    /// The numbers of the chunks that the run's new events are about.
    pub(super) fn touched(&self, run: &EventRun) -> Vec<u32> {
        if self.within.is_some() {
            return Vec::new();
        }
        self.changes(run).into_keys().collect()
    }

    /// The plan for a run that starts at or before the sequence after the head's.
    pub(super) fn plan(&self, run: &EventRun, chunks: &Chunks) -> Result<Plan, Misfit> {
        let mut head = self.clone();
        head.sequence = run.last_sequence();
        head.stamp = run.last_stamp();
        let mut writes = Vec::new();
        if let Some(within) = &mut head.within {
            for change in self.changes(run).into_values().flatten() {
                if let Some(status) = within.statuses.get_mut(to_usize(change.offset)) {
                    *status = change.status;
                }
            }
            head.available = available(&within.statuses);
            return Ok(Plan { chunks: writes, head: HeadWrite { expected: Some((self.sequence, self.stamp)), head } });
        }
        for (number, changes) in self.changes(run) {
            let chunk = self.checked(number, chunks)?;
            let before = chunk.at(self.sequence).ok_or(Misfit::Overtaken)?;
            let mut after = before.to_vec();
            for change in &changes {
                if let Some(status) = after.get_mut(to_usize(change.offset)) {
                    *status = change.status;
                }
            }
            head.available = (head.available + available(&after)).saturating_sub(available(&before));
            let last = changes.last().map_or(0, |change| change.sequence);
            if let Some(needed) = head.chunk_sequences.get_mut(to_usize(number)) {
                *needed = last;
            }
            if chunk.sequence < last {
                let mut next = chunk.clone();
                next.advance(&changes, self.sequence);
                writes.push(ChunkWrite { expected: Some(chunk.sequence), chunk: next });
            }
        }
        Ok(Plan { chunks: writes, head: HeadWrite { expected: Some((self.sequence, self.stamp)), head } })
    }

    /// The showtime at the head's sequence, from all its chunks if it has any.
    pub(super) fn view(&self, id: ShowtimeId, chunks: &Chunks) -> Result<ShowtimeView, Misfit> {
        let (statuses, rows) = match &self.within {
            Some(within) => (within.statuses.clone(), within.rows.to_vec()),
            None => self.gathered(chunks)?,
        };
        let seat_map = SeatMap::stored(rows).map_err(|_damaged| Misfit::Lacking)?;
        if seat_map.seat_count() != self.seats || statuses.len() != to_usize(self.seats) {
            return Err(Misfit::Lacking);
        }
        let (movie_title, start_time) = (self.movie_title.clone(), self.start_time);
        let (sequence, stamp) = (self.sequence, self.stamp);
        Ok(ShowtimeView { id, movie_title, start_time, sequence, stamp, seat_map, statuses })
    }

    fn gathered(&self, chunks: &Chunks) -> Result<(Vec<SeatStatus>, Vec<Row>), Misfit> {
        let mut statuses = Vec::with_capacity(to_usize(self.seats));
        let mut rows = Vec::new();
        for number in (0..).take(self.chunk_sequences.len()) {
            let chunk = self.checked(number, chunks)?;
            statuses.extend_from_slice(&chunk.at(self.sequence).ok_or(Misfit::Overtaken)?);
            rows.extend_from_slice(&chunk.rows);
        }
        Ok((statuses, rows))
    }

    /// By chunk, what the run's events after this head change.
    fn changes(&self, run: &EventRun) -> BTreeMap<u32, Vec<Change>> {
        changes(run, self.sequence, self.seats, self.seats_per_chunk)
    }

    fn checked<'a>(&self, number: u32, chunks: &'a Chunks) -> Result<&'a Chunk, Misfit> {
        let needed = self.chunk_sequences.get(to_usize(number)).copied().unwrap_or(0);
        chunks.get(&number).filter(|chunk| chunk.sequence >= needed).ok_or(Misfit::Lacking)
    }
}

/// The plan for the first run of a showtime, given what is stored already (left by an attempt that ended before the head was written).
/// `None` if the run does not begin with the first event.
pub(super) fn plan_first(run: &EventRun, stored: &Chunks, fence: u64) -> Option<Result<Plan, Misfit>> {
    let first = run.events().first().filter(|first| first.sequence == 1)?;
    let Event::ShowtimeScheduled { movie_title, start_time, rows } = &first.event else {
        return None;
    };
    let mut head = Head {
        movie_title: movie_title.clone(),
        start_time: *start_time,
        sequence: first.sequence,
        stamp: first.stamp,
        seats: rows.seat_count(),
        available: 0,
        seats_per_chunk: SEATS_PER_CHUNK,
        chunk_sequences: Vec::new(),
        fence,
        within: None,
    };
    if rows.seat_count() <= SEATS_PER_CHUNK {
        let statuses = vec![SeatStatus::Available; to_usize(rows.seat_count())];
        head.within = Some(Within { statuses, rows: rows.rows().into() });
        let plan = head.plan(run, stored);
        return Some(plan.map(|plan| Plan { head: HeadWrite { expected: None, ..plan.head }, ..plan }));
    }
    head.sequence = run.last_sequence();
    head.stamp = run.last_stamp();
    let blanks = Chunk::blanks(rows);
    let changes = changes(run, 0, head.seats, SEATS_PER_CHUNK);
    let mut writes = Vec::new();
    for blank in blanks {
        let mut next = blank;
        next.advance(changes.get(&next.number).map_or(&[], Vec::as_slice), 0);
        head.available += available(&next.statuses);
        head.chunk_sequences.push(next.sequence);
        match stored.get(&next.number) {
            None => writes.push(ChunkWrite { expected: None, chunk: next }),
            // It forgot what readers of a fresh head need: a rest of a showtime whose head is gone.
            Some(chunk) if chunk.base > 0 || chunk.statuses.len() != next.statuses.len() => {
                return Some(Err(Misfit::Lacking));
            }
            Some(chunk) if chunk.sequence < next.sequence => {
                writes.push(ChunkWrite { expected: Some(chunk.sequence), chunk: next });
            }
            Some(_ahead) => {}
        }
    }
    Some(Ok(Plan { chunks: writes, head: HeadWrite { expected: None, head } }))
}

/// The seats' changes by the run's events after `known`, by chunk. Seats that the showtime does not have are left out, as in
/// [`ShowtimeView::apply`].
fn changes(run: &EventRun, known: u64, seats: u32, seats_per_chunk: u32) -> BTreeMap<u32, Vec<Change>> {
    let mut changes: BTreeMap<u32, Vec<Change>> = BTreeMap::new();
    for recorded in run.after(known) {
        let change = recorded.event.seats_status();
        for seat in change.seat_ids.iter().map(|seat| seat.index()).filter(|seat| *seat < seats) {
            let (Some(number), Some(offset)) = (seat.checked_div(seats_per_chunk), seat.checked_rem(seats_per_chunk))
            else {
                continue;
            };
            changes.entry(number).or_default().push(Change {
                sequence: recorded.sequence,
                offset,
                status: change.status,
            });
        }
    }
    changes
}
