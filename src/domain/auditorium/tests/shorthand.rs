//! Shorthand: rows as a count and a numbering, placed where nothing is said; and its canonical form.

use crate::domain::SeatKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{adjacencies, good, read, rows};

#[test]
fn a_row_is_a_label_a_count_and_a_numbering() {
    let house = good(&rows(&json!([
        {"label": "A", "count": 4},
        {"label": "B", "count": 4, "numbering": "odd", "aisleAfter": [2]},
        {"label": "C", "count": 3, "numbering": "even", "from": "right"},
        {"label": "D", "count": 2, "numbering": "letters", "first": 27},
        {"label": "E", "count": 2, "first": 101},
        {"label": "F", "seats": [
            {"count": 2, "numbering": "odd", "from": "right"},
            {"label": "12A", "kind": "wheelchair"},
            {"count": 2, "numbering": "even", "kind": "restrictedView", "note": "behind a pillar"},
        ], "aisleAfter": [2, 3]},
    ])));
    assert_eq!(
        adjacencies(&house),
        ["1@1 2@2 3@3 4@4", "1@1 3@2 5@4 7@5", "6@1 4@2 2@3", "AA@1 AB@2", "101@1 102@2", "3@1 1@2 12A@4 2@6 4@7"]
    );
    let seat = house.seat(house.find("Stalls", "F", "4").unwrap()).unwrap();
    assert_eq!((seat.kind, seat.note), (SeatKind::RestrictedView, Some("behind a pillar")));
    assert_eq!(seat.name.to_string(), "Stalls F4");
}

#[test]
fn rows_and_sections_stand_behind_each_other_and_curves_bend_to_the_stage() {
    let house = good(&json!({"name": "House", "sections": [
        {"name": "Stalls", "rows": [
            {"label": "1", "count": 3}, {"label": "2", "count": 3, "curve": 30}, {"label": "3", "count": 2, "aisleAfter": [1]},
        ]},
        {"name": "Circle", "rows": [{"label": "1", "count": 1}]},
        {"name": "Box", "x": 900, "y": 100.25, "rows": [{"label": "1", "count": 1}, {"label": "2", "count": 1, "x": 950, "y": 40}]},
    ]}));
    let points: Vec<_> = (0..house.seat_count())
        .map(|index| house.seat(index).unwrap().point)
        .map(|point| (point.x.units(), point.y.units()))
        .collect();
    let stalls = [
        (-50.0, 0.0),
        (0.0, 0.0),
        (50.0, 0.0),
        (-50.0, 60.0),
        (0.0, 90.0),
        (50.0, 60.0),
        (-50.0, 180.0),
        (50.0, 180.0),
    ];
    assert_eq!(points[..8], stalls);
    assert_eq!(points[8..], [(0.0, 360.0), (900.0, 100.25), (950.0, 40.0)]);
    assert_eq!(house.seat(8).unwrap().name.to_string(), "Circle 1-1");
}

#[test]
fn the_canonical_form_has_no_shorthand_and_reads_as_the_same_house() {
    let plan = json!({"name": " Le  Caf\u{65}\u{301} ", "$schema": "/schemas/auditorium-1.json",
        "focalPoint": {"x": 0, "y": -300.5},
        "areas": [{"label": "Standing", "capacity": 300, "category": "b", "x": -500, "y": 0, "width": 100, "height": 50.255}],
        "sections": [{"rows": [
            {"seats": [{"label": "1"}, {"label": "2", "kind": "wheelchair"}, {"label": "3", "kind": "companion"}], "label": "A", "aisleAfter": 1},
            {"label": "B", "category": "b", "count": 2},
        ], "category": "a", "name": "Stalls"}],
        "categories": [{"key": "a", "name": "Best", "colour": "#ABC"}, {"key": "b", "name": "Other", "colour": null}]});
    let house = good(&plan);
    let canonical = serde_json::to_value(&house).unwrap();
    let seat = |label: &str, x: i64, y: i64| json!({"label": label, "x": x, "y": y});
    assert_eq!(
        canonical,
        json!({"name": "Le Café", "focalPoint": {"x": 0, "y": -300.5},
        "categories": [{"key": "a", "name": "Best", "colour": "#aabbcc"}, {"key": "b", "name": "Other"}],
        "sections": [{"name": "Stalls", "rows": [
            {"label": "A", "category": "a", "seats": [seat("1", -75, 0),
                {"label": "2", "x": 25, "y": 0, "adjacency": 3, "kind": "wheelchair"},
                {"label": "3", "x": 75, "y": 0, "kind": "companion", "companionOf": "2"}]},
            {"label": "B", "category": "b", "seats": [seat("1", -25, 90), seat("2", 25, 90)]}]}],
        "areas": [{"label": "Standing", "capacity": 300, "category": "b", "x": -500, "y": 0, "width": 100, "height": 50.26}]})
    );
    assert_eq!(read(&serde_json::to_string(&house).unwrap()).unwrap(), house);
    assert_eq!((house.seat_count(), house.place_count()), (5, 305));
    let companion = house.seat(2).unwrap();
    assert_eq!((companion.companion_of, companion.category.unwrap().name.as_str()), (Some(1), "Best"));
}

/// A row in some form of the shorthand, or with seats one by one.
fn row() -> impl Strategy<Value = Value> {
    let style = prop_oneof![Just("all"), Just("odd"), Just("even"), Just("letters")];
    let side = prop_oneof![Just("left"), Just("right")];
    let run = (1..30_u32, style, side, 0..3_u32, -50..50_i32).prop_map(|(count, numbering, from, aisle, curve)| {
        let aisles: Vec<u32> = (1..count).filter(|after| aisle > 0 && after % (aisle * 7) == 0).collect();
        json!({"count": count, "numbering": numbering, "from": from, "aisleAfter": aisles, "curve": curve})
    });
    let seat = (prop::option::of("[a-zà-ÿ가-힣😀]{1,4}"), 0..4_usize, 1..4_u32, prop::option::of("c[12]"));
    let list =
        (prop::collection::vec(seat, 1..12), prop::bool::ANY).prop_map(|(seats, placed)| {
            let mut adjacency = 0;
            let seats: Vec<Value> = seats.into_iter().enumerate().map(|(place, (label, kind, step, category))| {
            adjacency += step;
            let kind = if place == 0 { SeatKind::Wheelchair } else { SeatKind::ALL[kind] };
            let mut seat = json!({"label": format!("{}{place}", label.unwrap_or_default()), "adjacency": adjacency,
                "kind": kind.as_str(), "category": category});
            if placed {
                (seat["x"], seat["y"]) = (json!(f64::from(adjacency) * 12.345), json!(-7));
            }
            seat
        }).collect();
            json!({"seats": seats})
        });
    prop_oneof![run, list]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_house_reads_back_from_its_canonical_form(
        sections in prop::collection::vec(prop::collection::vec(row(), 1..6), 1..4),
        with_area in prop::bool::ANY,
    ) {
        let sections: Vec<Value> = sections.into_iter().enumerate().map(|(number, rows)| {
            let rows: Vec<Value> = rows.into_iter().enumerate().map(|(number, mut row)| {
                row["label"] = json!(format!("R{number}"));
                row
            }).collect();
            json!({"name": format!("S{number}"), "rows": rows})
        }).collect();
        let areas = if with_area { json!([{"label": "Area", "capacity": 7}]) } else { json!(null) };
        let plan = json!({"name": "House", "sections": sections, "areas": areas,
            "categories": [{"key": "c1", "name": "One"}, {"key": "c2", "name": "Two"}]});
        let house = good(&plan);
        let text = serde_json::to_string(&house).unwrap();
        let again = read(&text).unwrap();
        prop_assert_eq!(&again, &house);
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
        for index in 0..house.seat_count() {
            let seat = house.seat(index).unwrap();
            prop_assert_eq!(house.find(seat.name.section, seat.name.row, seat.name.label), Some(index));
            prop_assert_eq!(seat.kind == SeatKind::Companion, seat.companion_of.is_some());
        }
        prop_assert!(house.keeps_seats_of(&again));
    }
}
