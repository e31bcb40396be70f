//! Errors: why a run could not be carried out.

use hyper::http::uri::InvalidUri;

use crate::domain::ShowtimeId;
use crate::loadtest::connection::{ConnectionError, Reply};
use crate::loadtest::workload::WorkloadError;

/// Bytes of an unexpected answer that are shown.
const SHOWN_BYTES: usize = 400;

/// Why a run could not be carried out. What the server does wrong during the run is no such error: it is counted or found.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The workload does not fit together.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// There is no node.
    #[error("no node to test")]
    NoTarget,
    /// No connection, or no answer, before the run.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A WebSocket client was refused at the start.
    #[error("a WebSocket client could not connect")]
    Watcher(#[source] Box<tokio_tungstenite::tungstenite::Error>),
    /// Another answer than was needed before the run.
    #[error("{what}: status {status}: {body}")]
    Unexpected {
        /// What could not be done.
        what: &'static str,
        /// The answer's status.
        status: u16,
        /// The beginning of its body.
        body: String,
    },
    /// An answer that is not as the contract has it.
    #[error("{what} cannot be read")]
    Unreadable {
        /// What was to be read.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A new showtime is not as it was ordered.
    #[error("showtime {id} has {found} seats, not {wanted}")]
    WrongHouse {
        /// The showtime.
        id: ShowtimeId,
        /// Seats that were ordered.
        wanted: u32,
        /// Seats that it has.
        found: usize,
    },
    /// Places of an area are to be asked for, and there is none.
    #[error("showtime {0} has no area")]
    NoArea(ShowtimeId),
    /// The operator token is not fit for a header.
    #[error("the operator token has characters that no header may have")]
    OperatorToken,
    /// A path that is none.
    #[error("a path cannot be used")]
    Path(#[from] InvalidUri),
    /// No histogram; never with the digits that are used.
    #[error("no histogram could be made: {0:?}")]
    Histogram(hdrhistogram::CreationError),
    /// No thread or runtime could be started.
    #[error("no runtime could be started")]
    Runtime(#[source] std::io::Error),
    /// A thread of clients has ended without an answer.
    #[error("a thread of clients was lost")]
    ThreadLost,
    /// Another thread could not connect.
    #[error("the run was not started, because not every client could connect")]
    NotStarted,
}

impl LoadError {
    /// An answer that was not the one that was needed.
    pub(super) fn unexpected(what: &'static str, reply: &Reply) -> Self {
        let shown = reply.body.get(..SHOWN_BYTES).unwrap_or(&reply.body);
        Self::Unexpected { what, status: reply.status.as_u16(), body: String::from_utf8_lossy(shown).into_owned() }
    }
}

impl From<hdrhistogram::CreationError> for LoadError {
    fn from(error: hdrhistogram::CreationError) -> Self {
        Self::Histogram(error)
    }
}
