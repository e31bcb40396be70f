//! Seat picture: when each seat of the first showtime went, small enough to be drawn.

use std::time::Duration;

use crate::loadtest::house::House;
use crate::loadtest::ledger::Ledger;

/// Most cells that are drawn; above, neighbours share one.
const MOST_CELLS: usize = 4_000;
/// Steps of the scale from the first to the last seat.
pub(super) const STEPS: u32 = 8;

/// Rows of cells. A cell is a seat, or, in large houses, a few neighbours.
#[derive(Clone, Debug)]
pub struct SeatPicture {
    /// By row.
    pub rows: Vec<Vec<Cell>>,
    /// Seats in a cell, at most.
    pub seats_per_cell: usize,
    /// When the first and the last seat went, since the start of the run.
    pub span: (Duration, Duration),
}

/// What is known of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Somebody else's before the run.
    Other,
    /// None of its seats went.
    Free,
    /// Its first seat went at this step of the scale, from 0.
    Went(u32),
}

impl SeatPicture {
    /// `None` without any grant in the first house.
    pub(super) fn of(houses: &[House], ledgers: &[Ledger]) -> Option<Self> {
        let house = houses.first()?;
        let mut went: Vec<Option<Duration>> = vec![None; house.seats.len()];
        for (grant, seats) in ledgers.iter().flat_map(Ledger::grants).filter(|(grant, _)| grant.house == 0) {
            for seat in seats {
                let seat = usize::try_from(*seat).ok().and_then(|seat| went.get_mut(seat))?;
                *seat = Some(seat.map_or(grant.at, |at| at.min(grant.at)));
            }
        }
        let first = went.iter().flatten().min().copied()?;
        let last = went.iter().flatten().max().copied()?;
        let mut free = vec![false; house.seats.len()];
        for seat in &house.free {
            *free.get_mut(usize::try_from(*seat).ok()?)? = true;
        }
        let seats_per_cell = house.seats.len().div_ceil(MOST_CELLS).max(1);
        let mut seats = went.iter().zip(&free);
        let mut rows = Vec::new();
        for length in &house.rows {
            let row: Vec<_> = seats.by_ref().take(usize::try_from(*length).ok()?).collect();
            let cells = row.chunks(seats_per_cell).map(|cell| match cell.iter().filter_map(|(went, _)| **went).min() {
                Some(at) => Cell::Went(step(at, first, last)),
                None if cell.iter().any(|(_, free)| **free) => Cell::Free,
                None => Cell::Other,
            });
            rows.push(cells.collect());
        }
        Some(Self { rows, seats_per_cell, span: (first, last) })
    }
}

fn step(at: Duration, first: Duration, last: Duration) -> u32 {
    let whole = last.saturating_sub(first).as_micros().max(1);
    let step = at.saturating_sub(first).as_micros() * u128::from(STEPS) / whole;
    u32::try_from(step).unwrap_or(STEPS).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_runs_from_the_first_to_the_last() {
        let at = Duration::from_millis;
        assert_eq!(step(at(10), at(10), at(90)), 0);
        assert_eq!(step(at(49), at(10), at(90)), 3);
        assert_eq!(step(at(90), at(10), at(90)), STEPS - 1);
        assert_eq!(step(at(10), at(10), at(10)), 0);
    }
}
