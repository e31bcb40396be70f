//! Order: the positions of seats whose indices do not follow the rows, since their showtime was moved.

use crate::domain::SeatIndex;
use crate::domain::{IndexRun, Row};

/// Each seat's index by its position, and its position by its index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Order {
    indices: Box<[SeatIndex]>,
    positions: Box<[u32]>,
}

/// The rows do not give each index to one seat.
pub(super) struct UnequalIndices;

/// No seat has this position.
const NOWHERE: u32 = u32::MAX;

impl Order {
    /// `None` if each seat's index is its position.
    ///
    /// # Errors
    /// [`UnequalIndices`].
    pub(super) fn of(rows: &[Row], seat_count: u32) -> Result<Option<Self>, UnequalIndices> {
        if rows.iter().all(|row| row.indices.is_empty()) {
            return Ok(None);
        }
        let count = usize::try_from(seat_count).map_err(|_size| UnequalIndices)?;
        let mut indices = Vec::with_capacity(count);
        let mut first = 0;
        for row in rows {
            let end = first + row.seats;
            if row.indices.is_empty() {
                indices.extend(first..end);
            }
            let mut place = 0;
            for IndexRun { to, from } in &row.indices {
                let length = to.checked_sub(place).filter(|_| *to <= row.seats).ok_or(UnequalIndices)?;
                indices.extend((*from..).take(usize::try_from(length).unwrap_or(usize::MAX)));
                place = *to;
            }
            if indices.len() != usize::try_from(end).unwrap_or(usize::MAX) {
                return Err(UnequalIndices);
            }
            first = end;
        }
        let mut positions = vec![NOWHERE; count];
        for (position, index) in (0..).zip(&indices) {
            let slot = usize::try_from(*index).ok().and_then(|index| positions.get_mut(index));
            let slot = slot.filter(|slot| **slot == NOWHERE).ok_or(UnequalIndices)?;
            *slot = position;
        }
        Ok(Some(Self { indices: indices.into(), positions: positions.into() }))
    }

    pub(super) fn index_at(&self, position: u32) -> SeatIndex {
        look_up(&self.indices, position)
    }

    pub(super) fn position(&self, index: SeatIndex) -> u32 {
        look_up(&self.positions, index)
    }
}

fn look_up(numbers: &[u32], at: u32) -> u32 {
    usize::try_from(at).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(NOWHERE)
}
