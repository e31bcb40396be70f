//! Rows: where a row's seats are, and which of them come into question. Seats are numbered by their position.

use std::cell::OnceCell;
use std::ops::Range;

use crate::domain::best_available::buyable::Buyable;
use crate::domain::best_available::within::Within;
use crate::domain::{Places, Row, Seat, SeatKind, SeatMap};

/// Which seats can be taken, which of those are wanted, and which of these can be bought.
pub(super) struct Candidates<'a, F> {
    pub(super) is_free: &'a F,
    pub(super) within: &'a Within,
    pub(super) buyable: &'a Buyable<'a>,
}

/// A row: the positions of its seats, its place counted from the front, and at most how many wanted free seats it has next to each other.
pub(super) struct RowPlace<'a> {
    pub(super) row: &'a Row,
    pub(super) seats: Range<u32>,
    pub(super) depth: i64,
    pub(super) longest: u32,
    focus: Focus,
    /// Found when the row is first looked at.
    served: OnceCell<Served>,
}

/// Which of a row's seats have a category that is wanted and can be bought.
enum Served {
    All,
    /// Those in these parts, from the left.
    Parts(Vec<Range<u32>>),
}

impl Served {
    fn has(&self, seat: u32) -> bool {
        match self {
            Self::All => true,
            Self::Parts(parts) => {
                let part = parts.partition_point(|part| part.end <= seat);
                parts.get(part).is_some_and(|part| part.contains(&seat))
            }
        }
    }
}

/// The point to which seats are to be near, in the units of [`RowPlace::point`]; the auditorium's focal point, if nothing else is said.
#[derive(Clone, Copy, Default)]
pub(super) struct Focus {
    x: i64,
    y: i64,
}

impl Focus {
    /// The middle of some seats; `None` if they are none of the house.
    pub(super) fn middle_of(seat_map: &SeatMap, seats: &[u32]) -> Option<Self> {
        let within = Within::default();
        let (mut count, mut sum) = (0, Self::default());
        for row in rows(seat_map, &within, Self::default()) {
            for seat in seats.iter().filter(|seat| row.seats.contains(*seat)) {
                let (x, y) = row.point(*seat);
                (count, sum) = (count + 1, Self { x: sum.x + x, y: sum.y + y });
            }
        }
        Some(Self { x: sum.x.checked_div(count)?, y: sum.y.checked_div(count)? })
    }
}

/// The rows of the wanted section. An area is none.
pub(super) fn rows<'a>(seat_map: &'a SeatMap, within: &'a Within, focus: Focus) -> impl Iterator<Item = RowPlace<'a>> {
    (0_i64..)
        .zip(seat_map.numbered_rows())
        .filter(|(_, (row, _))| row.area.is_none())
        .filter(|(_, (row, _))| within.section.is_none() || row.section.as_deref() == within.section.as_deref())
        .map(move |(depth, (row, seats))| RowPlace {
            row,
            seats,
            depth,
            longest: row.seats,
            focus,
            served: OnceCell::new(),
        })
}

fn square(length: u64) -> u128 {
    u128::from(length) * u128::from(length)
}

pub(super) fn length(run: &Range<u32>) -> u32 {
    run.end.saturating_sub(run.start)
}

impl RowPlace<'_> {
    /// Measures the longest run of wanted seats; returns the number of those that are free.
    pub(super) fn measure(&mut self, candidates: &Candidates<'_, impl Fn(u32) -> bool>) -> u32 {
        let (mut longest, mut free) = (0, 0);
        for run in self.runs(candidates.is_free) {
            for part in self.wanted(run, candidates) {
                longest = longest.max(length(&part));
                free += length(&part);
            }
        }
        self.longest = longest;
        free
    }

    /// How many free wheelchair places are among the wanted seats, and how many companions' seats beside these.
    pub(super) fn special_places(&self, candidates: &Candidates<'_, impl Fn(u32) -> bool>) -> (u32, u32) {
        let is_there = |place: u32| {
            let seat = self.seats.start.checked_add(place).and_then(|seat| seat.checked_sub(1));
            seat.is_some_and(|seat| (candidates.is_free)(seat) && self.is_wanted(seat, candidates))
        };
        let special = || self.row.special.iter().filter(|special| is_there(special.seat));
        let places = special().filter(|special| special.kind == SeatKind::Wheelchair);
        let companions = special().filter(|special| special.companion_of.is_some_and(is_there));
        (places.map(|_| 1).sum(), companions.map(|_| 1).sum())
    }

    /// Where a seat is, from the focal point: in hundredths of the auditorium's unit. In a row without positions: in half seats to the right of its
    /// middle, two for each row to the back.
    fn point(&self, seat: u32) -> (i64, i64) {
        let offset = seat - self.seats.start;
        match (&self.row.x, &self.row.y) {
            (Some(x), Some(y)) => (x.at(offset), y.at(offset)),
            (None, _) | (_, None) => (2 * i64::from(offset) - i64::from(self.row.seats - 1), 2 * self.depth),
        }
    }

    /// The squared distance from the focus.
    pub(super) fn distance(&self, seat: u32) -> u128 {
        let (x, y) = self.point(seat);
        square(x.abs_diff(self.focus.x)) + square(y.abs_diff(self.focus.y))
    }

    /// No seat of the row is nearer to the focus.
    pub(super) fn nearest(&self) -> u128 {
        let from_focus = |y: i64| y.abs_diff(self.focus.y);
        let depth = match (&self.row.x, &self.row.y) {
            (None, _) | (_, None) => from_focus(2 * self.depth),
            (Some(_), Some(Places::Even { from, step })) => {
                let last = from + step * i64::from(self.row.seats.saturating_sub(1));
                let is_between = (*from.min(&last)..=*from.max(&last)).contains(&self.focus.y);
                if is_between { 0 } else { from_focus(*from).min(from_focus(last)) }
            }
            (Some(_), Some(Places::Each(places))) => {
                places.iter().map(|place| from_focus(*place)).min().unwrap_or_default()
            }
        };
        square(depth)
    }

    /// The longest stretches of free seats next to each other.
    pub(super) fn runs(&self, is_free: &impl Fn(u32) -> bool) -> impl Iterator<Item = Range<u32>> {
        stretches(self.seats.clone(), is_free, |seat| self.row.has_aisle_before(seat - self.seats.start))
    }

    /// The longest parts of a run that are wanted.
    pub(super) fn wanted<F>(
        &self,
        run: Range<u32>,
        candidates: &Candidates<'_, F>,
    ) -> impl Iterator<Item = Range<u32>> {
        let takes_all = self.row.special.is_empty() && matches!(self.served(candidates), Served::All);
        stretches(run, move |seat| takes_all || self.is_wanted(seat, candidates), |_| false)
    }

    fn is_wanted<F>(&self, seat: u32, candidates: &Candidates<'_, F>) -> bool {
        let within = candidates.within;
        let are_for_all = within.accessible > 0 || within.accessible_for_all;
        (are_for_all || self.is_for_all(seat)) && self.served(candidates).has(seat)
    }

    /// Whether it is a seat for everybody.
    pub(super) fn is_for_all(&self, seat: u32) -> bool {
        self.row.special.is_empty() || self.seat(seat).kind().is_for_all()
    }

    fn served<F>(&self, Candidates { within, buyable, .. }: &Candidates<'_, F>) -> &Served {
        self.served.get_or_init(|| {
            if within.category.is_none() && buyable.is_all() {
                return Served::All;
            }
            let mut parts: Vec<Range<u32>> = Vec::new();
            let mut start = self.seats.start;
            for (to, category) in self.row.category_runs() {
                let part = start..(self.seats.start + to).min(self.seats.end);
                start = part.end;
                match parts.last_mut() {
                    _ if !within.has_category(category) || !buyable.has(category) => {}
                    Some(last) if last.end == part.start => last.end = part.end,
                    Some(_) | None => parts.push(part),
                }
            }
            if parts.first() == Some(&self.seats) { Served::All } else { Served::Parts(parts) }
        })
    }

    /// How many seats of a block are other ones than those that are preferred: companions' seats where they are wanted, and no others.
    /// `None` if the block has not as many wheelchair places as are wanted, too few companions' seats, or one of those without its own place.
    pub(super) fn misfits(&self, block: &Range<u32>, within: &Within) -> Option<u32> {
        if within.accessible == 0 {
            return Some(0);
        }
        let first = block.start - self.seats.start + 1;
        let seats = first..first + length(block);
        let place_of = |seat| self.row.special.partition_point(|special| special.seat < seat);
        let (mut places, mut bound, mut others) = (0_u32, 0_u32, 0_u32);
        for special in self.row.special.get(place_of(seats.start)..place_of(seats.end)).unwrap_or_default() {
            match (special.kind, special.companion_of) {
                (SeatKind::Wheelchair, _) => places += 1,
                (SeatKind::Companion, Some(place)) if seats.contains(&place) => bound += 1,
                (SeatKind::Companion, Some(_)) => others += 1,
                (SeatKind::Companion, None) | (SeatKind::Standard | SeatKind::RestrictedView, _) => {}
            }
        }
        let is_right = if within.accessible_for_all {
            places >= within.accessible
        } else {
            places == within.accessible && others == 0
        };
        match within.companions.filter(|_| is_right) {
            Some(wanted) => bound.checked_sub(wanted),
            None if is_right => Some(length(block).saturating_sub(within.accessible).saturating_sub(bound)),
            None => None,
        }
    }

    /// Whether the other row is the next one behind, in the same section.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.depth + 1 == other.depth && self.row.section == other.row.section
    }

    fn seat(&self, position: u32) -> Seat<'_> {
        Seat { index: position, row: self.row, offset: position - self.seats.start }
    }
}

/// The longest stretches of seats for which `is_in` holds; a new one begins where `is_parted` from the seat before.
fn stretches(
    seats: Range<u32>,
    is_in: impl Fn(u32) -> bool,
    is_parted: impl Fn(u32) -> bool,
) -> impl Iterator<Item = Range<u32>> {
    let (mut next, end) = (seats.start, seats.end);
    std::iter::from_fn(move || {
        let start = (next..end).find(|seat| is_in(*seat))?;
        let stop = (start + 1..end).find(|seat| !is_in(*seat) || is_parted(*seat)).unwrap_or(end);
        next = stop;
        Some(start..stop)
    })
}
