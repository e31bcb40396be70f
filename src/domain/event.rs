//! Events: what happened in a showtime, in the words that the journal, the broker and the clients use.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{BookingId, PaymentReference, SeatId, SeatMap, SeatStatus, ShowtimeId, Timestamp, UserId};

/// Called before a node tells anybody how a showtime stands after the event with this sequence, so that it never contradicts itself.
pub type NoteTold = Arc<dyn Fn(ShowtimeId, u64) + Send + Sync>;

/// An accepted change of one showtime.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// The showtime was created, all seats available. Always the first event, sequence 1.
    ShowtimeScheduled {
        /// What is shown.
        movie_title: String,
        /// When it starts.
        start_time: Timestamp,
        /// Its rows.
        rows: SeatMap,
    },
    /// A booking now holds these seats.
    SeatsReserved {
        /// The new booking.
        booking_id: BookingId,
        /// Its seats.
        seat_ids: Vec<SeatId>,
        /// Who booked.
        user_id: UserId,
        /// The hold's deadline.
        expires_at: Timestamp,
    },
    /// The hold's deadline moved.
    HoldExtended {
        /// The booking.
        booking_id: BookingId,
        /// Its seats.
        seat_ids: Vec<SeatId>,
        /// The new deadline.
        expires_at: Timestamp,
    },
    /// The booking was paid; its seats are sold.
    BookingConfirmed {
        /// The booking.
        booking_id: BookingId,
        /// Its seats.
        seat_ids: Vec<SeatId>,
        /// What the payment provider calls the payment.
        payment_reference: PaymentReference,
    },
    /// The holder gave the seats back.
    BookingCancelled {
        /// The booking.
        booking_id: BookingId,
        /// Its seats, available again.
        seat_ids: Vec<SeatId>,
    },
    /// The deadline passed before a confirmation.
    HoldExpired {
        /// The booking.
        booking_id: BookingId,
        /// Its seats, available again.
        seat_ids: Vec<SeatId>,
    },
}

/// The name of an event's type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// [`Event::ShowtimeScheduled`]
    ShowtimeScheduled,
    /// [`Event::SeatsReserved`]
    SeatsReserved,
    /// [`Event::HoldExtended`]
    HoldExtended,
    /// [`Event::BookingConfirmed`]
    BookingConfirmed,
    /// [`Event::BookingCancelled`]
    BookingCancelled,
    /// [`Event::HoldExpired`]
    HoldExpired,
}

impl EventKind {
    /// The name as stores and messages carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShowtimeScheduled => "ShowtimeScheduled",
            Self::SeatsReserved => "SeatsReserved",
            Self::HoldExtended => "HoldExtended",
            Self::BookingConfirmed => "BookingConfirmed",
            Self::BookingCancelled => "BookingCancelled",
            Self::HoldExpired => "HoldExpired",
        }
    }
}

/// What an event means for the public view: these seats now have this status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatsStatus<'a> {
    /// The seats.
    pub seat_ids: &'a [SeatId],
    /// Their status after the event.
    pub status: SeatStatus,
}

impl Event {
    /// The type's name.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::ShowtimeScheduled { .. } => EventKind::ShowtimeScheduled,
            Self::SeatsReserved { .. } => EventKind::SeatsReserved,
            Self::HoldExtended { .. } => EventKind::HoldExtended,
            Self::BookingConfirmed { .. } => EventKind::BookingConfirmed,
            Self::BookingCancelled { .. } => EventKind::BookingCancelled,
            Self::HoldExpired { .. } => EventKind::HoldExpired,
        }
    }

    /// The seats it is about and their status afterwards. Setting the status again changes nothing.
    /// [`Event::ShowtimeScheduled`] names no seats: all are available.
    pub fn seats_status(&self) -> SeatsStatus<'_> {
        match self {
            Self::ShowtimeScheduled { .. } => SeatsStatus { seat_ids: &[], status: SeatStatus::Available },
            Self::SeatsReserved { seat_ids, .. } | Self::HoldExtended { seat_ids, .. } => {
                SeatsStatus { seat_ids, status: SeatStatus::Reserved }
            }
            Self::BookingConfirmed { seat_ids, .. } => SeatsStatus { seat_ids, status: SeatStatus::Sold },
            Self::BookingCancelled { seat_ids, .. } | Self::HoldExpired { seat_ids, .. } => {
                SeatsStatus { seat_ids, status: SeatStatus::Available }
            }
        }
    }

    /// The booking it is about; none for [`Event::ShowtimeScheduled`].
    pub fn booking_id(&self) -> Option<BookingId> {
        match self {
            Self::ShowtimeScheduled { .. } => None,
            Self::SeatsReserved { booking_id, .. }
            | Self::HoldExtended { booking_id, .. }
            | Self::BookingConfirmed { booking_id, .. }
            | Self::BookingCancelled { booking_id, .. }
            | Self::HoldExpired { booking_id, .. } => Some(*booking_id),
        }
    }
}

/// An event in the journal of its showtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedEvent {
    /// Position in the showtime's journal: 1, 2, 3, .. without a gap.
    pub sequence: u64,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Tells an event from another one that has its place in another history of the showtime: a store that was restored to an earlier
/// moment goes on with other events under the same sequences. Equal stamps at one sequence mean, for all practical purposes, equal
/// events there and before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The stamp of an event. Stores keep it, so it must never change: FNV-1a with 64 bits.
    pub fn of(recorded_at: Timestamp, kind: &str, booking_id: Option<BookingId>) -> Self {
        let booking = booking_id.map(|id| id.0.into_bytes());
        let bytes = recorded_at.as_millis().to_be_bytes().into_iter().chain(kind.bytes());
        let bytes = bytes.chain(booking.into_iter().flatten());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(hash)
    }
}

impl RecordedEvent {
    /// See [`Stamp`].
    pub fn stamp(&self) -> Stamp {
        Stamp::of(self.recorded_at, self.event.kind().as_str(), self.event.booking_id())
    }
}

/// Consecutive events of one showtime, at least one.
///
/// **Invariant:** `events[i].sequence == events[0].sequence + i`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventRun {
    showtime_id: ShowtimeId,
    events: Vec<RecordedEvent>,
}

impl EventRun {
    /// `None` if `events` is empty or has a gap.
    pub fn new(showtime_id: ShowtimeId, events: Vec<RecordedEvent>) -> Option<Self> {
        let first = events.first()?.sequence;
        let gap_free = (first..).zip(&events).all(|(expected, event)| event.sequence == expected);
        gap_free.then_some(Self { showtime_id, events })
    }

    /// The showtime.
    pub fn showtime_id(&self) -> ShowtimeId {
        self.showtime_id
    }

    /// The events, in order.
    pub fn events(&self) -> &[RecordedEvent] {
        &self.events
    }

    /// The events, in order, without the run.
    pub fn into_events(self) -> Vec<RecordedEvent> {
        self.events
    }

    /// Sequence of the first event.
    pub fn first_sequence(&self) -> u64 {
        self.events.first().map_or(0, |event| event.sequence)
    }

    /// Stamp of the last event.
    pub fn last_stamp(&self) -> Stamp {
        self.events.last().map_or(Stamp::default(), RecordedEvent::stamp)
    }

    /// Sequence of the last event.
    pub fn last_sequence(&self) -> u64 {
        self.events.last().map_or(0, |event| event.sequence)
    }

    /// The events with a sequence above `known`, if there are any.
    pub fn after(&self, known: u64) -> &[RecordedEvent] {
        let skipped = self.events.partition_point(|event| event.sequence <= known);
        self.events.get(skipped..).unwrap_or(&[])
    }
}
