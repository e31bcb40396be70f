//! Journal: how stories are read, a part at a time and few of them at once, and folded beside the threads that serve requests.

use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::web;
use tokio::sync::SemaphorePermit;

use crate::domain::{RecordedEvent, ShowtimeId};
use crate::http::AppState;
use crate::http::problem::{Code, Problem};

/// Events of a part.
const READ_AT_ONCE: usize = 1_000;

/// A place to read a long story, for as long as it is kept.
pub(crate) fn place(state: &AppState) -> Result<SemaphorePermit<'_>, Problem> {
    state.long_reads.try_acquire().map_err(|_full| Problem::new(Code::Overloaded, "others read long stories"))
}

/// The next events of a showtime, and whether there are no more.
pub(super) async fn read(state: &AppState, id: ShowtimeId, after: u64) -> Result<(Vec<RecordedEvent>, bool), Problem> {
    let events = state.journal.journal(id, after, READ_AT_ONCE).await.map_err(Arc::new)?;
    let is_last = events.len() < READ_AT_ONCE;
    Ok((events, is_last))
}

/// Follows the events of a showtime from its first to its last, or until `follow` breaks. Each part is followed on a thread of its own, so that no
/// other request waits. To be called with a [`place`]: that bounds the threads.
pub(crate) async fn fold<T: Send + 'static>(
    state: &AppState,
    id: ShowtimeId,
    begin: T,
    follow: impl Fn(&mut T, RecordedEvent) -> ControlFlow<()> + Clone + Send + 'static,
) -> Result<T, Problem> {
    let (mut folded, mut after) = (begin, 0);
    loop {
        let (events, is_last) = read(state, id, after).await?;
        after = events.last().map_or(after, |last| last.sequence);
        let follow = follow.clone();
        let part = move || {
            let flow = events.into_iter().try_for_each(|recorded| follow(&mut folded, recorded));
            (folded, flow)
        };
        let (then, flow) = web::block(part).await.map_err(Problem::bug)?;
        folded = then;
        if is_last || flow.is_break() {
            return Ok(folded);
        }
    }
}
