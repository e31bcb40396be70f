//! Near: the best seats that are free near to others.

use crate::domain::best_available::buyable::Buyable;
use crate::domain::best_available::rows::{self, Candidates, Focus, RowPlace};
use crate::domain::best_available::search;
use crate::domain::best_available::within::Within;
use crate::domain::{Seat, SeatIndex, SeatKind, SeatMap};

/// A block of as many free seats as are named; places of areas do not count. It leaves the fewest single seats, and is then the nearest to the middle
/// of the named seats. It has as many wheelchair places as they have, and their category, if they share one; only seats that can be bought.
pub(crate) fn near(
    seat_map: &SeatMap,
    is_free: impl Fn(SeatIndex) -> bool,
    named: &[SeatIndex],
    buyable: &Buyable<'_>,
) -> Option<Vec<SeatIndex>> {
    let seats: Vec<Seat<'_>> =
        named.iter().filter_map(|seat| seat_map.seat(*seat)).filter(|seat| seat.row.area.is_none()).collect();
    let category = seats.first()?.category();
    let category = category.filter(|category| seats.iter().all(|seat| seat.category() == Some(*category)));
    let wheelchairs = seats.iter().filter(|seat| seat.kind() == SeatKind::Wheelchair);
    let within = Within {
        category: category.map(ToOwned::to_owned),
        accessible: wheelchairs.map(|_| 1).sum(),
        ..Within::default()
    };
    let positions: Vec<u32> = named.iter().map(|seat| seat_map.position(*seat)).collect();
    let is_free = |position| is_free(seat_map.index_at(position));
    let focus = Focus::middle_of(seat_map, &positions)?;
    let rows: Vec<RowPlace<'_>> = rows::rows(seat_map, &within, focus).collect();
    let candidates = Candidates { is_free: &is_free, within: &within, buyable };
    let block = search::best_block(&rows, &candidates, u32::try_from(seats.len()).ok()?)?;
    Some(block.seats().map(|position| seat_map.index_at(position)).collect())
}
