//! Why a client is not served.

use std::sync::Arc;

use crate::domain::ShowtimeId;
use crate::write_store::StoreError;

/// Refused: the client is wrong. Unavailable: it may try again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LiveError {
    /// Refused (404): there is no such showtime.
    #[error("there is no showtime {0}")]
    UnknownShowtime(ShowtimeId),
    /// Refused (426): not a WebSocket request, or not version 13.
    #[error("this address speaks WebSocket (version 13) only")]
    UpgradeRequired,
    /// Refused (400): a WebSocket request that is not valid.
    #[error("the WebSocket handshake is not valid: {0}")]
    BadHandshake(String),
    /// Refused (400): neither a connection id nor a WebSocket request.
    #[error("a connection id is required")]
    MissingConnectionId,
    /// Refused (404): the connection id was not issued here, or has expired.
    #[error("no connection with that id")]
    UnknownConnection,
    /// Refused (409): the connection id has an open socket.
    #[error("the connection is in use by another socket")]
    ConnectionInUse,
    /// Refused (403): a page of this origin may not connect.
    #[error("the origin {0:?} is not allowed")]
    ForbiddenOrigin(String),
    /// Unavailable (503): a bound on clients, showtimes or time is reached.
    #[error("too much at once: {0}")]
    Busy(&'static str),
    /// Unavailable (503): the node is being drained; connect to another.
    #[error("the server is shutting down")]
    Draining,
    /// Unavailable (503): the write store cannot be read.
    #[error("the showtime cannot be read now")]
    Unavailable(#[source] Arc<StoreError>),
    /// Bug (500): stored data contradicts itself, or a task failed.
    #[error("the live feed failed")]
    Failed(#[source] Arc<StoreError>),
}

impl From<StoreError> for LiveError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Unusable(_) => Self::Unavailable(Arc::new(error)),
            StoreError::Corrupt(_) => Self::Failed(Arc::new(error)),
        }
    }
}
