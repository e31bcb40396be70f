//! Write store on PostgreSQL 15 or newer, through Diesel: every change is one statement, prepared once per connection.
//!
//! A commit is one statement (see `batch`) with all that it changes as arrays, outside of any transaction block: the statement is its own
//! transaction, so any batch costs one round trip and one flush of the log, and batches of different showtimes that wait at the same
//! time share them.
//!
//! **Invariant:** every change of a showtime takes its row in `showtimes` first. So sequences are given in the order of commits, at
//! most one commit of a showtime is in progress, and two writers can never wait for each other in a circle.
//!
//! **Invariant:** a commit that was sent is never cancelled, and what is told of what was read back is durable (see `proof`).
//!
//! **Invariant:** [`CommitError::Unknown`] is only answered when the statement may have reached the server. A refusal is believed
//! only if the server gave its reason and the session lives on.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::domain::{
    AuditoriumId, Booking, BookingId, PaymentReference, RecordedEvent, ShowtimeId, Stamp, Timestamp, UserId,
};
use crate::telemetry::metrics::Registry;
use crate::write_store::{
    Audit, AuditoriumHead, Auditoriums, Batch, CommitError, Committed, DueBooking, Head, IdempotencyRecord, Journal,
    Leadership, Ledger, Loaded, Moment, NewAuditorium, NewShowtime, Outbox, OutboxEntry, Role, Roles, StoreError,
    StoredAuditorium, Totals, WriteStore,
};

mod access;
mod address;
mod audit;
mod auditoriums;
mod batch;
mod bookings;
mod call;
mod column;
mod commit;
mod connection;
mod due;
mod failure;
mod heads;
mod idempotency;
mod journal;
mod lanes;
mod leadership;
mod load;
mod migration;
mod payments;
mod ping;
mod pooling;
mod proof;
mod recent;
mod schedule;
mod schema;
mod settings;
mod stamps;
mod statement;
mod tls;
mod totals;

pub use migration::migrate;
pub use settings::Settings;

use access::Access;
use audit::AuditShowtime;
use auditoriums::{AuditoriumsPage, CountAuditoriums, FindHead};
use bookings::{Blocks, BookingsByIds, LiveBookings};
use call::Share;
use connection::Connector;
use due::Due;
use failure::unavailable_because;
use heads::{Changed, Heads, HeadsPage};
use idempotency::{ClusterSecret, Forget, Recall};
use journal::{JournalPage, OutboxConfirmed, OutboxDepth, OutboxOldest, OutboxPage};
use lanes::Lanes;
use load::LoadShowtime;
use payments::Payments;
use ping::Ping;
use pooling::refuse_shared_sessions;
use recent::Recent;
use stamps::Stamps;
use totals::CountAll;

/// The write store of a cluster: see the module's documentation.
pub struct PostgresStore {
    access: Access,
    lanes: Lanes,
    recent: Arc<Recent>,
}

impl PostgresStore {
    /// Connects to a migrated database (see [`migrate`]) and makes sure that it takes writes. The URL may name several hosts. TLS is used
    /// when it says `sslmode=require`, `verify-ca` or `verify-full`; the certificate is always checked, against `sslrootcert` or the
    /// public roots; `sslcert` and `sslkey` name a client certificate.
    ///
    /// To be called inside the multi-thread runtime, which is then used for all work, wherever the callers are.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the URL cannot be used or a pooler shares sessions; [`StoreError::Unavailable`] if no server answers
    /// that takes writes; [`StoreError::Corrupt`] inside a current-thread runtime.
    pub async fn connect(url: &str, settings: &Settings) -> Result<Self, StoreError> {
        let runtime = Handle::current();
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(StoreError::Corrupt(
                "the write store has to be opened inside a multi-thread runtime".to_owned(),
            ));
        }
        let connector = Arc::new(Connector::new(url, settings)?);
        refuse_shared_sessions(&connector).await?;
        let access = Access::new(connector, settings, runtime)?;
        let recent = Arc::new(Recent::new(settings.max_recent_events));
        let lanes = Lanes::new(access.clone(), settings.clone(), Arc::clone(&recent));
        let store = Self { access, lanes, recent };
        store.ping().await?;
        Ok(store)
    }
}

#[async_trait]
impl Journal for PostgresStore {
    async fn journal(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        self.access.call(JournalPage { id, after, limit, share: Share::Reads }).await
    }

    async fn stamps(&self, places: Vec<Head>) -> Result<Vec<(Head, Stamp)>, StoreError> {
        self.access.call(Stamps(places)).await
    }

    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<Head>, StoreError> {
        self.access.call(Heads(ids)).await
    }

    async fn heads_page(&self, after: Option<ShowtimeId>, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.access.call(HeadsPage { after, limit }).await
    }

    async fn changed(&self, since: Timestamp, limit: usize) -> Result<Vec<ShowtimeId>, StoreError> {
        self.access.call(Changed { since, limit }).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.access.call(CountAll).await
    }

    async fn load(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
        self.access.call(LoadShowtime { id, takes_over: false }).await
    }

    async fn live_bookings(&self, id: ShowtimeId, user: UserId) -> Result<Vec<Booking>, StoreError> {
        self.access.call(LiveBookings { showtime_id: id, user }).await
    }

    async fn blocks(&self, id: ShowtimeId, after: Option<BookingId>, limit: usize) -> Result<Vec<Booking>, StoreError> {
        self.access.call(Blocks { showtime_id: id, after, limit }).await
    }

    async fn booking(&self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        let found = self.access.call(BookingsByIds { ids: vec![id], share: Share::Reads }).await?;
        Ok(found.into_iter().next())
    }

    async fn paid(&self, reference: PaymentReference) -> Result<Option<BookingId>, StoreError> {
        let found = self.access.call(Payments { references: vec![reference], share: Share::Reads }).await?;
        Ok(found.into_iter().next().map(|(_, id)| id))
    }

    async fn ping(&self) -> Result<Moment, StoreError> {
        self.access.prove_for_ping().await?;
        self.access.call(Ping).await?.ok_or_else(|| unavailable_because("PostgreSQL takes no writes now"))
    }
}

#[async_trait]
impl Roles for PostgresStore {
    async fn lead(&self, role: Role) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        leadership::lead(&self.access, role, Arc::clone(&self.recent)).await
    }
}

#[async_trait]
impl Ledger for PostgresStore {
    async fn schedule(&self, new: NewShowtime) -> Result<(), CommitError> {
        commit::schedule(&self.access, new).await
    }

    async fn take_over(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
        self.access.call(LoadShowtime { id, takes_over: true }).await
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, CommitError> {
        self.lanes.commit(batch).await
    }

    async fn missed(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        self.access.call(JournalPage { id, after, limit, share: Share::Commands }).await
    }

    async fn bookings(&self, ids: Vec<BookingId>) -> Result<Vec<Booking>, StoreError> {
        self.access.call(BookingsByIds { ids, share: Share::Commands }).await
    }

    async fn payments(
        &self,
        references: Vec<PaymentReference>,
    ) -> Result<Vec<(PaymentReference, BookingId)>, StoreError> {
        self.access.call(Payments { references, share: Share::Commands }).await
    }

    async fn idempotency(&self, key_hashes: Vec<[u8; 32]>) -> Result<Vec<IdempotencyRecord>, StoreError> {
        self.access.call(Recall(key_hashes)).await
    }

    async fn forget_idempotency(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.access.call(Forget { before, limit }).await
    }

    async fn due(&self, before: Timestamp, limit: usize) -> Result<Vec<DueBooking>, StoreError> {
        self.access.call(Due { before, limit }).await
    }
}

#[async_trait]
impl Outbox for PostgresStore {
    async fn outbox(&self, limit: usize, except: Vec<ShowtimeId>) -> Result<Vec<OutboxEntry>, StoreError> {
        Ok(self.access.call(OutboxPage { limit, except, recent: Arc::clone(&self.recent) }).await?.entries)
    }

    async fn outbox_confirmed(&self, positions: Vec<i64>) -> Result<(), StoreError> {
        self.access.call(OutboxConfirmed(positions)).await
    }

    async fn outbox_depth(&self, limit: usize) -> Result<usize, StoreError> {
        self.access.call(OutboxDepth(limit)).await
    }

    async fn outbox_oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        self.access.call(OutboxOldest).await
    }
}

#[async_trait]
impl Auditoriums for PostgresStore {
    async fn auditoriums(&self, after: Option<AuditoriumId>, limit: usize) -> Result<Vec<AuditoriumHead>, StoreError> {
        self.access.call(AuditoriumsPage { after, limit }).await
    }

    async fn auditorium_head(
        &self,
        id: AuditoriumId,
        version: Option<u32>,
    ) -> Result<Option<AuditoriumHead>, StoreError> {
        self.access.call(FindHead { id, version }).await
    }

    async fn auditorium(&self, id: AuditoriumId, version: Option<u32>) -> Result<Option<StoredAuditorium>, StoreError> {
        auditoriums::find(&self.access, FindHead { id, version }).await
    }

    async fn auditorium_count(&self) -> Result<u64, StoreError> {
        self.access.call(CountAuditoriums).await
    }

    async fn auditorium_key(&self, key_hash: [u8; 32]) -> Result<Option<IdempotencyRecord>, StoreError> {
        Ok(self.idempotency(vec![key_hash]).await?.into_iter().next())
    }

    async fn record_auditorium(&self, new: Arc<NewAuditorium>) -> Result<(), CommitError> {
        auditoriums::record_auditorium(&self.access, new).await
    }
}

#[async_trait]
impl WriteStore for PostgresStore {
    async fn audit(&self, id: ShowtimeId) -> Result<Option<Audit>, StoreError> {
        self.access.call(AuditShowtime(id)).await
    }

    async fn cluster_secret(&self) -> Result<[u8; 32], StoreError> {
        self.access.call(ClusterSecret).await
    }

    fn register(&self, metrics: &Registry) {
        self.access.register(metrics);
    }
}
