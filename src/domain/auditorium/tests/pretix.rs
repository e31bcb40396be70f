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

/// The object has the members that pretix needs, and none that it refuses.
#[track_caller]
fn has(value: &Value, needed: &[&str], optional: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    assert!(needed.iter().all(|name| object.contains_key(*name)), "{needed:?} in {value}");
    assert!(object.keys().all(|name| needed.contains(&name.as_str()) || optional.contains(&name.as_str())), "{value}");
}

#[track_caller]
fn is_position(value: &Value) {
    has(value, &["x", "y"], &[]);
    assert!(value["x"].is_number() && value["y"].is_number(), "{value}");
}

#[track_caller]
fn is_size(value: &Value) {
    has(value, &["width", "height"], &[]);
    assert!(value["width"].as_i64().unwrap() > 0 && value["height"].as_i64().unwrap() > 0, "{value}");
}

#[track_caller]
fn is_colour(value: &Value) {
    let digits = value.as_str().unwrap().strip_prefix('#').unwrap();
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{value}");
}

/// What pretix asks of an area that is a rectangle with a label.
fn check_area(area: &Value) {
    has(area, &["shape", "position", "rectangle", "text"], &["color", "border_color", "rotation", "uuid"]);
    assert_eq!(area["shape"], "rectangle");
    is_position(&area["position"]);
    is_size(&area["rectangle"]);
    is_colour(&area["color"]);
    is_colour(&area["border_color"]);
    assert!(area["rotation"].is_number(), "{area}");
    has(&area["text"], &["text", "position"], &["color", "size"]);
    is_position(&area["text"]["position"]);
    is_colour(&area["text"]["color"]);
    assert!(area["text"]["text"].is_string() && area["text"]["size"].is_number(), "{area}");
}

/// What pretix asks of a plan: its schema, and that the ids of seats are unique.
fn check(plan: &Value) {
    has(plan, &["name", "zones", "categories", "size"], &[]);
    is_size(&plan["size"]);
    for category in plan["categories"].as_array().unwrap() {
        has(category, &["name"], &["color"]);
        category.get("color").into_iter().for_each(is_colour);
    }
    let mut guids = std::collections::HashSet::new();
    for zone in plan["zones"].as_array().unwrap() {
        // Its importer reads the name, too.
        has(zone, &["name", "position", "rows"], &["zone_id", "uuid", "areas"]);
        is_position(&zone["position"]);
        zone["areas"].as_array().into_iter().flatten().for_each(check_area);
        for row in zone["rows"].as_array().unwrap() {
            has(row, &["seats", "row_number"], &["row_label", "seat_label", "uuid", "row_number_position", "position"]);
            assert!(row["row_number"].is_string());
            is_position(&row["position"]);
            for seat in row["seats"].as_array().unwrap() {
                has(
                    seat,
                    &["seat_guid", "seat_number", "position", "category"],
                    &["uuid", "start_direction", "radius"],
                );
                assert!(seat["seat_number"].is_string() && seat["category"].is_string());
                let guid = seat["seat_guid"].as_str().unwrap();
                assert!(guid.chars().count() >= 2 && guid.trim_matches(' ') == guid && !guid.contains('\n'), "{seat}");
                assert!(guids.insert(guid.to_owned()), "{seat}");
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

/// The ids that seats with these ids of ours have there.
fn guids(given: &[Option<&str>]) -> Vec<String> {
    let seats: Vec<Value> =
        given.iter().zip(1..).map(|(guid, label)| json!({"label": label.to_string(), "guid": guid})).collect();
    let house = good(&super::rows(&json!([{"label": "A", "seats": seats}])));
    let plan = serde_json::to_value(pretix::Plan::of(&house)).unwrap();
    check(&plan);
    let seats = plan["zones"][0]["rows"][0]["seats"].as_array().unwrap();
    seats.iter().map(|seat| seat["seat_guid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_seat_without_an_id_that_pretix_takes_gets_one_that_no_other_has() {
    assert_eq!(guids(&[None, Some("g")]), ["turnstile-0", "turnstile-1"]);
    assert_eq!(guids(&[Some("🎭"), Some("🎭🎭")]), ["turnstile-0", "🎭🎭"]);
    assert_eq!(guids(&[None, Some("turnstile-0"), None]), ["turnstile--0", "turnstile-0", "turnstile--2"]);
    assert_eq!(guids(&[None, Some("turnstile--0"), Some("x y")]), ["turnstile---0", "turnstile--0", "x y"]);
}

#[test]
fn an_area_is_a_rectangle_with_its_label_in_the_middle() {
    let house = good(&json!({"name": "🎭 Zürich", "categories": [{"key": "東京", "colour": "#ABC"}, {"key": "نمط"}],
        "areas": [{"label": "العربية नमस्ते", "capacity": 50, "category": "東京", "x": 10, "y": 20, "width": 60, "height": 30},
            {"label": "Bar", "capacity": 5, "category": "نمط"}]}));
    let plan = serde_json::to_value(pretix::Plan::of(&house)).unwrap();
    check(&plan);
    assert_eq!(plan["categories"], json!([{"name": "東京", "color": "#aabbcc"}, {"name": "نمط"}]));
    let text = json!({"text": "العربية नमस्ते", "position": {"x": 30, "y": 15}, "color": "#333333", "size": 16});
    let rectangle = json!({"width": 60, "height": 30});
    let area = json!({"shape": "rectangle", "position": {"x": 10, "y": 20}, "rectangle": rectangle, "color": "#aabbcc",
        "border_color": "#888888", "rotation": 0, "text": text});
    assert_eq!(plan["zones"][0]["areas"][0], area);
    assert_eq!(plan["zones"][0]["areas"][1]["color"], "#dddddd");
}

/// What the schema of pretix allows, and is more or less than a house: it is taken or refused by the place that is wrong.
#[test]
fn what_pretix_allows_is_taken_or_refused_by_its_place() {
    let with = |pointer: &str, value: Value| {
        let mut plan = plan();
        *plan.pointer_mut(pointer).unwrap() = value;
        read(&plan)
    };
    let seat = "/zones/0/rows/0/seats/0";
    for (pointer, value) in [
        (format!("{seat}/position"), json!({"x": 0.25, "y": -12.5})),
        (format!("{seat}/category"), json!("")),
        (format!("{seat}/seat_guid"), json!("x".repeat(100))),
        ("/zones/0/rows/0/row_number_position".to_owned(), Value::Null),
        ("/zones/0/areas".to_owned(), json!([{"shape": "polygon", "polygon": {"points": [{"x": 1, "y": 2}]}}, {}])),
        ("/categories/0/color".to_owned(), json!("rgb(1, 2, 3)")),
        ("/size".to_owned(), json!({"width": -1, "height": 0})),
    ] {
        with(&pointer, value.clone()).unwrap_or_else(|error| panic!("{pointer} {value}: {error:?}"));
    }
    for (pointer, value, detail) in [
        (format!("{seat}/seat_number"), json!(""), "is empty"),
        (format!("{seat}/seat_guid"), json!("x".repeat(101)), "has 101 characters, at most 100 are taken"),
        (format!("{seat}/position/x"), json!(1e300), "must be a number from -20000000 to 20000000"),
        ("/zones/0/rows/0/row_number".to_owned(), json!(" "), "is empty"),
        ("/zones/2/name".to_owned(), json!("Ground floor"), "section Ground floor is listed twice"),
        ("/categories/1/name".to_owned(), json!("Parkett"), "category Parkett is listed twice"),
        ("/name".to_owned(), json!("a\u{202E}b"), ""),
        ("/zones".to_owned(), json!([]), "there is neither a seat nor an area"),
    ] {
        let mut plan = plan();
        if pointer == "/zones/2/name" {
            plan["zones"][2]["name"] = json!("");
        }
        *plan.pointer_mut(&pointer).unwrap() = value;
        let Err(PlanError::Faults(faults)) = read(&plan) else { panic!("{pointer} was taken") };
        let found = faults.iter().find(|fault| fault.detail.contains(detail));
        let place = if pointer == "/zones" { "" } else { pointer.as_str() };
        assert_eq!(found.map(|fault| fault.pointer.as_str()), Some(place), "{faults:?}");
    }
}

#[test]
fn a_plan_that_was_read_is_written_as_it_was_meant() {
    let house = read(&plan()).unwrap();
    let plan = serde_json::to_value(pretix::Plan::of(&house)).unwrap();
    check(&plan);
    assert_eq!(read(&plan).unwrap(), house);
}
