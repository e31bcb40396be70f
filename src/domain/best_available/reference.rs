//! The reference for best available: every block of random small houses is looked at one by one.

use proptest::prelude::*;

use super::houses::{House, any_house};
use super::*;
use crate::domain::{Seat, SeatKind};

/// What makes a block good, member by member; less is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Quality {
    singles: usize,
    misfits: u32,
    distance: u128,
    first: SeatIndex,
}

/// A request in a house in which these seats are free.
struct Question<'a> {
    map: &'a SeatMap,
    free: Vec<SeatIndex>,
    within: &'a Within,
    /// The categories that have a price, if there are prices.
    priced: Option<&'a [&'a str]>,
}

fn is_kept(kind: SeatKind) -> bool {
    matches!(kind, SeatKind::Wheelchair | SeatKind::Companion)
}

impl Question<'_> {
    fn seat(&self, seat: SeatIndex) -> Seat<'_> {
        self.map.seat(seat).unwrap()
    }

    /// Whether a seat comes into question.
    fn fits(&self, seat: SeatIndex) -> bool {
        let Within { category, section, accessible, companions: _, accessible_for_all } = self.within;
        let found = self.seat(seat);
        self.free.contains(&seat)
            && category.as_deref().is_none_or(|category| found.category() == Some(category))
            && section.as_deref().is_none_or(|section| found.row.section.as_deref() == Some(section))
            && self.priced.is_none_or(|priced| found.category().is_some_and(|category| priced.contains(&category)))
            && (!is_kept(found.kind()) || *accessible > 0 || *accessible_for_all)
    }

    fn neighbours(&self, seat: SeatIndex) -> Vec<SeatIndex> {
        let sides = [seat.checked_sub(1), seat.checked_add(1)].into_iter().flatten();
        sides.filter(|other| self.map.is_beside(seat, *other)).collect()
    }

    fn distance(&self, seat: SeatIndex) -> u128 {
        let depth = self.map.numbered_rows().position(|(_, seats)| seats.contains(&seat)).unwrap();
        let seat = self.seat(seat);
        let square = |length: i64| u128::from(length.unsigned_abs()).pow(2);
        match (&seat.row.x, &seat.row.y) {
            (Some(x), Some(y)) => square(x.at(seat.offset)) + square(y.at(seat.offset)),
            _ => {
                square(2 * i64::from(seat.offset) - i64::from(seat.row.seats) + 1)
                    + 4 * square(i64::try_from(depth).unwrap())
            }
        }
    }

    /// How far the block is from the wheelchair places and companions that are wanted, if it has them.
    fn misfits(&self, block: &[SeatIndex]) -> Option<u32> {
        let Within { accessible, companions, accessible_for_all, .. } = self.within;
        if *accessible == 0 {
            return Some(0);
        }
        let count = |kind| u32::try_from(block.iter().filter(|seat| self.seat(**seat).kind() == kind).count()).unwrap();
        let place_of = |seat: SeatIndex| {
            let found = self.seat(seat);
            Some(seat - found.offset + found.special()?.companion_of? - 1)
        };
        let bound = block.iter().filter(|seat| place_of(**seat).is_some_and(|place| block.contains(&place))).count();
        let bound = u32::try_from(bound).unwrap();
        let (places, all) = (count(SeatKind::Wheelchair), u32::try_from(block.len()).unwrap());
        let is_right = if *accessible_for_all {
            places >= *accessible
        } else {
            places == *accessible && bound == count(SeatKind::Companion)
        };
        let misfits = match companions {
            Some(wanted) => bound.checked_sub(*wanted),
            None => Some((all - accessible).saturating_sub(bound)),
        };
        misfits.filter(|_| is_right)
    }

    /// The quality of a block, if it is one.
    fn quality(&self, block: &[SeatIndex]) -> Option<Quality> {
        let are_beside = block.windows(2).all(|pair| self.map.is_beside(pair[0], pair[1]));
        if !are_beside || !block.iter().all(|seat| *seat < self.map.seat_count() && self.fits(*seat)) {
            return None;
        }
        let is_left = |seat: &SeatIndex| self.free.contains(seat) && !block.contains(seat);
        let is_single = |seat: &&SeatIndex| {
            let around = self.neighbours(**seat);
            is_left(seat)
                && !is_kept(self.seat(**seat).kind())
                && !around.iter().any(is_left)
                && around.iter().any(|other| block.contains(other))
        };
        Some(Quality {
            singles: self.free.iter().filter(is_single).count(),
            misfits: self.misfits(block)?,
            distance: block.iter().map(|seat| self.distance(*seat)).sum(),
            first: *block.first()?,
        })
    }

    /// The best block of so many seats, all of them in these positions.
    fn block(&self, wanted: u32, among: std::ops::Range<u32>) -> Option<(Quality, Vec<SeatIndex>)> {
        let blocks = among.clone().map(|first| (first..first + wanted).collect::<Vec<_>>());
        let blocks = blocks.filter(|block| block.iter().all(|seat| among.contains(seat)));
        blocks.filter_map(|block| Some((self.quality(&block)?, block))).min_by_key(|(quality, _)| *quality)
    }

    fn one_block(&self, wanted: u32) -> Option<Vec<SeatIndex>> {
        self.block(wanted, 0..self.map.seat_count()).map(|(_, block)| block)
    }

    /// As few rows as possible, one behind the other in one section, with blocks whose sizes differ by 1 at most, the larger ones in front.
    fn rows(&self, wanted: u32) -> Option<Vec<SeatIndex>> {
        let rows: Vec<_> = self.map.numbered_rows().collect();
        (2..=wanted / 2).find_map(|parts| {
            let size = |part: u32| wanted / parts + u32::from(part < wanted % parts);
            let windows = rows.windows(usize::try_from(parts).unwrap());
            let windows = windows.filter(|window| window.iter().all(|(row, _)| row.section == window[0].0.section));
            let blocks = windows.filter_map(|window| {
                let of_row =
                    |(part, (_, seats)): (u32, &(_, std::ops::Range<u32>))| self.block(size(part), seats.clone());
                (0..).zip(window).map(of_row).collect::<Option<Vec<_>>>()
            });
            let best = blocks.min_by_key(|blocks| {
                let singles: usize = blocks.iter().map(|(quality, _)| quality.singles).sum();
                let distance: u128 = blocks.iter().map(|(quality, _)| quality.distance).sum();
                (singles, distance, blocks[0].0.first)
            });
            best.map(|blocks| blocks.into_iter().flat_map(|(_, block)| block).collect())
        })
    }

    /// Again and again the longest block that there is, or what is still wanted.
    fn pieces(&self, wanted: u32) -> Option<Vec<SeatIndex>> {
        let mut rest = Self { free: self.free.clone(), ..*self };
        let mut chosen = Vec::new();
        while chosen.len() < usize::try_from(wanted).unwrap() {
            let missing = wanted - u32::try_from(chosen.len()).unwrap();
            let block = (1..=missing).rev().find_map(|length| rest.one_block(length))?;
            rest.free.retain(|seat| !block.contains(seat));
            chosen.extend(block);
        }
        chosen.sort_unstable();
        Some(chosen)
    }

    fn answer(&self, wanted: u32, together: Together) -> Option<Vec<SeatIndex>> {
        let block = self.one_block(wanted);
        if block.is_some() || self.within.accessible > 0 {
            return block;
        }
        match together {
            Together::Required => None,
            Together::Rows => self.rows(wanted),
            Together::Preferred => self.rows(wanted).or_else(|| self.pieces(wanted)),
        }
    }
}

/// Where seats may be, with wheelchair places and companions: so many, at most as many as there are seats.
fn any_within() -> impl Strategy<Value = (u32, Within)> {
    let word = |word: &str| prop::option::weighted(0.2, Just(word.to_owned()));
    let numbers = (1..9_u32, 0..3_u32, prop::option::of(0..3_u32), prop::bool::weighted(0.3));
    (word("gold"), word("Box"), numbers).prop_map(
        |(category, section, (quantity, accessible, companions, is_released))| {
            let accessible = accessible.min(quantity);
            let most = if accessible > 0 { quantity - accessible } else { 0 };
            let companions = companions.map(|companions| companions.min(most));
            (quantity, Within { category, section, accessible, companions, accessible_for_all: is_released })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_choice_is_the_best_of_all(
        House { map, taken, channel } in any_house(),
        (quantity, within) in any_within(),
        (has_key, has_prices) in any::<(bool, bool)>(),
    ) {
        let is_free = |seat: SeatIndex| {
            seat < map.seat_count() && !taken.contains(&seat) && (has_key || !channel.contains(&seat))
        };
        let free = (0..map.seat_count()).filter(|seat| is_free(*seat)).collect();
        let priced = ["gold", "blue"];
        let question = Question { map: &map, free, within: &within, priced: has_prices.then_some(&priced[..]) };
        let own = vec![("gold", true), ("blue", true)];
        let buyable = if has_prices { Buyable::Zones { own, others: false } } else { Buyable::All };
        for together in [Together::Required, Together::Rows, Together::Preferred] {
            let wanted = BestAvailable::new(quantity, together, within.clone()).unwrap();
            let chosen = wanted.choose_buyable(&map, is_free, &buyable);
            prop_assert_eq!(chosen.clone().ok(), question.answer(quantity, together), "{:?}", together);
            let fitting = u32::try_from(question.free.iter().filter(|seat| question.fits(**seat)).count()).unwrap();
            match chosen {
                Err(Rejection::TooFewSeats { left, .. }) => prop_assert_eq!(left, fitting),
                Err(Rejection::TooFewBuyable { left, others, .. }) => {
                    let all = Question { priced: None, free: question.free.clone(), ..question };
                    let free = u32::try_from(all.free.iter().filter(|seat| all.fits(**seat)).count()).unwrap();
                    prop_assert_eq!((left, left + others), (fitting, free));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
}
