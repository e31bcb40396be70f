//! A real write store whose answers get lost: commits land or not and say nothing, and calls after them fail, as planned by the test.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use turnstile::domain::{Booking, BookingId, PaymentReference, RecordedEvent, ShowtimeId, Stamp, Timestamp, UserId};
use turnstile::write_store::{
    Batch, CommitError, Committed, DueBooking, Head, IdempotencyRecord, Journal, Leadership, Ledger, Loaded, Moment,
    NewShowtime, Role, Roles, StoreError, Totals, WriteStore,
};

/// What becomes of a call that was planned for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Carried out and answered.
    Fine,
    /// A commit that is carried out, its answer a tenth of a second late.
    LandsLate,
    /// A commit that begins when the test says so.
    StandsStill,
    /// A commit that is carried out, its answer lost.
    LandsUnheard,
    /// A commit that is not carried out, its answer lost.
    VanishesUnheard,
    /// A commit that is carried out, and the task that asked for it dies.
    LandsAndPanics,
    /// A commit that is carried out, on another event than its owner believes; or a journal with such events.
    LandsInAnotherHistory,
    /// Not carried out, and known not to be.
    Fails,
}

/// Which calls are planned for. Others are fine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
    Commit,
    Load,
    Bookings,
    Journal,
    Schedule,
    Heads,
}

/// See the module's documentation.
pub struct UnluckyStore {
    store: Box<dyn WriteStore>,
    fates: Mutex<VecDeque<(On, Fate)>>,
    /// Lets one commit go on that stands still.
    pub go_on: Notify,
}

impl UnluckyStore {
    pub fn new(store: impl WriteStore) -> Arc<Self> {
        Arc::new(Self { store: Box::new(store), fates: Mutex::default(), go_on: Notify::new() })
    }

    /// The store below, whose calls are always fine.
    pub fn below(&self) -> &dyn WriteStore {
        self.store.as_ref()
    }

    /// The fates of the next calls of these kinds, in order for each kind.
    pub fn plan(&self, fates: &[(On, Fate)]) {
        self.fates.lock().unwrap().extend(fates);
    }

    /// True if every planned fate has struck.
    pub fn is_done(&self) -> bool {
        self.fates.lock().unwrap().is_empty()
    }

    /// How many planned fates have not struck.
    pub fn fates_left(&self) -> usize {
        self.fates.lock().unwrap().len()
    }

    /// Takes back all that was planned.
    pub fn forgive(&self) {
        self.fates.lock().unwrap().clear();
    }

    fn fate(&self, on: On) -> Fate {
        let mut fates = self.fates.lock().unwrap();
        let next = fates.iter().position(|(planned, _)| *planned == on);
        next.and_then(|position| fates.remove(position)).map_or(Fate::Fine, |(_, fate)| fate)
    }

    fn read(&self, on: On) -> Result<(), StoreError> {
        if self.fate(on) == Fate::Fine { Ok(()) } else { Err(gone()) }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable { reason: "planned".to_owned(), source: None }
}

fn unheard() -> CommitError {
    CommitError::Unknown { reason: "planned".to_owned() }
}

#[async_trait]
impl Journal for UnluckyStore {
    async fn journal(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        let fate = self.fate(On::Journal);
        let mut events = self.store.journal(id, after, limit).await?;
        match fate {
            Fate::Fine => {}
            Fate::LandsInAnotherHistory => events.iter_mut().for_each(|event| event.stamp.0 ^= 1),
            Fate::LandsLate
            | Fate::StandsStill
            | Fate::LandsUnheard
            | Fate::LandsAndPanics
            | Fate::VanishesUnheard
            | Fate::Fails => {
                return Err(gone());
            }
        }
        Ok(events)
    }

    async fn stamps(&self, places: Vec<Head>) -> Result<Vec<(Head, Stamp)>, StoreError> {
        self.store.stamps(places).await
    }

    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<Head>, StoreError> {
        self.read(On::Heads)?;
        self.store.heads(ids).await
    }

    async fn changed(&self, since: Timestamp, limit: usize) -> Result<Vec<ShowtimeId>, StoreError> {
        self.store.changed(since, limit).await
    }

    async fn heads_page(&self, after: Option<ShowtimeId>, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.store.heads_page(after, limit).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.store.totals().await
    }

    async fn load(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
        self.read(On::Load)?;
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
        self.store.ping().await
    }
}

#[async_trait]
impl Roles for UnluckyStore {
    async fn lead(&self, role: Role) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        self.store.lead(role).await
    }
}

#[async_trait]
impl Ledger for UnluckyStore {
    async fn schedule(&self, new: NewShowtime) -> Result<(), CommitError> {
        match self.fate(On::Schedule) {
            Fate::Fine => self.store.schedule(new).await,
            Fate::LandsLate
            | Fate::StandsStill
            | Fate::LandsUnheard
            | Fate::LandsAndPanics
            | Fate::LandsInAnotherHistory => {
                self.store.schedule(new).await.unwrap();
                Err(unheard())
            }
            Fate::VanishesUnheard => Err(unheard()),
            Fate::Fails => Err(gone().into()),
        }
    }

    async fn take_over(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
        self.read(On::Load)?;
        self.store.take_over(id).await
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, CommitError> {
        match self.fate(On::Commit) {
            Fate::Fine => self.store.commit(batch).await,
            Fate::LandsLate => {
                let committed = self.store.commit(batch).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                committed
            }
            Fate::StandsStill => {
                self.go_on.notified().await;
                self.store.commit(batch).await
            }
            Fate::LandsUnheard => {
                self.store.commit(batch).await.unwrap();
                Err(unheard())
            }
            Fate::LandsInAnotherHistory => {
                let committed = self.store.commit(batch).await?;
                Ok(Committed { follows: Stamp(!committed.follows.0), ..committed })
            }
            Fate::LandsAndPanics => {
                self.store.commit(batch).await.unwrap();
                panic!("a planned panic after a commit");
            }
            Fate::VanishesUnheard => Err(unheard()),
            Fate::Fails => Err(gone().into()),
        }
    }

    async fn bookings(&self, ids: Vec<BookingId>) -> Result<Vec<Booking>, StoreError> {
        self.read(On::Bookings)?;
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

    async fn due(&self, before: Timestamp, limit: usize) -> Result<Vec<DueBooking>, StoreError> {
        self.store.due(before, limit).await
    }
}
