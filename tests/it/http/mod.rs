//! HTTP: the outside contract, checked against the OpenAPI document; every error a problem; nothing that a client sends a 500.

mod areas;
mod auditoriums;
mod block_sales;
mod blocked_seats;
mod blocks;
mod booked_seats;
mod bookings_of_holders;
mod changes;
mod channels;
mod conditional;
pub mod contract;
mod credentials;
mod dead_letters;
mod differences;
mod document;
mod door_sales;
mod every_script;
mod examples;
mod exchanged_areas;
mod health;
mod history;
mod hostile;
mod houses;
mod limits;
mod listing;
mod live_messages;
mod long_bodies;
mod nodes;
mod offers;
mod operators;
mod pages;
mod prices;
mod problems;
mod refusals;
mod reports;
mod seat_maps;
mod strictness;
mod text;
mod totals;
mod unseen;

use serde_json::{Value, json};

use crate::stack::{Answer, Server, Stack};

/// A showtime that no server knows.
const NOWHERE: &str = "99999999-9999-4999-8999-999999999999";

/// A server of the embedded profile with its data, and a showtime of one row of ten seats.
struct House {
    server: Server,
    showtime: String,
    seats: Vec<String>,
    _stack: Stack,
}

impl House {
    async fn open() -> Self {
        Self::open_on(Stack::embedded()).await
    }

    async fn open_on(stack: Stack) -> Self {
        let server = stack.start();
        let (showtime, seats) = server.schedule(1).await;
        Self { server, showtime, seats, _stack: stack }
    }

    /// What a client would send for these seats.
    fn wanted(&self, seats: &[String]) -> Value {
        json!({"showtimeId": self.showtime, "seatIds": seats, "userId": "somebody"})
    }
}

/// Fails unless it is this problem, in the form of the contract.
#[track_caller]
fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{answer:?}");
    assert_eq!(answer.body["type"], format!("/problems/{code}"), "{answer:?}");
    assert_eq!(answer.body["status"], status, "{answer:?}");
    assert_eq!(answer.body["message"], answer.body["detail"], "{answer:?}");
    assert!(!has_uuid(answer.body["detail"].as_str().unwrap()), "a sentence for people: {answer:?}");
    assert_eq!(answer.headers["x-request-id"], answer.body["traceId"].as_str().unwrap(), "{answer:?}");
}

/// Fails unless exactly these parts are named, each as `pointer`, `parameter` or `header`.
#[track_caller]
fn names(answer: &Answer, kind: &str, parts: &[&str]) {
    let errors = answer.body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {answer:?}"));
    let named: Vec<_> = errors.iter().map(|error| error[kind].as_str().unwrap_or("?")).collect();
    assert_eq!(named, parts, "{answer:?}");
    assert!(errors.iter().all(|error| !error["detail"].as_str().unwrap().is_empty()), "{answer:?}");
    assert!(
        !errors.iter().any(|error| has_uuid(error["detail"].as_str().unwrap())),
        "sentences for people: {answer:?}"
    );
}

/// True if a UUID stands in the text.
fn has_uuid(text: &str) -> bool {
    text.split(|character: char| !character.is_ascii_hexdigit() && character != '-')
        .any(|word| uuid::Uuid::try_parse(word).is_ok())
}
