//! Enforced: puts into the OpenAPI document what the server enforces and utoipa's builders cannot say, and the examples.

use serde_json::{Map, Value, json};

use crate::domain::{MAX_SEATS_PER_SHOWTIME, text_pattern};

/// Stands for [`text_pattern`] in a parameter until the document is made: every worker describes all routes when it starts, and the pattern
/// takes long to find.
pub(super) const WORDS: &str = "words";

/// An example of each body and each answer by the name of its schema. Together they are a story, which a test plays on a server.
const EXAMPLES: &str = include_str!("examples.json");

/// Changes the document in place.
pub(super) fn complete(document: &mut Value) {
    let pattern = text_pattern();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        requests(schemas, &pattern);
        examples(schemas);
    }
    for item in members(document, "paths") {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(form) = parameter.pointer_mut("/schema/pattern").filter(|form| *form == WORDS) {
                    *form = json!(pattern);
                }
            }
            for answer in members(operation, "responses") {
                members(answer, "headers").for_each(require_unless_optional);
            }
        }
    }
}

fn examples(schemas: &mut Map<String, Value>) {
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    for (name, example) in examples {
        if let Some(schema) = schemas.get_mut(&name) {
            set(schema, "examples", json!([example]));
        }
    }
}

fn members<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let object = value.get_mut(name).and_then(Value::as_object_mut);
    object.into_iter().flat_map(Map::values_mut)
}

fn require_unless_optional(header: &mut Value) {
    if let Some(header) = header.as_object_mut()
        && !header.contains_key("x-optional")
    {
        header.insert("required".to_owned(), Value::Bool(true));
    }
}

/// Bodies: no member but those named, texts without characters that nobody sees, one of two ways to name seats.
fn requests(schemas: &mut Map<String, Value>, pattern: &str) {
    for (schema, text) in [
        ("Reservation", "userId"),
        ("ReservationHere", "userId"),
        ("Reservation", "paymentReference"),
        ("ReservationHere", "paymentReference"),
        ("Confirmation", "paymentReference"),
        ("Refund", "reason"),
        ("NewBlock", "type"),
        ("NewBlock", "reason"),
        ("NewChannel", "name"),
        ("NewShowtime", "movieTitle"),
        ("ShowtimeChange", "movieTitle"),
        ("Cancellation", "reason"),
        ("BestAvailable", "category"),
        ("BestAvailable", "section"),
        ("Row", "row"),
        ("AreaPlaces", "areaId"),
        ("AreaPlaces", "tariff"),
        ("AreaTotal", "areaId"),
        ("AreaTotal", "tariff"),
    ] {
        if let Some(text) =
            schemas.get_mut(schema).and_then(|schema| schema.pointer_mut(&format!("/properties/{text}")))
        {
            set(text, "pattern", json!(pattern));
        }
    }
    if let Some(rows) = schemas.get_mut("NewShowtime").and_then(|schema| schema.pointer_mut("/properties/rows")) {
        set(rows, "maxItems", json!(MAX_SEATS_PER_SHOWTIME));
        set(rows, "uniqueItems", json!(true));
    }
    for (schema, list) in [
        ("SeatExchange", "add"),
        ("SeatExchange", "remove"),
        ("Refund", "seatIds"),
        ("NewBlock", "seatIds"),
        ("BlockRelease", "remove"),
    ] {
        if let Some(list) =
            schemas.get_mut(schema).and_then(|schema| schema.pointer_mut(&format!("/properties/{list}")))
        {
            set(list, "uniqueItems", json!(true));
        }
    }
    for reservation in ["Reservation", "ReservationHere"] {
        if let Some(reservation) = schemas.get_mut(reservation) {
            one_way_to_name_seats(reservation);
        }
    }
    for schema in [
        "Reservation",
        "ReservationHere",
        "Confirmation",
        "HolderProof",
        "SeatExchange",
        "Refund",
        "NewBlock",
        "BlockRelease",
        "NewChannel",
        "NewShowtime",
        "Row",
        "AreaPlaces",
        "AreaTotal",
    ] {
        if let Some(schema) = schemas.get_mut(schema) {
            set(schema, "additionalProperties", json!(false));
        }
    }
}

fn one_way_to_name_seats(reservation: &mut Value) {
    if let Some(list) = reservation.pointer_mut("/properties/seatIds") {
        set(list, "uniqueItems", json!(true));
    }
    let absent = json!({"type": "null"});
    // They exclude each other. `anyOf` says the same as `oneOf` would, and linters do not have to find out.
    let none = json!({"seatIds": absent, "seatId": absent, "bestAvailable": absent});
    let way = |name: &str, kind: &str| {
        let mut members = none.clone();
        set(&mut members, name, json!({"type": kind}));
        json!({"required": [name], "properties": members})
    };
    let ways = json!([
        way("seatIds", "array"),
        way("seatId", "string"),
        way("bestAvailable", "object"),
        way("areas", "array")
    ]);
    set(reservation, "anyOf", ways);
}

fn set(schema: &mut Value, name: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(name.to_owned(), value);
    }
}
