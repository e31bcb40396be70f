//! Areas: given their places, when some are wanted, then these events. Never more places than the capacity; all of them or none.

mod exchanges;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use turnstile::domain::{
    AreaPlaces, BestAvailable, BookingId, Choice, Command, Credential, Decision, Event, HoldPolicy, HoldToken, Listing,
    Orphans, Prices, Rejection, SeatExchange, SeatId, SeatMap, SeatSelection, SeatStatus, SeatWish, SelectionError,
    Showtime, ShowtimeFacts, ShowtimeId, Tariffs, Terms, Timestamp, Together, UserId, Within,
};
use uuid::Uuid;

const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));
const POLICY: HoldPolicy = HoldPolicy { hold: Duration::from_secs(60), max_total: Duration::from_secs(180) };
/// Row A, then Standing, then Lawn.
const SEATS: std::ops::Range<u32> = 0..4;
const STANDING: std::ops::Range<u32> = 4..10;
const LAWN: std::ops::Range<u32> = 10..13;

fn house() -> SeatMap {
    serde_json::from_value(json!([
        {"row": "A", "seats": 4, "categories": [{"to": 4, "category": "gold"}]},
        {"row": "Standing", "seats": 6, "categories": [{"to": 6, "category": "floor"}], "area": {}},
        {"row": "Lawn", "seats": 3, "area": {"x": 100, "y": 200, "width": 300, "height": 400}},
    ]))
    .unwrap()
}

fn id(number: u128) -> BookingId {
    BookingId(Uuid::from_u128(number))
}

fn places(area: &str, quantity: u32) -> AreaPlaces {
    AreaPlaces::parse(area, quantity, None).unwrap()
}

fn named(seats: &[u32]) -> SeatWish {
    let seats = seats.iter().map(|seat| SeatId::new(ID, *seat)).collect();
    SeatWish::Named(SeatSelection::new(ID, seats).unwrap())
}

struct Story(Showtime);

impl Story {
    fn begin(terms: Terms) -> Self {
        let facts = ShowtimeFacts { id: ID, seat_map: Arc::new(house()) };
        Self(Showtime::scheduled(facts, Listing { terms, ..Listing::new("M", Timestamp::MAX) }))
    }

    fn when(&mut self, command: &Command) -> Result<Vec<Event>, Rejection> {
        let now = Timestamp::from_millis(0);
        let events = match self.0.decide(command, now, &POLICY)? {
            Decision::Accepted(event) => vec![event],
            Decision::AcceptedAll(events) => events,
            Decision::AlreadyDone => Vec::new(),
            Decision::Refused(..) => panic!("nothing is paid here"),
        };
        for event in &events {
            self.0.evolve(event, self.0.sequence() + 1, now, command.new_hold().map(|(token, _)| token));
        }
        Ok(events)
    }

    fn command(number: u128, seats: Option<SeatWish>, areas: Vec<AreaPlaces>) -> Command {
        Command::ReserveChosen {
            booking_id: id(number),
            choice: Choice::new(seats, areas).unwrap(),
            user_id: UserId::parse("ada").unwrap(),
            token: HoldToken::from_bytes([1; 32]).hash(),
            asked_at: Timestamp::from_millis(0),
            buyer: turnstile::domain::Buyer::default(),
        }
    }

    /// The places that a booking gets.
    fn reserve(
        &mut self,
        number: u128,
        seats: Option<SeatWish>,
        areas: Vec<AreaPlaces>,
    ) -> Result<Vec<u32>, Rejection> {
        let before = self.0.statuses().to_vec();
        let events = self.when(&Self::command(number, seats, areas));
        if events.is_err() {
            assert_eq!(self.0.statuses(), before, "a refusal changes nothing");
        }
        let events = events?;
        let [Event::SeatsReserved { seat_ids, .. }] = events.as_slice() else { panic!("{events:?}") };
        let places: Vec<u32> = seat_ids.iter().map(|seat| seat.index()).collect();
        for place in &places {
            assert_eq!(before[usize::try_from(*place).unwrap()], SeatStatus::Available, "it was free");
        }
        assert_eq!(places.iter().collect::<HashSet<_>>().len(), places.len(), "each once");
        Ok(places)
    }

    fn free(&self, area: std::ops::Range<u32>) -> usize {
        area.filter(|place| self.0.seat(*place).unwrap().0 == SeatStatus::Available).count()
    }
}

fn too_few(area: &str, wanted: u32, left: u32) -> Rejection {
    Rejection::TooFewPlaces { area: area.to_owned(), wanted, left }
}

#[test]
fn an_area_is_sold_to_its_capacity_and_no_further() {
    let mut story = Story::begin(Terms::default());
    let first = story.reserve(1, None, vec![places("Standing", 4)]).unwrap();
    assert!(first.len() == 4 && first.iter().all(|place| STANDING.contains(place)), "{first:?}");
    let refused = story.reserve(2, None, vec![places("Standing", 3)]).unwrap_err();
    assert_eq!(refused, too_few("Standing", 3, 2));
    assert_eq!(refused.to_string(), "area Standing: 3 places are wanted, 2 are left");
    story.reserve(3, None, vec![places("Standing", 1)]).unwrap();
    let refused = story.reserve(4, None, vec![places("Standing", 2)]).unwrap_err();
    assert_eq!(refused.to_string(), "area Standing: 2 places are wanted, 1 is left");
    story.reserve(5, None, vec![places("Standing", 1)]).unwrap();
    assert_eq!(story.reserve(6, None, vec![places("Standing", 1)]), Err(too_few("Standing", 1, 0)));
    assert_eq!((story.free(SEATS), story.free(LAWN)), (4, 3));
    story.when(&Command::CancelBooking { booking_id: id(1), credential: Credential::Operator }).unwrap();
    assert_eq!(story.reserve(7, None, vec![places("Standing", 4)]).unwrap().len(), 4, "given back, sold again");
}

#[test]
fn seats_and_places_of_several_areas_are_reserved_together_or_not_at_all() {
    let mut story = Story::begin(Terms::default());
    let both = vec![places("Standing", 2), places("Lawn", 2)];
    assert_eq!(story.reserve(1, Some(named(&[1, 0])), both.clone()).unwrap()[..2], [1, 0], "seats come first");
    assert_eq!(story.reserve(2, Some(named(&[2])), both.clone()), Err(too_few("Lawn", 2, 1)));
    let taken = story.reserve(3, Some(named(&[1, 3])), vec![places("Lawn", 1)]).unwrap_err();
    assert_eq!(taken.to_string(), "seat A2 is taken");
    let unknown = story.reserve(4, None, vec![places("Lawn", 1), places("Roof", 1)]).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no area \"Roof\" in this showtime");
    assert_eq!((story.free(SEATS), story.free(STANDING), story.free(LAWN)), (2, 4, 1));
}

#[test]
fn entries_of_one_area_and_its_named_places_are_different_places() {
    let mut story = Story::begin(Terms::default());
    let refused = story.reserve(1, Some(named(&[10])), vec![places("Lawn", 1), places("Lawn", 2)]);
    assert_eq!(refused, Err(too_few("Lawn", 3, 2)));
    story.reserve(2, Some(named(&[10])), vec![places("Lawn", 1), places("Lawn", 1)]).unwrap();
    assert_eq!(story.free(LAWN), 0);
    let taken = story.reserve(3, Some(named(&[11, 3])), vec![places("Standing", 1)]).unwrap_err();
    assert_eq!(taken.to_string(), "place Lawn 2 is taken");
}

#[test]
fn the_best_seats_are_none_of_an_area() {
    let mut story = Story::begin(Terms::default());
    let best = |quantity, within| SeatWish::Best(BestAvailable::new(quantity, Together::Preferred, within).unwrap());
    let got = story.reserve(1, Some(best(3, Within::default())), vec![places("Lawn", 2)]).unwrap();
    assert!(got[..3].iter().all(|seat| SEATS.contains(seat)) && got[3..].iter().all(|place| LAWN.contains(place)));
    let refused = story.reserve(2, Some(best(2, Within::default())), vec![]);
    assert_eq!(refused, Err(Rejection::TooFewSeats { wanted: 2, left: 1 }));
    let floor = Within { category: Some("floor".to_owned()), ..Within::default() };
    assert!(matches!(story.reserve(3, Some(best(1, floor)), vec![]), Err(Rejection::UnknownCategory { .. })));
}

#[test]
fn the_limits_count_places_of_areas() {
    let terms = Terms { places_per_booking: Some(3), places_per_customer: Some(5), ..Terms::default() };
    let mut story = Story::begin(terms);
    let refused = story.reserve(1, Some(named(&[0])), vec![places("Standing", 3)]);
    assert_eq!(refused, Err(Rejection::TooManyPlaces { wanted: 4, most: 3 }));
    story.reserve(2, None, vec![places("Standing", 3)]).unwrap();
    let refused = story.reserve(3, None, vec![places("Lawn", 3)]);
    assert_eq!(refused, Err(Rejection::CustomerLimit { held: 3, wanted: 3, most: 5 }));
    story.reserve(4, None, vec![places("Lawn", 2)]).unwrap();
    let many = |areas| Choice::new(Some(named(&[0])), areas);
    assert_eq!(many(vec![places("Lawn", 20)]), Err(SelectionError::TooManyPlaces { count: 21 }));
    assert!(many(vec![places("Lawn", 19)]).is_ok());
    assert_eq!(Choice::new(None, vec![]), Err(SelectionError::Empty));
    assert_eq!(
        Choice::new(None, vec![places("Lawn", u32::MAX); 3]).map_err(|error| error.to_string()).unwrap_err(),
        "12884901885 places are wanted, at most 20 can be booked at once"
    );
}

#[test]
fn nobody_is_left_alone_in_an_area_and_seats_besides_keep_the_rule() {
    let mut story = Story::begin(Terms { orphans: Orphans::Refuse, ..Terms::default() });
    let alone = story.reserve(1, Some(named(&[1])), vec![places("Lawn", 1)]).unwrap_err();
    assert!(matches!(alone, Rejection::SeatLeftAlone { .. }), "{alone:?}");
    story.reserve(2, Some(named(&[0])), vec![places("Lawn", 1)]).unwrap();
    story.reserve(3, Some(named(&[5])), vec![]).unwrap();
    let near = story.0.alternatives(&[5, 12], 3);
    assert_eq!(near, [], "there is nothing instead of a place");
    assert_eq!(story.0.alternatives(&[0, 5], 1)[0].seat_ids, [SeatId::new(ID, 1)]);
}

#[test]
fn each_place_costs_what_its_category_and_its_tariff_say() {
    let prices: Prices = serde_json::from_value(json!({"currency": "EUR", "zones": [
        {"category": "gold", "tariffs": [{"key": "full", "amount": 50}, {"key": "child", "amount": 20}]},
        {"category": "floor", "tariffs": [{"key": "full", "amount": 30}, {"key": "child", "amount": 10}]},
    ]}))
    .unwrap();
    let mut story = Story::begin(Terms { prices: Some(prices), ..Terms::default() });
    let at = |area, quantity, tariff| AreaPlaces::parse(area, quantity, Some(tariff)).unwrap();
    let seats = SeatSelection::new(ID, vec![SeatId::new(ID, 0), SeatId::new(ID, 1)]).unwrap();
    let seats = SeatWish::Named(seats.at(Tariffs::new(vec!["child".to_owned()], 2).unwrap()));
    story.reserve(1, Some(seats), vec![at("Standing", 1, "child"), places("Standing", 2)]).unwrap();
    let price = story.0.booking(id(1)).unwrap().price.clone().unwrap();
    let amounts: Vec<u32> = price.places.iter().map(|place| place.amount).collect();
    assert_eq!((amounts, price.total()), (vec![20, 20, 10, 30, 30], 110));
    let refused = story.reserve(2, None, vec![at("Standing", 1, "dog")]).unwrap_err().to_string();
    assert!(refused.starts_with("place Standing ") && refused.ends_with(" has no tariff \"dog\""), "{refused}");
    let refused = story.reserve(2, None, vec![places("Lawn", 1)]).unwrap_err().to_string();
    assert!(refused.starts_with("place Lawn ") && refused.ends_with(" has no price"), "{refused}");
    let mut free = Story::begin(Terms::default());
    let refused = free.reserve(1, Some(named(&[0])), vec![places("Lawn", 1), at("Standing", 1, "child")]);
    assert_eq!(refused, Err(Rejection::NoTariffs { tariff: "child".to_owned() }));
}

#[test]
fn a_repeated_reservation_takes_nothing_more_and_places_are_exchanged_by_id() {
    let mut story = Story::begin(Terms::default());
    let places = story.reserve(1, None, vec![places("Standing", 2)]).unwrap();
    let again = Story::command(1, None, vec![AreaPlaces::parse("Standing", 2, None).unwrap()]);
    assert_eq!(story.when(&again), Ok(vec![]));
    let mut other = again;
    if let Command::ReserveChosen { token, .. } = &mut other {
        *token = HoldToken::from_bytes([2; 32]).hash();
    }
    assert_eq!(story.when(&other), Err(Rejection::NotHolder));
    let (add, remove) = (vec![SeatId::new(ID, 12)], vec![SeatId::new(ID, places[0])]);
    let exchange = Command::ChangeSeats {
        booking_id: id(1),
        credential: Credential::Operator,
        exchange: SeatExchange { add, remove, ..SeatExchange::default() },
        asked_at: Timestamp::from_millis(0),
    };
    story.when(&exchange).unwrap();
    assert_eq!((story.free(STANDING), story.free(LAWN)), (5, 2));
    assert_eq!(story.0.booking(id(1)).unwrap().seat_ids, [SeatId::new(ID, places[1]), SeatId::new(ID, 12)]);
}

#[test]
fn the_first_free_places_are_taken() {
    let mut story = Story::begin(Terms::default());
    assert_eq!(story.reserve(1, None, vec![places("Standing", 2)]), Ok(vec![4, 5]));
    assert_eq!(story.reserve(2, Some(named(&[7])), vec![places("Standing", 2)]), Ok(vec![7, 6, 8]));
    story.when(&Command::CancelBooking { booking_id: id(1), credential: Credential::Operator }).unwrap();
    assert_eq!(story.reserve(3, None, vec![places("Standing", 3)]), Ok(vec![4, 5, 9]));
}

proptest! {
    /// Any run of reservations and cancellations of a small house.
    #[test]
    fn never_more_than_the_capacity_and_all_or_none(
        steps in prop::collection::vec((0..4_u8, 0..5_u32, 0..4_u32, prop::option::of(0..13_u32)), 1..40),
    ) {
        let mut story = Story::begin(Terms::default());
        let mut live: Vec<(u128, usize)> = Vec::new();
        for ((kind, standing, lawn, seat), number) in steps.into_iter().zip(1_u128..) {
            if kind == 0 && !live.is_empty() {
                let (gone, _) = live.remove(usize::try_from(standing).unwrap() % live.len());
                story.when(&Command::CancelBooking { booking_id: id(gone), credential: Credential::Operator }).unwrap();
            } else {
                let areas = [("Standing", standing), ("Lawn", lawn)].into_iter().filter(|(_, wanted)| *wanted > 0);
                let areas: Vec<AreaPlaces> = areas.map(|(area, wanted)| places(area, wanted)).collect();
                let seats = seat.map(|seat| named(&[seat]));
                let wanted = usize::try_from(standing + lawn).unwrap() + usize::from(seat.is_some());
                if wanted > 0 {
                    let (free_standing, free_lawn) = (story.free(STANDING), story.free(LAWN));
                    let taken = |area: std::ops::Range<u32>| usize::from(seat.is_some_and(|seat| area.contains(&seat)));
                    let seat_is_free = seat.is_none_or(|seat| story.0.seat(seat).unwrap().0 == SeatStatus::Available);
                    let fits = seat_is_free
                        && usize::try_from(standing).unwrap() + taken(STANDING) <= free_standing
                        && usize::try_from(lawn).unwrap() + taken(LAWN) <= free_lawn;
                    let got = story.reserve(number, seats, areas);
                    prop_assert_eq!(got.is_ok(), fits, "{:?}", got);
                    if let Ok(got) = got {
                        prop_assert_eq!(got.len(), wanted);
                        live.push((number, wanted));
                    }
                }
            }
            let held: usize = live.iter().map(|(_, places)| places).sum();
            prop_assert_eq!(story.free(0..13) + held, 13, "what is not held is free");
        }
    }
}
