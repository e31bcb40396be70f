//! Moving: a showtime is moved to another version of its auditorium, and keeps its seats. Categories, kinds, notes, aisles and places on the
//! plan become those of the new version.
//!
//! **Invariant:** a move keeps each seat's index, and so its id. Rows stay in the showtime's own order, whatever their order in the plan.

use crate::domain::{
    ConflictReason, MoveRejection, NewHouse, Row, Seat, SeatConflict, SeatId, SeatMap, SeatPlace, Showtime,
};
use std::collections::{HashMap, HashSet};

/// Seats that are named in a refusal at most.
const MOST_NAMED: usize = 20;

/// Which rows are the same in two versions: by section and label; areas by their label.
type RowName<'a> = (Option<&'a str>, &'a str, bool);

impl Showtime {
    /// The showtime's rows as they are in the new version.
    pub(super) fn moved_to(&self, house: &NewHouse) -> Result<SeatMap, MoveRejection> {
        if self.listing().terms.auditorium.map(|of| of.id) != Some(house.version.id) {
            return Err(MoveRejection::OtherAuditorium);
        }
        let rows = self.rows_in(&house.seat_map)?;
        // As many rows with as many seats as before: they are a seat map.
        SeatMap::stored(rows).map_err(|_size| MoveRejection::OtherAuditorium)
    }

    fn rows_in(&self, house: &SeatMap) -> Result<Vec<Row>, MoveRejection> {
        let ours = &self.facts().seat_map;
        let mut theirs: HashMap<RowName<'_>, &Row> = house.rows().iter().map(|row| (name(row), row)).collect();
        let mut rows = Vec::with_capacity(ours.rows().len());
        let mut differing: HashSet<RowName<'_>> = HashSet::new();
        for row in ours.rows() {
            match theirs.remove(&name(row)) {
                Some(other) if row.area.is_some() && other.seats != row.seats => {
                    let (area, has, places) = (row.row.clone(), row.seats, other.seats);
                    return Err(MoveRejection::OtherCapacity { area, has, places });
                }
                Some(other) if other.seats == row.seats && labels(row).eq(labels(other)) => rows.push(other.clone()),
                Some(_) | None => drop(differing.insert(name(row))),
            }
        }
        differing.extend(theirs.into_keys());
        if differing.is_empty() { Ok(rows) } else { Err(self.differing(house, &differing)) }
    }

    /// Names what is not the same in these rows.
    fn differing(&self, house: &SeatMap, rows: &HashSet<RowName<'_>>) -> MoveRejection {
        let ours = &self.facts().seat_map;
        let printed = |map: &SeatMap| -> Vec<(u32, SeatPlace)> {
            let seats = map.seats().filter(|seat| rows.contains(&name(seat.row)));
            seats.map(|seat| (seat.index, seat.printed())).collect()
        };
        let (mine, other) = (printed(ours), printed(house));
        let key = |place: &SeatPlace| (place.section.clone(), place.row.clone(), place.label.clone(), place.in_area);
        let left_out = |of: &[(u32, SeatPlace)], others: &[(u32, SeatPlace)]| {
            let others: HashSet<_> = others.iter().map(|(_, place)| key(place)).collect();
            let rest = of.iter().filter(|(_, place)| !others.contains(&key(place))).cloned();
            rest.collect::<Vec<(u32, SeatPlace)>>()
        };
        let (missing, added) = (left_out(&mine, &other), left_out(&other, &mine));
        if missing.is_empty() && added.is_empty() {
            let row = ours.rows().iter().find(|row| rows.contains(&name(row)));
            let (section, row) = row.map(|row| (row.section.as_deref().map(str::to_owned), row.row.clone())).unzip();
            return MoveRejection::OtherOrder { section: section.flatten(), row: row.unwrap_or_default() };
        }
        let taken = missing.iter().filter_map(|(seat, place)| {
            let reason = ConflictReason::of(self.seat(*seat)?.0)?;
            Some(SeatConflict { seat_id: SeatId::with_prefix(self.seat_prefix(), *seat), place: place.clone(), reason })
        });
        let taken = taken.take(MOST_NAMED).collect();
        let first = |seats: Vec<(u32, SeatPlace)>| seats.into_iter().map(|(_, place)| place).take(MOST_NAMED);
        MoveRejection::OtherSeats { missing: first(missing).collect(), added: first(added).collect(), taken }
    }
}

fn name(row: &Row) -> RowName<'_> {
    (row.section.as_deref(), &row.row, row.area.is_some())
}

/// The labels of a row's seats, from the left.
fn labels(row: &Row) -> impl Iterator<Item = String> + '_ {
    (0..row.seats).map(move |offset| Seat { index: offset, row, offset }.label().into_owned())
}

#[cfg(test)]
mod tests;
