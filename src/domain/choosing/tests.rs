//! What is chosen can be bought.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{
    BestAvailable, BookingId, Buyer, Command, Decision, Event, HoldPolicy, HoldToken, Listing, Price, SeatIndex,
    SeatMap, SeatStatus, ShowtimeFacts, ShowtimeId, Stored, Tariffs, Terms, Timestamp, Together, UserId, Within,
};

const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(1));
const POLICY: HoldPolicy = HoldPolicy { hold: Duration::from_mins(1), max_total: Duration::from_mins(5) };

fn showtime(map: &SeatMap, taken: &[SeatIndex], terms: Terms) -> Showtime {
    let status = |seat| if taken.contains(&seat) { SeatStatus::Sold } else { SeatStatus::Available };
    let seats = (0..map.seat_count()).map(|seat| (status(seat), 1)).collect();
    let facts = ShowtimeFacts { id: ID, seat_map: Arc::new(map.clone()) };
    let listing = Arc::new(Listing { terms, ..Listing::new("M", Timestamp::MAX) });
    Showtime::restore(facts, Stored { listing, sequence: 1, seats, pending: Vec::new(), customers: None })
}

fn events(decided: Result<Decision, Rejection>) -> Result<Vec<Event>, Rejection> {
    match decided? {
        Decision::Accepted(event) => Ok(vec![event]),
        Decision::AcceptedAll(events) => Ok(events),
        other @ (Decision::AlreadyDone | Decision::Refused(..)) => panic!("decided as {other:?}"),
    }
}

type Held = (Vec<SeatIndex>, Option<Price>);

/// The seats of the new booking, and what they cost.
fn held(decided: Result<Decision, Rejection>) -> Result<Held, Rejection> {
    let reserved = events(decided)?.into_iter().find_map(|event| {
        let Event::SeatsReserved { seat_ids, price, .. } = event else { return None };
        Some((seat_ids.iter().map(|seat| seat.index()).collect(), price))
    });
    Ok(reserved.unwrap())
}

fn best(showtime: &Showtime, wanted: BestAvailable, buyer: Buyer) -> Result<Held, Rejection> {
    let (booking_id, token) = (BookingId(Uuid::from_u128(8)), HoldToken::from_bytes([0; 32]).hash());
    let (user_id, asked_at) = (UserId::parse("ada").unwrap(), Timestamp::from_millis(1));
    let command = Command::ReserveChosen { booking_id, choice: wanted.into(), user_id, token, asked_at, buyer };
    held(showtime.decide(&command, asked_at, &POLICY))
}

fn priced(zones: &Value) -> Terms {
    let prices = serde_json::from_value(json!({"currency": "EUR", "zones": zones})).unwrap();
    Terms { prices: Some(prices), ..Terms::default() }
}

/// Row A of category gold, row B of category blue; four seats each.
fn two_rows() -> SeatMap {
    serde_json::from_value(json!([
        {"row": "A", "seats": 4, "section": "S", "categories": [{"to": 4, "category": "gold"}]},
        {"row": "B", "seats": 4, "section": "S", "categories": [{"to": 4, "category": "blue"}]},
    ]))
    .unwrap()
}

/// What two places, or as many as there are tariffs, come to: their indices, or the refusal.
fn said(taken: &[SeatIndex], zones: &Value, tariffs: &[&str], buyer: Buyer) -> Result<Vec<SeatIndex>, String> {
    let showtime = showtime(&two_rows(), taken, priced(zones));
    let tariffs = Tariffs::new(tariffs.iter().map(|key| (*key).to_owned()).collect(), 2).unwrap();
    let wanted = BestAvailable::new(2, Together::Preferred, Within::default()).unwrap().at(tariffs);
    best(&showtime, wanted, buyer).map(|(seats, _)| seats).map_err(|refused| refused.to_string())
}

#[test]
fn only_places_that_can_be_bought_are_chosen() {
    let customer = Buyer::default;
    let operator = || Buyer { is_operator: true, ..Buyer::default() };
    let full = json!([{"key": "full", "amount": 100}]);
    let unpriced = json!([{"category": "blue", "tariffs": full}]);
    assert_eq!(said(&[], &unpriced, &[], customer()), Ok(vec![4, 5]));
    assert_eq!(said(&[], &json!([{"tariffs": full}]), &[], customer()), Ok(vec![0, 1]));
    let guests = json!([{"category": "gold", "tariffs": [{"key": "comp", "amount": 0, "operatorsOnly": true}]},
                        {"category": "blue", "tariffs": full}]);
    assert_eq!(said(&[], &guests, &[], customer()), Ok(vec![4, 5]));
    assert_eq!(said(&[], &guests, &[], operator()), Ok(vec![0, 1]));
    let kids = json!([{"category": "gold", "tariffs": full},
                      {"category": "blue", "tariffs": [{"key": "full", "amount": 90}, {"key": "kid", "amount": 50}]}]);
    assert_eq!(said(&[], &kids, &["kid", "full"], customer()), Ok(vec![4, 5]));
    assert_eq!(said(&[], &kids, &["full", "kid"], customer()), Ok(vec![4, 5]));
    assert_eq!(said(&[], &kids, &["full"], customer()), Ok(vec![0, 1]));
}

#[test]
fn a_refusal_tells_of_places_that_cannot_be_bought() {
    let customer = Buyer::default;
    let full = json!([{"key": "full", "amount": 100}]);
    let unpriced = json!([{"category": "blue", "tariffs": full}]);
    let few = "2 seats are wanted, 1 is free that this request can buy; 4 others have no such price";
    assert_eq!(said(&[4, 5, 6], &unpriced, &[], customer()), Err(few.to_owned()));
    assert_eq!(
        said(&[0, 1, 2, 3, 4, 5, 6], &unpriced, &[], customer()),
        Err("2 seats are wanted, 1 is free".to_owned())
    );
    // No place of the house could ever be bought: the price says why.
    let tin = json!([{"category": "tin", "tariffs": full}]);
    assert_eq!(said(&[], &tin, &[], customer()), Err("seat S A1 has no price".to_owned()));
    let none = Err("seat S B1 has no tariff \"kid\"".to_owned());
    assert_eq!(said(&[0, 1, 2, 3], &json!([{"tariffs": full}]), &["kid"], customer()), none);
    let comp = json!([{"tariffs": [{"key": "comp", "amount": 0, "operatorsOnly": true}]}]);
    let refused = Err("tariff \"comp\" of seat S A1 is for operators only".to_owned());
    assert_eq!(said(&[], &comp, &[], customer()), refused);
}
