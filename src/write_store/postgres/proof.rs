//! Proof that a booking can be committed now: an empty write that touches the tables of a booking and waits as long as a commit waits.
//!
//! It serves three purposes. A ping answers "I can write here". A commit after one that was not answered is preceded by a proof, so that
//! a primary whose standby is away, or that is frozen, gets no further commits that cannot end. And what was read back is
//! durable once a proof that started after the read has ended: with a synchronous standby, rows can be visible that the standby does not
//! have (after a crash of the primary, or a cancelled wait); the standby confirms the proof only with everything before it.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::sync::oneshot;

use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// Locks each table as a booking does, changes no row, and writes a message to the log, so that there is something to commit. Answers
    /// whether commits wait for a synchronous standby.
    EmptyWrite -> Bool:
    "WITH a AS (UPDATE showtimes SET sequence = sequence WHERE false), \
     b AS (UPDATE seats SET version = version WHERE false), \
     c AS (UPDATE bookings SET version = version WHERE false), \
     d AS (UPDATE journal SET stamp = stamp WHERE false), \
     e AS (UPDATE outbox SET traceparent = traceparent WHERE false), \
     f AS (UPDATE idempotency SET recorded_at = recorded_at WHERE false), \
     g AS (UPDATE payments SET booking_id = booking_id WHERE false) \
     SELECT pg_logical_emit_message(true, 'turnstile', '') IS NOT NULL AND current_setting('synchronous_standby_names') <> ''"
}

/// The empty write; true if it waited for a synchronous standby.
pub(super) struct Prove;

impl Call for Prove {
    type Answer = bool;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<bool, Failure> {
        let answers: Vec<bool> = EmptyWrite {}.load(connection).await?;
        Ok(answers.contains(&true))
    }
}

/// Rows as a booking writes them, enough to need new pages, and rolled back: is there room for them?
const TRIAL: &str = "BEGIN; \
    INSERT INTO bookings (id, showtime_id, expires_at, version, status, user_id, body) \
    SELECT gen_random_uuid(), gen_random_uuid(), now(), 1, 2, repeat('x', 100), '{}' FROM generate_series(1, 200); \
    INSERT INTO journal (showtime_id, last_sequence, first_sequence, recorded_at, follows, stamp, events) \
    SELECT gen_random_uuid(), 1, 1, now(), 0, 0, '[]' FROM generate_series(1, 200); \
    INSERT INTO outbox (showtime_id, first_sequence, last_sequence) \
    SELECT gen_random_uuid(), 1, 1 FROM generate_series(1, 200); \
    ROLLBACK";

/// Answers if there is room for rows.
pub(super) struct Trial;

impl Call for Trial {
    type Answer = ();

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<(), Failure> {
        let tried = connection.batch_execute(TRIAL).await;
        if tried.is_err() {
            // A statement that fails leaves the transaction open.
            connection.batch_execute("ROLLBACK").await?;
        }
        Ok(tried?)
    }
}

/// Proofs, each shared by all that asked for one before it started; and whether commits have to be preceded by one.
#[derive(Default)]
pub(super) struct Proofs {
    waiting: Mutex<Waiting>,
    doubt: Mutex<Option<Doubt>>,
}

#[derive(Default)]
struct Waiting {
    running: bool,
    askers: Vec<Asker>,
}

/// Where the outcome of a proof goes.
type Asker = oneshot::Sender<Result<(), String>>;

/// Why it is not known that the next commit will be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubt {
    /// A commit was not answered.
    Unanswered,
    /// The server refused a commit for a reason of its own, such as a full disk.
    Refused,
}

impl Proofs {
    /// Shared by all clones of an [`super::access::Access`].
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Asks for a proof that starts from now on. True if nobody is at work on them: who asked has to see to it then.
    pub(super) fn ask(&self) -> (oneshot::Receiver<Result<(), String>>, bool) {
        let (asker, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.askers.push(asker);
        (answer, !std::mem::replace(&mut waiting.running, true))
    }

    /// All that the next proof is for; `None` ends the work.
    pub(super) fn take_askers(&self) -> Option<Vec<Asker>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.running = !waiting.askers.is_empty();
        waiting.running.then(|| std::mem::take(&mut waiting.askers))
    }

    /// Why it is not known that the next commit will be carried out, if so.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a proof comes before the next commit.
    pub(super) fn suspect(&self, doubt: Doubt, reason: &str) {
        let before = self.doubt.lock().unwrap_or_else(PoisonError::into_inner).replace(doubt);
        if before.is_none() {
            tracing::debug!(reason, "PostgreSQL did not carry out a commit");
        }
    }

    /// A commit was carried out, or will be.
    pub(super) fn trust(&self) {
        if self.doubt.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::debug!("PostgreSQL carries out commits again");
        }
    }
}
