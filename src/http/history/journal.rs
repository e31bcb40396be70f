//! Journal: how stories are read, a part at a time and few of them at once.

use std::sync::Arc;

use tokio::sync::SemaphorePermit;

use crate::domain::{RecordedEvent, ShowtimeId};
use crate::http::AppState;
use crate::http::problem::{Code, Problem};

/// Events of a part.
const READ_AT_ONCE: usize = 1_000;

/// A place to read a long story, for as long as it is kept.
pub(super) fn place(state: &AppState) -> Result<SemaphorePermit<'_>, Problem> {
    state.long_reads.try_acquire().map_err(|_full| Problem::new(Code::Overloaded, "others read long stories"))
}

/// The next events of a showtime, and whether there are no more.
pub(super) async fn read(state: &AppState, id: ShowtimeId, after: u64) -> Result<(Vec<RecordedEvent>, bool), Problem> {
    let events = state.journal.journal(id, after, READ_AT_ONCE).await.map_err(Arc::new)?;
    let is_last = events.len() < READ_AT_ONCE;
    Ok((events, is_last))
}
