//! Read model port: what clients read. A projection of the journal, rebuildable at any time. Adapters: [`mongodb`] and [`embedded`].
//!
//! **Contract.** An event with sequence n+1 is applied only on the event n that it follows: earlier ones change nothing, later ones and
//! those of another history report a gap. A reader
//! sees a showtime at exactly one sequence, never half an event. Every call is bounded by the adapter's timeouts.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{EventRun, ShowtimeId, Stamp, Timestamp};

mod applied;
pub mod embedded;
pub mod mongodb;
pub mod view;

pub use applied::{Applied, CLOSE_EVENTS};
pub use view::{ShowtimeSummary, ShowtimeView};

/// The read model cannot be reached or did not answer in time; nothing is lost, ask again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the read model is unavailable: {reason}")]
pub struct ReadError {
    /// What happened, for the log.
    pub reason: String,
}

/// A place in a showtime's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The last event's sequence.
    pub sequence: u64,
    /// The last event's stamp.
    pub stamp: Stamp,
}

/// Where a page of the list begins: after this showtime. Order: start time, then id.
pub type PageStart = Option<(Timestamp, ShowtimeId)>;

/// A whole copy of the read model; one is live, another may be being built beside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Generation(pub u64);

/// See the module's documentation.
#[async_trait]
pub trait ReadModel: Send + Sync + 'static {
    /// A showtime with all its seats at one sequence; `None` if unknown.
    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError>;

    /// The place in its history at which [`ReadModel::showtime`] would show it; `None` if unknown. Cheap.
    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError>;

    /// The sequence of [`ReadModel::place`].
    async fn sequence(&self, id: ShowtimeId) -> Result<Option<u64>, ReadError> {
        Ok(self.place(id).await?.map(|place| place.sequence))
    }

    /// Up to `limit` showtimes after `start`, ordered by start time, then id.
    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError>;

    /// Applies a run to every generation, a newer one before an older one, so that a switch never goes back. The first event of a
    /// showtime creates it. The answer is the live generation's, or that of one being built which is behind by at most
    /// [`CLOSE_EVENTS`]: who applies events as they come then closes that gap too, and the new generation keeps up from there
    /// on, however fast the showtime is. A longer gap is left to who builds it.
    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError>;

    /// Removes a showtime that stands at this sequence, since the journal tells another history. Its journal makes it anew.
    async fn forget(&self, id: ShowtimeId, sequence: u64) -> Result<(), ReadError>;

    /// The sequences of these showtimes in the live generation; unknown ones are left out.
    async fn heads(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, u64)>, ReadError>;

    /// Starts an empty generation beside the live one; from now on [`ReadModel::apply`] reaches it too.
    async fn begin_rebuild(&self) -> Result<Generation, ReadError>;

    /// Applies a run to one generation.
    async fn apply_to(&self, generation: Generation, run: &EventRun) -> Result<Applied, ReadError>;

    /// The sequences of these showtimes in one generation; unknown ones are left out.
    async fn heads_in(&self, generation: Generation, ids: Vec<ShowtimeId>)
    -> Result<Vec<(ShowtimeId, u64)>, ReadError>;

    /// Makes the generation the live one, atomically, and drops the others once no reader can still be using them.
    ///
    /// # Errors
    /// Also if it is behind the live one in any showtime: nothing is changed then; fill it and publish again.
    async fn publish_rebuild(&self, generation: Generation) -> Result<(), ReadError>;

    /// Drops a generation that is not live.
    async fn abandon_rebuild(&self, generation: Generation) -> Result<(), ReadError>;

    /// Answers if the read model can be read and written.
    async fn ping(&self) -> Result<(), ReadError>;
}
