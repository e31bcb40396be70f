//! The rules of best available, and every block of small houses looked at one by one.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{CategoryRun, Places, Row, Seat};

fn house(rows: &[&str]) -> (SeatMap, Vec<bool>) {
    let labels = ('A'..).zip(rows);
    let map = labels.map(|(label, row)| Row::numbered(label, u32::try_from(row.len()).unwrap()));
    (SeatMap::new(map.collect()).unwrap(), rows.concat().chars().map(|seat| seat == '.').collect())
}

/// `.` is a free seat, `x` a taken one.
fn choose(rows: &[&str], quantity: u32, together: Together) -> Result<(Vec<SeatIndex>, String), Rejection> {
    let (map, mut free) = house(rows);
    let wanted = BestAvailable::new(quantity, together, Within::default()).unwrap();
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
    assert_eq!(said(&["..........", ".........."], 2, Together::Required), "row A 5-6, together, no single seat left");
    assert_eq!(said(&["....xx....", ".........."], 2, Together::Required), "row B 5-6, together, no single seat left");
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
    assert_eq!(said(&rows, 6, Together::Rows), "row A 1-3 and row B 1-3, leaves seats A4 and B4 alone");
    assert_eq!(said(&rows, 8, Together::Rows), "row A 1-4 and row B 1-4, no single seat left");
    // Rows with one between them are no neighbours.
    let apart = ["....", "xxxx", "...."];
    assert!(choose(&apart, 8, Together::Rows).is_err());
    assert_eq!(said(&apart, 8, Together::Preferred), "row A 1-4 and row C 1-4, no single seat left");
    assert_eq!(choose(&apart, 9, Together::Preferred), Err(Rejection::TooFewSeats { wanted: 9, left: 8 }));
}

#[test]
fn quantities_that_no_booking_can_have_are_refused() {
    assert_eq!(BestAvailable::new(0, Together::Required, Within::default()), None);
    assert_eq!(BestAvailable::new(21, Together::Required, Within::default()), None);
    assert_eq!(BestAvailable::new(20, Together::Required, Within::default()).unwrap().quantity(), 20);
}

/// A house as an auditorium lays it out: where its focal point is, its categories and kinds.
fn plan(rows: serde_json::Value) -> SeatMap {
    serde_json::from_value(rows).unwrap()
}

fn chosen(map: &SeatMap, taken: &[SeatIndex], quantity: u32, within: Within) -> Result<String, Rejection> {
    let best = BestAvailable::new(quantity, Together::Required, within).unwrap();
    let seats = best.choose(map, |seat| seat < map.seat_count() && !taken.contains(&seat))?;
    let after = |seat| seat < map.seat_count() && !taken.contains(&seat) && !seats.contains(&seat);
    Ok(explain(map, after, &seats))
}

#[test]
fn the_auditoriums_focal_point_counts_and_aisles_part_neighbours() {
    let map = plan(json!([
        {"row": "A", "seats": 6, "section": "Stalls", "x": {"from": -300, "step": 100}, "y": {"from": -100, "step": 0}},
        {"row": "B", "seats": 6, "section": "Stalls", "x": {"from": -300, "step": 100}, "y": {"from": 0, "step": 0}, "aisleAfter": [3]},
    ]));
    assert_eq!(chosen(&map, &[], 2, Within::default()).unwrap(), "Stalls row A 3-4, together, no single seat left");
    assert_eq!(
        chosen(&map, &[9, 10], 3, Within::default()).unwrap(),
        "Stalls row A 4-6, together, no single seat left"
    );
    let across = chosen(&map, &[], 4, Within::default()).unwrap();
    assert!(across.starts_with("Stalls row A "), "an aisle is between B3 and B4: {across}");
    assert_eq!(
        chosen(&map, &[0, 1, 4, 5, 6, 10], 3, Within::default()),
        Err(Rejection::NotTogether { wanted: 3, longest: 2 })
    );
}

#[test]
fn a_section_or_category_is_kept_to() {
    let row = |section: &str, row: &str, y: i32, categories: serde_json::Value| json!({"row": row, "seats": 4, "section": section, "x": {"from": -150, "step": 100}, "y": {"from": y, "step": 0}, "categories": categories});
    let map = plan(json!([
        row("Stalls", "A", 0, json!([{"to": 4, "category": "gold"}])),
        row("Stalls", "B", 100, json!([{"to": 2}, {"to": 4, "category": "silver"}])),
        row("Circle", "A", 500, json!([{"to": 4, "category": "gold"}])),
    ]));
    let section = |name: &str| Within { section: Some(name.to_owned()), ..Within::default() };
    let category = |key: &str| Within { category: Some(key.to_owned()), ..Within::default() };
    assert_eq!(chosen(&map, &[], 2, section("Circle")).unwrap(), "Circle row A 1-2, together, no single seat left");
    assert_eq!(chosen(&map, &[], 2, category("silver")).unwrap(), "Stalls row B 3-4, together, no single seat left");
    assert_eq!(chosen(&map, &[], 3, category("silver")), Err(Rejection::TooFewSeats { wanted: 3, left: 2 }));
    let both = Within { category: Some("gold".to_owned()), ..section("Circle") };
    assert!(chosen(&map, &[], 4, both).unwrap().starts_with("Circle row A 1-4"));
    assert_eq!(chosen(&map, &[], 1, section("Box")), Err(Rejection::UnknownSection { section: "Box".to_owned() }));
    assert_eq!(chosen(&map, &[], 1, category("tin")), Err(Rejection::UnknownCategory { category: "tin".to_owned() }));
}

#[test]
fn wheelchair_places_and_their_companions_are_for_who_asks() {
    let map = plan(json!([
        {"row": "A", "seats": 6, "section": "Stalls", "x": {"from": -250, "step": 100}, "y": {"from": 0, "step": 0}, "special": [
            {"seat": 3, "kind": "wheelchair"}, {"seat": 4, "kind": "companion", "companionOf": 3}, {"seat": 6, "kind": "wheelchair"},
        ]},
        {"row": "B", "seats": 2, "section": "Stalls", "x": {"from": -50, "step": 100}, "y": {"from": 100, "step": 0}},
    ]));
    let accessible = |accessible| Within { accessible, ..Within::default() };
    assert_eq!(chosen(&map, &[], 1, Within::default()).unwrap(), "Stalls row A 5, no single seat left");
    assert_eq!(chosen(&map, &[], 2, accessible(1)).unwrap(), "Stalls row A 3-4, together, no single seat left");
    assert_eq!(chosen(&map, &[], 1, accessible(1)).unwrap(), "Stalls row A 3, no single seat left");
    assert_eq!(chosen(&map, &[3], 3, accessible(1)).unwrap(), "Stalls row A 1-3, together, no single seat left");
    assert!(
        chosen(&map, &[2], 2, accessible(1)).unwrap().starts_with("Stalls row A 5-6"),
        "a companion's seat goes with its own place"
    );
    assert_eq!(chosen(&map, &[2, 5], 1, accessible(1)), Err(Rejection::TooFewAccessible { wanted: 1, left: 0 }));
    assert_eq!(chosen(&map, &[], 4, accessible(0)), Err(Rejection::NotTogether { wanted: 4, longest: 2 }));
    let two = BestAvailable::new(2, Together::Preferred, accessible(2)).unwrap();
    assert_eq!(
        two.choose(&map, |_| true),
        Err(Rejection::NotTogether { wanted: 2, longest: 6 }),
        "a party with wheelchair places is not parted"
    );
    assert_eq!(BestAvailable::new(1, Together::Required, accessible(2)), None);
}

#[test]
fn every_seat_that_is_left_alone_is_named() {
    let rows = ["x...x"];
    let (map, _) = house(&rows);
    let alone = |taken: &[SeatIndex], seats: &[SeatIndex]| {
        explain(&map, |seat| seat < map.seat_count() && !taken.contains(&seat) && !seats.contains(&seat), seats)
    };
    assert_eq!(alone(&[0, 4], &[2]), "row A 3, leaves seats A2 and A4 alone");
    assert_eq!(alone(&[0], &[2]), "row A 3, leaves seat A2 alone");
    assert_eq!(alone(&[], &[1, 3]), "row A 2 and row A 4, leaves seats A1, A3 and A5 alone");
}

/// Every block there is, looked at one by one: what makes it good, and its first seat.
fn reference(
    map: &SeatMap,
    is_free: &dyn Fn(SeatIndex) -> bool,
    wanted: u32,
    within: &Within,
) -> Option<(u32, u128, SeatIndex)> {
    let beside = |seat: SeatIndex| {
        [seat.checked_sub(1), seat.checked_add(1)]
            .into_iter()
            .flatten()
            .filter(move |other| map.is_beside(seat, *other))
    };
    let distance = |seat: SeatIndex| {
        let depth = map.numbered_rows().position(|(_, seats)| seats.contains(&seat)).unwrap();
        let seat = map.seat(seat).unwrap();
        let square = |length: i64| u128::from(length.unsigned_abs()).pow(2);
        match (&seat.row.x, &seat.row.y) {
            (Some(x), Some(y)) => square(x.at(seat.offset)) + square(y.at(seat.offset)),
            _ => {
                square(2 * i64::from(seat.offset) - i64::from(seat.row.seats) + 1)
                    + 4 * square(i64::try_from(depth).unwrap())
            }
        }
    };
    let mut best = None;
    for first in 0..map.seat_count() {
        let block = first..first + wanted;
        let fits = |seat: SeatIndex| {
            let is_right = |seat: Seat<'_>| within.category.is_none() || seat.category() == within.category.as_deref();
            is_free(seat) && map.seat(seat).is_some_and(is_right) && (seat == first || map.is_beside(seat - 1, seat))
        };
        if !block.clone().all(fits) {
            continue;
        }
        let is_left = |seat: &SeatIndex| is_free(*seat) && !block.contains(seat);
        let singles = (0..map.seat_count()).filter(|seat| is_left(seat) && !beside(*seat).any(|other| is_left(&other)));
        let singles = singles.filter(|seat| beside(*seat).any(|other| block.contains(&other))).count();
        let found = (u32::try_from(singles).unwrap(), block.map(distance).sum::<u128>(), first);
        best = Some(best.map_or(found, |best: (u32, u128, SeatIndex)| best.min(found)));
    }
    best
}

/// A row of any kind: which seats are free, which have an aisle on their right, which are of a category; its first seat's place, the way from seat to seat, and
/// its depth.
type AnyRow = (Vec<(bool, bool, bool)>, Option<(i64, i64, i64)>);

fn any_row() -> impl Strategy<Value = AnyRow> {
    let seat = (any::<bool>(), prop::bool::weighted(0.2), any::<bool>());
    (prop::collection::vec(seat, 1..12), prop::option::of((-9..9_i64, -3..4_i64, -9..9_i64)))
}

proptest! {
    #[test]
    fn the_block_is_the_best_of_all(
        rows in prop::collection::vec(any_row(), 1..6),
        quantity in 1..8_u32,
        has_plan: bool,
        category in prop::option::of(Just("gold".to_owned())),
    ) {
        let count = |seats: usize| u32::try_from(seats).unwrap();
        let map = ('A'..).zip(&rows).map(|(label, (seats, place))| {
            let (x, step, y) = place.unwrap_or_default();
            let aisles = (1..).zip(seats).filter(|(place, (_, aisle, _))| *aisle && *place < count(seats.len())).map(|(place, _)| place);
            let run = |(to, (_, _, is_gold)): (u32, &(bool, bool, bool))| CategoryRun { to, category: is_gold.then(|| "gold".into()) };
            let row = Row::numbered(label, count(seats.len()));
            if !has_plan {
                return row;
            }
            Row {
                x: Some(Places::Even { from: x, step }),
                y: Some(Places::of((0..).zip(seats).map(|(bend, _)| y + bend % 3).collect())),
                aisle_after: aisles.collect(),
                categories: (1..).zip(seats).map(run).collect(),
                ..row
            }
        });
        let map = SeatMap::stored(map.collect()).unwrap();
        let free: Vec<bool> = rows.iter().flat_map(|(seats, _)| seats.iter().map(|(is_free, ..)| *is_free)).collect();
        let is_free = |seat: SeatIndex| free.get(usize::try_from(seat).unwrap()).copied().unwrap_or(false);
        let within = Within { category: category.filter(|_| has_plan), ..Within::default() };
        let choose = |together| BestAvailable::new(quantity, together, within.clone()).unwrap().choose(&map, is_free);
        let expected = reference(&map, &is_free, quantity, &within).map(|(_, _, first)| (first..first + quantity).collect());
        prop_assert_eq!(choose(Together::Required).ok(), expected.clone());
        let is_right = |seat: &Seat<'_>| is_free(seat.index) && (within.category.is_none() || seat.category() == Some("gold"));
        let left = map.seats().filter(is_right).count();
        match choose(Together::Preferred) {
            Ok(seats) => {
                prop_assert!(seats.is_sorted_by(|one, next| one < next) && seats.iter().all(|seat| is_right(&map.seat(*seat).unwrap())));
                prop_assert_eq!(seats.len(), usize::try_from(quantity).unwrap());
                if let Some(block) = expected {
                    prop_assert_eq!(seats, block);
                }
            }
            Err(Rejection::UnknownCategory { .. }) => prop_assert_eq!(left, 0),
            Err(_) => prop_assert!(left < usize::try_from(quantity).unwrap()),
        }
    }
}
