//! The public view of a showtime: a pure fold of its events, shared by the read model's adapters, the live feed and `turnstile check`.

use std::sync::Arc;

use crate::domain::{Event, EventRun, Listing, RecordedEvent, Seat, SeatIndex, SeatMap, SeatStatus, ShowtimeId, Stamp};

/// A place in a showtime's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The last event's sequence.
    pub sequence: u64,
    /// The last event's stamp.
    pub stamp: Stamp,
}

/// What became of a run of events that was applied to a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// The showtime stands at this sequence, which is at least the run's last.
    UpTo(u64),
    /// The run does not go on where the showtime stands: events are missing between them, or the run is of another history, or the
    /// showtime is unknown and the run does not begin with its first event. Nothing was applied.
    Gap {
        /// The showtime's sequence; 0 if it is unknown.
        have: u64,
    },
}

/// A showtime with all its seats at one sequence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShowtimeView {
    /// Its id.
    pub id: ShowtimeId,
    /// What is shown, when, and on which terms.
    pub listing: Arc<Listing>,
    /// Last sequence applied.
    pub sequence: u64,
    /// Stamp of the event with that sequence.
    pub stamp: Stamp,
    /// Its rows.
    pub seat_map: Arc<SeatMap>,
    /// Every seat's status, in order of index.
    pub statuses: Vec<SeatStatus>,
}

/// One line of the list of showtimes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShowtimeSummary {
    /// Its id.
    pub id: ShowtimeId,
    /// What is shown, when, and on which terms.
    pub listing: Arc<Listing>,
    /// Last sequence applied.
    pub sequence: u64,
    /// Stamp of the event with that sequence.
    pub stamp: Stamp,
    /// Number of seats.
    pub seats: u32,
    /// How many of them are available.
    pub available: u32,
}

impl Place {
    /// Applies the events of the run that are new here to the listing and the seats' statuses, and moves on to the last one. None of them sets
    /// the rows.
    pub fn apply(&mut self, run: &EventRun, listing: &mut Arc<Listing>, statuses: &mut [SeatStatus]) -> Applied {
        if let Err(applied) = self.check(run) {
            return applied;
        }
        for recorded in run.after(self.sequence) {
            follow(&recorded.event, listing, statuses);
        }
        *self = Self { sequence: run.last_sequence(), stamp: run.last_stamp() };
        Applied::UpTo(self.sequence)
    }

    /// Whether the run has something new that goes on from here; if not, what becomes of it.
    fn check(self, run: &EventRun) -> Result<(), Applied> {
        if run.last_sequence() <= self.sequence {
            return Err(Applied::UpTo(self.sequence));
        }
        if run.goes_on(self.sequence, self.stamp) { Ok(()) } else { Err(Applied::Gap { have: self.sequence }) }
    }
}

/// What the event changes of a listing and of the seats' statuses.
fn follow(event: &Event, listing: &mut Arc<Listing>, statuses: &mut [SeatStatus]) {
    if let Some(after) = listing.after(event) {
        *listing = Arc::new(after);
    }
    let change = event.seats_status();
    for seat in change.seat_ids {
        if let Some(status) = usize::try_from(seat.index()).ok().and_then(|index| statuses.get_mut(index)) {
            *status = change.status;
        }
    }
}

impl ShowtimeSummary {
    /// The last event applied.
    pub fn place(&self) -> Place {
        Place { sequence: self.sequence, stamp: self.stamp }
    }
}

impl ShowtimeView {
    /// The view after the first event of a showtime; `None` for any other event.
    pub fn scheduled(id: ShowtimeId, first: &RecordedEvent) -> Option<Self> {
        let Event::ShowtimeScheduled { rows, .. } = &first.event else {
            return None;
        };
        let seats = usize::try_from(rows.seat_count()).ok()?;
        Some(Self {
            id,
            listing: Arc::new(Listing::scheduled(&first.event)?),
            sequence: first.sequence,
            stamp: first.stamp,
            seat_map: Arc::new(rows.clone()),
            statuses: vec![SeatStatus::Available; seats],
        })
    }

    /// Applies the events of the run that are new here; a run that does not go on from here changes nothing.
    pub fn apply(&mut self, run: &EventRun) -> Applied {
        let place = self.place();
        match place.check(run) {
            Ok(()) => {
                run.after(self.sequence).iter().for_each(|next| self.follow(next));
                Applied::UpTo(self.sequence)
            }
            Err(applied) => applied,
        }
    }

    /// Applies the next event of the same journal.
    pub fn follow(&mut self, next: &RecordedEvent) {
        debug_assert_eq!(next.sequence, self.sequence + 1, "a journal has no gap");
        follow(&next.event, &mut self.listing, &mut self.statuses);
        if let Some(rows) = next.event.rows() {
            rows.follow(&self.seat_map, &mut self.statuses);
            self.seat_map = Arc::new(rows.clone());
        }
        (self.sequence, self.stamp) = (next.sequence, next.stamp);
    }

    /// The last event applied.
    pub fn place(&self) -> Place {
        Place { sequence: self.sequence, stamp: self.stamp }
    }

    /// The line in the list of showtimes.
    pub fn summary(&self) -> ShowtimeSummary {
        ShowtimeSummary {
            id: self.id,
            listing: Arc::clone(&self.listing),
            sequence: self.sequence,
            stamp: self.stamp,
            seats: self.seat_map.present_count(),
            available: available(&self.statuses),
        }
    }

    /// Every seat with its status, in the order of the rows.
    pub fn seats(&self) -> impl Iterator<Item = (Seat<'_>, SeatStatus)> {
        self.seat_map.seats().map(|seat| (seat, self.status(seat.index)))
    }

    /// The status of the seat with this index.
    pub fn status(&self, seat: SeatIndex) -> SeatStatus {
        let status = usize::try_from(seat).ok().and_then(|seat| self.statuses.get(seat)).copied();
        status.unwrap_or(SeatStatus::Sold)
    }
}

/// How many of the seats are available.
pub fn available(statuses: &[SeatStatus]) -> u32 {
    let count = statuses.iter().filter(|status| **status == SeatStatus::Available).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
