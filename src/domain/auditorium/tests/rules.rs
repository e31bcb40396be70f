//! Rules: what is refused, where, and in which words.

use serde_json::json;

use super::{faults, good, rows};

#[test]
fn labels_are_unique_in_their_row_as_people_see_them() {
    let plan = json!({"name": "House", "sections": [{"name": "Parkett", "rows": [{"label": "A", "seats": [
        {"label": "12"}, {"label": "13"}, {"label": " 12 "}, {"label": "e\u{301}"}, {"label": "é"}, {"label": "☎\u{FE0F}"}, {"label": "☎"},
    ]}]}]});
    assert_eq!(
        faults(&plan.to_string()),
        [
            "/sections/0/rows/0/seats/2/label: section Parkett, row A: seat 12 is listed twice",
            "/sections/0/rows/0/seats/4/label: section Parkett, row A: seat é is listed twice",
            "/sections/0/rows/0/seats/6/label: section Parkett, row A: seat ☎ is listed twice",
        ]
    );
    let house = good(&json!({"name": "House", "sections": [
        {"name": "Left", "rows": [{"label": "A", "count": 2}, {"label": "B", "count": 2}]},
        {"name": "Right", "rows": [{"label": "A", "count": 2}]},
    ]}));
    assert_eq!(house.find("Right", " A", "2"), Some(5));
    assert_eq!(house.find("Right", "B", "2"), None);
    assert_eq!(house.find("right", "A", "2"), None);
}

#[test]
fn rows_sections_categories_and_areas_are_unique_too() {
    let plan = json!({"name": "House",
        "sections": [
            {"name": "Stalls", "rows": [{"label": "A", "count": 1}, {"label": "A", "count": 1}]},
            {"name": "Stalls", "rows": [{"label": "A", "count": 1}]},
        ],
        "categories": [{"key": "a", "name": "A"}, {"key": "a ", "name": "B"}],
        "areas": [{"label": "x", "capacity": 1}, {"label": "x", "capacity": 1}]});
    let mut told = faults(&plan.to_string());
    told.sort();
    assert_eq!(
        told,
        [
            "/areas/1/label: area x is listed twice",
            "/categories/1/key: category a is listed twice",
            "/sections/0/rows/1/label: section Stalls, row A is listed twice",
            "/sections/1/name: section Stalls is listed twice",
        ]
    );
}

#[test]
fn what_is_missing_or_of_another_type_is_named() {
    for (plan, told) in [
        (json!({}), vec!["/name: is missing"]),
        (json!({"name": "House"}), vec![": there is neither a seat nor an area"]),
        (
            json!({"name": 5, "areas": 7}),
            vec![
                "/areas: must be a list of areas, not a number",
                "/name: must be a string, not a number",
                "/name: is missing",
            ],
        ),
        (json!([]), vec![": must be an object, not a list"]),
        (json!("x"), vec![": must be an object, not a string"]),
        (rows(&json!([{"label": "A"}])), vec!["/sections/0/rows/0/label: section Stalls, row A has no seats"]),
        (
            rows(&json!([{"label": "A", "count": 0}])),
            vec!["/sections/0/rows/0/label: section Stalls, row A has no seats"],
        ),
        (rows(&json!([])), vec!["/sections/0/name: section Stalls has no rows"]),
        (rows(&json!([null])), vec!["/sections/0/rows/0: must be an object, not null"]),
        (rows(&json!([{"count": 1}])), vec!["/sections/0/rows/0/label: is missing"]),
        (
            rows(&json!([{"label": "A", "count": 1.5}, {"label": "B", "numbering": "odd"}])),
            vec![
                "/sections/0/rows/0/count: must be a whole number from 0 to 200000",
                "/sections/0/rows/0/label: section Stalls, row A has no seats",
                "/sections/0/rows/1/count: is missing",
                "/sections/0/rows/1/label: section Stalls, row B has no seats",
            ],
        ),
        (
            rows(&json!([{"label": "A", "count": 2, "numbering": "even", "first": 3}])),
            vec![
                "/sections/0/rows/0/first: must be an even number, as the numbering is",
                "/sections/0/rows/0/label: section Stalls, row A has no seats",
            ],
        ),
        (
            rows(&json!([{"label": "A", "count": 2, "aisleAfter": [2]}])),
            vec!["/sections/0/rows/0/aisleAfter: section Stalls, row A: no aisle can be after seat number 2 of 2"],
        ),
        (
            rows(&json!([{"label": "A", "count": 2, "seats": []}])),
            vec![
                "/sections/0/rows/0/seats: is there besides a count: a row is a list of seats or a count",
                "/sections/0/rows/0/label: section Stalls, row A has no seats",
            ],
        ),
        (
            json!({"name": "House", "areas": [{"label": "x", "capacity": 0, "category": "vip"}]}),
            vec![
                "/areas/0/capacity: must be a whole number from 1 to 1000000",
                "/areas/0/category: category vip is not among the categories",
            ],
        ),
    ] {
        let found = faults(&plan.to_string());
        for told in &told {
            assert!(found.iter().any(|found| found == told), "{told} is not told of {plan}: {found:?}");
        }
        assert!(found.len() <= told.len() + 1, "{plan}: {found:?}");
    }
}

#[test]
fn positions_are_of_all_seats_of_a_row_or_of_none() {
    let plan = rows(&json!([
        {"label": "A", "seats": [{"label": "1", "x": 0, "y": 0}, {"label": "2"}]},
        {"label": "B", "seats": [{"label": "1", "x": 0}]},
        {"label": "C", "seats": [{"label": "1", "x": 0, "y": 20_000_001}]},
    ]));
    assert_eq!(
        faults(&plan.to_string()),
        [
            "/sections/0/rows/0/seats/1/label: section Stalls, row A: seat 2 has no position, though others of its row have one",
            "/sections/0/rows/1/seats/0/y: is missing: a position has x and y",
            "/sections/0/rows/2/seats/0/y: must be a number from -20000000 to 20000000",
        ]
    );
}

#[test]
fn adjacency_ascends_from_left_to_right() {
    let seat = |adjacency: u32| json!({"label": adjacency.to_string(), "adjacency": adjacency});
    let plan = rows(&json!([{"label": "A", "seats": [seat(3), seat(2)]}]));
    let told = faults(&plan.to_string());
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("/sections/0/rows/0/seats/1/adjacency: section Stalls, row A: seat 2 has adjacency 2"),
        "{told:?}"
    );
}

#[test]
fn a_companion_belongs_to_a_wheelchair_place_of_its_row() {
    let companion = |of: serde_json::Value| json!({"label": "c", "kind": "companion", "companionOf": of});
    let place = |label: &str| json!({"label": label, "kind": "wheelchair"});
    let house = good(&rows(&json!([
        {"label": "A", "seats": [place("w1"), {"label": "1"}, companion(json!(null)), place("w2")]},
        {"label": "B", "seats": [place("w1"), {"label": "1"}, companion(json!("w1")), place("w2")]},
    ])));
    assert_eq!(house.seat(2).unwrap().companion_of, Some(3));
    assert_eq!(house.seat(6).unwrap().companion_of, Some(4));
    let plan = rows(&json!([
        {"label": "A", "seats": [{"label": "1"}, companion(json!("1"))]},
        {"label": "B", "seats": [companion(json!(null))]},
        {"label": "C", "seats": [place("w"), {"label": "1", "companionOf": "w"}]},
    ]));
    let told = "/companionOf: section Stalls, row";
    assert_eq!(
        faults(&plan.to_string()),
        [
            format!(
                "/sections/0/rows/0/seats/1{told} A: seat c is a companion's, but no wheelchair place of the row is called 1"
            ),
            format!(
                "/sections/0/rows/1/seats/0{told} B: seat c is a companion's, but no wheelchair place is in the row"
            ),
            format!("/sections/0/rows/2/seats/1{told} C: seat 1 is no companion's seat"),
        ]
    );
}

#[test]
fn a_change_of_attributes_keeps_the_seats_and_a_move_does_not() {
    let seat = |label: &str, x: i32| json!({"label": label, "x": x, "y": 0});
    let plan = |seats: serde_json::Value, capacity: u32| {
        let mut plan = rows(&json!([{"label": "A", "seats": seats}]));
        plan["areas"] = json!([{"label": "x", "capacity": capacity}]);
        good(&plan)
    };
    let before = plan(json!([seat("1", 0), seat("2", 50)]), 5);
    let mut noted = seat("2", 50);
    (noted["kind"], noted["note"]) = (json!("restrictedView"), json!("pillar"));
    assert!(plan(json!([seat("1", 0), noted]), 5).keeps_seats_of(&before));
    assert!(!plan(json!([seat("1", 0), seat("2", 51)]), 5).keeps_seats_of(&before));
    assert!(!plan(json!([seat("1", 0), seat("3", 50)]), 5).keeps_seats_of(&before));
    assert!(!plan(json!([seat("1", 0), seat("2", 50)]), 6).keeps_seats_of(&before));
    assert!(!plan(json!([seat("1", 0)]), 5).keeps_seats_of(&before));
}
