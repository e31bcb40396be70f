//! Orphans: free seats that a booking would leave with no free neighbour, though other seats of the same run would serve it as well without that.

use std::ops::Range;

use crate::domain::open_blocks::OpenBlocks;
use crate::domain::{Rejection, SeatId, SeatIndex, SeatKind, SeatMap, SeatStatus, Showtime};

impl Showtime {
    /// Whether the terms allow a booking to have the seats `now` that had the seats `before`: nothing for a new one. Seats of blocks that
    /// are open to it are as good as free.
    ///
    /// # Errors
    /// [`Rejection::SeatLeftAlone`].
    pub(super) fn check_orphans(&self, open: &OpenBlocks, before: &[SeatId], now: &[SeatId]) -> Result<(), Rejection> {
        if self.listing().terms.orphans.are_allowed() {
            return Ok(());
        }
        let indices = |seats: &[SeatId]| seats.iter().map(|seat| seat.index()).collect::<Vec<_>>();
        let (had, chosen) = (indices(before), indices(now));
        let is_free = |seat| self.is_free(seat) || open.has(seat) || had.contains(&seat);
        let map = &self.facts().seat_map;
        let Some(orphan) = left_alone(map, is_free, &had, &chosen) else { return Ok(()) };
        Err(Rejection::SeatLeftAlone { place: map.printed(orphan) })
    }

    /// Whether a seat can be taken.
    pub(super) fn is_free(&self, seat: SeatIndex) -> bool {
        matches!(self.seat(seat), Some((SeatStatus::Available, _)))
    }
}

/// A seat that would be left alone in one of the runs that the change touches, though it need not. `is_free` tells of the house without the
/// booking.
///
/// A run is a stretch of free seats next to each other. If all of its seats but one are taken, that one cannot be helped. Nor can it be helped
/// where no other block of the run is as good: with as many seats of the same [`Wish`]. Places for wheelchairs and for companions are sold
/// apart: they may stay alone.
pub(super) fn left_alone(
    seat_map: &SeatMap,
    is_free: impl Fn(SeatIndex) -> bool,
    had: &[SeatIndex],
    chosen: &[SeatIndex],
) -> Option<SeatIndex> {
    let positions = |seats: &[SeatIndex]| seats.iter().map(|seat| seat_map.position(*seat)).collect::<Vec<u32>>();
    let (had, chosen) = (positions(had), positions(chosen));
    let is_free = |position| is_free(seat_map.index_at(position));
    let is_changed = |seat: &&u32| had.contains(seat) != chosen.contains(seat);
    let changed = had.iter().chain(&chosen).filter(is_changed);
    let orphan = changed.map(|seat| run_around(seat_map, is_free, *seat)).find_map(|run| {
        let orphan = alone_in(seat_map, &run, &chosen)?;
        other_block(seat_map, &run, &chosen).map(|_other| orphan)
    });
    orphan.map(|position| seat_map.index_at(position))
}

/// The seats of a new booking, with another block in the place of those that would leave a seat alone: by the same rule, which they keep to.
pub(super) fn leaving_none_alone(
    seat_map: &SeatMap,
    is_free: impl Fn(SeatIndex) -> bool,
    chosen: &[SeatIndex],
) -> Vec<SeatIndex> {
    let mut chosen: Vec<u32> = chosen.iter().map(|seat| seat_map.position(*seat)).collect();
    let is_free = |position| is_free(seat_map.index_at(position));
    for seat in chosen.clone() {
        let run = run_around(seat_map, is_free, seat);
        if alone_in(seat_map, &run, &chosen).is_some()
            && let Some(block) = other_block(seat_map, &run, &chosen)
        {
            chosen.retain(|seat| !run.contains(seat));
            chosen.extend(block);
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|position| seat_map.index_at(position)).collect()
}

/// The first seat of a run that is left without a neighbour once these are taken; none if it is the only one.
fn alone_in(seat_map: &SeatMap, run: &Range<u32>, chosen: &[u32]) -> Option<u32> {
    let is_left = |seat: u32| run.contains(&seat) && !chosen.contains(&seat);
    let mut left = run.clone().filter(|seat| is_left(*seat));
    left.clone().nth(1)?;
    left.find(|seat| {
        let has_neighbour = [seat.checked_sub(1), seat.checked_add(1)].into_iter().flatten().any(is_left);
        !has_neighbour && kind(seat_map, *seat).is_for_all()
    })
}

/// The block of a run that serves the same wish as the chosen seats of that run and leaves no seat alone: the nearest to them.
fn other_block(seat_map: &SeatMap, run: &Range<u32>, chosen: &[u32]) -> Option<Range<u32>> {
    let had: Vec<u32> = run.clone().filter(|seat| chosen.contains(seat)).collect();
    let (wish, count) = (Wish::of(seat_map, &had), u32::try_from(had.len()).ok()?);
    let middle: u64 = had.iter().map(|seat| u64::from(*seat)).sum::<u64>() * 2;
    let distance = |first: u32| (u64::from(count) * (2 * u64::from(first) + u64::from(count) - 1)).abs_diff(middle);
    // Before or behind a block one seat may be left, and that is alone.
    let is_alone = |left: u32, seat: u32| left == 1 && kind(seat_map, seat).is_for_all();
    let leaves_none =
        |block: &Range<u32>| !is_alone(block.start - run.start, run.start) && !is_alone(run.end - block.end, block.end);
    let mut firsts: Vec<u32> = (run.start..=run.end.checked_sub(count)?).collect();
    firsts.sort_unstable_by_key(|first| (distance(*first), *first));
    let mut blocks = firsts.into_iter().map(|first| first..first + count);
    blocks.find(|block| leaves_none(block) && Wish::of(seat_map, &block.clone().collect::<Vec<_>>()) == wish)
}

/// What seats are, wherever they are: of each, its category, its kind, and whether it is a companion's whose wheelchair place is among them.
#[derive(PartialEq, Eq)]
struct Wish<'a>(Vec<(Option<&'a str>, SeatKind, bool)>);

impl<'a> Wish<'a> {
    fn of(seat_map: &'a SeatMap, seats: &[u32]) -> Self {
        let of_seat = |position: &u32| {
            let Some(seat) = seat_map.seat(seat_map.index_at(*position)) else {
                return (None, SeatKind::Standard, false);
            };
            let place = seat.special().and_then(|special| special.companion_of);
            let start = position - seat.offset;
            let is_bound = place.is_some_and(|place| seats.contains(&(start + place.saturating_sub(1))));
            (seat.category(), seat.kind(), is_bound)
        };
        let mut wish: Vec<_> = seats.iter().map(of_seat).collect();
        wish.sort_unstable();
        Self(wish)
    }
}

fn kind(seat_map: &SeatMap, position: u32) -> SeatKind {
    seat_map.seat(seat_map.index_at(position)).map_or(SeatKind::Standard, |seat| seat.kind())
}

/// By position.
fn run_around(seat_map: &SeatMap, is_free: impl Fn(u32) -> bool, seat: u32) -> Range<u32> {
    let goes_on = |from: u32, to: u32| is_free(to) && seat_map.is_beside(from, to);
    let (mut start, mut last) = (seat, seat);
    while let Some(before) = start.checked_sub(1).filter(|before| goes_on(start, *before)) {
        start = before;
    }
    while let Some(next) = last.checked_add(1).filter(|next| goes_on(last, *next)) {
        last = next;
    }
    start..last.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::Row;

    /// `.` is free, `x` taken, `o` chosen; `h` chosen, and had before; `b` given back.
    fn orphan(row: &str) -> Option<SeatIndex> {
        let map = SeatMap::new(vec![Row::numbered("A", u32::try_from(row.len()).unwrap())]).unwrap();
        let places = |marks: &str| {
            (0..).zip(row.chars()).filter(|(_, mark)| marks.contains(*mark)).map(|(seat, _)| seat).collect::<Vec<_>>()
        };
        let taken = places("x");
        left_alone(&map, |seat| seat < map.seat_count() && !taken.contains(&seat), &places("hb"), &places("oh"))
    }

    #[test]
    fn a_seat_left_alone_is_found_where_it_could_be_avoided() {
        for fine in ["oo....", "..oo..", "x..oox", "xooxx.x.", "xoo..xx", "......", "ooo"] {
            assert_eq!(orphan(fine), None, "{fine}");
        }
        for (bad, alone) in [(".oo...", 0), ("...oo.", 5), ("xo.o..x", 2), (".oo.", 0), ("o.o.", 1), ("xx.o..", 2)] {
            assert_eq!(orphan(bad), Some(alone), "{bad}");
        }
    }

    #[test]
    fn one_of_a_run_that_is_all_that_is_left_cannot_be_helped() {
        for fine in ["xoo.x", "x.oox", "xo.ox", "xo.x", "o.xoo"] {
            assert_eq!(orphan(fine), None, "{fine}");
        }
    }

    #[test]
    fn what_a_booking_had_counts_as_free_and_runs_that_it_leaves_as_they_were_do_not() {
        assert_eq!(orphan("xhb..x"), None);
        assert_eq!(orphan("hbh..."), Some(1));
        assert_eq!(orphan(".hh...xoo.."), None, "the seat on the left was alone before");
        assert_eq!(orphan(".hh...xo.o."), Some(8));
    }

    #[test]
    fn aisles_part_neighbours_and_wheelchair_places_may_stay_alone() {
        let row = json!([{"row": "A", "seats": 6, "aisleAfter": [3],
                          "special": [{"seat": 6, "kind": "wheelchair"}]}]);
        let map: SeatMap = serde_json::from_value(row).unwrap();
        let alone = |chosen: &[SeatIndex]| left_alone(&map, |seat| seat < 6, &[], chosen);
        assert_eq!(alone(&[2]), None, "A1 and A2 are left");
        assert_eq!(alone(&[1]), Some(0));
        assert_eq!(alone(&[3, 4]), None, "the wheelchair place");
        assert_eq!(alone(&[4]), Some(3));
    }

    #[test]
    fn only_seats_that_serve_the_same_wish_would_do_as_well() {
        let alone = |row: serde_json::Value, chosen: &[SeatIndex]| {
            let map: SeatMap = serde_json::from_value(json!([row])).unwrap();
            left_alone(&map, |seat| seat < map.seat_count(), &[], chosen)
        };
        let place = json!({"row": "A", "seats": 5, "special": [{"seat": 2, "kind": "wheelchair"}]});
        assert_eq!(alone(place.clone(), &[1]), None, "there is no other wheelchair place");
        assert_eq!(alone(place, &[3]), Some(4), "seat 5 would do");
        let two = json!({"row": "A", "seats": 5, "special": [{"seat": 2, "kind": "wheelchair"}, {"seat": 5, "kind": "wheelchair"}]});
        assert_eq!(alone(two, &[1]), Some(0), "the other one would do");
        let gold =
            |to: u32| json!([{"to": 1, "category": "g"}, {"to": to, "category": "s"}, {"to": 3, "category": "g"}]);
        assert_eq!(alone(json!({"row": "A", "seats": 3, "categories": gold(2)}), &[1]), None, "no other seat is s");
        let six = json!([{"to": 1, "category": "g"}, {"to": 4, "category": "s"}, {"to": 6, "category": "g"}]);
        assert_eq!(alone(json!({"row": "A", "seats": 6, "categories": six}), &[1]), Some(0), "seat 3 would do");
        // A companion's seat without its place is another wish than one beside it.
        let bound = json!({"row": "A", "seats": 6, "special": [{"seat": 2, "kind": "wheelchair"},
            {"seat": 3, "kind": "companion", "companionOf": 2}, {"seat": 4, "kind": "wheelchair"}]});
        assert_eq!(alone(bound, &[1, 2]), None);
    }

    proptest! {
        /// A block at the end of a run, or all of it, leaves nobody alone; and what is refused has a block of the same size that is not.
        #[test]
        fn what_is_refused_can_be_avoided(row in "[.x]{1,12}", first in 0_usize..12, count in 1_usize..5) {
            let marks: Vec<char> = row.chars().collect();
            let with = |first: usize| -> Option<String> {
                let free = marks.get(first..first + count)?.iter().all(|mark| *mark == '.');
                let chosen = |(place, mark): (usize, &char)| if (first..first + count).contains(&place) { 'o' } else { *mark };
                free.then(|| marks.iter().enumerate().map(chosen).collect())
            };
            if let Some(asked) = with(first) && orphan(&asked).is_some() {
                let is_fine = |first| with(first).is_some_and(|other| orphan(&other).is_none());
                prop_assert!((0..marks.len()).any(is_fine), "{}", asked);
            }
        }
    }
}
