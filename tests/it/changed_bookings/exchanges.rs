//! Exchanges: seats that a booking takes and gives back in one step.

use turnstile::domain::{
    BookingStatus, Command, Credential, Decision, Event, GivenTime, HoldToken, ListingChange, Rejection, SeatStatus,
    TermChange,
};

use crate::story::{POLICY, Story, at, id, seats};

fn holder() -> Credential {
    Credential::Holder(HoldToken::from_bytes([1; 32]).hash())
}

#[test]
fn seats_are_exchanged_in_two_events_and_the_deadline_stays() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0, 1], 0).unwrap();
    let events = story.exchange(1, holder(), (&[2, 3], &[0]), 5).unwrap();
    let booking_id = id(1);
    let released =
        Event::SeatsReleased { booking_id, seat_ids: seats(&[0]), reason: None, refund: None, refund_amount: None };
    let changed = Event::BookingChanged {
        booking_id,
        seat_ids: seats(&[1, 2, 3]),
        confirmed: false,
        price: None,
        difference: None,
        held_since: None,
        from_blocks: vec![],
    };
    assert_eq!(events, [released, changed]);
    assert_eq!((story.booking(1).seat_ids.clone(), story.booking(1).expires_at), (seats(&[1, 2, 3]), at(10)));
    let version = story.booking(1).version;
    assert!([1, 2, 3].iter().all(|seat| story.showtime.seat(*seat) == Some((SeatStatus::Reserved, version))));
    assert_eq!(story.status(0), SeatStatus::Available);
    assert_eq!(story.exchange(1, holder(), (&[2, 3], &[0]), 6), Ok(vec![]), "it is so already");
    let events = story.exchange(1, holder(), (&[], &[2]), 7).unwrap();
    assert_eq!(events.len(), 2, "some of several are given back: {events:?}");
    let events = story.exchange(1, holder(), (&[2], &[]), 8).unwrap();
    assert_eq!(
        events,
        [Event::BookingChanged {
            booking_id,
            seat_ids: seats(&[1, 3, 2]),
            confirmed: false,
            price: None,
            difference: None,
            held_since: None,
            from_blocks: vec![],
        }]
    );
}

#[test]
fn an_exchange_takes_all_or_nothing_and_leaves_one_seat() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0, 1], 0).unwrap();
    story.reserve(2, "bob", &[2], 0).unwrap();
    let before = story.showtime.clone();
    let taken = story.exchange(1, holder(), (&[3, 2], &[0]), 1);
    let Err(Rejection::SeatsTaken { conflicts }) = taken else { panic!("{taken:?}") };
    assert_eq!(conflicts.iter().map(|conflict| conflict.seat_id.index()).collect::<Vec<_>>(), [2]);
    assert_eq!(story.exchange(1, holder(), (&[], &[1, 0]), 1), Err(Rejection::NoSeatLeft));
    let foreign = story.exchange(1, holder(), (&[], &[0, 2]), 1);
    assert!(matches!(foreign, Err(Rejection::SeatsNotInBooking { .. })), "{foreign:?}");
    assert!(matches!(story.exchange(1, holder(), (&[10], &[]), 1), Err(Rejection::UnknownSeats { .. })));
    let stranger = Credential::Holder(HoldToken::from_bytes([9; 32]).hash());
    assert_eq!(story.exchange(1, stranger, (&[3], &[]), 1), Err(Rejection::NotHolder));
    assert_eq!(story.exchange(1, holder(), (&[3], &[]), 10), Err(Rejection::HoldExpired { expired_at: at(10) }));
    assert_eq!(story.showtime, before, "nothing of all that changed anything");
}

#[test]
fn only_operators_exchange_seats_that_are_sold() {
    let mut story = Story::sold(&[0, 1]);
    let status = BookingStatus::Confirmed;
    assert_eq!(story.exchange(1, holder(), (&[2], &[0]), 2), Err(Rejection::BookingNotPending { status }));
    let events = story.exchange(1, Credential::Operator, (&[2], &[0]), 2).unwrap();
    assert!(matches!(events.as_slice(), [_, Event::BookingChanged { confirmed: true, .. }]), "{events:?}");
    assert_eq!([0, 1, 2].map(|seat| story.status(seat)), [SeatStatus::Available, SeatStatus::Sold, SeatStatus::Sold]);
    // A seat that was refunded and taken again can be refunded again.
    story.refund(1, &[2], 3).unwrap();
    story.exchange(1, Credential::Operator, (&[2], &[]), 4).unwrap();
    assert_eq!(story.refund(1, &[2], 5).unwrap().len(), 2);
}

#[test]
fn the_limits_hold_for_exchanges() {
    let mut story = Story::begin();
    let change = ListingChange {
        places_per_booking: TermChange::Set(Some(3)),
        places_per_customer: TermChange::Set(Some(4)),
        ..ListingChange::default()
    };
    story.when(&Command::ChangeShowtime { change }, 0).unwrap();
    story.reserve(1, "ada", &[0, 1], 0).unwrap();
    story.reserve(2, "ada", &[2], 0).unwrap();
    let more = story.exchange(1, holder(), (&[3, 4], &[]), 1);
    assert_eq!(more, Err(Rejection::TooManyPlaces { wanted: 4, most: 3 }));
    story.exchange(1, holder(), (&[3], &[]), 1).unwrap();
    let more = story.exchange(2, holder(), (&[4], &[]), 1);
    assert_eq!(more, Err(Rejection::CustomerLimit { held: 4, wanted: 1, most: 4 }));
    story.exchange(2, holder(), (&[4], &[2]), 1).unwrap();
    story.exchange(1, holder(), (&[], &[3]), 2).unwrap();
    story.exchange(2, holder(), (&[5], &[]), 2).unwrap();
    // Who has more than a new limit keeps them, and may exchange them.
    let change = ListingChange { places_per_booking: TermChange::Set(Some(1)), ..ListingChange::default() };
    story.when(&Command::ChangeShowtime { change }, 3).unwrap();
    story.exchange(2, holder(), (&[6], &[5]), 3).unwrap();
    // The sale is over: the holder takes no more, an operator may.
    let change =
        ListingChange { on_sale_until: TermChange::Set(Some(GivenTime::At(at(4)))), ..ListingChange::default() };
    story.when(&Command::ChangeShowtime { change }, 4).unwrap();
    let over = story.exchange(2, holder(), (&[7], &[6]), 5);
    assert!(matches!(over, Err(Rejection::SaleEnded { .. })), "{over:?}");
    story.exchange(2, Credential::Operator, (&[7], &[6]), 5).unwrap();
    story.exchange(2, holder(), (&[], &[7]), 5).unwrap();
}

#[test]
fn an_exchange_does_not_renew_the_time_of_seats_that_were_held_before() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0, 1], 0).unwrap();
    for now in [8, 16, 24] {
        let extend = Command::ExtendHold { booking_id: id(1), credential: holder(), asked_at: at(now) };
        story.when(&extend, now).unwrap();
    }
    story.reserve(2, "ada", &[5], 24).unwrap();
    story.exchange(1, holder(), (&[], &[0]), 25).unwrap();
    let again = story.exchange(2, holder(), (&[0], &[]), 26);
    assert!(matches!(again, Err(Rejection::HeldTooLong { .. })), "its hold ends at 34, the seat's at 30: {again:?}");
    // Somebody else had not held it.
    story.reserve(3, "bob", &[6], 26).unwrap();
    story.exchange(3, holder(), (&[0], &[]), 26).unwrap();
}

#[test]
fn who_takes_given_up_seats_by_an_exchange_goes_on_with_their_time_on_every_node() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0], 0).unwrap();
    story.reserve(2, "ada", &[5], 8).unwrap();
    // Another node knows the second booking, and then the journal only.
    let mut other = story.showtime.clone();
    story.when(&Command::CancelBooking { booking_id: id(1), credential: Credential::Operator }, 9).unwrap();
    let events = story.exchange(2, holder(), (&[0], &[]), 9).unwrap();
    let (booking_id, seat_ids, confirmed, price, from_blocks) = (id(2), seats(&[5, 0]), false, None, vec![]);
    let (difference, held_since) = (None, Some(at(0)));
    let changed = Event::BookingChanged { booking_id, seat_ids, confirmed, price, difference, held_since, from_blocks };
    assert_eq!(events, [changed]);
    for event in &events {
        other.evolve(event, other.sequence() + 1, at(9), None);
    }
    for showtime in [&story.showtime, &other] {
        assert_eq!(showtime.booking(id(2)).unwrap().reserved_at, at(0));
    }
    let extend = |now| Command::ExtendHold { booking_id: id(2), credential: holder(), asked_at: at(now) };
    for now in [15, 24] {
        let Ok(Decision::Accepted(event)) = other.decide(&extend(now), at(now), &POLICY) else { panic!("extended") };
        other.evolve(&event, other.sequence() + 1, at(now), None);
    }
    assert_eq!(other.booking(id(2)).unwrap().expires_at, at(30), "half a minute after the first hold, not after 8");
    let more = other.decide(&extend(29), at(29), &POLICY);
    assert_eq!(more, Err(Rejection::ExtensionExhausted { limit: at(30) }));
}

#[test]
fn an_exchange_that_was_made_stays_made_when_the_booking_is_paid_or_its_deadline_passes() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0, 1], 0).unwrap();
    story.exchange(1, holder(), (&[2], &[0]), 5).unwrap();
    assert_eq!(story.exchange(1, holder(), (&[2], &[0]), 10), Ok(vec![]), "nobody has ended the hold yet");
    story.confirm(1, "pay", 10).unwrap();
    assert_eq!(story.exchange(1, holder(), (&[2], &[0]), 11), Ok(vec![]));
    let status = BookingStatus::Confirmed;
    assert_eq!(story.exchange(1, holder(), (&[2, 3], &[0]), 11), Err(Rejection::BookingNotPending { status }));
    story.refund(1, &[], 12).unwrap();
    let status = BookingStatus::Cancelled;
    assert_eq!(story.exchange(1, holder(), (&[2], &[0]), 13), Err(Rejection::BookingNotPending { status }));
}
