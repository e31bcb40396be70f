//! Sales at the door: an operator reserves and confirms in one step.

use serde_json::json;
use turnstile::domain::{
    BestAvailable, BookingStatus, Buyer, CancelReason, Command, Credential, Event, GivenTime, HoldToken, ListingChange,
    Prices, Rejection, SeatSelection, TermChange, Together, UserId, Within,
};

use crate::story::{ID, Story, at, id, payment, seats};

fn at_the_door(reference: &str) -> Buyer {
    Buyer { is_operator: true, payment: Some(payment(reference)), ..Buyer::default() }
}

impl Story {
    fn sell(&mut self, number: u128, of: &[u32], buyer: Buyer, now: i64) -> Result<Vec<Event>, Rejection> {
        self.sell_at(number, (of, Vec::new()), buyer, now)
    }

    fn sell_at(
        &mut self,
        number: u128,
        (of, tariffs): (&[u32], Vec<String>),
        buyer: Buyer,
        now: i64,
    ) -> Result<Vec<Event>, Rejection> {
        let tariffs = turnstile::domain::Tariffs::new(tariffs, of.len()).unwrap();
        self.reserve_as(number, ("ada", buyer), SeatSelection::new(ID, seats(of)).unwrap().at(tariffs), now)
    }
}

#[test]
fn a_sale_at_the_door_is_a_confirmed_booking_in_one_step() {
    let mut story = Story::begin();
    let events = story.sell(1, &[2, 3], at_the_door("cash 1"), 0).unwrap();
    assert!(matches!(events[0], Event::SeatsReserved { .. }), "{events:?}");
    let (payment_reference, late_for) = (payment("cash 1"), None);
    let confirmed =
        Event::BookingConfirmed { booking_id: id(1), seat_ids: seats(&[2, 3]), payment_reference, late_for };
    assert_eq!(events[1..], [confirmed]);
    assert_eq!(story.booking(1).status, BookingStatus::Confirmed);
    assert_eq!(story.sell(1, &[2, 3], at_the_door("cash 1"), 1).unwrap(), [], "it was done before");
    assert!(matches!(story.sell(2, &[3, 4], at_the_door("cash 2"), 1), Err(Rejection::SeatsTaken { .. })));

    let best = BestAvailable::new(2, Together::Required, Within::default()).unwrap();
    let (user_id, token) = (UserId::parse("bob").unwrap(), HoldToken::from_bytes([1; 32]).hash());
    let buyer = at_the_door("cash 3");
    let choice = best.into();
    let command = Command::ReserveChosen { booking_id: id(3), choice, user_id, token, asked_at: at(2), buyer };
    assert_eq!(command.payment_reference(), Some(&payment("cash 3")));
    assert_eq!(story.when(&command, 2).unwrap().len(), 2);
}

#[test]
fn the_door_sells_outside_the_sale_but_keeps_the_limits() {
    let mut story = Story::begin();
    story.change(ListingChange {
        on_sale_from: TermChange::Set(Some(GivenTime::At(at(100)))),
        places_per_booking: TermChange::Set(Some(2)),
        places_per_customer: TermChange::Set(Some(3)),
        ..ListingChange::default()
    });
    let operator = Buyer { is_operator: true, ..Buyer::default() };
    assert!(matches!(story.sell(1, &[0], operator, 1), Err(Rejection::NotOnSaleYet { .. })), "a hold is no sale");
    story.sell(1, &[0, 1], at_the_door("cash 1"), 1).unwrap();
    assert!(matches!(story.sell(2, &[2, 3, 4], at_the_door("cash 2"), 2), Err(Rejection::TooManyPlaces { .. })));
    assert!(matches!(story.sell(2, &[2, 3], at_the_door("cash 2"), 2), Err(Rejection::CustomerLimit { .. })));
    let started = ListingChange { start_time: Some(GivenTime::At(at(200))), ..ListingChange::default() };
    story.change(started);
    story.sell(2, &[2], at_the_door("cash 2"), 300).unwrap();
    story.when(&Command::CancelShowtime { reason: CancelReason::parse("storm").unwrap() }, 301).unwrap();
    assert!(matches!(story.sell(3, &[5], at_the_door("cash 3"), 302), Err(Rejection::ShowtimeCancelled { .. })));
}

#[test]
fn who_held_seats_too_long_may_buy_them_at_the_door() {
    let mut story = Story::begin();
    for (number, now) in [(1, 0), (2, 9), (3, 18)] {
        story.reserve(number, "ada", &[0], now).unwrap();
        story.showtime.continue_hold(id(number), at(0));
        let credential = Credential::Operator;
        story.when(&Command::CancelBooking { booking_id: id(number), credential }, now + 9).unwrap();
    }
    assert!(matches!(story.sell(4, &[0], Buyer::default(), 31), Err(Rejection::HeldTooLong { .. })));
    story.sell(5, &[0], at_the_door("cash"), 31).unwrap();
}

#[test]
fn a_tariff_for_operators_is_chosen_by_them_alone() {
    let mut story = Story::begin();
    let prices: Prices = serde_json::from_value(json!({"currency": "EUR", "zones": [{"tariffs": [
        {"key": "full", "amount": 1000}, {"key": "comp", "amount": 0, "operatorsOnly": true}]}]}))
    .unwrap();
    story.change(ListingChange { prices: TermChange::Set(Some(prices)), ..ListingChange::default() });
    let comp = || vec!["comp".to_owned()];
    let refused = story.sell_at(1, (&[0], comp()), Buyer::default(), 1);
    assert!(matches!(refused, Err(Rejection::OperatorsTariff { .. })), "{refused:?}");
    let operator = Buyer { is_operator: true, ..Buyer::default() };
    story.sell_at(1, (&[0], comp()), operator, 1).unwrap();
    assert_eq!(story.booking(1).price.as_ref().unwrap().total(), 0);
    // A holder does not get more of it; an operator does.
    let holder = Credential::Holder(HoldToken::from_bytes([1; 32]).hash());
    story.exchange(1, holder, (&[1], &[]), 2).unwrap();
    assert_eq!(story.booking(1).price.as_ref().unwrap().total(), 1000);
    story.exchange(1, Credential::Operator, (&[2], &[]), 3).unwrap();
    assert_eq!(story.booking(1).price.as_ref().unwrap().total(), 1000);
    story.sell_at(2, (&[5], comp()), at_the_door("free"), 4).unwrap();
}
