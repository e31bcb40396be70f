//! A write store that fails on demand, over a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use turnstile::domain::{Booking, BookingId, PaymentReference, RecordedEvent, ShowtimeId, Stamp, Timestamp};
use turnstile::write_store::{
    Audit, Batch, CommitError, Committed, DueHold, Head, IdempotencyRecord, Leadership, Load, Loaded, Moment,
    NewShowtime, OutboxEntry, Role, StoreError, Totals, WriteStore,
};

/// While it is down, nothing can be read; commits go on, so that there is something to miss.
pub struct Faulty {
    store: Arc<dyn WriteStore>,
    down: AtomicBool,
    lost: AtomicBool,
}

impl Faulty {
    pub fn over(store: Arc<dyn WriteStore>) -> Self {
        Self { store, down: AtomicBool::new(false), lost: AtomicBool::new(false) }
    }

    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// As if it were restored: no event that was sent is the journal's.
    pub fn set_lost(&self, lost: bool) {
        self.lost.store(lost, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { reason: "down by the test".to_owned(), source: None });
        }
        Ok(())
    }
}

#[async_trait]
impl WriteStore for Faulty {
    async fn schedule(&self, new: NewShowtime) -> Result<(), CommitError> {
        self.store.schedule(new).await
    }

    async fn load(&self, id: ShowtimeId, load: Load) -> Result<Option<Loaded>, StoreError> {
        self.check()?;
        self.store.load(id, load).await
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, CommitError> {
        self.store.commit(batch).await
    }

    async fn journal(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        self.check()?;
        self.store.journal(id, after, limit).await
    }

    async fn bookings(&self, ids: Vec<BookingId>) -> Result<Vec<Booking>, StoreError> {
        self.store.bookings(ids).await
    }

    async fn payments(
        &self,
        references: Vec<PaymentReference>,
    ) -> Result<Vec<(PaymentReference, BookingId)>, StoreError> {
        self.store.payments(references).await
    }

    async fn idempotency(&self, key_hashes: Vec<[u8; 32]>) -> Result<Vec<IdempotencyRecord>, StoreError> {
        self.store.idempotency(key_hashes).await
    }

    async fn forget_idempotency(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.store.forget_idempotency(before, limit).await
    }

    async fn due_holds(&self, before: Timestamp, limit: usize) -> Result<Vec<DueHold>, StoreError> {
        self.store.due_holds(before, limit).await
    }

    async fn heads_page(&self, after: Option<ShowtimeId>, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.store.heads_page(after, limit).await
    }

    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<Head>, StoreError> {
        self.check()?;
        self.store.heads(ids).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.check()?;
        self.store.totals().await
    }

    async fn stamps(&self, places: Vec<Head>) -> Result<Vec<(Head, Stamp)>, StoreError> {
        if self.lost.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        self.store.stamps(places).await
    }

    async fn outbox(&self, limit: usize, except: Vec<ShowtimeId>) -> Result<Vec<OutboxEntry>, StoreError> {
        self.store.outbox(limit, except).await
    }

    async fn outbox_confirmed(&self, positions: Vec<i64>) -> Result<(), StoreError> {
        self.store.outbox_confirmed(positions).await
    }

    async fn outbox_depth(&self, limit: usize) -> Result<usize, StoreError> {
        self.store.outbox_depth(limit).await
    }

    async fn lead(&self, role: Role) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        self.store.lead(role).await
    }

    async fn audit(&self, id: ShowtimeId) -> Result<Option<Audit>, StoreError> {
        self.store.audit(id).await
    }

    async fn cluster_secret(&self) -> Result<[u8; 32], StoreError> {
        self.store.cluster_secret().await
    }

    async fn ping(&self) -> Result<Moment, StoreError> {
        self.check()?;
        self.store.ping().await
    }
}
