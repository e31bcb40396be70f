//! The public view of a showtime: a pure fold of its events, shared by every adapter and by `turnstile check`.

use crate::domain::{Event, EventRun, RecordedEvent, SeatId, SeatMap, SeatStatus, ShowtimeId, Stamp, Timestamp};
use crate::read_model::Applied;

/// A showtime with all its seats at one sequence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShowtimeView {
    /// Its id.
    pub id: ShowtimeId,
    /// What is shown.
    pub movie_title: String,
    /// When it starts.
    pub start_time: Timestamp,
    /// Last sequence applied.
    pub sequence: u64,
    /// Stamp of the event with that sequence.
    pub stamp: Stamp,
    /// Its rows.
    pub seat_map: SeatMap,
    /// Every seat's status, in order of index.
    pub statuses: Vec<SeatStatus>,
}

/// One line of the list of showtimes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShowtimeSummary {
    /// Its id.
    pub id: ShowtimeId,
    /// What is shown.
    pub movie_title: String,
    /// When it starts.
    pub start_time: Timestamp,
    /// Last sequence applied.
    pub sequence: u64,
    /// Stamp of the event with that sequence; the default one for a document of a version that kept none.
    pub stamp: Stamp,
    /// Number of seats.
    pub seats: u32,
    /// How many of them are available.
    pub available: u32,
}

impl ShowtimeView {
    /// The view after the first event of a showtime; `None` for any other event.
    pub fn scheduled(id: ShowtimeId, first: &RecordedEvent) -> Option<Self> {
        let Event::ShowtimeScheduled { movie_title, start_time, rows } = &first.event else {
            return None;
        };
        let seats = usize::try_from(rows.seat_count()).ok()?;
        Some(Self {
            id,
            movie_title: movie_title.clone(),
            start_time: *start_time,
            sequence: first.sequence,
            stamp: first.stamp,
            seat_map: rows.clone(),
            statuses: vec![SeatStatus::Available; seats],
        })
    }

    /// Applies what of the run is new; a run that does not go on from here changes nothing.
    pub fn apply(&mut self, run: &EventRun) -> Applied {
        if run.last_sequence() <= self.sequence {
            return Applied::UpTo(self.sequence);
        }
        if !run.goes_on(self.sequence, self.stamp) {
            return Applied::Gap { have: self.sequence };
        }
        for recorded in run.after(self.sequence) {
            let change = recorded.event.seats_status();
            for seat in change.seat_ids {
                if let Some(status) = usize::try_from(seat.index()).ok().and_then(|index| self.statuses.get_mut(index))
                {
                    *status = change.status;
                }
            }
            self.sequence = recorded.sequence;
            self.stamp = recorded.stamp;
        }
        Applied::UpTo(self.sequence)
    }

    /// The line in the list of showtimes.
    pub fn summary(&self) -> ShowtimeSummary {
        let available = self.statuses.iter().filter(|status| **status == SeatStatus::Available).count();
        ShowtimeSummary {
            id: self.id,
            movie_title: self.movie_title.clone(),
            start_time: self.start_time,
            sequence: self.sequence,
            stamp: self.stamp,
            seats: self.seat_map.seat_count(),
            available: u32::try_from(available).unwrap_or(u32::MAX),
        }
    }

    /// Every seat as (id, row label, number, status), in order of index.
    pub fn seats(&self) -> impl Iterator<Item = (SeatId, &str, u32, SeatStatus)> {
        let prefix = SeatId::prefix(self.id);
        self.seat_map
            .seats()
            .zip(&self.statuses)
            .map(move |((index, row, number), status)| (SeatId::with_prefix(prefix, index), row, number, *status))
    }
}
