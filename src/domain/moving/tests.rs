//! Given a showtime with bookings, when it is moved to another version of its auditorium, then it has that version's seats, or is refused.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{
    AuditoriumId, AuditoriumVersion, BookingId, Buyer, Command, Decision, Event, HoldPolicy, HoldToken, Listing,
    ListingChange, Rejection, SeatSelection, ShowtimeFacts, ShowtimeId, Terms, Timestamp, UserId,
};

const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(1));
const HOUSE: AuditoriumId = AuditoriumId(Uuid::from_u128(2));
const POLICY: HoldPolicy = HoldPolicy { hold: Duration::from_mins(1), max_total: Duration::from_mins(5) };
const NOW: Timestamp = Timestamp::MIN;

/// Row A of the stalls with three seats, row B with two, and a lawn.
fn first() -> Value {
    json!([
        {"row": "A", "seats": 3, "section": "Stalls", "x": {"from": 0, "step": 50}, "y": {"from": 0, "step": 0}},
        {"row": "B", "seats": 2, "section": "Stalls", "labels": {"from": 7, "step": 1}},
        {"row": "Lawn", "seats": 4, "area": {}},
    ])
}

fn rows(rows: Value) -> Arc<SeatMap> {
    Arc::new(serde_json::from_value(rows).unwrap())
}

fn version(version: u32) -> AuditoriumVersion {
    AuditoriumVersion { id: HOUSE, version }
}

fn showtime() -> Showtime {
    let terms = Terms { auditorium: Some(version(1)), ..Terms::default() };
    let listing = Listing { terms, ..Listing::new("M", Timestamp::MAX) };
    let mut showtime = Showtime::scheduled(ShowtimeFacts { id: ID, seat_map: rows(first()) }, listing);
    let reserve = Command::ReserveSeats {
        booking_id: BookingId(Uuid::from_u128(9)),
        seats: SeatSelection::new(ID, vec![SeatId::new(ID, 2), SeatId::new(ID, 3)]).unwrap(),
        user_id: UserId::parse("ada").unwrap(),
        token: HoldToken::from_bytes([0; 32]).hash(),
        asked_at: NOW,
        buyer: Buyer::default(),
    };
    carry_out(&mut showtime, &reserve).unwrap();
    showtime
}

fn carry_out(showtime: &mut Showtime, command: &Command) -> Result<Event, Rejection> {
    let Decision::Accepted(event) = showtime.decide(command, NOW, &POLICY)? else { panic!("nothing to do") };
    showtime.evolve(&event, showtime.sequence() + 1, NOW, None);
    Ok(event)
}

fn to(house: AuditoriumVersion, rows_of: Value) -> Command {
    let house = Some(NewHouse { version: house, seat_map: rows(rows_of) });
    Command::ChangeShowtime { change: ListingChange { house, ..ListingChange::default() } }
}

fn refused(rows: Value) -> String {
    let refusal = carry_out(&mut showtime(), &to(version(2), rows)).unwrap_err();
    assert!(matches!(refusal, Rejection::Move(_)), "{refusal:?}");
    refusal.to_string()
}

#[test]
fn seats_keep_their_index_and_booking_and_get_what_is_new_about_them() {
    let mut showtime = showtime();
    let before = showtime.statuses().to_vec();
    let mut second = first();
    second[1]["categories"] = json!([{"to": 2, "category": "gold"}]);
    second[1]["special"] = json!([{"seat": 1, "kind": "wheelchair", "note": "ramp"}]);
    second[0]["x"] = json!({"from": 10, "step": 60});
    second[0]["aisleAfter"] = json!([1]);
    second[2]["categories"] = json!([{"to": 4, "category": "grass"}]);
    // The plan lists the rows in another order.
    second.as_array_mut().unwrap().swap(0, 1);
    let event = carry_out(&mut showtime, &to(version(2), second.clone())).unwrap();
    second.as_array_mut().unwrap().swap(0, 1);
    assert_eq!(event.rows(), Some(&*rows(second.clone())), "rows stay in the showtime's order");
    assert_eq!(showtime.facts().seat_map, rows(second));
    assert_eq!(showtime.statuses(), before, "seats and bookings stay");
    assert_eq!(showtime.listing().terms.auditorium, Some(version(2)));
    assert_eq!(showtime.facts().seat_map.seat(3).unwrap().category(), Some("gold"));
    assert!(!showtime.facts().seat_map.is_beside(0, 1), "an aisle is between them now");
}

#[test]
fn a_move_to_the_version_that_it_has_does_nothing_and_one_back_undoes_it() {
    let mut showtime = showtime();
    let again = showtime.decide(&to(version(1), first()), NOW, &POLICY);
    assert_eq!(again, Ok(Decision::AlreadyDone));
    let mut second = first();
    second[0]["aisleAfter"] = json!([2]);
    carry_out(&mut showtime, &to(version(2), second)).unwrap();
    carry_out(&mut showtime, &to(version(1), first())).unwrap();
    assert_eq!(showtime.facts().seat_map, rows(first()));
}

#[test]
fn missing_seats_are_named_and_whose_are_taken() {
    let mut second = first();
    second[0]["seats"] = json!(2);
    second[1]["labels"] = json!({"from": 8, "step": 1});
    let refusal = carry_out(&mut showtime(), &to(version(2), second)).unwrap_err();
    let said = "seats Stalls A3 and Stalls B7 are missing there; seat Stalls B9 is new there";
    assert_eq!(refusal.to_string(), said);
    let Rejection::Move(MoveRejection::OtherSeats { taken, .. }) = refusal else { panic!("{refusal:?}") };
    let taken: Vec<_> = taken.iter().map(|conflict| (conflict.seat_id, conflict.reason)).collect();
    assert_eq!(taken, [2, 3].map(|seat| (SeatId::new(ID, seat), ConflictReason::Reserved)));
}

#[test]
fn other_houses_rows_orders_and_capacities_are_refused() {
    let other = AuditoriumVersion { id: AuditoriumId(Uuid::from_u128(3)), version: 1 };
    let refusal = carry_out(&mut showtime(), &to(other, first())).unwrap_err();
    assert_eq!(refusal, Rejection::Move(MoveRejection::OtherAuditorium));

    let mut more = first();
    more.as_array_mut().unwrap().insert(2, json!({"row": "C", "seats": 1, "section": "Stalls"}));
    assert_eq!(refused(more), "seat Stalls C1 is new there");
    let mut elsewhere = first();
    elsewhere[1]["section"] = json!("Circle");
    let said = "seats Stalls B7 and Stalls B8 are missing there; seats Circle B7 and Circle B8 are new there";
    assert_eq!(refused(elsewhere), said);
    let mut turned = first();
    turned[1]["labels"] = json!({"from": 8, "step": -1});
    assert_eq!(refused(turned), "row B of Stalls has its seats in another order there");
    let mut smaller = first();
    smaller[2]["seats"] = json!(3);
    assert_eq!(refused(smaller), "area Lawn has 3 places there, and 4 in the showtime");
}

#[test]
fn priced_categories_are_those_of_the_new_version() {
    let zone = |category: &str| {
        serde_json::from_value(json!({"currency": "EUR", "zones": [
            {"category": category, "tariffs": [{"key": "full", "amount": 1}]}, {"tariffs": [{"key": "full", "amount": 1}]}]}))
        .unwrap()
    };
    let mut second = first();
    second[1]["categories"] = json!([{"to": 2, "category": "gold"}]);
    let Command::ChangeShowtime { change } = to(version(2), second) else { unreachable!() };
    let priced = |category| {
        let prices = crate::domain::TermChange::Set(Some(zone(category)));
        Command::ChangeShowtime { change: ListingChange { prices, ..change.clone() } }
    };
    assert!(matches!(carry_out(&mut showtime(), &priced("silver")), Err(Rejection::BadListing(_))));
    carry_out(&mut showtime(), &priced("gold")).unwrap();
}
