//! Read model port: what clients read. A projection of the journal, rebuildable at any time. Adapters: [`mongodb`] and [`embedded`].
//! They keep [`refusals`] and [`nodes`], too.
//!
//! **Contract.** A showtime is one document, read and written as a whole: readers see it at exactly one sequence, never half an event.
//! An event with sequence n+1 is applied only on the event n that it follows: earlier ones change nothing, later ones and those of another
//! history report a gap. A write is durable when it is answered. Every call is bounded by the adapter's timeouts.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{Applied, EventRun, Place, ShowtimeId, ShowtimeSummary, ShowtimeView, Timestamp};

pub mod embedded;
pub mod mongodb;
pub mod nodes;
pub mod refusals;

/// The read model cannot be reached or did not answer in time; nothing is lost, ask again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the read model is unavailable: {reason}")]
pub struct ReadError {
    /// What happened, for the log.
    pub reason: String,
}

/// Where a page of the list begins: after this showtime. Order: start time, then id.
pub type PageStart = Option<(Timestamp, ShowtimeId)>;

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

    /// The places of these showtimes, in no order; unknown ones are left out.
    async fn places(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, Place)>, ReadError>;

    /// Up to `limit` showtimes after `start`, ordered by start time, then id.
    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError>;

    /// Applies a run to its showtime. The first event of a showtime creates it.
    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError>;

    /// Puts `with` in place of the showtime that stands at `over`; `None` is a showtime that is not there. Returns false, and changes
    /// nothing, if the showtime stands elsewhere.
    async fn replace(
        &self,
        id: ShowtimeId,
        over: Option<Place>,
        with: Option<Arc<ShowtimeView>>,
    ) -> Result<bool, ReadError>;

    /// Answers if the read model can be read and written.
    async fn ping(&self) -> Result<(), ReadError>;
}
