//! Given a showtime with bookings, when it is moved to another version of its auditorium, then it has that version's seats, or is refused.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::best_available::{Buyable, explain, near};
use crate::domain::orphans::left_alone;
use crate::domain::{
    AuditoriumId, AuditoriumVersion, BestAvailable, BookingId, Buyer, Command, Credential, Decision, Event, HoldPolicy,
    HoldToken, Listing, ListingChange, PaymentReference, Rejection, SeatSelection, SeatStatus, ShowtimeFacts,
    ShowtimeId, Terms, Timestamp, Together, UserId, Within,
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
    showtime.evolve(&event, showtime.sequence() + 1, NOW, command.new_hold().map(|(token, _)| token));
    Ok(event)
}

fn to(house: AuditoriumVersion, rows_of: Value) -> Command {
    let house = Some(NewHouse { version: house, seat_map: rows(rows_of), most_bytes: 100_000 });
    Command::ChangeShowtime { change: ListingChange { house, ..ListingChange::default() } }
}

fn refused(rows: Value) -> String {
    let refusal = carry_out(&mut showtime(), &to(version(2), rows)).unwrap_err();
    assert!(matches!(refusal, Rejection::Move(_)), "{refusal:?}");
    refusal.to_string()
}

/// The index of each seat, by its printed name, in the order of the rows.
fn numbered(map: &SeatMap) -> Vec<(String, SeatIndex)> {
    map.seats().map(|seat| (seat.printed().to_string(), seat.index)).collect()
}

fn status(showtime: &Showtime, seat: SeatIndex) -> Option<SeatStatus> {
    showtime.seat(seat).map(|(status, _)| status)
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
    let event = carry_out(&mut showtime, &to(version(2), second.clone())).unwrap();
    assert_eq!(event.rows(), Some(&*rows(second.clone())), "no index needs to be told");
    assert_eq!(showtime.facts().seat_map, rows(second));
    assert_eq!(showtime.statuses(), before, "seats and bookings stay");
    assert_eq!(showtime.listing().terms.auditorium, Some(version(2)));
    assert_eq!(showtime.facts().seat_map.seat(3).unwrap().category(), Some("gold"));
    assert!(!showtime.facts().seat_map.is_beside(0, 1), "an aisle is between them now");
}

#[test]
fn rows_come_in_the_order_of_the_plan_and_a_turned_row_is_turned() {
    let mut showtime = showtime();
    let mut second = first();
    second.as_array_mut().unwrap().swap(0, 1);
    second[0]["labels"] = json!({"from": 8, "step": -1});
    carry_out(&mut showtime, &to(version(2), second)).unwrap();
    let names = ["Stalls B8", "Stalls B7", "Stalls A1", "Stalls A2", "Stalls A3"].map(str::to_owned);
    let expected: Vec<_> = names.into_iter().zip([4, 3, 0, 1, 2]).collect();
    assert_eq!(numbered(&showtime.facts().seat_map)[..5], expected);
    assert_eq!(status(&showtime, 3), Some(SeatStatus::Reserved));
    let text = serde_json::to_value(showtime.facts().seat_map.all_rows()).unwrap();
    assert_eq!(text[0]["indices"], json!([{"to": 1, "from": 4}, {"to": 2, "from": 3}]));
    assert_eq!(text[2].get("indices"), None, "{text}");
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
fn new_seats_are_free_and_left_out_ones_are_nobodys_until_they_come_back() {
    let mut showtime = showtime();
    let mut second = first();
    second[0]["labels"] = json!(["2", "2a", "3"]);
    let more = json!({"row": "C", "seats": 2, "section": "Stalls"});
    second.as_array_mut().unwrap().insert(1, more);
    carry_out(&mut showtime, &to(version(2), second)).unwrap();
    let map = Arc::clone(&showtime.facts().seat_map);
    let expected = [("A2", 1), ("A2a", 9), ("A3", 2), ("C1", 10), ("C2", 11), ("B7", 3), ("B8", 4)];
    let expected = expected.map(|(name, index)| (format!("Stalls {name}"), index));
    assert_eq!(numbered(&map)[..7], expected);
    assert_eq!((map.present_count(), map.seat_count()), (11, 12));
    assert_eq!(map.former().collect::<Vec<_>>(), [0]);
    assert_eq!(map.printed(0).to_string(), "Stalls A1", "an old ticket has a name still");
    assert_eq!((status(&showtime, 0), map.seat(0)), (None, None));
    assert_eq!(
        (status(&showtime, 9), showtime.seat(11)),
        (Some(SeatStatus::Available), Some((SeatStatus::Available, 1)))
    );
    assert_eq!(showtime.statuses()[0], SeatStatus::Sold, "nobody counts it as free");

    carry_out(&mut showtime, &to(version(1), first())).unwrap();
    let back = &showtime.facts().seat_map;
    assert_eq!(numbered(back)[..3], [0, 1, 2].map(|seat| (format!("Stalls A{}", seat + 1), seat)));
    assert_eq!(back.former().collect::<Vec<_>>(), [9, 10, 11]);
    assert_eq!(status(&showtime, 0), Some(SeatStatus::Available));
    assert_eq!(*back, serde_json::from_value(serde_json::to_value(&**back).unwrap()).map(Arc::new).unwrap());
}

#[test]
fn seats_that_somebody_has_are_not_left_out() {
    let mut second = first();
    second[0]["seats"] = json!(2);
    second[1]["labels"] = json!({"from": 8, "step": 1});
    let refusal = carry_out(&mut showtime(), &to(version(2), second)).unwrap_err();
    assert_eq!(refusal.to_string(), "seats Stalls A3 and Stalls B7 are missing there, and taken");
    let Rejection::Move(MoveRejection::SeatsTaken { taken }) = refusal else { panic!("{refusal:?}") };
    let taken: Vec<_> = taken.iter().map(|conflict| (conflict.seat_id, conflict.reason)).collect();
    assert_eq!(taken, [2, 3].map(|seat| (SeatId::new(ID, seat), ConflictReason::Reserved)));
    let mut elsewhere = first();
    elsewhere[1]["section"] = json!("Circle");
    assert_eq!(refused(elsewhere), "seat Stalls B7 is missing there, and taken");
}

#[test]
fn other_auditoriums_are_refused_and_more_seats_than_a_showtime_may_have() {
    let other = AuditoriumVersion { id: AuditoriumId(Uuid::from_u128(3)), version: 1 };
    let refusal = carry_out(&mut showtime(), &to(other, first())).unwrap_err();
    assert_eq!(refusal, Rejection::Move(MoveRejection::OtherAuditorium));
    let mut second = first();
    second[2] = json!({"row": "Field", "seats": 199_995, "area": {}});
    let refusal = refused(second);
    assert_eq!(refusal, "with the seats that earlier versions had the showtime would have more than 200000");
}

#[test]
fn rows_with_former_seats_are_no_longer_than_an_event_may_be() {
    let within = |most_bytes, rows_of: Value| {
        let house = Some(NewHouse { version: version(2), seat_map: rows(rows_of), most_bytes });
        carry_out(
            &mut showtime(),
            &Command::ChangeShowtime { change: ListingChange { house, ..ListingChange::default() } },
        )
    };
    let mut without = first();
    without[0]["labels"] = json!(["2", "3", "4"]);
    let rows = within(1_000, without.clone()).unwrap().rows().cloned().unwrap();
    let bytes = serde_json::to_vec(&rows).unwrap().len();
    assert!(within(bytes, without.clone()).is_ok());
    let refused = within(bytes - 1, without).unwrap_err().to_string();
    assert!(refused.ends_with(&format!("have {bytes} bytes, at most {} are taken", bytes - 1)), "{refused}");
}

/// What was held, or done, with a seat before it was left out.
#[test]
fn a_payment_for_a_seat_that_was_left_out_is_too_late_and_a_repeated_refund_is_known() {
    let id = BookingId(Uuid::from_u128(9));
    let late = NOW + Duration::from_mins(2);
    let mut without = first();
    without[0]["seats"] = json!(2);
    let confirm = |asked_at| Command::ConfirmBooking {
        booking_id: id,
        credential: Credential::Operator,
        payment_reference: PaymentReference::parse("p").unwrap(),
        asked_at,
    };
    let mut expired = showtime();
    let expire = Command::ExpireHold { booking_id: id };
    let Decision::Accepted(event) = expired.decide(&expire, late, &POLICY).unwrap() else { panic!("it is due") };
    expired.evolve(&event, expired.sequence() + 1, late, None);
    carry_out(&mut expired, &to(version(2), without.clone())).unwrap();
    let decided = expired.decide(&confirm(late), late, &POLICY);
    let Ok(Decision::Refused(_, Rejection::PaymentTooLate { conflicts, .. })) = decided else { panic!("{decided:?}") };
    assert_eq!(conflicts.iter().map(|one| one.place.to_string()).collect::<Vec<_>>(), ["Stalls A3"]);

    let mut refunded = showtime();
    carry_out(&mut refunded, &confirm(NOW)).unwrap();
    let refund = Command::RefundBooking { booking_id: id, seats: vec![SeatId::new(ID, 2)], reason: None };
    let Decision::AcceptedAll(events) = refunded.decide(&refund, NOW, &POLICY).unwrap() else { panic!("a part of it") };
    for event in events {
        refunded.evolve(&event, refunded.sequence() + 1, NOW, None);
    }
    carry_out(&mut refunded, &to(version(2), without)).unwrap();
    assert_eq!(refunded.decide(&refund, NOW, &POLICY), Ok(Decision::AlreadyDone));
}

#[test]
fn an_area_keeps_the_places_that_are_taken_and_its_numbers() {
    let mut showtime = showtime();
    let reserve = Command::ReserveSeats {
        booking_id: BookingId(Uuid::from_u128(10)),
        seats: SeatSelection::new(ID, vec![SeatId::new(ID, 7), SeatId::new(ID, 8)]).unwrap(),
        user_id: UserId::parse("ada").unwrap(),
        token: HoldToken::from_bytes([0; 32]).hash(),
        asked_at: NOW,
        buyer: Buyer::default(),
    };
    carry_out(&mut showtime, &reserve).unwrap();
    let lawn = |places: u32| {
        let mut house = first();
        house[2]["seats"] = json!(places);
        house
    };
    assert_eq!(
        carry_out(&mut showtime, &to(version(2), lawn(1))).unwrap_err().to_string(),
        "area Lawn has room for 1 there, and 2 are taken"
    );
    let places = |showtime: &Showtime| -> Vec<_> { numbered(&showtime.facts().seat_map).split_off(5) };
    let named = |places: &[(u32, u32)]| -> Vec<_> {
        places.iter().map(|(number, index)| (format!("Lawn {number}"), *index)).collect()
    };
    carry_out(&mut showtime, &to(version(2), lawn(3))).unwrap();
    assert_eq!(places(&showtime), named(&[(1, 5), (3, 7), (4, 8)]));
    carry_out(&mut showtime, &to(version(3), lawn(6))).unwrap();
    assert_eq!(places(&showtime), named(&[(1, 5), (2, 6), (3, 7), (4, 8), (5, 9), (6, 10)]));
    assert_eq!(showtime.facts().seat_map.former().count(), 0);
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

/// A row of a random house: which of six labels its seats have, and after which there is an aisle.
type RandomRow = (Vec<u32>, Vec<bool>);

fn random_house() -> impl Strategy<Value = Vec<RandomRow>> {
    let labels = Just((1..=6_u32).collect::<Vec<_>>()).prop_shuffle();
    let row = (labels, 1..=6_usize, prop::collection::vec(any::<bool>(), 6))
        .prop_map(|(labels, count, aisles)| (labels.into_iter().take(count).collect(), aisles));
    prop::collection::vec(row, 1..4)
}

fn laid_out(house: &[RandomRow], first_row: usize) -> Value {
    let row = |(place, (labels, aisles)): (usize, &RandomRow)| {
        let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
        let count = labels.len();
        let aisles = (1..count).filter(|seat| aisles[*seat]).collect::<Vec<_>>();
        let label = ["A", "B", "C", "D"][(place + first_row) % 4];
        json!({"row": label, "seats": count, "section": "S", "labels": labels, "aisleAfter": aisles})
    };
    Value::Array(house.iter().enumerate().map(row).collect())
}

proptest! {
    /// Whatever houses follow each other: seats of the same name keep their index, no two seats have one, the house is chosen from as one that
    /// was made like that, and each move can be taken back.
    #[test]
    fn a_moved_house_is_as_good_as_one_that_was_made_so(
        houses in prop::collection::vec((random_house(), 0..4_usize), 2..5), taken in any::<u32>(), quantity in 1..4_u32,
    ) {
        let plan = |at: usize| laid_out(&houses[at].0, houses[at].1);
        let terms = Terms { auditorium: Some(version(1)), ..Terms::default() };
        let listing = Listing { terms, ..Listing::new("M", Timestamp::MAX) };
        let mut showtime = Showtime::scheduled(ShowtimeFacts { id: ID, seat_map: rows(plan(0)) }, listing);
        let mut indices: HashMap<String, SeatIndex> = numbered(&rows(plan(0))).into_iter().collect();
        for at in 1..houses.len() {
            let before = showtime.clone();
            carry_out(&mut showtime, &to(version(u32::try_from(at).unwrap() + 1), plan(at))).unwrap();
            let map = &showtime.facts().seat_map;
            for (name, index) in numbered(map) {
                prop_assert_eq!(*indices.entry(name.clone()).or_insert(index), index, "{}", name);
                prop_assert_eq!(map.printed(index).to_string(), name);
            }
            let mut all: Vec<SeatIndex> = map.all_seats().map(|seat| seat.index).collect();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..map.seat_count()));
            let mut reverted = showtime.clone();
            reverted.restore_sequence(before.sequence());
            reverted.restore_listing((Arc::clone(before.listing()), Arc::clone(&before.facts().seat_map)));
            prop_assert_eq!(&reverted, &before);
        }
        let (moved, made) = (&showtime.facts().seat_map, rows(plan(houses.len() - 1)));
        let is_free = |map: &SeatMap, seat: SeatIndex| {
            let name = map.printed(seat).to_string();
            map.seat(seat).is_some() && taken >> (name.bytes().map(u32::from).sum::<u32>() % 32) & 1 == 0
        };
        let best = BestAvailable::new(quantity, Together::Preferred, Within::default()).unwrap();
        let chosen = |map: &SeatMap| {
            let seats = best.choose(map, |seat| is_free(map, seat))?;
            let then = |seat| is_free(map, seat) && !seats.contains(&seat);
            let orphan = left_alone(map, |seat| is_free(map, seat), &[], &seats).map(|seat| map.printed(seat));
            let other = near(map, then, &seats, &Buyable::All).map(|seats| seats.iter().map(|seat| map.printed(*seat)).collect::<Vec<_>>());
            Ok::<_, Rejection>((explain(map, then, &seats), orphan, other))
        };
        prop_assert_eq!(chosen(moved), chosen(&made));
    }
}
