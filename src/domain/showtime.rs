//! The showtime aggregate: the state of its listing, its seats and live bookings, and `evolve` (event to state). For `decide`, see the
//! module `decide`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::domain::given_up::GivenUp;
use crate::domain::unsold::Unsold;
use crate::domain::{
    Booking, BookingId, BookingStatus, ConflictReason, Customers, Event, HoldPolicy, Listing, RecordedEvent,
    SeatConflict, SeatId, SeatIdPrefix, SeatIndex, SeatMap, SeatStatus, ShowtimeId, ShowtimeView, Terms, Timestamp,
    TokenHash, UserId,
};

/// Events that are looked through for holds that ended right before a showtime was loaded.
const RECENT_PAST: u16 = 100;
/// The same, if the terms ask how many holds of a customer have ended lately.
const LONG_PAST: u16 = 2_000;

/// What is sold of a showtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShowtimeFacts {
    /// Its id.
    pub id: ShowtimeId,
    /// Its rows. A move to another version of the auditorium changes them; a seat that both have keeps its index.
    pub seat_map: Arc<SeatMap>,
}

impl ShowtimeFacts {
    /// A seat that cannot be taken, as the refused are told.
    pub fn conflict(&self, seat_id: SeatId, reason: ConflictReason) -> SeatConflict {
        SeatConflict { seat_id, place: self.seat_map.printed(seat_id.index()), reason }
    }
}

/// What changes of a showtime, as a store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// What is shown, when, and on which terms.
    pub listing: Arc<Listing>,
    /// Sequence of its last event.
    pub sequence: u64,
    /// Each seat's status and version, in order of index.
    pub seats: Vec<(SeatStatus, u64)>,
    /// The pending bookings, blocks among them.
    pub pending: Vec<Booking>,
    /// The places of each customer; needed only if the terms limit them.
    pub customers: Option<Customers>,
}

/// One showtime: its listing, every seat's status and version, and the bookings that commands may still be about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Showtime {
    facts: ShowtimeFacts,
    listing: Arc<Listing>,
    seat_prefix: SeatIdPrefix,
    sequence: u64,
    statuses: Vec<SeatStatus>,
    versions: Vec<u64>,
    bookings: HashMap<BookingId, Booking>,
    /// Pending holds by deadline, for the clock.
    deadlines: BTreeSet<(Timestamp, BookingId)>,
    /// Bookings in memory that have ended, so that forgetting them costs nothing for the others.
    ended: HashSet<BookingId>,
    /// Blocks that other nodes have made, and that are to be read from the store.
    unread_blocks: HashSet<BookingId>,
    given_up: GivenUp,
    /// Kept if the terms asked for it when the showtime was loaded.
    unsold: Option<Unsold>,
    /// Kept if the terms limited them when the showtime was loaded.
    customers: Option<Customers>,
}

impl Showtime {
    /// A showtime just scheduled: all seats available, sequence 1.
    pub fn scheduled(facts: ShowtimeFacts, listing: Listing) -> Self {
        let seats = usize::try_from(facts.seat_map.seat_count()).unwrap_or(usize::MAX);
        let seats = vec![(SeatStatus::Available, 1); seats];
        let (pending, customers) = (Vec::new(), Some(Customers::default()));
        Self::restore(facts, Stored { listing: Arc::new(listing), sequence: 1, seats, pending, customers })
    }

    /// From a store.
    pub fn restore(facts: ShowtimeFacts, stored: Stored) -> Self {
        let Stored { listing, sequence, seats, pending, customers } = stored;
        let (mut statuses, versions): (Vec<_>, Vec<_>) = seats.into_iter().unzip();
        facts.seat_map.follow(&facts.seat_map, &mut statuses);
        let unsold = listing.terms.holds_without_sale.map(|_most| Unsold::of(pending.iter()));
        let mut showtime = Self {
            seat_prefix: SeatId::prefix(facts.id),
            facts,
            listing,
            sequence,
            statuses,
            versions,
            bookings: HashMap::new(),
            deadlines: BTreeSet::new(),
            ended: HashSet::new(),
            unread_blocks: HashSet::new(),
            given_up: GivenUp::default(),
            unsold,
            customers,
        };
        for booking in pending {
            showtime.recall(booking);
        }
        showtime
    }

    /// As its readers see it: without bookings and customers.
    pub fn seen(view: &ShowtimeView) -> Self {
        let facts = ShowtimeFacts { id: view.id, seat_map: Arc::clone(&view.seat_map) };
        let seats = view.statuses.iter().map(|status| (*status, view.sequence)).collect();
        let (listing, sequence) = (Arc::clone(&view.listing), view.sequence);
        Self::restore(facts, Stored { listing, sequence, seats, pending: Vec::new(), customers: None })
    }

    /// Its id.
    pub fn id(&self) -> ShowtimeId {
        self.facts.id
    }

    /// What is sold.
    pub fn facts(&self) -> &ShowtimeFacts {
        &self.facts
    }

    /// What is shown, when, and on which terms.
    pub fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    /// What the ids of its seats begin with.
    pub(super) fn seat_prefix(&self) -> SeatIdPrefix {
        self.seat_prefix
    }

    /// When the last hold of one of these seats ended, if that is remembered.
    pub(super) fn last_end(&self, seats: impl Iterator<Item = SeatIndex>) -> Option<Timestamp> {
        self.given_up.last_end(seats)
    }

    /// Whether all is known that the terms ask for: the customers' places and their unsold holds, if those are limited. If not, the showtime is to
    /// be loaded again.
    pub fn is_whole(&self) -> bool {
        let Terms { places_per_customer, holds_without_sale, .. } = self.listing.terms;
        (places_per_customer.is_none() || self.customers.is_some())
            && (holds_without_sale.is_none() || self.unsold.is_some())
    }

    /// How many holds of the customer have ended without a sale, and until when he waits for the next, if he does.
    pub(super) fn wait_of(&self, user: &UserId, now: Timestamp) -> Option<(u32, Timestamp)> {
        self.unsold.as_ref()?.wait(user, self.listing.terms.holds_without_sale?, now)
    }

    /// Places in the customer's live bookings; 0 if they are not counted.
    pub(super) fn places_of(&self, user: &UserId) -> u32 {
        self.customers.as_ref().map_or(0, |customers| customers.places(user))
    }

    /// Sequence of the last event applied.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Every seat's status, in order of index.
    pub fn statuses(&self) -> &[SeatStatus] {
        &self.statuses
    }

    /// Status and version (sequence of the last event about it) of a seat; `None` if it is a former one, or none.
    pub fn seat(&self, index: SeatIndex) -> Option<(SeatStatus, u64)> {
        let index = usize::try_from(index).ok().filter(|_| self.facts.seat_map.is_present(index))?;
        Some((*self.statuses.get(index)?, *self.versions.get(index)?))
    }

    /// The booking, if it is in memory: pending ones always are, ended ones only until [`Showtime::forget_ended`].
    pub fn booking(&self, id: BookingId) -> Option<&Booking> {
        self.bookings.get(&id)
    }

    /// The bookings in memory, in no order.
    pub fn bookings(&self) -> impl Iterator<Item = &Booking> {
        self.bookings.values()
    }

    /// Blocks that other nodes have made: to be recalled before anything is decided.
    pub fn unread_blocks(&self) -> impl Iterator<Item = BookingId> {
        self.unread_blocks.iter().copied()
    }

    /// Brings a booking back from the store, so that a command about it can be decided.
    pub fn recall(&mut self, booking: Booking) {
        self.unread_blocks.remove(&booking.id);
        if booking.status == BookingStatus::Pending {
            self.deadlines.insert((booking.expires_at, booking.id));
            self.ended.remove(&booking.id);
        } else {
            self.ended.insert(booking.id);
        }
        if let Some(old) = self.bookings.insert(booking.id, booking) {
            let still_pending = self
                .bookings
                .get(&old.id)
                .is_some_and(|new| new.status == BookingStatus::Pending && new.expires_at == old.expires_at);
            if !still_pending {
                self.deadlines.remove(&(old.expires_at, old.id));
            }
        }
    }

    /// Drops bookings that have ended from memory; the store keeps them.
    pub fn forget_ended(&mut self) {
        for id in self.ended.drain() {
            self.bookings.remove(&id);
        }
        self.given_up.settle();
        if let Some(unsold) = &mut self.unsold {
            unsold.settle();
        }
    }

    /// Since when the user has held any of these seats without a break; `asked_at` if this is a new hold. `policy` is the server's.
    pub fn held_since(&self, seats: &[SeatId], user: &UserId, asked_at: Timestamp, policy: &HoldPolicy) -> Timestamp {
        let indices = seats.iter().map(|seat_id| seat_id.index());
        let broken_before = asked_at - policy.on(&self.listing.terms).break_between_holds();
        let since = self.given_up.held_since(indices, user, broken_before, |id| self.bookings.get(&id));
        since.unwrap_or(asked_at).min(asked_at)
    }

    /// Bookings that ended on other nodes and that a reservation of these seats may follow: to be recalled before it is decided. `policy` is the
    /// server's.
    pub fn unknown_holders<'a>(
        &'a self,
        seats: &'a [SeatId],
        asked_at: Timestamp,
        policy: &HoldPolicy,
    ) -> impl Iterator<Item = BookingId> + 'a {
        let broken_before = asked_at - policy.on(&self.listing.terms).break_between_holds();
        seats.iter().filter_map(move |seat_id| self.given_up.unknown_holder(seat_id.index(), broken_before))
    }

    /// The new booking goes on with a hold that began earlier.
    pub fn continue_hold(&mut self, id: BookingId, since: Timestamp) {
        if let Some(booking) = self.bookings.get_mut(&id) {
            booking.reserved_at = booking.reserved_at.min(since);
        }
    }

    /// How many of its latest events tell of holds that ended before it was loaded.
    pub fn telling_events(&self) -> u16 {
        self.unsold.as_ref().map_or(RECENT_PAST, |_unsold| LONG_PAST)
    }

    /// A hold of a booking that is not in memory ended a while ago, as the journal tells.
    pub fn note_ended(&mut self, recorded: &RecordedEvent) {
        if let Some(unsold) = &mut self.unsold {
            unsold.follow(&recorded.event, recorded.recorded_at);
        }
        if let (Some(id), Some(seat_ids)) = (recorded.event.booking_id(), recorded.event.given_up_seats()) {
            self.note_given_up(id, seat_ids, recorded.recorded_at);
        }
    }

    /// What a block gives back was nobody's hold: whoever held it before goes on with that.
    fn note_given_up(&mut self, id: BookingId, seat_ids: &[SeatId], at: Timestamp) {
        if self.unread_blocks.contains(&id) || self.bookings.get(&id).is_some_and(|booking| booking.block.is_some()) {
            return;
        }
        let seats = seat_ids.iter().map(|seat_id| seat_id.index());
        self.given_up.note(seats, id, at, self.bookings.get(&id));
    }

    /// How many ends of holds, of seats and of customers, could still be taken back; see [`Showtime::restore_given_up`].
    pub fn given_up(&self) -> (usize, usize) {
        (self.given_up.mark(), self.unsold.as_ref().map_or(0, Unsold::mark))
    }

    /// Forgets the ends of holds after the first of these, when a commit failed.
    pub fn restore_given_up(&mut self, (seats, customers): (usize, usize)) {
        self.given_up.revert_to(seats);
        if let Some(unsold) = &mut self.unsold {
            unsold.revert_to(customers);
        }
    }

    /// The earliest deadline of a pending hold.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The pending holds whose deadline is at or before `now`, earliest first, with their deadlines.
    pub fn due_holds(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, BookingId)> {
        self.deadlines.iter().take_while(move |(deadline, _)| *deadline <= now).copied()
    }

    /// Applies an event. Applying a run of events a second time, in order, gives the same state.
    ///
    /// `token` and `recorded_at` complete a new booking; `token` is known to the node that decided the event, others
    /// pass `None` and read the booking from the store when a command asks for it.
    pub fn evolve(&mut self, event: &Event, sequence: u64, recorded_at: Timestamp, token: Option<TokenHash>) {
        self.sequence = self.sequence.max(sequence);
        let seats = event.seats_status();
        for seat in seats.seat_ids {
            if let Ok(index) = usize::try_from(seat.index())
                && let (Some(status), Some(version)) = (self.statuses.get_mut(index), self.versions.get_mut(index))
            {
                *status = seats.status;
                *version = sequence;
            }
        }
        if let Some(listing) = self.listing.after(event) {
            self.listing = Arc::new(listing);
        }
        if let Some(rows) = event.rows() {
            self.set_seat_map(Arc::new(rows.clone()));
        }
        if let Some(customers) = &mut self.customers {
            customers.follow(event);
        }
        if let Some(unsold) = &mut self.unsold {
            unsold.follow(event, recorded_at);
        }
        self.evolve_booking(event, sequence, recorded_at, token);
    }

    /// What the event changes of its booking, if that is in memory.
    fn evolve_booking(&mut self, event: &Event, sequence: u64, recorded_at: Timestamp, token: Option<TokenHash>) {
        let Some(id) = event.booking_id() else { return };
        if let Some(seat_ids) = event.given_up_seats() {
            self.note_given_up(id, seat_ids, recorded_at);
        }
        // Seats that come back to a block do not make it anew.
        let comes_back = matches!(event, Event::SeatsBlocked { .. }) && self.bookings.contains_key(&id);
        match token
            .filter(|_| !comes_back)
            .and_then(|token| Booking::made_by(event, self.facts.id, token, (sequence, recorded_at)))
        {
            Some(booking) => self.recall(booking),
            None => self.change(id, sequence, |booking| booking.follow(event)),
        }
        if let Event::SeatsBlocked { .. } = event
            && !self.bookings.contains_key(&id)
        {
            self.unread_blocks.insert(id);
        }
    }

    /// Puts a seat back to an earlier status and version, when a commit failed.
    pub fn restore_seat(&mut self, index: SeatIndex, (status, version): (SeatStatus, u64)) {
        if let Ok(index) = usize::try_from(index)
            && let (Some(to), Some(at)) = (self.statuses.get_mut(index), self.versions.get_mut(index))
        {
            *to = status;
            *at = version;
        }
    }

    /// Puts a booking back to what it was (`None`: unknown), when a commit failed.
    pub fn restore_booking(&mut self, id: BookingId, before: Option<Booking>) {
        if let Some(now) = self.bookings.remove(&id) {
            self.deadlines.remove(&(now.expires_at, id));
            self.ended.remove(&id);
        }
        if let Some(customers) = &mut self.customers {
            customers.restore(id, before.as_ref());
        }
        if let Some(booking) = before {
            self.recall(booking);
        }
    }

    /// Puts the sequence back, so that the events after it are applied again.
    pub fn restore_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// Puts the listing and the rows back, when a commit failed.
    pub fn restore_listing(&mut self, (listing, seat_map): (Arc<Listing>, Arc<SeatMap>)) {
        self.listing = listing;
        if !Arc::ptr_eq(&seat_map, &self.facts.seat_map) {
            self.set_seat_map(seat_map);
        }
    }

    /// Seats that are new have version 1, as those of a new showtime.
    fn set_seat_map(&mut self, seat_map: Arc<SeatMap>) {
        seat_map.follow(&self.facts.seat_map, &mut self.statuses);
        self.versions.resize(self.statuses.len(), 1);
        self.facts.seat_map = seat_map;
    }

    fn change(&mut self, id: BookingId, sequence: u64, change: impl FnOnce(&mut Booking)) {
        if let Some(mut booking) = self.bookings.get(&id).cloned() {
            change(&mut booking);
            booking.version = sequence;
            self.recall(booking);
        }
    }
}
