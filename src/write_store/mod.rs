//! Write store port: the only truth about seats and bookings. Adapters: [`postgres`] and [`sqlite`].
//!
//! **Contract.** Each method is atomic. A method that fails with [`StoreError::Unavailable`] before it reports anything may be
//! called again; only [`WriteStore::commit`] and [`WriteStore::schedule`] can leave an unknown outcome. Every call is bounded by
//! the adapter's own timeouts. Futures may be dropped at any moment: adapters run their work where a dropped caller cannot
//! interrupt a transaction. What [`WriteStore::journal`], [`WriteStore::bookings`], [`WriteStore::idempotency`],
//! [`WriteStore::load`] and [`WriteStore::outbox`] return is durable: it survives the loss of a primary with a synchronous standby.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::{
    Booking, BookingId, BookingStatus, Event, EventRun, PaymentReference, RecordedEvent, SeatIndex, SeatMap,
    SeatStatus, Showtime, ShowtimeId, Stamp, Timestamp,
};

pub mod postgres;
pub mod sqlite;

/// Why the write store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not reached, timed out or out of connections. Nothing was changed by a read; see [`CommitError`] for writes.
    #[error("the write store is unavailable: {reason}")]
    Unavailable {
        /// What happened, for the log.
        reason: String,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Its address or its set-up cannot work: trying again is of no use until somebody changes it.
    #[error("the write store cannot be used: {0}")]
    Unusable(String),
    /// The stored data contradicts itself, or a query is wrong: a bug.
    #[error("the write store gave an impossible answer: {0}")]
    Corrupt(String),
}

/// Why a commit changed nothing, or may have changed something. Of several refusals that apply, the first is told of: fenced, known
/// key, conflict, payment used. So a request repeated on another node hears that it was answered, not that it lost a race with itself.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A seat or booking was not at the expected version, or a unique index refused: somebody else wrote. Rolled back.
    /// Load the journal's end (and the showtime, if that does not explain it) and decide again.
    #[error("another writer changed the showtime")]
    Conflict,
    /// The showtime was loaded with a newer fence since: this owner's outcome was declared void. Rolled back. Load again.
    #[error("the showtime was taken over by another owner")]
    Fenced,
    /// An idempotency key of the batch is already recorded. Rolled back. Look the keys up and decide again.
    #[error("an idempotency key is already recorded")]
    DuplicateKey,
    /// A payment that the batch confirms a booking with has confirmed another one. Rolled back. Look the payments up and decide again.
    #[error("a payment has confirmed another booking")]
    PaymentUsed,
    /// Certainly not committed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The connection was lost or timed out when the transaction may have been committed.
    /// [`WriteStore::load`] with [`Load::Fence`] settles it: afterwards the batch is visible or will never be.
    #[error("the outcome of the commit is unknown: {reason}")]
    Unknown {
        /// What happened, for the log.
        reason: String,
    },
}

/// A seat's net change in one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatChange {
    /// Which seat.
    pub seat: SeatIndex,
    /// The version it must have, else [`CommitError::Conflict`].
    pub expected_version: u64,
    /// Its status afterwards.
    pub status: SeatStatus,
    /// The live booking that has it afterwards; `None` if available.
    pub booking_id: Option<BookingId>,
    /// Position in [`Batch::events`] of the last event about it; that event's sequence becomes its version.
    pub event: usize,
}

/// A booking that the batch creates. `booking.version` is ignored: the sequence of `event` becomes its version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewBooking {
    /// The booking as it is after the whole batch.
    pub booking: Booking,
    /// Position in [`Batch::events`] of the last event about it.
    pub event: usize,
}

/// A stored booking's net change in one batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingChange {
    /// Which booking.
    pub booking_id: BookingId,
    /// The version it must have, else [`CommitError::Conflict`].
    pub expected_version: u64,
    /// Its status afterwards.
    pub status: BookingStatus,
    /// Its deadline afterwards.
    pub expires_at: Timestamp,
    /// Its payment afterwards.
    pub payment_reference: Option<PaymentReference>,
    /// Position in [`Batch::events`] of the last event about it.
    pub event: usize,
}

/// What is remembered of a request with an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyRecord {
    /// SHA-256 over who asked what with which key.
    pub key_hash: [u8; 32],
    /// SHA-256 over the request's meaning: another meaning under the same key is refused.
    pub fingerprint: [u8; 32],
    /// The answer, as JSON, without secrets.
    pub answer: serde_json::Value,
    /// Random bytes from which, with the client's key, a secret in the answer is made again. Never shown.
    pub nonce: [u8; 16],
    /// When it was recorded; kept at least [`IDEMPOTENCY_KEPT`].
    pub recorded_at: Timestamp,
    /// Sequence of the event that the answer tells of. Set by the store on [`WriteStore::commit`], from [`NewKey::event`].
    pub sequence: u64,
}

/// An idempotency key that a batch records. `record.sequence` is ignored: it becomes the sequence of `event`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewKey {
    /// What to remember.
    pub record: IdempotencyRecord,
    /// Position in [`Batch::events`] of the event that the answer tells of.
    pub event: usize,
}

/// How long an idempotency key is remembered.
pub const IDEMPOTENCY_KEPT: std::time::Duration = std::time::Duration::from_hours(24);

/// All that one commit changes in one showtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// The showtime.
    pub showtime_id: ShowtimeId,
    /// The fence that [`WriteStore::load`] returned.
    pub fence: u64,
    /// When it was decided; becomes `recorded_at` of every event.
    pub recorded_at: Timestamp,
    /// The events in order; at least one.
    pub events: Vec<Event>,
    /// Net changes of seats, each seat once, ascending (so that two writers lock rows in one order).
    pub seats: Vec<SeatChange>,
    /// Seats that a stored live booking gives up. Applied before `claims`.
    pub releases: Vec<(SeatIndex, BookingId)>,
    /// Seats that a booking live after the batch newly has. The unique index on live claims keeps I1.
    pub claims: Vec<(SeatIndex, BookingId)>,
    /// Bookings created.
    pub new_bookings: Vec<NewBooking>,
    /// Stored bookings changed.
    pub booking_changes: Vec<BookingChange>,
    /// Idempotency keys to remember with their answers.
    pub idempotency: Vec<NewKey>,
    /// W3C `traceparent` of the work that caused it, carried to the broker.
    pub traceparent: Option<String>,
}

/// What a commit has made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Sequence of the batch's first event. If it is not one more than the owner's sequence, others wrote in between
    /// (on other seats): read the journal from there.
    pub first_sequence: u64,
}

/// A showtime to create. It has sequence 1 and one event afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewShowtime {
    /// Its id.
    pub id: ShowtimeId,
    /// What is shown.
    pub movie_title: String,
    /// When it starts.
    pub start_time: Timestamp,
    /// Its rows.
    pub seat_map: SeatMap,
    /// When it is created.
    pub recorded_at: Timestamp,
    /// The request's idempotency key, if it has one.
    pub idempotency: Option<IdempotencyRecord>,
}

/// How to load a showtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// For a new owner, or after [`CommitError::Unknown`]: raises the fence, so that no earlier owner's commit still in flight can land later.
    Fence,
    /// For an owner whose own commits all have a known outcome: takes the fence as it is.
    Keep,
}

/// A showtime as a new owner gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Sequence, seats and pending bookings.
    pub showtime: Showtime,
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
    /// Every seat's status, version and booking, in order of index.
    pub seats: Vec<(SeatStatus, u64, Option<BookingId>)>,
    /// Every booking, ended ones too.
    pub bookings: Vec<Booking>,
    /// Live claims: (seat, booking), ascending.
    pub claims: Vec<(SeatIndex, BookingId)>,
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

/// A pending hold whose deadline has passed, with all that a batch that ends it has to name. Its seats have its booking's version: every
/// event about a live booking is about all of its seats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueHold {
    /// The booking.
    pub booking: Booking,
    /// Its showtime's fence.
    pub fence: u64,
}

/// Work that one node of the cluster does at a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Publishes the outbox.
    Relay,
    /// Ends holds whose node has died.
    Sweeper,
}

/// How much there is in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Number of showtimes.
    pub showtimes: u64,
    /// Number of their seats.
    pub seats: u64,
}

impl Totals {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            showtimes: self.showtimes.saturating_add(other.showtimes),
            seats: self.seats.saturating_add(other.seats),
        }
    }

    /// The rest without the other; never below 0.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            showtimes: self.showtimes.saturating_sub(other.showtimes),
            seats: self.seats.saturating_sub(other.seats),
        }
    }
}

/// A showtime's id and last sequence.
pub type Head = (ShowtimeId, u64);

/// See the module's documentation.
#[async_trait]
pub trait WriteStore: Send + Sync + 'static {
    /// Creates a showtime with all its seats, its first event and its outbox row.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if the id is taken.
    async fn schedule(&self, new: NewShowtime) -> Result<(), CommitError>;

    /// Reads a showtime for an owner; `None` if there is no such showtime.
    async fn load(&self, id: ShowtimeId, load: Load) -> Result<Option<Loaded>, StoreError>;

    /// Commits a batch: all of it or nothing, durably, in a constant number of round trips.
    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, CommitError>;

    /// Up to `limit` events of the journal with a sequence above `after`, in order.
    async fn journal(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError>;

    /// As [`WriteStore::journal`], for an owner in the middle of a command, who must not wait behind those who only look.
    async fn missed(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        self.journal(id, after, limit).await
    }

    /// One booking, for somebody who only looks: it takes no connection from commands.
    async fn booking(&self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        Ok(self.bookings(vec![id]).await?.into_iter().next())
    }

    /// The bookings with these ids, in no order; unknown ids are left out.
    async fn bookings(&self, ids: Vec<BookingId>) -> Result<Vec<Booking>, StoreError>;

    /// The bookings that these payments have confirmed, in no order; unused payments are left out. Of bookings that one payment confirmed
    /// before this was checked, the earliest.
    async fn payments(
        &self,
        references: Vec<PaymentReference>,
    ) -> Result<Vec<(PaymentReference, BookingId)>, StoreError>;

    /// The records of these keys, in no order; unknown keys are left out.
    async fn idempotency(&self, key_hashes: Vec<[u8; 32]>) -> Result<Vec<IdempotencyRecord>, StoreError>;

    /// Deletes up to `limit` idempotency records older than `before`; returns how many.
    async fn forget_idempotency(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Up to `limit` pending holds with a deadline at or before `before`, earliest first.
    async fn due_holds(&self, before: Timestamp, limit: usize) -> Result<Vec<DueHold>, StoreError>;

    /// Up to `limit` showtimes with an id above `after`, ascending, with their last sequences.
    async fn heads_page(&self, after: Option<ShowtimeId>, limit: usize) -> Result<Vec<Head>, StoreError>;

    /// The last sequences of these showtimes; unknown ids are left out.
    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<Head>, StoreError>;

    /// Counts all showtimes and their seats. Reads every showtime's row, but neither seats nor bookings, so it is not for each request. It
    /// takes no connection from commands.
    async fn totals(&self) -> Result<Totals, StoreError>;

    /// The stamps of the journal's events at these places; places that the journal does not have are left out.
    async fn stamps(&self, places: Vec<Head>) -> Result<Vec<(Head, Stamp)>, StoreError>;

    /// Up to `limit` unconfirmed rows, in order of position, leaving out the showtimes in `except`.
    async fn outbox(&self, limit: usize, except: Vec<ShowtimeId>) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Deletes exactly these rows, which the broker has confirmed.
    async fn outbox_confirmed(&self, positions: Vec<i64>) -> Result<(), StoreError>;

    /// Number of unconfirmed rows, counted up to `limit`.
    async fn outbox_depth(&self, limit: usize) -> Result<usize, StoreError>;

    /// Tries to become the one node with this role; `None` while another one has it.
    async fn lead(&self, role: Role) -> Result<Option<Box<dyn Leadership>>, StoreError>;

    /// One showtime's whole write model in one snapshot; `None` if unknown.
    async fn audit(&self, id: ShowtimeId) -> Result<Option<Audit>, StoreError>;

    /// 32 random bytes made at the first migration, the same for every node: key of tokens that must be valid on each.
    async fn cluster_secret(&self) -> Result<[u8; 32], StoreError>;

    /// Answers if a booking could be committed now, with the time by the store's own clock.
    async fn ping(&self) -> Result<Moment, StoreError>;
}

/// A role that one node has; given up when dropped.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// True while no other node can have the role. To be asked before each round of its work.
    async fn is_held(&mut self) -> bool;
}
