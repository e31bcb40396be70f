//! Money: given a booking with a price, when its seats are exchanged or refunded, then this is to be paid or given back.

use serde_json::json;
use turnstile::domain::{
    Buyer, CancelReason, Command, Credential, Event, HoldToken, ListingChange, Money, Prices, Rejection, SeatExchange,
    SeatSelection, Tariffs, TermChange,
};

use crate::story::{ID, Story, payment, seats};

fn holder() -> Credential {
    Credential::Holder(HoldToken::from_bytes([1; 32]).hash())
}

fn tariffs(keys: &[&str]) -> Tariffs {
    Tariffs::new(keys.iter().map(|key| (*key).to_owned()).collect(), keys.len()).unwrap()
}

fn euros(amount: i64) -> Money {
    serde_json::from_value(json!({"currency": "EUR", "amount": amount})).unwrap()
}

/// All seats cost the same.
fn set_prices(story: &mut Story, currency: &str, full: u32) {
    let prices: Prices = serde_json::from_value(json!({"currency": currency, "zones": [{"tariffs": [
        {"key": "full", "amount": full}, {"key": "kid", "amount": full / 3}, {"key": "guest", "amount": 0, "operatorsOnly": true}]}]}))
    .unwrap();
    story.change(ListingChange { prices: TermChange::Set(Some(prices)), ..ListingChange::default() });
}

/// A hold of these seats, each at its tariff; `full` is 30 and `kid` 10.
fn held(of: &[u32], keys: &[&str]) -> Story {
    let mut story = Story::begin();
    set_prices(&mut story, "EUR", 30);
    let selection = SeatSelection::new(ID, seats(of)).unwrap().at(tariffs(keys));
    story.reserve_as(1, ("ada", Buyer::default()), selection, 0).unwrap();
    story
}

/// The tariff and amount of each seat of the booking.
fn costs(story: &Story) -> Vec<(u32, &str, u32)> {
    let booking = story.booking(1);
    let places = booking.seat_ids.iter().zip(&booking.price.as_ref().unwrap().places);
    places.map(|(seat, price)| (seat.index(), price.tariff.as_str(), price.amount)).collect()
}

#[test]
fn an_exchange_tells_how_much_more_or_less_the_booking_costs() {
    let mut story = held(&[0, 1], &["full", "kid"]);
    let less = story.exchange(1, holder(), (&[], &[0]), 1).unwrap();
    assert_eq!(less.iter().filter_map(Event::difference).collect::<Vec<_>>(), [&euros(-30)]);
    let more = story.exchange(1, holder(), (&[2, 3], &[]), 2).unwrap();
    assert_eq!(more.last().unwrap().difference(), Some(&euros(20)), "two at the tariff of the first seat");
    story.confirm(1, "pay", 3).unwrap();
    set_prices(&mut story, "EUR", 60);
    let swapped = story.exchange(1, Credential::Operator, (&[4], &[2]), 4).unwrap();
    assert_eq!(
        swapped.last().unwrap().difference(),
        Some(&euros(10)),
        "what it paid for the old one, today's for the new"
    );
    assert!(swapped.iter().all(|event| event.refund_amount().is_none()), "{swapped:?}");
    let same =
        SeatExchange { add: seats(&[5]), tariffs: tariffs(&["guest"]), remove: seats(&[4]), ..SeatExchange::default() };
    let events = story.exchange_all(1, Credential::Operator, same, 5).unwrap();
    assert_eq!(events.last().unwrap().difference(), Some(&euros(-20)));

    let mut free = Story::begin();
    free.reserve(1, "ada", &[0], 0).unwrap();
    assert_eq!(free.exchange(1, holder(), (&[1], &[]), 1).unwrap()[0].difference(), None, "it has no price");
}

#[test]
fn a_refund_tells_how_much_is_to_be_returned_once() {
    let mut story = held(&[0, 1, 2], &["full", "kid", "kid"]);
    story.confirm(1, "pay", 1).unwrap();
    set_prices(&mut story, "EUR", 90);
    let partly = story.refund(1, &[0, 2], 2).unwrap();
    let [released @ Event::SeatsReleased { refund, .. }, changed] = partly.as_slice() else { panic!("{partly:?}") };
    assert_eq!((refund, released.refund_amount()), (&Some(payment("pay")), Some(&euros(40))), "as it was paid");
    assert_eq!(changed.difference(), None, "the same money is not told a second time");
    let rest = story.refund(1, &[], 3).unwrap();
    assert_eq!(rest[0].refund_amount(), Some(&euros(10)));
    assert_eq!(story.refund(1, &[], 4), Ok(vec![]));
}

#[test]
fn a_cancelled_showtime_tells_what_its_sold_bookings_cost() {
    let reason = CancelReason::parse("storm").unwrap();
    let mut story = held(&[0, 1], &["full", "kid"]);
    story.confirm(1, "pay", 1).unwrap();
    story.when(&Command::CancelShowtime { reason: reason.clone() }, 2).unwrap();
    assert_eq!(story.expire(1, 3)[0].refund_amount(), Some(&euros(40)));

    let mut story = held(&[0], &["full"]);
    story.when(&Command::CancelShowtime { reason }, 2).unwrap();
    assert_eq!(story.expire(1, 3)[0].refund_amount(), None, "nothing was paid");
    let mut story = held(&[0], &["full"]);
    assert_eq!(story.cancel(1, 1)[0].refund_amount(), None, "nothing was paid");
}

/// These seats at these tariffs.
fn at(of: &[u32], keys: &[&str]) -> SeatExchange {
    SeatExchange { add: seats(of), tariffs: tariffs(keys), ..SeatExchange::default() }
}

#[test]
fn a_seat_that_the_booking_has_gets_another_tariff_at_todays_price() {
    let mut story = held(&[0, 1], &["full", "full"]);
    set_prices(&mut story, "EUR", 60);
    let events = story.exchange_all(1, holder(), at(&[0], &["kid"]), 1).unwrap();
    let [changed @ Event::BookingChanged { seat_ids, .. }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((seat_ids, changed.difference()), (&seats(&[0, 1]), Some(&euros(-10))));
    assert_eq!(costs(&story), [(0, "kid", 20), (1, "full", 30)], "the other one keeps its price");
    // It is so already, also when prices change, and also without a tariff.
    set_prices(&mut story, "EUR", 90);
    assert_eq!(story.exchange_all(1, holder(), at(&[0], &["kid"]), 2), Ok(vec![]));
    assert_eq!(story.exchange_all(1, holder(), at(&[1], &["full"]), 2), Ok(vec![]));
    assert_eq!(story.exchange(1, holder(), (&[0, 1], &[]), 2), Ok(vec![]));

    // Together with others: one tariff for all of them.
    story.exchange_all(1, holder(), SeatExchange { remove: seats(&[0]), ..at(&[1, 5], &["kid"]) }, 3).unwrap();
    assert_eq!(costs(&story), [(1, "kid", 30), (5, "kid", 30)]);
}

#[test]
fn who_may_change_a_tariff_is_who_may_exchange_the_seat() {
    let mut story = held(&[0], &["full"]);
    let refused =
        |story: &mut Story, by, exchange, now| story.exchange_all(1, by, exchange, now).unwrap_err().to_string();
    assert_eq!(refused(&mut story, holder(), at(&[0], &["dog"]), 1), "seat A1 has no tariff \"dog\"");
    let guest = "tariff \"guest\" of seat A1 is for operators only";
    assert_eq!(refused(&mut story, holder(), at(&[0], &["guest"]), 1), guest);
    let stranger = Credential::Holder(HoldToken::from_bytes([9; 32]).hash());
    assert_eq!(story.exchange_all(1, stranger, at(&[0], &["kid"]), 1), Err(Rejection::NotHolder));
    story.confirm(1, "pay", 1).unwrap();
    assert_eq!(refused(&mut story, holder(), at(&[0], &["kid"]), 2), "the booking is Confirmed");
    let events = story.exchange_all(1, Credential::Operator, at(&[0], &["guest"]), 2).unwrap();
    assert!(matches!(events.as_slice(), [Event::BookingChanged { confirmed: true, .. }]), "{events:?}");
    assert_eq!((costs(&story), events[0].difference()), (vec![(0, "guest", 0)], Some(&euros(-30))));

    let mut ended = held(&[0], &["full"]);
    ended.expire(1, 10);
    assert!(matches!(ended.exchange_all(1, holder(), at(&[0], &["kid"]), 11), Err(Rejection::HoldExpired { .. })));
    let mut free = Story::begin();
    free.reserve(1, "ada", &[0], 0).unwrap();
    let none = Err(Rejection::NoTariffs { tariff: "kid".to_owned() });
    assert_eq!(free.exchange_all(1, holder(), at(&[0], &["kid"]), 1), none);
}

#[test]
fn a_booking_in_another_currency_takes_no_seats_and_is_told_why() {
    let mut story = held(&[0, 1], &["full", "full"]);
    set_prices(&mut story, "USD", 45);
    let said = |refused: Result<Vec<Event>, Rejection>| refused.unwrap_err().to_string();
    let usd = "the booking is in EUR, and the showtime sells in USD now";
    assert_eq!(said(story.exchange(1, holder(), (&[2], &[0]), 1)), usd);
    assert_eq!(said(story.exchange_all(1, holder(), at(&[0], &["kid"]), 1)), usd);
    story.change(ListingChange { prices: TermChange::Set(None), ..ListingChange::default() });
    let none = "the booking is in EUR, and the showtime has no prices now";
    assert_eq!(said(story.exchange(1, holder(), (&[2], &[]), 1)), none);
    let less = story.exchange(1, holder(), (&[], &[0]), 1).unwrap();
    assert_eq!(less[1].difference(), Some(&euros(-30)), "what it gives back needs no new price");
}
