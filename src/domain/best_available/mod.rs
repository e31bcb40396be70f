//! Best available: the free seats for a customer who names none. Pure: the same house and request give the same seats.
//!
//! A block is a number of free seats next to each other in one row; an aisle parts neighbours. A single seat is a free one without a free
//! neighbour; places for wheelchairs and for companions do not count as such. Of two blocks the better one leaves fewer single seats; then it has more of the companions' seats
//! that belong to its wheelchair places, or no more of them than are wanted; then it is nearer to the focal point, by the sum of its seats' squared
//! distances; then it comes first in the order of the rows. The focal point is the auditorium's, or the middle of the first row. Places of areas are never
//! chosen.

mod buyable;
mod explain;
#[cfg(test)]
pub(super) mod houses;
mod near;
#[cfg(test)]
mod reference;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod within;

use serde::{Deserialize, Serialize};

use crate::domain::{Rejection, SeatIndex, SeatMap, SeatSelection, Tariffs};

pub(crate) use buyable::Buyable;
pub(super) use explain::explain;
pub(super) use near::near;
pub use within::Within;

use rows::{Candidates, Focus, RowPlace};

/// What a customer asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BestAvailable {
    /// Number of seats: 1 to [`SeatSelection::MAX_SEATS`].
    quantity: u32,
    /// How they may lie.
    together: Together,
    /// Where they may be.
    #[serde(flatten)]
    within: Within,
    /// What is paid for them.
    #[serde(skip_serializing_if = "Tariffs::are_usual")]
    tariffs: Tariffs,
}

/// How the seats of one request may lie. With wheelchair places they always lie together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Together {
    /// In one block, or not at all.
    Required,
    /// In one block, else in blocks of about the same size in rows one behind the other, else not at all.
    Rows,
    /// As [`Together::Rows`], else in as few blocks as the house has left.
    Preferred,
}

impl BestAvailable {
    /// `None` if the quantity is none that one booking can have, if more wheelchair places and companions' seats are wanted than seats, or
    /// companions' seats without a wheelchair place.
    pub fn new(quantity: u32, together: Together, within: Within) -> Option<Self> {
        let is_possible =
            usize::try_from(quantity).is_ok_and(|quantity| (1..=SeatSelection::MAX_SEATS).contains(&quantity));
        let companions = within.companions.unwrap_or(0);
        let are_seats = within.accessible.checked_add(companions).is_some_and(|special| special <= quantity);
        let are_bound = companions == 0 || within.accessible > 0;
        let tariffs = Tariffs::default();
        (is_possible && are_seats && are_bound).then_some(Self { quantity, together, within, tariffs })
    }

    /// The same seats at these tariffs, in the order of the rows.
    #[must_use]
    pub fn at(self, tariffs: Tariffs) -> Self {
        Self { tariffs, ..self }
    }

    /// The same request once the house has given up to keep accessible places for those who ask for them.
    #[must_use]
    pub(super) fn of_all_places(mut self) -> Self {
        self.within.accessible_for_all = true;
        self
    }

    /// Whether tariffs were chosen.
    pub fn has_tariffs(&self) -> bool {
        !self.tariffs.are_usual()
    }

    /// The tariffs that were chosen.
    pub(super) fn tariffs(&self) -> &Tariffs {
        &self.tariffs
    }

    /// Number of seats.
    pub fn quantity(&self) -> u32 {
        self.quantity
    }

    /// Whether the house has seats in question, free or not, that can be bought.
    pub(super) fn could_have(&self, seat_map: &SeatMap, buyable: &Buyable<'_>) -> bool {
        self.within.has_any(seat_map, buyable)
    }

    /// The seats, in the order of the rows, where each of them can be bought; see [`BestAvailable::choose_buyable`].
    ///
    /// # Errors
    /// As there.
    pub fn choose(&self, seat_map: &SeatMap, is_free: impl Fn(SeatIndex) -> bool) -> Result<Vec<SeatIndex>, Rejection> {
        self.choose_buyable(seat_map, is_free, &Buyable::All)
    }

    /// The seats, in the order of the rows.
    ///
    /// # Errors
    /// [`Rejection::UnknownSection`], [`Rejection::UnknownCategory`], [`Rejection::TooFewSeats`], [`Rejection::TooFewBuyable`],
    /// [`Rejection::TooFewAccessible`], [`Rejection::TooFewCompanions`], [`Rejection::NotTogether`].
    pub(super) fn choose_buyable(
        &self,
        seat_map: &SeatMap,
        is_free: impl Fn(SeatIndex) -> bool,
        buyable: &Buyable<'_>,
    ) -> Result<Vec<SeatIndex>, Rejection> {
        let Self { quantity, together, within, tariffs: _ } = self;
        let wanted = *quantity;
        within.check(seat_map)?;
        let is_free = |position| is_free(seat_map.index_at(position));
        let indices = |positions: Vec<u32>| positions.into_iter().map(|position| seat_map.index_at(position)).collect();
        let mut rows: Vec<RowPlace<'_>> = rows::rows(seat_map, within, Focus::default()).collect();
        let candidates = Candidates { is_free: &is_free, within, buyable };
        if let Some(block) = search::best_block(&rows, &candidates, wanted) {
            return Ok(indices(block.seats().collect()));
        }
        // The hard case: from here on only rows that have a part of what is wanted are looked at.
        let left = rows.iter_mut().map(|row| row.measure(&candidates)).sum();
        if left < wanted {
            return Err(too_few(seat_map, &candidates, (wanted, left)));
        }
        if within.accessible > 0 {
            check_special(&rows, &candidates)?;
        }
        let longest = rows.iter().map(|row| row.longest).max().unwrap_or(0);
        let chosen = match together {
            _ if within.accessible > 0 => None,
            Together::Required => None,
            Together::Rows => search::in_rows(&rows, &candidates, wanted),
            Together::Preferred => {
                search::in_rows(&rows, &candidates, wanted).or_else(|| search::in_pieces(rows, &candidates, wanted))
            }
        };
        chosen.map(indices).ok_or(Rejection::NotTogether { wanted, longest })
    }
}

/// The refusal if so many seats are left that can be bought. It tells of others that are free.
fn too_few(
    seat_map: &SeatMap,
    candidates: &Candidates<'_, impl Fn(u32) -> bool>,
    (wanted, left): (u32, u32),
) -> Rejection {
    if candidates.buyable.is_all() {
        return Rejection::TooFewSeats { wanted, left };
    }
    let all = Candidates { buyable: &Buyable::All, ..*candidates };
    let free: u32 = rows::rows(seat_map, all.within, Focus::default()).map(|mut row| row.measure(&all)).sum();
    match free.saturating_sub(left) {
        0 => Rejection::TooFewSeats { wanted, left },
        others => Rejection::TooFewBuyable { wanted, left, others },
    }
}

/// Whether the house has as many free wheelchair places and companions' seats as are wanted.
fn check_special(rows: &[RowPlace<'_>], candidates: &Candidates<'_, impl Fn(u32) -> bool>) -> Result<(), Rejection> {
    let Within { accessible, companions, .. } = candidates.within;
    let of_rows = rows.iter().map(|row| row.special_places(candidates));
    let left = of_rows.fold((0, 0), |sum, of_row| (sum.0 + of_row.0, sum.1 + of_row.1));
    if left.0 < *accessible {
        return Err(Rejection::TooFewAccessible { wanted: *accessible, left: left.0 });
    }
    match companions.filter(|wanted| left.1 < *wanted) {
        Some(wanted) => Err(Rejection::TooFewCompanions { wanted, left: left.1 }),
        None => Ok(()),
    }
}
