//! Seat picture: when each seat of the first showtime went, small enough to be drawn.

use std::time::Duration;

use crate::loadtest::grants::Grants;
use crate::loadtest::house::House;

/// Most cells that are drawn; above, neighbours share one.
const MOST_CELLS: usize = 4_000;
/// Cells of a line where the lines are not the rows of the house: it is too large, or much longer than wide.
const CELLS_OF_A_LINE: usize = 80;
/// Steps of the scale from the first to the last seat.
pub(super) const STEPS: u32 = 8;

/// Lines of cells. A cell is a seat, and a line a row of the house; in large houses a cell is a few neighbours, and the rows run on.
#[derive(Clone, Debug)]
pub struct SeatPicture {
    /// By line.
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
    pub(super) fn of(houses: &[House], ledgers: &[Grants]) -> Option<Self> {
        let house = houses.first()?;
        let mut went: Vec<Option<Duration>> = vec![None; house.seats.len()];
        for (grant, seats) in ledgers.iter().flat_map(Grants::grants).filter(|(grant, _)| grant.house == 0) {
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
        let cells: Vec<Cell> = went
            .chunks(seats_per_cell)
            .zip(free.chunks(seats_per_cell))
            .map(|(went, free)| match went.iter().flatten().min() {
                Some(at) => Cell::Went(step(*at, first, last)),
                None if free.contains(&true) => Cell::Free,
                None => Cell::Other,
            })
            .collect();
        let longest = house.rows.iter().copied().max().and_then(|row| usize::try_from(row).ok()).unwrap_or(1);
        let rows = if seats_per_cell > 1 || house.rows.len() > 2 * longest {
            cells.chunks(CELLS_OF_A_LINE).map(<[Cell]>::to_vec).collect()
        } else {
            let mut cells = cells.into_iter();
            let mut row = |length: &u32| cells.by_ref().take(usize::try_from(*length).unwrap_or(0)).collect();
            house.rows.iter().map(&mut row).collect()
        };
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
    fn a_large_house_is_drawn_with_few_cells_and_not_much_longer_than_wide() {
        use uuid::Uuid;

        use crate::domain::{BookingId, HoldToken, ShowtimeId, Timestamp};
        use crate::loadtest::grants::NewGrant;
        use crate::loadtest::house::rows_for;

        let house = House::derived(ShowtimeId(Uuid::from_u128(1)), rows_for(150_000)).unwrap();
        let mut grants = Grants::default();
        let new = NewGrant {
            house: 0,
            booking: BookingId(Uuid::from_u128(1)),
            token: HoldToken::from_bytes([0; 32]),
            sequence: 2,
            expires_at: Timestamp::from_millis(0),
            at: Duration::ZERO,
        };
        grants.enter(new, &[149_999]).unwrap();
        let picture = SeatPicture::of(&[house], &[grants]).unwrap();
        let cells: Vec<Cell> = picture.rows.iter().flatten().copied().collect();
        assert!(cells.len() <= MOST_CELLS && picture.rows.len() <= CELLS_OF_A_LINE);
        assert_eq!(cells.last(), Some(&Cell::Went(0)));
        assert!(cells[..cells.len() - 1].iter().all(|cell| *cell == Cell::Free));
    }

    #[test]
    fn the_scale_runs_from_the_first_to_the_last() {
        let at = Duration::from_millis;
        assert_eq!(step(at(10), at(10), at(90)), 0);
        assert_eq!(step(at(49), at(10), at(90)), 3);
        assert_eq!(step(at(90), at(10), at(90)), STEPS - 1);
        assert_eq!(step(at(10), at(10), at(10)), 0);
    }
}
