//! Who makes events and who watches them: the owner of a showtime commits changes; a fold of what a client saw is compared with the truth.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use turnstile::domain::{
    Booking, BookingId, Command, Credential, Decision, EventRun, HoldPolicy, HoldToken, Listing, RecordedEvent, Row,
    SeatId, SeatIndex, SeatMap, SeatSelection, SeatStatus, Showtime, ShowtimeId, UserId,
};
use turnstile::write_store::{Batch, BookingChange, Committed, NewShowtime, SeatChange, WriteStore};
use uuid::Uuid;

use crate::live::stage::Time;

/// Seats in a row of the tests' houses.
const ROW: u32 = 100;

/// The one writer of a showtime.
pub struct Owner {
    pub id: ShowtimeId,
    store: Arc<dyn WriteStore>,
    time: Arc<Time>,
    showtime: Showtime,
    fence: u64,
    first: RecordedEvent,
}

impl Owner {
    pub async fn schedule(store: Arc<dyn WriteStore>, time: Arc<Time>, seats: u32) -> Self {
        let id = ShowtimeId(Uuid::new_v4());
        let rows = (0..seats.div_ceil(ROW)).map(|row| Row::numbered(format!("R{row}"), ROW.min(seats - row * ROW)));
        let new = NewShowtime {
            id,
            listing: Listing::new("Bourne \"Identity\"", time.now() + Duration::from_hours(2)),
            seat_map: SeatMap::new(rows.collect()).unwrap(),
            recorded_at: time.now(),
            idempotency: None,
        };
        store.schedule(new).await.unwrap();
        let loaded = store.take_over(id).await.unwrap().unwrap();
        let first = store.journal(id, 0, 1).await.unwrap().remove(0);
        Self { id, store, time, showtime: loaded.showtime, fence: loaded.fence, first }
    }

    /// The run of the showtime's first event.
    pub fn first_run(&self) -> EventRun {
        EventRun::new(self.id, vec![self.first.clone()]).unwrap()
    }

    pub fn sequence(&self) -> u64 {
        self.showtime.sequence()
    }

    /// Every seat's status, in order of index.
    pub fn statuses(&self) -> Vec<SeatStatus> {
        self.showtime.statuses().to_vec()
    }

    /// Commits `count` events, each in a batch of its own: seats are reserved in turn, and given back when met again.
    pub async fn act(&mut self, count: u64) -> Vec<EventRun> {
        let mut runs = Vec::new();
        for _ in 0..count {
            let seats = u64::try_from(self.showtime.statuses().len()).unwrap();
            let seat = SeatIndex::try_from(self.showtime.sequence() % seats).unwrap();
            let seat_id = SeatId::new(self.id, seat);
            let holder = self.showtime.bookings().find(|booking| booking.seat_ids.contains(&seat_id)).cloned();
            let command = match &holder {
                Some(booking) if self.showtime.sequence().is_multiple_of(3) => Command::ExtendHold {
                    booking_id: booking.id,
                    credential: Credential::Operator,
                    asked_at: self.time.now(),
                },
                Some(booking) => Command::CancelBooking { booking_id: booking.id, credential: Credential::Operator },
                None => Command::ReserveSeats {
                    booking_id: BookingId(Uuid::now_v7()),
                    seats: SeatSelection::new(self.id, vec![seat_id]).unwrap(),
                    user_id: UserId::parse("ada").unwrap(),
                    token: HoldToken::from_bytes([3; 32]).hash(),
                    asked_at: self.time.now(),
                    buyer: turnstile::domain::Buyer::default(),
                },
            };
            runs.push(self.carry_out(&command, holder).await);
        }
        runs
    }

    async fn carry_out(&mut self, command: &Command, holder: Option<Booking>) -> EventRun {
        let now = self.time.now();
        let policy = HoldPolicy { hold: Duration::from_mins(10), max_total: Duration::from_hours(10) };
        let event = match self.showtime.decide(command, now, &policy).unwrap() {
            Decision::Accepted(event) => event,
            Decision::AcceptedAll(events) => panic!("{events:?}"),
            Decision::Refused(_, refusal) => panic!("{refusal}"),
            // An extension within the same millisecond changes nothing: give the seats back instead.
            Decision::AlreadyDone => {
                let Command::ExtendHold { booking_id, credential, .. } = command else { panic!("{command:?}") };
                let cancel = Command::CancelBooking { booking_id: *booking_id, credential: *credential };
                return Box::pin(self.carry_out(&cancel, holder)).await;
            }
        };
        let before: Vec<_> = event
            .seats_status()
            .seat_ids
            .iter()
            .map(|seat| (seat.index(), self.showtime.seat(seat.index()).unwrap().1))
            .collect();
        let token = HoldToken::from_bytes([3; 32]).hash();
        let sequence = self.showtime.sequence() + 1;
        self.showtime.evolve(&event, sequence, now, Some(token));
        let after = self.showtime.booking(event.booking_id().unwrap()).unwrap().clone();
        let status = event.seats_status().status;
        let booking_id = (status != SeatStatus::Available).then_some(after.id);
        let batch = Batch {
            showtime_id: self.id,
            fence: self.fence,
            recorded_at: now,
            follows: None,
            listing: None,
            seats: before
                .into_iter()
                .map(|(seat, expected_version)| SeatChange { seat, expected_version, status, booking_id, event: 0 })
                .collect(),
            bookings: vec![BookingChange {
                booking: after,
                expected_version: holder.map(|holder| holder.version),
                event: 0,
            }],
            events: vec![event.clone()],
            idempotency: Vec::new(),
            traceparent: None,
        };
        let Committed { first_sequence, follows, stamp, .. } = self.store.commit(Arc::new(batch)).await.unwrap();
        assert_eq!(first_sequence, sequence);
        self.showtime.forget_ended();
        EventRun::new(self.id, vec![RecordedEvent { sequence, recorded_at: now, stamp, follows, event }]).unwrap()
    }
}

/// What a client has seen of a showtime.
#[derive(Default)]
pub struct Viewer {
    /// Sequence of the last message.
    pub sequence: u64,
    seats: HashMap<String, String>,
    /// Parts of a snapshot that is not complete.
    parts: u64,
    /// Snapshots seen.
    pub snapshots: u64,
    /// Deltas seen.
    pub deltas: u64,
}

impl Viewer {
    /// One that knows the showtime up to `sequence`.
    pub fn at(sequence: u64) -> Self {
        Self { sequence, ..Self::default() }
    }

    /// Takes one message; a delta out of order fails the test.
    pub fn see(&mut self, message: &Value) {
        match message["type"].as_str().unwrap() {
            "snapshot" => {
                assert_eq!(message["part"], self.parts, "parts come in order");
                if self.parts == 0 {
                    self.seats.clear();
                    self.sequence = message["sequence"].as_u64().unwrap();
                }
                assert_eq!(message["sequence"], self.sequence);
                self.parts += 1;
                for seat in message["seats"].as_array().unwrap() {
                    let text = |field: &str| seat[field].as_str().unwrap().to_owned();
                    assert!(self.seats.insert(text("seatId"), text("status")).is_none(), "a seat comes twice");
                }
                if message["final"].as_bool().unwrap() {
                    self.parts = 0;
                    self.snapshots += 1;
                }
            }
            "seatsStatusChanged" => {
                assert_eq!(self.parts, 0, "a delta within a snapshot");
                self.delta(message);
            }
            other => panic!("{other}"),
        }
    }

    /// True between the first and the last part of a snapshot.
    pub fn is_within_a_snapshot(&self) -> bool {
        self.parts > 0
    }

    /// Takes the fields of one delta.
    pub fn delta(&mut self, fields: &Value) {
        assert_eq!(fields["sequence"], self.sequence + 1, "each delta once, in order, without a gap");
        self.sequence += 1;
        self.deltas += 1;
        for seat in fields["seatIds"].as_array().unwrap() {
            self.seats.insert(seat.as_str().unwrap().to_owned(), fields["status"].as_str().unwrap().to_owned());
        }
    }

    /// True if the seats are as their owner knows them.
    pub fn agrees_with(&self, owner: &Owner) -> bool {
        let mut index = 0_u32;
        let statuses = owner.statuses();
        let same = statuses.iter().all(|status| {
            let id = SeatId::new(owner.id, index).to_string();
            index += 1;
            self.seats.get(&id).is_some_and(|seen| seen == status.as_str())
        });
        same && self.seats.len() == statuses.len() && self.sequence == owner.sequence()
    }
}
