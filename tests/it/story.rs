//! A showtime of one row of ten seats, and what happens in it: commands are decided by the domain, and their events applied.

use std::sync::Arc;
use std::time::Duration;

use turnstile::domain::{
    Booking, BookingId, Buyer, Command, Credential, Decision, Event, HoldPolicy, HoldToken, Listing, ListingChange,
    PaymentReference, Rejection, Row, SeatExchange, SeatId, SeatMap, SeatSelection, SeatStatus, Showtime,
    ShowtimeFacts, ShowtimeId, Timestamp, UserId,
};
use uuid::Uuid;

pub const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));
pub const POLICY: HoldPolicy = HoldPolicy { hold: Duration::from_secs(10), max_total: Duration::from_secs(30) };

/// So many seconds after the beginning of the story.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

pub fn id(number: u128) -> BookingId {
    BookingId(Uuid::from_u128(number))
}

pub fn seats(indices: &[u32]) -> Vec<SeatId> {
    indices.iter().map(|index| SeatId::new(ID, *index)).collect()
}

pub fn payment(name: &str) -> PaymentReference {
    PaymentReference::parse(name).unwrap()
}

/// The showtime as it stands. It starts at 1,000.
pub struct Story {
    pub showtime: Showtime,
}

impl Story {
    pub fn begin() -> Self {
        Self::of(SeatMap::new(vec![Row::numbered("A", 10)]).unwrap())
    }

    /// Of another house.
    pub fn of(seat_map: SeatMap) -> Self {
        let facts = ShowtimeFacts { id: ID, seat_map: Arc::new(seat_map) };
        Self { showtime: Showtime::scheduled(facts, Listing::new("M", at(1_000))) }
    }

    /// Decides a command and applies its events, also that of a refusal.
    pub fn when(&mut self, command: &Command, now: i64) -> Result<Vec<Event>, Rejection> {
        let (events, refusal) = match self.showtime.decide(command, at(now), &POLICY)? {
            Decision::Accepted(event) => (vec![event], None),
            Decision::AcceptedAll(events) => (events, None),
            Decision::AlreadyDone => (Vec::new(), None),
            Decision::Refused(event, refusal) => (vec![event], Some(refusal)),
        };
        for event in &events {
            let is_new = event.booking_id() == command.booking_id();
            let token = command.new_hold().map(|(token, _)| token).filter(|_| is_new);
            self.showtime.evolve(event, self.showtime.sequence() + 1, at(now), token);
        }
        refusal.map_or(Ok(events), Err)
    }

    pub fn reserve(&mut self, number: u128, user: &str, of: &[u32], now: i64) -> Result<Vec<Event>, Rejection> {
        self.reserve_as(number, (user, Buyer::default()), SeatSelection::new(ID, seats(of)).unwrap(), now)
    }

    /// With what the buyer shows, at the tariffs of the seats.
    pub fn reserve_as(
        &mut self,
        number: u128,
        (user, buyer): (&str, Buyer),
        seats: SeatSelection,
        now: i64,
    ) -> Result<Vec<Event>, Rejection> {
        let (booking_id, token) = (id(number), HoldToken::from_bytes([1; 32]).hash());
        let user_id = UserId::parse(user).unwrap();
        self.when(&Command::ReserveSeats { booking_id, seats, user_id, token, asked_at: at(now), buyer }, now)
    }

    pub fn confirm(&mut self, number: u128, reference: &str, now: i64) -> Result<Vec<Event>, Rejection> {
        let (credential, payment_reference) = (Credential::Operator, payment(reference));
        let command =
            Command::ConfirmBooking { booking_id: id(number), credential, payment_reference, asked_at: at(now) };
        self.when(&command, now)
    }

    pub fn refund(&mut self, number: u128, of: &[u32], now: i64) -> Result<Vec<Event>, Rejection> {
        self.when(&Command::RefundBooking { booking_id: id(number), seats: seats(of), reason: None }, now)
    }

    pub fn exchange(
        &mut self,
        number: u128,
        by: Credential,
        (add, remove): (&[u32], &[u32]),
        now: i64,
    ) -> Result<Vec<Event>, Rejection> {
        self.exchange_all(
            number,
            by,
            SeatExchange { add: seats(add), remove: seats(remove), ..SeatExchange::default() },
            now,
        )
    }

    pub fn exchange_all(
        &mut self,
        number: u128,
        by: Credential,
        exchange: SeatExchange,
        now: i64,
    ) -> Result<Vec<Event>, Rejection> {
        self.when(&Command::ChangeSeats { booking_id: id(number), credential: by, exchange, asked_at: at(now) }, now)
    }

    pub fn cancel(&mut self, number: u128, now: i64) -> Vec<Event> {
        self.when(&Command::CancelBooking { booking_id: id(number), credential: Credential::Operator }, now).unwrap()
    }

    pub fn expire(&mut self, number: u128, now: i64) -> Vec<Event> {
        self.when(&Command::ExpireHold { booking_id: id(number) }, now).unwrap()
    }

    pub fn change(&mut self, change: ListingChange) {
        self.when(&Command::ChangeShowtime { change }, 0).unwrap();
    }

    pub fn booking(&self, number: u128) -> &Booking {
        self.showtime.booking(id(number)).unwrap()
    }

    pub fn status(&self, seat: u32) -> SeatStatus {
        self.showtime.seat(seat).unwrap().0
    }
}
