//! The examples of the OpenAPI document: a story that is played on a live server. What is asked is as the examples say, and what is answered has their
//! members and their values, with the server's own ids, tokens and times in the place of theirs.

use std::collections::{BTreeSet, HashMap};

use reqwest::Method;
use serde_json::{Value, json};
use turnstile::domain::{HoldToken, Timestamp};
use uuid::Uuid;

use crate::http::contract::Contract;
use crate::stack::{Server, Stack, eventually};

/// Members whose values are this machine's and this moment's.
const VARYING: [&str; 5] = ["seatIdPrefix", "expiresInSeconds", "host", "address", "version"];

/// What is asked, with which body and for which answer. Paths name the examples' ids, as schema and member.
const STORY: [(&str, &str, &str, &str); 27] = [
    ("POST", "/api/showtimes", "NewShowtime", "ShowtimeSummary"),
    ("GET", "/api/auditoriums", "", "AuditoriumPage"),
    ("GET", "/api/auditoriums/{AuditoriumSummary/id}/categories", "", "AuditoriumCategories"),
    ("GET", "/api/showtimes/{ShowtimeSummary/id}?minSequence=1", "", "Showtime"),
    ("GET", "/api/showtimes", "", "ShowtimePage"),
    ("GET", "/api/showtimes/{ShowtimeSummary/id}/layout", "", "Layout"),
    ("POST", "/api/showtimes/{ShowtimeSummary/id}/bookings?preview=true", "ReservationHere", "ReservationPreview"),
    ("POST", "/api/bookings", "Reservation", "Reserved"),
    ("POST", "/api/bookings", "Reservation", "Problem"),
    ("GET", "/api/bookings/{Reserved/bookingId}", "", "Booking"),
    ("POST", "/api/bookings/{Reserved/bookingId}/extend", "HolderProof", "BookingOutcome"),
    ("POST", "/api/bookings/{Reserved/bookingId}/seats", "SeatExchange", ""),
    ("POST", "/api/bookings/{Reserved/bookingId}/confirm", "Confirmation", ""),
    ("POST", "/api/bookings/{Reserved/bookingId}/refund", "Refund", ""),
    ("GET", "/api/showtimes/{ShowtimeSummary/id}/bookings", "", "BookingPage"),
    ("POST", "/api/showtimes/{ShowtimeSummary/id}/blocks", "NewBlock", "Block"),
    ("GET", "/api/showtimes/{ShowtimeSummary/id}/blocks", "", "BlockPage"),
    ("POST", "/api/showtimes/{ShowtimeSummary/id}/blocks/{Block/blockId}/seats", "BlockRelease", ""),
    ("PATCH", "/api/showtimes/{ShowtimeSummary/id}", "ShowtimeChange", "ShowtimeOutcome"),
    ("POST", "/api/showtimes/{ShowtimeSummary/id}/cancel", "Cancellation", ""),
    ("GET", "/api/showtimes/{ShowtimeSummary/id}/report", "", "Report"),
    ("GET", "/api/showtimes/{ShowtimeSummary/id}/events?limit=2", "", "EventPage"),
    ("GET", "/api/dead-letters", "", "DeadLetters"),
    ("POST", "/api/dead-letters/replay", "", "DeadLetterReplay"),
    ("GET", "/readyz", "", "Readiness"),
    ("GET", "/api/nodes", "", "Nodes"),
    ("GET", "/api/refusals/{Problem/traceId}", "", "Refusals"),
];

fn ours() -> Contract {
    Contract::of(serde_json::from_str(turnstile::http::openapi_document()).unwrap())
}

fn example(contract: &Contract, schema: &str) -> Value {
    let example = &contract.document()["components"]["schemas"][schema]["examples"][0];
    assert!(!example.is_null(), "{schema} has no example");
    example.clone()
}

/// Texts of the examples, and what the server says in their place.
#[derive(Default)]
struct Texts(HashMap<String, String>);

impl Texts {
    /// The example with the server's texts.
    fn live(&self, example: &str) -> String {
        self.0.iter().fold(example.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    fn live_value(&self, example: &Value) -> Value {
        serde_json::from_str(&self.live(&example.to_string())).unwrap()
    }

    /// Holds an answer against its example, and learns the server's texts from it.
    fn learn(&mut self, at: &str, example: &Value, live: &Value) {
        match (example, live) {
            (Value::Object(example), Value::Object(live)) => {
                let names = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
                assert_eq!(names(example), names(live), "{at}");
                for (name, value) in example.iter().filter(|(name, _)| !VARYING.contains(&name.as_str())) {
                    self.learn(&format!("{at}/{name}"), value, &live[name]);
                }
            }
            (Value::Array(example), Value::Array(live)) => {
                assert_eq!(example.len(), live.len(), "{at}");
                for (position, (example, live)) in example.iter().zip(live).enumerate() {
                    self.learn(&format!("{at}/{position}"), example, live);
                }
            }
            (Value::String(example), Value::String(live)) if self.live(example) != *live => {
                let is_time = |text: &str| Timestamp::parse(text).is_ok();
                let is_new = |text: &str| Uuid::try_parse(text).is_ok() || HoldToken::parse(text).is_some();
                assert!(
                    (is_time(example) && is_time(live)) || (is_new(example) && is_new(live)),
                    "{at}: {example}, {live}"
                );
                if is_new(example) {
                    assert_eq!(
                        self.0.insert(example.clone(), live.clone()),
                        None,
                        "{at}: two texts in the place of {example}"
                    );
                }
            }
            (Value::String(_), Value::String(_)) => {}
            _ => assert_eq!(example, live, "{at}"),
        }
    }
}

/// The path with the server's ids.
fn path(contract: &Contract, texts: &Texts, template: &str) -> String {
    let mut path = String::new();
    for (position, part) in template.split(['{', '}']).enumerate() {
        if position % 2 == 0 {
            path += part;
        } else {
            let (schema, member) = part.split_once('/').unwrap();
            path += &texts.live(example(contract, schema)[member].as_str().unwrap());
        }
    }
    path
}

async fn ask(node: &Server, method: &str, path: &str, body: Option<Value>) -> Value {
    let request = node.as_operator(Method::from_bytes(method.as_bytes()).unwrap(), path);
    let request = if let Some(body) = body { request.json(&body) } else { request };
    node.send(request).await.unwrap().body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_are_what_a_server_takes_and_answers() {
    let contract = ours();
    let stack = Stack::embedded().with("SEED_DEMO", false);
    let node = stack.start();
    let mut texts = Texts::default();
    let house = json!({"name": "Stadttheater", "focalPoint": {"x": 0, "y": -200},
        "categories": [{"key": "best", "name": "Best seats", "colour": "#7f4a91"}, {"key": "rest", "name": "All others", "colour": "#3b7dd8"}],
        "sections": [{"name": "Stalls", "category": "best", "rows": [{"label": "A", "count": 4}]}],
        "areas": [{"label": "Standing", "capacity": 3, "category": "rest"}]});
    let made = ask(&node, "POST", "/api/auditoriums", Some(house)).await;
    texts.learn("AuditoriumSummary", &example(&contract, "AuditoriumSummary"), &made);
    for (method, template, body, answer) in STORY {
        let body = (!body.is_empty()).then(|| texts.live_value(&example(&contract, body)));
        let path = path(&contract, &texts, template);
        if answer.is_empty() {
            ask(&node, method, &path, body).await;
            continue;
        }
        let example = example(&contract, answer);
        // These are told a moment later.
        let is_told = async || {
            let live = ask(&node, method, &path, body.clone()).await;
            match answer {
                "Refusals" => live["items"].is_array(),
                "Readiness" => live["status"] == "ready",
                "Nodes" => live["items"][0]["status"] == "ready",
                _ => true,
            }
        };
        if method == "GET" {
            eventually(answer, std::time::Duration::from_secs(20), is_told).await;
        }
        let live = ask(&node, method, &path, body).await;
        texts.learn(answer, &example, &live);
    }
}

#[test]
fn every_body_and_every_answer_has_an_example_that_fits() {
    let contract = ours();
    let mut named = BTreeSet::new();
    for item in contract.document()["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let answers = operation["responses"].as_object().unwrap().iter();
            let good = answers.filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer);
            for content in good.chain([&operation["requestBody"]]) {
                let schema = content.pointer("/content/application~1json/schema/$ref").and_then(Value::as_str);
                named.extend(schema.map(|reference| reference.rsplit('/').next().unwrap().to_owned()));
            }
        }
    }
    // Its example stands at the operations: its schema is published as a file.
    assert!(named.remove("Auditorium"));
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let schema = &contract.document()["components"]["schemas"][&name];
        let validator = contract.validator(schema).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(&example(&contract, &name)).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
}
