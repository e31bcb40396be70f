//! Seat maps: the rows of an auditorium, and how a seat's index and its row and number give each other.
//!
//! A seat has an index, which is its id and stays, and a position: its place in the order of the rows, in which neighbours differ by 1. Both are the
//! same until a showtime is moved to a version of its auditorium with other seats. New seats get new indices then; seats that are left out keep
//! theirs, as *former* seats, which nobody can take.

mod order;
mod row;

use std::collections::HashSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::domain::text::{self, TextError};
use crate::domain::{SeatIndex, SeatStatus};

use order::Order;
pub use row::{AreaShape, CategoryRun, IndexRun, Labels, Places, Row, Seat, SeatPlace, SpecialSeat};

/// Most seats that one showtime may have, places of areas included.
pub const MAX_SEATS_PER_SHOWTIME: u32 = 200_000;
/// Longest row label, in characters.
const MAX_LABEL_CHARACTERS: usize = 16;

/// The rows of a showtime, from a client or from an auditorium: at least one seat, at most [`MAX_SEATS_PER_SHOWTIME`].
///
/// Areas come after all rows of seats, and rows of former seats after all others.
///
/// [`SeatMap::new`] also sees to it that people can tell the rows apart. Reading it from a store does not: earlier versions
/// accepted more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Row>", into = "Vec<Row>")]
pub struct SeatMap {
    rows: Vec<Row>,
    /// Position of the first seat of each row, for the way from a position to its row.
    starts: Vec<u32>,
    seat_count: u32,
    /// How many rows have seats that can be taken, and how many seats those are.
    present: (usize, u32),
    /// `None` where each seat's index is its position.
    order: Option<Order>,
}

/// Why rows are no [`SeatMap`]. `index` is the position of the offending row in the list, from 0.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SeatMapError {
    /// The list of rows is empty.
    #[error("there is no row")]
    NoRows,
    /// A row without a seat.
    #[error("row {label:?} has no seats")]
    EmptyRow {
        /// Position in the list.
        index: usize,
        /// The row's label.
        label: String,
    },
    /// A label that is empty, too long or has characters that cannot be seen.
    #[error("{error}")]
    BadLabel {
        /// Position in the list.
        index: usize,
        /// What is wrong with the label.
        error: TextError,
    },
    /// Two rows with labels that look alike.
    #[error("row {label:?} is listed twice")]
    DuplicateRow {
        /// Position of the second of the two.
        index: usize,
        /// The row's label.
        label: String,
    },
    /// More than [`MAX_SEATS_PER_SHOWTIME`].
    #[error("there are more than {MAX_SEATS_PER_SHOWTIME} seats")]
    TooManySeats,
    /// The rows do not give each index to one seat, or have former seats before others.
    #[error("the rows do not give each index to one seat")]
    BadIndices,
}

impl SeatMap {
    /// Rows that a client gives, their labels brought into the form in which texts are kept.
    ///
    /// # Errors
    /// A label is no text or looks like another one, or the rows have no seats or too many.
    pub fn new(mut rows: Vec<Row>) -> Result<Self, SeatMapError> {
        for (index, row) in rows.iter_mut().enumerate() {
            let plain = text::plain(&row.row, MAX_LABEL_CHARACTERS);
            row.row = plain.map_err(|error| SeatMapError::BadLabel { index, error })?;
        }
        let mut labels = HashSet::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            if !labels.insert(text::seen(&row.row)) {
                return Err(SeatMapError::DuplicateRow { index, label: row.row.clone() });
            }
        }
        drop(labels);
        Self::stored(rows)
    }

    /// Rows that a store has kept, their labels as they are.
    ///
    /// # Errors
    /// They have no seats or too many.
    pub fn stored(rows: Vec<Row>) -> Result<Self, SeatMapError> {
        if rows.is_empty() {
            return Err(SeatMapError::NoRows);
        }
        let mut starts = Vec::with_capacity(rows.len());
        let mut seat_count = 0_u32;
        for (index, row) in rows.iter().enumerate() {
            if row.seats == 0 {
                return Err(SeatMapError::EmptyRow { index, label: row.row.clone() });
            }
            starts.push(seat_count);
            seat_count = seat_count.checked_add(row.seats).ok_or(SeatMapError::TooManySeats)?;
            if seat_count > MAX_SEATS_PER_SHOWTIME {
                return Err(SeatMapError::TooManySeats);
            }
        }
        let present = rows.partition_point(|row| !row.former);
        if present == 0 || rows.iter().skip(present).any(|row| !row.former) {
            return Err(if present == 0 { SeatMapError::NoRows } else { SeatMapError::BadIndices });
        }
        let present = (present, starts.get(present).copied().unwrap_or(seat_count));
        let order = Order::of(&rows, seat_count).map_err(|_unequal| SeatMapError::BadIndices)?;
        Ok(Self { rows, starts, seat_count, present, order })
    }

    /// The rows with seats that can be taken, in order.
    pub fn rows(&self) -> &[Row] {
        self.rows.get(..self.present.0).unwrap_or_default()
    }

    /// As [`SeatMap::rows`], and then those of former seats.
    pub fn all_rows(&self) -> &[Row] {
        &self.rows
    }

    /// Number of seats, former ones included; indices run from 0 to one less.
    pub fn seat_count(&self) -> u32 {
        self.seat_count
    }

    /// Number of seats that can be taken; positions run from 0 to one less.
    pub fn present_count(&self) -> u32 {
        self.present.1
    }

    /// The index of the seat at this position.
    pub fn index_at(&self, position: u32) -> SeatIndex {
        self.order.as_ref().map_or(position, |order| order.index_at(position))
    }

    /// The position of the seat with this index; past [`SeatMap::present_count`] if it is a former one or none.
    pub fn position(&self, index: SeatIndex) -> u32 {
        self.order.as_ref().map_or(index, |order| order.position(index))
    }

    /// Whether it is the index of a seat that can be taken.
    pub fn is_present(&self, index: SeatIndex) -> bool {
        self.position(index) < self.present.1
    }

    /// The indices of former seats.
    pub fn former(&self) -> impl Iterator<Item = SeatIndex> {
        (self.present.1..self.seat_count).map(|position| self.index_at(position))
    }

    /// Gives a showtime that had the rows `before` the statuses that it has with these rows, in order of index. Nobody had the seats that were
    /// left out; a former seat's status is [`SeatStatus::Sold`], so that nobody takes it.
    pub fn follow(&self, before: &Self, statuses: &mut Vec<SeatStatus>) {
        statuses.resize(usize::try_from(self.seat_count).unwrap_or(usize::MAX), SeatStatus::Available);
        let mut set = |index: SeatIndex, to| {
            if let Some(status) = usize::try_from(index).ok().and_then(|index| statuses.get_mut(index)) {
                *status = to;
            }
        };
        before.former().for_each(|index| set(index, SeatStatus::Available));
        self.former().for_each(|index| set(index, SeatStatus::Sold));
    }

    /// The rows of [`SeatMap::rows`] with their seats' positions.
    pub fn numbered_rows(&self) -> impl DoubleEndedIterator<Item = (&Row, Range<u32>)> {
        self.rows().iter().zip(&self.starts).map(|(row, start)| (row, *start..*start + row.seats))
    }

    /// The areas with their places' positions, in order.
    pub fn areas(&self) -> impl Iterator<Item = (&Row, Range<u32>)> {
        let first = self.rows().partition_point(|row| row.area.is_none());
        self.numbered_rows().skip(first)
    }

    /// The area with this label.
    pub fn area(&self, label: &str) -> Option<(&Row, Range<u32>)> {
        self.areas().find(|(area, _)| area.row == label)
    }

    /// The seat with this index, unless it is a former one.
    pub fn seat(&self, index: SeatIndex) -> Option<Seat<'_>> {
        self.is_present(index).then(|| self.seat_at(self.position(index)))?
    }

    /// The seat at a position; former ones come last.
    fn seat_at(&self, position: u32) -> Option<Seat<'_>> {
        let of_row = self.starts.partition_point(|start| *start <= position).checked_sub(1)?;
        let (row, start) = (self.rows.get(of_row)?, self.starts.get(of_row)?);
        let offset = position - start;
        (offset < row.seats).then_some(Seat { index: self.index_at(position), row, offset })
    }

    /// Whether the seats at two positions that differ by 1 are next to each other: in one row, without an aisle between them. Places of an
    /// area never are.
    pub fn is_beside(&self, one: u32, other: u32) -> bool {
        let right = one.max(other);
        self.seat_at(right)
            .is_some_and(|seat| seat.offset > 0 && seat.row.area.is_none() && !seat.row.has_aisle_before(seat.offset))
    }

    /// The seat with this index as it is printed on a ticket, also a former one.
    pub fn printed(&self, index: SeatIndex) -> SeatPlace {
        let seat = self.seat_at(self.position(index));
        seat.map_or_else(|| SeatPlace::numbered("", index.saturating_add(1)), |seat| seat.printed())
    }

    /// Every seat that can be taken, in the order of the rows.
    pub fn seats(&self) -> impl Iterator<Item = Seat<'_>> {
        self.seats_of(self.present.0)
    }

    /// As [`SeatMap::seats`], and then the former ones.
    pub fn all_seats(&self) -> impl Iterator<Item = Seat<'_>> {
        self.seats_of(self.rows.len())
    }

    fn seats_of(&self, rows: usize) -> impl Iterator<Item = Seat<'_>> {
        self.rows.iter().zip(&self.starts).take(rows).flat_map(move |(row, start)| {
            (0..row.seats).map(move |offset| Seat { index: self.index_at(start + offset), row, offset })
        })
    }
}

impl TryFrom<Vec<Row>> for SeatMap {
    type Error = SeatMapError;

    fn try_from(rows: Vec<Row>) -> Result<Self, SeatMapError> {
        Self::stored(rows)
    }
}

impl From<SeatMap> for Vec<Row> {
    fn from(map: SeatMap) -> Self {
        map.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, seats: u32) -> Row {
        Row::numbered(label, seats)
    }

    #[test]
    fn places_and_indices_agree() {
        let map = SeatMap::new(vec![row("A", 3), row("B", 2)]).unwrap();
        assert_eq!(map.seat_count(), 5);
        let seats: Vec<_> = map.seats().collect();
        let told: Vec<_> = seats.iter().map(|seat| (seat.index, seat.row.row.as_str(), seat.number())).collect();
        assert_eq!(told, [(0, "A", 1), (1, "A", 2), (2, "A", 3), (3, "B", 1), (4, "B", 2)]);
        for seat in seats {
            assert_eq!(map.seat(seat.index), Some(seat));
        }
        assert_eq!(map.seat(5), None);
    }

    #[test]
    fn seats_are_named_as_they_are_printed() {
        let map = SeatMap::new(vec![row("A", 3), row("12", 2)]).unwrap();
        assert_eq!((map.printed(2).to_string(), map.printed(4).to_string()), ("A3".to_owned(), "12-2".to_owned()));
    }

    #[test]
    fn bad_rows_are_named() {
        assert_eq!(SeatMap::new(vec![]), Err(SeatMapError::NoRows));
        assert!(matches!(SeatMap::new(vec![row("A", 0)]), Err(SeatMapError::EmptyRow { index: 0, .. })));
        assert!(matches!(SeatMap::new(vec![row(" ", 1)]), Err(SeatMapError::BadLabel { index: 0, .. })));
        assert!(matches!(
            SeatMap::new(vec![row("A", 1), row("A", 2)]),
            Err(SeatMapError::DuplicateRow { index: 1, .. })
        ));
        for (labels, position) in
            [(["A", "A "], 1), (["A  B", "A B"], 1), (["e\u{301}", "é"], 1), (["☎\u{FE0F}", "☎"], 1)]
        {
            let rows = labels.map(|label| row(label, 1)).to_vec();
            assert!(matches!(SeatMap::new(rows), Err(SeatMapError::DuplicateRow { index, .. }) if index == position));
        }
        for label in ["A\u{200B}", "\u{202E}A", "A\u{A0}B"] {
            assert!(matches!(
                SeatMap::new(vec![row("B", 1), row(label, 1)]),
                Err(SeatMapError::BadLabel { index: 1, .. })
            ));
        }
        assert_eq!(SeatMap::new(vec![row("A", 200_001)]), Err(SeatMapError::TooManySeats));
        assert_eq!(SeatMap::new(vec![row("A", u32::MAX), row("B", u32::MAX)]), Err(SeatMapError::TooManySeats));
    }

    #[test]
    fn labels_of_earlier_versions_are_read_as_they_are() {
        let stored = r#"[{"row":"A ","seats":1},{"row":"A\u200b","seats":2}]"#;
        let map: SeatMap = serde_json::from_str(stored).unwrap();
        let printed = [0, 2].map(|seat| map.printed(seat));
        assert_eq!(printed, [SeatPlace::numbered("A ", 1), SeatPlace::numbered("A\u{200B}", 2)]);
        assert!(serde_json::from_str::<SeatMap>("[]").is_err());
    }
}
