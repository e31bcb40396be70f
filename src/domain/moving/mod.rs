//! Moving: a showtime is moved to another version of its auditorium, and has that version's rows from then on.
//!
//! **Invariant:** a seat that both have keeps its index, and so its id: by section, row and label. A seat that is new gets an index that none
//! had. A seat that is left out becomes a former one, which nobody has; if a later version has it again, it is the same seat.

mod numbering;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::domain::moving::numbering::{Numbering, indices};
use crate::domain::{
    ConflictReason, Labels, MAX_SEATS_PER_SHOWTIME, MoveRejection, NewHouse, Row, Seat, SeatConflict, SeatId,
    SeatIndex, SeatMap, SeatStatus, Showtime,
};

/// Which rows are the same in two versions: by section and label; areas by their label.
type RowName<'a> = (Option<&'a str>, &'a str, bool);

/// The seats that a showtime has, or had, by their row and label.
type Known<'a> = HashMap<RowName<'a>, HashMap<Cow<'a, str>, SeatIndex>>;

impl Showtime {
    /// The showtime's rows as they are in the new version, and those of the seats that it leaves out.
    pub(super) fn moved_to(&self, house: &NewHouse) -> Result<SeatMap, MoveRejection> {
        if self.listing().terms.auditorium.map(|of| of.id) != Some(house.version.id) {
            return Err(MoveRejection::OtherAuditorium);
        }
        let ours = &self.facts().seat_map;
        let mut numbering = Numbering::after(ours.seat_count());
        let mut known = known(ours);
        let mut rows = Vec::with_capacity(house.seat_map.rows().len());
        for row in house.seat_map.rows() {
            let known = known.remove(&name(row)).unwrap_or_default();
            let row = if row.area.is_some() {
                self.area_in(row, known, &mut numbering)?
            } else {
                let row_indices = (0..row.seats).map(|offset| known.get(&label(row, offset)).copied());
                numbering.number(row.clone(), row_indices)
            };
            rows.push(row);
        }
        let kept: HashSet<SeatIndex> = rows.iter().flat_map(indices).collect();
        let left_out = ours.all_seats().filter(|seat| !kept.contains(&seat.index));
        rows.extend(self.left_out(left_out)?);
        let moved = SeatMap::stored(numbering::shortened(rows));
        let moved = moved.map_err(|_size| MoveRejection::TooManySeats { most: MAX_SEATS_PER_SHOWTIME })?;
        // A house as it was drawn has been measured before.
        if moved != *house.seat_map {
            let bytes = serde_json::to_vec(&moved).map_or(usize::MAX, |json| json.len());
            if bytes > house.most_bytes {
                return Err(MoveRejection::TooLong { bytes, most: house.most_bytes });
            }
        }
        Ok(moved)
    }

    /// An area keeps as many of its places as it has room for: those that somebody has, then the others in order.
    fn area_in(
        &self,
        area: &Row,
        known: HashMap<Cow<'_, str>, SeatIndex>,
        numbering: &mut Numbering,
    ) -> Result<Row, MoveRejection> {
        let mut places: Vec<(u32, SeatIndex)> =
            known.into_iter().filter_map(|(label, index)| Some((label.parse().ok()?, index))).collect();
        let is_taken = |index: SeatIndex| self.seat(index).is_some_and(|(status, _)| status != SeatStatus::Available);
        // Former places come back last.
        places.sort_unstable_by_key(|(number, index)| (!is_taken(*index), self.seat(*index).is_none(), *number));
        let room = usize::try_from(area.seats).unwrap_or(usize::MAX);
        let taken: Vec<SeatConflict> = places.iter().filter_map(|(_, index)| self.conflict(*index)).collect();
        if taken.len() > room {
            return Err(MoveRejection::OtherCapacity { area: area.row.clone(), taken, places: area.seats });
        }
        let mut next = places.iter().map(|(number, _)| *number).max().unwrap_or(0);
        places.truncate(room);
        places.sort_unstable();
        let mut numbers: Vec<u32> = places.iter().map(|(number, _)| *number).collect();
        numbers.resize_with(room, || {
            next += 1;
            next
        });
        let labels: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let area = Row { labels: Labels::of(labels.iter().map(String::as_str)), ..area.clone() };
        let indices = places.into_iter().map(|(_, index)| Some(index)).chain(std::iter::repeat(None)).take(room);
        Ok(numbering.number(area, indices))
    }

    /// A seat that somebody has.
    fn conflict(&self, seat: SeatIndex) -> Option<SeatConflict> {
        let (status, _) = self.seat(seat)?;
        let seat_id = SeatId::with_prefix(self.seat_prefix(), seat);
        ConflictReason::of(status).map(|reason| self.facts().conflict(seat_id, reason))
    }

    /// Rows of seats that are left out, in the order in which they are given.
    fn left_out<'a>(&self, seats: impl Iterator<Item = Seat<'a>>) -> Result<Vec<Row>, MoveRejection> {
        let (mut rows, mut taken): (Vec<(&Row, Vec<Seat<'_>>)>, Vec<SeatConflict>) = Default::default();
        for seat in seats {
            taken.extend(self.conflict(seat.index));
            match rows.last_mut() {
                Some((row, of_row)) if name(row) == name(seat.row) => of_row.push(seat),
                Some(_) | None => rows.push((seat.row, vec![seat])),
            }
        }
        if !taken.is_empty() {
            return Err(MoveRejection::SeatsTaken { taken });
        }
        Ok(rows.into_iter().map(|(row, seats)| numbering::former(row, &seats)).collect())
    }
}

fn known(seat_map: &SeatMap) -> Known<'_> {
    let mut known = Known::new();
    for seat in seat_map.all_seats() {
        known.entry(name(seat.row)).or_default().insert(seat.label(), seat.index);
    }
    known
}

fn name(row: &Row) -> RowName<'_> {
    (row.section.as_deref(), &row.row, row.area.is_some())
}

fn label(row: &Row, offset: u32) -> Cow<'_, str> {
    Seat { index: offset, row, offset }.label()
}

#[cfg(test)]
mod tests;
