//! Failures: what Diesel reports, in the port's words.

use diesel::result::{DatabaseErrorKind, Error};

use crate::write_store::{CommitError, StoreError};

/// How a write ends that did not simply succeed. Certain and uncertain ends differ only for what a caller must settle.
pub(super) trait WriteFailure: From<StoreError> + Send + 'static {
    /// Sent to the disk, end not known.
    fn unknown(reason: String) -> Self;
}

impl WriteFailure for StoreError {
    fn unknown(reason: String) -> Self {
        unavailable(reason)
    }
}

impl WriteFailure for CommitError {
    fn unknown(reason: String) -> Self {
        Self::Unknown { reason }
    }
}

/// Unavailable, for a reason of our own.
pub(super) fn unavailable(reason: impl Into<String>) -> StoreError {
    StoreError::Unavailable { reason: reason.into(), source: None }
}

/// The database failed in doing something: `what` completes "could not ..".
pub(super) fn failed(what: &str, error: Error) -> StoreError {
    let is_data = !matches!(&error, Error::DatabaseError(..))
        || matches!(
            &error,
            Error::DatabaseError(
                DatabaseErrorKind::CheckViolation
                    | DatabaseErrorKind::ForeignKeyViolation
                    | DatabaseErrorKind::NotNullViolation
                    | DatabaseErrorKind::UniqueViolation,
                _
            )
        );
    if is_data {
        return StoreError::Corrupt(format!("could not {what}: {error}"));
    }
    StoreError::Unavailable { reason: format!("could not {what}: {error}"), source: Some(Box::new(error)) }
}

/// True if a failed commit has certainly left nothing behind. SQLite writes the pages of a transaction to its log, the one that
/// marks the commit last; when the disk is full or takes no writes, that one is not complete, and no recovery takes it for a commit.
/// Any other failure may come after it. The texts are SQLite's own for `SQLITE_FULL` and `SQLITE_READONLY`; Diesel keeps no code.
pub(super) fn is_certainly_undone(error: &Error) -> bool {
    const TEXTS: [&str; 2] = ["database or disk is full", "attempt to write a readonly database"];
    matches!(error, Error::DatabaseError(_, information) if TEXTS.contains(&information.message()))
}

/// [`failed`], for use with `map_err`.
pub(super) fn failed_to<E: From<StoreError>>(what: &str) -> impl FnOnce(Error) -> E {
    move |error| failed(what, error).into()
}

/// As [`failed_to`], but a unique index that refuses is `refused`.
pub(super) fn refused_or_failed_to(what: &str, refused: CommitError) -> impl FnOnce(Error) -> CommitError {
    move |error| {
        if matches!(&error, Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) {
            return refused;
        }
        failed(what, error).into()
    }
}

/// A stored value that cannot be.
pub(super) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}
