//! Houses: the showtimes under test, with the ids of their seats and everything of a request that does not change.

use bytes::Bytes;
use hyper::Uri;
use hyper::http::uri::InvalidUri;
use serde::Deserialize;

use crate::domain::{SeatId, SeatStatus, ShowtimeId};

/// Most seats in a row of a showtime that the load tester creates.
const LONGEST_ROW: u32 = 100;

/// A showtime under test.
#[derive(Clone, Debug)]
pub struct House {
    /// Its id.
    pub id: ShowtimeId,
    /// Its seats, in the order of the seat map.
    pub seats: Vec<SeatId>,
    /// Number of seats in each row.
    pub rows: Vec<u32>,
    /// What each seat was before the run.
    pub statuses: Vec<SeatStatus>,
    /// Indices of the seats that were free before the run.
    pub free: Vec<u32>,
    /// The showtime's sequence before the run.
    pub sequence: u64,
    /// `/api/showtimes/{id}`
    pub show: Uri,
    /// `/api/showtimes/{id}/status`
    pub status: Uri,
    /// `/api/showtimes/{id}/bookings`
    pub bookings: Uri,
    /// The body of a reservation up to its first seat id.
    pub opening: Bytes,
}

/// A showtime as the server shows it.
#[derive(Deserialize, Debug)]
pub struct SeatMapAnswer {
    /// The sequence that it shows.
    pub sequence: u64,
    /// All seats.
    pub seats: Vec<SeatAnswer>,
}

/// One of them.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SeatAnswer {
    /// Its id.
    pub seat_id: SeatId,
    /// Label of its row.
    pub row: String,
    /// What it is to the public.
    pub status: SeatStatus,
}

impl House {
    /// From what the server shows.
    ///
    /// # Errors
    /// Never: an id is fit for a path.
    pub fn from_answer(id: ShowtimeId, answer: SeatMapAnswer) -> Result<Self, InvalidUri> {
        let mut rows: Vec<u32> = Vec::new();
        let mut row = None;
        let mut seats = Vec::with_capacity(answer.seats.len());
        let mut statuses = Vec::with_capacity(answer.seats.len());
        for seat in answer.seats {
            if row.as_ref() != Some(&seat.row) {
                rows.push(0);
                row = Some(seat.row);
            }
            if let Some(last) = rows.last_mut() {
                *last += 1;
            }
            statuses.push(seat.status);
            seats.push(seat.seat_id);
        }
        Self::new(id, seats, rows, statuses, answer.sequence)
    }

    /// A showtime that was just created, as its seat ids are derived; for servers that cannot show it.
    ///
    /// # Errors
    /// Never: an id is fit for a path.
    pub fn derived(id: ShowtimeId, rows: Vec<u32>) -> Result<Self, InvalidUri> {
        let prefix = SeatId::prefix(id);
        let seats: Vec<SeatId> = (0..rows.iter().sum()).map(|index| SeatId::with_prefix(prefix, index)).collect();
        let statuses = vec![SeatStatus::Available; seats.len()];
        Self::new(id, seats, rows, statuses, 1)
    }

    fn new(
        id: ShowtimeId,
        seats: Vec<SeatId>,
        rows: Vec<u32>,
        statuses: Vec<SeatStatus>,
        sequence: u64,
    ) -> Result<Self, InvalidUri> {
        let free = (0_u32..).zip(&statuses).filter(|(_, status)| **status == SeatStatus::Available);
        let free = free.map(|(index, _)| index).collect();
        let show = Uri::try_from(format!("/api/showtimes/{id}"))?;
        let status = Uri::try_from(format!("/api/showtimes/{id}/status"))?;
        let bookings = Uri::try_from(format!("/api/showtimes/{id}/bookings"))?;
        let opening = Bytes::from(format!(r#"{{"showtimeId":"{id}","seatIds":["#));
        Ok(Self { id, seats, rows, statuses, free, sequence, show, status, bookings, opening })
    }
}

/// Rows for so many seats, about twice as many rows as a square would have, none longer than a large auditorium's.
pub fn rows_for(seats: u32) -> Vec<u32> {
    let length = (seats.isqrt()).clamp(1, LONGEST_ROW);
    let mut rows = vec![length; usize::try_from(seats / length).unwrap_or(0)];
    if !seats.is_multiple_of(length) {
        rows.push(seats % length);
    }
    rows
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn rows_hold_exactly_the_seats() {
        for seats in [1, 2, 10, 140, 1_000, 12_345, 200_000] {
            let rows = rows_for(seats);
            assert_eq!(rows.iter().sum::<u32>(), seats);
            assert!(rows.iter().all(|row| (1..=LONGEST_ROW).contains(row)));
        }
    }

    #[test]
    fn only_free_seats_are_asked_for() {
        let id = ShowtimeId(Uuid::from_u128(1));
        let seat =
            |index, row: &str, status| SeatAnswer { seat_id: SeatId::new(id, index), row: row.to_owned(), status };
        let seats = vec![
            seat(0, "A", SeatStatus::Sold),
            seat(1, "A", SeatStatus::Available),
            seat(2, "B", SeatStatus::Reserved),
            seat(3, "B", SeatStatus::Available),
            seat(4, "B", SeatStatus::Available),
        ];
        let house = House::from_answer(id, SeatMapAnswer { sequence: 9, seats }).unwrap();
        assert_eq!((house.rows, house.free), (vec![2, 3], vec![1, 3, 4]));
    }
}
