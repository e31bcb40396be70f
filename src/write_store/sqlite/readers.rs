//! The readers: a few threads with connections that only read, beside the writer. Each read sees one snapshot.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use crate::write_store::StoreError;
use crate::write_store::sqlite::Settings;
use crate::write_store::sqlite::connection::Opener;
use crate::write_store::sqlite::failure::{failed_to, unavailable};

/// A read in the queue. Answers its caller itself; false if the connection failed.
type Read = Box<dyn FnOnce(&mut SqliteConnection) -> bool + Send>;

/// Handle of the readers' threads. Dropped, it lets them finish what is queued, and waits for that.
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
    queue_wait: Duration,
    answer_wait: Duration,
}

impl Readers {
    /// Starts the threads. The database must be there.
    pub(super) fn start(opener: &Opener, settings: &Settings) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(settings.read_queue.max(1));
        let mut readers = Self {
            queue: Some(queue),
            threads: Vec::new(),
            queue_wait: Duration::from_millis(settings.queue_wait_milliseconds),
            answer_wait: Duration::from_millis(settings.answer_wait_milliseconds),
        };
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..settings.readers.max(1) {
            let (waiting, opener) = (waiting.clone(), opener.clone());
            let connection = Some(opener.reader()?);
            let thread = std::thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || serve(&waiting, connection, &opener))
                .map_err(|error| StoreError::Unavailable {
                    reason: format!("could not start a reader: {error}"),
                    source: Some(Box::new(error)),
                })?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs `work` on one snapshot of the database.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // A caller that has gone meanwhile wants nothing read.
            if caller.is_closed() {
                return true;
            }
            let (answer, connection_is_good) = match in_snapshot(connection, work) {
                Ok(answer) => (answer, true),
                Err(error) => (Err(error), false),
            };
            drop(caller.send(answer));
            connection_is_good
        });
        let queue = self.queue.as_ref().ok_or_else(|| unavailable("the readers have stopped"))?;
        match tokio::time::timeout(self.queue_wait, queue.send(read)).await {
            Ok(Ok(())) => {}
            Ok(Err(_stopped)) => return Err(unavailable("the readers have stopped")),
            Err(_elapsed) => return Err(unavailable("the readers' queue is full")),
        }
        match tokio::time::timeout(self.answer_wait, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(unavailable("the reader failed")),
            Err(_elapsed) => Err(unavailable("the disk did not answer in time")),
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the database had died");
            }
        }
    }
}

/// The outer error is one of the connection, which is not to be used again.
fn in_snapshot<T>(
    connection: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
) -> Result<Result<T, StoreError>, StoreError> {
    let step = |sql: &str, connection: &mut SqliteConnection| {
        connection.batch_execute(sql).map_err(failed_to::<StoreError>("read one snapshot"))
    };
    step("BEGIN", connection)?;
    let answer = work(connection);
    step("ROLLBACK", connection)?;
    Ok(answer)
}

fn serve(waiting: &Mutex<mpsc::Receiver<Read>>, mut connection: Option<SqliteConnection>, opener: &Opener) {
    // The lock is held while waiting, by the one reader whose turn is next, and let go before it reads.
    while let Some(read) = { waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv() } {
        let mut current = match connection.take().map_or_else(|| opener.reader(), Ok) {
            Ok(current) => current,
            Err(error) => {
                // Dropped with its caller's channel, who hears that the store is unavailable.
                tracing::error!("a reader could not open the database: {error}");
                continue;
            }
        };
        // A panic, a bug, costs the connection but not the thread.
        match catch_unwind(AssertUnwindSafe(|| read(&mut current))) {
            Ok(true) => connection = Some(current),
            Ok(false) => tracing::error!("a reader's connection failed and is opened anew"),
            Err(_panic) => tracing::error!("a read from the database panicked"),
        }
    }
}
