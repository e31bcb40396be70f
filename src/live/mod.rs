//! The live feed: every change of a watched showtime goes to every client that watches it, once, in order and without a gap.
//!
//! ```text
//! EventBus ──> hub actor ──takes event n+1 on n──> feed of the showtime (ring of framed deltas) ──wakes──> session actors ──> clients
//!                 │  gap, or nothing heard: refetch                                                            │ behind the ring
//!                 └────────────── WriteStore::heads, WriteStore::journal <─────────────────────────────────────┘
//! ```
//!
//! A client speaks [`plain`] WebSocket messages or [`signalr`]. A session holds a cursor into the feed of each showtime that it watches,
//! and takes what follows when its connection has room. The hub only says that there is something to take, at most once until the session has
//! looked, and never waits: a client that reads slowly, or never, costs a cursor and no queue.
//!
//! **Invariant:** what a session sends for a showtime has consecutive sequences. Whatever the bus lost, repeated or shuffled is refused
//! by the ring or refetched from the journal.

mod delta;
mod driver;
mod feed;
mod hub;
mod incoming;
mod inflow;
mod limits;
mod new_beginning;
mod node;
mod open;
mod outflow;
mod pace;
mod past;
pub mod plain;
mod registry;
mod ring;
mod session;
mod settings;
pub mod signalr;
mod signalr_session;
mod snapshot;
mod subscription;
mod watched;

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{Clock, NoteTold, ShowtimeId};
use crate::event_bus::EventBus;
use crate::read_model::ReadModel;
use crate::write_store::{StoreError, WriteStore};

pub use node::Statistics;
pub use open::LiveHub;
pub use settings::Settings;
pub(crate) use snapshot::stored_view;

/// Why a client is not served. Refused: the client is wrong. Unavailable: it may try again.
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

/// What the live feed needs.
pub struct Dependencies {
    /// For the journal and the showtimes' last sequences.
    pub write_store: Arc<dyn WriteStore>,
    /// For events as they happen.
    pub event_bus: Arc<dyn EventBus>,
    /// For snapshots.
    pub read_model: Arc<dyn ReadModel>,
    /// Called with all that clients will be told.
    pub note_told: NoteTold,
    /// For the expiry of connection tokens and the age of events.
    pub clock: Clock,
    /// Where calls of the ports run.
    pub runtime: tokio::runtime::Handle,
    /// Bounds.
    pub settings: Settings,
    /// From [`WriteStore::cluster_secret`], for connection tokens valid on every node.
    pub cluster_secret: [u8; 32],
    /// Origins, such as `https://box.example`, whose pages may open WebSockets here, besides the server's own.
    pub allowed_origins: Vec<String>,
}

/// Starts the hub. Must be called inside the actix system; the hub gets an arbiter of its own. It ends when the last handle is dropped or
/// after [`LiveHub::drain`].
pub fn start(dependencies: Dependencies) -> LiveHub {
    LiveHub::start(dependencies)
}

/// Locks even if a thread has panicked meanwhile: every critical section here leaves its data whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
