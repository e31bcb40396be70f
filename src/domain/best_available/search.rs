//! Search: the best block of a house, or several.

use std::ops::Range;

use crate::domain::best_available::rows::{Candidates, RowPlace, length};

/// A block, and what makes it better than others: less is better, member by member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Block {
    singles: u32,
    /// See [`RowPlace::misfits`].
    misfits: u32,
    distance: u128,
    first: u32,
    length: u32,
}

impl Block {
    pub(super) fn seats(&self) -> Range<u32> {
        self.first..self.first + self.length
    }
}

/// The best block of this length in a row.
fn best_in_row(row: &RowPlace<'_>, candidates: &Candidates<'_, impl Fn(u32) -> bool>, wanted: u32) -> Option<Block> {
    let within = candidates.within;
    if row.longest < wanted || (within.accessible > 0 && row.row.special.is_empty()) {
        return None;
    }
    let mut best: Option<Block> = None;
    for run in row.runs(candidates.is_free).filter(|run| length(run) >= wanted) {
        for part in row.wanted(run.clone(), candidates).filter(|part| length(part) >= wanted) {
            let mut distance: u128 = (part.start..part.start + wanted).map(|seat| row.distance(seat)).sum();
            for first in part.start..=part.end - wanted {
                let end = first + wanted;
                let (before, behind) = (first - run.start, run.end - end);
                let is_single = |left: u32, seat: u32| left == 1 && row.is_for_all(seat);
                let singles = u32::from(is_single(before, run.start)) + u32::from(is_single(behind, end));
                if let Some(misfits) = row.misfits(&(first..end), within) {
                    let block = Block { singles, misfits, distance, first, length: wanted };
                    best = Some(best.map_or(block, |best| best.min(block)));
                }
                if end < part.end {
                    distance = distance + row.distance(end) - row.distance(first);
                }
            }
        }
    }
    best
}

pub(super) fn best_block(
    rows: &[RowPlace<'_>],
    candidates: &Candidates<'_, impl Fn(u32) -> bool>,
    wanted: u32,
) -> Option<Block> {
    let mut best: Option<Block> = None;
    for row in rows {
        let cannot_be_better =
            |best: Block| (best.singles, best.misfits) == (0, 0) && best.distance <= u128::from(wanted) * row.nearest();
        if best.is_some_and(cannot_be_better) {
            continue;
        }
        if let Some(block) = best_in_row(row, candidates, wanted)
            && best.is_none_or(|best| block < best)
        {
            best = Some(block);
        }
    }
    best
}

/// Blocks of about the same size in rows one behind the other, as few rows as possible, and nobody alone in a row.
pub(super) fn in_rows(
    rows: &[RowPlace<'_>],
    candidates: &Candidates<'_, impl Fn(u32) -> bool>,
    wanted: u32,
) -> Option<Vec<u32>> {
    for parts in 2..=wanted / 2 {
        let size = |part: u32| wanted / parts + u32::from(part < wanted % parts);
        let count = usize::try_from(parts).ok()?;
        let have_room = |rows: &&[RowPlace<'_>]| (0..parts).zip(*rows).all(|(part, row)| row.longest >= size(part));
        let are_near =
            |rows: &&[RowPlace<'_>]| rows.iter().zip(rows.iter().skip(1)).all(|(one, next)| one.is_before(next));
        let blocks = |rows: &[RowPlace<'_>]| -> Option<Vec<Block>> {
            (0..parts).zip(rows).map(|(part, row)| best_in_row(row, candidates, size(part))).collect()
        };
        let quality = |blocks: &Vec<Block>| {
            let singles: u32 = blocks.iter().map(|block| block.singles).sum();
            (singles, blocks.iter().map(|block| block.distance).sum::<u128>(), blocks.first().map(|block| block.first))
        };
        let windows = rows.windows(count).filter(have_room).filter(are_near);
        if let Some(best) = windows.filter_map(blocks).min_by_key(quality) {
            return Some(best.iter().flat_map(Block::seats).collect());
        }
    }
    None
}

/// As few blocks as possible: always the longest that there is, or what is still wanted.
pub(super) fn in_pieces(
    mut rows: Vec<RowPlace<'_>>,
    candidates: &Candidates<'_, impl Fn(u32) -> bool>,
    wanted: u32,
) -> Option<Vec<u32>> {
    let Candidates { is_free, within, buyable } = *candidates;
    let mut chosen: Vec<u32> = Vec::new();
    let mut missing = wanted;
    while missing > 0 {
        let longest = rows.iter().map(|row| row.longest).max().filter(|longest| *longest > 0)?;
        let is_left = |seat: u32| is_free(seat) && !chosen.contains(&seat);
        let block = best_block(&rows, &Candidates { is_free: &is_left, within, buyable }, longest.min(missing))?;
        missing -= block.length;
        chosen.extend(block.seats());
        let is_left = |seat: u32| is_free(seat) && !chosen.contains(&seat);
        if let Some(row) = rows.iter_mut().find(|row| row.seats.contains(&block.first)) {
            row.measure(&Candidates { is_free: &is_left, within, buyable });
        }
    }
    chosen.sort_unstable();
    Some(chosen)
}
