//! Errors of the write store, and how a commit can fail.

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
    /// A seat or booking was not at the expected version, or a new booking's id is taken: somebody else wrote. Rolled back.
    /// Load the journal's end (and the showtime, if that does not explain it) and decide again.
    #[error("another writer changed the showtime")]
    Conflict,
    /// The showtime was loaded with a newer fence since: this owner's outcome was declared void. Rolled back. Load again.
    #[error("the showtime was taken over by another owner")]
    Fenced,
    /// An idempotency key of the batch is already recorded. Rolled back. Look the keys up and decide again.
    #[error("an idempotency key is already recorded")]
    DuplicateKey,
    /// A payment of the batch was used before, for this booking or another one. Rolled back. Look the payments up and decide again.
    #[error("a payment was used before")]
    PaymentUsed,
    /// Certainly not committed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The connection was lost or timed out when the transaction may have been committed.
    /// [`super::Ledger::take_over`] settles it: afterwards the batch is visible or will never be.
    #[error("the outcome of the commit is unknown: {reason}")]
    Unknown {
        /// What happened, for the log.
        reason: String,
    },
}
