//! Seating plans of pretix: a plan as an editor writes it, and what is written for pretix to read.

use serde_json::{Value, json};

use super::{adjacencies, good};
use crate::domain::auditorium::{Auditorium, PlanError, pretix};

fn read(plan: &Value) -> Result<Auditorium, PlanError<serde_json::Error>> {
    pretix::read(&mut serde_json::Deserializer::from_str(&plan.to_string()))
}

fn seat(number: &str, x: i32, category: &str) -> Value {
    json!({"seat_guid": format!("g-{number}-{x}-{category}"), "seat_number": number, "uuid": "1b", "category": category,
        "radius": 8, "position": {"x": x, "y": 0}})
}

/// Two sides of a row with an aisle between them, a hidden zone of drawings, and what editors add.
fn plan() -> Value {
    json!({"name": "Stadttheater", "size": {"width": 800, "height": 600}, "version": "x",
    "categories": [{"name": "Parkett", "color": "#7f4a91"}, {"name": "Rang", "color": "purple"}],
    "zones": [
        {"name": "Ground floor", "zone_id": "gf", "uuid": "77", "displayed": true, "position": {"x": 100, "y": 50},
         "rows": [
            {"row_number": "A", "row_number_position": "both", "position": {"x": 0, "y": 0},
             "seats": [seat("1", 0, "Parkett"), seat("2", 25, "Parkett"), seat("3", 50, "Parkett")]},
            {"row_number": "B", "position": {"x": 0, "y": 25}, "seats": [seat("1", 0, "Rang"), seat("2", 60, "")]},
            {"row_number": "A", "position": {"x": 125, "y": 0}, "seats": [seat("4", 0, "Parkett"), seat("5", 25, "Parkett")]},
            {"row_number": "empty", "seats": []}],
         "areas": [{"shape": "rectangle", "width": 9, "height": 9, "position": {"x": 0, "y": 0}, "text": {"text": "Bar"}}]},
        {"position": {"x": 0, "y": 0}, "rows": [], "areas": []},
        {"position": {"x": 0, "y": 300}, "rows": [{"row_number": "1", "seats": [seat("1", 7, "Rang")]}]},
    ]})
}

#[test]
fn a_plan_of_an_editor_becomes_sections_rows_and_seats() {
    let house = read(&plan()).unwrap();
    assert_eq!(house.name(), "Stadttheater");
    assert_eq!(adjacencies(&house), ["1@1 2@2 3@3 4@5 5@6", "1@1 2@2", "1@1"]);
    let seat = house.seat(house.find("Ground floor", "A", "5").unwrap()).unwrap();
    assert_eq!((seat.point.x.units(), seat.point.y.units()), (250.0, 50.0));
    assert_eq!((seat.guid, seat.category.unwrap().key.as_str()), (Some("g-5-25-Parkett"), "Parkett"));
    assert_eq!(seat.category.unwrap().colour.as_ref().unwrap().as_str(), "#7f4a91");
    assert_eq!(house.categories()[1].colour, None);
    assert_eq!(house.seat(6).unwrap().category, None);
    assert_eq!(house.sections().map(|section| section.name).collect::<Vec<_>>(), ["Ground floor", "Zone 3"]);
    assert_eq!(house.areas(), []);
}

#[test]
fn faults_point_into_the_plan_that_was_sent() {
    let mut wrong = plan();
    wrong["zones"][0]["rows"][2]["seats"][1]["seat_number"] = json!("2");
    wrong["zones"][0]["rows"][1]["seats"][0]["category"] = json!("Loge");
    wrong["zones"][2]["rows"][0]["seats"][0] = json!({"seat_guid": "g-1-0-Parkett", "seat_number": 7});
    let Err(PlanError::Faults(faults)) = read(&wrong) else { panic!("it was taken") };
    let told: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
    assert_eq!(
        told,
        [
            "/zones/0/rows/2/seats/1/seat_number: section Ground floor, row A: seat 2 is listed twice",
            "/zones/2/rows/0/seats/0/position: is missing",
            "/zones/2/rows/0/seats/0/seat_number: must be a string, not a number",
            "/zones/2/rows/0/seats/0/seat_number: is missing",
            "/zones/2/rows/0/seats/0/seat_guid: g-1-0-Parkett is there twice",
            "/zones/0/rows/1/seats/0/category: category Loge is not among the categories",
        ]
    );
}

/// The object has the members that pretix needs, and none that its schema refuses.
#[track_caller]
fn has(value: &Value, needed: &[&str], optional: &[&str]) {
    let object = value.as_object().unwrap();
    assert!(needed.iter().all(|name| object.contains_key(*name)), "{needed:?} in {value}");
    assert!(object.keys().all(|name| needed.contains(&name.as_str()) || optional.contains(&name.as_str())), "{value}");
}

#[track_caller]
fn is_position(value: &Value) {
    has(value, &["x", "y"], &[]);
    assert!(value["x"].is_i64() && value["y"].is_i64(), "{value}");
}

/// What its schema asks for.
fn check(plan: &Value) {
    has(plan, &["name", "zones", "categories"], &["size"]);
    assert!(plan["size"]["width"].as_i64().unwrap() > 0 && plan["size"]["height"].as_i64().unwrap() > 0);
    plan["categories"].as_array().unwrap().iter().for_each(|category| has(category, &["name"], &["color"]));
    let mut guids = std::collections::HashSet::new();
    for zone in plan["zones"].as_array().unwrap() {
        has(zone, &["position", "rows"], &["name", "displayed", "areas"]);
        is_position(&zone["position"]);
        for area in zone["areas"].as_array().into_iter().flatten() {
            has(area, &["width", "height", "position"], &["color", "border_color", "rotation", "text"]);
            is_position(&area["position"]);
            assert!(area["width"].is_i64() && area["height"].is_i64() && area["text"].is_string());
        }
        for row in zone["rows"].as_array().unwrap() {
            has(row, &["seats", "row_number"], &["number_of_seats", "seats_spacing", "position"]);
            assert!(row["row_number"].is_string());
            for seat in row["seats"].as_array().unwrap() {
                has(seat, &["seat_guid", "seat_number", "position", "category"], &[]);
                assert!(
                    seat["seat_guid"].is_string() && seat["seat_number"].is_string() && seat["category"].is_string()
                );
                assert!(guids.insert(seat["seat_guid"].as_str().unwrap().to_owned()), "{seat}");
                is_position(&seat["position"]);
            }
        }
    }
}

#[test]
fn what_is_written_is_a_plan_that_pretix_takes() {
    let house = good(&json!({"name": "House", "categories": [{"key": "a", "name": "Best", "colour": "#aabbcc"}],
        "areas": [{"label": "Standing", "capacity": 50}, {"label": "Bar", "capacity": 5, "x": -300.5, "y": 10, "width": 0.2, "height": 7.5}],
        "sections": [{"name": "Stalls", "category": "a", "rows": [{"label": "A", "count": 3, "curve": 12.34},
            {"label": "B", "seats": [{"label": "1", "guid": "known"}, {"label": "2"}]}]}]}));
    let plan = serde_json::to_value(pretix::Plan::of(&house)).unwrap();
    check(&plan);
    assert_eq!(plan["zones"][0]["position"], json!({"x": 351, "y": 62}));
    assert_eq!(plan["zones"][0]["rows"][1]["seats"][0]["seat_guid"], "known");
    let again = read(&plan).unwrap();
    let labels = |house: &Auditorium| {
        (0..house.seat_count()).map(|seat| house.seat(seat).unwrap().name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(labels(&again), labels(&house));
    assert_eq!(again.seat(0).unwrap().category.unwrap().key, "a");
}

#[test]
fn a_plan_that_was_read_is_written_as_it_was_meant() {
    let house = read(&plan()).unwrap();
    let plan = serde_json::to_value(pretix::Plan::of(&house)).unwrap();
    check(&plan);
    assert_eq!(read(&plan).unwrap(), house);
}
