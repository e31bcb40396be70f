//! Hostile texts: what breaks JSON's grammar, what is huge, what is there twice, and what cannot be seen.

use serde_json::json;

use super::{faults, read, rows};
use crate::domain::auditorium::{MOST_FAULTS, PlanError};

#[test]
fn what_is_no_json_is_unreadable() {
    let deep = "[".repeat(100_000);
    let nested = format!("{{\"name\":\"x\",\"other\":{deep}");
    let deep_row = format!("{{\"sections\":[{{\"rows\":[{deep}");
    for text in [
        "",
        "{",
        "nul",
        "{\"name\":\"x\",\"areas\":[{\"label\":\"a\",\"capacity\":1}]}}",
        "{\"name\":NaN}",
        "{\"name\":\"x\",}",
        "{\"name\":\"\\ud800\"}",
        &deep,
        &nested,
        &deep_row,
        "{\"focalPoint\":{\"x\":1e999,\"y\":0}}",
        "{\"sections\":[{\"rows\":[{\"seats\":[{\"x\":-Infinity",
    ] {
        let outcome = read(text);
        assert!(matches!(outcome, Err(PlanError::Unreadable(_))), "{}: {outcome:?}", &text[..text.len().min(80)]);
    }
}

#[test]
fn members_that_are_there_twice_or_not_known_are_named() {
    let text = r#"{"name":"a","name":"b","Name":"c","sections":[{"name":"S","rows":[{"label":"A","label":"B","count":1,
        "colour/~":[[]],"seats~":{"deep":{}}}]}],"constructor":1}"#;
    assert_eq!(
        faults(text),
        [
            "/name: is there more than once",
            "/Name: is not known here",
            "/sections/0/rows/0/label: is there more than once",
            "/sections/0/rows/0/colour~1~0: is not known here",
            "/sections/0/rows/0/seats~0: is not known here",
            "/constructor: is not known here",
        ]
    );
    let long = format!("{{\"{}\":1}}", "x".repeat(10_000));
    assert!(faults(&long)[0].len() < 100);
}

#[test]
fn huge_numbers_are_refused() {
    for number in ["1e300", "-1e300", "20000000.1", "99999999999999999999999"] {
        let text = format!(
            r#"{{"name":"x","sections":[{{"name":"S","rows":[{{"label":"A","seats":[{{"label":"1","x":{number},"y":0}}]}}]}}]}}"#
        );
        assert_eq!(faults(&text), ["/sections/0/rows/0/seats/0/x: must be a number from -20000000 to 20000000"]);
    }
    for count in ["1e300", "200001", "4294967297", "-1"] {
        let text = format!(r#"{{"name":"x","sections":[{{"name":"S","rows":[{{"label":"A","count":{count}}}]}}]}}"#);
        assert_eq!(faults(&text)[0], "/sections/0/rows/0/count: must be a whole number from 0 to 200000");
    }
    let curved = r#"{"name":"x","sections":[{"name":"S","x":1e200,"rows":[{"label":"A","count":3,"curve":1e300}]}]}"#;
    assert_eq!(faults(curved), ["/sections/0: its rows would lie outside of every plan"]);
}

#[test]
fn what_cannot_be_seen_is_refused_in_every_name() {
    let bad = "a\u{202E}b";
    let plan = json!({"name": bad, "categories": [{"key": bad, "name": "x"}, {"key": "y", "name": bad}],
        "areas": [{"label": bad, "capacity": 1, "category": bad}],
        "sections": [{"name": bad, "rows": [{"label": bad, "seats": [{"label": bad}, {"label": "\u{200B}"}, {"label": " "},
            {"label": "1", "note": bad}, {"label": "x".repeat(41)}]}]}]});
    let told = faults(&plan.to_string());
    for pointer in [
        "/name",
        "/categories/0/key",
        "/categories/1/name",
        "/areas/0/label",
        "/areas/0/category",
        "/sections/0/name",
        "/sections/0/rows/0/label",
        "/sections/0/rows/0/seats/0/label",
        "/sections/0/rows/0/seats/1/label",
        "/sections/0/rows/0/seats/2/label",
        "/sections/0/rows/0/seats/3/note",
        "/sections/0/rows/0/seats/4/label",
    ] {
        assert!(told.iter().any(|told| told.starts_with(&format!("{pointer}: "))), "{pointer}: {told:?}");
    }
    assert!(
        told.contains(
            &"/name: has a character that changes the direction of text, U+202E RIGHT-TO-LEFT OVERRIDE at position 2"
                .to_owned()
        )
    );
    assert!(told.contains(&"/sections/0/rows/0/seats/4/label: has 41 characters, at most 40 are taken".to_owned()));
}

#[test]
fn emoji_and_every_script_pass_unchanged() {
    for label in [
        "👩🏽\u{200D}🚀",
        "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
        "クラス1",
        "מ12",
        "می\u{200C}خواهم",
        "ක\u{DCA}\u{200D}ර",
        "Ω½",
    ] {
        let house =
            read(&rows(&json!([{"label": label, "seats": [{"label": label, "note": label}]}])).to_string()).unwrap();
        let seat = house.seat(0).unwrap();
        assert_eq!((seat.name.row, seat.name.label, seat.note), (label, label, Some(label)));
        assert_eq!(house.find("Stalls", label, label), Some(0));
    }
}

#[test]
fn reading_stops_when_enough_is_wrong() {
    let seats: Vec<_> = (0..1_000).map(|_| json!({"label": 5})).collect();
    let text = rows(&json!([{"label": "A", "seats": seats}])).to_string();
    // What comes after that is not even looked at.
    let text = format!("{}!!!", &text[..text.len() - 20]);
    assert_eq!(faults(&text).len(), MOST_FAULTS);
}
