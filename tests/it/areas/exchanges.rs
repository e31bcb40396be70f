//! How many places of areas a booking has is changed: given what it has, when another number is wanted, then these places and prices.

use proptest::prelude::*;
use serde_json::json;
use turnstile::domain::{
    AreaPlaces, Command, Credential, Event, HoldToken, PaymentReference, Prices, Rejection, SeatExchange, SeatId,
    Tariffs, Terms, Timestamp,
};

use super::{ID, LAWN, STANDING, Story, id, named, places, too_few};

fn holder() -> Credential {
    Credential::Holder(HoldToken::from_bytes([1; 32]).hash())
}

fn seats(indices: &[u32]) -> Vec<SeatId> {
    indices.iter().map(|index| SeatId::new(ID, *index)).collect()
}

fn at(area: &str, quantity: u32, tariff: &str) -> AreaPlaces {
    AreaPlaces::parse(area, quantity, Some(tariff)).unwrap()
}

fn totals(areas: Vec<AreaPlaces>) -> SeatExchange {
    SeatExchange { areas, ..SeatExchange::default() }
}

/// A house with prices.
fn priced() -> Story {
    let prices: Prices = serde_json::from_value(json!({"currency": "EUR", "zones": [
        {"category": "gold", "tariffs": [{"key": "full", "amount": 50}, {"key": "child", "amount": 20}]},
        {"category": "floor", "tariffs": [
            {"key": "full", "amount": 30}, {"key": "child", "amount": 10}, {"key": "guest", "amount": 0, "operatorsOnly": true}]},
        {"tariffs": [{"key": "lawn", "amount": 5}]},
    ]}))
    .unwrap();
    Story::begin(Terms { prices: Some(prices), ..Terms::default() })
}

impl Story {
    fn exchange(
        &mut self,
        number: u128,
        credential: Credential,
        exchange: SeatExchange,
    ) -> Result<Vec<Event>, Rejection> {
        let before = self.0.clone();
        let asked_at = Timestamp::from_millis(0);
        let command = Command::ChangeSeats { booking_id: id(number), credential, exchange, asked_at };
        let events = self.when(&command);
        match &events {
            Ok(_) => assert_eq!(self.when(&command), Ok(vec![]), "asked again, nothing new"),
            Err(_) => assert_eq!(self.0, before, "a refusal changes nothing"),
        }
        events
    }

    /// The places that a booking has.
    fn has(&self, number: u128) -> Vec<u32> {
        self.0.booking(id(number)).unwrap().seat_ids.iter().map(|seat| seat.index()).collect()
    }

    /// The place, tariff and amount of each place of a booking.
    fn costs(&self, number: u128) -> Vec<(u32, &str, u32)> {
        let booking = self.0.booking(id(number)).unwrap();
        let places = booking.seat_ids.iter().zip(&booking.price.as_ref().unwrap().places);
        places.map(|(seat, price)| (seat.index(), price.tariff.as_str(), price.amount)).collect()
    }
}

#[test]
fn a_booking_gets_more_places_or_gives_the_last_ones_back() {
    let mut story = Story::begin(Terms::default());
    story.reserve(1, Some(named(&[0])), vec![places("Standing", 2), places("Lawn", 1)]).unwrap();
    let more = story.exchange(1, holder(), totals(vec![places("Standing", 4)])).unwrap();
    let [Event::BookingChanged { seat_ids, confirmed: false, .. }] = more.as_slice() else { panic!("{more:?}") };
    assert_eq!(*seat_ids, seats(&[0, 4, 5, 10, 6, 7]), "what it had, and then what it took");
    let fewer = story.exchange(1, holder(), totals(vec![places("Standing", 1), places("Lawn", 0)])).unwrap();
    let [Event::SeatsReleased { seat_ids, refund: None, .. }, Event::BookingChanged { .. }] = fewer.as_slice() else {
        panic!("{fewer:?}")
    };
    assert_eq!(*seat_ids, seats(&[5, 10, 6, 7]));
    assert_eq!((story.has(1), story.free(STANDING), story.free(LAWN)), (vec![0, 4], 5, 3));
    story.exchange(1, holder(), SeatExchange { remove: seats(&[0]), ..SeatExchange::default() }).unwrap();
    assert_eq!(story.exchange(1, holder(), totals(vec![places("Standing", 0)])), Err(Rejection::NoSeatLeft));
    let unknown = story.exchange(1, holder(), totals(vec![places("Roof", 0)]));
    assert_eq!(unknown, Err(Rejection::UnknownArea { area: "Roof".to_owned() }));
}

#[test]
fn seats_and_places_are_exchanged_together_or_not_at_all() {
    let mut story = Story::begin(Terms::default());
    story.reserve(1, Some(named(&[0])), vec![places("Standing", 1)]).unwrap();
    story.reserve(2, Some(named(&[2])), vec![places("Standing", 3)]).unwrap();
    let wanted = |add: &[u32], standing| SeatExchange {
        add: seats(add),
        remove: seats(&[0]),
        areas: vec![places("Standing", standing)],
        ..SeatExchange::default()
    };
    assert_eq!(story.exchange(1, holder(), wanted(&[1], 4)), Err(too_few("Standing", 3, 2)));
    let taken = story.exchange(1, holder(), wanted(&[2], 3)).unwrap_err();
    assert!(matches!(taken, Rejection::SeatsTaken { .. }), "{taken:?}");
    story.exchange(1, holder(), wanted(&[1], 3)).unwrap();
    assert_eq!((story.has(1), story.free(STANDING)), (vec![4, 1, 8, 9], 0));
}

/// The page of a shop gives one place back by its id, and wants another one besides.
#[test]
fn places_that_are_named_are_not_counted() {
    let mut story = Story::begin(Terms::default());
    story.reserve(1, None, vec![places("Standing", 2)]).unwrap();
    let exchange = SeatExchange { add: seats(&[9]), remove: seats(&[4]), ..totals(vec![places("Standing", 2)]) };
    story.exchange(1, holder(), exchange).unwrap();
    assert_eq!(story.has(1), [5, 9, 6], "not the one that is given back");
}

#[test]
fn each_place_keeps_its_price_and_new_ones_have_the_chosen_tariff() {
    let mut story = priced();
    story.reserve(1, Some(named(&[0])), vec![at("Standing", 1, "child")]).unwrap();
    let exchange = SeatExchange {
        add: seats(&[1, 0, 2]),
        tariffs: Tariffs::new(vec!["child".to_owned(), "full".to_owned(), "full".to_owned()], 3).unwrap(),
        areas: vec![at("Standing", 2, "child"), at("Standing", 1, "full"), places("Lawn", 1)],
        ..SeatExchange::default()
    };
    story.exchange(1, holder(), exchange).unwrap();
    let costs = [(0, "full", 50), (4, "child", 10), (1, "child", 20), (2, "full", 50), (5, "child", 10)];
    assert_eq!(story.costs(1), [&costs[..], &[(6, "full", 30), (10, "lawn", 5)]].concat());
    // Only places at the tariff that is named are counted; without one, all.
    story.exchange(1, holder(), totals(vec![at("Standing", 0, "child")])).unwrap();
    assert_eq!(story.costs(1)[3..], [(6, "full", 30), (10, "lawn", 5)]);
    story.exchange(1, holder(), totals(vec![places("Standing", 2)])).unwrap();
    assert_eq!(story.costs(1).last(), Some(&(4, "full", 30)), "the tariff of its first seat");
}

#[test]
fn in_a_full_area_a_place_changes_its_tariff() {
    let mut story = priced();
    story.reserve(1, None, vec![at("Standing", 3, "full")]).unwrap();
    story.reserve(2, None, vec![places("Standing", 3)]).unwrap();
    let events =
        story.exchange(1, holder(), totals(vec![at("Standing", 2, "full"), at("Standing", 1, "child")])).unwrap();
    assert!(matches!(events.as_slice(), [Event::BookingChanged { .. }]), "nothing is given back: {events:?}");
    assert_eq!(story.costs(1), [(4, "full", 30), (5, "full", 30), (6, "child", 10)]);
    let more = story.exchange(1, holder(), totals(vec![at("Standing", 0, "full"), at("Standing", 4, "child")]));
    assert_eq!(more, Err(too_few("Standing", 1, 0)));
}

#[test]
fn a_tariff_that_is_none_or_not_his_is_refused() {
    let mut story = priced();
    story.reserve(1, Some(named(&[0])), vec![]).unwrap();
    let tariff = |tariff: &str, seat| SeatExchange {
        add: seats(&[seat]),
        tariffs: Tariffs::new(vec![tariff.to_owned()], 1).unwrap(),
        ..SeatExchange::default()
    };
    let refused = |story: &mut Story, exchange| story.exchange(1, holder(), exchange).unwrap_err().to_string();
    assert_eq!(refused(&mut story, tariff("dog", 1)), "seat A2 has no tariff \"dog\"");
    let said = refused(&mut story, totals(vec![at("Lawn", 1, "full")]));
    assert_eq!(said, "place Lawn 1 has no tariff \"full\"", "no other one is taken in its place");
    let said = refused(&mut story, totals(vec![at("Standing", 1, "guest")]));
    assert_eq!(said, "tariff \"guest\" of place Standing 1 is for operators only");
    story.exchange(1, Credential::Operator, totals(vec![at("Standing", 1, "guest")])).unwrap();
    assert_eq!(story.costs(1), [(0, "full", 50), (4, "guest", 0)]);

    let mut free = Story::begin(Terms::default());
    free.reserve(1, Some(named(&[0])), vec![]).unwrap();
    let no_tariffs = Err(Rejection::NoTariffs { tariff: "full".to_owned() });
    assert_eq!(free.exchange(1, holder(), tariff("full", 1)), no_tariffs);
    assert_eq!(free.exchange(1, holder(), totals(vec![at("Standing", 1, "full")])), no_tariffs);
}

#[test]
fn the_limits_and_the_rights_are_those_of_every_exchange() {
    let terms = Terms { places_per_booking: Some(3), places_per_customer: Some(4), ..Terms::default() };
    let mut story = Story::begin(terms);
    story.reserve(1, None, vec![places("Standing", 2)]).unwrap();
    story.reserve(2, None, vec![places("Lawn", 1)]).unwrap();
    let standing = |quantity| totals(vec![places("Standing", quantity)]);
    assert_eq!(story.exchange(1, holder(), standing(4)), Err(Rejection::TooManyPlaces { wanted: 4, most: 3 }));
    story.exchange(1, holder(), standing(3)).unwrap();
    let refused = Err(Rejection::CustomerLimit { held: 4, wanted: 1, most: 4 });
    assert_eq!(story.exchange(2, holder(), totals(vec![places("Lawn", 2)])), refused);
    let stranger = Credential::Holder(HoldToken::from_bytes([9; 32]).hash());
    assert_eq!(story.exchange(1, stranger, standing(1)), Err(Rejection::NotHolder));

    let payment_reference = PaymentReference::parse("cash").unwrap();
    let (booking_id, credential) = (id(1), Credential::Operator);
    let asked_at = Timestamp::from_millis(0);
    story.when(&Command::ConfirmBooking { booking_id, credential, payment_reference, asked_at }).unwrap();
    let refused = story.exchange(1, holder(), standing(1));
    assert!(matches!(refused, Err(Rejection::BookingNotPending { .. })), "{refused:?}");
    let events = story.exchange(1, Credential::Operator, standing(1)).unwrap();
    assert!(matches!(events.as_slice(), [_, Event::BookingChanged { confirmed: true, .. }]), "{events:?}");
}

proptest! {
    /// Two bookings that want any numbers of places of a small house.
    #[test]
    fn what_is_accepted_is_what_the_booking_has(
        steps in prop::collection::vec((1..3_u128, 0..8_u32, 0..5_u32), 1..40),
    ) {
        let mut story = Story::begin(Terms::default());
        for number in [1, 2] {
            story.reserve(number, Some(named(&[u32::try_from(number).unwrap()])), vec![]).unwrap();
        }
        for (number, standing, lawn) in steps {
            let exchange = totals(vec![places("Standing", standing), places("Lawn", lawn)]);
            let others = story.has(3 - number);
            if story.exchange(number, holder(), exchange).is_ok() {
                let has = story.has(number);
                let of = |area: std::ops::Range<u32>| has.iter().filter(|place| area.contains(place)).count();
                let wanted = [standing, lawn].map(|quantity| usize::try_from(quantity).unwrap());
                prop_assert_eq!([of(STANDING), of(LAWN)], wanted);
            }
            prop_assert!(story.has(number).iter().all(|place| !others.contains(place)), "nobody loses a place");
            let taken = |area: std::ops::Range<u32>| area.len() - story.free(area);
            let had = |area: std::ops::Range<u32>| {
                [1, 2].into_iter().flat_map(|number| story.has(number)).filter(|place| area.contains(place)).count()
            };
            prop_assert_eq!([taken(STANDING), taken(LAWN)], [had(STANDING), had(LAWN)]);
        }
    }
}
