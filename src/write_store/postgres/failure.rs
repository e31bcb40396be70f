//! What went wrong inside the adapter, and what it means to the port's callers.

use std::error::Error as StdError;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::write_store::StoreError;

/// An error of a piece of work on a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server or the connection.
    #[error(transparent)]
    Database(#[from] DieselError),
    /// Stored data that contradicts itself.
    #[error("{0}")]
    Corrupt(String),
}

/// What an error of the driver says about the statement and its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// The server refused the statement and rolled it back.
    Refused,
    /// The server waited in vain for a lock and rolled the statement back.
    LockedOut,
    /// The session takes no writes, as after a fail-over; the statement was not carried out. Another session may take them.
    ReadOnly,
    /// The connection is gone; whether the server got the statement is open.
    Disconnected,
    /// The server sent an error that may have ended the session as well: whether the connection still answers tells the two apart.
    Unclear,
    /// The answer could not be read, or the query could not be built: a bug.
    Bug,
}

impl Meaning {
    pub(super) fn of(error: &DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = error else {
            let lost = matches!(error, DieselError::BrokenTransactionManager);
            return if lost { Self::Disconnected } else { Self::Bug };
        };
        match kind {
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => Self::Disconnected,
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::ExclusionViolation => Self::Refused,
            DatabaseErrorKind::ReadOnlyTransaction => Self::ReadOnly,
            // The driver hides 55P03. From a server that speaks another language it is unclear, which costs the connection.
            _ if information.message() == "canceling statement due to lock timeout" => Self::LockedOut,
            // Our own refusals carry a constraint's name. Of the rest the driver tells no code; among it is
            // "terminating connection due to administrator command".
            _ if information.constraint_name().is_some() => Self::Refused,
            _ => Self::Unclear,
        }
    }
}

/// A failure of a call whose repetition does no harm.
pub(super) fn store_error(failure: Failure) -> StoreError {
    match failure {
        Failure::Corrupt(what) => StoreError::Corrupt(what),
        Failure::Database(error) => match Meaning::of(&error) {
            Meaning::Refused if !is_passing(&error) => StoreError::Corrupt(error.to_string()),
            Meaning::Refused | Meaning::LockedOut | Meaning::ReadOnly | Meaning::Disconnected | Meaning::Unclear => {
                unavailable("PostgreSQL did not carry out the statement", error)
            }
            Meaning::Bug => StoreError::Corrupt(error.to_string()),
        },
    }
}

/// True for refusals that come from the server's state, not from the statement.
fn is_passing(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _))
}

/// [`StoreError::Unavailable`] with the cause's text in its reason.
pub(super) fn unavailable(reason: &str, source: impl StdError + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable { reason: format!("{reason}: {source}"), source: Some(Box::new(source)) }
}

/// [`StoreError::Unavailable`] without a cause.
pub(super) fn unavailable_because(reason: impl Into<String>) -> StoreError {
    StoreError::Unavailable { reason: reason.into(), source: None }
}
