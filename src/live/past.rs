//! The end of a showtime's journal, as a feed begins with it.

use std::sync::Arc;

use crate::domain::ShowtimeId;
use crate::live::LiveError;
use crate::live::node::{Node, failed};
use crate::live::ring::Ring;

/// The journal's end as a ring, so that clients that come back after a short absence, or from another node, find what they missed.
pub(super) async fn read_feed(node: &Arc<Node>, id: ShowtimeId) -> Result<Ring, LiveError> {
    let journal = Arc::clone(&node.journal);
    let reading = node.runtime.spawn(async move { journal.heads(vec![id]).await });
    let heads = reading.await.map_err(|error| failed(&error))??;
    let (_, head) = heads.into_iter().find(|(found, _)| *found == id).ok_or(LiveError::UnknownShowtime(id))?;
    let settings = &node.settings;
    let kept = u64::try_from(settings.ring_events).unwrap_or(u64::MAX);
    let after = head.saturating_sub(kept);
    let recent = node.journal(id, after, settings.ring_events).await?;
    let mut ring = Ring::new(id, after, settings.ring_events, settings.ring_bytes);
    ring.take(&recent);
    Ok(ring)
}
