//! The plan of one batch: commands decided in order on the showtime's state, and the net changes that one commit will make.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::{
    Booking, BookingId, BookingStatus, Command, Decision, Event, EventKind, HoldPolicy, Listing, Rejection, SeatIndex,
    SeatMap, SeatStatus, Showtime, Stamp, Terms, Timestamp,
};
use crate::write_store::{Batch, BookingChange, IdempotencyRecord, NewKey, SeatChange};

/// A seat before and after the batch.
struct PlannedSeat {
    before: (SeatStatus, u64),
    status: SeatStatus,
    booking_id: Option<BookingId>,
    event: usize,
}

/// A booking before the batch (`None`: created by it), and its last event in the batch.
struct PlannedBooking {
    before: Option<Booking>,
    event: usize,
}

/// Decides commands on a showtime, changing its state at once; [`Plan::revert`] takes the changes back if the commit fails.
pub(super) struct Plan {
    now: Timestamp,
    base: u64,
    /// The listing before the first decision.
    listing: Arc<Listing>,
    /// The rows before the first decision.
    seat_map: Arc<SeatMap>,
    /// See [`Showtime::given_up`].
    given_up: (usize, usize),
    events: Vec<Event>,
    seats: BTreeMap<SeatIndex, PlannedSeat>,
    bookings: HashMap<BookingId, PlannedBooking>,
    idempotency: Vec<NewKey>,
}

impl Plan {
    pub(super) fn new(showtime: &Showtime, now: Timestamp) -> Self {
        Self {
            now,
            base: showtime.sequence(),
            listing: Arc::clone(showtime.listing()),
            seat_map: Arc::clone(&showtime.facts().seat_map),
            given_up: showtime.given_up(),
            events: Vec::new(),
            seats: BTreeMap::new(),
            bookings: HashMap::new(),
            idempotency: Vec::new(),
        }
    }

    /// How long holds live in this showtime, on the terms on which the batch's reservations are decided. `policy` is the server's.
    pub(super) fn policy(&self, policy: &HoldPolicy) -> HoldPolicy {
        policy.on(&self.listing.terms)
    }

    /// Decides the next command. `Some(i)`: accepted, and the batch's event `i` is its last; `None`: it was carried out before. A refused one may have an
    /// event, too.
    pub(super) fn decide(
        &mut self,
        showtime: &mut Showtime,
        command: &Command,
        policy: &HoldPolicy,
    ) -> Result<Option<usize>, Rejection> {
        match showtime.decide(command, self.now, policy)? {
            Decision::AlreadyDone => Ok(None),
            Decision::Accepted(event) => Ok(Some(self.apply(showtime, command, event, policy))),
            Decision::AcceptedAll(events) => {
                Ok(events.into_iter().map(|event| self.apply(showtime, command, event, policy)).last())
            }
            Decision::Refused(event, refusal) => {
                self.apply(showtime, command, event, policy);
                Err(refusal)
            }
        }
    }

    /// What a command asks for that was done before may be undone later, as seats of a live booking are taken again after a refund. So that a
    /// repetition under the same idempotency key does nothing then, the key needs an event: one that says what the booking has.
    pub(super) fn restate(&mut self, showtime: &mut Showtime, command: &Command, policy: &HoldPolicy) -> Option<usize> {
        let (Command::ChangeSeats { booking_id, .. }
        | Command::RefundBooking { booking_id, .. }
        | Command::UnblockSeats { booking_id, .. }) = command
        else {
            return None;
        };
        let booking = showtime.booking(*booking_id).filter(|booking| booking.status.is_live())?;
        let event = Event::BookingChanged {
            booking_id: *booking_id,
            seat_ids: booking.seat_ids.clone(),
            confirmed: booking.status == BookingStatus::Confirmed,
            price: booking.price.clone(),
            difference: None,
            held_since: None,
            from_blocks: Vec::new(),
        };
        Some(self.apply(showtime, command, event, policy))
    }

    /// Makes an event the batch's next, and returns its position.
    fn apply(&mut self, showtime: &mut Showtime, command: &Command, event: Event, policy: &HoldPolicy) -> usize {
        let index = self.events.len();
        self.note(showtime, &event, index);
        let sequence = self.base + sequence_offset(index);
        let new_hold = command.new_hold().filter(|_| event.booking_id() == command.booking_id());
        let since = match (&event, new_hold) {
            (Event::SeatsReserved { seat_ids, user_id, .. }, Some((_, asked_at))) => {
                Some(showtime.held_since(seat_ids, user_id, asked_at, policy)).filter(|since| *since < asked_at)
            }
            _ => None,
        };
        showtime.evolve(&event, sequence, self.now, new_hold.map(|(token, _)| token));
        if let (Some(since), Some(id)) = (since, event.booking_id()) {
            showtime.continue_hold(id, since);
        }
        self.events.push(event);
        index
    }

    /// Remembers a request's answer under its idempotency key in the same commit.
    pub(super) fn remember(&mut self, record: IdempotencyRecord, event: usize) {
        self.idempotency.push(NewKey { record, event });
    }

    /// True if there is nothing to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events decided so far.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many of them end a hold at its deadline.
    pub(super) fn expired_holds(&self) -> u64 {
        self.events.iter().map(|event| u64::from(event.kind() == EventKind::HoldExpired)).sum()
    }

    /// Whether a decision would be another one if somebody else had made, or ended, a booking of other seats meanwhile: a customer's places are
    /// limited, or his holds; or seats that nobody has are left out by a move.
    fn rests_on_all_bookings(&self) -> bool {
        let was_there = |seat| self.seat_map.is_present(seat);
        if self.events.iter().filter_map(Event::rows).any(|rows| rows.former().any(was_there)) {
            return true;
        }
        let Terms { places_per_customer, holds_without_sale, .. } = self.listing.terms;
        (places_per_customer.is_some() || holds_without_sale.is_some()) && self.events.iter().any(Event::takes_places)
    }

    /// Whether the batch changes the listing. `showtime` is the state after all decisions.
    fn changes_listing(&self, showtime: &Showtime) -> bool {
        self.listing != *showtime.listing()
    }

    /// Sequence of the state before the first decision.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// The commit. `showtime` is the state after all decisions; `fence` and `stamp` are those of the state before.
    pub(super) fn batch(
        &self,
        showtime: &Showtime,
        (fence, stamp): (u64, Stamp),
        traceparent: Option<String>,
    ) -> Batch {
        debug_assert_eq!(
            showtime.sequence(),
            self.base + sequence_offset(self.events.len()) - 1,
            "each event has its own sequence"
        );
        let changed = self.bookings.iter().filter_map(|(id, planned)| {
            Some(BookingChange {
                booking: showtime.booking(*id)?.clone(),
                expected_version: planned.before.as_ref().map(|before| before.version),
                event: planned.event,
            })
        });
        Batch {
            showtime_id: showtime.id(),
            fence,
            follows: self.rests_on_all_bookings().then_some(stamp),
            recorded_at: self.now,
            events: self.events.clone(),
            listing: self.changes_listing(showtime).then(|| Arc::clone(showtime.listing())),
            seats: self.seats.iter().map(|(seat, planned)| planned.change(*seat)).collect(),
            bookings: changed.collect(),
            idempotency: self.idempotency.clone(),
            traceparent,
        }
    }

    /// Takes every change back: the state is as it was before the first decision.
    pub(super) fn revert(self, showtime: &mut Showtime) {
        // First of all: seats that were left out are free then, and get the status that they had.
        showtime.restore_listing((self.listing, self.seat_map));
        for (seat, planned) in self.seats {
            showtime.restore_seat(seat, planned.before);
        }
        for (id, planned) in self.bookings {
            showtime.restore_booking(id, planned.before);
        }
        showtime.restore_given_up(self.given_up);
        showtime.restore_sequence(self.base);
    }

    fn note(&mut self, showtime: &Showtime, event: &Event, index: usize) {
        let Some(booking_id) = event.booking_id() else { return };
        let before = showtime.booking(booking_id).cloned();
        self.bookings.entry(booking_id).or_insert(PlannedBooking { before, event: index }).event = index;
        let after = event.seats_status();
        let owner = (after.status != SeatStatus::Available).then_some(booking_id);
        for seat_id in after.seat_ids {
            let seat = seat_id.index();
            let Some(before) = showtime.seat(seat) else {
                debug_assert!(false, "an event is about seat {seat}, which the showtime does not have");
                continue;
            };
            debug_assert!(
                !matches!(event.kind(), EventKind::SeatsReserved | EventKind::SeatsBlocked)
                    || before.0 == SeatStatus::Available,
                "a reservation takes free seats only"
            );
            let planned = self.seats.entry(seat).or_insert(PlannedSeat {
                before,
                status: after.status,
                booking_id: owner,
                event: index,
            });
            planned.status = after.status;
            planned.booking_id = owner;
            planned.event = index;
        }
    }
}

impl PlannedSeat {
    fn change(&self, seat: SeatIndex) -> SeatChange {
        SeatChange {
            seat,
            expected_version: self.before.1,
            status: self.status,
            booking_id: self.booking_id,
            event: self.event,
        }
    }
}

fn sequence_offset(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        AuditoriumId, AuditoriumVersion, BestAvailable, Buyer, Credential, HoldToken, ListingChange, NewHouse, Row,
        SeatId, SeatSelection, ShowtimeFacts, ShowtimeId, Together, UserId, Within,
    };
    use std::time::Duration;
    use uuid::Uuid;

    const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));
    const POLICY: HoldPolicy = HoldPolicy { hold: Duration::from_secs(10), max_total: Duration::from_secs(30) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn booking(number: u128) -> BookingId {
        BookingId(Uuid::from_u128(number))
    }

    fn reserve(number: u128, seats: &[u32], asked_at: Timestamp) -> Command {
        Command::ReserveSeats {
            booking_id: booking(number),
            seats: SeatSelection::new(ID, seats.iter().map(|seat| SeatId::new(ID, *seat)).collect()).unwrap(),
            user_id: UserId::parse("u").unwrap(),
            token: HoldToken::from_bytes([0; 32]).hash(),
            asked_at,
            buyer: Buyer::default(),
        }
    }

    fn cancel(number: u128) -> Command {
        Command::CancelBooking { booking_id: booking(number), credential: Credential::Operator }
    }

    fn showtime_with_hold() -> Showtime {
        let seat_map = Arc::new(SeatMap::new(vec![Row::numbered("A", 4)]).unwrap());
        let mut listing = Listing::new("M", Timestamp::MAX);
        listing.terms.auditorium = Some(AuditoriumVersion { id: AuditoriumId(Uuid::nil()), version: 1 });
        let mut showtime = Showtime::scheduled(ShowtimeFacts { id: ID, seat_map }, listing);
        let mut plan = Plan::new(&showtime, at(0));
        plan.decide(&mut showtime, &reserve(1, &[0, 1], at(0)), &POLICY).unwrap();
        showtime
    }

    #[test]
    fn an_expired_hold_and_a_new_one_on_the_same_seat_make_one_change_of_the_seat() {
        let mut showtime = showtime_with_hold();
        let mut plan = Plan::new(&showtime, at(11));
        plan.decide(&mut showtime, &Command::ExpireHold { booking_id: booking(1) }, &POLICY).unwrap();
        plan.decide(&mut showtime, &reserve(2, &[1, 2], at(11)), &POLICY).unwrap();
        let batch = plan.batch(&showtime, (5, Stamp(7)), None);
        assert_eq!(batch.fence, 5);
        let seats: Vec<_> =
            batch.seats.iter().map(|s| (s.seat, s.expected_version, s.status, s.booking_id, s.event)).collect();
        assert_eq!(
            seats,
            [
                (0, 2, SeatStatus::Available, None, 0),
                (1, 2, SeatStatus::Reserved, Some(booking(2)), 1),
                (2, 1, SeatStatus::Reserved, Some(booking(2)), 1),
            ]
        );
        let mut bookings: Vec<_> =
            batch.bookings.iter().map(|c| (c.booking.id, c.expected_version, c.booking.status, c.event)).collect();
        bookings.sort_unstable_by_key(|change| change.0.0);
        assert_eq!(
            bookings,
            [(booking(1), Some(2), BookingStatus::Expired, 0), (booking(2), None, BookingStatus::Pending, 1)]
        );
        assert_eq!(plan.expired_holds(), 1);
    }

    #[test]
    fn a_seat_reserved_given_back_and_reserved_in_one_batch_changes_once() {
        let mut showtime = showtime_with_hold();
        let mut plan = Plan::new(&showtime, at(1));
        plan.decide(&mut showtime, &reserve(2, &[3], at(1)), &POLICY).unwrap();
        plan.decide(&mut showtime, &cancel(2), &POLICY).unwrap();
        plan.decide(&mut showtime, &reserve(3, &[3], at(1)), &POLICY).unwrap();
        let batch = plan.batch(&showtime, (1, Stamp(7)), None);
        let [seat] = batch.seats.as_slice() else { panic!("{:?}", batch.seats) };
        assert_eq!((seat.seat, seat.expected_version, seat.booking_id, seat.event), (3, 1, Some(booking(3)), 2));
        assert!(batch.bookings.len() == 2 && batch.bookings.iter().all(|change| change.expected_version.is_none()));
        assert_eq!(batch.events.len(), 3);
    }

    #[test]
    fn the_best_seats_taken_again_at_once_are_held_since_the_first_time() {
        let seat_map = Arc::new(SeatMap::new(vec![Row::numbered("A", 2)]).unwrap());
        let listing = Listing::new("M", Timestamp::MAX);
        let mut showtime = Showtime::scheduled(ShowtimeFacts { id: ID, seat_map }, listing);
        let best = BestAvailable::new(2, Together::Required, Within::default()).unwrap();
        let user_id = UserId::parse("u").unwrap();
        for (number, seconds) in [(1, 0), (2, 6), (3, 12)] {
            let mut plan = Plan::new(&showtime, at(seconds));
            let token = HoldToken::from_bytes([0; 32]).hash();
            let (booking_id, choice, user_id) = (booking(number), best.clone().into(), user_id.clone());
            let (asked_at, buyer) = (at(seconds), Buyer::default());
            let command = Command::ReserveChosen { booking_id, choice, user_id, token, asked_at, buyer };
            plan.decide(&mut showtime, &command, &POLICY).unwrap();
            assert_eq!(showtime.booking(booking_id).unwrap().reserved_at, at(0), "booking {number}");
            let mut plan = Plan::new(&showtime, at(seconds + 5));
            plan.decide(&mut showtime, &cancel(number), &POLICY).unwrap();
        }
    }

    #[test]
    fn a_reverted_plan_leaves_no_trace() {
        let before = showtime_with_hold();
        let mut showtime = before.clone();
        let mut plan = Plan::new(&showtime, at(5));
        plan.decide(&mut showtime, &reserve(2, &[2, 3], at(5)), &POLICY).unwrap();
        let extend = Command::ExtendHold { booking_id: booking(1), credential: Credential::Operator, asked_at: at(5) };
        plan.decide(&mut showtime, &extend, &POLICY).unwrap();
        plan.decide(&mut showtime, &cancel(1), &POLICY).unwrap();
        plan.decide(&mut showtime, &reserve(3, &[0], at(5)), &POLICY).unwrap();
        // Without seat 1, which booking 1 had.
        let rows = r#"[{"row":"A","seats":4,"labels":["1","3","4","5"]}]"#;
        let version = AuditoriumVersion { id: AuditoriumId(Uuid::nil()), version: 2 };
        let house = NewHouse { version, seat_map: Arc::new(serde_json::from_str(rows).unwrap()), most_bytes: 1_000 };
        let (movie_title, house) = (Some("N".to_owned()), Some(house));
        let change = ListingChange { movie_title, house, ..ListingChange::default() };
        plan.decide(&mut showtime, &Command::ChangeShowtime { change }, &POLICY).unwrap();
        assert_eq!(plan.batch(&showtime, (5, Stamp(7)), None).listing.unwrap().movie_title, "N");
        assert_ne!(showtime, before);
        plan.revert(&mut showtime);
        assert_eq!(showtime, before);
    }
}
