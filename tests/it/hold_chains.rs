//! How long holds live: as the showtime's terms say, and counted from the first if the same user gives seats up and takes them again at once.

use std::sync::Arc;
use std::time::Duration;

use turnstile::domain::{
    Booking, BookingId, Command, Credential, Decision, Event, HoldPolicy, HoldToken, Listing, ListingChange,
    RecordedEvent, Rejection, Row, SeatId, SeatMap, SeatSelection, Showtime, ShowtimeFacts, ShowtimeId, Stamp,
    TermChange, Terms, Timestamp, UserId,
};
use uuid::Uuid;

const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));
/// A hold of ten minutes, half an hour in all; so a break is a minute.
const POLICY: HoldPolicy = HoldPolicy { hold: Duration::from_mins(10), max_total: Duration::from_mins(30) };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// A showtime and the number of its last booking.
struct Story {
    showtime: Showtime,
    bookings: u128,
}

impl Story {
    fn begin() -> Self {
        Self::on(Terms::default())
    }

    fn on(terms: Terms) -> Self {
        let seat_map = Arc::new(SeatMap::new(vec![Row::numbered("A", 6)]).unwrap());
        let facts = ShowtimeFacts { id: ID, seat_map };
        let listing = Listing { terms, ..Listing::new("M", Timestamp::MAX) };
        Self { showtime: Showtime::scheduled(facts, listing), bookings: 0 }
    }

    /// The deadline of a new hold. As the box office does it: decided, applied, and counted from the first hold of its chain.
    fn reserve(&mut self, who: &str, seats: &[u32], now: i64) -> Result<Timestamp, Rejection> {
        self.bookings += 1;
        let booking_id = BookingId(Uuid::from_u128(self.bookings));
        let seats = SeatSelection::new(ID, seats.iter().map(|seat| SeatId::new(ID, *seat)).collect()).unwrap();
        let token = HoldToken::from_bytes([1; 32]).hash();
        let command = Command::ReserveSeats {
            booking_id,
            seats: seats.clone(),
            user_id: user(who),
            token,
            asked_at: at(now),
            buyer: turnstile::domain::Buyer::default(),
        };
        let Decision::Accepted(event) = self.showtime.decide(&command, at(now), &POLICY)? else {
            panic!("a new booking")
        };
        let since = self.showtime.held_since(seats.as_slice(), &user(who), at(now), &POLICY);
        self.showtime.evolve(&event, self.showtime.sequence() + 1, at(now), Some(token));
        self.showtime.continue_hold(booking_id, since);
        let Event::SeatsReserved { expires_at, .. } = event else { panic!("a reservation") };
        Ok(expires_at)
    }

    fn end(&mut self, command: &Command, now: i64) {
        let Ok(Decision::Accepted(event)) = self.showtime.decide(command, at(now), &POLICY) else { panic!("it ends") };
        self.showtime.evolve(&event, self.showtime.sequence() + 1, at(now), None);
    }

    /// An operator changes the time for holds.
    fn hold_seconds(&mut self, seconds: Option<u32>, now: i64) {
        let change = ListingChange { hold_seconds: TermChange::Set(seconds), ..ListingChange::default() };
        self.end(&Command::ChangeShowtime { change }, now);
    }

    /// The deadline that an extension of the last booking would give, or the one that it has if that is no earlier.
    fn extended(&self, now: i64) -> Result<Timestamp, Rejection> {
        let booking_id = BookingId(Uuid::from_u128(self.bookings));
        let command = Command::ExtendHold { booking_id, credential: Credential::Operator, asked_at: at(now) };
        match self.showtime.decide(&command, at(now), &POLICY)? {
            Decision::Accepted(Event::HoldExtended { expires_at, .. }) => Ok(expires_at),
            other @ (Decision::Accepted(_) | Decision::AcceptedAll(_) | Decision::Refused(..)) => panic!("{other:?}"),
            Decision::AlreadyDone => Ok(self.showtime.booking(booking_id).unwrap().expires_at),
        }
    }

    fn cancel(&mut self, now: i64) {
        let booking_id = BookingId(Uuid::from_u128(self.bookings));
        self.end(&Command::CancelBooking { booking_id, credential: Credential::Operator }, now);
    }
}

#[test]
fn cancelling_and_reserving_again_does_not_renew_the_total_time() {
    let mut story = Story::begin();
    // Nine minutes each, cancelled and taken again within a second.
    for round in 0..3 {
        assert_eq!(story.reserve("ada", &[0, 1], round * 541), Ok(at(round * 541 + 600)));
        story.cancel(round * 541 + 540);
    }
    assert_eq!(story.reserve("ada", &[1, 2], 1_630), Ok(at(1_800)), "half an hour after the first, one common seat");
    story.cancel(1_790);
    let until = at(1_790 + 60);
    assert_eq!(story.reserve("ada", &[2], 1_800), Err(Rejection::HeldTooLong { until }));
    // Others may have them, and so may the user once they were left to others.
    assert_eq!(story.reserve("bob", &[0, 1], 1_801), Ok(at(2_401)));
    assert_eq!(story.reserve("ada", &[2], 1_850), Ok(at(2_450)));
}

#[test]
fn a_hold_that_expired_is_no_break_either_and_extensions_count_from_the_first() {
    let mut story = Story::begin();
    assert_eq!(story.reserve("ada", &[0], 0), Ok(at(600)));
    story.end(&Command::ExpireHold { booking_id: BookingId(Uuid::from_u128(1)) }, 600);
    assert_eq!(story.reserve("ada", &[0], 601), Ok(at(1_201)));
    let extend = |asked_at| Command::ExtendHold {
        booking_id: BookingId(Uuid::from_u128(2)),
        credential: Credential::Operator,
        asked_at,
    };
    story.end(&extend(at(1_200)), 1_200);
    assert_eq!(story.showtime.booking(BookingId(Uuid::from_u128(2))).unwrap().expires_at, at(1_800));
    let more = story.showtime.decide(&extend(at(1_700)), at(1_700), &POLICY);
    assert_eq!(more, Err(Rejection::ExtensionExhausted { limit: at(1_800) }));
}

#[test]
fn other_seats_other_users_and_a_break_start_anew() {
    let mut story = Story::begin();
    story.reserve("ada", &[0], 0).unwrap();
    story.cancel(590);
    assert_eq!(story.reserve("ada", &[1], 591), Ok(at(1_191)));
    assert_eq!(story.reserve("bob", &[0], 592), Ok(at(1_192)));
    story.cancel(593);
    // The last who had it was bob.
    assert_eq!(story.reserve("ada", &[0], 594), Ok(at(1_194)));
}

/// Where holds live for 5 s, a break of 5 s ends one.
#[test]
fn a_break_is_no_longer_than_a_hold_of_the_showtime() {
    let mut story = Story::begin();
    story.hold_seconds(Some(5), 0);
    assert_eq!(story.reserve("ada", &[0], 0), Ok(at(5)));
    story.cancel(4);
    assert_eq!(story.reserve("ada", &[0], 8), Ok(at(13)));
    story.cancel(9);
    let since = |milliseconds: i64| {
        let asked_at = Timestamp::from_millis(milliseconds);
        story.showtime.held_since(&[SeatId::new(ID, 0)], &user("ada"), asked_at, &POLICY)
    };
    assert_eq!(since(13_000), at(0));
    assert_eq!(since(14_001), Timestamp::from_millis(14_001));
}

#[test]
fn a_hold_lives_as_long_as_the_showtimes_terms_say() {
    // Shorter and longer than the server's ten minutes, and never longer than its half an hour in all.
    for (hold, expected) in [(20, 20), (1_000, 1_000), (1_800, 1_800), (1_801, 1_800)] {
        let mut story = Story::begin();
        story.hold_seconds(Some(hold), 0);
        assert_eq!(story.reserve("ada", &[0], 0), Ok(at(expected)), "a hold of {hold} s");
    }
    let mut story = Story::begin();
    story.hold_seconds(Some(20), 0);
    assert_eq!(story.reserve("ada", &[0], 0), Ok(at(20)));
    assert_eq!(story.extended(15), Ok(at(35)));
    // The terms change: the hold keeps its deadline, and is extended as the new terms say. New holds live as long as those say.
    story.hold_seconds(Some(40), 16);
    assert_eq!(story.showtime.next_deadline(), Some(at(20)));
    assert_eq!(story.extended(17), Ok(at(57)));
    assert_eq!(story.reserve("bob", &[1], 17), Ok(at(57)));
    // Without the term, the server's hold counts.
    story.hold_seconds(None, 18);
    assert_eq!(story.reserve("eve", &[2], 18), Ok(at(618)));
    // A hold that lives longer than the terms now say is not cut short by an extension.
    story.hold_seconds(Some(5), 19);
    assert_eq!(story.extended(19), Ok(at(618)));
}

/// A node that has only read the journal asks the store for the booking before it decides.
#[test]
fn a_hold_that_ended_on_another_node_counts_once_its_booking_is_recalled() {
    let mut story = Story::begin();
    let ended = BookingId(Uuid::from_u128(99));
    let seat_ids = vec![SeatId::new(ID, 0)];
    let event = Event::BookingCancelled {
        booking_id: ended,
        seat_ids: seat_ids.clone(),
        reason: None,
        refund: None,
        refund_amount: None,
    };
    story.showtime.note_ended(&RecordedEvent {
        sequence: 3,
        recorded_at: at(1_795),
        stamp: Stamp(3),
        follows: Stamp(2),
        event,
    });
    let unknown: Vec<_> = story.showtime.unknown_holders(&seat_ids, at(1_796), &POLICY).collect();
    assert_eq!(unknown, [ended]);
    assert_eq!(
        story.showtime.unknown_holders(&seat_ids, at(1_855), &POLICY).count(),
        0,
        "so long ago that it does not matter"
    );
    story.showtime.recall(Booking {
        id: ended,
        showtime_id: ID,
        seat_ids,
        user_id: user("ada"),
        token: HoldToken::from_bytes([1; 32]).hash(),
        status: turnstile::domain::BookingStatus::Cancelled,
        reserved_at: at(0),
        expires_at: at(1_800),
        payment_reference: None,
        cancel_reason: None,
        refunded: Vec::new(),
        refused_payment: None,
        block: None,
        from_blocks: Vec::new(),
        version: 3,
        price: None,
    });
    assert_eq!(story.reserve("ada", &[0], 1_796), Ok(at(1_800)));
}

#[test]
fn who_gives_holds_up_again_and_again_waits_and_operators_do_not() {
    let mut story = Story::on(Terms { holds_without_sale: Some(3), ..Terms::default() });
    // Each time another seat: no hold is renewed.
    for round in 0..3 {
        story.reserve("ada", &[u32::try_from(round).unwrap()], round * 10).unwrap();
        story.cancel(round * 10 + 5);
    }
    let refusal = Rejection::HoldsWithoutSale { holds: 3, until: at(85), wait: Duration::from_secs(55) };
    assert_eq!(story.reserve("ada", &[4], 30), Err(refusal.clone()));
    assert_eq!(
        refusal.to_string(),
        "3 holds of this customer ended without a sale; the next can be made after 1970-01-01T00:01:25Z"
    );
    story.reserve("bob", &[5], 30).unwrap();
    let operator = turnstile::domain::Buyer { is_operator: true, ..turnstile::domain::Buyer::default() };
    story.bookings += 1;
    let at_the_counter = Command::ReserveSeats {
        booking_id: BookingId(Uuid::from_u128(story.bookings)),
        seats: SeatSelection::new(ID, vec![SeatId::new(ID, 3)]).unwrap(),
        user_id: user("ada"),
        token: HoldToken::from_bytes([1; 32]).hash(),
        asked_at: at(30),
        buyer: operator,
    };
    assert!(story.showtime.decide(&at_the_counter, at(30), &POLICY).is_ok());
    story.reserve("ada", &[4], 85).unwrap();
}
