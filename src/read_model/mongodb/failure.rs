//! Failures: what the driver reports, in the port's words.

use std::fmt::Display;

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::read_model::ReadError;

/// Code of MongoDB's error for a document whose id exists.
pub(super) const DUPLICATE_KEY: i32 = 11_000;

/// The port's error with the driver's words. They name hosts and operations, no credentials.
pub(super) fn unavailable(reason: impl Display) -> ReadError {
    ReadError { reason: reason.to_string() }
}

/// True if a document with the same id exists.
pub(super) fn is_duplicate_key(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}
