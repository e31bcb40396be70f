//! CSV: what spreadsheets write, what they break, and what comes back.

use crate::domain::SeatKind;
use serde_json::json;

use super::{adjacencies, good};
use crate::domain::auditorium::{Auditorium, PlanError, csv as format};

fn read(text: &[u8]) -> Result<Auditorium, PlanError<csv::Error>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    format::read("House", reader.records())
}

#[track_caller]
fn faults(text: &str) -> Vec<String> {
    match read(text.as_bytes()) {
        Err(PlanError::Faults(faults)) => {
            faults.into_iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect()
        }
        other => panic!("no faults in {text:?}: {other:?}"),
    }
}

#[test]
fn quotes_a_mark_at_the_start_and_windows_line_ends_are_read() {
    let text = "\u{FEFF}Section,row,SEAT,category,kind,x,y\r\n\
        Stalls,A,1,best,,0,0\r\n\
        Stalls,A,2,best,wheelchair,50,0\r\n\
        Stalls,A,\"3 \"\"x\"\", y\",,companion,150,0\r\n\
        \r\n\
        Stalls,B,1,\"rest\",restrictedView,0,90.5\r\n\
        \"Circle, left\",A,👩🏽\u{200D}🚀,,standard,,\r\n";
    let house = read(text.as_bytes()).unwrap();
    assert_eq!(adjacencies(&house), ["1@1 2@2 3 \"x\", y@4", "1@1", "👩🏽\u{200D}🚀@1"]);
    let seat = |index: u32| house.seat(index).unwrap();
    assert_eq!((seat(2).kind, seat(2).companion_of, seat(2).category), (SeatKind::Companion, Some(1), None));
    assert_eq!((seat(3).kind, seat(3).point.y.units()), (SeatKind::RestrictedView, 90.5));
    assert_eq!(
        seat(3).category.map(|category| (category.key.as_str(), category.name.as_str())),
        Some(("rest", "rest"))
    );
    assert_eq!(seat(4).name.to_string(), "Circle, left A👩🏽\u{200D}🚀");
    let short = read(b"seat,row,section\n1,A,S\n2,A,S\n").unwrap();
    assert_eq!(adjacencies(&short), ["1@1 2@2"]);
}

#[test]
fn wrong_lines_are_named_by_line_and_column() {
    assert_eq!(faults(""), [": there is neither a seat nor an area"]);
    assert_eq!(
        faults("section,seat,price,seat\nS,1,2,3\n"),
        [
            "/1: column price is not known; known are section, row, seat, category, kind, x, y, adjacency, companionOf, note",
            "/1: column seat is there twice",
            "/1: column row is missing",
        ]
    );
    let text = "section,row,seat,kind,x,y\nS,A,1,,0,0\nS,A,1,,50,0\nS,A,2,,100\nS,A,3,sofa,NaN,0\nS,A,4,,1e300,0\nS,A,,,x,0\n\
        S,A,5,,7,0,more\nS,B,1,,0,90\nS,A,9,,0,180\nT,A,1,,0,0\nS,C,1,,0,0\n,,1,,0,0\nS\u{202E},A,1,,,\n";
    assert_eq!(
        faults(text),
        [
            "/4: has 5 fields, but the first line has 6",
            "/5/kind: must be standard, wheelchair, companion or restrictedView",
            "/5/x: must be a number from -20000000 to 20000000",
            "/6/x: must be a number from -20000000 to 20000000",
            "/7/x: is no number; write 12.5",
            "/7/seat: is missing",
            "/7/x: is missing: a position has x and y",
            "/8: has 7 fields, but the first line has 6",
            "/3/seat: section S, row A: seat 1 is listed twice",
            "/5/seat: section S, row A: seat 3 has no position, though others of its row have one",
            "/10/row: section S, row A was there before: its lines belong together",
            "/12/section: section S was there before: its lines belong together",
            "/13/row: is empty",
            "/13/section: is empty",
            "/14/section: has a character that changes the direction of text, U+202E RIGHT-TO-LEFT OVERRIDE at position 2",
        ]
    );
    assert!(matches!(read(b"section,row,seat\nS,A,\xff\n"), Err(PlanError::Unreadable(_))));
}

#[test]
fn what_is_written_reads_as_the_same_seats() {
    let house = good(
        &json!({"name": "House", "categories": [{"key": "a", "name": "a"}, {"key": "b", "name": "b"}], "sections": [
            {"name": "Stalls \"left\"", "category": "a", "rows": [
                {"label": "A", "aisleAfter": [2], "seats": [{"label": "1,5"}, {"label": "2", "kind": "wheelchair"},
                    {"label": "3", "kind": "companion"}, {"label": "4", "kind": "wheelchair"}]},
                {"label": "B", "count": 5, "curve": 12.34, "numbering": "even", "from": "right"},
            ]},
            {"name": "Circle", "rows": [{"label": "A", "seats": [{"label": "1", "category": "b", "note": "behind\u{A0}".trim(), "kind": "restrictedView"}]}]},
        ]}),
    );
    let text = format::write(&house).unwrap();
    assert!(text.starts_with(b"section,row,seat,category,kind,x,y,adjacency,companionOf,note\n\"Stalls \"\"left\"\"\",A,\"1,5\",a,standard,-100,0,1,,\n"));
    assert_eq!(read(&text).unwrap(), house);
}
