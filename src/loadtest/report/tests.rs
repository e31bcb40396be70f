//! Tests of the report's forms on a small run that was made by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::page::page;
use super::seat_picture::Cell;
use super::table::table;
use super::*;
use crate::domain::{BookingId, HoldToken, ShowtimeId, Timestamp};
use crate::loadtest::grants::{Grants, NewGrant};
use crate::loadtest::outcome::Outcome;
use crate::loadtest::recorder::{Answered, Recorder, Window};
use crate::loadtest::scenario::Scenario;
use crate::loadtest::target::Target;
use crate::loadtest::workload::{Asking, HouseOptions, ReadOptions};

fn workload() -> Workload {
    Workload {
        targets: vec![Arc::new(Target::parse("http://127.0.0.1:5000").unwrap())],
        scenario: Scenario::Sellout { contend: false, confirm: true },
        clients: 2,
        threads: 1,
        pace: Pace::Closed,
        window: Window { warm_up: Duration::from_secs(1), duration: Duration::from_secs(2) },
        requests: None,
        houses: HouseOptions::Create { showtimes: 1, seats: 6 },
        asking: Asking::Named,
        party: 1,
        seed: 1,
        patience: Duration::from_secs(1),
        operator_token: None,
        in_path: false,
        read: ReadOptions::default(),
        check: None,
        started_at: Timestamp::from_millis(0),
        began: Instant::now(),
        arguments: json!({ "clients": 2, "title": "<script src=\"http://evil.example\">" }),
    }
}

/// Answers every 10 ms from 0 to 3 s: every fourth one a refusal.
fn report(check: Option<CheckReport>) -> Report {
    let workload = workload();
    let mut run = Recorder::new(workload.window).unwrap();
    for number in 0..300_u64 {
        let outcome = if number % 4 == 0 { Outcome::Refused } else { Outcome::Accepted };
        let due = Duration::from_millis(number * 10);
        let at = due + Duration::from_millis(if number % 100 == 99 { 8 } else { 2 });
        run.record(Answered { operation: Operation::Reserve, outcome, due, sent: due, at, body_bytes: 1_000 });
    }
    let mut grants = Grants::default();
    for seat in 0..3_u32 {
        let new = NewGrant {
            house: 0,
            booking: BookingId(Uuid::from_u128(seat.into())),
            token: HoldToken::from_bytes([0; 32]),
            sequence: u64::from(seat) + 2,
            expires_at: Timestamp::from_millis(0),
            at: Duration::from_millis(u64::from(seat) * 500),
        };
        grants.enter(new, &[seat]).unwrap();
    }
    let settled = Recorder::new(workload.settling_window()).unwrap();
    let harvest = Harvest { run, settled, ledgers: vec![grants], all_done: false };
    let houses = [House::derived(ShowtimeId(Uuid::from_u128(1)), vec![3, 3]).unwrap()];
    let facts = Facts {
        wall: Duration::from_secs(3),
        caught_up: Duration::ZERO,
        used: Some(Duration::from_millis(1_500)),
        was_interrupted: false,
        sold_out: false,
        seats_granted: 3,
        check,
        watched: Vec::new(),
    };
    Report::of(&workload, &houses, &harvest, facts)
}

#[test]
fn the_json_has_the_names_that_scripts_read() {
    let report: Value = serde_json::to_value(report(None)).unwrap();
    assert_eq!(report["scenario"], "sellout");
    assert_eq!(report["endedBy"], "time");
    assert_eq!(report["leadingOperation"], "reserve");
    assert_eq!((&report["warmUpSeconds"], &report["measuredSeconds"]), (&json!(1.0), &json!(2.0)));
    assert_eq!((&report["accepted"]["count"], &report["accepted"]["perSecond"]), (&json!(150), &json!(75.0)));
    assert_eq!((&report["refused"]["count"], &report["refused"]["perSecond"]), (&json!(50), &json!(25.0)));
    assert_eq!((&report["overloaded"]["count"], &report["failed"]["count"]), (&json!(0), &json!(0)));
    for name in ["samples", "meanMillis", "p50Millis", "p90Millis", "p99Millis", "p999Millis", "maxMillis"] {
        assert!(report["accepted"][name].as_f64().unwrap() > 0.0, "{name}");
    }
    assert_eq!(report["operations"]["reserve"]["accepted"], report["accepted"]);
    assert_eq!(report["client"]["cpuShareOfOneCore"], 0.5);
    assert_eq!(report["series"]["intervalSeconds"], 1.0);
    let points = report["series"]["points"].as_array().unwrap();
    assert_eq!(points.len(), 3);
    assert_eq!(points[1]["counts"], json!({"accepted": 75, "refused": 25, "overloaded": 0, "failed": 0}));
    assert!(points[1]["acceptedP50Millis"].as_f64().unwrap() > 1.0);
    assert_eq!((&report["check"], &report["openLoop"], &report["watch"]), (&Value::Null, &Value::Null, &Value::Null));
}

#[test]
fn the_page_loads_nothing_and_escapes_what_it_is_told() {
    let findings = vec!["seat <7> was granted twice".to_owned()];
    let check = CheckReport { passed: false, findings, finding_count: 1, ..CheckReport::default() };
    let page = page(&report(Some(check)));
    for external in ["src=\"", "src='", "href=\"", "@import", "url(", "<script", "<link", "<img", "<iframe"] {
        assert!(!page.contains(external), "{external}");
    }
    assert!(page.contains("seat &lt;7&gt; was granted twice"));
    for part in ["prefers-color-scheme:dark", "@media print", "width=device-width", "<svg", "When each seat"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.ends_with("</html>"));
}

#[test]
fn the_table_says_what_counts() {
    let table = table(&report(None));
    for part in
        ["sellout: 2.0 s measured after 1.0 s of warm-up", "reserve accepted", "reserve refused", "50 % of one core"]
    {
        assert!(table.contains(part), "{part}:\n{table}");
    }
}

#[test]
fn seats_are_coloured_by_when_they_went() {
    let picture = report(None).picture.unwrap();
    assert_eq!(picture.rows, [vec![Cell::Went(0), Cell::Went(4), Cell::Went(7)], vec![Cell::Free; 3]]);
}
