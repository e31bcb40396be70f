//! The writer: one thread with the one connection that writes. All writes that wait go into one transaction, so that one
//! synchronisation of the disk serves many; a write that is refused is undone alone, and nobody is answered before the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use crate::telemetry::Outage;
use crate::write_store::StoreError;
use crate::write_store::sqlite::Settings;
use crate::write_store::sqlite::connection::Opener;
use crate::write_store::sqlite::failure::{WriteFailure, failed_to, is_certainly_undone, unavailable};
use crate::write_store::sqlite::probe;
use crate::write_store::sqlite::statement::{Statement, statement};

statement!(Begin -> () = "BEGIN IMMEDIATE");

statement!(
    /// Before each write of a transaction.
    Save -> () = "SAVEPOINT one_write"
);

statement!(
    /// Undoes a refused write. Its savepoint stays.
    Undo -> () = "ROLLBACK TO one_write"
);

statement!(
    /// After each write, refused or not.
    Release -> () = "RELEASE one_write"
);

statement!(Commit -> () = "COMMIT");

/// Handle of the writer's thread. Dropped, it lets the thread finish what is queued, and waits for that.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Write>>>,
    thread: Option<JoinHandle<()>>,
    queue_wait: Duration,
    answer_wait: Duration,
    disk: Arc<Disk>,
}

/// What the writer knows of its disk.
#[derive(Debug, Default)]
struct Disk {
    /// The time in which no transaction can be committed.
    outage: Outage,
    /// A transaction was committed since the last ping.
    has_committed: AtomicBool,
}

/// How the transaction of a write ended.
#[derive(Debug)]
enum End {
    Committed,
    /// Certainly not committed.
    Lost(String),
    /// Failed in the commit itself: its pages may or may not be found by a later recovery.
    Unknown(String),
}

/// A write in the queue, with its caller.
trait Write: Send {
    /// Does it, in a savepoint; false if it was refused and is to be undone.
    fn run(&mut self, connection: &mut SqliteConnection) -> bool;

    /// Tells the caller.
    fn answer(self: Box<Self>, end: &End);
}

struct Job<F, T, E> {
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Write for Job<F, T, E>
where
    F: FnOnce(&mut SqliteConnection) -> Result<T, E> + Send,
    T: Send,
    E: WriteFailure,
{
    fn run(&mut self, connection: &mut SqliteConnection) -> bool {
        self.outcome = self.work.take().map(|work| work(connection));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, end: &End) {
        let answer = match (self.outcome, end) {
            (Some(Err(refused)), _) => Err(refused),
            (Some(Ok(value)), End::Committed) => Ok(value),
            (Some(Ok(_)), End::Unknown(reason)) => Err(E::unknown(reason.clone())),
            (Some(Ok(_)), End::Lost(reason)) | (None, End::Lost(reason) | End::Unknown(reason)) => {
                Err(unavailable(reason.clone()).into())
            }
            (None, End::Committed) => Err(unavailable("the write was left out").into()),
        };
        // A caller that has gone needs no answer.
        drop(self.caller.send(answer));
    }
}

impl Writer {
    /// Starts the thread on an open connection.
    pub(super) fn start(connection: SqliteConnection, opener: Opener, settings: &Settings) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(settings.write_queue.max(1));
        let most = settings.writes_per_transaction.max(1);
        let disk = Arc::new(Disk::default());
        let watched = Arc::clone(&disk);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || Loop { waiting, connection: Some(connection), opener, most, disk: watched }.run())
            .map_err(|error| StoreError::Unavailable {
                reason: format!("could not start the writer: {error}"),
                source: Some(Box::new(error)),
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            queue_wait: Duration::from_millis(settings.queue_wait_milliseconds),
            answer_wait: Duration::from_millis(settings.answer_wait_milliseconds),
            disk,
        })
    }

    /// Answers if a booking could be committed now. A commit since the last ping is proof enough; else something is written. After
    /// a failure it is as much as a batch may need, so that a few free bytes are not taken for the end of a full disk. `read` is done
    /// after that.
    pub(super) async fn ping<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let is_failing = self.disk.outage.is_on();
        let is_proven = self.disk.has_committed.swap(false, Ordering::AcqRel) && !is_failing;
        let probe = self.write(move |connection| {
            if !is_proven {
                probe::write(connection, is_failing)?;
            }
            read(connection)
        });
        let answer = probe.await?;
        // Its own commit proves nothing for the next one.
        self.disk.has_committed.store(false, Ordering::Release);
        Ok(answer)
    }

    /// Runs `work` in a transaction of its own or with others, and answers when it is on the disk. `work` is undone if it
    /// fails. Once queued it is carried out even if this future is dropped.
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut SqliteConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: WriteFailure,
    {
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Job { work: Some(work), outcome: None, caller });
        let queue = self.queue.as_ref().ok_or_else(|| unavailable("the writer has stopped"))?;
        match tokio::time::timeout(self.queue_wait, queue.send(job)).await {
            Ok(Ok(())) => {}
            Ok(Err(_stopped)) => return Err(unavailable("the writer has stopped").into()),
            Err(_elapsed) => return Err(unavailable("the writer's queue is full").into()),
        }
        match tokio::time::timeout(self.answer_wait, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(E::unknown("the writer died over it".to_owned())),
            Err(_elapsed) => Err(E::unknown("the disk did not answer in time".to_owned())),
        }
    }
}

#[cfg(test)]
impl Writer {
    /// Number of writes that wait, those being written apart.
    pub(super) fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the database had died");
        }
    }
}

/// What the thread owns.
struct Loop {
    waiting: mpsc::Receiver<Box<dyn Write>>,
    /// `None` after a failure: opened again for the next write.
    connection: Option<SqliteConnection>,
    opener: Opener,
    most: usize,
    disk: Arc<Disk>,
}

impl Loop {
    fn run(mut self) {
        while let Some(first) = self.waiting.blocking_recv() {
            let mut writes = vec![first];
            while writes.len() < self.most
                && let Ok(next) = self.waiting.try_recv()
            {
                writes.push(next);
            }
            // A panic in one write, a bug, must not end all later ones. The writes of this round are dropped with their callers'
            // channels, who learn that the outcome is unknown.
            if catch_unwind(AssertUnwindSafe(|| self.serve(writes))).is_err() {
                tracing::error!("a write to the database panicked");
                self.connection = None;
            }
        }
    }

    fn serve(&mut self, mut writes: Vec<Box<dyn Write>>) {
        let end = self.transact(&mut writes);
        match &end {
            End::Committed => {
                self.disk.has_committed.store(true, Ordering::Release);
                self.disk.outage.ended("the database can be written to again");
            }
            End::Lost(reason) | End::Unknown(reason) => {
                self.disk.outage.failed("the database cannot be written to", reason);
                // What state the connection is in is not worth guessing: closing it ends the transaction.
                self.connection = None;
            }
        }
        for write in writes {
            write.answer(&end);
        }
    }

    fn transact(&mut self, writes: &mut [Box<dyn Write>]) -> End {
        let connection = match self.connection.take().map_or_else(|| self.opener.writer(), Ok) {
            Ok(connection) => self.connection.insert(connection),
            Err(error) => return End::Lost(error.to_string()),
        };
        if let Err(error) = in_savepoints(connection, writes) {
            return End::Lost(error.to_string());
        }
        let Err(error) = Commit.with(&[]).execute(connection) else { return End::Committed };
        let is_undone = is_certainly_undone(&error);
        let reason = failed_to::<StoreError>("commit")(error).to_string();
        if is_undone { End::Lost(reason) } else { End::Unknown(reason) }
    }
}

/// Runs each write in a savepoint of one open transaction. SQLite itself ends the transaction on some failures (a full disk);
/// then the savepoint is gone, and the error here loses the whole round.
fn in_savepoints(connection: &mut SqliteConnection, writes: &mut [Box<dyn Write>]) -> Result<(), StoreError> {
    step(connection, Begin)?;
    for write in writes {
        step(connection, Save)?;
        if !write.run(connection) {
            step(connection, Undo)?;
        }
        step(connection, Release)?;
    }
    Ok(())
}

fn step(connection: &mut SqliteConnection, statement: impl Statement) -> Result<(), StoreError> {
    statement.with(&[]).execute(connection).map_err(failed_to::<StoreError>("hold a transaction"))?;
    Ok(())
}
