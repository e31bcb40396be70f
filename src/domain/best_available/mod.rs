//! Best available: the free seats for a customer who names none. Pure: the same house and request give the same seats.
//!
//! A block is a number of free seats next to each other in one row; an aisle parts neighbours. Of two blocks the better one leaves fewer
//! single seats behind, a free seat with no free neighbour; then it is nearer to the focal point, by the sum of its seats' squared
//! distances; then it comes first in seat order. The focal point is the auditorium's, or the middle of the first row.

mod rows;
mod search;
#[cfg(test)]
mod tests;
mod within;

use serde::{Deserialize, Serialize};

use crate::domain::{Rejection, SeatIndex, SeatMap, SeatSelection, Tariffs};

pub use within::Within;

use rows::{Candidates, RowPlace};

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
    /// `None` if the quantity is none that one booking can have, or if more wheelchair places are wanted than seats.
    pub fn new(quantity: u32, together: Together, within: Within) -> Option<Self> {
        let is_possible =
            usize::try_from(quantity).is_ok_and(|quantity| (1..=SeatSelection::MAX_SEATS).contains(&quantity));
        (is_possible && within.accessible <= quantity).then_some(Self {
            quantity,
            together,
            within,
            tariffs: Tariffs::default(),
        })
    }

    /// The same seats at these tariffs, in seat order.
    #[must_use]
    pub fn at(self, tariffs: Tariffs) -> Self {
        Self { tariffs, ..self }
    }

    /// The tariffs that were chosen.
    pub(super) fn tariffs(&self) -> &Tariffs {
        &self.tariffs
    }

    /// Number of seats.
    pub fn quantity(&self) -> u32 {
        self.quantity
    }

    /// The seats, in seat order.
    ///
    /// # Errors
    /// [`Rejection::UnknownSection`], [`Rejection::UnknownCategory`], [`Rejection::TooFewSeats`], [`Rejection::TooFewAccessible`],
    /// [`Rejection::NotTogether`].
    pub fn choose(&self, seat_map: &SeatMap, is_free: impl Fn(SeatIndex) -> bool) -> Result<Vec<SeatIndex>, Rejection> {
        let Self { quantity, together, within, tariffs: _ } = self;
        let wanted = *quantity;
        within.check(seat_map)?;
        let mut rows: Vec<RowPlace<'_>> = rows::rows(seat_map, within).collect();
        let candidates = Candidates { is_free: &is_free, within };
        if let Some(block) = search::best_block(&rows, &candidates, wanted) {
            return Ok(block.seats().collect());
        }
        // The hard case: from here on only rows that have a part of what is wanted are looked at.
        let left = rows.iter_mut().map(|row| row.measure(&candidates)).sum();
        if left < wanted {
            return Err(Rejection::TooFewSeats { wanted, left });
        }
        if within.accessible > 0 {
            let left = rows.iter().map(|row| row.wheelchair_places(&candidates)).sum();
            if left < within.accessible {
                return Err(Rejection::TooFewAccessible { wanted: within.accessible, left });
            }
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
        chosen.ok_or(Rejection::NotTogether { wanted, longest })
    }
}

/// Why these seats, which are in seat order, for people: `row C 7-10, together, no single seat left`. `is_free` tells how the house is once
/// they are taken.
pub fn explain(seat_map: &SeatMap, is_free: impl Fn(SeatIndex) -> bool, seats: &[SeatIndex]) -> String {
    let blocks: Vec<&[SeatIndex]> =
        seats.chunk_by(|one, other| one.checked_add(1) == Some(*other) && seat_map.is_beside(*one, *other)).collect();
    let name = |block: &&[SeatIndex]| {
        let (first, last) = (block.first().copied().unwrap_or_default(), block.last().copied().unwrap_or_default());
        let (from, to) = (seat_map.printed(first), seat_map.printed(last));
        let section = from.section.map(|section| section + " ").unwrap_or_default();
        let place = format!("{section}row {} {}", from.row, from.label);
        if first == last { place } else { format!("{place}-{}", to.label) }
    };
    let names = blocks.iter().map(name).collect::<Vec<_>>().join(" and ");
    let together = if blocks.len() == 1 && seats.len() > 1 { ", together" } else { "" };
    let beside = |seat: SeatIndex| {
        let sides = [seat.checked_sub(1), seat.checked_add(1)];
        sides.into_iter().flatten().filter(move |other| seat_map.is_beside(seat, *other))
    };
    let is_single = |seat: &SeatIndex| is_free(*seat) && !beside(*seat).any(&is_free);
    let single = seats.iter().flat_map(|seat| beside(*seat)).find(is_single);
    match single {
        None => format!("{names}{together}, no single seat left"),
        Some(seat) => format!("{names}{together}, leaves seat {} alone", seat_map.printed(seat)),
    }
}
