//! The rules of best available, by examples.

use serde_json::json;

use super::*;
use crate::domain::Row;

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
fn companions_seats_go_with_their_places() {
    let companion = |seat: u32, of: u32| json!({"seat": seat, "kind": "companion", "companionOf": of});
    // In the middle a wheelchair place among seats for everybody; far to the right one with two companions' seats.
    let map = plan(json!([
        {"row": "A", "seats": 13, "section": "Stalls", "x": {"from": -350, "step": 100}, "y": {"from": 0, "step": 0}, "special": [
            {"seat": 4, "kind": "wheelchair"}, companion(9, 10), {"seat": 10, "kind": "wheelchair"}, companion(11, 10),
        ]},
    ]));
    let within = |companions| Within { accessible: 1, companions, ..Within::default() };
    let said = |quantity, companions| chosen(&map, &[], quantity, within(companions)).unwrap();
    // Without a number companions' seats are preferred; with one there are no fewer, and no more where that can be had.
    assert_eq!(said(2, None), "Stalls row A 9-10, together, no single seat left");
    assert_eq!(said(3, None), "Stalls row A 9-11, together, no single seat left");
    assert_eq!(said(2, Some(0)), "Stalls row A 4-5, together, no single seat left");
    assert_eq!(said(2, Some(1)), "Stalls row A 9-10, together, no single seat left");
    assert_eq!(said(3, Some(1)), "Stalls row A 8-10, together, no single seat left");
    assert_eq!(said(4, Some(2)), "Stalls row A 8-11, together, no single seat left");
    // Those beside a place that is taken are nobody's.
    let refused = |taken: &[SeatIndex], quantity, companions| chosen(&map, taken, quantity, within(companions));
    assert_eq!(refused(&[8], 3, Some(2)), Err(Rejection::TooFewCompanions { wanted: 2, left: 1 }));
    assert_eq!(refused(&[9], 2, Some(1)), Err(Rejection::TooFewCompanions { wanted: 1, left: 0 }));
    assert_eq!(refused(&[3, 9], 2, Some(1)), Err(Rejection::TooFewAccessible { wanted: 1, left: 0 }));
    let two = Within { accessible: 2, ..within(Some(2)) };
    assert_eq!(chosen(&map, &[], 4, two), Err(Rejection::NotTogether { wanted: 4, longest: 13 }));

    let new = |quantity, within| BestAvailable::new(quantity, Together::Required, within);
    assert_eq!(new(2, within(Some(2))), None, "more than there are seats beside the wheelchair place");
    assert_eq!(new(2, Within { accessible: 0, ..within(Some(1)) }), None, "whose companions?");
    assert!(new(2, Within { accessible: 0, ..within(Some(0)) }).is_some());
}

#[test]
fn companions_seats_are_for_everybody_when_wheelchair_places_are() {
    let map = plan(json!([{"row": "A", "seats": 4, "section": "Stalls", "special": [
        {"seat": 1, "kind": "wheelchair"}, {"seat": 2, "kind": "companion", "companionOf": 1}, {"seat": 4, "kind": "wheelchair"},
    ]}]));
    let ask = |quantity, accessible, is_released, taken: &[SeatIndex]| {
        let within = Within { accessible, accessible_for_all: is_released, ..Within::default() };
        chosen(&map, taken, quantity, within)
    };
    assert_eq!(ask(2, 0, false, &[]), Err(Rejection::TooFewSeats { wanted: 2, left: 1 }));
    assert_eq!(ask(2, 0, true, &[]).unwrap(), "Stalls row A 2-3, together, no single seat left");
    // A group with a wheelchair place may have the companion's seat of another place, and one more wheelchair place.
    assert_eq!(ask(3, 1, false, &[0]), Err(Rejection::NotTogether { wanted: 3, longest: 3 }));
    assert_eq!(ask(3, 1, true, &[0]).unwrap(), "Stalls row A 2-4, together, no single seat left");
    assert_eq!(ask(4, 1, false, &[]), Err(Rejection::NotTogether { wanted: 4, longest: 4 }));
    assert_eq!(ask(4, 1, true, &[]).unwrap(), "Stalls row A 1-4, together, no single seat left");
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
