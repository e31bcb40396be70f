//! Orphans: free seats that a booking would leave with no free neighbour, though as many seats of the same run could be taken without that.

use std::ops::Range;

use crate::domain::channel::Channel;
use crate::domain::{Rejection, SeatId, SeatIndex, SeatKind, SeatMap, SeatStatus, Showtime};

impl Showtime {
    /// Whether the terms allow a booking to have the seats `now` that had the seats `before`: nothing for a new one. The channel's seats are as good
    /// as free for it.
    ///
    /// # Errors
    /// [`Rejection::SeatLeftAlone`].
    pub(super) fn check_orphans(&self, channel: &Channel, before: &[SeatId], now: &[SeatId]) -> Result<(), Rejection> {
        if self.listing().terms.orphans.are_allowed() {
            return Ok(());
        }
        let indices = |seats: &[SeatId]| seats.iter().map(|seat| seat.index()).collect::<Vec<_>>();
        let (had, chosen) = (indices(before), indices(now));
        let is_free = |seat| self.is_free(seat) || channel.has(seat) || had.contains(&seat);
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
/// A run is a stretch of free seats next to each other. If all of its seats but one are taken, that one cannot be helped. Places for
/// wheelchairs and for companions are sold apart: they may stay alone.
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
        let left: Vec<u32> = run.filter(|seat| !chosen.contains(seat)).collect();
        let is_alone = |seat: u32| {
            let has = |other: Option<u32>| {
                other.is_some_and(|other| left.binary_search(&other).is_ok() && seat_map.is_beside(seat, other))
            };
            !has(seat.checked_sub(1)) && !has(seat.checked_add(1))
        };
        let is_for_all = |seat: u32| {
            let kind = seat_map.seat(seat_map.index_at(seat)).map_or(SeatKind::Standard, |seat| seat.kind());
            !matches!(kind, SeatKind::Wheelchair | SeatKind::Companion)
        };
        let mut left = left.iter().copied().filter(|_| left.len() > 1);
        left.find(|seat| is_for_all(*seat) && is_alone(*seat))
    });
    orphan.map(|position| seat_map.index_at(position))
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
