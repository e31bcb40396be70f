//! Best available: the free seats for a customer who names none. Pure: the same house and request give the same seats.
//!
//! A block is a number of free seats next to each other in one row. Of two blocks the better one leaves fewer single seats behind, a free
//! seat with no free neighbour; then it is nearer to the focal point, the middle of the first row, by the sum of its seats' squared
//! distances; then it comes first in seat order.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::domain::{Rejection, SeatIndex, SeatMap, SeatSelection};

/// What a customer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BestAvailable {
    /// Number of seats: 1 to [`SeatSelection::MAX_SEATS`].
    quantity: u32,
    /// How they may lie.
    together: Together,
}

/// How the seats of one request may lie.
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

/// A block, and what makes it better than others: less is better, member by member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Block {
    singles: u32,
    distance: u64,
    first: SeatIndex,
    length: u32,
}

/// A row: the indices of its seats, its place counted from the front, and at most how many free seats it has next to each other.
struct RowPlace {
    seats: Range<SeatIndex>,
    depth: u64,
    longest: u32,
}

impl BestAvailable {
    /// `None` if the quantity is none that one booking can have.
    pub fn new(quantity: u32, together: Together) -> Option<Self> {
        let is_possible =
            usize::try_from(quantity).is_ok_and(|quantity| (1..=SeatSelection::MAX_SEATS).contains(&quantity));
        is_possible.then_some(Self { quantity, together })
    }

    /// Number of seats.
    pub fn quantity(self) -> u32 {
        self.quantity
    }

    /// The seats, in seat order.
    ///
    /// # Errors
    /// [`Rejection::TooFewSeats`], [`Rejection::NotTogether`].
    pub fn choose(self, seat_map: &SeatMap, is_free: impl Fn(SeatIndex) -> bool) -> Result<Vec<SeatIndex>, Rejection> {
        let mut rows: Vec<RowPlace> = rows(seat_map).collect();
        let wanted = self.quantity;
        if let Some(block) = best_block(&rows, &is_free, wanted) {
            return Ok(block.seats().collect());
        }
        // The hard case: from here on only rows that have a part of what is wanted are looked at.
        let left = rows.iter_mut().map(|row| row.measure(&is_free)).sum();
        if left < wanted {
            return Err(Rejection::TooFewSeats { wanted, left });
        }
        let longest = rows.iter().map(|row| row.longest).max().unwrap_or(0);
        let chosen = match self.together {
            Together::Required => None,
            Together::Rows => in_rows(&rows, &is_free, wanted),
            Together::Preferred => in_rows(&rows, &is_free, wanted).or_else(|| in_pieces(rows, &is_free, wanted)),
        };
        chosen.ok_or(Rejection::NotTogether { wanted, longest })
    }
}

/// Why these seats, which are in seat order, for people: `row C 7-10, together, no single seat left`. `is_free` tells how the house is once
/// they are taken.
pub fn explain(seat_map: &SeatMap, is_free: impl Fn(SeatIndex) -> bool, seats: &[SeatIndex]) -> String {
    let number = |seat: SeatIndex| seat_map.place(seat).map_or(0, |(_, number)| number);
    // The seat behind in the same row, and the one before.
    let next = |seat: SeatIndex| seat.checked_add(1).filter(|next| number(*next) == number(seat) + 1);
    let previous = |seat: SeatIndex| seat.checked_sub(1).filter(|_| number(seat) > 1);
    let blocks: Vec<&[SeatIndex]> = seats.chunk_by(|one, other| next(*one) == Some(*other)).collect();
    let name = |block: &&[SeatIndex]| {
        let (first, last) = (block.first().copied().unwrap_or_default(), block.last().copied().unwrap_or_default());
        let (row, from) = seat_map.place(first).unwrap_or_default();
        if first == last { format!("row {row} {from}") } else { format!("row {row} {from}-{}", number(last)) }
    };
    let names = blocks.iter().map(name).collect::<Vec<_>>().join(" and ");
    let together = if blocks.len() == 1 && seats.len() > 1 { ", together" } else { "" };
    let is_single = |seat: &SeatIndex| {
        let beside = [previous(*seat), next(*seat)];
        is_free(*seat) && !beside.into_iter().flatten().any(&is_free)
    };
    let beside =
        |block: &&[SeatIndex]| [block.first().copied().and_then(previous), block.last().copied().and_then(next)];
    let single = blocks.iter().flat_map(beside).flatten().find(is_single);
    match single {
        None => format!("{names}{together}, no single seat left"),
        Some(seat) => format!("{names}{together}, leaves seat {} alone", seat_map.printed(seat)),
    }
}

impl Block {
    fn seats(&self) -> Range<SeatIndex> {
        self.first..self.first + self.length
    }
}

fn length(run: &Range<SeatIndex>) -> u32 {
    run.end.saturating_sub(run.start)
}

fn rows(seat_map: &SeatMap) -> impl Iterator<Item = RowPlace> {
    let mut first = 0;
    (0_u64..).zip(seat_map.rows()).map(move |(depth, row)| {
        let seats = first..first + row.seats;
        first = seats.end;
        RowPlace { longest: row.seats, seats, depth }
    })
}

impl RowPlace {
    /// Measures the longest run; returns the number of free seats.
    fn measure(&mut self, is_free: &impl Fn(SeatIndex) -> bool) -> u32 {
        let (longest, free) = runs(self.seats.clone(), is_free)
            .map(|run| length(&run))
            .fold((0, 0), |(longest, free), run| (run.max(longest), free + run));
        self.longest = longest;
        free
    }

    /// The squared distance from the focal point, in quarters of a square seat: half seats to the side, rows to the back.
    fn distance(&self, seat: SeatIndex) -> u64 {
        let (offset, last) = (seat - self.seats.start, length(&self.seats).saturating_sub(1));
        let aside = u64::from((2 * offset).abs_diff(last));
        aside * aside + 4 * self.depth * self.depth
    }
}

/// The longest stretches of free seats in a row.
fn runs(seats: Range<SeatIndex>, is_free: &impl Fn(SeatIndex) -> bool) -> impl Iterator<Item = Range<SeatIndex>> {
    let (mut next, end) = (seats.start, seats.end);
    std::iter::from_fn(move || {
        let start = (next..end).find(|seat| is_free(*seat))?;
        let stop = (start..end).find(|seat| !is_free(*seat)).unwrap_or(end);
        next = stop;
        Some(start..stop)
    })
}

/// The best block of this length in a row.
fn best_in_row(row: &RowPlace, is_free: &impl Fn(SeatIndex) -> bool, wanted: u32) -> Option<Block> {
    if row.longest < wanted {
        return None;
    }
    let mut best: Option<Block> = None;
    for run in runs(row.seats.clone(), is_free).filter(|run| length(run) >= wanted) {
        let mut distance: u64 = (run.start..run.start + wanted).map(|seat| row.distance(seat)).sum();
        for first in run.start..=run.end - wanted {
            let (before, behind) = (first - run.start, run.end - first - wanted);
            let singles = u32::from(before == 1) + u32::from(behind == 1);
            let block = Block { singles, distance, first, length: wanted };
            if best.is_none_or(|best| block < best) {
                best = Some(block);
            }
            if behind > 0 {
                distance = distance + row.distance(first + wanted) - row.distance(first);
            }
        }
    }
    best
}

fn best_block(rows: &[RowPlace], is_free: &impl Fn(SeatIndex) -> bool, wanted: u32) -> Option<Block> {
    let mut best: Option<Block> = None;
    for row in rows {
        // No block of this row or of one behind it can be nearer.
        let nearest = u64::from(wanted) * 4 * row.depth * row.depth;
        if best.is_some_and(|best| best.singles == 0 && best.distance <= nearest) {
            break;
        }
        if let Some(block) = best_in_row(row, is_free, wanted)
            && best.is_none_or(|best| block < best)
        {
            best = Some(block);
        }
    }
    best
}

/// Blocks of about the same size in rows one behind the other, as few rows as possible, and nobody alone in a row.
fn in_rows(rows: &[RowPlace], is_free: &impl Fn(SeatIndex) -> bool, wanted: u32) -> Option<Vec<SeatIndex>> {
    for parts in 2..=wanted / 2 {
        let size = |part: u32| wanted / parts + u32::from(part < wanted % parts);
        let count = usize::try_from(parts).ok()?;
        let have_room = |rows: &&[RowPlace]| (0..parts).zip(*rows).all(|(part, row)| row.longest >= size(part));
        let blocks = |rows: &[RowPlace]| -> Option<Vec<Block>> {
            (0..parts).zip(rows).map(|(part, row)| best_in_row(row, is_free, size(part))).collect()
        };
        let quality = |blocks: &Vec<Block>| {
            let singles: u32 = blocks.iter().map(|block| block.singles).sum();
            (singles, blocks.iter().map(|block| block.distance).sum::<u64>(), blocks.first().map(|block| block.first))
        };
        if let Some(best) = rows.windows(count).filter(have_room).filter_map(blocks).min_by_key(quality) {
            return Some(best.iter().flat_map(Block::seats).collect());
        }
    }
    None
}

/// As few blocks as possible: always the longest that there is, or what is still wanted.
fn in_pieces(mut rows: Vec<RowPlace>, is_free: &impl Fn(SeatIndex) -> bool, wanted: u32) -> Option<Vec<SeatIndex>> {
    let mut chosen: Vec<SeatIndex> = Vec::new();
    let mut missing = wanted;
    while missing > 0 {
        let longest = rows.iter().map(|row| row.longest).max().filter(|longest| *longest > 0)?;
        let is_left = |seat: SeatIndex| is_free(seat) && !chosen.contains(&seat);
        let block = best_block(&rows, &is_left, longest.min(missing))?;
        missing -= block.length;
        chosen.extend(block.seats());
        let is_left = |seat: SeatIndex| is_free(seat) && !chosen.contains(&seat);
        if let Some(row) = rows.iter_mut().find(|row| row.seats.contains(&block.first)) {
            row.measure(&is_left);
        }
    }
    chosen.sort_unstable();
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Row;

    fn house(rows: &[&str]) -> (SeatMap, Vec<bool>) {
        let labels = ('A'..).zip(rows);
        let map = labels.map(|(label, row)| Row { row: label.into(), seats: u32::try_from(row.len()).unwrap() });
        (SeatMap::new(map.collect()).unwrap(), rows.concat().chars().map(|seat| seat == '.').collect())
    }

    /// `.` is a free seat, `x` a taken one.
    fn choose(rows: &[&str], quantity: u32, together: Together) -> Result<(Vec<SeatIndex>, String), Rejection> {
        let (map, mut free) = house(rows);
        let wanted = BestAvailable::new(quantity, together).unwrap();
        let chosen = wanted.choose(&map, |seat| free[usize::try_from(seat).unwrap()])?;
        for seat in &chosen {
            free[usize::try_from(*seat).unwrap()] = false;
        }
        let why = explain(&map, |seat| free.get(usize::try_from(seat).unwrap()).copied().unwrap_or(false), &chosen);
        Ok((chosen, why))
    }

    fn said(rows: &[&str], quantity: u32, together: Together) -> String {
        choose(rows, quantity, together).unwrap().1
    }

    #[test]
    fn the_middle_of_the_first_row_comes_first() {
        assert_eq!(
            said(&["..........", ".........."], 2, Together::Required),
            "row A 5-6, together, no single seat left"
        );
        assert_eq!(
            said(&["....xx....", ".........."], 2, Together::Required),
            "row B 5-6, together, no single seat left"
        );
        assert_eq!(said(&["x.xxxx.x", "........"], 2, Together::Required), "row B 4-5, together, no single seat left");
        assert_eq!(said(&["....."], 1, Together::Required), "row A 3, no single seat left");
    }

    #[test]
    fn no_single_seat_is_left_where_it_can_be_avoided() {
        // In the middle of three, or at one end of it: a row behind is better.
        assert_eq!(said(&["x...x", "....."], 2, Together::Required), "row B 1-2, together, no single seat left");
        assert_eq!(said(&["x...x", "xxxxx"], 2, Together::Required), "row A 2-3, together, leaves seat A4 alone");
        // A seat that is alone already is the best one for a single person.
        assert_eq!(said(&["x.xx..xx"], 1, Together::Required), "row A 2, no single seat left");
    }

    #[test]
    fn a_group_larger_than_a_row_is_spread_over_neighbouring_rows() {
        let rows = ["....", "....", "...."];
        assert_eq!(choose(&rows, 6, Together::Required), Err(Rejection::NotTogether { wanted: 6, longest: 4 }));
        assert_eq!(said(&rows, 6, Together::Rows), "row A 1-3 and row B 1-3, leaves seat A4 alone");
        assert_eq!(said(&rows, 8, Together::Rows), "row A 1-4 and row B 1-4, no single seat left");
        // Rows with one between them are no neighbours.
        let apart = ["....", "xxxx", "...."];
        assert!(choose(&apart, 8, Together::Rows).is_err());
        assert_eq!(said(&apart, 8, Together::Preferred), "row A 1-4 and row C 1-4, no single seat left");
        assert_eq!(choose(&apart, 9, Together::Preferred), Err(Rejection::TooFewSeats { wanted: 9, left: 8 }));
    }

    #[test]
    fn quantities_that_no_booking_can_have_are_refused() {
        assert_eq!(BestAvailable::new(0, Together::Required), None);
        assert_eq!(BestAvailable::new(21, Together::Required), None);
        assert_eq!(BestAvailable::new(20, Together::Required).unwrap().quantity(), 20);
    }

    /// Every block there is, looked at one by one.
    fn reference(map: &SeatMap, free: &[bool], wanted: u32) -> Option<(u32, u64, SeatIndex)> {
        let is_free = |seat: i64| usize::try_from(seat).ok().and_then(|seat| free.get(seat)).copied().unwrap_or(false);
        let mut best = None;
        for row in rows(map) {
            let (start, end) = (i64::from(row.seats.start), i64::from(row.seats.end));
            for first in start..=end - i64::from(wanted) {
                let last = first + i64::from(wanted);
                if !(first..last).all(is_free) {
                    continue;
                }
                let after = |seat: i64| (start..end).contains(&seat) && is_free(seat) && !(first..last).contains(&seat);
                let single = |seat: i64| after(seat) && !after(seat - 1) && !after(seat + 1);
                let singles = u32::from(single(first - 1)) + u32::from(single(last));
                let seats = u32::try_from(first).unwrap()..u32::try_from(last).unwrap();
                let found = (singles, seats.clone().map(|seat| row.distance(seat)).sum::<u64>(), seats.start);
                best = Some(best.map_or(found, |best: (u32, u64, SeatIndex)| best.min(found)));
            }
        }
        best
    }

    proptest! {
        #[test]
        fn the_block_is_the_best_of_all(
            rows in prop::collection::vec(prop::collection::vec(any::<bool>(), 1..12), 1..6),
            quantity in 1..8_u32,
        ) {
            let labels = ('A'..).zip(&rows);
            let map = labels.map(|(label, row)| Row { row: label.into(), seats: u32::try_from(row.len()).unwrap() });
            let (map, free) = (SeatMap::new(map.collect()).unwrap(), rows.concat());
            let is_free = |seat: SeatIndex| free[usize::try_from(seat).unwrap()];
            let choose = |together| BestAvailable::new(quantity, together).unwrap().choose(&map, is_free);
            let expected = reference(&map, &free, quantity).map(|(_, _, first)| (first..first + quantity).collect());
            prop_assert_eq!(choose(Together::Required).ok(), expected.clone());
            let left = free.iter().filter(|seat| **seat).count();
            match choose(Together::Preferred) {
                Ok(seats) => {
                    prop_assert!(seats.is_sorted_by(|one, next| one < next) && seats.iter().all(|seat| is_free(*seat)));
                    prop_assert_eq!(seats.len(), usize::try_from(quantity).unwrap());
                    if let Some(block) = expected {
                        prop_assert_eq!(seats, block);
                    }
                }
                Err(_) => prop_assert!(left < usize::try_from(quantity).unwrap()),
            }
        }
    }
}
