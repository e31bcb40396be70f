//! Refusal: why all the commands left in a batch are refused, whatever each of them asks for.

use std::time::Duration;

use crate::box_office::BoxOfficeError;
use crate::domain::{Command, ShowtimeId};

/// See the module's documentation.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// The store cannot be reached.
    Unavailable,
    /// Other writers were faster too often.
    Contended,
    /// An attempt has an unknown outcome.
    Unsettled,
}

impl Refusal {
    /// What may be said after an attempt of unknown outcome: that attempt may have landed, whatever became of the later ones.
    pub(super) fn after(self, unsettled: bool) -> Self {
        if unsettled { Self::Unsettled } else { self }
    }

    /// The answer to one of the commands.
    pub(super) fn error(self, command: &Command, showtime_id: ShowtimeId, retry_after: Duration) -> BoxOfficeError {
        match self {
            Self::Unavailable => BoxOfficeError::Unavailable { retry_after },
            Self::Contended => BoxOfficeError::Overloaded { retry_after },
            Self::Unsettled => BoxOfficeError::unknown(command, showtime_id),
        }
    }
}
