//! The domain against a naive model: any sequence of commands keeps one live booking per seat, all or nothing, and one event per change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use turnstile::domain::{
    BookingId, BookingStatus, Buyer, Command, Credential, Decision, Event, HoldPolicy, HoldToken, Listing,
    PaymentReference, Rejection, Row, SeatId, SeatMap, SeatSelection, SeatStatus, Showtime, ShowtimeFacts, ShowtimeId,
    Terms, Timestamp, UserId,
};
use uuid::Uuid;

const SEATS: u32 = 12;
const POLICY: HoldPolicy = HoldPolicy { hold: Duration::from_mins(1), max_total: Duration::from_secs(150) };
const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(42));

/// A step of the script: time passes, then a command about one of a few bookings, by its holder or a stranger.
#[derive(Clone, Debug)]
enum Step {
    Reserve { booking: u8, seats: Vec<u32> },
    Confirm { booking: u8, stranger: bool, payment: u8 },
    Cancel { booking: u8, stranger: bool },
    Extend { booking: u8, stranger: bool },
    Expire { booking: u8 },
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let booking = 0..12_u8;
    let stranger = prop::bool::weighted(0.1);
    let kind = prop_oneof![
        4 => (booking.clone(), prop::collection::hash_set(0..SEATS + 1, 1..5)).prop_map(|(booking, seats)| Step::Reserve { booking, seats: seats.into_iter().collect() }),
        2 => (booking.clone(), stranger, 0..2_u8).prop_map(|(booking, stranger, payment)| Step::Confirm { booking, stranger, payment }),
        2 => (booking.clone(), stranger).prop_map(|(booking, stranger)| Step::Cancel { booking, stranger }),
        2 => (booking.clone(), stranger).prop_map(|(booking, stranger)| Step::Extend { booking, stranger }),
        3 => booking.prop_map(|booking| Step::Expire { booking }),
    ];
    (prop_oneof![3 => 0..5_000_u64, 1 => 5_000..90_000_u64], kind)
}

fn booking_id(number: u8) -> BookingId {
    BookingId(Uuid::from_u128(1_000 + u128::from(number)))
}

fn token(number: u8) -> HoldToken {
    HoldToken::from_bytes([number; 32])
}

fn credential(number: u8, stranger: bool) -> Credential {
    Credential::Holder(if stranger { token(200) } else { token(number) }.hash())
}

fn payment(number: u8) -> PaymentReference {
    PaymentReference::parse(format!("payment {number}")).unwrap()
}

fn command(step: &Step, asked_at: Timestamp) -> Command {
    match step {
        Step::Reserve { booking, seats } => Command::ReserveSeats {
            booking_id: booking_id(*booking),
            seats: SeatSelection::new(ID, seats.iter().map(|seat| SeatId::new(ID, *seat)).collect()).unwrap(),
            user_id: UserId::parse(format!("holder of {booking}")).unwrap(),
            token: token(*booking).hash(),
            asked_at,
            buyer: Buyer::default(),
        },
        Step::Confirm { booking, stranger, payment: number } => Command::ConfirmBooking {
            booking_id: booking_id(*booking),
            credential: credential(*booking, *stranger),
            payment_reference: payment(*number),
            asked_at,
        },
        Step::Cancel { booking, stranger } => {
            Command::CancelBooking { booking_id: booking_id(*booking), credential: credential(*booking, *stranger) }
        }
        Step::Extend { booking, stranger } => Command::ExtendHold {
            booking_id: booking_id(*booking),
            credential: credential(*booking, *stranger),
            asked_at,
        },
        Step::Expire { booking } => Command::ExpireHold { booking_id: booking_id(*booking) },
    }
}

/// The rules, written as plainly as possible.
#[derive(Default)]
struct Model {
    bookings: HashMap<u8, ModelBooking>,
}

#[derive(Clone)]
struct ModelBooking {
    seats: Vec<u32>,
    status: BookingStatus,
    reserved_at: i64,
    expires_at: i64,
    payment: Option<u8>,
    /// The payments that are to be returned, five at most.
    refused: Vec<u8>,
}

#[derive(PartialEq, Debug)]
enum Said {
    Changed,
    /// No, and a payment is to be returned.
    ToBeReturned,
    Same,
    No,
}

impl Model {
    fn taken(&self, seat: u32) -> bool {
        self.bookings.values().any(|booking| booking.status.is_live() && booking.seats.contains(&seat))
    }

    fn apply(&mut self, step: &Step, now: i64) -> Said {
        let (hold, total) = (60_000, 150_000);
        match step {
            Step::Reserve { booking, seats } => {
                if let Some(known) = self.bookings.get(booking) {
                    return if known.seats == *seats { Said::Same } else { Said::No };
                }
                if seats.iter().any(|seat| *seat >= SEATS || self.taken(*seat)) {
                    return Said::No;
                }
                let made = ModelBooking {
                    seats: seats.clone(),
                    status: BookingStatus::Pending,
                    reserved_at: now,
                    expires_at: now + hold,
                    payment: None,
                    refused: Vec::new(),
                };
                self.bookings.insert(*booking, made);
                Said::Changed
            }
            Step::Confirm { stranger: true, .. }
            | Step::Cancel { stranger: true, .. }
            | Step::Extend { stranger: true, .. } => Said::No,
            Step::Confirm { booking, payment, .. } => self.confirm(*booking, *payment),
            Step::Cancel { booking, .. } => match self.bookings.get_mut(booking) {
                Some(b) if b.status == BookingStatus::Cancelled => Said::Same,
                Some(b) if b.status == BookingStatus::Pending && now < b.expires_at => {
                    b.status = BookingStatus::Cancelled;
                    Said::Changed
                }
                Some(_) | None => Said::No,
            },
            Step::Extend { booking, .. } => match self.bookings.get_mut(booking) {
                Some(b) if b.status == BookingStatus::Pending && now < b.expires_at => {
                    let limit = b.reserved_at + total;
                    let to = (now + hold).min(limit);
                    if to > b.expires_at {
                        b.expires_at = to;
                        Said::Changed
                    } else if b.expires_at < limit {
                        Said::Same
                    } else {
                        Said::No
                    }
                }
                Some(_) | None => Said::No,
            },
            Step::Expire { booking } => match self.bookings.get_mut(booking) {
                None => Said::No,
                Some(b) if b.status == BookingStatus::Pending && b.expires_at <= now => {
                    b.status = BookingStatus::Expired;
                    Said::Changed
                }
                Some(_) => Said::Same,
            },
        }
    }

    /// An expired booking's seats are taken again if they are free. A payment that was refused stays refused.
    fn confirm(&mut self, booking: u8, payment: u8) -> Said {
        let Some(before) = self.bookings.get(&booking) else { return Said::No };
        let is_free = !before.seats.iter().any(|seat| self.taken(*seat));
        let Some(b) = self.bookings.get_mut(&booking) else { return Said::No };
        match b.status {
            BookingStatus::Confirmed if b.payment == Some(payment) => return Said::Same,
            BookingStatus::Confirmed | BookingStatus::Cancelled => return Said::No,
            _ if b.refused.contains(&payment) => return Said::No,
            BookingStatus::Expired if !is_free && b.refused.len() >= 5 => return Said::No,
            BookingStatus::Expired if !is_free => {
                b.refused.push(payment);
                return Said::ToBeReturned;
            }
            BookingStatus::Pending | BookingStatus::Expired => {}
        }
        b.status = BookingStatus::Confirmed;
        b.payment = Some(payment);
        Said::Changed
    }

    fn status(&self, seat: u32) -> SeatStatus {
        let owner = self.bookings.values().find(|booking| booking.status.is_live() && booking.seats.contains(&seat));
        match owner.map(|booking| booking.status) {
            Some(BookingStatus::Confirmed) => SeatStatus::Sold,
            Some(_) => SeatStatus::Reserved,
            None => SeatStatus::Available,
        }
    }
}

fn fresh() -> Showtime {
    let seat_map = Arc::new(SeatMap::new(vec![Row::numbered("A", SEATS)]).unwrap());
    Showtime::scheduled(ShowtimeFacts { id: ID, seat_map }, Listing::new("M", Timestamp::MAX))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn decide_and_evolve_agree_with_a_naive_model(script in prop::collection::vec(step(), 1..60)) {
        let mut showtime = fresh();
        let mut model = Model::default();
        let mut journal: Vec<(Event, u64, Timestamp)> = Vec::new();
        let mut now = 1_000_000_i64;
        for (pause, step) in &script {
            now += i64::try_from(*pause).unwrap();
            let at = Timestamp::from_millis(now);
            let command = command(step, at);
            let before = showtime.clone();
            let said = match showtime.decide(&command, at, &POLICY) {
                Ok(Decision::Accepted(event)) => {
                    let sequence = showtime.sequence() + 1;
                    let token = match &command { Command::ReserveSeats { token, .. } => Some(*token), _ => None };
                    // I3: an accepted change moves every seat of the booking, and only those.
                    showtime.evolve(&event, sequence, at, token);
                    let change = event.seats_status();
                    for index in 0..SEATS {
                        let named = change.seat_ids.iter().any(|seat| seat.index() == index);
                        let (status, version) = showtime.seat(index).unwrap();
                        if named {
                            prop_assert_eq!((status, version), (change.status, sequence));
                        } else {
                            prop_assert_eq!(Some((status, version)), before.seat(index));
                        }
                    }
                    journal.push((event, sequence, at));
                    Said::Changed
                }
                Ok(Decision::AlreadyDone) => Said::Same,
                Ok(Decision::AcceptedAll(events)) => panic!("one event each: {events:?}"),
                Ok(Decision::Refused(event, _)) => {
                    let sequence = showtime.sequence() + 1;
                    showtime.evolve(&event, sequence, at, None);
                    prop_assert_eq!(event.seats_status().seat_ids.len(), 0);
                    journal.push((event, sequence, at));
                    Said::ToBeReturned
                }
                Err(_) => Said::No,
            };
            prop_assert_eq!(said, model.apply(step, now), "at {:?}", step);
            // I1: the model has at most one live booking per seat by construction; the state must show the same.
            for index in 0..SEATS {
                prop_assert_eq!(showtime.seat(index).unwrap().0, model.status(index));
            }
        }
        // I4: one event per accepted change, gap-free; folding them gives the same seats, also when folded twice.
        for ((_, sequence, _), expected) in journal.iter().zip(2_u64..) {
            prop_assert_eq!(*sequence, expected);
        }
        let mut folded = fresh();
        for _ in 0..2 {
            for (event, sequence, at) in &journal {
                folded.evolve(event, *sequence, *at, None);
            }
            prop_assert_eq!(folded.statuses(), showtime.statuses());
            prop_assert_eq!(folded.sequence(), showtime.sequence());
        }
        // The clock's list of deadlines is exactly the pending holds.
        let due: usize = showtime.due_holds(Timestamp::MAX).count();
        let pending = model.bookings.values().filter(|booking| booking.status == BookingStatus::Pending).count();
        prop_assert_eq!(due, pending);
    }
}

#[test]
fn an_extension_tried_twice_has_one_effect() {
    let mut showtime = fresh();
    let reserve = command(&Step::Reserve { booking: 1, seats: vec![0] }, Timestamp::from_millis(0));
    let Ok(Decision::Accepted(event)) = showtime.decide(&reserve, Timestamp::from_millis(0), &POLICY) else {
        panic!("free seat")
    };
    showtime.evolve(&event, 2, Timestamp::from_millis(0), Some(token(1).hash()));
    let extend = command(&Step::Extend { booking: 1, stranger: false }, Timestamp::from_millis(10_000));
    let Ok(Decision::Accepted(event)) = showtime.decide(&extend, Timestamp::from_millis(10_000), &POLICY) else {
        panic!("first")
    };
    showtime.evolve(&event, 3, Timestamp::from_millis(10_000), None);
    assert_eq!(showtime.decide(&extend, Timestamp::from_millis(15_000), &POLICY), Ok(Decision::AlreadyDone));
}

#[test]
fn a_refusal_names_every_seat_in_the_way() {
    let mut showtime = fresh();
    let reserve = command(&Step::Reserve { booking: 1, seats: vec![0, 1] }, Timestamp::from_millis(0));
    let Ok(Decision::Accepted(event)) = showtime.decide(&reserve, Timestamp::from_millis(0), &POLICY) else {
        panic!("free seats")
    };
    showtime.evolve(&event, 2, Timestamp::from_millis(0), Some(token(1).hash()));
    let refused = showtime.decide(
        &command(&Step::Reserve { booking: 2, seats: vec![1, 2, 0] }, Timestamp::from_millis(0)),
        Timestamp::from_millis(1),
        &POLICY,
    );
    let Err(Rejection::SeatsTaken { conflicts }) = refused else { panic!("expected a refusal, got {refused:?}") };
    assert_eq!(conflicts.iter().map(|conflict| conflict.seat_id.index()).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_hold_is_reckoned_from_when_it_was_asked_for() {
    let showtime = fresh();
    let reserve = command(&Step::Reserve { booking: 1, seats: vec![0] }, Timestamp::from_millis(0));
    let expires = Timestamp::from_millis(60_000);
    let late = showtime.decide(&reserve, Timestamp::from_millis(59_999), &POLICY);
    assert!(
        matches!(&late, Ok(Decision::Accepted(Event::SeatsReserved { expires_at, .. })) if *expires_at == expires),
        "{late:?}"
    );
    let too_late = showtime.decide(&reserve, expires, &POLICY);
    assert_eq!(too_late, Err(Rejection::HoldExpired { expired_at: expires }));
}

/// A fresh showtime with a hold of seat 0 asked for at 0.
fn held() -> Showtime {
    let mut showtime = fresh();
    let reserve = command(&Step::Reserve { booking: 1, seats: vec![0] }, Timestamp::from_millis(0));
    let Ok(Decision::Accepted(event)) = showtime.decide(&reserve, Timestamp::from_millis(0), &POLICY) else {
        panic!("free seat")
    };
    showtime.evolve(&event, 2, Timestamp::from_millis(0), Some(token(1).hash()));
    showtime
}

#[test]
fn what_came_before_the_deadline_counts_when_it_is_decided_after_it() {
    let showtime = held();
    let (came, decided) = (Timestamp::from_millis(59_200), Timestamp::from_millis(60_900));
    let confirm = command(&Step::Confirm { booking: 1, stranger: false, payment: 0 }, came);
    let paid = showtime.decide(&confirm, decided, &POLICY);
    assert!(matches!(paid, Ok(Decision::Accepted(Event::BookingConfirmed { .. }))), "{paid:?}");
    let extend = command(&Step::Extend { booking: 1, stranger: false }, came);
    let extended = showtime.decide(&extend, decided, &POLICY);
    assert!(matches!(extended, Ok(Decision::Accepted(Event::HoldExtended { .. }))), "{extended:?}");
}

#[test]
fn a_showtime_that_has_started_sells_no_more_seats_but_takes_the_payment_of_a_hold() {
    let start = Timestamp::from_millis(30_000);
    let seat_map = Arc::new(SeatMap::new(vec![Row::numbered("A", SEATS)]).unwrap());
    let mut showtime = Showtime::scheduled(ShowtimeFacts { id: ID, seat_map }, Listing::new("M", start));
    let before = Timestamp::from_millis(29_999);
    let reserve = command(&Step::Reserve { booking: 1, seats: vec![0] }, before);
    // Asked in time, decided a little later.
    let Ok(Decision::Accepted(event)) = showtime.decide(&reserve, start, &POLICY) else { panic!("free seat") };
    showtime.evolve(&event, 2, start, Some(token(1).hash()));
    for seat in [0, 1] {
        let late = command(&Step::Reserve { booking: 2, seats: vec![seat] }, start);
        assert_eq!(showtime.decide(&late, start, &POLICY), Err(Rejection::ShowtimeStarted { started_at: start }));
    }
    let confirm = command(&Step::Confirm { booking: 1, stranger: false, payment: 0 }, start);
    assert!(matches!(showtime.decide(&confirm, start, &POLICY), Ok(Decision::Accepted(_))));
}

#[test]
fn a_customer_has_at_most_as_many_places_as_the_terms_say() {
    let seat_map = Arc::new(SeatMap::new(vec![Row::numbered("A", SEATS)]).unwrap());
    let terms = Terms { places_per_booking: Some(2), places_per_customer: Some(3), ..Terms::default() };
    let listing = Listing { terms, ..Listing::new("M", Timestamp::MAX) };
    let mut showtime = Showtime::scheduled(ShowtimeFacts { id: ID, seat_map }, listing);
    let now = Timestamp::from_millis(1);
    let reserve = |booking, seats, asked_at| {
        let mut command = command(&Step::Reserve { booking, seats }, asked_at);
        if let Command::ReserveSeats { user_id, .. } = &mut command {
            *user_id = UserId::parse("ada").unwrap();
        }
        command
    };
    let refused = showtime.decide(&reserve(1, vec![0, 1, 2], now), now, &POLICY);
    assert_eq!(refused, Err(Rejection::TooManyPlaces { wanted: 3, most: 2 }));
    let Ok(Decision::Accepted(event)) = showtime.decide(&reserve(1, vec![0, 1], now), now, &POLICY) else {
        panic!("two")
    };
    showtime.evolve(&event, 2, now, Some(token(1).hash()));
    let refused = showtime.decide(&reserve(2, vec![2, 3], now), now, &POLICY);
    assert_eq!(refused, Err(Rejection::CustomerLimit { held: 2, wanted: 2, most: 3 }));
    let Ok(Decision::Accepted(event)) = showtime.decide(&reserve(2, vec![2], now), now, &POLICY) else {
        panic!("one more")
    };
    showtime.evolve(&event, 3, now, Some(token(2).hash()));
    let cancel = command(&Step::Cancel { booking: 1, stranger: false }, now);
    let Ok(Decision::Accepted(event)) = showtime.decide(&cancel, now, &POLICY) else { panic!("given back") };
    showtime.evolve(&event, 4, now, None);
    let later = now + Duration::from_hours(1);
    let again = reserve(3, vec![0, 1], later);
    assert!(matches!(showtime.decide(&again, later, &POLICY), Ok(Decision::Accepted(_))));
}
