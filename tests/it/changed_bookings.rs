//! Bookings that change after they were made: given their state, when a command comes, then these events.

mod door_sales;
mod exchanges;
mod money;

use turnstile::domain::{
    BookingStatus, CancelReason, Command, ConflictReason, Credential, Event, ListingChange, Rejection, SeatStatus,
    Showtime, TermChange, UserId,
};

use crate::story::{POLICY, Story, at, id, payment, seats};

impl Story {
    /// A confirmed booking of ada's.
    fn sold(wanted: &[u32]) -> Self {
        let mut story = Self::begin();
        story.reserve(1, "ada", wanted, 0).unwrap();
        story.confirm(1, "pay", 1).unwrap();
        story
    }

    /// A booking of ada's that has ended at its deadline, 10.
    fn expired(wanted: &[u32]) -> Self {
        let mut story = Self::begin();
        story.reserve(1, "ada", wanted, 0).unwrap();
        story.when(&Command::ExpireHold { booking_id: id(1) }, 10).unwrap();
        story
    }

    fn limit_customers(&mut self, most: u32) {
        let change = ListingChange { places_per_customer: TermChange::Set(Some(most)), ..ListingChange::default() };
        self.change(change);
    }
}

#[test]
fn a_late_payment_takes_free_seats_again_in_one_event() {
    let mut story = Story::expired(&[0, 1]);
    let events = story.confirm(1, "pay", 11).unwrap();
    let late_for = Some(UserId::parse("ada").unwrap());
    let (booking_id, seat_ids, payment_reference) = (id(1), seats(&[0, 1]), payment("pay"));
    assert_eq!(events, [Event::BookingConfirmed { booking_id, seat_ids, payment_reference, late_for }]);
    assert_eq!((story.status(0), story.status(1)), (SeatStatus::Sold, SeatStatus::Sold));
    assert_eq!(story.booking(1).status, BookingStatus::Confirmed);
    assert_eq!(story.confirm(1, "pay", 12), Ok(vec![]), "asked again, nothing new");
}

#[test]
fn a_payment_in_time_says_nothing_of_lateness() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0], 0).unwrap();
    let events = story.confirm(1, "pay", 9).unwrap();
    assert!(matches!(events.as_slice(), [Event::BookingConfirmed { late_for: None, .. }]), "{events:?}");
    // Nobody has ended the hold yet, so it still has its seats.
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0], 0).unwrap();
    let events = story.confirm(1, "pay", 10).unwrap();
    assert!(matches!(events.as_slice(), [Event::BookingConfirmed { late_for: Some(_), .. }]), "{events:?}");
}

#[test]
fn a_late_payment_for_taken_seats_is_to_be_returned_once() {
    let mut story = Story::expired(&[0, 1]);
    story.reserve(2, "bob", &[1, 2], 11).unwrap();
    story.confirm(2, "pay of bob", 12).unwrap();
    let refused = story.confirm(1, "pay", 12).unwrap_err();
    let Rejection::PaymentTooLate { expired_at, conflicts } = &refused else { panic!("{refused:?}") };
    let named: Vec<_> = conflicts.iter().map(|conflict| (conflict.seat_id.index(), conflict.reason)).collect();
    assert_eq!((*expired_at, named), (at(10), vec![(1, ConflictReason::Sold)]));
    assert!(refused.to_string().contains("seat A2 is taken"), "{refused}");
    assert_eq!(story.booking(1).refused_payment.as_ref().unwrap().refund, payment("pay"));
    assert_eq!((story.status(0), story.status(1)), (SeatStatus::Available, SeatStatus::Sold));
    let sequence = story.showtime.sequence();
    assert_eq!(story.confirm(1, "pay", 13), Err(refused.clone()), "the same answer");
    assert_eq!(story.showtime.sequence(), sequence, "and no second event");
}

#[test]
fn a_returned_payment_buys_nothing_though_the_seats_are_free_again() {
    let mut story = Story::expired(&[0]);
    story.reserve(2, "bob", &[0], 11).unwrap();
    let refused = story.confirm(1, "pay", 12).unwrap_err();
    story.when(&Command::ExpireHold { booking_id: id(2) }, 30).unwrap();
    assert_eq!(story.confirm(1, "pay", 31), Err(refused));
    // Another payment is another chance.
    assert_eq!(story.confirm(1, "another", 32).unwrap().len(), 1);
}

#[test]
fn a_late_payment_gives_no_customer_more_than_he_may_have() {
    let mut story = Story::expired(&[0, 1]);
    story.limit_customers(2);
    story.reserve(2, "ada", &[5], 11).unwrap();
    let refused = story.confirm(1, "pay", 12).unwrap_err();
    assert!(matches!(&refused, Rejection::PaymentTooLate { conflicts, .. } if conflicts.is_empty()), "{refused:?}");
    assert_eq!(story.confirm(1, "pay", 13), Err(refused));
    story.when(&Command::CancelBooking { booking_id: id(2), credential: Credential::Operator }, 14).unwrap();
    story.confirm(1, "pay 2", 15).unwrap();
    let more = story.reserve(3, "ada", &[6], 80);
    assert_eq!(more, Err(Rejection::CustomerLimit { held: 2, wanted: 1, most: 2 }), "they count again");
}

#[test]
fn what_its_holder_or_its_showtime_has_cancelled_is_not_brought_back() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0], 0).unwrap();
    story.when(&Command::CancelBooking { booking_id: id(1), credential: Credential::Operator }, 1).unwrap();
    let status = BookingStatus::Cancelled;
    assert_eq!(story.confirm(1, "pay", 2), Err(Rejection::BookingNotPending { status }));
    let mut story = Story::expired(&[0]);
    let reason = CancelReason::parse("storm").unwrap();
    story.when(&Command::CancelShowtime { reason: reason.clone() }, 11).unwrap();
    assert_eq!(story.confirm(1, "pay", 12), Err(Rejection::ShowtimeCancelled { reason }));
}

#[test]
fn some_seats_are_refunded_and_the_booking_keeps_the_others() {
    let mut story = Story::sold(&[0, 1, 2]);
    let events = story.refund(1, &[1], 40).unwrap();
    let (booking_id, refund) = (id(1), Some(payment("pay")));
    let released =
        Event::SeatsReleased { booking_id, seat_ids: seats(&[1]), reason: None, refund, refund_amount: None };
    assert_eq!(
        events,
        [
            released,
            Event::BookingChanged {
                booking_id,
                seat_ids: seats(&[0, 2]),
                confirmed: true,
                price: None,
                difference: None,
                held_since: None,
                from_blocks: vec![],
            }
        ]
    );
    let statuses = [0, 1, 2].map(|seat| story.status(seat));
    assert_eq!(statuses, [SeatStatus::Sold, SeatStatus::Available, SeatStatus::Sold]);
    assert_eq!(
        (story.booking(1).seat_ids.clone(), story.booking(1).status),
        (seats(&[0, 2]), BookingStatus::Confirmed)
    );
    assert_eq!(story.refund(1, &[1], 40), Ok(vec![]), "a second time nothing is given back");
    // Free for everybody, also for the customer who had it: longer than a hold may last, but as a sale.
    story.reserve(2, "ada", &[1], 41).unwrap();
    let stranger = story.refund(1, &[5, 1, 0], 42);
    let Err(Rejection::SeatsNotInBooking { places, .. }) = stranger else { panic!("{stranger:?}") };
    assert_eq!(places.iter().map(ToString::to_string).collect::<Vec<_>>(), ["A6"]);
    assert!(matches!(story.refund(1, &[77], 42), Err(Rejection::UnknownSeats { .. })));
}

/// A booking that is read from the store may be newer than its showtime's state, which then catches up.
#[test]
fn events_that_a_booking_has_seen_change_nothing_in_it() {
    let mut story = Story::sold(&[0, 1, 2]);
    let events = story.refund(1, &[1], 2).unwrap();
    let before = story.booking(1).clone();
    for (sequence, event) in (story.showtime.sequence() - 1..).zip(&events) {
        story.showtime.evolve(event, sequence, at(2), None);
    }
    assert_eq!(*story.booking(1), before);
}

#[test]
fn a_booking_that_is_refunded_as_a_whole_is_cancelled() {
    for wanted in [&[][..], &[0, 2]] {
        let mut story = Story::sold(&[0, 1, 2]);
        story.refund(1, &[1], 2).unwrap();
        let events = story.refund(1, wanted, 3).unwrap();
        let (booking_id, refund) = (id(1), Some(payment("pay")));
        assert_eq!(
            events,
            [Event::BookingCancelled {
                booking_id,
                seat_ids: seats(&[0, 2]),
                reason: None,
                refund,
                refund_amount: None
            }]
        );
        assert_eq!((story.booking(1).status, story.status(0)), (BookingStatus::Cancelled, SeatStatus::Available));
        for again in [wanted, &[1], &[0]] {
            assert_eq!(story.refund(1, again, 4), Ok(vec![]));
        }
        story.reserve(2, "ada", &[0], 5).unwrap();
    }
}

#[test]
fn only_what_was_paid_is_refunded() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0], 0).unwrap();
    let status = BookingStatus::Pending;
    assert_eq!(story.refund(1, &[], 1), Err(Rejection::BookingNotConfirmed { status }));
    story.when(&Command::CancelBooking { booking_id: id(1), credential: Credential::Operator }, 2).unwrap();
    let status = BookingStatus::Cancelled;
    assert_eq!(story.refund(1, &[], 3), Err(Rejection::BookingNotConfirmed { status }));
    assert_eq!(story.refund(9, &[], 3), Err(Rejection::UnknownBooking));
}

#[test]
fn a_sale_in_between_breaks_a_hold() {
    let mut story = Story::begin();
    story.reserve(1, "ada", &[0], 0).unwrap();
    story.when(&Command::CancelBooking { booking_id: id(1), credential: Credential::Operator }, 6).unwrap();
    story.reserve(2, "bob", &[0], 7).unwrap();
    story.confirm(2, "pay of bob", 8).unwrap();
    let mark = story.showtime.given_up();
    let before = story.showtime.clone();
    story.refund(2, &[], 9).unwrap();
    let since =
        |showtime: &Showtime| showtime.held_since(&seats(&[0]), &UserId::parse("ada").unwrap(), at(10), &POLICY);
    assert_eq!(since(&story.showtime), at(10), "a new hold");
    story.showtime.restore_given_up(mark);
    assert_eq!(since(&story.showtime), since(&before), "as if nothing had been refunded");
    assert_eq!(since(&before), at(0));
}

#[test]
fn so_many_late_payments_of_one_booking_are_recorded_and_no_more() {
    let mut story = Story::expired(&[0]);
    story.reserve(2, "bob", &[0], 11).unwrap();
    for number in 0..5 {
        let refused = story.confirm(1, &format!("pay {number}"), 12).unwrap_err();
        assert!(matches!(refused, Rejection::PaymentTooLate { .. }), "{number}: {refused:?}");
    }
    let sequence = story.showtime.sequence();
    assert_eq!(story.confirm(1, "pay 5", 13), Err(Rejection::TooManyLatePayments { expired_at: at(10) }));
    for number in 0..5 {
        let again = story.confirm(1, &format!("pay {number}"), 13);
        assert!(matches!(again, Err(Rejection::PaymentTooLate { .. })), "asked again, the same: {again:?}");
    }
    assert_eq!(story.showtime.sequence(), sequence, "no event of all that");
    // Once the seats are free, a payment that is not to be returned buys them.
    story.when(&Command::ExpireHold { booking_id: id(2) }, 30).unwrap();
    assert!(matches!(story.confirm(1, "pay 4", 31), Err(Rejection::PaymentTooLate { .. })));
    assert_eq!(story.confirm(1, "pay 5", 31).unwrap().len(), 1);
}

#[test]
fn refused_payments_that_a_booking_has_seen_change_nothing_in_it() {
    let mut story = Story::expired(&[0]);
    story.reserve(2, "bob", &[0], 11).unwrap();
    let first = story.showtime.sequence() + 1;
    for number in 0..3 {
        story.confirm(1, &format!("pay {number}"), 12).unwrap_err();
    }
    let before = story.booking(1).clone();
    for number in 0..3_u64 {
        let event = Event::PaymentRefused {
            booking_id: id(1),
            taken: before.refused_payment.clone().unwrap().taken,
            refund: payment(&format!("pay {number}")),
        };
        story.showtime.evolve(&event, first + number, at(12), None);
    }
    assert_eq!(*story.booking(1), before);
}
