//! Houses: the showtimes under test, with the ids of their seats and everything of a request that does not change.

use bytes::Bytes;
use hyper::Uri;
use hyper::http::uri::InvalidUri;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::{SeatId, SeatIdPrefix, SeatStatus, ShowtimeId};
use crate::loadtest::workload::Asking;

/// Most seats in a row of a showtime that the load tester creates.
const LONGEST_ROW: u32 = 100;

/// A showtime under test.
#[derive(Clone, Debug)]
pub struct House {
    /// Its id.
    pub id: ShowtimeId,
    /// What the ids of its seats begin with.
    pub prefix: SeatIdPrefix,
    /// Its seats, in the order of the seat map.
    pub seats: Vec<SeatId>,
    /// Number of seats in each row.
    pub rows: Vec<u32>,
    /// What each seat was before the run.
    pub statuses: Vec<SeatStatus>,
    /// How clients ask for them.
    pub asking: Asking,
    /// Indices of the seats that were free before the run, and that may be had by asking so.
    pub free: Vec<u32>,
    /// The showtime's sequence before the run.
    pub sequence: u64,
    /// `/api/showtimes/{id}`
    pub show: Uri,
    /// `/api/showtimes/{id}/status`
    pub status: Uri,
    /// `/api/showtimes/{id}/bookings`
    pub bookings: Uri,
    /// The body of a reservation up to its first seat id, or to the number of places.
    pub opening: Bytes,
    /// What ends the list of ids, or follows the number.
    pub closing: &'static str,
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
    /// Label of its row, or of its area.
    pub row: String,
    /// The area that it is a place of.
    pub area: Option<String>,
    /// What it is to the public.
    pub status: SeatStatus,
}

impl House {
    /// From what the server shows. Who asks for places of an area asks for the first one.
    ///
    /// # Errors
    /// Never: an id is fit for a path.
    pub fn from_answer(id: ShowtimeId, answer: SeatMapAnswer, asking: Asking) -> Result<Self, InvalidUri> {
        let mut rows: Vec<u32> = Vec::new();
        let mut row = None;
        let mut seats = Vec::with_capacity(answer.seats.len());
        let mut statuses = Vec::with_capacity(answer.seats.len());
        let area = answer.seats.iter().find_map(|seat| seat.area.clone());
        let mut may_be_had = Vec::with_capacity(answer.seats.len());
        for seat in answer.seats {
            may_be_had.push(match asking {
                Asking::Named => true,
                Asking::Best => seat.area.is_none(),
                Asking::Area => seat.area.is_some() && seat.area == area,
            });
            // Places of an area are drawn in lines, too.
            if row.as_ref() != Some(&seat.row) || (seat.area.is_some() && rows.last() == Some(&LONGEST_ROW)) {
                rows.push(0);
                row = Some(seat.row);
            }
            if let Some(last) = rows.last_mut() {
                *last += 1;
            }
            statuses.push(seat.status);
            seats.push(seat.seat_id);
        }
        let mut house = Self::new(id, seats, rows, statuses, answer.sequence)?;
        house.free.retain(|seat| usize::try_from(*seat).is_ok_and(|seat| may_be_had.get(seat) == Some(&true)));
        Ok(house.asked(asking, area.as_deref()))
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

    /// The seats that a booking has; `None` if they are not what was asked for: these, or as many others that may be had.
    pub fn granted(&self, asked: &[u32], ids: &[SeatId]) -> Option<Vec<u32>> {
        let index = |id: &SeatId| id.index_under(self.prefix);
        let granted: Vec<u32> = ids.iter().map(index).collect::<Option<_>>()?;
        let is_right = match self.asking {
            Asking::Named => granted == asked,
            Asking::Best | Asking::Area => {
                granted.len() == asked.len() && granted.iter().all(|seat| self.free.binary_search(seat).is_ok())
            }
        };
        is_right.then_some(granted)
    }

    /// The same, asked for in this way.
    #[must_use]
    pub fn asked(self, asking: Asking, area: Option<&str>) -> Self {
        let id = self.id;
        let (opening, closing) = match asking {
            Asking::Named => (format!(r#"{{"showtimeId":"{id}","seatIds":["#), "]"),
            Asking::Best => {
                (format!(r#"{{"showtimeId":"{id}","bestAvailable":{{"together":"preferred","quantity":"#), "}")
            }
            Asking::Area => {
                let area = Value::from(area.unwrap_or_default());
                (format!(r#"{{"showtimeId":"{id}","areas":[{{"areaId":{area},"quantity":"#), "}]")
            }
        };
        Self { asking, opening: opening.into(), closing, ..self }
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
        let (prefix, asking) = (SeatId::prefix(id), Asking::Named);
        let (opening, closing) = (Bytes::new(), "");
        let house = Self {
            id,
            prefix,
            seats,
            rows,
            statuses,
            asking,
            free,
            sequence,
            show,
            status,
            bookings,
            opening,
            closing,
        };
        Ok(house.asked(asking, None))
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
        let seat = |index, row: &str, status| SeatAnswer {
            seat_id: SeatId::new(id, index),
            row: row.to_owned(),
            area: None,
            status,
        };
        let seats = vec![
            seat(0, "A", SeatStatus::Sold),
            seat(1, "A", SeatStatus::Available),
            seat(2, "B", SeatStatus::Reserved),
            seat(3, "B", SeatStatus::Available),
            seat(4, "B", SeatStatus::Available),
        ];
        let house = House::from_answer(id, SeatMapAnswer { sequence: 9, seats }, Asking::Named).unwrap();
        assert_eq!((house.rows, house.free), (vec![2, 3], vec![1, 3, 4]));
    }

    #[test]
    fn places_of_the_first_area_or_seats_are_asked_for() {
        let id = ShowtimeId(Uuid::from_u128(1));
        let place = |index, row: &str, area: Option<&str>| SeatAnswer {
            seat_id: SeatId::new(id, index),
            row: row.to_owned(),
            area: area.map(str::to_owned),
            status: SeatStatus::Available,
        };
        let seats = || {
            let standing = (1..251).map(|index| place(index, "Standing", Some("Standing")));
            let all = [place(0, "A", None)].into_iter().chain(standing).chain([place(251, "Lawn", Some("Lawn"))]);
            SeatMapAnswer { sequence: 1, seats: all.collect() }
        };
        let house = |asking| House::from_answer(id, seats(), asking).unwrap();
        let area = house(Asking::Area);
        assert_eq!(area.free, (1..251).collect::<Vec<_>>());
        assert_eq!(area.rows, [1, 100, 100, 50, 1]);
        let ids = |seats: &[u32]| seats.iter().map(|seat| SeatId::new(id, *seat)).collect::<Vec<_>>();
        assert_eq!(area.granted(&[1, 2], &ids(&[77, 9])), Some(vec![77, 9]));
        for wrong in [&[77][..], &[77, 9, 8], &[77, 251], &[0, 9], &[77, 252]] {
            assert_eq!(area.granted(&[1, 2], &ids(wrong)), None, "{wrong:?}");
        }
        assert_eq!(area.granted(&[1], &[SeatId::new(ShowtimeId(Uuid::from_u128(2)), 9)]), None);
        assert_eq!((house(Asking::Best).free, house(Asking::Named).free.len()), (vec![0], 252));
    }
}
