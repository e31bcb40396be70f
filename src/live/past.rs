//! What the hub asks the write store about a showtime's past: the end of its journal, and whether the journal still has what was sent.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{ShowtimeId, Stamp};
use crate::live::LiveError;
use crate::live::node::{Node, failed};
use crate::live::ring::Ring;
use crate::write_store::{Head, Journal, StoreError};

/// A showtime, and the sequence and stamp of its feed's last event.
pub(super) type Place = (ShowtimeId, (u64, Stamp));

/// Those that stand at an event which the journal does not have.
pub(super) async fn lost(journal: &dyn Journal, places: Vec<Place>) -> Result<Vec<ShowtimeId>, StoreError> {
    let heads = places.iter().map(|(id, (sequence, _))| (*id, *sequence)).collect();
    let recorded: HashMap<Head, Stamp> = journal.stamps(heads).await?.into_iter().collect();
    let is_lost = |(id, (sequence, stamp)): &Place| recorded.get(&(*id, *sequence)) != Some(stamp);
    Ok(places.into_iter().filter(is_lost).map(|(id, _)| id).collect())
}

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
