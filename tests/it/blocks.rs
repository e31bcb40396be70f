//! Blocks: given a showtime, when operators hold places back or give them back, then these events.

mod channels;
mod sold;

use turnstile::domain::{
    Block, BlockRejection, Booking, BookingStatus, CancelReason, Command, ConflictReason, Credential, Event, GivenTime,
    HoldToken, HouseWord, ListingChange, NewBlock, PaymentReference, Rejection, Row, SeatExchange, SeatMap,
    SeatSelection, SeatStatus, Showtime, TermChange, TimeZone, Timestamp, UserId,
};

use crate::story::{ID, POLICY, Story, at, id, seats};

fn press() -> Block {
    Block {
        kind: HouseWord::parse("press").unwrap(),
        reason: Some(CancelReason::parse("premiere").unwrap()),
        channel: None,
    }
}

impl Story {
    fn block(&mut self, number: u128, of: &[u32], until: Option<GivenTime>, now: i64) -> Result<Vec<Event>, Rejection> {
        let seats = SeatSelection::blocked(ID, seats(of)).unwrap();
        let token = HoldToken::from_bytes([9; 32]).hash();
        let new = NewBlock { booking_id: id(number), seats, block: press(), until, token, asked_at: at(now) };
        self.when(&Command::BlockSeats { new }, now)
    }

    fn unblock(&mut self, number: u128, of: &[u32], now: i64) -> Result<Vec<Event>, Rejection> {
        self.when(&Command::UnblockSeats { booking_id: id(number), seats: seats(of) }, now)
    }
}

#[test]
fn blocked_seats_are_reserved_for_everybody_else() {
    let mut story = Story::begin();
    let events = story.block(1, &[2, 3], None, 0).unwrap();
    let (booking_id, block) = (id(1), press());
    assert_eq!(events, [Event::SeatsBlocked { booking_id, seat_ids: seats(&[2, 3]), block, until: None }]);
    let Rejection::SeatsTaken { conflicts } = story.reserve(2, "ada", &[1, 2], 1).unwrap_err() else {
        panic!("another refusal")
    };
    assert_eq!(
        conflicts.iter().map(|seat| (seat.seat_id, seat.reason)).collect::<Vec<_>>(),
        [(seats(&[2])[0], ConflictReason::Reserved)]
    );
    assert_eq!(story.booking(1).expires_at, Timestamp::MAX);
    assert_eq!(story.showtime.due_holds(at(1_000_000)).count(), 0);
    // Asked again it is done, and another one with its id is not made.
    assert_eq!(story.block(1, &[2, 3], None, 2).unwrap(), []);
}

#[test]
fn a_block_takes_all_its_seats_or_none() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[4], 0).unwrap();
    story.block(2, &[5], None, 0).unwrap();
    let Rejection::SeatsTaken { conflicts } = story.block(3, &[3, 4, 5], None, 1).unwrap_err() else {
        panic!("another refusal")
    };
    assert_eq!(conflicts.iter().map(|seat| seat.place.to_string()).collect::<Vec<_>>(), ["A5", "A6"]);
    assert_eq!(story.status(3), SeatStatus::Available);
    assert!(matches!(story.block(3, &[10], None, 1), Err(Rejection::UnknownSeats { .. })));
}

#[test]
fn neither_the_sale_window_nor_a_limit_binds_the_house() {
    let mut story = Story::begin();
    let limits = ListingChange {
        on_sale_from: TermChange::Set(Some(GivenTime::At(at(500)))),
        places_per_booking: TermChange::Set(Some(1)),
        places_per_customer: TermChange::Set(Some(1)),
        ..ListingChange::default()
    };
    story.change(limits);
    assert!(story.reserve(9, "ada", &[0], 1).is_err());
    story.block(1, &[0, 1, 2], None, 1).unwrap();
    story.block(2, &[3, 4, 5], None, 2_000).unwrap();
    story.reserve(3, "ada", &[6], 600).unwrap();
    story.when(&Command::CancelShowtime { reason: CancelReason::parse("storm").unwrap() }, 700).unwrap();
    assert!(matches!(story.block(4, &[7], None, 701), Err(Rejection::ShowtimeCancelled { .. })));
}

#[test]
fn a_block_ends_at_its_time_by_the_venues_clocks() {
    let mut story = Story::begin();
    let local = Some(GivenTime::parse("1970-01-01T01:05").unwrap());
    assert!(matches!(story.block(1, &[0], local, 0), Err(Rejection::BadListing(_))));
    story.change(ListingChange {
        time_zone: TermChange::Set(Some(TimeZone::parse("Europe/Berlin").unwrap())),
        ..ListingChange::default()
    });
    assert_eq!(story.block(1, &[0], local, 300), Err(BlockRejection::Over { until: at(300) }.into()));
    story.block(1, &[0, 1], local, 299).unwrap();
    assert_eq!(story.when(&Command::ExpireHold { booking_id: id(1) }, 299).unwrap(), []);
    let ended = story.when(&Command::ExpireHold { booking_id: id(1) }, 300).unwrap();
    assert_eq!(ended, [Event::HoldExpired { booking_id: id(1), seat_ids: seats(&[0, 1]) }]);
    assert_eq!(story.status(0), SeatStatus::Available);
    assert_eq!(story.unblock(1, &[], 301).unwrap(), [], "it is over");
}

#[test]
fn seats_are_given_back_in_part_and_a_block_without_seats_is_over() {
    let mut story = Story::begin();
    story.block(1, &[0, 1, 2], None, 0).unwrap();
    let (booking_id, reason, refund) = (id(1), None, None);
    let released = Event::SeatsReleased { booking_id, seat_ids: seats(&[1]), reason, refund, refund_amount: None };
    assert_eq!(story.unblock(1, &[1], 1).unwrap(), [released]);
    assert_eq!(story.unblock(1, &[1], 2).unwrap(), [], "it was done before");
    assert_eq!((story.booking(1).seat_ids.clone(), story.status(1)), (seats(&[0, 2]), SeatStatus::Available));
    assert_eq!((story.showtime.seat(0).unwrap().1, story.showtime.seat(1).unwrap().1), (2, 3));
    assert!(matches!(story.unblock(1, &[0, 1], 2), Err(Rejection::Block(BlockRejection::SeatsNotInBlock { .. }))));
    assert!(matches!(story.unblock(1, &[77], 2), Err(Rejection::UnknownSeats { .. })));
    let ended = Event::BookingCancelled {
        booking_id,
        seat_ids: seats(&[0, 2]),
        reason: None,
        refund: None,
        refund_amount: None,
    };
    assert_eq!(story.unblock(1, &[2, 0], 3).unwrap(), [ended]);
    assert_eq!(story.booking(1).status, BookingStatus::Cancelled);
    story.block(2, &[0, 1], None, 4).unwrap();
    assert_eq!(story.unblock(2, &[], 5).unwrap().len(), 1);
    assert_eq!(story.unblock(9, &[], 5), Err(BlockRejection::Unknown.into()));
    story.reserve(3, "ada", &[0], 6).unwrap();
    assert_eq!(story.unblock(3, &[], 7), Err(BlockRejection::Unknown.into()), "a customer's booking is no block");
}

#[test]
fn a_showtime_has_so_many_blocks_and_no_more() {
    let most = Showtime::MOST_BLOCKS;
    let mut story = Story::of(SeatMap::new(vec![Row::numbered("A", most + 1)]).unwrap());
    for seat in 0..most {
        story.block(u128::from(seat) + 1, &[seat], None, 0).unwrap();
    }
    assert_eq!(story.block(9_999, &[most], None, 0), Err(BlockRejection::TooMany { most }.into()));
    story.unblock(1, &[], 1).unwrap();
    story.block(9_999, &[most], None, 1).unwrap();
}

#[test]
fn no_command_for_bookings_reaches_a_block() {
    let mut story = Story::begin();
    story.block(1, &[0, 1], None, 0).unwrap();
    let booking_id = id(1);
    for credential in [Credential::Operator, Credential::Holder(HoldToken::from_bytes([9; 32]).hash())] {
        let payment_reference = PaymentReference::parse("pay").unwrap();
        let exchange = SeatExchange { add: seats(&[2]), remove: seats(&[0]), ..SeatExchange::default() };
        for command in [
            Command::ConfirmBooking { booking_id, credential, payment_reference, asked_at: at(1) },
            Command::CancelBooking { booking_id, credential },
            Command::RefundBooking { booking_id, seats: Vec::new(), reason: None },
            Command::ChangeSeats { booking_id, credential, exchange, asked_at: at(1) },
            Command::ExtendHold { booking_id, credential, asked_at: at(1) },
        ] {
            assert_eq!(story.when(&command, 1), Err(Rejection::UnknownBooking), "{command:?}");
        }
    }
}

#[test]
fn a_cancelled_showtime_ends_its_blocks() {
    let mut story = Story::begin();
    story.block(1, &[0, 1], None, 0).unwrap();
    let reason = CancelReason::parse("storm").unwrap();
    assert_eq!(story.when(&Command::ExpireHold { booking_id: id(1) }, 1).unwrap(), []);
    story.when(&Command::CancelShowtime { reason: reason.clone() }, 1).unwrap();
    let ended = story.when(&Command::ExpireHold { booking_id: id(1) }, 2).unwrap();
    let reason = Some(reason);
    let (booking_id, seat_ids) = (id(1), seats(&[0, 1]));
    assert_eq!(ended, [Event::BookingCancelled { booking_id, seat_ids, reason, refund: None, refund_amount: None }]);
}

#[test]
fn a_block_breaks_no_chain_of_holds_and_another_nodes_block_is_read_first() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0], 0).unwrap();
    story.when(&Command::CancelBooking { booking_id: id(1), credential: Credential::Operator }, 8).unwrap();
    let ada = UserId::parse("ada").unwrap();
    story.block(2, &[0], None, 8).unwrap();
    story.unblock(2, &[], 9).unwrap();
    assert_eq!(story.showtime.held_since(&seats(&[0]), &ada, at(9), &POLICY), at(0));
    let (booking_id, block, until) = (id(3), press(), None);
    let theirs = Event::SeatsBlocked { booking_id, seat_ids: seats(&[5]), block, until };
    story.showtime.evolve(&theirs, story.showtime.sequence() + 1, at(9), None);
    assert_eq!(story.showtime.unread_blocks().collect::<Vec<_>>(), [id(3)]);
    let read = Booking { id: id(3), seat_ids: seats(&[5]), ..story.booking(2).clone() };
    story.showtime.recall(Booking { status: BookingStatus::Pending, ..read });
    assert_eq!(story.showtime.unread_blocks().count(), 0);
    assert_eq!(story.unblock(3, &[], 10).unwrap().len(), 1);
}

#[test]
fn an_event_of_a_block_survives_the_wire() {
    let (booking_id, block, until) = (id(1), press(), Some(at(60)));
    let event = Event::SeatsBlocked { booking_id, seat_ids: seats(&[0]), block, until };
    let text = serde_json::to_string(&event).unwrap();
    assert!(text.contains(r#""block":{"type":"press","reason":"premiere"},"until":"1970-01-01T00:01:00Z""#), "{text}");
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
}
