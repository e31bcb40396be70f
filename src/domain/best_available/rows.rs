//! Rows: where a row's seats are, and which of them come into question.

use std::ops::Range;

use crate::domain::best_available::within::Within;
use crate::domain::{Places, Row, Seat, SeatIndex, SeatKind, SeatMap};

/// Which seats can be taken, and which of those are wanted.
pub(super) struct Candidates<'a, F> {
    pub(super) is_free: &'a F,
    pub(super) within: &'a Within,
}

/// A row: the indices of its seats, its place counted from the front, and at most how many wanted free seats it has next to each other.
pub(super) struct RowPlace<'a> {
    pub(super) row: &'a Row,
    pub(super) seats: Range<SeatIndex>,
    pub(super) depth: u64,
    pub(super) longest: u32,
}

/// The rows of the wanted section.
pub(super) fn rows<'a>(seat_map: &'a SeatMap, within: &'a Within) -> impl Iterator<Item = RowPlace<'a>> {
    (0_u64..)
        .zip(seat_map.numbered_rows())
        .filter(|(_, (row, _))| within.section.is_none() || row.section.as_deref() == within.section.as_deref())
        .map(|(depth, (row, seats))| RowPlace { row, seats, depth, longest: row.seats })
}

pub(super) fn length(run: &Range<SeatIndex>) -> u32 {
    run.end.saturating_sub(run.start)
}

impl RowPlace<'_> {
    /// Measures the longest run of wanted seats; returns the number of those that are free.
    pub(super) fn measure(&mut self, candidates: &Candidates<'_, impl Fn(SeatIndex) -> bool>) -> u32 {
        let (mut longest, mut free) = (0, 0);
        for run in self.runs(candidates.is_free) {
            for part in self.wanted(run, candidates.within) {
                longest = longest.max(length(&part));
                free += length(&part);
            }
        }
        self.longest = longest;
        free
    }

    /// The free wheelchair places among the wanted seats.
    pub(super) fn wheelchair_places(&self, candidates: &Candidates<'_, impl Fn(SeatIndex) -> bool>) -> u32 {
        let places = self.row.special.iter().filter(|special| special.kind == SeatKind::Wheelchair);
        let seats = places.filter_map(|special| self.seats.start.checked_add(special.seat)?.checked_sub(1));
        let free = seats.filter(|seat| (candidates.is_free)(*seat) && self.is_wanted(*seat, candidates.within));
        free.map(|_| 1).sum()
    }

    /// The squared distance from the focal point. In a row without positions: in quarters of a square seat, half seats to the side, rows
    /// to the back.
    pub(super) fn distance(&self, seat: SeatIndex) -> u128 {
        let offset = seat - self.seats.start;
        let square = |length: u64| u128::from(length) * u128::from(length);
        match (&self.row.x, &self.row.y) {
            (Some(x), Some(y)) => square(x.at(offset).unsigned_abs()) + square(y.at(offset).unsigned_abs()),
            (None, _) | (_, None) => {
                square((2 * u64::from(offset)).abs_diff(u64::from(self.row.seats - 1))) + 4 * square(self.depth)
            }
        }
    }

    /// No seat of the row is nearer to the focal point.
    pub(super) fn nearest(&self) -> u128 {
        let depth = match &self.row.y {
            None => return 4 * u128::from(self.depth) * u128::from(self.depth),
            Some(Places::Even { from, step }) => {
                let last = from + step * i64::from(self.row.seats.saturating_sub(1));
                if from.signum() == last.signum() { from.unsigned_abs().min(last.unsigned_abs()) } else { 0 }
            }
            Some(Places::Each(places)) => places.iter().map(|place| place.unsigned_abs()).min().unwrap_or_default(),
        };
        u128::from(depth) * u128::from(depth)
    }

    /// The longest stretches of free seats next to each other.
    pub(super) fn runs(&self, is_free: &impl Fn(SeatIndex) -> bool) -> impl Iterator<Item = Range<SeatIndex>> {
        stretches(self.seats.clone(), is_free, |seat| self.row.has_aisle_before(seat - self.seats.start))
    }

    /// The longest parts of a run that are wanted.
    pub(super) fn wanted(&self, run: Range<SeatIndex>, within: &Within) -> impl Iterator<Item = Range<SeatIndex>> {
        let takes_all = within.category.is_none() && self.row.special.is_empty();
        stretches(run, move |seat| takes_all || self.is_wanted(seat, within), |_| false)
    }

    fn is_wanted(&self, seat: SeatIndex, within: &Within) -> bool {
        let seat = self.seat(seat);
        let is_for_all = !matches!(seat.kind(), SeatKind::Wheelchair | SeatKind::Companion);
        (is_for_all || within.accessible > 0)
            && (within.category.is_none() || seat.category() == within.category.as_deref())
    }

    /// Whether a block has as many wheelchair places as are wanted, and each companion's seat with its own.
    pub(super) fn is_right(&self, block: &Range<SeatIndex>, within: &Within) -> bool {
        if within.accessible == 0 {
            return true;
        }
        let first = block.start - self.seats.start + 1;
        let seats = first..first + length(block);
        let place_of = |seat| self.row.special.partition_point(|special| special.seat < seat);
        let special = || self.row.special.get(place_of(seats.start)..place_of(seats.end)).unwrap_or_default().iter();
        let places = special().filter(|special| special.kind == SeatKind::Wheelchair).count();
        let is_beside_its_own = |place: Option<u32>| place.is_none_or(|place| seats.contains(&place));
        u32::try_from(places) == Ok(within.accessible)
            && special().all(|special| is_beside_its_own(special.companion_of))
    }

    /// Whether the other row is the next one behind, in the same section.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.depth + 1 == other.depth && self.row.section == other.row.section
    }

    fn seat(&self, index: SeatIndex) -> Seat<'_> {
        Seat { index, row: self.row, offset: index - self.seats.start }
    }
}

/// The longest stretches of seats for which `is_in` holds; a new one begins where `is_parted` from the seat before.
fn stretches(
    seats: Range<SeatIndex>,
    is_in: impl Fn(SeatIndex) -> bool,
    is_parted: impl Fn(SeatIndex) -> bool,
) -> impl Iterator<Item = Range<SeatIndex>> {
    let (mut next, end) = (seats.start, seats.end);
    std::iter::from_fn(move || {
        let start = (next..end).find(|seat| is_in(*seat))?;
        let stop = (start + 1..end).find(|seat| !is_in(*seat) || is_parted(*seat)).unwrap_or(end);
        next = stop;
        Some(start..stop)
    })
}
