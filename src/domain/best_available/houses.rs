//! Random small houses for tests: with sections, aisles, categories, kinds, and seats that are taken or a channel's.

use proptest::prelude::*;

use crate::domain::{CategoryRun, Places, Row, SeatIndex, SeatKind, SeatMap, SpecialSeat};

/// The categories of a random house. The last one has no price where there are prices.
pub(in crate::domain) const CATEGORIES: [&str; 3] = ["gold", "blue", "tin"];

/// A house and who has its seats.
#[derive(Clone, Debug)]
pub(in crate::domain) struct House {
    pub(in crate::domain) map: SeatMap,
    /// Seats that somebody has.
    pub(in crate::domain) taken: Vec<SeatIndex>,
    /// Seats that are kept for a channel.
    pub(in crate::domain) channel: Vec<SeatIndex>,
}

/// A seat: 0 to 4 if it is free, 5 to 7 if somebody has it, else the channel's; whether an aisle is on its right; its category, its kind.
type AnySeat = (u8, bool, u8, u8);

/// A row: its seats; the first one's place and the way from seat to seat, if it is drawn; whether it is in another section than most.
type AnyRow = (Vec<AnySeat>, Option<(i64, i64, i64)>, bool);

pub(in crate::domain) fn any_house() -> impl Strategy<Value = House> {
    let seat = (0..9_u8, prop::bool::weighted(0.1), 0..8_u8, 0..12_u8);
    let place = prop::option::of((-9..9_i64, -3..4_i64, -9..9_i64));
    let row = (prop::collection::vec(seat, 1..9), place, prop::bool::weighted(0.2));
    (prop::collection::vec(row, 1..5), any::<bool>(), any::<bool>())
        .prop_map(|(rows, has_categories, has_kinds)| house(&rows, has_categories, has_kinds))
}

fn count(seats: usize) -> u32 {
    u32::try_from(seats).unwrap()
}

fn house(rows: &[AnyRow], has_categories: bool, has_kinds: bool) -> House {
    let of_row = |(label, (seats, place, is_aside)): (char, &AnyRow)| {
        let aisles = (1..count(seats.len())).zip(seats).filter(|(_, (_, aisle, ..))| *aisle).map(|(seat, _)| seat);
        let category = |number: u8| CATEGORIES.get(usize::from(number)).map(|key| (*key).into());
        let run = |(to, (_, _, number, _)): (u32, &AnySeat)| CategoryRun { to, category: category(*number / 2) };
        let places = place.map(|(x, step, y)| {
            let bent = (0..).zip(seats).map(|(bend, _)| y + bend % 3).collect();
            (Places::Even { from: x, step }, Places::of(bent))
        });
        let (x, y) = places.unzip();
        Row {
            section: Some(if *is_aside { "Box" } else { "Stalls" }.into()),
            x,
            y,
            aisle_after: aisles.collect(),
            categories: if has_categories { (1..).zip(seats).map(run).collect() } else { Box::default() },
            special: if has_kinds { special(seats) } else { Box::default() },
            ..Row::numbered(label, count(seats.len()))
        }
    };
    let map = SeatMap::stored(('A'..).zip(rows).map(of_row).collect()).unwrap();
    let marks: Vec<u8> = rows.iter().flat_map(|(seats, ..)| seats.iter().map(|(mark, ..)| *mark)).collect();
    let marked = |from: u8, to: u8| {
        let marked = (0..).zip(&marks).filter(|(_, mark)| (from..to).contains(*mark));
        marked.map(|(seat, _)| seat).collect()
    };
    House { taken: marked(5, 8), channel: marked(8, 9), map }
}

/// The seats that are not like most. A companion's is bound to the nearest wheelchair place, and is like most if there is none.
fn special(seats: &[AnySeat]) -> Box<[SpecialSeat]> {
    let kind = |number: u8| match number {
        0 | 1 => SeatKind::Wheelchair,
        2..5 => SeatKind::Companion,
        5 => SeatKind::RestrictedView,
        _ => SeatKind::Standard,
    };
    let kinds: Vec<(u32, SeatKind)> = (1..).zip(seats).map(|(seat, (.., number))| (seat, kind(*number))).collect();
    let places = kinds.iter().filter(|(_, kind)| *kind == SeatKind::Wheelchair).map(|(seat, _)| *seat);
    let special = kinds.iter().filter_map(|(seat, kind)| {
        let companion_of = places.clone().min_by_key(|place| place.abs_diff(*seat));
        let companion_of = companion_of.filter(|_| *kind == SeatKind::Companion);
        let is_special = companion_of.is_some() || matches!(kind, SeatKind::Wheelchair | SeatKind::RestrictedView);
        is_special.then_some(SpecialSeat { seat: *seat, kind: *kind, companion_of, note: None })
    });
    special.collect()
}
