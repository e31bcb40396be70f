//! Write store port: the only truth about seats and bookings. Adapters: [`postgres`] and [`sqlite`].
//!
//! **Contract.** Each method is atomic. A method that fails with [`StoreError::Unavailable`] before it reports anything may be
//! called again; only [`Ledger::commit`] and [`Ledger::schedule`] can leave an unknown outcome. Every call is bounded by
//! the adapter's own timeouts. Futures may be dropped at any moment: adapters run their work where a dropped caller cannot
//! interrupt a transaction. What [`Journal::journal`], [`Journal::load`], [`Ledger::bookings`], [`Ledger::idempotency`] and
//! [`Outbox::outbox`] return is durable: it survives the loss of a primary with a synchronous standby.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::{
    Booking, BookingId, CancelReason, Event, EventRun, Listing, PaymentReference, Place, RecordedEvent, SeatMap,
    SeatStatus, Showtime, ShowtimeId, ShowtimeView, Stamp, Timestamp, UserId,
};
use crate::telemetry::metrics::Registry;

mod auditoriums;
mod batch;
mod booking_body;
mod error;
pub mod postgres;
mod settle;
pub mod sqlite;
mod totals;

pub use auditoriums::{AuditoriumHead, Auditoriums, NewAuditorium, StoredAuditorium};
pub use batch::{Batch, BookingChange, Committed, IDEMPOTENCY_KEPT, IdempotencyRecord, NewKey, SeatChange};
pub use error::{CommitError, StoreError};
pub(crate) use settle::settled;
pub use totals::Totals;

/// A showtime to create. It has sequence 1 and one event afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewShowtime {
    /// Its id.
    pub id: ShowtimeId,
    /// What is shown, when, and on which terms.
    pub listing: Listing,
    /// Its rows.
    pub seat_map: SeatMap,
    /// When it is created.
    pub recorded_at: Timestamp,
    /// The request's idempotency key, if it has one.
    pub idempotency: Option<IdempotencyRecord>,
}

impl NewShowtime {
    /// Its first event.
    pub(crate) fn event(&self) -> Event {
        let Listing { movie_title, start_time, terms, cancelled: _ } = self.listing.clone();
        Event::ShowtimeScheduled { movie_title, start_time, rows: self.seat_map.clone(), terms }
    }
}

/// A showtime as a new owner gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Sequence, seats and pending bookings, blocks without seats among them.
    pub showtime: Showtime,
    /// Stamp of the event with that sequence.
    pub stamp: Stamp,
    /// To be named in every [`Batch`].
    pub fence: u64,
}

/// Unconfirmed events of one commit: one row of the outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxEntry {
    /// Position in the outbox; ascending positions of one showtime have ascending sequences.
    pub position: i64,
    /// The events, consecutive.
    pub run: EventRun,
    /// As in [`Batch::traceparent`].
    pub traceparent: Option<String>,
}

/// The write model of one showtime at one moment, for `turnstile check`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit {
    /// `showtimes.sequence`.
    pub sequence: u64,
    /// The listing.
    pub listing: Listing,
    /// The rows.
    pub seat_map: SeatMap,
    /// Every seat's status, version and booking, in order of index.
    pub seats: Vec<(SeatStatus, u64, Option<BookingId>)>,
    /// Every booking, ended ones too.
    pub bookings: Vec<Booking>,
}

/// The store's clock, read once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The store's time at some point between `asked` and `answered`.
    pub now: Timestamp,
    /// When the question was sent.
    pub asked: Instant,
    /// When the answer had arrived.
    pub answered: Instant,
}

/// A live booking that is to be ended, with all that a batch that ends it has to name: a pending hold whose deadline has passed, or any
/// booking of a cancelled showtime. Its seats have its booking's version: the last event about a live booking is about all of its seats, unless
/// that is a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueBooking {
    /// The booking.
    pub booking: Booking,
    /// Its showtime's fence.
    pub fence: u64,
    /// Why its showtime was cancelled, if it was.
    pub cancelled: Option<CancelReason>,
}

impl DueBooking {
    /// Whether a batch that ends it knows from here all that it has to name. A block's seats have versions of their own; a channel's seats go back
    /// to its block.
    pub fn tells_all(&self) -> bool {
        self.booking.block.is_none() && (self.booking.from_blocks.is_empty() || self.cancelled.is_some())
    }
}

/// Work that one node of the cluster does at a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Publishes the outbox.
    Relay,
    /// Ends holds whose node has died.
    Sweeper,
}

/// A showtime's id and last sequence.
pub type Head = (ShowtimeId, u64);

/// What has happened, and how showtimes stand: for all who look. A node's readers have connections of their own, and take none from
/// commands.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Up to `limit` events of a showtime with a sequence above `after`, in order.
    async fn journal(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError>;

    /// The stamps of the journal's events at these places; places that the journal does not have are left out.
    async fn stamps(&self, places: Vec<Head>) -> Result<Vec<(Head, Stamp)>, StoreError>;

    /// The last sequences of these showtimes; unknown ids are left out.
    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<Head>, StoreError>;

    /// Up to `limit` showtimes with an id above `after`, ascending, with their last sequences.
    async fn heads_page(&self, after: Option<ShowtimeId>, limit: usize) -> Result<Vec<Head>, StoreError>;

    /// Up to `limit` showtimes with an event that was decided at or after `since`, in no order.
    async fn changed(&self, since: Timestamp, limit: usize) -> Result<Vec<ShowtimeId>, StoreError>;

    /// The showtimes of those places that the journal does not have: the store has lost that part of its history.
    async fn lost(&self, places: Vec<(ShowtimeId, Place)>) -> Result<Vec<ShowtimeId>, StoreError> {
        let heads = places.iter().map(|(id, place)| (*id, place.sequence)).collect();
        let recorded: HashMap<Head, Stamp> = self.stamps(heads).await?.into_iter().collect();
        let is_lost = |(id, place): &(ShowtimeId, Place)| recorded.get(&(*id, place.sequence)) != Some(&place.stamp);
        Ok(places.into_iter().filter(is_lost).map(|(id, _)| id).collect())
    }

    /// A showtime as clients see it, from its seats as they stand; `None` if it is unknown.
    async fn view(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, StoreError> {
        let Some(Loaded { showtime, stamp, fence: _ }) = self.load(id).await? else { return Ok(None) };
        Ok(Some(Arc::new(ShowtimeView {
            id,
            listing: Arc::clone(showtime.listing()),
            sequence: showtime.sequence(),
            stamp,
            seat_map: Arc::clone(&showtime.facts().seat_map),
            statuses: showtime.statuses().to_vec(),
        })))
    }

    /// Counts all showtimes and their seats. Reads every showtime's row, but neither seats nor bookings, so it is not for each request.
    async fn totals(&self) -> Result<Totals, StoreError>;

    /// A showtime as it stands, with its fence as it is: for an owner whose own commits all have a known outcome, and for who only looks.
    /// `None` if there is no such showtime.
    async fn load(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError>;

    /// Up to `limit` live blocks of a showtime with an id above `after`, ascending.
    async fn blocks(&self, id: ShowtimeId, after: Option<BookingId>, limit: usize) -> Result<Vec<Booking>, StoreError>;

    /// A customer's pending and confirmed bookings of a showtime, in no order. Reads through the bookings of the showtime, so it is not for each request.
    async fn live_bookings(&self, id: ShowtimeId, user: UserId) -> Result<Vec<Booking>, StoreError>;

    /// One booking.
    async fn booking(&self, id: BookingId) -> Result<Option<Booking>, StoreError>;

    /// The booking that this payment has confirmed, or came too late for; as [`Ledger::payments`], for who only looks.
    async fn paid(&self, reference: PaymentReference) -> Result<Option<BookingId>, StoreError>;

    /// Answers if a booking could be committed now, with the time by the store's own clock.
    async fn ping(&self) -> Result<Moment, StoreError>;
}

/// Work of which one node of the cluster has the lead.
#[async_trait]
pub trait Roles: Send + Sync + 'static {
    /// Tries to become the one node with this role; `None` while another one has it.
    async fn lead(&self, role: Role) -> Result<Option<Box<dyn Leadership>>, StoreError>;
}

/// The book of who has which seat: for the box office, the only one who writes in it.
#[async_trait]
pub trait Ledger: Journal + Roles {
    /// Creates a showtime with all its seats, its first event and its outbox row.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if the id is taken.
    async fn schedule(&self, new: NewShowtime) -> Result<(), CommitError>;

    /// As [`Journal::load`], for a new owner, or after [`CommitError::Unknown`]: raises the fence first, so that no earlier owner's
    /// commit still in flight can land later.
    async fn take_over(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError>;

    /// Commits a batch: all of it or nothing, durably, in a constant number of round trips.
    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, CommitError>;

    /// As [`Journal::journal`], for an owner in the middle of a command, who must not wait behind those who only look.
    async fn missed(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        self.journal(id, after, limit).await
    }

    /// The bookings with these ids, in no order; unknown ids are left out.
    async fn bookings(&self, ids: Vec<BookingId>) -> Result<Vec<Booking>, StoreError>;

    /// The bookings that these payments have confirmed, or came too late for, in no order; unused payments are left out. Of bookings that one
    /// payment confirmed before this was checked, the earliest.
    async fn payments(
        &self,
        references: Vec<PaymentReference>,
    ) -> Result<Vec<(PaymentReference, BookingId)>, StoreError>;

    /// The records of these keys, in no order; unknown keys are left out.
    async fn idempotency(&self, key_hashes: Vec<[u8; 32]>) -> Result<Vec<IdempotencyRecord>, StoreError>;

    /// Deletes up to `limit` idempotency records older than `before`; returns how many.
    async fn forget_idempotency(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Up to `limit` bookings that are to be ended: pending holds with a deadline at or before `before`, earliest first; then, as far as there
    /// is room, live bookings of cancelled showtimes. Of a showtime that has none left it is noted that nothing is to be ended there.
    async fn due(&self, before: Timestamp, limit: usize) -> Result<Vec<DueBooking>, StoreError>;
}

/// What the broker has not confirmed: for the relay.
#[async_trait]
pub trait Outbox: Roles {
    /// Up to `limit` unconfirmed rows, in order of position, leaving out the showtimes in `except`.
    async fn outbox(&self, limit: usize, except: Vec<ShowtimeId>) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Deletes exactly these rows, which the broker has confirmed.
    async fn outbox_confirmed(&self, positions: Vec<i64>) -> Result<(), StoreError>;

    /// Number of unconfirmed rows, counted up to `limit`.
    async fn outbox_depth(&self, limit: usize) -> Result<usize, StoreError>;

    /// When the events of the first unconfirmed row were decided; `None` if there is no row.
    async fn outbox_oldest(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// The whole store, as the program's start has it: each part of the program gets what it needs of it.
#[async_trait]
pub trait WriteStore: Ledger + Outbox + Auditoriums {
    /// One showtime's whole write model in one snapshot, for `turnstile check`; `None` if unknown.
    async fn audit(&self, id: ShowtimeId) -> Result<Option<Audit>, StoreError>;

    /// 32 random bytes made at the first migration, the same for every node: key of tokens that must be valid on each.
    async fn cluster_secret(&self) -> Result<[u8; 32], StoreError>;

    /// From now on the store's connections are told, if it has a bounded number of them.
    fn register(&self, _metrics: &Registry) {}
}

/// A role that one node has; given up when dropped.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// True while no other node can have the role. To be asked before each round of its work.
    async fn is_held(&mut self) -> bool;
}
