//! An auditorium's seats as a showtime keeps them.

use proptest::prelude::*;
use serde_json::json;

use super::{good, rows};
use crate::domain::{SeatMap, SeatMapError};

#[test]
fn what_follows_a_rule_is_kept_as_the_rule() {
    let house = good(&json!({"name": "House", "focalPoint": {"x": 0, "y": -10},
    "categories": [{"key": "gold", "name": "Gold"}],
    "sections": [{"name": "Stalls", "rows": [
        {"label": "A", "count": 4},
        {"label": "B", "count": 4, "numbering": "odd", "aisleAfter": [2], "category": "gold"},
        {"label": "C", "count": 3, "numbering": "even", "from": "right", "curve": 30},
        {"label": "D", "seats": [
            {"label": "1", "category": "gold"}, {"label": "12A", "kind": "wheelchair"},
            {"label": "12B", "kind": "companion"}, {"label": "4", "note": "behind a pillar"},
        ]},
    ]}]}));
    let map = house.seat_map().unwrap();
    let stored = json!([
        {"row": "A", "seats": 4, "section": "Stalls", "x": {"from": -7500, "step": 5000}, "y": {"from": 1000, "step": 0}},
        {"row": "B", "seats": 4, "section": "Stalls", "labels": {"from": 1, "step": 2}, "x": [-10_000, -5000, 5000, 10_000],
         "y": {"from": 10_000, "step": 0}, "aisleAfter": [2], "categories": [{"to": 4, "category": "gold"}]},
        {"row": "C", "seats": 3, "section": "Stalls", "labels": {"from": 6, "step": -2}, "x": {"from": -5000, "step": 5000},
         "y": [16_000, 19_000, 16_000]},
        {"row": "D", "seats": 4, "section": "Stalls", "labels": ["1", "12A", "12B", "4"], "x": {"from": -7500, "step": 5000},
         "y": {"from": 28_000, "step": 0}, "categories": [{"to": 1, "category": "gold"}, {"to": 4}],
         "special": [{"seat": 2, "kind": "wheelchair"}, {"seat": 3, "kind": "companion", "companionOf": 2},
                     {"seat": 4, "note": "behind a pillar"}]},
    ]);
    assert_eq!(serde_json::to_value(&map).unwrap(), stored);
    assert_eq!(serde_json::from_value::<SeatMap>(stored).unwrap(), map);
    let printed: Vec<String> = (0..map.seat_count()).map(|seat| map.printed(seat).to_string()).collect();
    assert_eq!(printed[5..9].join(", "), "Stalls B3, Stalls B5, Stalls B7, Stalls C6");
    assert_eq!(printed[12], "Stalls D12A");
    let numbers: Vec<u32> = map.seats().map(|seat| seat.number()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 1, 3, 5, 7, 6, 4, 2, 1, 2, 3, 4], "a label that is no number counts by its place");
    assert!(map.is_beside(4, 5) && !map.is_beside(5, 6) && !map.is_beside(3, 4));
}

#[test]
fn without_a_focal_point_it_is_the_middle_of_the_front() {
    let house = good(&rows(&json!([{"label": "A", "count": 2}, {"label": "B", "count": 6}])));
    let stored = serde_json::to_value(house.seat_map().unwrap()).unwrap();
    assert_eq!(stored[0]["x"], json!({"from": -2500, "step": 5000}));
    assert_eq!((&stored[0]["y"], &stored[1]["y"]), (&json!({"from": 0, "step": 0}), &json!({"from": 9000, "step": 0})));
}

#[test]
fn areas_come_after_all_rows_and_are_placed_around_the_focal_point() {
    let mut plan = rows(&json!([{"label": "A", "count": 2}]));
    plan["focalPoint"] = json!({"x": 10, "y": -20});
    plan["categories"] = json!([{"key": "floor", "name": "Floor"}]);
    plan["areas"] = json!([
        {"label": "Standing", "capacity": 500, "category": "floor", "x": 0, "y": 100, "width": 40, "height": 30},
        {"label": "Lawn", "capacity": 9},
    ]);
    let map = good(&plan).seat_map().unwrap();
    let stored = serde_json::to_value(&map).unwrap();
    assert_eq!(
        stored[1],
        json!({"row": "Standing", "seats": 500, "categories": [{"to": 500, "category": "floor"}],
        "area": {"x": -1000, "y": 12_000, "width": 4000, "height": 3000}})
    );
    assert_eq!(stored[2], json!({"row": "Lawn", "seats": 9, "area": {}}));
    assert_eq!(serde_json::from_value::<SeatMap>(stored).unwrap(), map);
    let areas: Vec<_> = map.areas().map(|(area, places)| (area.row.as_str(), places)).collect();
    assert_eq!(areas, [("Standing", 2..502), ("Lawn", 502..511)]);
    assert_eq!(map.area("Lawn").map(|(_, places)| places), Some(502..511));
    assert_eq!((map.area("A"), map.area("lawn")), (None, None));
    assert_eq!([1, 2, 510].map(|place| map.printed(place).to_string()), ["Stalls A2", "Standing 1", "Lawn 9"]);
    assert_eq!(map.seat(501).unwrap().category(), Some("floor"));
    assert!(map.is_beside(0, 1) && !map.is_beside(2, 3), "places have no neighbours");
}

#[test]
fn an_auditorium_of_areas_only_can_be_sold() {
    let house = good(&json!({"name": "Field", "sections": [], "areas": [{"label": "Lawn", "capacity": 9}]}));
    assert_eq!(house.seat_map().unwrap().seat_count(), 9);
    let house = good(&json!({"name": "Field", "sections": [], "areas": [{"label": "Lawn", "capacity": 200_001}]}));
    assert_eq!(house.seat_map().unwrap_err(), SeatMapError::TooManySeats);
}

proptest! {
    #[test]
    fn every_seat_is_where_and_what_it_is_in_the_auditorium(
        labels in prop::collection::vec(prop::collection::btree_set("[0-9A-C]{1,3}", 1..9), 1..5),
        aisle in 1..9_usize,
        curve in 0..90_i32,
    ) {
        let listed = labels.iter().enumerate().map(|(row, labels)| {
            let seats: Vec<_> = labels.iter().map(|label| json!({"label": label})).collect();
            let aisles: Vec<usize> = Some(aisle).filter(|aisle| *aisle < labels.len()).into_iter().collect();
            json!({"label": format!("R{row}"), "seats": seats, "aisleAfter": aisles, "curve": curve})
        });
        let house = good(&rows(&listed.collect::<Vec<_>>().into()));
        let map = house.seat_map().unwrap();
        prop_assert_eq!(map.seat_count(), house.seat_count());
        let text = serde_json::to_string(&map).unwrap();
        prop_assert_eq!(&serde_json::from_str::<SeatMap>(&text).unwrap(), &map);
        let origin = {
            let (seat, point) = (map.seat(0).unwrap(), house.seat(0).unwrap().point);
            (seat.row.x.as_ref().unwrap().at(0) - i64::from(point.x.hundredths()), seat.row.y.as_ref().unwrap().at(0) - i64::from(point.y.hundredths()))
        };
        for seat in map.seats() {
            let known = house.seat(seat.index).unwrap();
            prop_assert_eq!(seat.label(), known.name.label);
            prop_assert_eq!(map.printed(seat.index).to_string(), known.name.to_string());
            let (x, y) = (seat.row.x.as_ref().unwrap().at(seat.offset), seat.row.y.as_ref().unwrap().at(seat.offset));
            let point = known.point;
            prop_assert_eq!((x - origin.0, y - origin.1), (i64::from(point.x.hundredths()), i64::from(point.y.hundredths())));
            let beside = seat.offset > 0 && house.seat(seat.index - 1).unwrap().adjacency + 1 == known.adjacency;
            prop_assert_eq!(seat.index > 0 && map.is_beside(seat.index - 1, seat.index), beside);
        }
    }
}
