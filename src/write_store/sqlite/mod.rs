//! The write store on SQLite: one file in the data directory, in the process itself.
//!
//! Writes run on one thread, which commits all that wait as one transaction (`writer`); reads run on a few others, beside it
//! (`readers`). `synchronous = FULL`: what was answered is on the disk. The directory is locked against other processes
//! (`directory`), so that leadership and fences need to hold within this process only.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use diesel::sqlite::SqliteConnection;
use tokio::time::Instant;

use crate::domain::{
    AuditoriumId, Booking, BookingId, PaymentReference, RecordedEvent, ShowtimeId, Stamp, Timestamp, UserId,
};
use crate::write_store::{
    Audit, AuditoriumHead, Auditoriums, Batch, CommitError, Committed, DueBooking, Head, IdempotencyRecord, Journal,
    Leadership, Ledger, Loaded, Moment, NewAuditorium, NewShowtime, Outbox, OutboxEntry, Role, Roles, StoreError,
    StoredAuditorium, Totals, WriteStore,
};

mod auditoriums;
mod bookings;
mod clock;
mod columns;
mod commit;
mod connection;
mod directory;
mod failure;
mod idempotency;
mod journal;
mod outbox;
mod payments;
mod probe;
mod readers;
mod seats;
mod secret;
mod settings;
mod showtimes;
mod statement;
mod writer;

pub use settings::Settings;

use clock::ProcessClock;
use connection::{Opener, migrate};
use directory::DataDirectory;
use readers::Readers;
use writer::Writer;

/// The [`WriteStore`] on SQLite. Dropped, it waits until queued work is done and the file is closed.
pub struct SqliteStore {
    // In the order of dropping: the lock goes last, when nobody has the file open any more.
    readers: Readers,
    writer: Writer,
    clock: Arc<ProcessClock>,
    relays: Arc<AtomicBool>,
    sweeps: Arc<AtomicBool>,
    _directory: DataDirectory,
}

impl SqliteStore {
    /// True if `directory` holds a `turnstile.db`. Looks only.
    pub fn is_in(directory: &Path) -> bool {
        DataDirectory::holds_database(directory)
    }

    /// Opens `turnstile.db` in `directory`; creates both if missing, and brings the tables to this version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the directory cannot be used, is open in another process, or has tables of a newer version.
    pub fn open(directory: &Path, settings: &Settings) -> Result<Self, StoreError> {
        let directory = DataDirectory::lock(directory)?;
        let opener = Opener {
            path: directory.database()?,
            busy_timeout_milliseconds: settings.busy_timeout_milliseconds,
            page_cache_kibibytes: settings.page_cache_kibibytes,
        };
        let mut connection = opener.writer()?;
        migrate(&mut connection)?;
        secret::ensure(&mut connection)?;
        let writer = Writer::start(connection, opener.clone(), settings)?;
        let readers = Readers::start(&opener, settings)?;
        Ok(Self {
            readers,
            writer,
            clock: Arc::default(),
            relays: Arc::default(),
            sweeps: Arc::default(),
            _directory: directory,
        })
    }
}

#[async_trait]
impl Journal for SqliteStore {
    async fn journal(&self, id: ShowtimeId, after: u64, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        self.readers.read(move |connection| journal::page(connection, id, after, limit)).await
    }

    async fn stamps(&self, places: Vec<Head>) -> Result<Vec<(Head, Stamp)>, StoreError> {
        self.readers.read(move |connection| journal::stamps(connection, &places)).await
    }

    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<Head>, StoreError> {
        self.readers.read(move |connection| showtimes::heads(connection, &ids)).await
    }

    async fn heads_page(&self, after: Option<ShowtimeId>, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.readers.read(move |connection| showtimes::heads_page(connection, after, limit)).await
    }

    async fn changed(&self, since: Timestamp, limit: usize) -> Result<Vec<ShowtimeId>, StoreError> {
        self.readers.read(move |connection| journal::changed(connection, since, limit)).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.readers.read(showtimes::totals).await
    }

    async fn load(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
        self.readers.read(move |connection| showtimes::load(connection, id)).await
    }

    async fn live_bookings(&self, id: ShowtimeId, user: UserId) -> Result<Vec<Booking>, StoreError> {
        self.readers.read(move |connection| bookings::live_of(connection, id, &user)).await
    }

    async fn blocks(&self, id: ShowtimeId, after: Option<BookingId>, limit: usize) -> Result<Vec<Booking>, StoreError> {
        self.readers.read(move |connection| bookings::blocks(connection, id, after, limit)).await
    }

    async fn booking(&self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        Ok(self.bookings(vec![id]).await?.into_iter().next())
    }

    async fn paid(&self, reference: PaymentReference) -> Result<Option<BookingId>, StoreError> {
        Ok(self.payments(vec![reference]).await?.into_iter().next().map(|(_, id)| id))
    }

    async fn ping(&self) -> Result<Moment, StoreError> {
        let clock = Arc::clone(&self.clock);
        let read = move |connection: &mut SqliteConnection| {
            let machine = clock::machine_time(connection)?;
            let read_at = Instant::now();
            Ok(Moment { now: clock.follow(machine, read_at), asked: read_at, answered: read_at })
        };
        self.writer.ping(read).await
    }
}

#[async_trait]
impl Roles for SqliteStore {
    async fn lead(&self, role: Role) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        let led = match role {
            Role::Relay => &self.relays,
            Role::Sweeper => &self.sweeps,
        };
        let was_led = led.swap(true, Ordering::AcqRel);
        Ok((!was_led).then(|| -> Box<dyn Leadership> { Box::new(InProcess(Arc::clone(led))) }))
    }
}

#[async_trait]
impl Ledger for SqliteStore {
    async fn schedule(&self, new: NewShowtime) -> Result<(), CommitError> {
        self.writer.write(move |connection| showtimes::schedule(connection, &new)).await
    }

    async fn take_over(&self, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
        // Raised and on the disk first: what the snapshot shows afterwards is all that earlier owners will ever have done.
        let Some(fence) = self.writer.write(move |connection| showtimes::raise_fence(connection, id)).await? else {
            return Ok(None);
        };
        let loaded = self.readers.read(move |connection| showtimes::load(connection, id)).await?;
        // The fence raised here, not one that somebody else may have raised since.
        Ok(loaded.map(|loaded| Loaded { fence, ..loaded }))
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, CommitError> {
        let prepared = commit::Prepared::new(batch)?;
        self.writer.write(move |connection| commit::commit(connection, &prepared)).await
    }

    async fn bookings(&self, ids: Vec<BookingId>) -> Result<Vec<Booking>, StoreError> {
        self.readers.read(move |connection| bookings::with_ids(connection, &ids)).await
    }

    async fn payments(
        &self,
        references: Vec<PaymentReference>,
    ) -> Result<Vec<(PaymentReference, BookingId)>, StoreError> {
        self.readers.read(move |connection| payments::find(connection, &references)).await
    }

    async fn idempotency(&self, key_hashes: Vec<[u8; 32]>) -> Result<Vec<IdempotencyRecord>, StoreError> {
        self.readers.read(move |connection| idempotency::find(connection, &key_hashes)).await
    }

    async fn forget_idempotency(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writer.write(move |connection| idempotency::forget(connection, before, limit)).await
    }

    async fn due(&self, before: Timestamp, limit: usize) -> Result<Vec<DueBooking>, StoreError> {
        let (due, all_ended) = self.readers.read(move |connection| bookings::due(connection, before, limit)).await?;
        if all_ended {
            self.writer.write(bookings::note_all_ended).await?;
        }
        Ok(due)
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn outbox(&self, limit: usize, except: Vec<ShowtimeId>) -> Result<Vec<OutboxEntry>, StoreError> {
        self.readers.read(move |connection| outbox::unconfirmed(connection, limit, &except)).await
    }

    async fn outbox_confirmed(&self, positions: Vec<i64>) -> Result<(), StoreError> {
        self.writer.write(move |connection| outbox::confirmed(connection, &positions)).await
    }

    async fn outbox_depth(&self, limit: usize) -> Result<usize, StoreError> {
        self.readers.read(move |connection| outbox::depth(connection, limit)).await
    }

    async fn outbox_oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers.read(outbox::oldest).await
    }
}

#[async_trait]
impl Auditoriums for SqliteStore {
    async fn auditoriums(&self, after: Option<AuditoriumId>, limit: usize) -> Result<Vec<AuditoriumHead>, StoreError> {
        self.readers.read(move |connection| auditoriums::page(connection, after, limit)).await
    }

    async fn auditorium_head(
        &self,
        id: AuditoriumId,
        version: Option<u32>,
    ) -> Result<Option<AuditoriumHead>, StoreError> {
        self.readers.read(move |connection| auditoriums::head(connection, id, version)).await
    }

    async fn auditorium(&self, id: AuditoriumId, version: Option<u32>) -> Result<Option<StoredAuditorium>, StoreError> {
        self.readers.read(move |connection| auditoriums::stored(connection, id, version)).await
    }

    async fn auditorium_count(&self) -> Result<u64, StoreError> {
        self.readers.read(auditoriums::count_all).await
    }

    async fn auditorium_key(&self, key_hash: [u8; 32]) -> Result<Option<IdempotencyRecord>, StoreError> {
        Ok(self.idempotency(vec![key_hash]).await?.into_iter().next())
    }

    async fn record_auditorium(&self, new: Arc<NewAuditorium>) -> Result<(), CommitError> {
        self.writer.write(move |connection| auditoriums::record(connection, &new)).await
    }
}

#[async_trait]
impl WriteStore for SqliteStore {
    async fn audit(&self, id: ShowtimeId) -> Result<Option<Audit>, StoreError> {
        self.readers.read(move |connection| showtimes::audit(connection, id)).await
    }

    async fn cluster_secret(&self) -> Result<[u8; 32], StoreError> {
        self.readers.read(secret::read).await
    }
}

/// Leadership within the one process that has the file.
struct InProcess(Arc<AtomicBool>);

#[async_trait]
impl Leadership for InProcess {
    async fn is_held(&mut self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
