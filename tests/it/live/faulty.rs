//! A journal that cannot be read on demand, over a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use turnstile::domain::{Booking, BookingId, PaymentReference, RecordedEvent, ShowtimeId, Stamp, Timestamp, UserId};
use turnstile::write_store::{Head, Journal, Loaded, Moment, StoreError, Totals, WriteStore};

/// While it is down, nothing can be read.
pub struct Faulty {
    store: Arc<dyn WriteStore>,
    down: AtomicBool,
    lost: AtomicBool,
}

impl Faulty {
    pub fn over(store: Arc<dyn WriteStore>) -> Self {
        Self { store, down: AtomicBool::new(false), lost: AtomicBool::new(false) }
    }

    /// The store below, which never fails: there must be something to miss.
    pub fn below(&self) -> Arc<dyn WriteStore> {
        Arc::clone(&self.store)
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
impl Journal for Faulty {
    async fn journal(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        self.check()?;
        self.store.journal(id, after, limit).await
    }

    async fn stamps(&self, places: Vec<Head>) -> Result<Vec<(Head, Stamp)>, StoreError> {
        if self.lost.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        self.store.stamps(places).await
    }

    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<Head>, StoreError> {
        self.check()?;
        self.store.heads(ids).await
    }

    async fn changed(&self, since: Timestamp, limit: usize) -> Result<Vec<ShowtimeId>, StoreError> {
        self.store.changed(since, limit).await
    }

    async fn heads_page(&self, after: Option<ShowtimeId>, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.store.heads_page(after, limit).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.check()?;
        self.store.totals().await
    }

    async fn load(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
        self.check()?;
        self.store.load(id).await
    }

    async fn live_bookings(&self, id: ShowtimeId, user: UserId) -> Result<Vec<Booking>, StoreError> {
        self.store.live_bookings(id, user).await
    }

    async fn blocks(&self, id: ShowtimeId, after: Option<BookingId>, limit: usize) -> Result<Vec<Booking>, StoreError> {
        self.store.blocks(id, after, limit).await
    }

    async fn booking(&self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        self.store.booking(id).await
    }

    async fn paid(&self, reference: PaymentReference) -> Result<Option<BookingId>, StoreError> {
        self.store.paid(reference).await
    }

    async fn ping(&self) -> Result<Moment, StoreError> {
        self.check()?;
        self.store.ping().await
    }
}
