//! The live feed: every change of a watched showtime goes to every client that watches it, once, in order and without a gap.
//!
//! ```text
//! EventBus ──> hub actor ──takes event n+1 on n──> feed of the showtime (ring of framed deltas) ──wakes──> session actors ──> clients
//!                 │  gap, or nothing heard: refetch                                                            │ behind the ring
//!                 └────────────── Journal::heads, Journal::journal <───────────────────────────────────────────┘
//! ```
//!
//! A client speaks [`plain`] WebSocket messages or [`signalr`]. A session holds a cursor into the feed of each showtime that it watches,
//! and takes what follows when its connection has room. The hub only says that there is something to take, at most once until the session has
//! looked, and never waits: a client that reads slowly, or never, costs a cursor and no queue.
//!
//! **Invariant:** what a session sends for a showtime has consecutive sequences. Whatever the bus lost, repeated or shuffled is refused
//! by the ring or refetched from the journal.

mod counters;
mod delta;
mod dependencies;
mod driver;
mod error;
mod feed;
mod hub;
mod incoming;
mod inflow;
mod limits;
mod lock;
mod new_beginning;
mod node;
mod open;
mod outflow;
mod pace;
mod past;
pub mod plain;
mod ring;
mod session;
mod sessions;
mod settings;
pub mod signalr;
mod signalr_calls;
mod signalr_session;
mod snapshot;
mod subscription;
mod watched;

pub use dependencies::Dependencies;
pub use error::LiveError;
pub use node::Statistics;
pub use open::LiveHub;
pub use settings::Settings;

use lock::lock;

/// Starts the hub. Must be called inside the actix system; the hub gets an arbiter of its own. It ends when the last handle is dropped or
/// after [`LiveHub::drain`].
pub fn start(dependencies: Dependencies) -> LiveHub {
    LiveHub::start(dependencies)
}
