//! What is chosen can be bought, and can be held by name.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::best_available::houses::{House, any_house};
use crate::domain::{
    BestAvailable, Block, BlockAccess, BookingId, Buyer, Command, Decision, Event, HoldPolicy, HoldToken, HouseWord,
    Listing, NewBlock, Orphans, Price, Seat, SeatIndex, SeatMap, SeatStatus, ShowtimeFacts, ShowtimeId, Stored,
    Tariffs, Terms, Timestamp, Together, TokenHash, UserId, Within,
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

fn key() -> TokenHash {
    TokenHash::of_channel_key("the-key-of-a-channel").unwrap()
}

/// The house with its channel's block.
fn with_channel(house: &House, terms: Terms) -> Showtime {
    let mut showtime = showtime(&house.map, &house.taken, terms);
    if house.channel.is_empty() {
        return showtime;
    }
    let ids = house.channel.iter().map(|seat| SeatId::new(ID, *seat)).collect();
    let word = HouseWord::parse("fans").unwrap();
    let new = NewBlock {
        booking_id: BookingId(Uuid::from_u128(7)),
        seats: SeatSelection::blocked(ID, ids).unwrap(),
        block: Block { kind: word.clone(), reason: None, channel: Some(word) },
        until: None,
        token: key(),
        asked_at: Timestamp::from_millis(0),
    };
    for event in events(showtime.decide(&Command::BlockSeats { new }, Timestamp::from_millis(0), &POLICY)).unwrap() {
        showtime.evolve(&event, showtime.sequence() + 1, Timestamp::from_millis(0), Some(key()));
    }
    showtime
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

fn by_name(showtime: &Showtime, seats: &[SeatIndex], tariffs: Tariffs, buyer: Buyer) -> Result<Held, Rejection> {
    let (booking_id, token) = (BookingId(Uuid::from_u128(8)), HoldToken::from_bytes([0; 32]).hash());
    let (user_id, asked_at) = (UserId::parse("ada").unwrap(), Timestamp::from_millis(1));
    let ids = seats.iter().map(|seat| SeatId::new(ID, *seat)).collect();
    let seats = SeatSelection::new(ID, ids).unwrap().at(tariffs);
    let command = Command::ReserveSeats { booking_id, seats, user_id, token, asked_at, buyer };
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

/// Prices for gold and blue, at two tariffs and at one.
fn two_of_three() -> Terms {
    let zone = |category: &str, keys: &[&str]| {
        let tariffs: Vec<Value> = keys.iter().map(|key| json!({"key": key, "amount": 1})).collect();
        json!({"category": category, "tariffs": tariffs})
    };
    priced(&json!([zone("gold", &["full", "kid"]), zone("blue", &["full"])]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_chosen_can_be_held_by_name(
        house in any_house(),
        (quantity, accessible) in (1..6_u32).prop_flat_map(|quantity| (Just(quantity), 0..=quantity.min(2))),
        companions in prop::option::of(0..3_u32),
        together in prop_oneof![Just(Together::Required), Just(Together::Rows), Just(Together::Preferred)],
        category in prop::option::weighted(0.3, Just("gold".to_owned())),
        tariff in prop::option::weighted(0.3, prop_oneof![Just("full"), Just("kid")]),
        (has_prices, has_key, for_all) in any::<(bool, bool, bool)>(),
    ) {
        let terms = if has_prices && !house.map.seats().all(|seat| seat.category().is_none()) { two_of_three() } else { Terms::default() };
        let is_gold = category.is_some();
        let tariffs = tariff.filter(|_| terms.prices.is_some()).map(str::to_owned).into_iter().collect();
        let tariffs = Tariffs::new(tariffs, 1).unwrap();
        let released = for_all.then_some(Timestamp::from_millis(0));
        let terms = Terms { orphans: Orphans::Refuse, accessible_for_all_from: released, ..terms };
        let showtime = with_channel(&house, terms);
        let buyer = Buyer { access: (has_key && !house.channel.is_empty()).then(|| BlockAccess::ChannelKey(key())), ..Buyer::default() };
        let companions = companions.filter(|_| accessible > 0).map(|most| most.min(quantity - accessible));
        let within = Within { category, accessible, companions, ..Within::default() };
        let wanted = BestAvailable::new(quantity, together, within).unwrap().at(tariffs.clone());
        match best(&showtime, wanted, buyer.clone()) {
            Ok(chosen) => prop_assert_eq!(by_name(&showtime, &chosen.0, tariffs, buyer), Ok(chosen)),
            Err(Rejection::NotPriced { .. } | Rejection::UnknownTariff { .. }) => {
                let is_served = |seat: Seat<'_>| match seat.category() {
                    Some("gold") => true,
                    Some("blue") => tariff != Some("kid") && !is_gold,
                    Some(_) | None => false,
                };
                prop_assert!(!house.map.seats().any(is_served), "a seat of the house has such a price");
            }
            Err(_) => {}
        }
    }

    #[test]
    fn who_may_not_leave_a_seat_alone_is_offered_others(
        house in any_house(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        has_prices: bool,
        most in 1..4_usize,
    ) {
        let terms = if has_prices { two_of_three() } else { Terms::default() };
        let showtime = showtime(&house.map, &house.taken, Terms { orphans: Orphans::Refuse, ..terms });
        let free: Vec<SeatIndex> = (0..house.map.seat_count()).filter(|seat| !house.taken.contains(seat)).collect();
        prop_assume!(!free.is_empty());
        let mut named: Vec<SeatIndex> = picks.iter().map(|pick| *pick.get(&free)).collect();
        named.sort_unstable();
        named.dedup();
        let held = |seats: &[SeatIndex]| by_name(&showtime, seats, Tariffs::default(), Buyer::default());
        if let Err(Rejection::SeatLeftAlone { .. }) = held(&named) {
            let offered = showtime.alternatives(&named, most);
            prop_assert!((1..=most).contains(&offered.len()), "{:?}", named);
            let are_priced = !has_prices || named.iter().all(|seat| {
                matches!(house.map.seat(*seat).unwrap().category(), Some("gold" | "blue"))
            });
            for block in &offered {
                let seats: Vec<SeatIndex> = block.seat_ids.iter().map(|seat| seat.index()).collect();
                prop_assert_eq!(seats.len(), named.len());
                match held(&seats) {
                    Err(Rejection::NotPriced { .. }) => prop_assert!(!are_priced),
                    other => prop_assert!(other.is_ok(), "{:?}", other),
                }
            }
        }
    }
}
